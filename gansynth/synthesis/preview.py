"""A page that shows a labelled data set: pictures, their labels, statistics."""

import collections
import dataclasses
import html
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gansynth import images
from gansynth.pages import page, svg
from gansynth.pages.style import COLORS
from gansynth.pages.svg import element
from gansynth.synthesis import overlays, plots
from gansynth.synthesis.labels.objects import LabelledImage
from gansynth.synthesis.statistics import Distribution, Statistics

MOST_PICTURES = page.MOST_PICTURES
_MANY = 12  # objects: names of more would hide the picture
_STYLE = """
.view .masks{position:absolute;inset:0;height:100%}
.box{position:absolute;outline:2px solid var(--c);
box-shadow:0 0 0 3px rgb(0 0 0/.5)}
.box b{position:absolute;left:-2px;bottom:calc(100% + 2px);padding:0 .3em;
max-width:9rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;
font-size:.69rem;line-height:1.45;font-weight:600;color:var(--t);
background:var(--c)}
.box b.below{bottom:auto;top:calc(100% + 2px)}
.box b.inside{bottom:auto;top:0}
.box b.leftward{left:auto;right:-2px}
.many .box:not(:hover) b{display:none}
body:has(#show-boxes:not(:checked)) .box{display:none}
body:has(#show-names:not(:checked)) .box b{display:none}
body:has(#show-masks:not(:checked)) .masks{display:none}
"""


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
  """A picture of the page.

  Attributes:
    image: uint8 (height, width, 3).
    labels: its name and objects.
    caption: what else is said of it, such as its background; may be empty.
  """

  image: np.ndarray
  labels: LabelledImage
  caption: str = ""


def write(
  path: str | os.PathLike,
  title: str,
  pictures: Iterable[Shown],
  class_names: Sequence[str],
  statistics: Statistics,
  real: Distribution | None = None,
  notes: Mapping[str, str] | None = None,
) -> None:
  """Writes the page, at most a few MB.

  Thumbnails lie under boxes with class names and under masks, each switched
  on and off by a check box of the page; plots show the whole set's statistics,
  beside those of real labels if there are any.

  Args:
    path: of the page; an existing file is replaced.
    title: of the data set.
    pictures: the first `MOST_PICTURES` are shown, at most `page.MOST_PIXELS`
      a side. They are taken one at a time, so that a generator needs the
      memory of one.
    class_names: of the data set.
    statistics: of the whole set.
    real: of real labels to compare with.
    notes: name and value of facts to be stated, such as how it was made.

  Raises:
    ValueError: a picture of another size than its labels say, or a class id
      without a name.
    OSError: it could not be stored.
  """
  statistics = dataclasses.replace(statistics, class_names=tuple(class_names))
  shots, seen = [], set()
  for each in itertools.islice(pictures, MOST_PICTURES):
    shots.append(_shot(each, class_names))
    seen.update(placed.class_id for placed in each.labels.objects)
  with_masks = any('class="masks"' in shot for shot in shots)
  body = element(
    "main",
    page.header(title, _summary(statistics), notes or {}),
    element(
      "section",
      element("h2", "Pictures"),
      element(
        "p",
        f"{len(shots):,} of {svg.plural(statistics.images, 'picture')}.",
        class_="soft",
      ),
      _toolbar(sorted(seen), class_names, with_masks),
      element("div", *shots, class_="tiles"),
    ),
    _statistics(statistics, real and real.statistics),
  )
  page.write(path, title, body, style=_STYLE)


def _summary(statistics):
  """What there is, in a line."""
  pictures, objects = statistics.images, statistics.objects
  return " · ".join(
    (
      svg.plural(pictures, "picture"),
      svg.plural(objects, "object"),
      f"{objects / max(1, pictures):.2f} objects a picture",
      svg.plural(len(statistics.class_names), "class", "classes"),
    )
  )


def _toolbar(seen, class_names, with_masks):
  """Check boxes for what is drawn, and the colours of the classes."""
  # Of a single class the legend says enough; names would hide the pictures.
  several = len(class_names) > 1
  switches = [("boxes", "Boxes", True), ("names", "Class names", several)]
  if with_masks:
    switches.append(("masks", "Masks", False))
  return page.toolbar(
    switches,
    [(_color_number(class_id), class_names[class_id]) for class_id in seen],
  )


