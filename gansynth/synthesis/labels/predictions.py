"""Reads what a detector found: COCO's results, or YOLO's text files."""

import collections
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from gansynth.evaluation.detection import MOST_DETECTIONS, Detections
from gansynth.synthesis.labels import checks, coco_entries, truths, yolo
from gansynth.synthesis.labels.objects import LabelError
from gansynth.synthesis.labels.truths import Labels

_RESULT = ("image_id", "category_id", "bbox", "score")
_EXPECTED = "expected `class x y width height confidence`"
# Beyond these, in sides of the picture, a number is none of its fractions; what
# detectors say is often not cut to the picture.
_LEAST, _MOST = -1.0, 2.0


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
  """What was found on each picture.

  Attributes:
    path: where they were read.
    kind: `coco` or `yolo`.
    found: by name of the picture, for all that are labelled.
    notes: what was passed over, or looks wrong.
  """

  path: str
  kind: str
  found: Mapping[str, Detections]
  notes: tuple[str, ...] = ()


def read(
  path: str | os.PathLike[str],
  labels: Labels,
  class_names: Sequence[str] = (),
  first_category: int = 1,
) -> Predictions:
  """Reads detections of labelled pictures.

  - A `.json` file: COCO's results, a list of {image_id, category_id, bbox,
    score}. Ids are those of the labels if these are COCO's. Else `image_id` is
    a file's name without ending, or the number that it is, and classes are
    counted from `first_category`.
  - A folder of `.txt` files, one for each picture, of the same name; a line is
    `class x y width height confidence`, all but class and confidence being
    fractions of the picture's sides. A folder `labels` in it is taken instead,
    as Ultralytics' programs leave it. A picture without file is one on which
    nothing was found.

  Args:
    path: see above.
    labels: of the same pictures.
    class_names: what the numbers of YOLO's classes stand for; (): a file of
      names in the folder, or else the classes of the labels, in their order.
    first_category: of results for labels that are not COCO's: the number of the
      first class, 1 or 0.

  Raises:
    LabelError: there are none, they are of other pictures or classes, or cannot
      be used; the message names file and value.
    OSError: a file cannot be read.
  """
  if not os.fspath(path):
    raise LabelError("the path of the predictions is empty; give one")
  path = Path(path)
  names = _Names(labels)
  if path.is_file() and path.suffix.lower() == ".json":
    rows, kind = _read_results(str(path), labels, names, first_category), "coco"
    notes = names.notes(str(path))
  elif path.is_dir():
    rows, notes = _read_folder(path, labels, names, class_names)
    kind = "yolo"
  else:
    what = "is another file" if path.exists() else "does not exist"
    raise LabelError(
      f"{path}: {what}; expected COCO's results (.json), or a folder of YOLO's "
      "text files. Correct the path"
    )
  found = {name: _detections(rows[name]) for name in labels.pictures}
  notes += _notes(str(path), labels, found)
  return Predictions(str(path), kind, found, tuple(notes))


class _Names:
  """Finds the pictures that files and ids stand for."""

  def __init__(self, labels: Labels) -> None:
    self._labels = labels
    self._stems = collections.defaultdict(list)
    for name in labels.pictures:
      stem = truths.stem(name)
      self._stems[stem].append(name)
      if (last := PurePath(stem).name) != stem:
        self._stems[last].append(name)
    self._numbered = 0
    self._numbers = collections.defaultdict(list)
    for name in labels.pictures:
      last = PurePath(truths.stem(name)).name
      if last.isascii() and last.isdigit():
        self._numbers[int(last)].append(name)

  def of_stem(self, stem: str, where: str) -> str:
    """The picture of this name without ending, with folders or without."""
    found = self._stems.get(stem) or self._stems.get(PurePath(stem).name, [])
    return self._only(found, f"{stem!r}", where)

  def of_id(self, image_id: Any, where: str) -> str:
    """The picture that a result's `image_id` stands for."""
    known = self._labels.image_ids
    if isinstance(image_id, str):
      return self.of_stem(truths.stem(image_id), where)
    image_id = coco_entries.whole(image_id, "image_id", where)
    if not known:
      self._numbered += 1
      found = self._numbers.get(image_id, [])
      return self._only(found, f"the image_id {image_id}", where)
    return coco_entries.look_up(
      known, {"image_id": image_id}, "image_id", where
    )

  def notes(self, path: str) -> list[str]:
    """What to say of how ids were understood."""
    if not self._numbered:
      return []
    return [
      f"{path}: {self._labels.path} numbers no pictures, so that each image_id "
      "was taken for the number in a file's name"
    ]

  def _only(self, found, what, where):
    if len(found) == 1:
      return found[0]
    pictures = list(self._labels.pictures)
    if found:
      raise LabelError(
        f"{where}: {what} may be {found[0]} or {found[1]}; name the folder, "
        "too, or rename one of them"
      )
    raise LabelError(
      f"{where}: {what} is none of the {len(pictures)} labelled pictures of "
      f"{self._labels.path}, such as {pictures[0]}. Label that picture, or "
      "leave its detections out"
    )


