"""The parts of a report that show scores: cards, curves, classes, tables."""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gansynth.evaluation import segmentation
from gansynth.pages import charts, curves, svg
from gansynth.pages.svg import element
from gansynth.reports import metric_words
from gansynth.reports.evaluation_record import Evaluation
from gansynth.reports.metric_words import Metric

# Of what a record says about itself, at any depth, what is drawn: counts of
# pixels, true classes by predicted ones, and what the classes are called.
MATRIX, CLASS_NAMES = "confusion_matrix", "class_names"
_SPREAD = "_std"  # how the name of a score's spread ends
# A score that others are read beside, and what it is to them.
_OF_REAL = "_of_real"
_LEFT_ALONE = {"untouched": "error"}
_MOST_CLASSES = 40  # that are drawn
_MOST_LINES = len(curves.KINDS)


def headlines(names: Iterable[str]) -> Iterator[Metric]:
  """Scores that stand for themselves, as people look for them."""
  for name in sorted(names, key=metric_words.order):
    metric = metric_words.describe(name)
    if not (
      metric_words.class_of(metric.base)
      or metric.base.endswith((_SPREAD, _OF_REAL))
      or metric.base in _LEFT_ALONE
    ):
      yield metric


def cards(chosen: Evaluation, evaluations: Sequence[Evaluation]) -> str:
  """The numbers of one evaluation, with what they mean and how they are read.

  Args:
    chosen: whose numbers are shown.
    evaluations: all there are, by step.
  """
  groups: dict[tuple[str, bool], list[Metric]] = {}
  for metric in headlines(chosen.scores):
    groups.setdefault((metric.base, metric.random_features), []).append(metric)
  content = []
  for metrics in groups.values():
    first = metrics[0]
    title = [html.escape(first.title)]
    if first.random_features:
      title.append(element("em", "random features"))
    parts = [element("h3", " ".join(title))]
    for metric in metrics:
      parts += _value(metric, chosen, evaluations)
    meaning = [html.escape(first.meaning)] if first.meaning else []
    if first.direction:
      direction = first.direction.capitalize()
      meaning.append(element("strong", f"{direction}."))
    if meaning:
      parts.append(element("p", " ".join(meaning)))
    kind = "card" + " random" * first.random_features
    content.append(element("article", *parts, class_=kind))
  return element("div", *content, class_="cards")


def score_curves(evaluations: Sequence[Evaluation]) -> list[str]:
  """A plot of each score over the steps, the best value marked.

  Args:
    evaluations: of steps, ascending.

  Returns:
    Figures.
  """
  evaluations = [each for each in evaluations if each.step is not None]
  groups: dict[tuple[str, bool], list[Metric]] = {}
  names = dict.fromkeys(name for each in evaluations for name in each.scores)
  for metric in headlines(names):
    groups.setdefault((metric.base, metric.random_features), []).append(metric)
  return [
    figure
    for metrics in groups.values()
    if (figure := _score_curve(metrics, evaluations))
  ]


def loss_curves(history: Sequence[Mapping[str, Any]]) -> list[str]:
  """A plot of each loss over the steps; those of A and B are in one.

  Args:
    history: lines with `step` and numbers by name.

  Returns:
    Figures.
  """
  # A sum of both sides is on a scale of its own.
  groups: dict[tuple[str, bool], list[Metric]] = {}
  for name in dict.fromkeys(name for line in history for name in line):
    if name != "step":
      metric = metric_words.describe(name)
      groups.setdefault((metric.base, not metric.suffix), []).append(metric)
  figures = []
  for metrics in groups.values():
    lines = []
    for metric in metrics[:_MOST_LINES]:
      found = [line for line in history if line.get(metric.name) is not None]
      if found:
        steps, values = zip(
          *((line["step"], line[metric.name]) for line in found), strict=True
        )
        lines.append(curves.Line(metric.side, steps, values))
    if len(lines) == 1:
      lines = [lines[0]._replace(name="")]
    if lines:
      title = ", ".join(metric.name for metric in metrics)
      figures.append(curves.plot(title, "as logged in training", lines))
  return figures


