"""Crops and backgrounds that are named one by one, in the order given."""

import contextlib
import os
from collections.abc import Sequence
from typing import Any

from gansynth.synthesis import background_sources, picture_folders
from gansynth.synthesis.file_objects import YoloCrops
from gansynth.synthesis.labels import yolo

_MOST_CLASSES = 10_000  # that are numbered


class ListedCrops(YoloCrops):
  """Crops and their YOLO label files.

  Args:
    pictures: of the crops.
    labels: their label files, in the same order; None: beside the crops, or
      in `labels` where those are in `images`.
    class_names: None: those of a file of names beside the labels, else
      numbered, for the results name no class either.
    one_class: see `YoloCrops`.

  Raises:
    ValueError: there are more of one than of the other, or none.
  """

  kind = "listed"

  def __init__(
    self,
    pictures: Sequence[str | os.PathLike[str]],
    labels: Sequence[str | os.PathLike[str]] | None = None,
    class_names: Sequence[str] | None = None,
    one_class: bool = False,
  ) -> None:
    self._one_class = one_class
    pictures = [os.fspath(path) for path in pictures]
    if labels is None:
      labels = [_label_beside(path) for path in pictures]
    if len(labels) != len(pictures) or not pictures:
      raise ValueError(
        f"there are {len(pictures)} crops and {len(labels)} label files; give "
        "one label file for each crop, in the same order"
      )
    self._labels_of = [os.fspath(path) for path in labels]
    # What it inherits looks for folders, which there are none of here.
    super(YoloCrops, self).__init__(
      os.path.dirname(self._labels_of[0]) or ".", _listed(pictures, "crops")
    )
    self.class_names = tuple(class_names or self._find_names())

  def label_path(self, domain: str, index: int) -> str:
    """Path of the label file of crop `index`."""
    return self._labels_of[index]

  def _find_names(self):
    names = yolo.read_classes(self.root)
    if names is not None:
      return names
    most = 0
    for index in range(len(self._labels_of)):
      with contextlib.suppress(ValueError, OSError):  # `check` names them.
        found = self._labels("", index, None)
        most = max([most, *(each.class_id for each in found)])
    most = min(most, _MOST_CLASSES - 1)  # A slip of the pen is named, too.
    return tuple(f"class {number}" for number in range(most + 1))


class ListedBackgrounds(background_sources.FileBackgrounds):
  """Backgrounds that are picture files.

  Args:
    pictures: their paths.
  """

  def __init__(self, pictures: Sequence[str | os.PathLike[str]]) -> None:
    pictures = [os.fspath(path) for path in pictures]
    super().__init__(_listed(pictures, "backgrounds"))

  def described(self) -> dict[str, Any]:
    """See `BackgroundSource`."""
    return {"kind": "listed", "domains": self._pictures.described()}


def refuse_overwriting(
  output: str | os.PathLike[str],
  crops: ListedCrops,
  background: str | os.PathLike[str],
) -> None:
  """Raises ValueError if a picture or its labels would replace an input."""
  inputs = {os.path.realpath(background)}
  for number in range(len(crops.names(""))):
    inputs.add(os.path.realpath(crops.path("", number)))
    inputs.add(os.path.realpath(crops.label_path("", number)))
  for path in (output, os.path.splitext(output)[0] + ".txt"):
    if os.path.realpath(path) in inputs:
      raise ValueError(
        f"the output {os.fspath(path)} would replace a picture or labels that "
        "are read; choose another name"
      )


def _listed(paths, what):
  names = {}
  for number, path in enumerate(paths):
    names[path if path not in names else f"{path}#{number}"] = path
  return picture_folders.Pictures(f"the list of {what}", {"": names})


def _label_beside(picture):
  beside = os.path.splitext(picture)[0] + ".txt"
  return beside if os.path.exists(beside) else yolo.label_path(picture)
