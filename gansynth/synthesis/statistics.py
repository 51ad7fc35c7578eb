"""What labels say as a whole: how many objects, how large, where, of what.

`Statistics` counts labels in bins that are the same for all data, so that
synthetic and real labels, or the shards of one run, can be laid side by side
or added. `Distribution` is drawn from, to place objects as real labels have
them.
"""

import bisect
import dataclasses
import functools
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gansynth.synthesis.labels import LabelledImage

# Bins of an eighth of an octave: sides that differ by 9 % lie in neighbours.
SIZE_EDGES = tuple(2.0 ** (k / 8) for k in range(-80, 1))
# A quarter of an octave, about 1, so that squares lie in the middle of a bin.
ASPECT_EDGES = tuple(2.0 ** ((k - 0.5) / 4) for k in range(-16, 18))
GRID = 32  # cells of the map of centres, each way

_KEPT = 4096  # observations, which bounds what workers are sent
_NEIGHBORS = 5


@dataclasses.dataclass(frozen=True)
class Statistics:
  """Counts of a set of labels, of the same size whatever the set's.

  An object's size is sqrt(area of its box / area of the picture), its aspect
  the box's width / height in pixels, its centre that of the box as fractions
  of the picture's width and height.

  Attributes:
    class_names: of the data set; (): not known.
    counts: `counts[n]` pictures hold n objects.
    sizes: objects between the values of `SIZE_EDGES`; the first and last bin
      also hold what lies beyond.
    aspects: the same for `ASPECT_EDGES`.
    centers: `GRID` rows from the top, each of `GRID` cells from the left.
    classes: objects of each class.
  """

  class_names: tuple[str, ...]
  counts: tuple[int, ...]
  sizes: tuple[int, ...]
  aspects: tuple[int, ...]
  centers: tuple[tuple[int, ...], ...]
  classes: tuple[int, ...]

  @classmethod
  def of(
    cls, labelled: Iterable[LabelledImage], class_names: Sequence[str] = ()
  ) -> "Statistics":
    """Counts labels, which are looked at once and not kept.

    Args:
      labelled: pictures with their objects.
      class_names: of the data set; empty: not known, any class id is taken.

    Raises:
      ValueError: a class id without a name, or a box without area.
    """
    counts = [0]
    sizes = [0] * (len(SIZE_EDGES) - 1)
    aspects = [0] * (len(ASPECT_EDGES) - 1)
    centers = [[0] * GRID for _ in range(GRID)]
    classes = [0] * len(class_names)
    for image in labelled:
      _count(counts, len(image.objects))
      for each in image.objects:
        if class_names and not 0 <= each.class_id < len(class_names):
          raise ValueError(
            f"{image.name}: class {each.class_id} has no name; expected 0.."
            f"{len(class_names) - 1}. Correct the label or add the name."
          )
        _count(classes, each.class_id)
        size, aspect, (x, y) = _measure(image, each.box)
        sizes[_bin(SIZE_EDGES, size)] += 1
        aspects[_bin(ASPECT_EDGES, aspect)] += 1
        centers[_cell(y)][_cell(x)] += 1
    return cls(
      tuple(class_names),
      tuple(counts),
      tuple(sizes),
      tuple(aspects),
      tuple(map(tuple, centers)),
      tuple(classes),
    )

  def merged(self, other: "Statistics") -> "Statistics":
    """Counts of both sets together.

    Raises:
      ValueError: their class names differ.
    """
    if self.class_names != other.class_names:
      raise ValueError(
        f"statistics of the classes {self.class_names} and of "
        f"{other.class_names} cannot be added; collect both with the same names"
      )
    return Statistics(
      self.class_names,
      _sum(self.counts, other.counts),
      _sum(self.sizes, other.sizes),
      _sum(self.aspects, other.aspects),
      tuple(map(_sum, self.centers, other.centers)),
      _sum(self.classes, other.classes),
    )

  @property
  def images(self) -> int:
    """Number of pictures."""
    return sum(self.counts)

  @property
  def objects(self) -> int:
    """Number of objects on all of them."""
    return sum(n * pictures for n, pictures in enumerate(self.counts))

  def size_quantile(self, fraction: float) -> float:
    """The size that `fraction` of the objects stay below, to about 2 %."""
    if not self.objects:
      raise ValueError("there is no object, so there is no quantile of sizes")
    wanted = fraction * self.objects
    below = 0
    for i, objects in enumerate(self.sizes):
      if objects and below + objects >= wanted:
        low, high = SIZE_EDGES[i : i + 2]
        return low * (high / low) ** ((wanted - below) / objects)
      below += objects
    return SIZE_EDGES[-1]

  def to_dict(self) -> dict[str, Any]:
    """Returns JSON's own values, for `from_dict`."""
    return dataclasses.asdict(self)

  @classmethod
  def from_dict(cls, values: Mapping[str, Any]) -> "Statistics":
    """Makes statistics of what `to_dict` returned, be it through JSON."""
    return cls(**{name: _tuples(value) for name, value in values.items()})


