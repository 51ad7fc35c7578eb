"""Pictures with boxes and masks as a TensorFlow Datasets data set.

ArrayRecord files are written without TensorFlow, and by the record: a builder
of TensorFlow Datasets writes the features of a record in another order in each
process. The features are those of the
catalogue's `coco/*`, with masks besides:

- `image`: the picture as it was encoded; `image/filename`; `image/id` from 0;
- `objects`: for each `bbox` (ymin, xmin, ymax, xmax as fractions of the
  sides), `label`, `area` in pixels (of the mask, else of the box, rounded),
  `id` from 0 over the whole data set, `is_crowd` (false), and `segmentation`,
  the mask's run lengths as `labels.rle.to_string` gives them, for the
  picture's size; "" where there is no mask.

Importing this module imports TensorFlow Datasets.
"""

import io
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from array_record.python import array_record_module
from tensorflow_datasets.proto import tf_example_pb2

from gansynth.synthesis.labels import checks, rle
from gansynth.synthesis.labels.objects import LabelError, LabelledImage

Examples = Iterable[tuple[bytes, LabelledImage]]
_VERSION = "1.0.0"
_READABLE = (b"\x89PNG", b"\xff\xd8\xff")  # by other readers, too
_WRITER_OPTIONS = "group_size:1"  # as TFDS has it, for access at random


def features(class_names: Sequence[str]) -> tfds.features.FeaturesDict:
  """Returns the features of a data set, see above."""
  kinds = tfds.features
  return kinds.FeaturesDict(
    {
      "image": kinds.Image(),
      "image/filename": kinds.Text(),
      "image/id": kinds.Scalar(np.int64),
      "objects": kinds.Sequence(
        {
          "area": kinds.Scalar(np.int64),
          "bbox": kinds.BBoxFeature(),
          "id": kinds.Scalar(np.int64),
          "is_crowd": kinds.Scalar(np.bool_),
          "label": kinds.ClassLabel(names=list(class_names)),
          "segmentation": kinds.Text(),
        }
      ),
    }
  )


def write(
  folder: str | os.PathLike[str],
  name: str,
  images: Examples | Callable[[], Examples],
  class_names: Sequence[str],
  split: str = "train",
  shard_size: int = 256 << 20,
) -> str:
  """Writes a data set of labelled pictures, in the order given.

  The same examples make the same bytes. An earlier data set of this name in
  the folder is replaced once the new one is whole.

  Args:
    folder: of data sets, `data_dir` to TensorFlow Datasets.
    name: of this one: letters, digits and underscores, beginning with a letter.
    images: the pictures' files, JPEG or PNG, with their labels; or a function
      that returns them. They are gone through once, one at a time.
    class_names: in the order of class ids.
    split: its only one.
    shard_size: bytes from which on the next file is begun.

  Returns:
    Where it is: `<folder>/<name>/1.0.0`, for `tfds.builder_from_directory`.

  Raises:
    LabelError: a class has no name, or one that cannot be kept; a box has no
      area or is not within its picture; or a picture is neither JPEG nor PNG.
    ValueError: a name cannot be used, or there are no pictures.
    OSError: it could not be written.
  """
  for what, value in (("data set", name), ("split", split)):
    if not (value.isidentifier() and value.isascii()):
      raise ValueError(
        f"{what} name {value!r}; expected letters, digits and underscores, "
        "beginning with a letter."
      )
  class_names = checks.class_names(class_names)
  folder = Path(folder).expanduser()
  unfinished = folder / f".{name}.unfinished"
  replaced = folder / f".{name}.replaced"
  for each in (unfinished, replaced):
    if each.exists():  # Of a killed process.
      shutil.rmtree(each)
  unfinished.mkdir(parents=True)
  try:
    kinds = features(class_names)
    records = _records(images, class_names, kinds)
    lengths, size = _write_shards(
      unfinished, f"{name}-{split}", records, shard_size
    )
    if not lengths:
      raise ValueError(
        f"data set {name!r} has no pictures; expected at least one"
      )
    tfds.folder_dataset.write_metadata(
      data_dir=unfinished,
      features=kinds,
      version=_VERSION,
      split_infos=[
        tfds.core.SplitInfo(name=split, shard_lengths=lengths, num_bytes=size)
      ],
      description="Pictures with labelled objects.",
      disable_shuffling=True,  # The order is the one that was given.
      check_data=False,  # It would want TensorFlow.
    )
    final = folder / name / _VERSION
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
      # Deleting takes a while, and half of it must not be taken for whole.
      os.replace(final, replaced)
    os.replace(unfinished, final)
  finally:
    for each in (unfinished, replaced):
      shutil.rmtree(each, ignore_errors=True)
  return os.fspath(final)


def _records(images, class_names, kinds) -> Iterable[bytes]:
  objects = 0
  for number, (data, image) in enumerate(
    images() if callable(images) else images
  ):
    checks.class_ids(image, class_names)
    if not data.startswith(_READABLE):
      raise LabelError(
        f"{image.name} is neither JPEG nor PNG, which is all that readers of "
        "the data set know; write it as one of them"
      )
    record = kinds.serialize_example(
      {
        "image": io.BytesIO(data),
        "image/filename": image.name,
        "image/id": number,
        "objects": [
          _entry(image, place, objects + place)
          for place in range(len(image.objects))
        ],
      }
    )
    objects += len(image.objects)
    example = tf_example_pb2.Example.FromString(record)
    yield example.SerializeToString(deterministic=True)


def _write_shards(folder, stem, records, shard_size) -> tuple[list[int], int]:
  """Writes files of records; returns how many each has, and bytes of all."""
  lengths, sizes = [], []
  writer = None
  try:
    for record in records:
      if writer is None:
        path = folder / f"{len(lengths):05d}"
        writer = array_record_module.ArrayRecordWriter(
          os.fspath(path), _WRITER_OPTIONS
        )
        lengths.append(0)
        sizes.append(0)
      writer.write(record)
      lengths[-1] += 1
      sizes[-1] += len(record)
      if sizes[-1] >= shard_size:
        writer.close()
        writer = None
  finally:
    if writer is not None:
      writer.close()
  for shard in range(len(lengths)):
    name = f"{stem}.array_record-{shard:05d}-of-{len(lengths):05d}"
    os.replace(folder / f"{shard:05d}", folder / name)
  return lengths, sum(sizes)


def _entry(image: LabelledImage, place: int, number: int):
  labelled = image.objects[place]
  # Relative labels come back as edges that are outside by rounding.
  left, top, right, bottom = checks.box_inside(
    tuple(map(float, labelled.box)),
    image.width,
    image.height,
    f"{image.name}, object {place + 1}",
  )
  mask = labelled.mask
  area = (right - left) * (bottom - top) if mask is None else rle.area(mask)
  return {
    "area": round(area),
    "bbox": tfds.features.BBox(
      ymin=top / image.height,
      xmin=left / image.width,
      ymax=bottom / image.height,
      xmax=right / image.width,
    ),
    "id": number,
    "is_crowd": False,
    "label": int(labelled.class_id),
    "segmentation": "" if mask is None else rle.to_string(mask),
  }
