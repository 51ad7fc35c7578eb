"""Pictures that objects are put into: folders, lists, procedural land, tiles.

A source of backgrounds can be pickled for worker processes, and gives the same
pictures in each of them.
"""

import json
import os
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from gansynth import images
from gansynth.data.procedural import OverheadTiles, regions
from gansynth.synthesis import picture_folders
from gansynth.synthesis.recent import Recent

METRES = 1.5  # of a pixel of procedural tiles and turbines
TILE_SIZE = 320  # pixels; any turbine with its shadow fits
_KEPT = 32 << 20  # bytes of pictures in memory, for each source


class BackgroundSource(Protocol):
  """What every source of backgrounds offers.

  Names and domains are the same on every machine; `index` counts from 0 in the
  order of `names`.
  """

  def domains(self) -> list[str]:
    """Names of the domains; [""] where there are none."""
    ...

  def names(self, domain: str) -> list[str]:
    """Names of a domain's pictures, each different from the others."""
    ...

  def read(self, domain: str, index: int) -> np.ndarray:
    """Picture `index`, uint8 (height, width, 3), read-only."""
    ...

  def size(self, domain: str, index: int) -> tuple[int, int]:
    """Its height and width, without decoding it."""
    ...

  def check(self) -> list[str]:
    """All that is wrong and can be found without decoding pictures.

    Each line names file, value, what is expected, and what to do.
    """
    ...

  def described(self) -> dict[str, Any]:
    """What it is, in values of JSON; it changes where its pictures do."""
    ...


class FileBackgrounds:
  """Backgrounds that are picture files."""

  def __init__(self, pictures: picture_folders.Pictures) -> None:
    self._pictures = pictures
    self._recent = Recent(_KEPT)

  def domains(self) -> list[str]:
    """See `BackgroundSource`."""
    return self._pictures.domains()

  def names(self, domain: str) -> list[str]:
    """See `BackgroundSource`."""
    return self._pictures.names(domain)

  def read(self, domain: str, index: int) -> np.ndarray:
    """See `BackgroundSource`; raises as `images.read` does."""
    path = self._pictures.path(domain, index)
    return self._recent.get(path, lambda: images.read(path))

  def size(self, domain: str, index: int) -> tuple[int, int]:
    """See `BackgroundSource`; raises as `images.size` does."""
    return self._pictures.size(domain, index)

  def check(self) -> list[str]:
    """See `BackgroundSource`."""
    return self._pictures.check("backgrounds")


class FolderBackgrounds(FileBackgrounds):
  """A folder of pictures, or a folder for each domain.

  See `picture_folders.find` for how it is searched and pictures are named.

  Args:
    root: the folder.
    domains: folders in it to use, in this order; None: all.

  Raises:
    ValueError: there is no such folder, or it cannot be said what is meant.
  """

  def __init__(
    self,
    root: str | os.PathLike[str],
    domains: Sequence[str] | None = None,
  ) -> None:
    self.root = os.fspath(root)
    super().__init__(picture_folders.find(root, domains))

  def described(self) -> dict[str, Any]:
    """See `BackgroundSource`."""
    return {
      "kind": "folder",
      "path": os.path.abspath(self.root),
      "domains": self._pictures.described(),
    }


