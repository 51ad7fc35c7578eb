"""Plots of label statistics, synthetic beside real where there are any."""

import itertools
import math

import numpy as np

from gansynth.pages import charts, svg
from gansynth.synthesis.statistics import (
  ASPECT_EDGES,
  GRID,
  SIZE_EDGES,
  Statistics,
)

_MOST_BARS = 32
_STEPS = ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8))  # of ticks within a decade


def counts(synthetic: Statistics, real: Statistics | None) -> str:
  """How many objects there are on a picture."""
  most = max(len(each.counts) for each in (synthetic, real) if each) - 1
  width = -(-(most + 1) // _MOST_BARS)
  starts = range(0, most + 1, width)
  names = [
    svg.plural(first, "object")
    if width == 1
    else f"{first} to {first + width - 1} objects"
    for first in starts
  ]
  return charts.histogram(
    "Objects per picture",
    "objects on a picture",
    [first - 0.5 for first in (*starts, starts[-1] + width)],
    names,
    [
      (value, f"{value:,.0f}")
      for value in svg.round_values(most, 8, whole=True)
    ],
    *(
      each and _merged(each.counts, width, len(starts))
      for each in (synthetic, real)
    ),
    unit="picture",
  )


def sizes(synthetic: Statistics, real: Statistics | None) -> str:
  """How large the objects are."""
  first, last = _used(synthetic.sizes, real and real.sizes)
  first, last = first // 4 * 4, -(-last // 4) * 4  # Merged by up to 4 below.
  width = next(w for w in (1, 2, 4) if last - first <= w * _MOST_BARS)
  edges = SIZE_EDGES[first : last + 1 : width]
  return charts.histogram(
    "Size of objects",
    "√(area of the box ÷ area of the picture), logarithmic",
    [math.log2(edge) for edge in edges],
    [
      f"{svg.percent(a)} to {svg.percent(b)}"
      for a, b in itertools.pairwise(edges)
    ],
    [(math.log2(v), svg.percent(v)) for v in _log_ticks(edges[0], edges[-1])],
    *(
      each and _merged(each.sizes[first:last], width, len(edges) - 1)
      for each in (synthetic, real)
    ),
    unit="object",
  )


def aspects(synthetic: Statistics, real: Statistics | None) -> str:
  """How wide the objects are for their height."""
  bins = len(ASPECT_EDGES) - 1
  first, last = _used(synthetic.aspects, real and real.aspects)
  # Squares are in the middle; at least from 1:2 to 2:1 is shown.
  first = min(first, bins - last, bins // 2 - 4)
  last = bins - first
  edges = ASPECT_EDGES[first : last + 1]
  ticks = [
    (power, f"{2 ** max(power, 0)}:{2 ** max(-power, 0)}")
    for power in range(-4, 5)
    if edges[0] <= 2.0**power <= edges[-1]
  ]
  return charts.histogram(
    "Shape of objects",
    "width : height of the box, logarithmic",
    [math.log2(edge) for edge in edges],
    [f"{a:.2f} to {b:.2f} : 1" for a, b in itertools.pairwise(edges)],
    ticks,
    *(each and each.aspects[first:last] for each in (synthetic, real)),
    unit="object",
  )


def centers(synthetic: Statistics, real: Statistics | None) -> str:
  """Where the objects are: maps of the same scale of colour."""
  maps = [("synthetic", synthetic)] + ([("real", real)] if real else [])
  width = 1 if min(each.objects for _, each in maps) >= 4000 else 2
  shares = {
    name: _coarser(each.centers, width, each.objects) for name, each in maps
  }
  largest = max(max(map(max, rows)) for rows in shares.values()) or 1.0
  side, gap = (128, 26) if real else (200, 0)
  top = svg.TOP + 12
  content = []
  for number, (name, rows) in enumerate(shares.items()):
    left = svg.LEFT + number * (side + gap)
    content.append(_heat_map(name, rows, largest, left, top, side, not number))
  across = svg.LEFT + (side * len(maps) + gap * (len(maps) - 1)) / 2
  bottom, middle = top + side, top + side / 2
  content += [
    svg.text(across, bottom + 30, "fraction of the picture's width"),
    svg.text(
      14,
      middle,
      "fraction of its height",
      transform=f"rotate(-90 14 {middle:g})",
    ),
    *_color_bar(largest, bottom + 46),
  ]
  return svg.figure(
    "Centres of objects",
    f"share of the objects in one of {GRID // width} by {GRID // width} cells",
    content,
    bottom + 76,
  )


def classes(synthetic: Statistics, real: Statistics | None) -> str:
  """How many objects there are of each class."""
  kinds = [("synthetic", "synthetic", synthetic.objects)]
  if real:
    kinds.append(("real", "real", real.objects))
  return charts.bars(
    "Objects per class",
    "objects (share of the set)",
    kinds,
    _class_rows(synthetic, real),
    lambda number, share: f"{number:,} ({svg.percent(share)})",
  )


def _heat_map(name, rows, largest, left, top, side, with_axis) -> str:
  """A square of cells, the stronger the more objects have their centre there.

  Args:
    name: `synthetic` or `real`.
    rows: of shares.
    largest: share that is the full colour.
    left: where it begins, from the left.
    top: the same, from the top.
    side: of the square.
    with_axis: whether its rows are named.
  """
  cell = side / len(rows)
  content = [
    svg.text(left + side / 2, top - 6, name),
    svg.element("rect", class_="frame", x=left, y=top, width=side, height=side),
  ]
  for i, row in enumerate(rows):
    content += [
      svg.element(
        "rect",
        svg.element("title", f"{name}: {svg.percent(share)} of the objects"),
        class_="heat",
        x=left + j * cell,
        y=top + i * cell,
        width=cell,
        height=cell,
        fill_opacity=_strength(share / largest),
      )
      for j, share in enumerate(row)
      if share
    ]
  for fraction in (0, 0.5, 1):
    across = left + fraction * side
    content.append(svg.text(across, top + side + 14, f"{fraction:g}"))
    if with_axis:
      down = top + fraction * side + 4
      content.append(svg.text(left - 5, down, f"{fraction:g}", "end"))
  return svg.element("g", *content)


def _color_bar(largest, top):
  """What the strength of the maps' colour means."""
  steps, width = 10, 160
  content = [
    svg.element(
      "rect",
      class_="heat",
      x=svg.LEFT + i * width / steps,
      y=top,
      width=width / steps,
      height=9,
      fill_opacity=_strength((i + 0.5) / steps),
    )
    for i in range(steps)
  ]
  for fraction in (0, 0.5, 1):
    label = svg.percent(fraction * largest)
    content.append(svg.text(svg.LEFT + fraction * width, top + 22, label))
  content.append(
    svg.text(svg.LEFT + width + 30, top + 9, "of all objects", "start")
  )
  return content


def _strength(fraction):
  """Opacity of a cell; one object alone is still seen."""
  return 0.1 + 0.9 * fraction


def _class_rows(synthetic, real):
  """(class name, counts) of both sets, matched by name where both have names.

  Returns:
    The synthetic set's classes in order, then those only the real one has.
  """

  def named(statistics, names):
    return {
      names[i] if i < len(names) else f"class {i}": number
      for i, number in enumerate(statistics.classes)
    }

  sets = [named(synthetic, synthetic.class_names)]
  if real:
    sets.append(named(real, real.class_names or synthetic.class_names))
  names = list(dict.fromkeys(itertools.chain(*sets)))
  return [(name, [each.get(name, 0) for each in sets]) for name in names]


def _used(*sets):
  """The first bin that any of the sets uses, and the one after the last."""
  used = [i for each in sets if each for i, number in enumerate(each) if number]
  return (min(used), max(used) + 1) if used else (0, len(sets[0]))


def _merged(values, width, number):
  """`number` sums of `width` neighbours each."""
  return [sum(values[i * width : (i + 1) * width]) for i in range(number)]


def _coarser(rows, width, total):
  """Shares in cells of `width` x `width`."""
  cells = np.array(rows).reshape(GRID // width, width, GRID // width, width)
  return (cells.sum(axis=(1, 3)) / max(1, total)).tolist()


def _log_ticks(lowest, highest):
  """Round values between two, enough of them to read the axis."""
  for steps in _STEPS:
    ticks = [
      step * 10.0**decade
      for decade in range(-4, 1)
      for step in steps
      if lowest <= step * 10.0**decade <= highest * 1.0001
    ]
    if len(ticks) > 3:
      break
  return ticks
