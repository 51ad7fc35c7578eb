"""Objects cut out of the photographs of a COCO json."""

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gansynth import images as pictures
from gansynth.synthesis import picture_folders
from gansynth.synthesis.cutouts import Annotation, Box, Cutout
from gansynth.synthesis.labels import coco, rle
from gansynth.synthesis.labels.objects import (
  LabelError,
  LabelledImage,
  LabelledObject,
)
from gansynth.synthesis.recent import Recent

_KEPT = 64 << 20  # bytes of cut-outs in memory
_PHOTOGRAPHS = 32 << 20  # bytes of photographs in memory
_MEMBER = 0.5  # share of a box within another's, from which on it belongs to it
Paths = str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]]


@dataclasses.dataclass(frozen=True)
class _Entry:
  """One object of a photograph."""

  labelled: LabelledImage
  path: str
  number: int

  @property
  def object(self) -> LabelledObject:
    return self.labelled.objects[self.number]


class CocoObjects:
  """One cut-out for each annotation of COCO files, crowds left out.

  A cut-out is the photograph around the object's box. With a segmentation,
  that is its `mask`, and other objects in the picture are surroundings;
  without, the whole box will be pasted, so what else lies in it (by half of
  its own box or more) is labelled too.

  Args:
    annotations: json file, or {domain: json file}.
    images: folder of the photographs, or {domain: folder}; None: `images`
      beside the json file where that exists, else the folder of the file.
    margin: pixels of surroundings on each side, as far as there are any.
    class_names: those to take, in this order; None: all. Objects of others are
      passed over.
    truncated: whether to take objects that touch the photograph's border and
      may be cut off there.

  Raises:
    ValueError: a file cannot be used; the message names it. (Annotations that
      cannot be used are problems for `check`.)
    OSError: a file cannot be read.
  """

  def __init__(
    self,
    annotations: Paths,
    images: Paths | None = None,
    margin: int = 20,
    class_names: Sequence[str] | None = None,
    truncated: bool = False,
  ) -> None:
    if margin < 0:
      raise ValueError(f"margin is {margin}; expected 0 or more pixels")
    if not isinstance(annotations, Mapping):
      annotations = {"": annotations}
    if not isinstance(images, Mapping):
      images = dict.fromkeys(annotations, images)
    self._paths = {
      domain: os.fspath(path) for domain, path in annotations.items()
    }
    self._margin = margin
    self._truncated = truncated
    files = {
      domain: coco.read(path, strict=False)
      for domain, path in self._paths.items()
    }
    self._problems = [each for file in files.values() for each in file.problems]
    known = dict.fromkeys(
      name for file in files.values() for name in file.class_names
    )
    self.class_names = tuple(class_names or known)
    missing = [name for name in self.class_names if name not in known]
    if missing:
      raise ValueError(
        f"{', '.join(self._paths.values())}: there is no class "
        f"{missing[0]!r}; expected some of {', '.join(known)}"
      )
    self._entries = {
      domain: self._list(file, _folder(self._paths[domain], images[domain]))
      for domain, file in files.items()
    }
    self._names = {
      domain: [f"{x.labelled.name}#{x.number:04d}" for x in entries]
      for domain, entries in self._entries.items()
    }
    self._recent = Recent(_KEPT)
    self._photographs = Recent(_PHOTOGRAPHS)

  def _list(self, file, folder) -> list[_Entry]:
    """Lists the objects to take, with class ids of `class_names`."""
    numbers = {name: number for number, name in enumerate(self.class_names)}
    entries = []
    for _, image in sorted(file.images.items()):
      kept = tuple(
        dataclasses.replace(
          each, class_id=numbers[file.class_names[each.class_id]]
        )
        for each in image.objects
        if file.class_names[each.class_id] in numbers
      )
      image = dataclasses.replace(image, objects=kept)
      path = os.path.join(folder, image.name)
      entries += [
        _Entry(image, path, number)
        for number, each in enumerate(kept)
        if self._truncated or not _touches(each.box, image)
      ]
    return entries

  def domains(self) -> list[str]:
    """See `ObjectSource`."""
    return list(self._entries)

  def names(self, domain: str) -> list[str]:
    """See `ObjectSource`: photograph and number of the object on it."""
    picture_folders.check_domain(domain, self._names)
    return self._names[domain]

  def size(self, domain: str, index: int) -> tuple[int, int]:
    """See `ObjectSource`."""
    left, top, right, bottom = self._window(self._entry(domain, index))
    return bottom - top, right - left

  def read(self, domain: str, index: int) -> Cutout:
    """See `ObjectSource`.

    Raises:
      ValueError: the photograph cannot be used, or is not the one that the
        json file describes.
      OSError: it cannot be read.
    """
    return self._recent.get((domain, index), lambda: self._cut(domain, index))

  def _entry(self, domain, index):
    picture_folders.check_domain(domain, self._entries)
    return self._entries[domain][index]

  def _window(self, entry) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the cut-out in the photograph."""
    left, top, right, bottom = entry.object.box
    return (
      max(0, math.floor(left) - self._margin),
      max(0, math.floor(top) - self._margin),
      min(entry.labelled.width, math.ceil(right) + self._margin),
      min(entry.labelled.height, math.ceil(bottom) + self._margin),
    )

  def _cut(self, domain, index) -> Cutout:
    entry = self._entry(domain, index)
    photograph = self._photographs.get(
      entry.path, lambda: pictures.read(entry.path)
    )
    wrong = self._wrong_size(domain, entry, photograph.shape[:2])
    if wrong:
      raise LabelError(wrong)
    window = self._window(entry)
    left, top, right, bottom = window
    annotation = _cut_object(entry.object, window)
    annotations = [annotation]
    mask = annotation.mask
    if mask is None:
      annotations += [
        _cut_object(dataclasses.replace(each, mask=None), window)
        for number, each in enumerate(entry.labelled.objects)
        if number != entry.number
        and _share_within(each.box, entry.object.box) >= _MEMBER
      ]
    return Cutout(
      self._names[domain][index],
      photograph[top:bottom, left:right].copy(),
      tuple(annotations),
      None if mask is None else mask.astype(np.float32),
    )

  def _wrong_size(self, domain, entry, size) -> str:
    """Says what is wrong with a photograph's (height, width), if anything."""
    image = entry.labelled
    if tuple(size) == (image.height, image.width):
      return ""
    return (
      f"{entry.path} is {size[1]} x {size[0]} pixels (width x height), and "
      f"{self._paths[domain]} says {image.width} x {image.height}; fetch the "
      "photograph that was labelled, or correct the file"
    )

  def check(self) -> list[str]:
    """See `ObjectSource`."""
    problems = [*self._problems]
    for domain, entries in self._entries.items():
      if not entries:
        reason = "" if self._truncated else " that is whole (truncated=True)"
        problems.append(
          f"{self._paths[domain]} has no object of the classes "
          f"{', '.join(self.class_names)}{reason}; choose other classes or "
          "another file"
        )
      photographs = {entry.path: entry for entry in entries}
      for path, entry in photographs.items():
        try:
          wrong = self._wrong_size(domain, entry, pictures.size(path))
        except FileNotFoundError:
          wrong = (
            f"{path} does not exist; {self._paths[domain]} names it. Put it "
            "there, or say where the images are"
          )
        except (ValueError, OSError) as error:
          wrong = str(error)
        problems += [wrong] if wrong else []
    return problems

  def described(self) -> dict[str, Any]:
    """See `ObjectSource`."""
    return {
      "kind": "coco",
      "path": {
        domain: os.path.abspath(path) for domain, path in self._paths.items()
      },
      "class_names": list(self.class_names),
      "margin": self._margin,
      "truncated": self._truncated,
      "domains": picture_folders.describe_names(self._names),
    }


