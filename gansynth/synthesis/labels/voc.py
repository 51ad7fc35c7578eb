"""Pascal VOC: an XML file a picture.

Its boxes are whole pixels counted from 1, the last included: a box round the
top left pixel alone has xmin = ymin = xmax = ymax = 1.
"""

import math
from collections.abc import Sequence
from xml.etree import ElementTree

from gansynth.synthesis.labels import checks
from gansynth.synthesis.labels.objects import (
  LabelError,
  LabelledImage,
  LabelledObject,
)

_SIDES = ("xmin", "ymin", "xmax", "ymax")


def format_xml(
  image: LabelledImage,
  class_names: Sequence[str],
  folder: str = "images",
  depth: int = 3,
) -> str:
  """Returns the annotation of a picture.

  Edges of boxes are rounded to pixels; a box has at least one. `truncated` is
  0, `pose` is Unspecified: labels do not say.

  Args:
    image: its labels; the name is written as `filename`.
    class_names: in the order of class ids.
    folder: of the picture.
    depth: channels of the picture.

  Raises:
    LabelError: a class has no name, or one that cannot be written.
  """
  names = checks.class_names(class_names)
  checks.class_ids(image, names)
  root = ElementTree.Element("annotation")
  _add(root, "folder", folder)
  _add(root, "filename", image.name)
  size = ElementTree.SubElement(root, "size")
  _add(size, "width", image.width)
  _add(size, "height", image.height)
  _add(size, "depth", depth)
  _add(root, "segmented", 0)
  for each in image.objects:
    element = ElementTree.SubElement(root, "object")
    _add(element, "name", names[each.class_id])
    _add(element, "pose", "Unspecified")
    _add(element, "truncated", 0)
    _add(element, "difficult", int(each.difficult))
    box = ElementTree.SubElement(element, "bndbox")
    left, right = _pixels(each.box[0], each.box[2], image.width)
    top, bottom = _pixels(each.box[1], each.box[3], image.height)
    for side, value in zip(_SIDES, (left, top, right, bottom), strict=True):
      _add(box, side, value)
  ElementTree.indent(root)
  return ElementTree.tostring(root, "unicode") + "\n"


def read(
  text: str, class_names: Sequence[str], path: str = "annotation"
) -> LabelledImage:
  """Reads the annotation of a picture.

  Args:
    text: of the file.
    class_names: in the order of class ids.
    path: what errors call it.

  Raises:
    LabelError: something is missing or cannot be used; the message says what.
  """
  root = _parse(text, path)
  width = _number(root, "size/width", path)
  height = _number(root, "size/height", path)
  objects = []
  for number, element in enumerate(root.findall("object"), 1):
    where = f"{path}, object {number}"
    name = _text(element, "name", where)
    if name not in class_names:
      raise LabelError(
        f"{where}: its class is {name!r}; expected one of "
        f"{', '.join(class_names)}. Correct it, or add the name"
      )
    left, top, right, bottom = (
      _number(element, f"bndbox/{side}", where) for side in _SIDES
    )
    box = checks.box_inside(
      (left - 1, top - 1, right, bottom), width, height, where
    )
    difficult = (element.findtext("difficult") or "").strip() == "1"
    objects.append(
      LabelledObject(class_names.index(name), box, difficult=difficult)
    )
  name = _text(root, "filename", path)
  return LabelledImage(name, int(height), int(width), tuple(objects))


def names(text: str, path: str = "annotation") -> set[str]:
  """Returns the names of the classes that are on a picture.

  Raises:
    LabelError: it is no XML, or an object has no name.
  """
  root = _parse(text, path)
  return {
    _text(element, "name", f"{path}, object {number}")
    for number, element in enumerate(root.findall("object"), 1)
  }


def _parse(text, path):
  try:
    return ElementTree.fromstring(text)
  except ElementTree.ParseError as error:
    raise LabelError(f"{path}: is no XML ({error}); correct it") from None


def _pixels(start, end, side) -> tuple[int, int]:
  """Returns the first and last pixel of a box along a side, from 1."""
  first = min(math.floor(start + 0.5) + 1, side)
  return first, max(first, min(math.floor(end + 0.5), side))


def _add(parent, tag, value):
  ElementTree.SubElement(parent, tag).text = str(value)


def _text(element, tag, where) -> str:
  text = element.findtext(tag)
  if not text:
    raise LabelError(f"{where}: {tag} is missing; add it")
  return text


def _number(element, tag, where) -> float:
  text = _text(element, tag, where)
  try:
    return float(text)
  except ValueError:
    raise LabelError(
      f"{where}: {tag} is {text!r}; expected a number. Correct it"
    ) from None