def classes(chosen: Evaluation) -> list[str]:
  """Bars and a table of each kind of score that every class has one of.

  Args:
    chosen: whose scores are shown.

  Returns:
    Figures, by kind, side and whether features are random.
  """
  groups: dict[tuple[str, str, bool], dict[str, float]] = {}
  for name, value in chosen.scores.items():
    metric = metric_words.describe(name)
    if found := metric_words.class_of(metric.base):
      key = (found[0], metric.side, metric.random_features)
      groups.setdefault(key, {})[found[1]] = value
  pixels = _pixel_shares(chosen.about)
  figures = []
  for (kind, side, random), values in groups.items():
    title = ", ".join(
      [f"{kind} by class", *filter(None, [side]), *["random features"] * random]
    )
    figures += [
      _class_bars(title, values),
      _class_table(title, kind, values, pixels),
    ]
  return figures


def confusion(chosen: Evaluation) -> str:
  """What classes are taken for; empty where that is not recorded."""
  counts, names = _confusion_matrix(chosen.about)
  if counts is None:
    return ""
  label = "share of a true class's pixels"
  if len(names) > _MOST_CLASSES:
    kept = np.sort(np.argsort(-counts.sum(1), kind="stable")[:_MOST_CLASSES])
    label += f"; the {_MOST_CLASSES} most common of {len(names)} classes"
    names = [names[i] for i in kept]
    # What is taken for a class that is left out still counts.
    rest = counts[kept].sum(1) - counts[np.ix_(kept, kept)].sum(1)
    counts = np.pad(counts[np.ix_(kept, kept)], ((0, 1), (0, 1)))
    counts[:-1, -1] = rest
    names.append("others")
  return charts.matrix("What classes are taken for", label, names, counts)


def table(evaluations: Sequence[Evaluation]) -> str:
  """All numbers of all steps but those of single classes."""
  names = dict.fromkeys(
    name
    for each in evaluations
    for name in sorted(each.scores, key=metric_words.order)
    if not metric_words.class_of(metric_words.describe(name).base)
  )
  return _table(
    ["Step", *(metric_words.describe(name).full_title for name in names)],
    [
      (
        "" if each.step is None else f"{each.step:,}",
        [
          metric_words.number(each.scores[name]) if name in each.scores else ""
          for name in names
        ],
      )
      for each in evaluations
    ],
  )


def _value(metric, chosen, evaluations):
  """A number of a card, and what to read beside it."""
  value = [metric_words.number(chosen.scores[metric.name])]
  spread = chosen.scores.get(metric.sibling(metric.base + _SPREAD))
  if spread is not None:
    digits = len(value[0].partition(".")[2])
    spread = metric_words.number(spread, digits)
    value.append(element("small", f"± {spread}"))
  if metric.side:
    value.append(element("small", html.escape(metric.side)))
  lines = (
    _compared(metric, chosen, evaluations),
    _reference(metric, chosen.scores),
  )
  return [
    element("p", " ".join(value), class_="value"),
    *(element("p", html.escape(line), class_="soft") for line in lines if line),
  ]


def _best(metric, evaluations):
  """The evaluation with the best value; None where neither way is better."""
  found = [
    each
    for each in evaluations
    if each.step is not None
    and np.isfinite(each.scores.get(metric.name, np.nan))
  ]
  if not found or not metric.best:
    return None
  pick = min if metric.best == "min" else max
  return pick(found, key=lambda each: each.scores[metric.name])


def _compared(metric, chosen, evaluations):
  """Whether another step was better."""
  best = _best(metric, evaluations)
  there = sum(metric.name in each.scores for each in evaluations)
  if best is None or there < 2:
    return ""
  if best.scores[metric.name] == chosen.scores[metric.name]:
    return f"the best of {there} steps"
  value = metric_words.number(best.scores[metric.name])
  return f"best: {value} at step {best.step:,}"


def _reference(metric, scores):
  """What the same score is of something that everybody knows."""
  of_real = scores.get(metric.sibling(metric.base + _OF_REAL))
  if of_real is not None:
    return f"the true pictures: {metric_words.number(of_real)}"
  for reference, base in _LEFT_ALONE.items():
    value = scores.get(metric.sibling(reference))
    if base == metric.base and value is not None:
      return f"left as they are: {metric_words.number(value)}"
  return ""