def _folder(path, images):
  """Folder of the photographs of a json file."""
  if images is not None:
    return os.fspath(images)
  here = os.path.dirname(path)
  beside = os.path.join(here, "images")
  return beside if os.path.isdir(beside) else here


def _cut_object(labelled: LabelledObject, window) -> Annotation:
  """Moves a label from a photograph to a window of it."""
  left, top, right, bottom = window
  if labelled.mask is not None:
    mask = rle.decode(labelled.mask)[top:bottom, left:right]
    if mask.any():
      box = tuple(map(float, rle.box(rle.encode(mask))))
      return Annotation(labelled.class_id, box, np.ascontiguousarray(mask))
  x0, y0, x1, y1 = labelled.box
  box = (
    max(0.0, x0 - left),
    max(0.0, y0 - top),
    min(float(right - left), x1 - left),
    min(float(bottom - top), y1 - top),
  )
  return Annotation(labelled.class_id, box)


def _touches(box: Box, image: LabelledImage) -> bool:
  """Whether a box comes within a pixel of the photograph's border."""
  left, top, right, bottom = box
  return (
    min(left, top) < 1 or right > image.width - 1 or bottom > image.height - 1
  )


def _share_within(box: Box, other: Box) -> float:
  """What share of a box lies within another."""
  width = min(box[2], other[2]) - max(box[0], other[0])
  height = min(box[3], other[3]) - max(box[1], other[1])
  if min(width, height) <= 0:
    return 0.0
  return width * height / ((box[2] - box[0]) * (box[3] - box[1]))
