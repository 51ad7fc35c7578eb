"""A page of what was measured of a run or of sets of pictures.

One file of HTML without script or anything fetched: scores and what they mean,
their course over the steps, pictures with the best and the worst scores,
classes, and how it was measured.
"""

import html
import itertools
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from gansynth import images
from gansynth.pages import gallery, page, report_style
from gansynth.pages.svg import element, plural
from gansynth.reports import (
  evaluation_record,
  metric_words,
  report_details,
  report_scores,
  run_record,
)
from gansynth.reports.evaluation_record import Evaluation

REPORT = "report.html"
_SHEET_PIXELS = 1280  # of the longer side
# What stands before others among the pictures that belong together.
_KINDS = ("input", "labels", "generated", "real")
# Of what is logged in training, what is no loss.
_ASIDE = ("gradient_norm", "steps_per_second", "images_per_second")
_LOUD = "RANDOM FEATURES"
_BANNER = (
  "Numbers marked so were made by networks of random weights. They show that "
  "the program runs, say nothing about the pictures, and can be compared with "
  "no other numbers. Import the published weights to measure."
)


def write(
  path: str | os.PathLike[str],
  evaluations: Sequence[Evaluation],
  title: str,
  notes: Mapping[str, str] | None = None,
  *,
  run: run_record.RunRecord | None = None,
) -> None:
  """Writes the page, at most a few MB.

  Args:
    path: of the page; an existing file is replaced.
    evaluations: in any order; of the steps of a run, or one without step. The
      numbers of one are shown large: the best by the config's `best_metric`,
      else that of the latest step.
    title: of the page.
    notes: name and value of facts to be stated, such as what was compared.
    run: what else there is to be shown of the run that was measured.

  Raises:
    OSError: it could not be stored.
  """
  run = run or run_record.RunRecord()
  evaluations = sorted(
    evaluations, key=lambda each: -1 if each.step is None else each.step
  )
  pictured, rules = _pictures(evaluations)
  chosen = _choose(evaluations, run.config)
  sections = [
    *_score_sections(chosen, evaluations),
    ("pictures", _pictures_heading(evaluations), pictured),
    ("classes", "Classes", _classes(chosen)),
    ("samples", "Newest samples", _sheet(run)),
    ("losses", "Losses", _losses(run.losses)),
    (
      "configuration",
      "Configuration and versions",
      report_details.section(chosen, run),
    ),
  ]
  sections = [each for each in sections if each[2]]
  body = element(
    "main",
    page.header(title, _summary(chosen, evaluations, run), notes or {}),
    _banner(evaluations),
    _notes(evaluations),
    element(
      "nav",
      element(
        "ul",
        *(
          element("li", element("a", heading, href=f"#{name}"))
          for name, heading, _ in sections
        ),
      ),
      aria_label="Parts of the page",
    ),
    *(
      element("section", element("h2", heading), content, id=name)
      for name, heading, content in sections
    ),
  )
  page.write(path, title, body, style=report_style.RULES + rules)


def write_of_run(
  workdir: str | os.PathLike[str],
  output: str | os.PathLike[str] | None = None,
) -> pathlib.Path:
  """Writes the page of a run, or of any folder that has evaluations.

  Args:
    workdir: with the folder `evaluations`; of a run, its config, metrics and
      sample sheets are shown too.
    output: where to; None: `report.html` in `workdir`.

  Returns:
    Where it is.

  Raises:
    ValueError: there is nothing to be shown, or it is damaged.
    OSError: it could not be stored.
  """
  workdir = pathlib.Path(workdir)
  output = workdir / REPORT if output is None else pathlib.Path(output)
  evaluations, run = run_record.read(workdir)
  name = workdir.resolve().name
  write(output, evaluations, name, _facts(run), run=run)
  return output


def _facts(run):
  """Names and values that tell a run from others."""
  facts, recorded = {}, run.config
  if recorded:
    names = (recorded.get(f"{x}.name") for x in ("generator", "segmenter"))
    facts["System"] = ", ".join(filter(None, [recorded["system"], *names]))
    source = recorded.get("data.source", "")
    place = recorded.get("data.tfds_name" if "tfds" in source else "data.root")
    facts["Data"] = ", ".join(filter(None, [source, place]))
  if run.losses:
    facts["Trained"] = plural(run.losses[-1]["step"], "step")
  return facts


def _choose(evaluations, recorded):
  """The evaluation that is shown large."""
  if not evaluations:
    return None
  metric = recorded.get("best_metric") or ""
  known = [
    each for each in evaluations if np.isfinite(each.scores.get(metric, np.nan))
  ]
  if not known:
    return evaluations[-1]
  pick = min if recorded.get("best_mode") == "min" else max
  # The latest of equally good ones.
  return pick(reversed(known), key=lambda each: each.scores[metric])


