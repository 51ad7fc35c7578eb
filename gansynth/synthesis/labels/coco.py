"""COCO's json of detection: one file for all pictures."""

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gansynth import files
from gansynth.synthesis.labels import checks, coco_entries, polygons, rle
from gansynth.synthesis.labels.objects import (
  LabelError,
  LabelledImage,
  LabelledObject,
)

SEGMENTATIONS = ("rle", "polygon")


@dataclasses.dataclass(frozen=True, eq=False)
class CocoFile:
  """What a file says.

  Attributes:
    path: of the file.
    images: by file name, in the file's order; pictures without objects too.
    class_names: in the order of their categories' ids.
    category_ids: the file's own, of each class.
    image_ids: the file's own, by file name.
    crowds: number of regions of crowds, which are left out.
    problems: what is wrong with annotations that were left out.
  """

  path: str
  images: dict[str, LabelledImage]
  class_names: tuple[str, ...]
  category_ids: tuple[int, ...]
  image_ids: dict[str, int]
  crowds: int = 0
  problems: tuple[str, ...] = ()


def read(
  path: str | os.PathLike[str], *, masks: bool = True, strict: bool = True
) -> CocoFile:
  """Reads the json of instances.

  Boxes are the file's, clipped where rounding puts them outside the picture.
  Segmentations may be polygons, rasterised as pycocotools does, or run
  lengths, compressed or not; one that covers no pixel makes no mask.

  Args:
    path: of the file.
    masks: whether to read segmentations, which takes most of the time.
    strict: annotations that cannot be used are an error; else they are left
      out and listed in `problems`. (COCO's own have some without height.)

  Raises:
    LabelError: the file, or something in it, cannot be used; the message names
      it, the value, and what is expected.
    OSError: the file cannot be read.
  """
  path = os.fspath(path)
  content = coco_entries.load(path)
  ids, names = coco_entries.read_categories(content["categories"], path)
  images, image_ids, file_names = coco_entries.read_images(
    content["images"], path
  )
  classes = {category: number for number, category in enumerate(ids)}
  found = {name: [] for name in images}
  problems = []
  crowds = 0
  for number, annotation in enumerate(content["annotations"]):
    where = f"{path}, annotation {number + 1}"
    try:
      coco_entries.require(
        annotation, ("image_id", "category_id", "bbox"), where
      )
      where += f" (id {annotation.get('id')})"
      if annotation.get("iscrowd"):
        crowds += 1
        continue
      name = coco_entries.look_up(file_names, annotation, "image_id", where)
      class_id = coco_entries.look_up(classes, annotation, "category_id", where)
      found[name].append(
        _read_object(annotation, class_id, images[name], masks, where)
      )
    except LabelError as error:
      problems.append(str(error))
  if problems and strict:
    raise LabelError(coco_entries.join(problems))
  return CocoFile(
    path,
    {
      name: dataclasses.replace(image, objects=tuple(found[name]))
      for name, image in images.items()
    },
    names,
    ids,
    image_ids,
    crowds,
    tuple(problems),
  )


def _read_object(annotation, class_id, image, masks, where) -> LabelledObject:
  left, top, width, height = coco_entries.box(annotation, where)
  box = checks.box_inside(
    (left, top, left + width, top + height), image.width, image.height, where
  )
  segmentation = annotation.get("segmentation")
  if not masks or not segmentation:
    return LabelledObject(class_id, box)
  try:
    mask = _read_mask(segmentation, image)
  except ValueError as error:
    raise LabelError(
      f"{where}: segmentation: {error}. Correct or remove it"
    ) from None
  return LabelledObject(class_id, box, mask if rle.area(mask) else None)


def _read_mask(segmentation, image) -> rle.Rle:
  """Reads polygons or run lengths; ValueError says what is wrong."""
  if isinstance(segmentation, list):
    return rle.from_polygons(segmentation, image.height, image.width)
  if not isinstance(segmentation, Mapping) or not (
    {"size", "counts"} <= segmentation.keys()
  ):
    raise ValueError(
      f"it is {segmentation!r:.60}; expected polygons, or run lengths with "
      "size and counts"
    )
  size = segmentation["size"]
  if size != [image.height, image.width]:
    raise ValueError(
      f"its size is {size!r:.40}; expected [{image.height}, {image.width}], "
      f"height and width of {image.name}"
    )
  counts = segmentation["counts"]
  if isinstance(counts, str):
    return rle.from_string(counts, image.height, image.width)
  if not isinstance(counts, list):
    raise ValueError(f"its counts are {counts!r:.40}; expected list or text")
  return rle.from_counts(counts, image.height, image.width)


