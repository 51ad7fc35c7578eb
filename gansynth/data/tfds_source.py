"""Pictures of a prepared TensorFlow Datasets data set, without TensorFlow.

The records are read from ArrayRecord files through `as_data_source`, and the
pictures are decoded here, not by TensorFlow Datasets, so that they are treated
like those of a folder. Prepared data sets are found on disk by their metadata;
the code that made them is not needed.
"""

import os
from typing import Any

from gansynth import images


class TfdsSource:
  """Pictures of one split of a prepared data set.

  Items: `image` uint8 (H, W, 3), `name` (the feature `name` if there is one,
  else the split and the number).

  Args:
    name: as TensorFlow Datasets writes it, e.g. `cycle_gan/horse2zebra`,
      `two_folders/mine` or `gta2cityscapes:1.0.0`.
    split: e.g. "trainA"; slices such as "trainA[:10%]" work.
    data_dir: where it was prepared; None is TensorFlow Datasets' own default
      (the variable TFDS_DATA_DIR, else ~/tensorflow_datasets).
    max_size: keep the first so many; 0 or None keeps all.
    key: feature of the pictures.

  Raises:
    ValueError: not prepared there, not as ArrayRecord, no such split, or no
      such feature; the message says how to prepare it.
  """

  def __init__(
    self,
    name: str,
    split: str,
    data_dir: str | os.PathLike | None = None,
    max_size: int | None = None,
    key: str = "image",
  ):
    self.name = name
    self.split = split
    self.key = key
    self.data_dir = None if data_dir is None else os.fspath(data_dir)
    self._records = self._open()
    length = len(self._records)
    self._length = min(length, max_size) if max_size else length
    if self._length == 0:
      raise ValueError(f"split {split!r} of {name!r} is empty.")

  def _open(self) -> Any:
    """Finds the records on disk."""
    advice = _how_to_prepare(self.name, self.data_dir)
    builder = find(self.name, self.data_dir, advice)
    if self.key not in builder.info.features:
      raise ValueError(
        f"data set {self.name!r} has no feature {self.key!r}; it has "
        f"{', '.join(sorted(builder.info.features))}. Use one that has."
      )
    return records(builder, self.split, advice)

  def __getstate__(self) -> dict:
    # Open files do not travel to another process.
    return {k: v for k, v in self.__dict__.items() if k != "_records"}

  def __setstate__(self, state: dict) -> None:
    self.__dict__.update(state)
    self._records = self._open()

  def __len__(self) -> int:
    return self._length

  def __getitem__(self, index: int) -> dict:
    record = self._records[index]
    label = record.get("name", f"{self.split}_{index:06d}.png")
    name = label.decode() if isinstance(label, bytes) else str(label)
    path = f"{name} of {self.name}/{self.split}"
    image = images.read(bytes(record[self.key]), name=path)
    return {"image": image, "name": name, "path": path}


def splits(name: str, data_dir: str | os.PathLike | None = None) -> list[str]:
  """Lists the splits of a prepared data set; arguments as of `TfdsSource`."""
  data_dir = None if data_dir is None else os.fspath(data_dir)
  builder = find(name, data_dir, _how_to_prepare(name, data_dir))
  return sorted(builder.info.splits)


def find(name: str, data_dir: str | None, advice: str) -> Any:
  """Finds a prepared data set on disk.

  Args:
    name: see `TfdsSource`.
    data_dir: see `TfdsSource`.
    advice: how it is prepared, for errors.

  Returns:
    A builder that can only read.

  Raises:
    ValueError: it is not there.
  """
  import tensorflow_datasets as tfds
  from tensorflow_datasets.core import read_only_builder

  if not name:
    raise ValueError(
      "tfds_name is empty; expected e.g. 'cycle_gan/horse2zebra'."
    )
  try:
    return read_only_builder.builder_from_files(name, data_dir=data_dir)
  except tfds.core.DatasetNotFoundError:
    where = data_dir or "TensorFlow Datasets' default folder"
    raise ValueError(
      f"data set {name!r} is not prepared in {where!r}. {advice}"
    ) from None


def records(builder: Any, split: str, advice: str) -> Any:
  """Opens a split of `find`'s data set; its pictures stay encoded bytes.

  Raises:
    ValueError: there is no such split, or no access at random.
  """
  import tensorflow_datasets as tfds

  known = sorted(builder.info.splits)
  where = f"data set {builder.info.full_name!r} in {builder.data_path!s}"
  if split.split("[")[0] not in known:
    raise ValueError(
      f"{where} has no split {split!r}; it has {', '.join(known)}."
    )
  decoders = {
    key: tfds.decode.SkipDecoding()
    for key, feature in builder.info.features.items()
    if isinstance(feature, tfds.features.Image)
  }
  try:
    return builder.as_data_source(split=split, decoders=decoders)
  except NotImplementedError:
    raise ValueError(
      f"{where} is stored as {builder.info.file_format.value}, which has no "
      "random access. Delete it or choose another tfds_data_dir. " + advice
    ) from None


def _how_to_prepare(name: str, data_dir: str | None) -> str:
  """The commands that make a data set, for error messages."""
  option = f" --data_dir {data_dir}" if data_dir else ""
  short = name.split(":")[0]
  ours = short.removeprefix("two_folders/").replace("/", "_")
  return (
    "Prepare it with\n"
    f"  tfds build {short} --file_format=array_record{option}\n"
    "which needs TensorFlow for most data sets of the catalogue; or, from "
    "folders of pictures and without it, with\n"
    f"  python tools/build_dataset.py --name {ours} --folder_a TRAIN_A "
    f"--folder_b TRAIN_B --test_folder_a TEST_A --test_folder_b TEST_B{option}"
    "\nand set tfds_name to the name that it prints."
  )