def _summary(chosen, evaluations, run):
  """What there is, in a line."""
  if chosen is None:
    return "Nothing was measured yet: start --mode=evaluate."
  if chosen.step is None:
    return plural(len(list(report_scores.headlines(chosen.scores))), "score")
  if len(evaluations) == 1:
    return f"Measured at step {chosen.step:,}"
  parts = [f"{len(evaluations):,} checkpoints measured"]
  if chosen is evaluations[-1]:
    parts.append(f"shown large: step {chosen.step:,}, the latest")
  else:
    metric = metric_words.describe(run.config["best_metric"])
    parts.append(
      f"shown large: step {chosen.step:,}, the best by {metric.full_title}; "
      f"the latest is {evaluations[-1].step:,}"
    )
  return " · ".join(parts)


def _banner(evaluations):
  """Says as loudly as can be that numbers are no real ones."""
  if not any(
    metric_words.describe(name).random_features
    for each in evaluations
    for name in itertools.chain(each.scores, each.per_picture)
  ):
    return ""
  return element(
    "div",
    element("strong", _LOUD),
    element("p", _BANNER),
    class_="banner",
    role="alert",
  )


def _notes(evaluations):
  """What a reader must know, and of which steps."""
  steps: dict[str, list[int]] = {}
  for each in evaluations:
    for note in each.notes:
      if not note.startswith(_LOUD):  # The banner says it.
        steps.setdefault(note, []).append(each.step)
  items = []
  if different := report_details.differences(evaluations):
    items.append(element("li", html.escape(different)))
  for note, there in steps.items():
    if len(there) < len(evaluations):
      named = [f"{step:,}" for step in there if step is not None]
      note += f" (step {', '.join(named)})" if named else ""
    items.append(element("li", html.escape(note)))
  if not items:
    return ""
  return element(
    "div",
    element("h2", "Read this first"),
    element("ul", *items),
    class_="notes",
  )


def _score_sections(chosen, evaluations):
  """Names, headings and contents of the parts that show scores."""
  if chosen is None:
    return []
  over_time = report_scores.score_curves(evaluations)
  course = _tiles(over_time) if over_time else ""
  if len(evaluations) > 1:
    course += element(
      "details",
      element("summary", "All numbers"),
      report_scores.table(evaluations),
    )
  return [
    ("scores", "Scores", report_scores.cards(chosen, evaluations)),
    ("course", "Scores over time", course),
  ]


def _classes(chosen):
  """How each class does."""
  if chosen is None:
    return ""
  figures = report_scores.classes(chosen)
  matrix = report_scores.confusion(chosen)
  content = _tiles(figures) if figures else ""
  if matrix:
    content += element("div", matrix, class_="matrix")
  return content


def _tiles(figures):
  return element("div", *figures, class_="tiles wide")


def _pictures(evaluations):
  """The newest pictures there are, ordered by their scores; and the rules."""
  shown = [each for each in evaluations if each.shown]
  if not shown:
    return "", ""
  newest = shown[-1]
  per_picture = newest.per_picture
  names = set(per_picture).union(*(each.scores for each in newest.shown))
  metrics = [
    metric_words.describe(name)
    for name in sorted(names, key=metric_words.order)
  ]
  tiles = [
    gallery.Tile(
      each.name,
      {
        kind: each.pictures[kind]
        for kind in sorted(each.pictures, key=_kind_order)
      },
      {
        metric.full_title: metric_words.number(each.scores[metric.name])
        for metric in metrics
        if metric.name in each.scores
      },
    )
    for each in newest.shown
  ]
  orders = [
    gallery.Order(
      metric.full_title,
      evaluation_record.ranking(metric.name, per_picture[metric.name]),
      metric.meaning,
    )
    for metric in metrics
    if per_picture.get(metric.name)
  ]
  content, rules = gallery.section(tiles, orders)
  if newest.step is not None:
    line = f"Pictures of step {newest.step:,}."
    content = element("p", line, class_="soft") + content
  return content, rules


def _pictures_heading(evaluations):
  """Of a segmenter's report there is no synthetic picture to speak of."""
  made = any("generated" in x.pictures for e in evaluations for x in e.shown)
  return "Real and synthetic" if made else "Pictures"


def _kind_order(kind):
  return (_KINDS.index(kind) if kind in _KINDS else len(_KINDS), kind)


def _sheet(run):
  """The newest sample sheet."""
  if run.sheet is None:
    return ""
  sheet = run.sheet
  size = page.thumbnail_size(*sheet.shape[:2], _SHEET_PIXELS)
  if size != sheet.shape[:2]:
    sheet = images.resize(sheet, size)
  return element(
    "figure",
    element(
      "img",
      src=page.photograph(sheet),
      alt="sample sheet",
      width=size[1],
      height=size[0],
    ),
    element("figcaption", element("b", html.escape(run.sheet_name))),
    class_="shot sheet",
  )


def _losses(lines):
  """Curves of what was logged in training; norms and speed are folded."""
  names = dict.fromkeys(name for line in lines for name in line)
  aside = [name for name in names if name.startswith(_ASIDE)]

  def without(left_out):
    return [
      {name: value for name, value in line.items() if name not in left_out}
      for line in lines
    ]

  figures = report_scores.loss_curves(without(aside))
  others = report_scores.loss_curves(
    without([n for n in names if n not in (*aside, "step")])
  )
  content = _tiles(figures) if figures else ""
  if others:
    content += element(
      "details", element("summary", "Gradients and speed"), _tiles(others)
    )
  return content
