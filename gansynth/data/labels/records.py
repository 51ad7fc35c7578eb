"""Label maps in prepared TensorFlow Datasets, read without TensorFlow."""

import os
from typing import Any

import numpy as np
from absl import logging

from gansynth import images
from gansynth.data import tfds_source
from gansynth.data.labels import reading
from gansynth.data.labels.datasets import ReadItem

CITYSCAPES = "cityscapes/semantic_segmentation"
# What features may be called; the first names are the catalogue's.
_KEYS = {
  "image": ("image_left", "image"),
  "label": ("segmentation_label", "label"),
  "instance": ("instance",),
  "name": ("image_id", "name"),
}
_TEST_SPLITS = ("validation", "test", "val")


class LabelRecordsSource:
  """One split of a prepared data set with pictures and label maps.

  Items: as of `LabelFilesSource`, without a path.

  Args:
    name: as TensorFlow Datasets writes it.
    split: "train"; or "test" for the first there is of validation, test, val,
      else the training one (a log line says so).
    reader: of the label maps.
    instances: whether to give instance maps.
    data_dir: where it was prepared; None is TensorFlow Datasets' own default.
    max_size: keep the first so many; 0 keeps all.

  Raises:
    ValueError: not prepared there, not as ArrayRecord, or without a feature
      that is needed; the message says how to prepare it.
  """

  def __init__(
    self,
    name: str,
    split: str,
    reader: reading.LabelReader,
    *,
    instances: bool,
    data_dir: str | os.PathLike | None = None,
    max_size: int = 0,
  ):
    self.name = name
    self.reader = reader
    self.data_dir = None if data_dir is None else os.fspath(data_dir)
    self._advice = _how_to_prepare(name, self.data_dir)
    builder = tfds_source.find(name, self.data_dir, self._advice)
    self.split = split
    if split == "test":
      self.split = _test_split(name, builder.info.splits)
    self._keys = _find_keys(name, builder.info.features, instances)
    self._records = tfds_source.records(builder, self.split, self._advice)
    length = len(self._records)
    self._length = min(length, max_size) if max_size else length

  def __getstate__(self) -> dict:
    # Open files do not travel to another process.
    return {k: v for k, v in self.__dict__.items() if k != "_records"}

  def __setstate__(self, state: dict) -> None:
    self.__dict__.update(state)
    builder = tfds_source.find(self.name, self.data_dir, self._advice)
    self._records = tfds_source.records(builder, self.split, self._advice)

  def __len__(self) -> int:
    return self._length

  def __getitem__(self, index: int) -> dict:
    stored, name, where = self._stored(index)
    labels = self.reader(stored["label"], where.format("label map"))
    return _item(stored, labels, name, where)

  def read(self, index: int) -> ReadItem:
    """The item, with what is unknown in its label map; nothing is logged."""
    stored, name, where = self._stored(index)
    origin = where.format("label map")
    labels, unknown = self.reader.read(stored["label"], origin)
    return ReadItem(_item(stored, labels, name, where), unknown, origin)

  def _stored(self, index: int) -> tuple[dict[str, bytes], str, str]:
    """Encoded maps by kind, the item's name, and what to call each map."""
    record = self._records[index]
    stored = {kind: bytes(record[key]) for kind, key in self._keys.items()}
    name = f"{self.split}_{index:06d}"
    if "name" in stored:
      name = stored["name"].decode()
    return stored, name, f"{{}} of {name} in {self.name}/{self.split}"


def _item(
  stored: dict[str, bytes], labels: np.ndarray, name: str, where: str
) -> dict:
  item = {
    "label": labels,
    "image": images.read(stored["image"], name=where.format("picture")),
    "name": name,
  }
  if "instance" in stored:
    item["instance"] = reading.read_instances(
      stored["instance"], where.format("instance map")
    )
  return item


def create(
  config: Any, split: str, reader: reading.LabelReader, *, instances: bool
) -> LabelRecordsSource:
  """Makes the source of a split; the fields are listed in `labels.create`."""
  name = getattr(config, "tfds_name", None) or ""
  if config.source == "tfds_cityscapes":
    name = name or CITYSCAPES
  return LabelRecordsSource(
    name,
    split,
    reader,
    instances=instances,
    data_dir=getattr(config, "tfds_data_dir", None) or None,
    max_size=getattr(config, "max_dataset_size", None) or 0,
  )


def _test_split(name: str, splits: Any) -> str:
  for split in _TEST_SPLITS:
    if split in splits:
      return split
  logging.warning(
    "%r has no test split; samples and evaluation use the training one.",
    name,
  )
  return "train"


def _find_keys(name: str, features: Any, instances: bool) -> dict[str, str]:
  """Maps what is needed to the features that hold it."""
  found = {}
  for kind, names in _KEYS.items():
    if kind == "instance" and not instances:
      continue
    present = [key for key in names if key in features]
    if present:
      found[kind] = present[0]
    elif kind != "name":
      advice = "Use one that has."
      if kind == "instance":
        advice = "Set --config.data.instances=False."
      raise ValueError(
        f"data set {name!r} has no feature {' or '.join(map(repr, names))}; "
        f"it has {', '.join(sorted(features))}. {advice}"
      )
  return found


def _how_to_prepare(name: str, data_dir: str | None) -> str:
  """The command that makes a data set, for error messages."""
  option = f" --data_dir {data_dir}" if data_dir else ""
  if name == CITYSCAPES:
    command = f"--name cityscapes --labels cityscapes --root FOLDER{option}"
  else:
    ours = name.split(":")[0].split("/")[-1]
    command = (
      f"--name {ours} --labels custom_labels --num_labels N "
      f"--label_dir LABELS --image_dir PICTURES{option}"
    )
  return (
    "Prepare it, without TensorFlow, with\n"
    f"  python tools/build_dataset.py {command}\n"
    "and set tfds_name to the name that it prints."
  )
