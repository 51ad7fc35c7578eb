"""COCO's panoptic format from instance maps of Cityscapes.

What cityscapesScripts' `createPanopticImgs` makes of `_instanceIds.png`. Only
the 19 evaluated classes are kept; other pixels are 0.
"""

import json
import os
from collections.abc import Sequence

import numpy as np

from gansynth import files, images
from gansynth.data.labels import cityscapes, reading

_SUFFIX = "_gtFine_instanceIds.png"


def segments(
  instances: np.ndarray, train_ids: bool = False, name: str = "the map"
) -> tuple[np.ndarray, list[dict]]:
  """Converts one instance map.

  Args:
    instances: integers (height, width): id * 1000 + counter, or the id for
      stuff and groups (which become crowds).
    train_ids: whether category_id is the train id; segments keep their ids.
    name: what to call the map in errors.

  Returns:
    The picture, uint8 (height, width, 3), whose r + 256 g + 65536 b is the
    segment's id; and `segments_info`: for each segment, by id, its id,
    category_id, area, bbox (x, y, width, height) and iscrowd.

  Raises:
    ValueError: an id is none of Cityscapes.
  """
  picture = np.zeros((*instances.shape, 3), np.uint8)
  infos = []
  for segment in np.unique(instances).tolist():
    counted = segment >= cityscapes.INSTANCE_STEP
    number = segment // cityscapes.INSTANCE_STEP if counted else segment
    label = cityscapes.BY_ID.get(number)
    if label is None:
      raise ValueError(
        f"{name}: holds {segment}, an instance of label {number}; expected "
        "ids 0 to 33, or these times 1000 plus a counter."
      )
    if label.ignore_in_eval:
      continue
    mask = instances == segment
    picture[mask] = segment & 255, segment >> 8 & 255, segment >> 16
    columns = np.flatnonzero(mask.any(0)).tolist()
    rows = np.flatnonzero(mask.any(1)).tolist()
    infos.append(
      {
        "id": segment,
        "category_id": label.train_id if train_ids else label.id,
        "area": int(mask.sum()),
        "bbox": [
          columns[0],
          rows[0],
          columns[-1] - columns[0] + 1,
          rows[-1] - rows[0] + 1,
        ],
        "iscrowd": int(label.has_instances and not counted),
      }
    )
  return picture, infos


def categories(train_ids: bool = False) -> list[dict]:
  """The `categories` of the JSON file."""
  return [
    {
      "id": label.train_id if train_ids else label.id,
      "name": label.name,
      "color": list(label.color),
      "supercategory": label.category,
      "isthing": int(label.has_instances),
    }
    for label in cityscapes.LABELS
    if not label.ignore_in_eval
  ]


def convert(
  name: str, instances: np.ndarray, train_ids: bool = False
) -> tuple[dict, dict, np.ndarray]:
  """Converts one instance map.

  Args:
    name: of its file, `<stem>_gtFine_instanceIds.png`.
    instances: see `segments`.
    train_ids: see `segments`.

  Returns:
    The entries of the JSON file's `images` and `annotations`, and the picture
    whose `file_name` is in the second.

  Raises:
    ValueError: the name or an id is not as Cityscapes has it.
  """
  if not name.endswith(_SUFFIX):
    raise ValueError(f"{name!r} does not end in {_SUFFIX!r}; rename it.")
  stem = name.removesuffix(_SUFFIX)
  picture, infos = segments(instances, train_ids, name)
  image = {
    "id": stem,
    "width": instances.shape[1],
    "height": instances.shape[0],
    # No file has this name, but the original gives it.
    "file_name": f"{stem}_gtFine_leftImg8bit.png",
  }
  annotation = {
    "image_id": stem,
    "file_name": f"{stem}_gtFine_panoptic.png",
    "segments_info": infos,
  }
  return image, annotation, picture


def to_json(
  shown: Sequence[dict], annotations: Sequence[dict], train_ids: bool = False
) -> str:
  """The text of the JSON file, laid out as the original's.

  Args:
    shown: the entries of `images`, see `convert`.
    annotations: see `convert`.
    train_ids: see `segments`.
  """
  document = {
    "images": shown,
    "annotations": annotations,
    "categories": categories(train_ids),
  }
  return json.dumps(document, sort_keys=True, indent=4)


def write(
  root: str | os.PathLike,
  output: str | os.PathLike,
  split: str = "val",
  train_ids: bool = False,
) -> str:
  """Converts a split of the folder as downloaded.

  Writes `cityscapes_panoptic_<split>[_trainId].json` and a folder of that name
  with the pictures.

  Args:
    root: holds `gtFine/<split>`.
    output: where to.
    split: "train", "val" or "test".
    train_ids: see `segments`.

  Returns:
    The path of the JSON file.
  """
  folder = os.path.join(root, "gtFine", split)
  paths = [
    path for path in images.list_images(folder) if path.endswith(_SUFFIX)
  ]
  if not paths:
    raise images.ImageError(
      f"{folder!r} holds no *{_SUFFIX}, in it or below. Correct the path, or "
      "unpack gtFine_trainvaltest.zip."
    )
  name = f"cityscapes_panoptic_{split}" + ("_trainId" if train_ids else "")
  shown, annotations = [], []
  for path in paths:
    image, annotation, picture = convert(
      os.path.basename(path), reading.read_instances(path), train_ids
    )
    shown.append(image)
    annotations.append(annotation)
    images.write(os.path.join(output, name, annotation["file_name"]), picture)
  path = os.path.join(output, f"{name}.json")
  text = to_json(shown, annotations, train_ids)
  files.write_whole(path, text.encode(), "panoptic annotations")
  return path
