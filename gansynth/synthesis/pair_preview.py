"""A page that shows generated pairs: pictures, their masks, how they agree."""

import dataclasses
import html
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gansynth import images
from gansynth.data.labels import palettes
from gansynth.pages import charts, page, svg
from gansynth.pages.svg import element

_MOST_TOLD = 3  # classes that a caption lists
# The mask lies beside its picture, and is moved over it by a switch or while
# the pointer is there, so that it is stored once.
_STYLE = """
.tiles.pairs{grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr))}
.pair{display:grid;grid-template-columns:1fr 1fr;overflow:hidden}
.pair .masks{image-rendering:pixelated}
body:has(#show-beside:not(:checked)) .pair{grid-template-columns:1fr}
body:has(#show-beside:not(:checked)) .pair .masks{position:absolute;inset:0;
height:100%;opacity:0}
body:has(#show-beside:checked) .pair:hover .masks,
body:has(#show-beside:checked):has(#show-over:checked) .pair .masks{
transform:translateX(-100%);opacity:.5}
body:has(#show-beside:not(:checked)) .pair:hover .masks,
body:has(#show-beside:not(:checked)):has(#show-over:checked) .pair .masks{
opacity:.5}
"""


@dataclasses.dataclass(frozen=True, eq=False)
class PairShown:
  """A pair of the page.

  Attributes:
    picture: uint8 (height, width, 3).
    labels: integers (height, width).
    caption: its name.
    iou: how far a segmenter agrees with the labels, 0 to 1; None where none
      was asked.
  """

  picture: np.ndarray
  labels: np.ndarray
  caption: str
  iou: float | None = None


@dataclasses.dataclass(frozen=True)
class PairStatistics:
  """What the whole set of pairs came to.

  Attributes:
    real_pixels: pixels of each class in the masks of the training data, or
      empty where they are not known.
    generated_pixels: the same of the masks of the pairs that were kept.
    kept: how many pairs that are.
    generated: how many were made.
    tau: mean IoU that a pair needed; None where all were kept.
    iou_counts: how many pairs have a mean IoU in each of some equal bins of
      [0, 1], the last of which includes 1; empty where there was no segmenter.
  """

  real_pixels: Sequence[int]
  generated_pixels: Sequence[int]
  kept: int
  generated: int
  tau: float | None = None
  iou_counts: Sequence[int] = ()


def write(
  path: str | os.PathLike,
  title: str,
  shown: Iterable[PairShown],
  class_names: Sequence[str],
  colors: np.ndarray,
  statistics: PairStatistics,
  notes: Mapping[str, str] | None = None,
) -> None:
  """Writes the page, at most a few MB.

  Each picture has its mask beside it, in colours, which is laid over it by a
  switch or under the pointer; plots show how common the classes are in the
  masks, beside those of the training data, and how the segmenter agreed.

  Args:
    path: of the page; an existing file is replaced.
    title: of the set.
    shown: the first `page.MOST_PICTURES` are shown, at most
      `page.MOST_PIXELS` a side. They are taken one at a time, so that a
      generator needs the memory of one.
    class_names: of labels 0, 1, ...; those without one are "label 3".
    colors: uint8 (n, 3), of the same labels.
    statistics: of the whole set.
    notes: name and value of facts to be stated, such as how it was made.

  Raises:
    ValueError: a mask of another size than its picture, or with a label that
      has no colour.
    OSError: it could not be stored.
  """
  names = [
    (class_names[i] if i < len(class_names) else "") or f"label {i}"
    for i in range(len(colors))
  ]
  tiles, seen = [], np.zeros(len(colors), bool)
  for each in itertools.islice(shown, page.MOST_PICTURES):
    tile, pixels = _tile(each, names, colors)
    tiles.append(tile)
    seen |= pixels > 0
  body = element(
    "main",
    page.header(title, _summary(statistics), notes or {}),
    element(
      "section",
      element("h2", "Pairs"),
      element(
        "p",
        f"{len(tiles):,} of {svg.plural(statistics.kept, 'pair')}.",
        class_="soft",
      ),
      page.toolbar(
        (
          ("beside", "Masks beside the pictures", True),
          ("over", "Masks over the pictures", False),
        ),
        [(int(label), names[label]) for label in np.flatnonzero(seen)],
      ),
      element("div", *tiles, class_="tiles pairs"),
    ),
    _statistics(statistics, names),
  )
  page.write(path, title, body, np.asarray(colors).tolist(), _STYLE)


