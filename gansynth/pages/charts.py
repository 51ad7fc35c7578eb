"""Plots of numbers: histograms, bars, matrices."""

import html
from collections.abc import Callable, Sequence

import numpy as np

from gansynth.pages import svg

_MOST_BARS = 16


def histogram(
  title: str,
  x_label: str,
  edges: Sequence[float],
  names: Sequence[str],
  ticks: Sequence[tuple[float, str]],
  synthetic: Sequence[int],
  real: Sequence[int] | None,
  unit: str,
  threshold: tuple[float, str] | None = None,
) -> str:
  """Bars of counts; with real ones, shares of both, for they may differ in n.

  Args:
    title: above the plot.
    x_label: of its axis.
    edges: ascending positions between the bars.
    names: of the bars, one fewer, for their tooltips.
    ticks: (position, text) below the axis; those outside it are left out.
    synthetic: counts.
    real: counts of the same bars, or None.
    unit: what is counted, in the singular.
    threshold: a position that a line marks, and words for it; bars that end
      there or before are pale.

  Returns:
    A figure.
  """
  # The words of a line stand above the bars, inside the drawing.
  top = svg.TOP + 8 if threshold else svg.TOP
  width, height = (
    svg.WIDTH - svg.LEFT - svg.RIGHT,
    svg.HEIGHT - top - svg.BOTTOM,
  )
  series = [each for each in (synthetic, real) if each]
  shares = [
    [value / (max(1, sum(each)) if real else 1) for value in each]
    for each in series
  ]
  largest = max(map(max, shares)) or 1
  rounded = svg.round_values(largest, 4, whole=not real)
  highest = rounded[-1]

  def x(position):
    return svg.LEFT + (position - edges[0]) / (edges[-1] - edges[0]) * width

  def y(value):
    return top + height * (1 - value / highest)

  content = []
  for value in rounded:
    label = svg.percent(value) if real else f"{value:,.0f}"
    content += [
      svg.element(
        "line",
        class_="grid" if value else "axis",
        x1=svg.LEFT,
        x2=svg.LEFT + width,
        y1=y(value),
        y2=y(value),
      ),
      svg.text(svg.LEFT - 6, y(value) + 4, label, "end"),
    ]
  for i, (number, share) in enumerate(zip(synthetic, shares[0], strict=True)):
    if not number:
      continue
    note = f"{names[i]}: {svg.plural(number, unit)}"
    if real:
      note += (
        f" ({svg.percent(share)}), real {real[i]} ({svg.percent(shares[1][i])})"
      )
    pale = threshold is not None and edges[i + 1] <= threshold[0] + 1e-9
    content.append(
      svg.element(
        "rect",
        svg.element("title", html.escape(note)),
        class_="synthetic" + " below" * pale,
        x=x(edges[i]) + 0.5,
        y=y(share),
        width=max(0.5, x(edges[i + 1]) - x(edges[i]) - 1),
        height=top + height - y(share),
      )
    )
  if real:
    steps = [f"M{x(edges[0]):.1f} {y(0):.1f}"]
    for i, share in enumerate(shares[1]):
      steps.append(f"V{y(share):.1f}H{x(edges[i + 1]):.1f}")
    content.append(
      svg.element("path", class_="real", d="".join(steps) + f"V{y(0):.1f}")
    )
  if threshold is not None:
    position, words = threshold
    late = position > 0.5 * (edges[0] + edges[-1])
    content += [
      svg.element(
        "line",
        class_="threshold",
        x1=x(position),
        x2=x(position),
        y1=top - 8,
        y2=top + height,
      ),
      svg.text(
        x(position) + (-5 if late else 5),
        top - 2,
        words,
        "end" if late else "start",
      ),
    ]
  content += [
    svg.text(x(position), top + height + 16, label)
    for position, label in ticks
    if edges[0] <= position <= edges[-1]
  ]
  content.append(svg.text(svg.LEFT + width / 2, svg.HEIGHT - 6, x_label))
  y_label = f"share of the {unit}s" if real else f"{unit}s"
  return svg.figure(title, y_label, content, svg.HEIGHT)


