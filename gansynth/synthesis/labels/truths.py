"""Labels that detections are scored against, as numbers."""

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

import numpy as np

from gansynth import images
from gansynth.evaluation.detection import Truth
from gansynth.synthesis.labels import rle
from gansynth.synthesis.labels.objects import LabelError, LabelledObject

_BEYOND = 1.0  # pixels that rounding may put an edge outside


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
  """A picture's size and what is on it."""

  height: int
  width: int
  truth: Truth


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
  """What pictures hold.

  Attributes:
    path: where they were read.
    kind: `coco`, `yolo` or `voc`.
    pictures: by name, which is the file's, or VOC's id; those without objects
      too.
    class_names: in the order of class ids.
    category_ids: of classes in COCO's files; of others, empty.
    image_ids: names by the ids of COCO's files; of others, empty.
    notes: what was passed over, or looks wrong.
  """

  path: str
  kind: str
  pictures: Mapping[str, Picture]
  class_names: tuple[str, ...]
  category_ids: tuple[int, ...] = ()
  image_ids: Mapping[int, str] = dataclasses.field(default_factory=dict)
  notes: tuple[str, ...] = ()


def stem(name: str) -> str:
  """A picture's name with folders but without the ending of pictures."""
  base, dot, ending = name.rpartition(".")
  known = dot and ending.lower() in images.EXTENSIONS
  return PurePath(base if known else name).as_posix()


def outside(
  boxes: np.ndarray, width: int, height: int, beyond: float = _BEYOND
) -> np.ndarray:
  """Which boxes, `[left, top, width, height]`, leave a picture: bool (n,)."""
  left, top, box_width, box_height = boxes.reshape(-1, 4).T
  return (
    (left < -beyond)
    | (top < -beyond)
    | (left + box_width > width + beyond)
    | (top + box_height > height + beyond)
  )


def check_box(box: Sequence[float], where: str) -> None:
  """Raises LabelError unless a box is finite and of no negative size."""
  if not np.isfinite(box).all() or box[2] < 0 or box[3] < 0:
    raise LabelError(
      f"{where}: the box is {list(box)}; expected finite left, top, width and "
      "height, the latter two not negative. Correct or remove it"
    )


def of_rows(
  objects: Sequence[tuple[Sequence[float], int, float, bool]],
) -> Truth:
  """Takes box, class, area and whether it is ignored, of each object."""
  boxes, class_ids, areas, ignored = (
    list(zip(*objects, strict=True)) or [()] * 4
  )
  return Truth(
    np.array(boxes, np.float64).reshape(-1, 4),
    np.array(class_ids, np.int64),
    np.array(areas, np.float64),
    np.array(ignored, bool),
  )


def of_objects(objects: Iterable[LabelledObject]) -> Truth:
  """The same of labels; an object's area is its mask's where it has one."""
  rows = []
  for each in objects:
    left, top, right, bottom = each.box
    area = (right - left) * (bottom - top)
    if each.mask is not None:
      area = rle.area(each.mask)
    box = (left, top, right - left, bottom - top)
    rows.append((box, each.class_id, area, each.difficult))
  return of_rows(rows)


def outside_notes(path: str, pictures: Mapping[str, Picture]) -> list[str]:
  """What to say of labels that reach beyond their pictures."""
  leaving = {
    name: int(np.count_nonzero(found))
    for name, each in pictures.items()
    if (found := outside(each.truth.boxes, each.width, each.height)).any()
  }
  if not leaving:
    return []
  first = next(iter(leaving))
  return [
    f"{path}: {sum(leaving.values())} boxes reach beyond their picture, the "
    f"first on {first} of {pictures[first].width} x {pictures[first].height} "
    "pixels; are the sizes right?"
  ]


def compare_sizes(labels: Labels, folder: str | os.PathLike[str]) -> None:
  """Compares sizes in labels with those of pictures.

  Raises:
    LabelError: a picture is missing, or has another size.
    ImageError: a picture cannot be read.
  """
  found = {}
  for path in images.list_images(folder):
    found.setdefault(stem(os.path.relpath(path, folder)), path)
    found.setdefault(stem(os.path.basename(path)), path)
  for name, each in labels.pictures.items():
    path = found.get(stem(name)) or found.get(stem(os.path.basename(name)))
    if path is None:
      raise LabelError(
        f"{labels.path}: there is no picture {name} in {folder}; expected one "
        f"for each of the {len(labels.pictures)} that are labelled. Correct "
        "the folder (--images), or leave it out"
      )
    height, width = images.size(path)
    if (height, width) != (each.height, each.width):
      raise LabelError(
        f"{path}: is {width} x {height} pixels (width x height); by "
        f"{labels.path} it is {each.width} x {each.height}. Label and detect "
        "on the same pictures"
      )
