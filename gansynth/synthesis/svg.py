"""Drawing plots as SVG that is part of a page of HTML.

Colours and fonts are the page's: the classes `synthetic` and `real` (filled
bars and outlines, so that they differ without colour too), `below` (pale bars),
`threshold`, `grid`, `axis`, `frame` and `heat`.
"""

import html
import itertools
import math
from collections.abc import Sequence

# Units of a drawing; about pixels on a phone.
WIDTH, _HEIGHT = 360, 236
LEFT, _RIGHT, TOP, _BOTTOM = 50, 12, 10, 42
_VOID = ("img", "input", "meta", "rect", "line", "path")


def element(name: str, *content: str, **attributes: object) -> str:
  """Makes an element of HTML or SVG.

  Args:
    name: of the element.
    *content: markup; text has to be escaped before.
    **attributes: escaped here; `_` stands for `-`, one at the end is dropped
      (`class_`); True is an attribute without value, None and False none.

  Returns:
    Markup.
  """
  parts = [name]
  for key, value in attributes.items():
    if value is None or value is False:
      continue
    key = key.rstrip("_").replace("_", "-")
    if isinstance(value, float):
      value = f"{value:.2f}".rstrip("0").rstrip(".")
    parts.append(key if value is True else f'{key}="{html.escape(str(value))}"')
  if name in _VOID and not content:
    return f"<{' '.join(parts)}/>"
  return f"<{' '.join(parts)}>{''.join(content)}</{name}>"


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
  top = TOP + 8 if threshold else TOP
  width, height = WIDTH - LEFT - _RIGHT, _HEIGHT - top - _BOTTOM
  series = [each for each in (synthetic, real) if each]
  shares = [
    [value / (max(1, sum(each)) if real else 1) for value in each]
    for each in series
  ]
  largest = max(map(max, shares)) or 1
  rounded = round_values(largest, 4, whole=not real)
  highest = rounded[-1]

  def x(position):
    return LEFT + (position - edges[0]) / (edges[-1] - edges[0]) * width

  def y(value):
    return top + height * (1 - value / highest)

  content = []
  for value in rounded:
    label = percent(value) if real else f"{value:,.0f}"
    content += [
      element(
        "line",
        class_="grid" if value else "axis",
        x1=LEFT,
        x2=LEFT + width,
        y1=y(value),
        y2=y(value),
      ),
      text(LEFT - 6, y(value) + 4, label, "end"),
    ]
  for i, (number, share) in enumerate(zip(synthetic, shares[0], strict=True)):
    if not number:
      continue
    note = f"{names[i]}: {plural(number, unit)}"
    if real:
      note += f" ({percent(share)}), real {real[i]} ({percent(shares[1][i])})"
    pale = threshold is not None and edges[i + 1] <= threshold[0] + 1e-9
    content.append(
      element(
        "rect",
        element("title", html.escape(note)),
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
      element("path", class_="real", d="".join(steps) + f"V{y(0):.1f}")
    )
  if threshold is not None:
    position, words = threshold
    late = position > 0.5 * (edges[0] + edges[-1])
    content += [
      element(
        "line",
        class_="threshold",
        x1=x(position),
        x2=x(position),
        y1=top - 8,
        y2=top + height,
      ),
      text(
        x(position) + (-5 if late else 5),
        top - 2,
        words,
        "end" if late else "start",
      ),
    ]
  content += [
    text(x(position), top + height + 16, label)
    for position, label in ticks
    if edges[0] <= position <= edges[-1]
  ]
  content.append(text(LEFT + width / 2, _HEIGHT - 6, x_label))
  y_label = f"share of the {unit}s" if real else f"{unit}s"
  return figure(title, y_label, content, _HEIGHT)


def figure(
  title: str, y_label: str, content: Sequence[str], height: float
) -> str:
  """A figure: its title, what is measured upwards, and the drawing."""
  caption = element(
    "figcaption",
    element("strong", html.escape(title)),
    " ",
    element("span", html.escape(y_label)),
  )
  drawing = element(
    "svg",
    *content,
    xmlns="http://www.w3.org/2000/svg",
    viewBox=f"0 0 {WIDTH} {height:.0f}",
    role="img",
    aria_label=f"{title}: {y_label}",
  )
  return element("figure", caption, drawing, class_="plot")


def text(
  x: float,
  y: float,
  words: str,
  anchor: str = "middle",
  tooltip: str = "",
  transform: str | None = None,
) -> str:
  """Words, escaped here, that stand on a place and are anchored to it."""
  title = [element("title", html.escape(tooltip))] if tooltip else []
  return element(
    "text",
    *title,
    html.escape(words),
    x=float(x),
    y=float(y),
    text_anchor=anchor,
    transform=transform,
  )


def round_values(largest: float, most: int, whole: bool) -> list[float]:
  """0 and round values at equal distances, the last at least `largest`.

  Args:
    largest: of the values, more than 0 unless `whole`.
    most: steps there may be.
    whole: whether they have to be whole numbers.
  """
  step = 1.0 if whole else 10.0 ** math.floor(math.log10(largest))
  while not whole and largest / step < most:
    step /= 10
  factors = itertools.cycle((2, 2.5, 2))
  while largest / step > most:
    step *= next(factors)
  return [i * step for i in range(math.ceil(largest / step) + 1)]


def percent(share: float) -> str:
  """A share with two digits or more: 0.03 %, 4.2 %, 56 %."""
  value = share * 100
  return f"{float(f'{value:.0f}' if value >= 9.95 else f'{value:.2g}'):g} %"


def plural(number: int, unit: str, units: str = "") -> str:
  """1 object, 1,200 objects; `units` where an s is not enough."""
  return f"{number:,} {unit if number == 1 else units or unit + 's'}"
