"""Cut-outs that are a picture file each: labelled crops, transparent pictures.

They are sources of objects, see `object_sources.ObjectSource`.
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from gansynth import images
from gansynth.synthesis import picture_folders
from gansynth.synthesis.cutouts import Annotation, Cutout
from gansynth.synthesis.labels import checks, rle, yolo
from gansynth.synthesis.labels.objects import LabelError, LabelledObject
from gansynth.synthesis.recent import Recent

_KEPT = 64 << 20  # bytes of cut-outs in memory, for each source


class _Files:
  """Cut-outs that are a picture file each."""

  kind = ""
  class_names: tuple[str, ...] = ()

  def __init__(
    self, root: str | os.PathLike[str], found: picture_folders.Pictures
  ) -> None:
    self.root = os.fspath(root)
    self._pictures = found
    self._recent = Recent(_KEPT)

  def domains(self) -> list[str]:
    """See `ObjectSource`."""
    return self._pictures.domains()

  def names(self, domain: str) -> list[str]:
    """See `ObjectSource`."""
    return self._pictures.names(domain)

  def path(self, domain: str, index: int) -> str:
    """Path of the picture of cut-out `index`."""
    return self._pictures.path(domain, index)

  def read(self, domain: str, index: int) -> Cutout:
    """See `ObjectSource`.

    Raises:
      ValueError: picture or label cannot be used; the message names the file.
      OSError: a file cannot be read.
    """
    return self._recent.get((domain, index), lambda: self._make(domain, index))

  def _make(self, domain: str, index: int) -> Cutout:
    raise NotImplementedError

  def size(self, domain: str, index: int) -> tuple[int, int]:
    """See `ObjectSource`; raises as `images.size` does."""
    return self._pictures.size(domain, index)

  def check(self) -> list[str]:
    """See `ObjectSource`."""
    return self._pictures.check("cut-outs")

  def described(self) -> dict[str, Any]:
    """See `ObjectSource`."""
    return {
      "kind": self.kind,
      "path": os.path.abspath(self.root),
      "class_names": list(self.class_names),
      "domains": self._pictures.described(),
    }


class YoloCrops(_Files):
  """Crops with YOLO labels, in the climate programs' layout.

  Pictures are `<root>/images/<domain>/*` or `<root>/images/*`. A picture's
  label file has its path with the last folder `images` called `labels`, and
  the ending `.txt`. (The climate programs replace every `images` in the path,
  which goes wrong where a folder above root is called so.) All objects of a
  file are taken, with their classes.

  Args:
    root: folder that holds `images` and `labels`.
    class_names: None: those of a file of names in root; without one, "object"
      if no label has another class than 0.
    domains: to use, in this order; None: all.
    one_class: take all labels for the first class, whatever they say.

  Raises:
    ValueError: another layout, or classes without names.
  """

  kind = "yolo"

  def __init__(
    self,
    root: str | os.PathLike[str],
    class_names: Sequence[str] | None = None,
    domains: Sequence[str] | None = None,
    one_class: bool = False,
  ) -> None:
    self._one_class = one_class
    folder = os.path.join(os.fspath(root), "images")
    if not os.path.isdir(folder):
      raise ValueError(
        f"{os.fspath(root)!r} holds no folder `images`; expected images/ with "
        "crops, or a folder of them for each domain, and labels/ beside it"
      )
    super().__init__(root, picture_folders.find(folder, domains))
    self.class_names = tuple(class_names or self._find_names())

  def label_path(self, domain: str, index: int) -> str:
    """Path of the label file of crop `index`."""
    return str(yolo.label_path(self.path(domain, index)))

  def first_label(self, domain: str, index: int) -> tuple[float, ...]:
    """The numbers of the first line that labels a box, as they are written.

    Raises:
      LabelError: there is none.
    """
    path = self.label_path(domain, index)
    for line in checks.read_text(path).splitlines():
      if len(words := line.split()) == 5:
        return tuple(map(float, words))
    raise LabelError(
      f"{path} has no line `class x y width height`; label a box, or remove "
      "the crop"
    )

  def _find_names(self):
    """Names of the classes where none were given."""
    names = yolo.read_classes(self.root)
    if names is not None:
      return names
    for domain in self.domains():
      for index in range(len(self.names(domain))):
        try:
          found = self._labels(domain, index, None)
        except (ValueError, OSError):
          continue  # `check` names it.
        unnamed = [each.class_id for each in found if each.class_id != 0]
        if unnamed:
          raise LabelError(
            f"{self.label_path(domain, index)} has an object of class "
            f"{unnamed[0]}, and the classes have no names; give class_names, "
            f"or put data.yaml or classes.txt into {self.root}"
          )
    return ("object",)

  def _labels(self, domain, index, num_classes) -> tuple[LabelledObject, ...]:
    height, width = self.size(domain, index)
    path = self.label_path(domain, index)
    if not self._one_class:
      return yolo.read(path, width, height, num_classes)
    found = yolo.read(path, width, height, None)
    return tuple(dataclasses.replace(each, class_id=0) for each in found)

  def _make(self, domain: str, index: int) -> Cutout:
    image = images.read(self.path(domain, index))
    annotations = tuple(
      Annotation(
        each.class_id,
        each.box,
        None if each.mask is None else rle.decode(each.mask),
      )
      for each in self._labels(domain, index, len(self.class_names))
    )
    return Cutout(self.names(domain)[index], image, annotations)

  def check(self) -> list[str]:
    """See `ObjectSource`; reads all labels."""
    problems = super().check()
    for domain in self.domains():
      owners = {}
      for index in range(len(self.names(domain))):
        label = self.label_path(domain, index)
        path = self.path(domain, index)
        if label in owners:
          problems.append(
            f"{path} and {owners[label]} have the same label file {label}; "
            "rename one of them"
          )
          continue
        owners[label] = path
        problems += self._label_problems(domain, index, path, label)
    return problems

  def _label_problems(self, domain, index, path, label):
    if not os.path.exists(label):
      return [
        f"{label} does not exist; expected the labels of {path}. Add the file, "
        "or remove the picture"
      ]
    try:
      self.size(domain, index)
    except (ValueError, OSError):
      return []  # The picture is named already.
    try:
      found = self._labels(domain, index, len(self.class_names))
    except (ValueError, OSError) as error:
      return [str(error)]
    if not found:
      return [
        f"{label} holds no object; expected those on {path}. Label them, or "
        "remove the picture"
      ]
    return []


class RgbaCutouts(_Files):
  """Pictures with transparency, a folder for each class.

  Files are `<root>/<class>/*` or `<root>/<domain>/<class>/*`. What is at least
  half opaque is the object, and its box is drawn round that.

  Args:
    root: the folder.
    class_names: which class has which number; None: sorted by name.
    domains: to use, in this order; None: all.
    nested: whether there are folders of domains; None: if all pictures lie two
      folders deep or more.

  Raises:
    ValueError: another layout, or a folder that is none of `class_names`.
  """

  kind = "rgba"

  def __init__(
    self,
    root: str | os.PathLike[str],
    class_names: Sequence[str] | None = None,
    domains: Sequence[str] | None = None,
    nested: bool | None = None,
  ) -> None:
    root = os.fspath(root)
    listed = images.list_images(root)
    depths = {
      path: len(PurePath(os.path.relpath(path, root)).parts) - 1
      for path in listed
    }
    if nested is None:
      nested = min(depths.values()) >= 2
    shallow = [path for path in listed if depths[path] < 1 + nested]
    if shallow:
      expected = "<domain>/<class>/*.png" if nested else "<class>/*.png"
      raise ValueError(
        f"{shallow[0]} lies in no folder of a class; expected {expected} below "
        f"{root}. Move it there"
      )
    found = (
      picture_folders.find(root, domains)
      if nested
      else picture_folders.Pictures(
        root, {"": picture_folders.name_files(root, listed)}
      )
    )
    super().__init__(root, found)
    classes = {
      name.split("/")[0]: self.path(domain, index)
      for domain in self.domains()
      for index, name in enumerate(self.names(domain))
    }
    self.class_names = tuple(class_names or sorted(classes))
    for name, path in classes.items():
      if name not in self.class_names:
        raise ValueError(
          f"{path} is of the class {name!r}; expected one of class_names: "
          + ", ".join(self.class_names)
          + ". Add it to them, or remove the folder"
        )

  def _make(self, domain: str, index: int) -> Cutout:
    name = self.names(domain)[index]
    path = self.path(domain, index)
    image, opacity = _split(path)
    if opacity is None:
      raise images.ImageError(
        f"{path}: has no transparency; expected a cut-out with an alpha "
        "channel. Cut the object out, or use labelled crops (kind yolo)"
      )
    mask = opacity >= 0.5
    if not mask.any():
      raise images.ImageError(
        f"{path}: is transparent everywhere; expected an object at least half "
        "opaque. Remove it"
      )
    box = tuple(map(float, rle.box(rle.encode(mask))))
    class_id = self.class_names.index(name.split("/")[0])
    return Cutout(name, image, (Annotation(class_id, box, mask),), opacity)

  def check(self) -> list[str]:
    """See `ObjectSource`; the first file of each class is decoded.

    Where one has no transparency, the others hardly will.
    """
    problems = super().check()
    for domain in self.domains():
      seen = set()
      for index, name in enumerate(self.names(domain)):
        class_name = name.split("/")[0]
        if class_name in seen:
          continue
        seen.add(class_name)
        try:
          self.read(domain, index)
        except (ValueError, OSError) as error:
          problems.append(str(error))
    return list(dict.fromkeys(problems))


class UnlabelledCutouts(_Files):
  """Pictures without labels, to be placed as distractors.

  Where a picture has transparency, that is what of it is blended in.

  Args:
    root: folder of pictures, or of a folder for each domain.
    domains: to use, in this order; None: all.

  Raises:
    ValueError: there are no pictures.
  """

  kind = "unlabelled"

  def __init__(
    self,
    root: str | os.PathLike[str],
    domains: Sequence[str] | None = None,
  ) -> None:
    super().__init__(root, picture_folders.find(root, domains))

  def _make(self, domain: str, index: int) -> Cutout:
    image, opacity = _split(self.path(domain, index))
    return Cutout(self.names(domain)[index], image, (), opacity)


def _split(path: str) -> tuple[np.ndarray, np.ndarray | None]:
  """Returns colours, and opacity in [0, 1] or None if all is opaque."""
  rgba = images.read(path, "RGBA")
  image, alpha = rgba[..., :3].copy(), rgba[..., 3]
  if alpha.min() == 255:
    return image, None
  image[alpha == 0] = 0  # Programs leave anything there.
  return image, alpha.astype(np.float32) / np.float32(255)
