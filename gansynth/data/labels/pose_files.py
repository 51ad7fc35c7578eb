"""Joints of people in files, checked when they are read.

A JSON file for each picture, or one in COCO's format for all. Unlike label
maps, joints are drawn after a picture was resized, cut and mirrored, so lines
are as thick and crisp at every size.
"""

import glob
import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import logging

from gansynth import images
from gansynth.data import sources
from gansynth.data.labels import layouts, poses

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


class PoseFilesSource:
  """Pictures and the joints of people in them.

  Items: `image` uint8 (H, W, 3); `joints` float32 (people, 15, 2) in pixels of
  the picture, NaN where missing, see `poses`; `name` and `path` of the picture.

  Args:
    entries: pictures, each with the file that its joints are from.
    joints: of each entry; None: entries have JSON files, which are read when
      an item is.
  """

  def __init__(
    self,
    entries: Sequence[layouts.Entry],
    joints: Sequence[np.ndarray] | None = None,
  ):
    self.entries = list(entries)
    self.joints = joints

  def __len__(self) -> int:
    return len(self.entries)

  def __getitem__(self, index: int) -> dict:
    entry = self.entries[index]
    image = images.read(entry.image)
    joints = read(entry.label) if self.joints is None else self.joints[index]
    _check_inside(joints, image.shape[:2], entry)
    return {
      "image": image,
      "joints": joints,
      "name": entry.name,
      "path": entry.image,
    }


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


def folders(
  joints: str | os.PathLike, pictures: str | os.PathLike, max_size: int = 0
) -> PoseFilesSource:
  """Pairs a folder of pictures with a folder of JSON files, or COCO's one.

  Args:
    joints: folder of files for `read`, of the pictures' names; or a file for
      `read_coco`, of which pictures that are named there are taken.
    pictures: folder of pictures.
    max_size: keep the first so many; 0 keeps all.
  """
  if not os.path.isfile(joints):
    entries = layouts.joints(joints, pictures)
    return PoseFilesSource(sources.limited(entries, max_size))
  by_name = read_coco(joints)
  chosen = sources.limited(sorted(by_name, key=layouts.natural_key), max_size)
  entries = [
    layouts.Entry(os.fspath(joints), os.path.join(pictures, name))
    for name in chosen
  ]
  missing = [each.image for each in entries if not os.path.isfile(each.image)]
  if missing:
    raise images.ImageError(
      f"{os.fspath(joints)!r} names {len(entries)} pictures with people, of "
      f"which {len(missing)} are missing, the first {missing[0]!r}. Correct "
      "the folder of pictures, or unpack what is missing."
    )
  logging.info(
    "%s: %d pictures with people that have keypoints.", joints, len(entries)
  )
  return PoseFilesSource(entries, [by_name[name] for name in chosen])


def coco_folders(root: str | os.PathLike, phase: str) -> tuple[str, str] | None:
  """The annotations and the folder of pictures of COCO as downloaded.

  Args:
    root: holds `annotations/person_keypoints_<phase>*.json` and a folder
      `<phase>*`, perhaps below `images`.
    phase: "train" or "val".

  Returns:
    Both paths; None if there are no annotations.

  Raises:
    images.ImageError: there are annotations and no pictures.
  """
  prefix = os.path.join(root, "annotations", "person_keypoints_")
  found = sorted(glob.glob(f"{glob.escape(prefix)}{phase}*.json"))
  if not found:
    return None
  folder = found[-1][len(prefix) :].removesuffix(".json")
  for place in (
    os.path.join(root, folder),
    os.path.join(root, "images", folder),
  ):
    if os.path.isdir(place):
      return found[-1], place
  raise images.ImageError(
    f"{found[-1]!r} is there, and its pictures are not: expected the folder "
    f"{folder!r} in {os.fspath(root)!r} or in 'images' there."
  )


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
    and bool(np.isfinite(np.array(value, np.float32)).all())
  )


def _short(value: Any) -> str:
  text = json.dumps(value)
  return text if len(text) <= 60 else f"{text[:60]}..."


def _check_inside(
  joints: np.ndarray, size: tuple[int, int], entry: layouts.Entry
) -> None:
  """Refuses joints that cannot be pixels of the picture."""
  height, width = size
  advice = (
    f"the picture {entry.image!r} is {width} x {height}; expected x and y in "
    "its pixels as it is stored. Correct the file."
  )
  limit = np.array([width, height])
  far = (joints < -limit) | (joints > 2 * limit)  # False for NaN
  if far.any():
    person, joint, _ = np.argwhere(far)[0]
    x, y = joints[person, joint].tolist()
    raise PoseError(
      f"{entry.label!r}, person {person}: joint {poses.JOINTS[joint]!r} is at "
      f"({x:g}, {y:g}), and {advice}"
    )
  known = joints[np.isfinite(joints)]
  if known.size > 2 and min(size) > 2 and known.min() >= 0 and known.max() <= 1:
    raise PoseError(
      f"{entry.label!r}: all joints lie between 0 and {known.max():g}, as if "
      f"they were fractions, and {advice}"
    )
