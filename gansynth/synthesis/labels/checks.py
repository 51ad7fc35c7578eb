"""What every format asks of class names, text and boxes."""

import math
import os
import unicodedata
from collections.abc import Iterable, Sequence

from gansynth.synthesis.cutouts import Box
from gansynth.synthesis.labels.objects import LabelError, LabelledImage

_UNWRITABLE = {"Cc", "Cs", "Zl", "Zp"}  # control, surrogate, line, paragraph
_MARKS = "\ufeff\ufffe\uffff"


def class_names(names: Iterable[str], where: str = "class_names") -> tuple:
  """Returns the names of classes as a tuple, after checking them.

  Args:
    names: in the order of class ids.
    where: what errors call the place that they come from.

  Raises:
    LabelError: a name is no text, is empty, holds a character that not all
      formats can keep (such as a line break), or is there twice.
  """
  names = tuple(names)
  for number, name in enumerate(names):
    if not isinstance(name, str) or not name.strip():
      raise LabelError(
        f"{where}: class {number} has the name {name!r}; expected text. Name it"
      )
    for character in name:
      if unicodedata.category(character) in _UNWRITABLE or character in _MARKS:
        raise LabelError(
          f"{where}: the name of class {number}, {name!r}, holds the character "
          f"{character!r}, which not all label formats can keep; rename it"
        )
    first = names.index(name)
    if first != number:
      raise LabelError(
        f"{where}: classes {first} and {number} have the same name {name!r}; "
        "rename one of them"
      )
  return names


def class_ids(image: LabelledImage, names: Sequence[str]) -> None:
  """Raises LabelError where an object's class has no name."""
  for number, each in enumerate(image.objects):
    if not 0 <= each.class_id < len(names):
      raise LabelError(
        f"{image.name}: object {number + 1} is of class {each.class_id}; "
        f"expected 0 to {len(names) - 1}, for there are {len(names)} class "
        "names. Add its name, or correct the class"
      )


def read_text(path: str | os.PathLike[str]) -> str:
  """Reads text in UTF-8, with or without a byte order mark.

  Raises:
    LabelError: it is in another encoding, or no text.
    OSError: it cannot be read.
  """
  with open(path, "rb") as file:
    data = file.read()
  try:
    text = data.decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise LabelError(
      f"{os.fspath(path)}: byte {error.start + 1} is {data[error.start]:#04x}; "
      "expected text in UTF-8. Save it so"
    ) from None
  if "\0" in text:
    raise LabelError(
      f"{os.fspath(path)}: byte {data.index(0) + 1} is zero; expected text in "
      "UTF-8. Save it so, or fetch the file again"
    )
  return text


def box_inside(box: Box, width: int, height: int, where: str) -> Box:
  """Returns a box clipped to its picture.

  Rounding and conventions of counting may put an edge outside by one pixel, or
  by a thousandth of the side; that is cut off.

  Args:
    box: left, top, right, bottom in pixels, as edges.
    width: of the picture in pixels.
    height: of the picture in pixels.
    where: what errors call it: file, line, and what the line says.

  Raises:
    LabelError: it is not finite, has no area, or lies farther outside.
  """
  left, top, right, bottom = box
  if not all(map(math.isfinite, box)):
    raise LabelError(
      f"{where}: the box {_text(box)} is not finite; correct or remove it"
    )
  if right <= left or bottom <= top:
    raise LabelError(
      f"{where}: the box is {right - left:g} x {bottom - top:g} pixels "
      "(width x height); expected more than 0 each way. Correct or remove it"
    )
  beyond_x, beyond_y = max(1.0, width / 1000), max(1.0, height / 1000)
  if (
    left < -beyond_x
    or top < -beyond_y
    or right > width + beyond_x
    or bottom > height + beyond_y
  ):
    raise LabelError(
      f"{where}: the box from {_text(box[:2])} to {_text(box[2:])} pixels (x, "
      f"y) is out of range; expected it within the picture of {width} x "
      f"{height}. Correct or remove it"
    )
  clipped = (
    min(max(left, 0.0), float(width)),
    min(max(top, 0.0), float(height)),
    min(max(right, 0.0), float(width)),
    min(max(bottom, 0.0), float(height)),
  )
  if clipped[2] <= clipped[0] or clipped[3] <= clipped[1]:
    raise LabelError(
      f"{where}: the box from {_text(box[:2])} to {_text(box[2:])} pixels (x, "
      f"y) lies beside the picture of {width} x {height}; correct or remove it"
    )
  return clipped


def _text(numbers: Iterable[float]) -> str:
  return ", ".join(f"{number:g}" for number in numbers)