class DomainDict(FileBackgrounds):
  """The pictures that a JSON file names, in the climate programs' layout.

  The file holds {domain: {key: [names], ...}, ...}; picture `name` of a domain
  is `<root>/images/<domain>/<key>/<name>` with any ending that pictures have.
  The file's order is kept.

  Args:
    root: folder that holds `images`.
    json_path: the JSON file.
    key: of the names, and folder of the pictures.
    limit: how many of a domain are used, from the first; 0: all.
    domains: to use, in this order; None: all of the file.

  Raises:
    ValueError: the file does not hold that.
    OSError: it cannot be read.
  """

  def __init__(
    self,
    root: str | os.PathLike[str],
    json_path: str | os.PathLike[str],
    key: str = "Background",
    limit: int = 0,
    domains: Sequence[str] | None = None,
  ) -> None:
    if limit < 0:
      raise ValueError(f"limit is {limit}; expected 0 (all) or more")
    self.root = os.fspath(root)
    self.json_path = os.fspath(json_path)
    self.key = key
    listed = _read_domain_dict(self.json_path, key)
    paths = {
      domain: self._find(domain, listed[domain][: limit or None])
      for domain in picture_folders.choose(
        list(listed), domains, self.json_path
      )
    }
    super().__init__(picture_folders.Pictures(self.json_path, paths))

  def _find(self, domain, names):
    """Maps names to paths; one that is not there keeps that of a JPEG."""
    folder = os.path.join(self.root, "images", domain, self.key)
    there = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    paths = {}
    for name in names:
      known = [name]
      for ending in images.EXTENSIONS:
        known += [f"{name}.{ending}", f"{name}.{ending.upper()}"]
      found = [each for each in known if each in there]
      paths[name] = os.path.join(folder, found[0] if found else f"{name}.jpg")
    return paths

  def described(self) -> dict[str, Any]:
    """See `BackgroundSource`."""
    return {
      "kind": "domain_dict",
      "path": os.path.abspath(self.root),
      "domain_dict": os.path.abspath(self.json_path),
      "key": self.key,
      "domains": self._pictures.described(),
    }


def _read_domain_dict(path, key):
  """Returns the names of each domain, checked."""
  expected = f'expected {{"domain": {{"{key}": ["name", ...]}}}}'
  with open(path, encoding="utf-8") as file:
    try:
      values = json.load(file)
    except ValueError as error:
      raise ValueError(f"{path} is no JSON ({error}); {expected}") from error
  if not isinstance(values, dict) or not values:
    raise ValueError(f"{path} holds {str(values)[:60]}; {expected}")
  listed = {}
  for domain, value in values.items():
    names = value.get(key, []) if isinstance(value, dict) else None
    if not isinstance(names, list) or not all(
      isinstance(name, str) for name in names
    ):
      raise ValueError(
        f"{path}: the domain {domain!r} holds {str(value)[:60]}; {expected}"
      )
    twice = sorted(name for name in set(names) if names.count(name) > 1)
    if twice:
      raise ValueError(
        f"{path}: the domain {domain!r} names {twice[0]!r} more than once "
        f"under {key!r}; name each picture once"
      )
    listed[domain] = names
  return listed


class ProceduralTiles:
  """Procedural land without turbines, a domain for each region.

  Args:
    seed: >= 0; other seeds are other places.
    size: side, or (height, width), in pixels.
    metres: size of a pixel; that of `ProceduralTurbines` for both to match.
    domains: regions to use, in this order; None: all.
    count: tiles of each domain.
  """

  def __init__(
    self,
    seed: int = 0,
    size: int | tuple[int, int] = TILE_SIZE,
    metres: float = METRES,
    domains: Sequence[str] | None = None,
    count: int = 1000,
  ) -> None:
    if count < 1:
      raise ValueError(f"count is {count}; expected 1 or more tiles")
    self._size = _pair(size)
    self._metres = metres
    self._names = [f"tile_{index:06d}" for index in range(count)]
    self._tiles = {
      domain: OverheadTiles(seed, self._size, domain)
      for domain in domains or [region.name for region in regions.REGIONS]
    }
    self._recent = Recent(_KEPT)

  def domains(self) -> list[str]:
    """See `BackgroundSource`."""
    return list(self._tiles)

  def names(self, domain: str) -> list[str]:
    """See `BackgroundSource`."""
    picture_folders.check_domain(domain, self._tiles)
    return self._names

  def read(self, domain: str, index: int) -> np.ndarray:
    """See `BackgroundSource`."""
    picture_folders.check_domain(domain, self._tiles)
    return self._recent.get(
      (domain, index),
      lambda: self._tiles[domain].empty(index, self._metres),
    )

  def size(self, domain: str, index: int) -> tuple[int, int]:
    """See `BackgroundSource`."""
    del domain, index
    return self._size

  def check(self) -> list[str]:
    """See `BackgroundSource`; there is nothing to go wrong."""
    return []

  def described(self) -> dict[str, Any]:
    """See `BackgroundSource`."""
    first = next(iter(self._tiles.values()))
    return {
      "kind": "procedural",
      "seed": first.seed,
      "size": list(self._size),
      "metres": self._metres,
      "count": len(self._names),
      "domains": self.domains(),
    }


