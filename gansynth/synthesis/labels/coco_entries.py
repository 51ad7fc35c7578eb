"""What is in COCO's files, entry by entry; each wrong one is named."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from gansynth.synthesis.labels import checks
from gansynth.synthesis.labels.objects import LabelError, LabelledImage

_LISTS = ("images", "annotations", "categories")
_LARGEST = 10**6  # pixels of a side
_NAMED = 5  # problems named in one error
T = TypeVar("T")


def load_json(path: str) -> Any:
  """Reads a file of JSON.

  Raises:
    LabelError: it is none.
    OSError: it cannot be read.
  """
  text = checks.read_text(path)
  try:
    return json.loads(text)
  except ValueError as error:
    raise LabelError(
      f"{path}: is no JSON ({error}); fetch it again, or correct it"
    ) from None


def load(path: str) -> dict[str, list[Any]]:
  """Reads a file of instances, whose lists are not looked into.

  Raises:
    LabelError: it is none.
    OSError: it cannot be read.
  """
  content = load_json(path)
  if not isinstance(content, dict):
    raise LabelError(
      f"{path}: holds a {type(content).__name__}; expected an object with "
      f"{', '.join(_LISTS)}, as of COCO's instances_*.json"
    )
  for key in _LISTS:
    if not isinstance(content.get(key), list):
      raise LabelError(
        f"{path}: has no list {key!r}; expected {', '.join(_LISTS)}, as in "
        "COCO's instances_*.json"
      )
  return content


def read_categories(
  categories: Sequence[Any], path: str
) -> tuple[tuple[int, ...], tuple[str, ...]]:
  """Returns ids and names of classes, in the order of their ids.

  Raises:
    LabelError: there is none, or one that cannot be used.
  """
  names = {}
  for number, category in enumerate(categories):
    where = f"{path}, category {number + 1}"
    require(category, ("id", "name"), where)
    category_id = whole(category["id"], "id", where)
    if category_id in names:
      raise LabelError(
        f"{where}: the id {category_id} is that of another; number it otherwise"
      )
    names[category_id] = category["name"]
  if not names:
    raise LabelError(f"{path}: has no category; expected at least one")
  ids = tuple(sorted(names))
  return ids, checks.class_names([names[each] for each in ids], path)


def read_images(
  images: Sequence[Any], path: str
) -> tuple[dict[str, LabelledImage], dict[str, int], dict[int, str]]:
  """Returns pictures without objects by name, ids by name, and names by id.

  Raises:
    LabelError: one cannot be used, or has the id or the name of another.
  """
  found, ids, names = {}, {}, {}
  for number, image in enumerate(images):
    where = f"{path}, image {number + 1}"
    require(image, ("id", "file_name", "width", "height"), where)
    image_id = whole(image["id"], "id", where)
    width = whole(image["width"], "width", where)
    height = whole(image["height"], "height", where)
    name = image["file_name"]
    if not isinstance(name, str) or not name:
      raise LabelError(f"{where}: file_name is {name!r}; expected text")
    if not (1 <= width <= _LARGEST and 1 <= height <= _LARGEST):
      raise LabelError(
        f"{where}: {name} is {width} x {height} pixels (width x height); "
        f"expected 1 to {_LARGEST} each way. Correct it"
      )
    if image_id in names:
      raise LabelError(
        f"{where}: {name} has the id {image_id}, as has {names[image_id]}; "
        "number it otherwise"
      )
    if name in ids:
      raise LabelError(
        f"{where}: the file name {name} is that of image id {ids[name]}, too; "
        "rename one of them"
      )
    names[image_id] = name
    ids[name] = image_id
    found[name] = LabelledImage(name, height, width, ())
  return found, ids, names


def require(entry: Any, keys: Sequence[str], where: str) -> None:
  """Raises LabelError unless an entry is an object that has the keys."""
  if not isinstance(entry, Mapping):
    raise LabelError(f"{where}: is {entry!r:.60}; expected an object of JSON")
  missing = [key for key in keys if key not in entry]
  if missing:
    raise LabelError(
      f"{where}: {missing[0]!r} is missing; expected {', '.join(keys)}. Add it"
    )


def whole(value: Any, key: str, where: str) -> int:
  """Returns a whole number; raises LabelError where it is none."""
  # Some programs write sizes as 640.0.
  if isinstance(value, bool) or not isinstance(value, (int, float)):
    raise LabelError(f"{where}: {key} is {value!r:.60}; expected a number")
  if value != value // 1:
    raise LabelError(f"{where}: {key} is {value!r}; expected a whole number")
  return int(value)


def look_up(
  known: Mapping[int, T], annotation: Mapping[str, Any], key: str, where: str
) -> T:
  """Returns what `image_id` or `category_id` stands for.

  Raises:
    LabelError: the id is not known.
  """
  value = annotation[key]
  try:
    return known[value]
  except (KeyError, TypeError):
    what = {"image_id": "images", "category_id": "categories"}[key]
    raise LabelError(
      f"{where}: {key} is {value!r:.60}; expected the id of one of the "
      f"{len(known)} {what}. Correct it, or remove the annotation"
    ) from None


def box(annotation: Mapping[str, Any], where: str) -> tuple[float, ...]:
  """Returns left, top, width and height; raises LabelError without these."""
  found = annotation["bbox"]
  try:
    left, top, width, height = map(float, found)
  except (TypeError, ValueError):
    raise LabelError(
      f"{where}: bbox is {found!r:.60}; expected four numbers, left, top, "
      "width, height. Correct or remove it"
    ) from None
  return left, top, width, height


def join(problems: Sequence[str]) -> str:
  """Returns the text of an error that names the first of many problems."""
  named = "\n".join(problems[:_NAMED])
  if len(problems) <= _NAMED:
    return named
  return f"{named}\nand {len(problems) - _NAMED} more"
