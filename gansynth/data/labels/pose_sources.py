"""Pictures with people's joints: paired, read, and written as sticks."""

import glob
import os
from collections.abc import Iterator, Sequence

import numpy as np
from absl import logging

from gansynth import images
from gansynth.data import sources
from gansynth.data.labels import layouts, pairing, pose_files, poses
from gansynth.data.labels.placement import Placement


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
    entries: Sequence[pairing.Entry],
    joints: Sequence[np.ndarray] | None = None,
  ):
    self.entries = list(entries)
    self.joints = joints

  def __len__(self) -> int:
    return len(self.entries)

  def __getitem__(self, index: int) -> dict:
    entry = self.entries[index]
    image = images.read(entry.image)
    return {
      "image": image,
      "joints": self.people(index, image.shape[:2]),
      "name": entry.name,
      "path": entry.image,
    }

  def people(self, index: int, size: tuple[int, int]) -> np.ndarray:
    """The joints of item `index`, checked against its (height, width)."""
    entry = self.entries[index]
    joints = (
      pose_files.read(entry.label)
      if self.joints is None
      else self.joints[index]
    )
    return pose_files.check_inside(
      joints, size, f"{entry.label!r}, of {entry.image!r}"
    )


def folders(
  joints: str | os.PathLike, pictures: str | os.PathLike, max_size: int = 0
) -> PoseFilesSource:
  """Pairs a folder of pictures with a folder of JSON files, or COCO's one.

  Args:
    joints: folder of files for `pose_files.read`, of the pictures' names; or a
      file for `pose_files.read_coco`, whose pictures with people are taken.
    pictures: folder of pictures.
    max_size: keep the first so many; 0 keeps all.
  """
  if not os.path.isfile(joints):
    entries = layouts.joints(joints, pictures)
    return PoseFilesSource(sources.limited(entries, max_size))
  by_name = pose_files.read_coco(joints)
  chosen = sources.limited(sorted(by_name, key=pairing.natural_key), max_size)
  entries = [
    pairing.Entry(os.fspath(joints), os.path.join(pictures, name))
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


def draw_all(
  joints: str | os.PathLike,
  output: str | os.PathLike,
  size: tuple[int, int],
  pictures: str | os.PathLike = "",
) -> list[str]:
  """Writes stick pictures, for a generator to make people of.

  Args:
    joints: see `folders`.
    output: folder to write to, PNG of the same names.
    size: (height, width) of what is written.
    pictures: folder of the pictures that joints are pixels of; "": there are
      none, and joints are pixels of what is written.

  Returns:
    The paths.

  Raises:
    ValueError: a file cannot be used; what comes before it is written.
  """
  if pictures:
    found = _of_pictures(joints, pictures)
  else:
    found = _without_pictures(joints, size)
  placement = Placement(size)
  written = []
  for name, people, stored in found:
    path = os.path.join(output, f"{os.path.splitext(name)[0]}.png")
    moved = placement.place_points(people, stored)
    images.write(path, poses.draw(moved, size))
    written.append(path)
  return written


_People = Iterator[tuple[str, np.ndarray, tuple[int, int]]]


def _of_pictures(
  joints: str | os.PathLike, pictures: str | os.PathLike
) -> _People:
  """Names, joints and sizes of pictures."""
  source = folders(joints, pictures)
  for index, entry in enumerate(source.entries):
    stored = images.size(entry.image)
    name = os.path.relpath(entry.image, pictures)
    yield name, source.people(index, stored), stored


def _without_pictures(
  joints: str | os.PathLike, size: tuple[int, int]
) -> _People:
  """Names, joints and the size, where there are no pictures."""
  check = pose_files.check_inside
  if os.path.isfile(joints):
    for name, people in pose_files.read_coco(joints).items():
      yield (
        name,
        check(people, size, f"{os.fspath(joints)!r}, of {name!r}"),
        size,
      )
  else:
    for path in layouts.json_files(joints):
      name = os.path.relpath(path, joints)
      yield name, check(pose_files.read(path), size, repr(path)), size


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
