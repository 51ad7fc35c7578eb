"""Joints of people in files: one for each picture, or COCO's one for all."""

import json
import os
from typing import Any

import numpy as np

from gansynth.data.labels import poses

_COCO_NAMES = {
  **{
    f"{side}_{name}": side[0] + name
    for side in ("right", "left")
    for name in ("ankle", "knee", "hip", "shoulder", "elbow", "wrist", "eye")
  },
  "nose": "cnose",
}
_MISSING = [-1, -1]


class PoseError(ValueError):
  """Joints cannot be used; the message names file, joint and value."""


def read(path: str | os.PathLike) -> np.ndarray:
  """Reads the joints of one picture.

  Args:
    path: JSON: of one person `{"rankle": [x, y], ...}`, or of several a list
      of these. Names are those of `poses.JOINTS`; x and y are pixels of the
      stored picture, (0, 0) the centre of its first. A joint that is not seen
      is left out, or null, or [-1, -1].

  Returns:
    float32 (people, 15, 2), NaN where a joint is missing.

  Raises:
    PoseError: it is no such file.
    OSError: it cannot be opened.
  """
  found = _load(path)
  people = found if isinstance(found, list) else [found]
  joints = np.full((len(people), len(poses.JOINTS), 2), np.nan, np.float32)
  for number, person in enumerate(people):
    where = f"{os.fspath(path)!r}"
    if isinstance(found, list):
      where += f", person {number}"
    if not isinstance(person, dict):
      raise PoseError(
        f"{where}: found {_short(person)}; expected an object of joints, "
        '{"rankle": [x, y], ...}, or a list of them.'
      )
    for name, point in person.items():
      if name not in poses.INDEX:
        raise PoseError(
          f"{where}: joint {name!r} is unknown; expected some of "
          f"{', '.join(poses.JOINTS)}."
        )
      if point is None or point == _MISSING:
        continue
      if not _is_point(point):
        raise PoseError(
          f"{where}: joint {name!r} is {_short(point)}; expected [x, y] in "
          "pixels, or null where it is not seen."
        )
      joints[number, poses.INDEX[name]] = point
  return joints


def read_coco(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Reads keypoints in COCO's format (`person_keypoints_*.json`).

  All people of a picture count but crowds; keypoints of visibility 0 are
  missing. Pictures with nobody whose keypoints are known are left out.

  Args:
    path: JSON with images, annotations and categories, of which one has
      keypoints; of these the ears, and others that are not drawn, are ignored.

  Returns:
    For each picture's file_name float32 (people, 15, 2), see `read`.

  Raises:
    PoseError: it is no such file.
    OSError: it cannot be opened.
  """
  found = _load(path)
  where = f"{os.fspath(path)!r}"
  try:
    names = {each["id"]: each["file_name"] for each in found["images"]}
    columns = {
      each["id"]: _columns(each["keypoints"])
      for each in found["categories"]
      if "keypoints" in each
    }
    annotations = [
      (each["image_id"], each["category_id"], each["keypoints"])
      for each in found["annotations"]
      if "keypoints" in each and not each.get("iscrowd")
    ]
  except (KeyError, TypeError, AttributeError) as error:
    raise PoseError(
      f"{where}: {type(error).__name__}: {error}; expected COCO's format with "
      "images, annotations and categories, one of them with keypoints."
    ) from None
  people = {}
  for image_id, category, keypoints in annotations:
    if image_id not in names or category not in columns:
      raise PoseError(
        f"{where}: an annotation has image_id {image_id!r} and category_id "
        f"{category!r}; expected one of images, and of categories with "
        "keypoints."
      )
    count, from_columns, to_joints = columns[category]
    try:
      points = np.asarray(keypoints, np.float32).reshape(count, 3)
    except (ValueError, TypeError):
      points = np.array(np.nan)
    if not np.isfinite(points).all():
      raise PoseError(
        f"{where}: keypoints in {names[image_id]!r} are {_short(keypoints)}; "
        f"expected {count} times x, y and visibility."
      )
    points = points[from_columns]
    person = np.full((len(poses.JOINTS), 2), np.nan, np.float32)
    person[to_joints] = np.where(points[:, 2:] > 0, points[:, :2], np.nan)
    if np.isfinite(person).any():
      people.setdefault(names[image_id], []).append(person)
  if not people:
    raise PoseError(
      f"{where}: holds no person with keypoints; expected annotations with "
      f"some of {', '.join(_COCO_NAMES)}."
    )
  return {name: np.stack(each) for name, each in people.items()}


def check_inside(
  joints: np.ndarray, size: tuple[int, int], where: str
) -> np.ndarray:
  """Returns joints, unless they cannot be pixels of a picture.

  Args:
    joints: see `read`.
    size: (height, width) of the picture; joints may lie outside, up to once
      its size away.
    where: what to call them in errors.

  Raises:
    PoseError: they are farther away; or all between 0 and 1.
  """
  height, width = size
  expected = (
    f"expected x and y in pixels of the picture as it is stored, {width} x "
    f"{height}. Correct the file."
  )
  limit = np.array([width, height])
  far = (joints < -limit) | (joints > 2 * limit)  # False for NaN
  if far.any():
    person, joint, _ = np.argwhere(far)[0]
    x, y = joints[person, joint].tolist()
    raise PoseError(
      f"{where}, person {person}: joint {poses.JOINTS[joint]!r} is at "
      f"({x:g}, {y:g}); {expected}"
    )
  known = joints[np.isfinite(joints)]
  if known.size > 2 and min(size) > 2 and known.min() >= 0 and known.max() <= 1:
    raise PoseError(
      f"{where}: all joints lie between 0 and {known.max():g}, as if they were "
      f"fractions; {expected}"
    )
  return joints


def _columns(names: list[str]) -> tuple[int, list[int], list[int]]:
  """How many keypoints there are, which are drawn, and as which joints."""
  drawn = [(i, _COCO_NAMES[n]) for i, n in enumerate(names) if n in _COCO_NAMES]
  return (
    len(names),
    [column for column, _ in drawn],
    [poses.INDEX[name] for _, name in drawn],
  )


def _load(path: str | os.PathLike) -> Any:
  with open(path, encoding="utf-8") as file:
    try:
      return json.load(file)
    except ValueError as error:
      raise PoseError(
        f"{os.fspath(path)!r}: is no JSON ({error}); expected joints."
      ) from None


def _is_point(value: Any) -> bool:
  return (
    isinstance(value, list)
    and len(value) == 2
    and all(type(each) in (int, float) for each in value)
    and all(abs(each) < 1e9 for each in value)  # False for NaN
  )


def _short(value: Any) -> str:
  text = json.dumps(value)
  return text if len(text) <= 60 else f"{text[:60]}..."