@dataclasses.dataclass(frozen=True)
class Distribution:
  """How real labels are distributed; picklable, of bounded size.

  Attributes:
    statistics: of the labels.
    sizes: of the objects, ascending; at most 4096 evenly spaced quantiles.
    centers: (x, y) of the objects; at most 4096, evenly from all.
  """

  statistics: Statistics
  sizes: tuple[float, ...]
  centers: tuple[tuple[float, float], ...]

  @classmethod
  def of(
    cls,
    labelled: Iterable[LabelledImage],
    class_names: Sequence[str] = (),
    name: str = "the real labels",
  ) -> "Distribution":
    """Observes labels; arguments as of `Statistics.of`.

    Args:
      labelled: pictures with their objects; pictures without any count.
      class_names: of the data set; empty: not known.
      name: what to call the labels in errors.

    Raises:
      ValueError: there is no object at all; or see `Statistics.of`.
    """
    labelled = list(labelled)
    statistics = Statistics.of(labelled, class_names)
    if not statistics.objects:
      raise ValueError(
        f"{name}: no object is labelled on {statistics.images} pictures; "
        "expected at least one to learn count, size and place from. Name "
        "other labels, or do without real ones."
      )
    measured = [
      _measure(image, each.box) for image in labelled for each in image.objects
    ]
    return cls(
      statistics,
      _evenly(sorted(size for size, _, _ in measured)),
      _evenly([center for _, _, center in measured]),
    )

  def draw_count(self, rng: np.random.Generator) -> int:
    """The number of objects of a picture, as often as it was observed."""
    drawn = int(rng.integers(self.statistics.images))
    return bisect.bisect_right(self._cumulative_counts, drawn)

  def count_percentile(self, percentile: float) -> int:
    """The least count that `percentile` % of the pictures do not exceed.

    Args:
      percentile: 0..100; 0 is the smallest count there is, 100 the largest.
    """
    if not 0 <= percentile <= 100:
      raise ValueError(f"percentile is {percentile}; expected 0..100")
    wanted = max(1, math.ceil(percentile / 100 * self.statistics.images))
    return bisect.bisect_left(self._cumulative_counts, wanted)

  def draw_size(self, rng: np.random.Generator) -> float:
    """A size, see `Statistics`: anywhere between neighbouring observations."""
    place = rng.random() * (len(self.sizes) - 1)
    lower = min(int(place), max(0, len(self.sizes) - 2))
    upper = min(lower + 1, len(self.sizes) - 1)
    step = self.sizes[upper] - self.sizes[lower]
    return self.sizes[lower] + (place - lower) * step

  def draw_center(self, rng: np.random.Generator) -> tuple[float, float]:
    """A centre (x, y) in 0..1, between an observation and one of those near.

    So it keeps to roads and edges where the real ones do, and needs no width
    of smoothing (as SMOTE does, https://arxiv.org/abs/1106.1813).
    """
    chosen = int(rng.integers(len(self.centers)))
    neighbor = int(rng.integers(_NEIGHBORS))
    fraction = float(rng.random())
    x, y = self.centers[chosen]
    if len(self.centers) == 1:
      return x, y
    distances = ((self._center_array - (x, y)) ** 2).sum(axis=1)
    distances[chosen] = -1.0  # Itself first, even if another is in its place.
    near = np.argsort(distances, kind="stable")[1 : _NEIGHBORS + 1]
    to_x, to_y = self.centers[near[neighbor % len(near)]]
    return x + fraction * (to_x - x), y + fraction * (to_y - y)

  @functools.cached_property
  def _cumulative_counts(self) -> list[int]:
    return list(itertools.accumulate(self.statistics.counts))

  @functools.cached_property
  def _center_array(self) -> np.ndarray:
    return np.array(self.centers)

  def to_dict(self) -> dict[str, Any]:
    """Returns JSON's own values, for `from_dict`."""
    return dataclasses.asdict(self)

  @classmethod
  def from_dict(cls, values: Mapping[str, Any]) -> "Distribution":
    """Makes a distribution of what `to_dict` returned."""
    return cls(
      Statistics.from_dict(values["statistics"]),
      _tuples(values["sizes"]),
      _tuples(values["centers"]),
    )


def _measure(image, box):
  """Size, aspect and centre of a box, see `Statistics`."""
  left, top, right, bottom = box
  width, height = right - left, bottom - top
  if not (width > 0 and height > 0 and image.width > 0 and image.height > 0):
    raise ValueError(
      f"{image.name}: a box of {width} x {height} pixels on a picture of "
      f"{image.width} x {image.height}; expected both to have an area. Correct "
      "or remove the label."
    )
  size = math.sqrt(width * height / (image.width * image.height))
  x = (left + right) / 2 / image.width
  y = (top + bottom) / 2 / image.height
  return size, width / height, (min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0))


def _bin(edges, value):
  return min(max(bisect.bisect_right(edges, value) - 1, 0), len(edges) - 2)


def _cell(fraction):
  return min(int(fraction * GRID), GRID - 1)


def _count(counts, index):
  """Adds one to an entry of a list that grows as needed."""
  counts.extend([0] * (index + 1 - len(counts)))
  counts[index] += 1


def _sum(one, other):
  return tuple(map(sum, itertools.zip_longest(one, other, fillvalue=0)))


def _evenly(values):
  """At most `_KEPT` of the values, from the first to the last."""
  if len(values) <= _KEPT:
    return tuple(values)
  chosen = np.linspace(0, len(values) - 1, _KEPT).round().astype(int)
  return tuple(values[i] for i in chosen)


def _tuples(value):
  """Lists, as JSON gives them, as tuples again."""
  return (
    tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
  )