def _read_results(path, labels, names, first_category):
  """Returns box, class and confidence of each detection, by picture."""
  content = coco_entries.load_json(path)
  if not isinstance(content, list):
    hint = "; these are labels" if isinstance(content, dict) and content else ""
    raise LabelError(
      f"{path}: holds a {type(content).__name__}{hint}; expected COCO's "
      "results, a list of objects with " + ", ".join(_RESULT)
    )
  ids = labels.category_ids or tuple(
    range(first_category, first_category + len(labels.class_names))
  )
  classes = {category: number for number, category in enumerate(ids)}
  rows = collections.defaultdict(list)
  problems = []
  for number, result in enumerate(content):
    where = f"{path}, result {number + 1}"
    try:
      coco_entries.require(result, _RESULT, where)
      name = names.of_id(result["image_id"], where)
      class_id = _class_of(result, classes, labels, where)
      box = coco_entries.box(result, where)
      truths.check_box(box, where)
      rows[name].append((box, class_id, _confidence(result["score"], where)))
    except LabelError as error:
      problems.append(str(error))
  if problems:
    raise LabelError(coco_entries.join(problems))
  largest = [max(box) for found in rows.values() for box, _, _ in found]
  if largest and 0 < max(largest) <= 1:
    raise LabelError(
      f"{path}: no box reaches beyond 1 pixel; expected pixels, not fractions "
      "of the picture's sides. Multiply them by these"
    )
  return rows


def _class_of(result, classes, labels, where):
  if labels.category_ids:
    return coco_entries.look_up(classes, result, "category_id", where)
  category = coco_entries.whole(result["category_id"], "category_id", where)
  if category not in classes:
    first, last = min(classes), max(classes)
    raise LabelError(
      f"{where}: category_id is {category}; expected {first} to {last}, the "
      f"classes {', '.join(labels.class_names)} counted from {first}, for "
      f"{labels.path} has no ids of classes (--first-category)"
    )
  return classes[category]


def _read_folder(path, labels, names, class_names):
  """Returns the same as `_read_results`, and notes."""
  inside = path / "labels"
  folder = inside if inside.is_dir() else path
  files = sorted(
    each
    for each in folder.rglob("*.txt")
    if each.name not in yolo.NOT_LABELS and each.name[0] != "."
  )
  if not files:
    raise LabelError(
      f"{folder}: no text file in it or below; expected one a picture with "
      f"detections, lines of which are `{_EXPECTED.split('`')[1]}`. Correct "
      "the path"
    )
  known = tuple(class_names) or yolo.read_classes(path) or ()
  classes = _class_table(known, labels)
  rows = collections.defaultdict(list)
  owners, unknown, problems = {}, collections.Counter(), []
  for file in files:
    stem = file.relative_to(folder).with_suffix("").as_posix()
    try:
      name = names.of_stem(stem, str(file))
      if name in owners:
        raise LabelError(
          f"{file} and {owners[name]} are both of {name}; remove one of them"
        )
      owners[name] = file
      picture = labels.pictures[name]
      for number, line in enumerate(checks.read_text(file).splitlines(), 1):
        if not (values := line.split()):
          continue
        box, class_id, confidence = _read_line(
          values, picture, len(classes), f"{file}, line {number}"
        )
        if classes[class_id] is None:
          unknown[known[class_id]] += 1
        else:
          rows[name].append((box, classes[class_id], confidence))
    except LabelError as error:
      problems.append(str(error))
  if problems:
    raise LabelError(coco_entries.join(problems))
  notes = []
  if unknown:
    notes.append(
      f"{path}: {unknown.total()} detections are of classes that the labels do "
      f"not have and are passed over: {', '.join(unknown)}"
    )
  if missing := len(labels.pictures) - len(owners):
    notes.append(
      f"{path}: {missing} of {len(labels.pictures)} labelled pictures have no "
      "file; nothing counts as found there"
    )
  return rows, notes