def dataset(
  images: Iterable[LabelledImage],
  class_names: Sequence[str],
  *,
  info: Mapping[str, Any] | None = None,
  segmentation: str = "rle",
) -> dict[str, Any]:
  """Makes the content of a file of instances.

  Ids of images, annotations and categories count from 1, in the order given.

  Args:
    images: their names are different.
    class_names: in the order of class ids.
    info: what the file says of itself; values of JSON.
    segmentation: "rle" writes masks as compressed run lengths, "polygon" as
      outlines along the edges of pixels. Both give the mask again exactly, in
      pycocotools. An object without mask has the box as its polygon, for many
      readers, pycocotools' `annToMask` among them, fail without any.

  Raises:
    LabelError: a name is there twice, or an object has a class without one.
    ValueError: unknown segmentation.
  """
  return _dataset(images, class_names, info, segmentation, lambda each: each)


def _dataset(images, class_names, info, segmentation, form):
  """Makes the content, of which each value has been through `form`."""
  if segmentation not in SEGMENTATIONS:
    raise ValueError(
      f"segmentation is {segmentation!r}; expected one of "
      + ", ".join(SEGMENTATIONS)
    )
  names = checks.class_names(class_names)
  entries, annotations = [], []
  seen = set()
  for image_id, image in enumerate(images, 1):
    checks.class_ids(image, names)
    if image.name in seen:
      raise LabelError(
        f"two images are called {image.name!r}; expected different names"
      )
    seen.add(image.name)
    entry = {
      "id": image_id,
      "file_name": image.name,
      "width": int(image.width),
      "height": int(image.height),
    }
    entries.append(form(entry))
    for each in image.objects:
      annotation = {
        "id": len(annotations) + 1,
        "image_id": image_id,
        "category_id": int(each.class_id) + 1,
        **_shape(each, segmentation),
        "iscrowd": 0,
      }
      annotations.append(form(annotation))
  categories = [
    form({"id": number, "name": name, "supercategory": ""})
    for number, name in enumerate(names, 1)
  ]
  return {
    "info": form(dict(info or {})),
    "licenses": form([]),
    "categories": categories,
    "images": entries,
    "annotations": annotations,
  }


def write(
  path: str | os.PathLike[str],
  images: Iterable[LabelledImage],
  class_names: Sequence[str],
  *,
  info: Mapping[str, Any] | None = None,
  segmentation: str = "rle",
) -> None:
  """Writes a file of instances; the same labels make the same bytes.

  Args:
    path: an existing file is replaced; missing folders are made.
    images: see `dataset`, as all that follow.
    class_names: see there.
    info: see there.
    segmentation: see there.

  Raises:
    ValueError: see `dataset`.
    OSError: it could not be written.
  """
  # Encoded one by one, and joined once: there may be very many.
  content = _dataset(images, class_names, info, segmentation, _dump)
  pieces = []
  for key, value in content.items():
    pieces += [b",\n" if pieces else b"{\n", _dump(key), b": "]
    if not isinstance(value, list):
      pieces.append(value)
      continue
    for number, each in enumerate(value):
      pieces += [b",\n" if number else b"[\n", each]
    pieces.append(b"\n]" if value else b"[]")
  files.write_whole(path, b"".join([*pieces, b"\n}\n"]))


def _dump(value):
  return json.dumps(value, allow_nan=False).encode()


def _shape(labelled: LabelledObject, segmentation: str) -> dict[str, Any]:
  left, top, right, bottom = map(float, labelled.box)
  # Beyond the sixth decimal there is the noise of subtracting.
  box = [round(each, 6) for each in (left, top, right - left, bottom - top)]
  mask = labelled.mask
  if mask is None:
    rectangle = [left, top, right, top, right, bottom, left, bottom]
    area = round(box[2] * box[3], 6)
    return {"segmentation": [rectangle], "bbox": box, "area": area}
  if segmentation == "polygon":
    written = polygons.from_mask(rle.decode(mask))
  else:
    size = [int(mask.height), int(mask.width)]
    written = {"size": size, "counts": rle.to_string(mask)}
  return {"segmentation": written, "bbox": box, "area": rle.area(mask)}