def _shot(shown, class_names):
  """A thumbnail with its labels and caption."""
  labels = shown.labels
  height, width = shown.image.shape[:2]
  if (height, width) != (labels.height, labels.width):
    raise ValueError(
      f"{labels.name}: the picture has {height} x {width} pixels, its labels "
      f"say {labels.height} x {labels.width}. Label the picture as it is."
    )
  for each in labels.objects:
    if not 0 <= each.class_id < len(class_names):
      raise ValueError(
        f"{labels.name}: class {each.class_id} has no name; expected 0.."
        f"{len(class_names) - 1}. Correct the label or add the name."
      )
  size = page.thumbnail_size(height, width)
  image = shown.image
  if size != (height, width):
    image = images.resize(image, size)
  number = svg.plural(len(labels.objects), "object")
  by_class = collections.Counter(
    class_names[each.class_id] for each in labels.objects
  )
  listed = ", ".join(f"{name} {n}" for name, n in by_class.items())
  layers = [
    element(
      "img",
      src=page.photograph(image),
      alt=f"{labels.name}: {number}" + (f" ({listed})" if listed else ""),
      width=size[1],
      height=size[0],
    )
  ]
  if any(each.mask is not None for each in labels.objects):
    layer = page.drawing(overlays.mask_layer(labels, *size))
    layers.append(element("img", src=layer, alt="", class_="masks"))
  layers += [_box(each, labels, class_names) for each in labels.objects]
  many = " many" if len(labels.objects) > _MANY else ""
  caption = [element("b", html.escape(labels.name)), element("span", number)]
  if shown.caption:
    caption.append(element("span", html.escape(shown.caption)))
  return element(
    "figure",
    element("div", *layers, class_="view" + many),
    element("figcaption", *caption),
    class_="shot",
  )


def _box(placed, labels, class_names):
  """A box that keeps its place and the width of its line at any size."""
  left, top, right, bottom = placed.box
  x, y = 100 * left / labels.width, 100 * top / labels.height
  width = 100 * (right - left) / labels.width
  height = 100 * (bottom - top) / labels.height
  # The name stands above the box and to its right, where there is room.
  where = ["leftward"] if x > 60 else []
  if y < 8:
    where.append("below" if y + height < 92 else "inside")
  words = html.escape(class_names[placed.class_id])
  name = element("b", words, class_=" ".join(where) or None)
  return element(
    "span",
    name,
    class_=f"box {page.color_class(_color_number(placed.class_id))}",
    style=f"left:{x:.2f}%;top:{y:.2f}%;width:{width:.2f}%;height:{height:.2f}%",
    aria_hidden="true",
  )


def _statistics(synthetic, real):
  """Plots and table of the whole set."""
  kinds = [("synthetic", synthetic)] + ([("real", real)] if real else [])
  drawn = [plots.counts, plots.classes]
  if any(each.objects for _, each in kinds):
    drawn[1:1] = [plots.sizes, plots.aspects, plots.centers]
  keys = [
    (
      kind,
      f"{kind}: {svg.plural(each.images, 'picture')}, "
      f"{svg.plural(each.objects, 'object')}",
    )
    for kind, each in kinds
  ]
  rows = [
    ("Pictures", lambda each: f"{each.images:,}"),
    ("without an object", lambda each: f"{each.counts[0]:,}"),
    ("Objects", lambda each: f"{each.objects:,}"),
    (
      "a picture, on average",
      lambda each: f"{each.objects / max(1, each.images):.2f}",
    ),
    ("a picture, at most", lambda each: f"{len(each.counts) - 1:,}"),
    ("Size: 5 % are smaller than", lambda each: _quantile(each, 0.05)),
    ("half are smaller than", lambda each: _quantile(each, 0.5)),
    ("95 % are smaller than", lambda each: _quantile(each, 0.95)),
  ]
  return page.statistics(
    keys,
    [plot(synthetic, real) for plot in drawn],
    [kind for kind, _ in kinds],
    [(name, [value(each) for _, each in kinds]) for name, value in rows],
  )


def _quantile(statistics, fraction):
  if not statistics.objects:
    return "none"
  return svg.percent(statistics.size_quantile(fraction))


def _color_number(class_id):
  return class_id % len(COLORS)