def _score_curve(metrics, evaluations):
  """One plot of a score in all its directions; empty of a single step."""
  lines, marked, best_words = [], [], []
  for metric in metrics[:_MOST_LINES]:
    found = [each for each in evaluations if metric.name in each.scores]
    values = [each.scores[metric.name] for each in found]
    if len(values) < 2 or not np.isfinite(values).any():
      continue
    if best := _best(metric, found):
      marked.append((len(lines), best.step))
      value = metric_words.number(best.scores[metric.name])
      best_words.append(f"{value} at step {best.step:,}")
    spread = metric.sibling(metric.base + _SPREAD)
    lines.append(
      curves.Line(
        metric.side,
        [each.step for each in found],
        values,
        [each.scores.get(spread, 0.0) for each in found],
      )
    )
  if not lines:
    return ""
  first = metrics[0]
  title = first.title
  if len(lines) == 1:
    title = first.full_title
    of_real = first.sibling(first.base + _OF_REAL)
    known = [each for each in evaluations if of_real in each.scores]
    lines = [lines[0]._replace(name="synthetic" if known else "")]
    if known:
      steps = [each.step for each in known]
      true = [each.scores[of_real] for each in known]
      lines.append(curves.Line("true pictures", steps, true))
  elif first.random_features:
    title += " (random features)"
  label = first.direction
  if best_words:
    label += f" · best: {' and '.join(best_words)}"
  return curves.plot(title, label, lines, marked)


def _class_bars(title, values):
  """Bars of the classes; of many only the best and the worst."""
  known = {name: v for name, v in values.items() if np.isfinite(v)}
  label = "0 to 1, higher is better"
  if len(known) > _MOST_CLASSES:
    half = _MOST_CLASSES // 2
    order = sorted(known, key=lambda name: -known[name])
    known = {name: known[name] for name in [*order[:half], *order[-half:]]}
    label += f"; the {half} best and the {half} worst of {len(values)}"
  return charts.bars(
    title,
    label,
    [("synthetic", title, 1)],
    [(name, [value]) for name, value in known.items()],
    lambda _, share: metric_words.number(share, 3),
    most=_MOST_CLASSES,
    full=1.0,
  )


def _class_table(title, kind, values, pixels):
  columns = [kind] + ["share of the pixels"] * bool(pixels)
  rows = []
  for name, value in values.items():
    cells = [metric_words.number(value, 3)]
    if pixels:
      share = pixels.get(name)
      cells.append("" if share is None else svg.percent(share))
    rows.append((name, cells))
  return element(
    "figure",
    element(
      "figcaption", element("strong", html.escape(f"{title}, in numbers"))
    ),
    _table(["Class", *columns], rows),
    class_="plot",
  )


def _table(columns, rows):
  """A table that is moved sideways where it is too wide."""
  head, *others = columns
  return element(
    "div",
    element(
      "table",
      element(
        "thead",
        element(
          "tr",
          element("th", html.escape(head), scope="col"),
          *(element("th", html.escape(name), scope="col") for name in others),
        ),
      ),
      element(
        "tbody",
        *(
          element(
            "tr",
            element("th", html.escape(name), scope="row"),
            *(element("td", html.escape(cell)) for cell in cells),
          )
          for name, cells in rows
        ),
      ),
    ),
    class_="wide-table",
    tabindex="0",
  )


def _confusion_matrix(about):
  """float64 (classes, classes), or None, and the names of the classes."""
  if MATRIX not in about:
    for each in about.values():
      if isinstance(each, Mapping):
        counts, names = _confusion_matrix(each)
        if counts is not None:
          return counts, names
    return None, []
  counts = np.asarray(about[MATRIX], np.float64)
  names = [*about.get(CLASS_NAMES, ()), *[""] * len(counts)][: len(counts)]
  return counts, [name or f"label {i}" for i, name in enumerate(names)]


def _pixel_shares(about):
  """Share of all pixels that each class has in truth; empty: not known."""
  counts, names = _confusion_matrix(about)
  if counts is None:
    return {}
  pixels = counts.sum(1)
  keys = [
    metric_words.class_of(name)[1]
    for name in segmentation.score_names(names, len(names))
  ]
  return dict(zip(keys, pixels / max(1.0, pixels.sum()), strict=True))
