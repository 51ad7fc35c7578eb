"""Folders of label maps, and of the maps and pictures that belong to them."""

import dataclasses
import os
import pathlib

import numpy as np

from gansynth import images
from gansynth.data.labels import layouts, pairing, reading
from gansynth.data.labels.preprocess import LabelPreprocess

_CITYSCAPES = "_labelIds.png"


@dataclasses.dataclass(frozen=True)
class LabelFile:
  """A label map and what belongs to it.

  Attributes:
    name: path of the label map in its folder, with slashes.
    label: path of the label map.
    instance: path of its instance map.
    picture: path of the picture that its style is taken from.
    truth: path of its true picture, which is shown beside the one made.
  """

  name: str
  label: str
  instance: str | None = None
  picture: str | None = None
  truth: str | None = None

  @property
  def stem(self) -> str:
    """The name without its ending, which draws depend on."""
    return os.path.splitext(self.name)[0]

  @property
  def original_name(self) -> str:
    """What the originals call the result, which is the picture's name."""
    picture = self.truth or self.picture
    if picture is not None:
      return pathlib.PurePath(picture).stem
    if self.name.endswith(_CITYSCAPES):
      return f"{layouts.first_three_parts(self.name)}_leftImg8bit"
    return pathlib.PurePath(self.stem).name


@dataclasses.dataclass(frozen=True)
class Reader:
  """Reads and prepares what belongs to a label map.

  Attributes:
    labels: reads label maps.
    preprocess: resizes everything, as in evaluation; None: nothing is resized.
  """

  labels: reading.LabelReader
  preprocess: LabelPreprocess | None = None

  def __call__(self, file: LabelFile) -> dict[str, np.ndarray]:
    """Returns `label`, and what there are files of.

    That may be `instance`, `image` of the style, and `truth`, which has the
    label map's size.

    Raises:
      images.ImageError: one of them cannot be used.
      OSError: one of them cannot be opened.
    """
    maps = {"label": self.labels(file.label)}
    if file.instance is not None:
      maps["instance"] = reading.read_instances(file.instance)
    if file.picture is not None:
      maps["image"] = images.read(file.picture)
    if file.truth is not None:
      maps["truth"] = images.read(file.truth)
    if self.preprocess is not None:
      return self.preprocess.evaluate(maps, file.label)
    if file.truth is not None:
      maps["truth"] = images.resize(maps["truth"], maps["label"].shape[:2])
    return maps


def find(
  labels: str | os.PathLike[str],
  instances: str | os.PathLike[str] | None = None,
  pictures: str | os.PathLike[str] | None = None,
  truths: str | os.PathLike[str] | None = None,
) -> list[LabelFile]:
  """Lists label maps, with the files of the same names in other folders.

  Names are compared with their sub-folders and without their endings. In a
  folder of Cityscapes only `*_labelIds.png` are label maps, and what belongs
  to them has the same city, sequence and frame; `instances` may be the same
  folder. Files that belong to no label map are passed over.

  Args:
    labels: folder of label maps.
    instances: folder of instance maps.
    pictures: folder of pictures whose styles are taken.
    truths: folder of true pictures.

  Returns:
    The files, in natural order of the names.

  Raises:
    images.ImageError: a folder is missing or empty, or lacks a file.
  """
  found = images.list_images(labels)
  chosen = [path for path in found if path.endswith(_CITYSCAPES)]
  is_cityscapes = bool(chosen)
  others = {}
  for role, folder, ending in (
    ("instance", instances, "_instanceIds.png"),
    ("picture", pictures, "_leftImg8bit.png"),
    ("truth", truths, "_leftImg8bit.png"),
  ):
    if folder is not None:
      others[role] = folder, _by_key(folder, ending if is_cityscapes else "")
  files = []
  for path in sorted(chosen or found, key=pairing.natural_key):
    name = pathlib.Path(os.path.relpath(path, labels)).as_posix()
    key = _key(name, is_cityscapes)
    belonging = {}
    for role, (folder, by_key) in others.items():
      if key not in by_key:
        kind = "instance map" if role == "instance" else "picture"
        raise images.ImageError(
          f"{path}: {os.fspath(folder)!r} holds no {kind} of this name"
        )
      belonging[role] = by_key[key]
    files.append(LabelFile(name, path, **belonging))
  return files


def _key(name: str, is_cityscapes: bool) -> str:
  if is_cityscapes:
    return layouts.first_three_parts(name)
  return os.path.splitext(name)[0]


def _by_key(folder: str | os.PathLike[str], ending: str) -> dict[str, str]:
  """Files of a folder by their keys; `ending` is one of Cityscapes."""
  paths = images.list_images(folder)
  return {
    _key(
      pathlib.Path(os.path.relpath(path, folder)).as_posix(), bool(ending)
    ): (path)
    for path in paths
    if path.endswith(ending)
  }
