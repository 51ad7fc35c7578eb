"""Pictures with label maps: what is stored, and what a step is fed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gansynth import images
from gansynth.data.labels import poses, reading
from gansynth.data.labels.pairing import Entry
from gansynth.data.labels.placement import Placement
from gansynth.data.labels.preprocess import LabelPreprocess
from gansynth.data.sources import Source


class ReadItem(NamedTuple):
  """An item, and what reading its label map told.

  Attributes:
    item: as the source gives it.
    unknown: number of pixels that stand for no label.
    origin: what errors call the label map: its path, if it is a file.
  """

  item: dict
  unknown: int
  origin: str


class LabelFilesSource:
  """Pictures, label maps and instance maps in files.

  Items: `label`, see `LabelReader`; `image` uint8 (H, W, 3); `instance` int32
  (H, W) if the entries have one; `name`, the picture's without its ending, and
  its `path`.

  Args:
    entries: what belongs together, see `layouts`.
    reader: of the label maps.
  """

  def __init__(self, entries: Sequence[Entry], reader: reading.LabelReader):
    self.entries = list(entries)
    self.reader = reader

  def __len__(self) -> int:
    return len(self.entries)

  def __getitem__(self, index: int) -> dict:
    entry = self.entries[index]
    return self._item(entry, self.reader(entry.label))

  def read(self, index: int) -> ReadItem:
    """The item, with what is unknown in its label map; nothing is logged."""
    entry = self.entries[index]
    labels, unknown = self.reader.read(entry.label)
    return ReadItem(self._item(entry, labels), unknown, entry.label)

  def _item(self, entry: Entry, labels: np.ndarray) -> dict:
    item = {"label": labels, "image": images.read(entry.image)}
    if entry.instance is not None:
      item["instance"] = reading.read_instances(entry.instance)
    return {**item, "name": entry.name, "path": entry.image}


class LabelDataset:
  """Training and evaluation items of a source with `label` and `image`.

  Entries: `label` integers (H, W), uint8 where they fit; uint8 (H, W, 3) where
  label maps are pictures; `image` uint8 (H, W, 3); `instance` int32 (H, W) if
  the source has it; in evaluation also `name`, and `path` of files.

  Of a source with `joints` instead, `label` is the stick picture of these,
  drawn where resizing, cutting and mirroring have moved them to. Mirroring
  exchanges right and left joints: who stands in a mirrored picture has the
  right arm where the left one was.

  Args:
    source: gives the stored items; one that has `sample(index, rng)` is asked
      for training items by it.
    preprocess: applied to all maps with one draw.
    colors: uint8 (labels, 3), what labels are shown in; None: not known.
    class_names: of the labels; None: not known.
  """

  paired = True

  def __init__(
    self,
    source: Source,
    preprocess: LabelPreprocess,
    colors: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
  ):
    self.source = source
    self.preprocess = preprocess
    self.colors = colors
    self.class_names = class_names

  def __len__(self) -> int:
    return len(self.source)

  def sample(self, index: int, rng: np.random.Generator) -> dict:
    """Draws the training item `index`."""
    drawn = getattr(self.source, "sample", None)
    item = drawn(index, rng) if drawn else self.source[index]
    maps = _maps(item)
    return _placed(
      item,
      maps,
      self.preprocess.training_placement(maps, rng, _origin(item)),
    )

  def __getitem__(self, index: int) -> dict:
    item = self.source[index]
    names = {key: item[key] for key in ("name", "path") if key in item}
    maps = _maps(item)
    placement = self.preprocess.evaluation_placement(maps, _origin(item))
    return {**_placed(item, maps, placement), **names}


def _maps(item: dict) -> dict[str, np.ndarray]:
  keys = ("label", "image", "instance")
  return {key: item[key] for key in keys if key in item}


def _placed(
  item: dict, maps: dict[str, np.ndarray], placement: Placement
) -> dict[str, np.ndarray]:
  """The maps, and of joints the stick picture, where a placement has them."""
  placed = {key: placement.place(value) for key, value in maps.items()}
  if "joints" in item:
    joints = placement.place_points(item["joints"], item["image"].shape[:2])
    if placement.flip:
      joints = poses.exchange_sides(joints)
    placed["label"] = poses.draw(joints, placement.size)
  return placed


def _origin(item: dict) -> str:
  return item.get("path", item["name"])