def bars(
  title: str,
  label: str,
  kinds: Sequence[tuple[str, str, float]],
  rows: Sequence[tuple[str, Sequence[float]]],
  words: Callable[[float, float], str],
  most: int = _MOST_BARS,
  full: float | None = None,
) -> str:
  """Horizontal bars: shares of one or two totals, for each of some names.

  Args:
    title: above the plot.
    label: what is shown.
    kinds: `synthetic` or `real`, what to call it, and its total.
    rows: name and a number for each kind; past `most`, the rest together.
    words: what stands at a bar of a number and share other than 0.
    most: rows that are shown.
    full: share that is as long as a bar can be; None: the largest.

  Returns:
    A figure.
  """
  rows = list(rows)
  if len(rows) > most:
    rest = rows[most - 1 :]
    sums = [sum(each) for each in zip(*(n for _, n in rest), strict=True)]
    rows[most - 1 :] = [(f"{len(rest)} others", sums)]
  largest = full or max(
    (
      number / max(1, total)
      for _, numbers in rows
      for number, (_, _, total) in zip(numbers, kinds, strict=True)
    ),
    default=0,
  )
  left, length = 116, svg.WIDTH - 116 - 92
  thickness = 12 if len(kinds) > 1 else 13
  content = []
  y = svg.TOP
  for name, numbers in rows:
    middle = y + thickness * len(kinds) / 2 + 4
    short = name if len(name) <= 15 else name[:14] + "…"
    content.append(svg.text(left - 8, middle, short, "end", tooltip=name))
    for (kind, called, total), number in zip(kinds, numbers, strict=True):
      share = number / max(1, total)
      value = words(number, share) if number else "0"
      end = left + share / (largest or 1) * length
      content += [
        svg.element(
          "rect",
          svg.element("title", html.escape(f"{called}, {name}: {value}")),
          class_=kind,
          x=left,
          y=y + 1,
          width=end - left,
          height=thickness - 2,
        ),
        svg.text(end + 5, y + thickness / 2 + 3.5, value, "start"),
      ]
      y += thickness
    y += 8
  content.append(
    svg.element(
      "line", class_="axis", x1=left, x2=left, y1=svg.TOP - 4, y2=y - 5
    )
  )
  return svg.figure(title, label, content, y + 4)


def matrix(
  title: str,
  label: str,
  names: Sequence[str],
  counts: np.ndarray,
) -> str:
  """Which classes are taken for which: the stronger a cell, the more often.

  Args:
    title: above the plot.
    label: what is shown.
    names: of the classes.
    counts: (classes, classes), true classes by predicted ones.

  Returns:
    A figure in which each true class makes up 100 %; classes that are nowhere
    true are left blank.
  """
  counts = np.asarray(counts, np.float64)
  totals = counts.sum(axis=1, keepdims=True)
  shares = np.divide(
    counts, totals, out=np.zeros_like(counts), where=totals > 0
  )
  left, top = 88, svg.TOP
  side = svg.WIDTH - left - svg.RIGHT
  cell = side / len(names)
  size = min(9.5, max(4.0, cell * 0.7))
  content = [
    svg.element("rect", class_="frame", x=left, y=top, width=side, height=side)
  ]
  for i, j in np.argwhere(shares >= 0.0005):
    share = float(shares[i, j])
    note = f"{names[i]} taken for {names[j]}: {svg.percent(share)}"
    if i == j:
      note = f"{names[i]} told: {svg.percent(share)}"
    content.append(
      svg.element(
        "rect",
        svg.element("title", html.escape(note)),
        class_="heat",
        x=left + j * cell,
        y=top + i * cell,
        width=cell,
        height=cell,
        fill_opacity=share,
      )
    )
  for number, name in enumerate(names):
    middle = (number + 0.5) * cell
    short = name if len(name) <= 15 else name[:14] + "…"
    down, across = top + middle + size / 3, left + middle + size / 3
    bottom = top + side + 6
    content += [
      svg.text(left - 5, down, short, "end", name, size=size),
      svg.text(
        across,
        bottom,
        short,
        "end",
        name,
        f"rotate(-90 {across:.2f} {bottom:.2f})",
        size=size,
      ),
    ]
  height = top + side + 92
  content += [
    svg.text(left + side / 2, height - 4, "predicted"),
    svg.text(
      9, top + side / 2, "true", transform=f"rotate(-90 9 {top + side / 2:.2f})"
    ),
  ]
  return svg.figure(title, label, content, height)
