"""Plots of numbers that change with the steps of a run."""

import html
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gansynth.pages import svg

# Ways of drawing a line, told apart without colour too.
KINDS = ("first", "second", "third")
_MOST_DOTS = 40
_MOST_POINTS = 240  # of a line; more are averaged
_RIGHT = 12
_INSET = 8  # of the first and the last step, for rings around them
STYLE = """
svg .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
svg .line.first{stroke:var(--synthetic)}
svg .line.second{stroke:var(--real);stroke-dasharray:6 4}
svg .line.third{stroke:var(--soft);stroke-dasharray:1.5 4}
svg .dot.first,svg .band.first{fill:var(--synthetic)}
svg .dot.second,svg .band.second{fill:var(--real)}
svg .dot.third,svg .band.third{fill:var(--soft)}
svg .band{fill-opacity:.18}
svg .marked{fill:none;stroke:var(--ink);stroke-width:1.5}
.plot figcaption .key{display:inline-block;width:1.4rem;height:0;
margin-right:.35rem;vertical-align:middle;border-top:2px solid var(--synthetic)}
.plot figcaption .key.second{border-top:2px dashed var(--real)}
.plot figcaption .key.third{border-top:2px dotted var(--soft)}
.plot figcaption .keys{display:flex;flex-wrap:wrap;gap:0 1rem}
"""


class Line(NamedTuple):
  """A line of a plot.

  Attributes:
    name: what it shows; empty for the only one.
    steps: ascending.
    values: of as many; where one is no finite number there is a gap.
    spread: how far the values may be off, to both sides; empty: not known.
  """

  name: str
  steps: Sequence[float]
  values: Sequence[float]
  spread: Sequence[float] = ()


def plot(
  title: str,
  label: str,
  lines: Sequence[Line],
  marked: Sequence[tuple[int, float]] = (),
) -> str:
  """Draws lines over the steps of a run.

  Args:
    title: above the plot.
    label: what is measured.
    lines: at most three, of at least one finite value together.
    marked: (number of a line, step) of points that get a ring.

  Returns:
    A figure.
  """
  drawn = [_Drawn.of(line) for line in lines]
  low = min(min(line.lows) for line in drawn if line.lows)
  high = max(max(line.highs) for line in drawn if line.highs)
  ticks = _value_ticks(low, high)
  digits = _digits(ticks)
  first = min(line.steps[0] for line in drawn if line.steps)
  last = max(line.steps[-1] for line in drawn if line.steps)
  # Room for the numbers, which may be as long as 0.00025.
  names = [
    f"{tick:,.{digits}f}".replace("-", "\N{MINUS SIGN}") for tick in ticks
  ]
  left = max(30, 12 + 6.5 * max(map(len, names)))
  width = svg.WIDTH - left - _RIGHT
  top, height = svg.TOP, svg.HEIGHT - svg.TOP - svg.BOTTOM

  def x(step):
    share = (step - first) / (last - first) if last > first else 0.5
    return left + _INSET + share * (width - 2 * _INSET)

  def y(value):
    return top + height * (ticks[-1] - value) / (ticks[-1] - ticks[0])

  content = []
  for tick, name in zip(ticks, names, strict=True):
    content += [
      svg.element(
        "line",
        class_="axis" if tick == ticks[0] else "grid",
        x1=left,
        x2=left + width,
        y1=y(tick),
        y2=y(tick),
      ),
      svg.text(left - 6, y(tick) + 4, name, "end"),
    ]
  for kind, line in zip(KINDS, drawn, strict=False):
    content += line.markup(kind, x, y)
  for number, step in marked:
    value = lines[number].values[list(lines[number].steps).index(step)]
    content.append(
      svg.element("circle", class_="marked", cx=x(step), cy=y(value), r=6.5)
    )
  content += [
    svg.text(x(step), top + height + 16, short(step))
    for step in _step_ticks(first, last)
  ]
  content.append(svg.text(left + width / 2, svg.HEIGHT - 6, "step"))
  keys = [
    (kind, line.name)
    for kind, line in zip(KINDS, lines, strict=False)
    if line.name
  ]
  return svg.figure(title, label, content, svg.HEIGHT, keys)