def _class_table(known, labels) -> list[int | None]:
  """The labels' class of each number in files; None: they have no such."""
  if not known:
    return list(range(len(labels.class_names)))
  table = [
    labels.class_names.index(name) if name in labels.class_names else None
    for name in known
  ]
  if all(class_id is None for class_id in table):
    raise LabelError(
      f"the detector's classes are {', '.join(known)}, and {labels.path} has "
      f"none of them: {', '.join(labels.class_names)}. Name both alike"
    )
  return table


def _read_line(values, picture, num_classes, where):
  try:
    numbers = [float(value) for value in values]
  except ValueError:
    raise LabelError(
      f"{where}: {' '.join(values)!r:.60} are not all numbers; {_EXPECTED}"
    ) from None
  if len(numbers) != 6:
    hint = ""
    if len(numbers) == 5:
      hint = (
        ". These are labels, or the detector was not asked for confidences "
        "(Ultralytics: save_conf=True)"
      )
    elif len(numbers) == 7:
      hint = ". Leave the number of a track out"
    raise LabelError(
      f"{where}: there are {len(numbers)} values; {_EXPECTED}{hint}"
    )
  class_id = numbers[0]
  if not (class_id.is_integer() and 0 <= class_id < num_classes):
    raise LabelError(
      f"{where}: the class is {values[0]}; expected 0 to {num_classes - 1}, "
      f"for there are {num_classes} classes. Name the detector's classes "
      "(--classes), or correct the line"
    )
  x, y, width, height = numbers[1:5]
  for value, number in zip(values[1:5], numbers[1:5], strict=True):
    if not _LEAST < number < _MOST:  # Written so that NaN is refused, too.
      hint = ", not pixels" if number >= _MOST else ""
      raise LabelError(
        f"{where}: the value {value} is out of range; expected fractions of "
        f"the picture's sides{hint}. Correct the line"
      )
  box = (
    (x - width / 2) * picture.width,
    (y - height / 2) * picture.height,
    width * picture.width,
    height * picture.height,
  )
  truths.check_box(box, where)
  return box, int(class_id), _confidence(numbers[5], where)


def _confidence(value, where) -> float:
  # Written so that NaN is refused, too.
  if (
    isinstance(value, bool)
    or not isinstance(value, (int, float))
    or not 0 <= value <= 1
  ):
    raise LabelError(
      f"{where}: the confidence is {value!r:.60}; expected a number from 0 to 1"
    )
  return float(value)


def _detections(rows) -> Detections:
  boxes, class_ids, confidences = list(zip(*rows, strict=True)) or [()] * 3
  return Detections(
    np.array(boxes, np.float64).reshape(-1, 4),
    np.array(class_ids, np.int64),
    np.array(confidences, np.float64),
  )


def _notes(path, labels, found) -> list[str]:
  """What looks wrong with detections as a whole."""
  notes = []
  total = sum(len(each.boxes) for each in found.values())
  if not total:
    return [f"{path}: there is not one detection"]
  leaving, crowded = {}, []
  for name, each in found.items():
    picture = labels.pictures[name]
    # Farther than detectors reach that do not cut their boxes.
    width, height = picture.width, picture.height
    far = truths.outside(each.boxes, width, height, max(width, height) / 4)
    if far.any():
      leaving[name] = int(np.count_nonzero(far))
    if np.bincount(each.class_ids, minlength=1).max() > MOST_DETECTIONS:
      crowded.append(name)
  if leaving:
    first = next(iter(leaving))
    picture = labels.pictures[first]
    notes.append(
      f"{path}: {sum(leaving.values())} of {total} boxes reach far beyond "
      f"their picture, the first on {first} of {picture.width} x "
      f"{picture.height} pixels; was the detector shown pictures of another "
      "size, or are boxes given as corners?"
    )
  if crowded:
    notes.append(
      f"{path}: {len(crowded)} pictures have more than {MOST_DETECTIONS} "
      "detections of a class, of which COCO's rule takes the most confident; "
      f"the first is {crowded[0]}"
    )
  return notes
