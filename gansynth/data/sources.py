"""Sources: random access to pictures as they are stored, before any change.

A source has a length and gives, for an index, a dict of uint8 arrays and a
`name`. `gansynth.data.datasets` makes training samples of them. All of them
can be pickled, for Grain's worker processes.
"""

import os
import threading
from collections.abc import Callable
from pathlib import PurePath
from typing import Protocol

import numpy as np

from gansynth import images


class Source(Protocol):
  """What every source offers."""

  def __len__(self) -> int:
    """Returns the number of items."""
    ...

  def __getitem__(self, index: int) -> dict:
    """Returns item `index`, 0 <= index < len: pictures and their `name`."""
    ...


def limited(paths: list, max_size: int | None) -> list:
  """Keeps the first `max_size` paths; None or 0 keeps all."""
  if max_size is not None and max_size < 0:
    raise ValueError(f"max_dataset_size is {max_size}; expected 0 or more.")
  return paths[:max_size] if max_size else paths


class FolderSource:
  """The pictures of a folder, recursively, sorted by path.

  Items: `image` uint8 (H, W, 3), `name` the path below the folder with "/".

  Args:
    folder: where the pictures are, see `images.list_images`.
    max_size: keep the first so many of the sorted list (the original takes
      them unsorted, so its choice depends on the disk); None or 0 keeps all.
  """

  def __init__(self, folder: str | os.PathLike, max_size: int | None = None):
    self.folder = os.fspath(folder)
    self.paths = limited(images.list_images(folder), max_size)

  def __len__(self) -> int:
    return len(self.paths)

  def __getitem__(self, index: int) -> dict:
    path = self.paths[index]
    name = PurePath(os.path.relpath(path, self.folder)).as_posix()
    return {"image": images.read(path), "name": name, "path": path}


class SplitSource:
  """Pictures that hold A and B side by side, as pix2pix's data sets do.

  Items: `image_a` (columns 0 to width // 2), `image_b` (the rest), `name`.

  Args:
    source: gives the double pictures.
  """

  def __init__(self, source: Source):
    self.source = source

  def __len__(self) -> int:
    return len(self.source)

  def __getitem__(self, index: int) -> dict:
    item = self.source[index]
    width = item["image"].shape[1]
    if width < 2:
      raise images.ImageError(
        f"{item.get('path', item['name'])}: is {width} pixel wide; expected "
        "two pictures side by side. Remove it."
      )
    left, right = np.split(item["image"], [width // 2], axis=1)
    return {**_labels(item), "image_a": left, "image_b": right}


class MatchedFoldersSource:
  """Pairs from two folders, matched by their path without the ending.

  Items: `image_a`, `image_b` (sizes as stored), `name` (that of A).

  Args:
    folder_a: pictures of A.
    folder_b: pictures of B; `x/1.jpg` there belongs to `x/1.png` of A.
    max_size: keep the first so many pairs; None or 0 keeps all.

  Raises:
    images.ImageError: one of the two lacks a partner, or two pictures of one
      folder have the same stem; some are named.
  """

  def __init__(
    self,
    folder_a: str | os.PathLike,
    folder_b: str | os.PathLike,
    max_size: int | None = None,
  ):
    by_stem_a, by_stem_b = _by_stem(folder_a), _by_stem(folder_b)
    for mine, other, folder in (
      (by_stem_a, by_stem_b, folder_b),
      (by_stem_b, by_stem_a, folder_a),
    ):
      missing = sorted(set(mine) - set(other))
      if missing:
        raise images.ImageError(
          f"{os.fspath(folder)!r} has no partner for {len(missing)} of "
          f"{len(mine)} pictures, the first {missing[:3]}. Partners have the "
          "same path and name up to the ending; add or remove pictures."
        )
    stems = limited(sorted(by_stem_a), max_size)
    self.folder = os.fspath(folder_a)
    self.pairs = [(by_stem_a[stem], by_stem_b[stem]) for stem in stems]

  def __len__(self) -> int:
    return len(self.pairs)

  def __getitem__(self, index: int) -> dict:
    path_a, path_b = self.pairs[index]
    return {
      "image_a": images.read(path_a),
      "image_b": images.read(path_b),
      "name": PurePath(os.path.relpath(path_a, self.folder)).as_posix(),
      "path": path_a,
    }


def _by_stem(folder: str | os.PathLike) -> dict[str, str]:
  """Maps relative paths without ending to paths."""
  stems = {}
  for path in images.list_images(folder):
    stem = os.path.splitext(os.path.relpath(path, folder))[0]
    if stem in stems:
      raise images.ImageError(
        f"{path!r} and {stems[stem]!r} have the same name up to the ending, "
        "so their partner is not certain; rename one."
      )
    stems[stem] = path
  return stems


class RenderedSource:
  """Pictures made by a function of their number (procedural data).

  Args:
    render: `render(number)` returns a dict of arrays, the same each time, and
      perhaps a `name`; it must be picklable (a function of a module or a small
      object).
    numbers: the number of each item.
    name: prefix of the items' names, followed by the number and `.png`.
  """

  def __init__(self, render: Callable[[int], dict], numbers: range, name: str):
    self.render = render
    self.numbers = numbers
    self.name = name

  def __len__(self) -> int:
    return len(self.numbers)

  def __getitem__(self, index: int) -> dict:
    number = self.numbers[index]
    name = f"{self.name}_{number:06d}.png"
    return {"name": name, **self.render(number)}


class CachedSource:
  """Keeps items in memory once they were made, up to a number of bytes.

  When the limit is reached nothing more is kept and nothing is thrown out:
  with random order every item is as likely to come again as any other.
  Each process has its own; a pickled copy starts empty.

  Args:
    source: what to keep; its items must not be changed by who receives them.
    max_bytes: limit on the arrays' sizes together.
  """

  def __init__(self, source: Source, max_bytes: int):
    self.source = source
    self.max_bytes = max_bytes
    self._reset()

  def _reset(self) -> None:
    self._items = {}
    self._bytes = 0
    self._lock = threading.Lock()

  def __getstate__(self) -> dict:
    return {"source": self.source, "max_bytes": self.max_bytes}

  def __setstate__(self, state: dict) -> None:
    self.__dict__.update(state)
    self._reset()

  def __len__(self) -> int:
    return len(self.source)

  def __getitem__(self, index: int) -> dict:
    item = self._items.get(index)
    if item is not None:
      return item
    item = self.source[index]
    size = 0
    for value in item.values():
      if isinstance(value, np.ndarray):
        value.flags.writeable = False  # A changed item would stay changed.
        size += value.nbytes
    with self._lock:
      if index not in self._items and self._bytes + size <= self.max_bytes:
        self._items[index] = item
        self._bytes += size
    return item


def _labels(item: dict) -> dict:
  """The entries of an item that say what it is."""
  return {key: item[key] for key in ("name", "path") if key in item}
