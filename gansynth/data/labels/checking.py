"""Reads all of a data set before training meets what is wrong with it."""

import concurrent.futures
import dataclasses
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gansynth import progress
from gansynth.data.labels.datasets import ReadItem
from gansynth.data.sources import Source

_AT_ONCE = 1024  # items that are handed to the threads together
_SHOWN = 20  # errors that a printed report holds


@dataclasses.dataclass(frozen=True)
class LabelReport:
  """What a split holds.

  Attributes:
    items: how many there are.
    errors: what is wrong with those that cannot be used, in their order.
    differing: names of items whose maps are not of one size.
    pixels: int64 (labels,), how many of each label there are.
    maps: int64 (labels,), how many maps hold it. Both are empty where
      conditions are pictures.
    class_names: of the labels, as far as they have names.
    unknown: where colours or numbers stood for no label and became the
      background: the file (or the item's name) and its share of pixels, the
      largest first.
    unknown_share: of all pixels.
  """

  items: int
  errors: tuple[str, ...]
  differing: tuple[str, ...]
  pixels: np.ndarray
  maps: np.ndarray
  class_names: tuple[str, ...] = ()
  unknown: tuple[tuple[str, float], ...] = ()
  unknown_share: float = 0.0

  def __str__(self) -> str:
    lines = [f"items: {self.items}, of which unusable: {len(self.errors)}"]
    total = max(1, int(self.pixels.sum()))
    counts = zip(self.pixels.tolist(), self.maps.tolist(), strict=True)
    for label, (pixels, maps) in enumerate(counts):
      if maps:
        share = f"{pixels / total:8.3%} of pixels"
        name = "".join(self.class_names[label : label + 1])
        name = name and f"  {name}"
        lines.append(f"  label {label:3d}: {share}, maps: {maps}{name}")
    absent = np.flatnonzero(self.maps == 0)
    if self.maps.any() and absent.size:
      lines.append(f"labels in no map: {', '.join(map(str, absent.tolist()))}")
    if self.differing:
      lines.append(
        f"items with maps of different sizes: {len(self.differing)}, the first "
        f"{self.differing[0]!r}; preprocess 'resize_and_crop' and 'fixed' take "
        "them, others do not"
      )
    if self.unknown:
      lines.append(
        f"pixels that stand for no label: {self.unknown_share:.3%}, in "
        f"{len(self.unknown)} maps:"
      )
      lines += [f"  {share:8.3%} of {name}" for name, share in self.unknown]
    lines += self.errors[:_SHOWN]
    if len(self.errors) > _SHOWN:
      lines.append(f"and {len(self.errors) - _SHOWN} more")
    return "\n".join(lines)


class _Found(NamedTuple):
  """What reading an item told."""

  name: str = ""
  error: str = ""
  same_size: bool = True
  counts: np.ndarray | None = None
  unknown: int = 0
  origin: str = ""


def check(
  source: Source,
  num_labels: int,
  num_threads: int = 0,
  class_names: Sequence[str] = (),
) -> LabelReport:
  """Reads every item once, in threads.

  Args:
    source: as `LabelDataset` takes it; one that has `read(index)` is asked by
      it for items and for their numbers of pixels without a label.
    num_labels: how many labels its maps may hold, "don't care" among them; 0:
      conditions are pictures or joints.
    num_threads: how many items are read at once; 0: one a processor.
    class_names: for the report.
  """

  def usual(index: int) -> ReadItem:
    return ReadItem(source[index], 0, "")

  read_item = getattr(source, "read", usual)

  def read(index: int) -> _Found:
    try:
      item, unknown, origin = read_item(index)
    except (ValueError, OSError) as error:
      return _Found(error=str(error))
    keys = ("label", "image", "instance")
    sizes = {item[key].shape[:2] for key in keys if key in item}
    counts = None
    if num_labels:
      counts = np.bincount(item["label"].ravel(), minlength=num_labels)
    return _Found(item["name"], "", len(sizes) == 1, counts, unknown, origin)

  errors, differing, unknown = [], [], []
  total_unknown = 0
  pixels, maps = np.zeros((2, num_labels), np.int64)
  threads = num_threads or os.cpu_count()
  with (
    concurrent.futures.ThreadPoolExecutor(threads) as pool,
    progress.Progress(len(source), unit="item") as shown,
  ):
    for first in range(0, len(source), _AT_ONCE):
      indices = range(first, min(first + _AT_ONCE, len(source)))
      for found in pool.map(read, indices):
        shown.update()
        if found.error:
          errors.append(found.error)
        if not found.same_size:
          differing.append(found.name)
        if found.counts is not None:
          pixels += found.counts
          maps += found.counts > 0
        if found.unknown:
          unknown.append((found.origin, found.unknown / found.counts.sum()))
          total_unknown += found.unknown
  unknown.sort(key=lambda file: -file[1])
  return LabelReport(
    items=len(source),
    errors=tuple(errors),
    differing=tuple(differing),
    pixels=pixels,
    maps=maps,
    class_names=tuple(class_names),
    unknown=tuple((origin, float(share)) for origin, share in unknown),
    unknown_share=total_unknown / max(1, int(pixels.sum())),
  )
