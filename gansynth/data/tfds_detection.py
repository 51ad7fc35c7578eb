"""Pictures with boxes and masks as a TensorFlow Datasets data set.

ArrayRecord files are written without TensorFlow. The features are those of the
catalogue's `coco/*`, with masks besides:

- `image`: the picture as it was encoded; `image/filename`; `image/id`;
- `objects`: for each `bbox` (ymin, xmin, ymax, xmax as fractions of the
  sides), `label`, `area` in pixels (of the mask, else of the box, rounded),
  `id`, `is_crowd` (false), and `segmentation`, the mask's run lengths as
  `labels.rle.to_string` gives them, for the picture's size; "" where there is
  no mask.

Ids count from 1 over the whole data set, as `labels.coco` counts them.

Importing this module imports TensorFlow Datasets.
"""

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from array_record.python import array_record_module
from tensorflow_datasets.proto import tf_example_pb2

from gansynth.synthesis.labels import checks, rle
from gansynth.synthesis.labels.objects import (
  LabelError,
  LabelledImage,
  LabelledObject,
)

VERSION = "1.0.0"
_FORMAT = "array_record"
_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff")
_Examples = Callable[[], Iterable[tuple[bytes, LabelledImage]]]


def write(
  folder: str | os.PathLike[str],
  name: str,
  examples: _Examples,
  class_names: Sequence[str],
  split: str = "train",
  *,
  shard_size: int = 256 << 20,
) -> str:
  """Writes a data set of labelled pictures, in the order given.

  It is written aside and renamed when it is whole; then it replaces an earlier
  one of the same name. One process at a time may write a data set: what lies
  aside when it begins is taken for a killed one's, and deleted.

  The same examples make the same bytes in every file.

  Args:
    folder: of data sets, `data_dir` to TensorFlow Datasets.
    name: of this one: letters, digits and underscores, beginning with a letter.
    examples: returns the pictures' files, JPEG or PNG, with their labels. They
      are gone through once, one at a time.
    class_names: in the order of class ids.
    split: its only one; named as the data set is.
    shard_size: bytes of records from which on the next file is begun.

  Returns:
    Where it is: `<folder>/<name>/1.0.0`, for `tfds.builder_from_directory`.

  Raises:
    LabelError: the labels cannot be written, a picture is neither JPEG nor
      PNG, or there is none.
    ValueError: the name of the data set or of the split cannot be used.
    OSError: it could not be written.
  """
  for what, value in (("data set", name), ("split", split)):
    if not (value.isidentifier() and value.isascii() and value[0] != "_"):
      raise ValueError(
        f"{what} name {value!r}; expected letters, digits and underscores, "
        "beginning with a letter"
      )
  class_names = checks.class_names(class_names)
  folder = Path(folder).expanduser().absolute()
  folder.mkdir(parents=True, exist_ok=True)
  for killed in folder.glob(f".{name}.*.tmp"):
    shutil.rmtree(killed, ignore_errors=True)
  aside = Path(tempfile.mkdtemp(dir=folder, prefix=f".{name}.", suffix=".tmp"))
  try:
    # A temporary folder is private; one in it has the usual permissions.
    unfinished = aside / name / VERSION
    unfinished.mkdir(parents=True)
    files = tfds.core.ShardedFileTemplate(
      data_dir=unfinished,
      dataset_name=name,
      split=split,
      filetype_suffix=_FORMAT,
    )
    features = _features(class_names)
    records = _records(features, examples(), class_names)
    lengths, size = _write_shards(files, records, shard_size)
    if not lengths:
      raise LabelError(
        f"{folder / name}: there is no picture to write; expected at least one"
      )
    tfds.folder_dataset.write_metadata(
      data_dir=unfinished,
      features=features,
      split_infos=[
        tfds.core.SplitInfo(
          name=split,
          shard_lengths=lengths,
          num_bytes=size,
          filename_template=files,
        )
      ],
      version=VERSION,
      filename_template=files,
      check_data=False,  # It would be read with TensorFlow.
      description="Pictures with labelled objects.",
      disable_shuffling=True,  # The order is the one that was given.
    )
    final = folder / name / VERSION
    final.parent.mkdir(exist_ok=True)
    if final.exists():
      os.replace(final, aside / "replaced")
    os.replace(unfinished, final)
  finally:
    shutil.rmtree(aside, ignore_errors=True)
  return os.fspath(final)


def _features(class_names: Sequence[str]) -> tfds.features.FeaturesDict:
  features = tfds.features
  return features.FeaturesDict(
    {
      "image": features.Image(),
      "image/filename": features.Text(),
      "image/id": features.Scalar(np.int64),
      "objects": features.Sequence(
        {
          "area": features.Scalar(np.int64),
          "bbox": features.BBoxFeature(),
          "id": features.Scalar(np.int64),
          "is_crowd": features.Scalar(np.bool_),
          "label": features.ClassLabel(names=list(class_names)),
          "segmentation": features.Text(),
        }
      ),
    }
  )


def _records(features, examples, class_names) -> Iterator[bytes]:
  """Yields the records of examples."""
  objects = 0
  for image_id, (data, image) in enumerate(examples, 1):
    checks.class_ids(image, class_names)
    if not data.startswith(_SIGNATURES):
      raise LabelError(
        f"{image.name}: the file begins with {bytes(data[:4])!r}; expected a "
        "JPEG or PNG, which are all that readers of the data set know. Convert "
        "it"
      )
    entries = [
      _entry(each, number, image)
      for number, each in enumerate(image.objects, objects + 1)
    ]
    objects += len(entries)
    record = features.serialize_example(
      {
        "image": io.BytesIO(data),
        "image/filename": image.name,
        "image/id": image_id,
        "objects": entries,
      }
    )
    # The features are a map, which each process writes in an order of its own
    # unless it is told not to.
    example = tf_example_pb2.Example.FromString(record)
    yield example.SerializeToString(deterministic=True)


def _entry(
  labelled: LabelledObject, number: int, image: LabelledImage
) -> dict[str, Any]:
  where = f"{image.name}, object with the box {labelled.box}"
  left, top, right, bottom = checks.box_inside(
    tuple(map(float, labelled.box)), image.width, image.height, where
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


def _write_shards(files, records, shard_size) -> tuple[list[int], int]:
  """Writes records; returns how many are in each file, and bytes of all."""
  lengths, total = [], 0
  writer, written = None, 0
  paths = []
  try:
    for record in records:
      if writer is None:
        paths.append(files.data_dir / f"{len(paths)}.tmp")
        # TensorFlow Datasets' own choice: each record can be read alone.
        writer = array_record_module.ArrayRecordWriter(
          os.fspath(paths[-1]), "group_size:1"
        )
        lengths.append(0)
        written = 0
      writer.write(record)
      lengths[-1] += 1
      written += len(record)
      total += len(record)
      if written >= shard_size:
        writer.close()
        writer = None
  finally:
    if writer is not None:
      writer.close()
  # Only now it is known how many there are, which their names tell.
  for index, path in enumerate(paths):
    os.replace(
      path, files.sharded_filepath(shard_index=index, num_shards=len(paths))
    )
  return lengths, total
