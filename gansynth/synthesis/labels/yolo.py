"""YOLO: a text file a picture, a line an object.

A line is `class x y width height`, all but the class as fractions of the
picture's sides, x and y of the box's centre; or, for segmentation,
`class x0 y0 x1 y1 ...`, the vertices of one polygon. Objects of several parts
or with holes have these joined to one polygon by lines there and back.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from gansynth.synthesis.labels import checks, polygons, rle
from gansynth.synthesis.labels.objects import (
  LabelError,
  LabelledImage,
  LabelledObject,
)

# Files of text in data sets that are not labels of a picture.
NOT_LABELS = ("classes.txt", "train.txt", "val.txt", "test.txt")
# Where names of classes are looked for, the first that is there.
CLASS_FILES = (
  "data.yaml",
  "data.yml",
  "dataset.yaml",
  "classes.txt",
  "obj.names",
  "_darknet.labels",
  "labels/classes.txt",
)
_UNITS = 10**6  # fractions are written to so many parts of a side
_BEYOND = 1e-3  # how far rounding may carry a fraction below 0 or above 1
_EXPECTED = (
  "expected `class x y width height`, or a class and x and y of three or more "
  "vertices"
)


def read_classes(path: str | os.PathLike[str]) -> tuple[str, ...] | None:
  """Reads the names of classes, in the order of their ids.

  Args:
    path: `data.yaml` or another `.yaml`, whose `names` is a list, or a mapping
      from ids; any other file has one name a line (classes.txt, obj.names); in
      a folder the first of `CLASS_FILES` is taken.

  Returns:
    The names; None for a folder that holds no such file.

  Raises:
    LabelError: there are no names in the file, or they cannot be used.
    OSError: the file cannot be read.
  """
  path = Path(path)
  if path.is_dir():
    files = [path / name for name in CLASS_FILES if (path / name).is_file()]
    return read_classes(files[0]) if files else None
  text = checks.read_text(path)
  if path.suffix.lower() in (".yaml", ".yml"):
    names = _names_of_yaml(text, path)
  else:
    names = [line.strip() for line in text.strip().splitlines()]
  if not names:
    raise LabelError(f"{path} holds no class names; expected at least one")
  return checks.class_names(names, str(path))


def _load_yaml(text, path):
  # Here, for it takes a while, and few need it.
  import yaml

  try:
    # Its values all stay text: a class may be called `no`, or 1.
    values = yaml.load(text, Loader=yaml.BaseLoader)
  except yaml.YAMLError as error:
    message = " ".join(str(error).split())
    raise LabelError(f"{path}: is no YAML ({message}); correct it") from None
  return values if isinstance(values, dict) else {}


def _names_of_yaml(text, path):
  values = _load_yaml(text, path)
  names = values.get("names")
  if not isinstance(names, (list, dict)):
    raise LabelError(
      f"{path}: names is {names!r:.60}; expected `names:` with a list, or with "
      "a mapping from class ids to names. Add it"
    )
  if isinstance(names, dict):
    ids = [str(number) for number in range(len(names))]
    wrong = sorted(set(names) - set(ids))
    if wrong:
      raise LabelError(
        f"{path}: names has the class id {wrong[0]!r}; expected 0 to "
        f"{len(ids) - 1}, one for each of the {len(ids)} names. Number them so"
      )
    names = [names[number] for number in ids]
  count = values.get("nc", str(len(names)))
  if count != str(len(names)):
    raise LabelError(
      f"{path}: nc is {count}; expected {len(names)}, the number of names. "
      "Correct one of them"
    )
  return names


def split_places(path: str | os.PathLike[str], split: str) -> list[Path]:
  """Where a `data.yaml` says that the pictures of a split are.

  Args:
    path: of the file. Its `path` is taken relative to its own folder; what
      does not exist so is looked for in that folder itself.
    split: `train`, `val` or `test`.

  Returns:
    Folders of pictures, and text files that list pictures.

  Raises:
    LabelError: it has no such split, or names what does not exist.
    OSError: it cannot be read.
  """
  path = Path(path)
  values = _load_yaml(checks.read_text(path), path)
  named = values.get(split)
  if isinstance(named, str):
    named = [named]
  if not named or not isinstance(named, list):
    known = [key for key in ("train", "val", "test") if values.get(key)]
    raise LabelError(
      f"{path}: {split} is {values.get(split)!r:.60}; expected a folder or a "
      f"list of pictures. Add it, or choose of {', '.join(known) or 'none'}"
    )
  places = []
  for each in map(str, named):
    tried = [
      path.parent / str(values.get("path", "")) / each,
      path.parent / each,
    ]
    place = next((place for place in tried if place.exists()), None)
    if place is None:
      raise LabelError(
        f"{path}: {split} names {each!r}, and {tried[0]} does not exist; "
        "correct it, or its `path`"
      )
    places.append(place)
  return places


def label_path(picture: str | os.PathLike[str]) -> Path:
  """Where the labels of a picture are expected.

  In the path the last folder `images` is called `labels`, and the ending is
  `.txt`; without such a folder they are beside the picture.
  """
  parts = list(Path(picture).with_suffix(".txt").parts)
  for number in reversed(range(len(parts) - 1)):
    if parts[number] == "images":
      parts[number] = "labels"
      break
  return Path(*parts)


def find_labels(picture: str | os.PathLike[str]) -> Path | None:
  """The label file of a picture, at `label_path` or beside it, if any."""
  for path in (label_path(picture), Path(picture).with_suffix(".txt")):
    if path.is_file():
      return path
  return None


def read(
  path: str | os.PathLike[str],
  width: int,
  height: int,
  num_classes: int | None = None,
) -> tuple[LabelledObject, ...]:
  """Reads the label file of a picture.

  Edges that lie outside the picture by rounding are clipped: by a pixel, or by
  a thousandth of the side. An outline of several lines, or with holes, is
  filled by the even-odd rule; one that covers no pixel's centre makes no mask.

  Args:
    path: the file; an empty one is of a picture without objects.
    width: of the picture in pixels.
    height: of the picture in pixels.
    num_classes: class ids are below it; None: not known.

  Returns:
    The objects in the file's order, with masks where there are outlines.

  Raises:
    LabelError: a line cannot be used; the message names file, line and value.
    OSError: the file cannot be read.
  """
  objects = []
  for number, line in enumerate(checks.read_text(path).splitlines(), 1):
    values = line.split()
    if values:
      where = f"{os.fspath(path)}, line {number}"
      objects.append(_read_line(values, width, height, num_classes, where))
  return tuple(objects)


def _read_line(values, width, height, num_classes, where) -> LabelledObject:
  try:
    numbers = [float(value) for value in values]
  except ValueError:
    bad = next(value for value in values if not _is_number(value))
    raise LabelError(
      f"{where}: {bad!r} is no number; {_EXPECTED}. Correct the line"
    ) from None
  class_id = _class_id(numbers[0], values[0], num_classes, where)
  numbers = numbers[1:]
  if len(numbers) == 5:
    raise LabelError(
      f"{where}: there are 6 values, as of detections with a confidence; "
      "expected `class x y width height`. Remove the last of each line, and "
      "lines of little confidence"
    )
  if len(numbers) < 4 or len(numbers) % 2:
    raise LabelError(
      f"{where}: there are {len(values)} values; {_EXPECTED}. Correct the line"
    )
  for value, number in zip(values[1:], numbers, strict=True):
    # Written so that NaN is refused, too.
    if not -_BEYOND <= number <= 1 + _BEYOND:
      hint = ", not pixels" if number >= 2 else ""
      raise LabelError(
        f"{where}: the value {value} is out of range; expected fractions of "
        f"the picture's sides, 0 to 1{hint}. Correct the line"
      )
  if len(numbers) > 4:
    return _outlined(class_id, numbers, width, height, where)
  x, y, box_width, box_height = numbers
  box = (
    (x - box_width / 2) * width,
    (y - box_height / 2) * height,
    (x + box_width / 2) * width,
    (y + box_height / 2) * height,
  )
  return LabelledObject(class_id, checks.box_inside(box, width, height, where))


def _outlined(class_id, numbers, width, height, where) -> LabelledObject:
  x = [number * width for number in numbers[::2]]
  y = [number * height for number in numbers[1::2]]
  box = checks.box_inside(
    (min(x), min(y), max(x), max(y)), width, height, where
  )
  polygon = [number for vertex in zip(x, y, strict=True) for number in vertex]
  mask = rle.from_polygons([polygon], height, width)
  return LabelledObject(class_id, box, mask if rle.area(mask) else None)


def _class_id(number, value, num_classes, where) -> int:
  if not number.is_integer() or number < 0:
    raise LabelError(
      f"{where}: the class is {value}; expected a whole number from 0. Correct "
      "the line"
    )
  if num_classes is not None and number >= num_classes:
    raise LabelError(
      f"{where}: the class is {value}; expected 0 to {num_classes - 1}, for "
      f"there are {num_classes} class names. Add its name, or correct the line"
    )
  return int(number)


def _is_number(text):
  try:
    float(text)
  except ValueError:
    return False
  return True


def format_lines(image: LabelledImage, *, segments: bool = False) -> str:
  """Returns the label file of a picture.

  Fractions have six decimals, rounded so that no box reaches beyond the
  picture when it is read again.

  Args:
    image: its labels.
    segments: write outlines, of an object without mask the corners of its
      box; for programs take a file to hold either boxes or outlines.

  Returns:
    A line for each object; "" where there is none.
  """
  lines = []
  for each in image.objects:
    if segments:
      numbers = [
        round(value * _UNITS / (image.height if place % 2 else image.width))
        for place, value in enumerate(_outline(each))
      ]
    else:
      left, top, right, bottom = each.box
      x, width = _center_and_length(left, right, image.width)
      y, height = _center_and_length(top, bottom, image.height)
      numbers = [x, y, width, height]
    fractions = " ".join(f"{number / _UNITS:.6f}" for number in numbers)
    lines.append(f"{each.class_id} {fractions}\n")
  return "".join(lines)


def _outline(labelled: LabelledObject) -> list[float]:
  if labelled.mask is not None and rle.area(labelled.mask):
    return polygons.join(polygons.from_mask(rle.decode(labelled.mask)))
  left, top, right, bottom = labelled.box
  return [left, top, right, top, right, bottom, left, bottom]


def _center_and_length(start, end, side) -> tuple[int, int]:
  """Returns where a box is along a side, in units of the file."""
  center = round((start + end) / 2 * _UNITS / side)
  length = round((end - start) * _UNITS / side)
  return center, min(length, 2 * center, 2 * (_UNITS - center))


def data_yaml(
  class_names: Sequence[str],
  train: str = "images",
  val: str = "images",
  path: str = "",
) -> str:
  """Returns the description of a data set, `data.yaml`.

  Args:
    class_names: in the order of class ids.
    train: folder of the pictures to train on, below `path`.
    val: the same for validation.
    path: of the data set; "" leaves it out, which to programs means the folder
      of this file, while they look for relative paths elsewhere.

  Raises:
    LabelError: a name cannot be written, see `checks.class_names`.
  """
  folders = {"path": path, "train": train, "val": val}
  lines = [f"{key}: {_quote(name)}" for key, name in folders.items() if name]
  names = checks.class_names(class_names)
  lines += [f"nc: {len(names)}", "names:"]
  lines += [f"  {number}: {_quote(name)}" for number, name in enumerate(names)]
  return "\n".join(lines) + "\n"


def _quote(text):
  # What JSON quotes is quoted in YAML.
  return json.dumps(text, ensure_ascii=False)
