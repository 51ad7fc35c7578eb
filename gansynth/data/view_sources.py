"""Views: folders of pictures that show the same place at different times.

A source of views is a source of pictures (`image`, `name`, `path`), folder
after folder, with `counts`, the number of pictures of each folder.
"""

import dataclasses
import functools
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from absl import logging

from gansynth import images

Box = tuple[int, int, int, int]  # rows r0..r1-1, columns c0..c1-1

# Weathers and severities that a procedural scene is seen in.
PROCEDURAL_VIEWS = (
  ("clear", 0.5),
  ("fog", 0.5),
  ("fog", 0.9),
  ("rain", 0.6),
  ("snow", 0.8),
  ("dusk", 0.5),
  ("dusk", 1.0),
)


def read_boxes(path: str | os.PathLike) -> dict[str, Box]:
  """Reads lines `folder:r0,c0,r1,c1`; empty ones are passed over.

  Raises:
    ValueError: a line that is none, an empty box, or a folder named twice;
      the message names the line.
  """
  boxes = {}
  lines = Path(path).read_text(encoding="utf-8").splitlines()
  for number, line in enumerate(lines, 1):
    if not line.strip():
      continue
    where = f"{os.fspath(path)}, line {number}: {line.strip()!r}"
    match = re.fullmatch(
      r"\s*(.+?)\s*:\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", line
    )
    if match is None:
      raise ValueError(
        f"{where} is no box; expected folder:r0,c0,r1,c1 with whole numbers, "
        "for example 00000064:10,0,470,640. Correct the line."
      )
    folder, box = match[1], tuple(int(match[i]) for i in range(2, 6))
    if box[0] >= box[2] or box[1] >= box[3]:
      raise ValueError(
        f"{where} is an empty box; r1 must be above r0 and c1 above c0. "
        "Correct the line."
      )
    if folder in boxes:
      raise ValueError(
        f"{where} gives folder {folder!r} a second box; keep one of them."
      )
    boxes[folder] = box
  return boxes


class FolderViews:
  """Views on disk: every folder directly below `root` is one.

  Pictures of a folder may differ in size but not in shape; a box cuts them
  all, which removes a camera's captions.

  Args:
    root: holds the folders.
    folders: the names of those to take.
    boxes: by folder; None for whole pictures.

  Raises:
    images.ImageError: a folder has fewer than two pictures.
  """

  def __init__(
    self,
    root: str | os.PathLike,
    folders: Sequence[str],
    boxes: Mapping[str, Box] | None = None,
  ):
    self.root = os.fspath(root)
    self._items, self.counts = [], []
    for folder in folders:
      paths = images.list_images(os.path.join(root, folder))
      if len(paths) < 2:
        raise images.ImageError(
          f"{os.path.join(root, folder)!r} holds one picture; a view needs at "
          "least two of the same place. Add some, or remove the folder."
        )
      box = boxes[folder] if boxes else None
      self._items += [(path, box) for path in paths]
      self.counts.append(len(paths))

  def __len__(self) -> int:
    return len(self._items)

  def __getitem__(self, index: int) -> dict:
    path, box = self._items[index]
    image = images.read(path)
    if box is not None:
      r0, c0, r1, c1 = box
      height, width = image.shape[:2]
      if r1 > height or c1 > width:
        raise images.ImageError(
          f"{path}: is {height} x {width} pixels (height x width), and its "
          f"folder's box goes to {r1} x {c1}. Correct the box."
        )
      image = image[r0:r1, c0:c1]
    name = Path(os.path.relpath(path, self.root)).as_posix()
    return {"image": image, "name": name, "path": path}


def view_folders(
  root: str | os.PathLike, boxes: Mapping[str, Box] | None = None
) -> list[str]:
  """Lists the folders directly below `root`, sorted.

  Args:
    root: see above.
    boxes: if given, folders without a box are left out, as the original does,
      and boxes without a folder are passed over; a log line counts them.

  Raises:
    images.ImageError: there is no such folder, or none in it.
  """
  if not os.path.isdir(root):
    raise images.ImageError(
      f"{os.fspath(root)!r} is no folder; expected one that holds a folder of "
      "pictures for each view. Set data.root."
    )
  found = sorted(
    entry.name
    for entry in os.scandir(root)
    if entry.is_dir() and not entry.name.startswith(".")
  )
  folders = found
  if boxes is not None:
    folders = [name for name in found if name in boxes]
    if len(folders) < max(len(found), len(boxes)):
      logging.info(
        "%d of %d folders have a box and are used; %d boxes have no folder",
        len(folders),
        len(found),
        len(boxes) - len(folders),
      )
  if not folders:
    raise images.ImageError(
      f"{os.fspath(root)!r} holds no view: {len(found)} folders"
      + (f", none of the {len(boxes)} in the box file" if boxes else "")
      + ". Expected a folder of pictures for each view."
    )
  return folders


@dataclasses.dataclass(frozen=True)
class ProceduralViews:
  """Street scenes, photo-like, each in all of `PROCEDURAL_VIEWS`.

  Attributes:
    seed: of the collection of scenes.
    size: (height, width) in pixels.
    scenes: their numbers.
  """

  seed: int
  size: tuple[int, int]
  scenes: range

  @functools.cached_property
  def _streets(self):
    from gansynth.data import procedural

    return procedural.StreetScenes(seed=self.seed, size=self.size)

  @property
  def counts(self) -> list[int]:
    """Pictures of each scene."""
    return [len(PROCEDURAL_VIEWS)] * len(self.scenes)

  def __len__(self) -> int:
    return len(self.scenes) * len(PROCEDURAL_VIEWS)

  def __getitem__(self, index: int) -> dict:
    scene, view = divmod(index, len(PROCEDURAL_VIEWS))
    weather, severity = PROCEDURAL_VIEWS[view]
    image: np.ndarray = self._streets.render(
      self.scenes[scene], "photo", weather=weather, severity=severity
    )["image"]
    name = f"scene_{self.scenes[scene]:06d}/{weather}_{severity}.png"
    return {"image": image, "name": name}
