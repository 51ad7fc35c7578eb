"""Pictures with label maps: what is stored, and what a step is fed."""

from collections.abc import Sequence

import numpy as np

from gansynth import images
from gansynth.data.labels import reading
from gansynth.data.labels.layouts import Entry
from gansynth.data.labels.preprocess import LabelPreprocess
from gansynth.data.sources import Source


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
    item = {
      "label": self.reader(entry.label),
      "image": images.read(entry.image),
    }
    if entry.instance is not None:
      item["instance"] = reading.read_instances(entry.instance)
    return {**item, "name": entry.name, "path": entry.image}


class LabelDataset:
  """Training and evaluation items of a source with `label` and `image`.

  Entries: `label` integers (H, W), uint8 where they fit; uint8 (H, W, 3) where
  label maps are pictures; `image` uint8 (H, W, 3); `instance` int32 (H, W) if
  the source has it; in evaluation also `name`, and `path` of files.

  Args:
    source: gives the stored items.
    preprocess: applied to all maps with one draw.
  """

  paired = True

  def __init__(self, source: Source, preprocess: LabelPreprocess):
    self.source = source
    self.preprocess = preprocess

  def __len__(self) -> int:
    return len(self.source)

  def sample(self, index: int, rng: np.random.Generator) -> dict:
    """Draws the training item `index`."""
    item = self.source[index]
    return self.preprocess.train(_maps(item), rng, _origin(item))

  def __getitem__(self, index: int) -> dict:
    item = self.source[index]
    names = {key: item[key] for key in ("name", "path") if key in item}
    return {**self.preprocess.evaluate(_maps(item), _origin(item)), **names}


def _maps(item: dict) -> dict[str, np.ndarray]:
  keys = ("label", "image", "instance")
  return {key: item[key] for key in keys if key in item}


def _origin(item: dict) -> str:
  return item.get("path", item["name"])
