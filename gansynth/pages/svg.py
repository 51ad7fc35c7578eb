"""Elements of HTML, and of SVG drawings that are part of a page of it.

Colours and fonts are the page's: the classes `synthetic` and `real` (filled
bars and outlines, so that they differ without colour too), `below` (pale bars),
`threshold`, `grid`, `axis`, `frame` and `heat`.
"""

import html
import itertools
import math
from collections.abc import Sequence

# Units of a drawing; about pixels on a phone.
WIDTH, HEIGHT = 360, 236
LEFT, RIGHT, TOP, BOTTOM = 50, 12, 10, 42
_VOID = ("circle", "img", "input", "line", "meta", "path", "rect")


def element(name: str, /, *content: str, **attributes: object) -> str:
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


def figure(
  title: str,
  y_label: str,
  content: Sequence[str],
  height: float,
  keys: Sequence[tuple[str, str]] = (),
) -> str:
  """A figure: its title, what is measured upwards, and the drawing.

  Args:
    title: above the drawing.
    y_label: below the title.
    content: of the drawing, `WIDTH` units wide.
    height: of the drawing.
    keys: classes of lines and what they stand for.

  Returns:
    Markup.
  """
  lines = (
    element("span", element("i", class_=f"key {kind}"), html.escape(words))
    for kind, words in keys
  )
  caption = element(
    "figcaption",
    element("strong", html.escape(title)),
    " ",
    element("span", html.escape(y_label)),
    *([element("span", *lines, class_="keys")] if keys else []),
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
  class_: str | None = None,
  size: float | None = None,
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
    class_=class_,
    style=None if size is None else f"font-size:{size:.1f}px",
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
