"""Pictures side by side, put in order by one of their scores.

A switch for each score; without script, so each picture carries its place in
every order, and is stored once however many orders it is in.
"""

import html
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gansynth import images
from gansynth.pages import page
from gansynth.pages.svg import element

_MOST_ENDS = 8  # of the best, and of the worst
_WORST = 500  # place of their heading
_MOST_PIXELS = 320  # of a longer side
_STYLE = """
.tiles.ranked{margin-top:1.25rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr))}
.ranked h3{grid-column:1/-1;margin:.5rem 0 -.5rem;font-size:1rem;
font-weight:650}
.ranked p{grid-column:1/-1;margin:0;max-width:60rem;font-size:.9rem;
color:var(--soft)}
.kinds{display:grid;gap:.35rem;
grid-template-columns:repeat(auto-fit,minmax(min(47%,7rem),1fr))}
.kinds>div{min-width:0}
.kinds img{display:block;width:100%;height:auto}
.kinds small{display:block;font-size:.75rem;color:var(--soft)}
"""


class Tile(NamedTuple):
  """Pictures that belong together.

  Attributes:
    name: of them.
    pictures: uint8 (height, width, 3) by what they are.
    scores: words by score.
  """

  name: str
  pictures: Mapping[str, np.ndarray]
  scores: Mapping[str, str]


class Order(NamedTuple):
  """An order of the pictures.

  Attributes:
    title: of the score.
    names: of all pictures that have the score, also of those that are not
      shown, the best first.
    meaning: of the score; may be empty.
  """

  title: str
  names: Sequence[str]
  meaning: str = ""


def section(tiles: Sequence[Tile], orders: Sequence[Order]) -> tuple[str, str]:
  """Shows tiles, the best and the worst by each of the orders.

  Args:
    tiles: all that may be shown.
    orders: none: the tiles are shown as they come.

  Returns:
    Markup and style rules.
  """
  ends = _ends(orders, {tile.name for tile in tiles})
  orders = [order for order, end in zip(orders, ends, strict=True) if any(end)]
  ends = [end for end in ends if any(end)]
  content, rules = [], [_STYLE]
  for number, order in enumerate(orders):
    rules.append(_rules(number, len(orders)))
    content += _headings(number, order, *ends[number])
  if not orders:
    tiles = tiles[: page.MOST_PICTURES]
  for tile in tiles:
    places = {
      number: place
      for number, (best, worst) in enumerate(ends)
      for place, name in itertools.chain(
        enumerate(best, 1), enumerate(worst, _WORST + 1)
      )
      if name == tile.name
    }
    if places or not orders:
      content.append(_figure(tile, orders, places))
  return (
    _switches(orders) + element("div", *content, class_="tiles ranked"),
    "".join(rules),
  )


def _headings(number, order, best, worst):
  """What a score means, and headings above its best and its worst."""
  if not worst:
    titles = ("The only one", "")
  elif len(best) + len(worst) == len(order.names):
    titles = ("The better half", "The worse half")
  else:
    titles = tuple(
      f"The {kind} {len(there)} of {len(order.names):,}"
      for kind, there in (("best", best), ("worst", worst))
    )
  headings = (
    ("p", order.meaning, 0, order.meaning),
    ("h3", f"{titles[0]} by {order.title}", 0, best),
    ("h3", f"{titles[1]} by {order.title}", _WORST, worst),
  )
  return [
    element(
      tag, html.escape(words), class_=f"r{number}", style=f"--o{number}:{place}"
    )
    for tag, words, place, there in headings
    if there
  ]


def _ends(orders, shown):
  """The best and the worst of each order, from each end on, that are shown.

  Fewer of each where all together would make the page too large.
  """
  for most in range(_MOST_ENDS, 0, -1):
    ends = []
    for order in orders:
      half = -(-len(order.names) // 2)
      best, worst = (
        list(itertools.takewhile(shown.__contains__, names[:most]))
        for names in (order.names[:half], order.names[half:][::-1])
      )
      if best and worst and len(best) + len(worst) < len(order.names):
        # Some are there by chance, as the best or the worst of others.
        equal = min(len(best), len(worst))
        best, worst = best[:equal], worst[:equal]
      ends.append((best, worst))
    if len({name for end in itertools.chain(*ends) for name in end}) <= (
      page.MOST_PICTURES
    ):
      break
  return ends


def _rules(number, orders):
  """What the switch of an order does; a single order has none."""
  on = ".ranked>"
  if orders > 1:
    on = f"body:has(#rank-{number}:checked) {on}"
  return (
    f"{on}*{{order:var(--o{number})}}\n"
    f"{on}:not(.r{number}){{display:none}}\n"
    f"{on}.shot .s{number}{{color:var(--ink);font-weight:600}}\n"
  )


def _switches(orders):
  if len(orders) < 2:
    return ""
  boxes = (
    element(
      "label",
      element(
        "input",
        type="radio",
        name="rank",
        id=f"rank-{number}",
        checked=not number,
        autocomplete="off",
      ),
      html.escape(order.title),
    )
    for number, order in enumerate(orders)
  )
  return element(
    "div",
    element(
      "div",
      *boxes,
      class_="switches",
      role="group",
      aria_label="Score that the pictures are ordered by",
    ),
    class_="toolbar",
  )


def _figure(tile, orders, places):
  """A tile with its caption."""
  views = [
    element(
      "div",
      element(
        "img",
        src=page.photograph(small),
        alt=f"{tile.name}: {kind}",
        width=small.shape[1],
        height=small.shape[0],
        loading="lazy",
      ),
      element("small", html.escape(kind.replace("_", " "))),
    )
    for kind, small in (
      (kind, _thumbnail(picture)) for kind, picture in tile.pictures.items()
    )
  ]
  caption = [element("b", html.escape(tile.name))]
  numbers = {order.title: number for number, order in enumerate(orders)}
  ranks = {
    order.title: f"{order.names.index(tile.name) + 1:,} of {len(order.names):,}"
    for order in orders
    if tile.name in order.names
  }
  for title, words in tile.scores.items():
    if title in ranks:
      words += f" ({ranks[title]})"
    kind = f"s{numbers[title]}" if title in numbers else None
    caption.append(
      element("span", html.escape(f"{title} {words}"), class_=kind)
    )
  return element(
    "figure",
    element("div", *views, class_="kinds"),
    element("figcaption", *caption),
    class_=" ".join(["shot", *(f"r{number}" for number in places)]),
    style=";".join(f"--o{n}:{place}" for n, place in places.items()) or None,
  )


def _thumbnail(picture):
  height, width = picture.shape[:2]
  size = page.thumbnail_size(height, width, _MOST_PIXELS)
  return picture if size == (height, width) else images.resize(picture, size)