def _summary(statistics):
  """How many pairs there are, in a line."""
  made = f"{svg.plural(statistics.generated, 'pair')} generated"
  if statistics.tau is None:
    return made
  share = statistics.kept / max(1, statistics.generated)
  return (
    f"{made} · {statistics.kept:,} kept ({svg.percent(share)}): mean IoU of "
    f"a segmenter at least {statistics.tau:g}"
  )


def _tile(pair, names, colors):
  """A pair with its caption, and its pixels by label."""
  height, width = pair.picture.shape[:2]
  if pair.labels.shape != (height, width):
    raise ValueError(
      f"{pair.caption}: the picture has {height} x {width} pixels, its mask "
      f"{' x '.join(map(str, pair.labels.shape))}. Give the mask that the "
      "picture was made from."
    )
  low, high = int(pair.labels.min()), int(pair.labels.max())
  if low < 0 or high >= len(colors):
    raise ValueError(
      f"{pair.caption}: holds labels from {low} to {high}, and there are "
      f"{len(colors)} colours; expected 0 to {len(colors) - 1}. Give a colour "
      "for each label."
    )
  size = page.thumbnail_size(height, width)
  picture, labels = pair.picture, pair.labels
  if size != (height, width):
    picture = images.resize(picture, size)
    labels = images.resize(labels.astype(np.int32), size, "nearest")
  pixels = np.bincount(pair.labels.ravel(), minlength=len(colors))
  order = [int(i) for i in np.argsort(-pixels, kind="stable") if pixels[i]]
  told = ", ".join(
    f"{names[i]} {svg.percent(pixels[i] / pixels.sum())}"
    for i in order[:_MOST_TOLD]
  )
  if len(order) > _MOST_TOLD:
    told += f" and {len(order) - _MOST_TOLD} more"
  caption = [element("b", html.escape(pair.caption))]
  if pair.iou is not None:
    caption.append(element("span", f"IoU {pair.iou:.2f}"))
  caption.append(element("span", html.escape(told)))
  view = element(
    "div",
    element(
      "img",
      src=page.photograph(picture),
      alt=f"{pair.caption}: {told}",
      width=size[1],
      height=size[0],
    ),
    element(
      "img",
      src=page.drawing(palettes.colorize(labels, colors)),
      alt="",
      class_="masks",
    ),
    class_="view pair",
  )
  figure = element(
    "figure", view, element("figcaption", *caption), class_="shot"
  )
  return figure, pixels


def _statistics(statistics, names):
  """Plots and table of the whole set."""
  # What is generated is the house style's "synthetic".
  kinds = [("synthetic", "generated pairs", statistics.generated_pixels)]
  if len(statistics.real_pixels):
    kinds.append(("real", "training masks", statistics.real_pixels))
  pixels = [_padded(each, len(names)) for _, _, each in kinds]
  totals = [sum(each) for each in pixels]
  columns = [called for _, called, _ in kinds]
  drawn = [
    charts.bars(
      "Classes",
      "share of the masks' pixels",
      [
        (kind, called, total)
        for (kind, called, _), total in zip(kinds, totals, strict=True)
      ],
      [
        (name, numbers)
        for name, *numbers in zip(names, *pixels, strict=True)
        if any(numbers)
      ],
      lambda _, share: svg.percent(share),
    )
  ]
  if len(statistics.iou_counts):
    drawn.append(_agreement(statistics.iou_counts, statistics.tau))
  rows = []
  for name, *numbers in zip(names, *pixels, strict=True):
    if any(numbers):
      shares = [n / max(1, t) for n, t in zip(numbers, totals, strict=True)]
      cells = [svg.percent(share) for share in shares]
      if len(shares) > 1:
        cells.append(f"{shares[0] / shares[1]:.2f}" if shares[1] else "new")
      rows.append((name, cells))
  if len(kinds) > 1:
    columns.append("ratio")
  return page.statistics(
    [(kind, called) for kind, called, _ in kinds], drawn, columns, rows
  )


def _padded(pixels, number):
  return [*map(int, pixels), *[0] * (number - len(pixels))]


def _agreement(counts, tau):
  """How well a segmenter read the masks back from the pictures."""
  edges = np.linspace(0.0, 1.0, len(counts) + 1).tolist()
  return charts.histogram(
    "Agreement with the segmenter",
    "mean IoU of its prediction and the mask",
    edges,
    [f"{a:.2f} to {b:.2f}" for a, b in itertools.pairwise(edges)],
    [(value, f"{value:g}") for value in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)],
    list(map(int, counts)),
    None,
    unit="pair",
    threshold=None if tau is None else (tau, f"kept from {tau:g} on"),
  )