class Tiled:
  """Cuts the pictures of a source into tiles.

  Tiles lie side by side; where a picture is no multiple of a tile, the last
  ones are moved inwards, so that all of it is used. They are called
  `picture@row,column`, by the pixel of their upper left corner. Pictures
  smaller than a tile have none, and are problems for `check`.

  Args:
    source: of larger pictures.
    size: side of a tile, or its (height, width), in pixels.
  """

  def __init__(
    self, source: BackgroundSource, size: int | Sequence[int]
  ) -> None:
    self._source = source
    self._size = _pair(size)
    self._places = {}  # of each domain: (picture, row, column) of its tiles
    self._names = {}
    self._problems = {}

  def domains(self) -> list[str]:
    """See `BackgroundSource`."""
    return self._source.domains()

  def names(self, domain: str) -> list[str]:
    """See `BackgroundSource`."""
    self._cut(domain)
    return self._names[domain]

  def read(self, domain: str, index: int) -> np.ndarray:
    """See `BackgroundSource`."""
    picture, row, column = self._cut(domain)[index]
    height, width = self._size
    tile = self._source.read(domain, picture)[
      row : row + height, column : column + width
    ].copy()
    tile.flags.writeable = False
    return tile

  def size(self, domain: str, index: int) -> tuple[int, int]:
    """See `BackgroundSource`."""
    del domain, index
    return self._size

  def check(self) -> list[str]:
    """See `BackgroundSource`."""
    problems = self._source.check()
    for domain in self.domains():
      self._cut(domain)
      problems += self._problems[domain]
    return problems

  def described(self) -> dict[str, Any]:
    """See `BackgroundSource`."""
    return {
      "kind": "tiles",
      "size": list(self._size),
      "source": self._source.described(),
    }

  def _cut(self, domain):
    """Returns the places of a domain's tiles, from sizes alone."""
    if domain not in self._places:
      places, problems = [], []
      names = self._source.names(domain)
      for index, name in enumerate(names):
        try:
          size = self._source.size(domain, index)
        except (ValueError, OSError):
          continue  # The source's own check names it.
        if size[0] < self._size[0] or size[1] < self._size[1]:
          problems.append(too_small_to_cut(name, size, self._size))
          continue
        rows, columns = (
          _starts(whole, part)
          for whole, part in zip(size, self._size, strict=True)
        )
        places += [(index, row, column) for row in rows for column in columns]
      self._problems[domain] = problems
      self._names[domain] = [
        f"{names[index]}@{row},{column}" for index, row, column in places
      ]
      self._places[domain] = places
    return self._places[domain]


def random_window(
  rng: np.random.Generator,
  size: tuple[int, int],
  crop: tuple[int, int],
  name: str = "",
) -> tuple[int, int]:
  """Draws where a window lies in a picture; each place is as likely.

  Args:
    rng: what is drawn from.
    size: height and width of the picture.
    crop: height and width of the window.
    name: of the picture, for the error.

  Returns:
    Row and column of its upper left corner.

  Raises:
    ValueError: the picture is smaller than the window.
  """
  if size[0] < crop[0] or size[1] < crop[1]:
    raise ValueError(too_small_to_cut(name or "the picture", size, crop))
  row, column = (
    int(rng.integers(whole - part + 1))
    for whole, part in zip(size, crop, strict=True)
  )
  return row, column


def too_small_to_cut(
  name: str, size: tuple[int, int], wanted: tuple[int, int]
) -> str:
  """Says that a picture of a (height, width) has no window as large."""
  return (
    f"{name} is {size[1]} x {size[0]} pixels (width x height), too small to "
    f"cut {wanted[1]} x {wanted[0]} from it; enlarge or remove it, or cut "
    "smaller pieces"
  )


def _starts(whole, part):
  """Where parts of a length begin; the last ends at the end."""
  return [*range(0, whole - part, part), whole - part]


def _pair(size):
  """Height and width of what may be given as one number."""
  pair = (size, size) if isinstance(size, int) else tuple(size)
  if len(pair) != 2 or min(pair) < 1:
    raise ValueError(
      f"size is {size}; expected a side or (height, width), in pixels"
    )
  return pair