def short(step: float) -> str:
  """A step in few characters: 500, 2k, 1.5M."""
  for unit, name in ((1e6, "M"), (1e3, "k")):
    if step >= 10 * unit or (step >= unit and step % (unit / 10) == 0):
      return f"{round(step / unit, 2):g}{name}"
  return f"{step:,.0f}"


class _Drawn(NamedTuple):
  """A line's finite points, averaged where they are too many, and its band."""

  steps: list[float]
  values: list[float]
  lows: list[float]
  highs: list[float]
  pieces: list[list[int]]  # numbers of points without a gap between them
  name: str

  @classmethod
  def of(cls, line: Line) -> "_Drawn":
    steps = np.asarray(line.steps, np.float64)
    values = np.asarray(line.values, np.float64)
    around = np.zeros_like(values)
    if len(line.spread):
      around = np.nan_to_num(np.asarray(line.spread, np.float64), posinf=0.0)
    finite = np.isfinite(values)
    # Of many points, each that is drawn stands for as many neighbours.
    width = -(-int(finite.sum()) // _MOST_POINTS) or 1
    whole = np.flatnonzero(finite)
    groups = [whole[i : i + width] for i in range(0, len(whole), width)]
    pieces, before = [], None
    for number, group in enumerate(groups):
      if before is None or group[0] != before + 1:
        pieces.append([])
      pieces[-1].append(number)
      before = group[-1]
    return cls(
      [float(steps[group].mean()) for group in groups],
      [float(values[group].mean()) for group in groups],
      [float((values - around)[group].min()) for group in groups],
      [float((values + around)[group].max()) for group in groups],
      pieces,
      line.name,
    )

  def markup(self, kind, x, y):
    """Band, line and points, each point with its number as a tooltip."""
    content = []
    for piece in self.pieces:
      if any(self.highs[i] > self.lows[i] for i in piece):
        there = [(self.steps[i], self.highs[i]) for i in piece]
        back = [(self.steps[i], self.lows[i]) for i in reversed(piece)]
        path = _path(there + back, x, y) + "Z"
        content.append(svg.element("path", class_=f"band {kind}", d=path))
    for piece in self.pieces:
      path = _path([(self.steps[i], self.values[i]) for i in piece], x, y)
      content.append(svg.element("path", class_=f"line {kind}", d=path))
    if len(self.steps) <= _MOST_DOTS:
      for step, value in zip(self.steps, self.values, strict=True):
        note = f"step {step:,.0f}: {value:.6g}"
        if self.name:
          note = f"{self.name}, {note}"
        content.append(
          svg.element(
            "circle",
            svg.element("title", html.escape(note)),
            class_=f"dot {kind}",
            cx=x(step),
            cy=y(value),
            r=3,
          )
        )
    return content


def _path(points, x, y):
  first, *rest = [f"{x(step):.1f} {y(value):.1f}" for step, value in points]
  return f"M{first}" + "".join(f"L{each}" for each in rest)


def _value_ticks(low, high):
  """Round values around all others; from 0 on where that is not far off."""
  if low >= 0 and low <= 0.6 * high:
    low = 0.0
  if high <= 0 and high >= 0.6 * low:
    high = 0.0
  if high - low <= 1e-9 * max(abs(high), abs(low)):
    room = abs(high) * 0.05 or 1.0
    low, high = low - room, high + room
  step = svg.round_values(high - low, 4, whole=False)[1]
  start = math.floor(low / step + 1e-9)
  end = math.ceil(high / step - 1e-9)
  return [i * step for i in range(start, end + 1)]


def _digits(ticks):
  """Digits that tell ticks apart, as few as possible."""
  for digits in range(10):
    if all(abs(round(t, digits) - t) < 1e-12 + 1e-9 * abs(t) for t in ticks):
      return digits
  return 10


def _step_ticks(first, last):
  """A few round steps between two."""
  if first == last:
    return [first]
  step = svg.round_values(max(1, last - first), 5, whole=True)[1]
  start = math.ceil(first / step)
  ticks = [i * step for i in range(start, math.floor(last / step) + 1)]
  return ticks if len(ticks) > 1 else [first, last]
