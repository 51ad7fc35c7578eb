"""Sets of pictures that are measured: folders, archives, arrays, data sets.

Every set is a sequence of uint8 (height, width, 3) with names. Grey is
replicated and transparency dropped, as programs that measure pictures do.
"""

import functools
import hashlib
import operator
import os
import pathlib
import re
import threading
import zipfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from gansynth import images
from gansynth.data import tfds_source
from gansynth.metrics import picture_listings
from gansynth.metrics.picture_listings import LISTINGS, PictureSetError

TFDS = "tfds:"

# Of arrays in an .npz: the name that guided diffusion and others give.
_ARRAY_KEYS = ("arr_0", "images", "pictures")
_TFDS_PLACE = re.compile(
  r"tfds:(?P<name>[^:]+(?::[\d.*]+)?):(?P<split>[^:\[]+(?:\[[^\]]*\])?)"
  r"(?::(?P<key>\w+))?"
)

# In an archive: files and folders of other systems, as `__MACOSX`.
_HIDDEN = re.compile(r"(^|/)(\.|__MACOSX/)")


class PictureSet(Sequence[np.ndarray]):
  """Pictures with names; reading one is safe in several threads.

  Attributes:
    place: where they are, for messages and records.
    names: of the pictures, in order, each once.
  """

  def __init__(
    self,
    place: str,
    names: Iterable[str],
    read: Callable[[int], np.ndarray],
    identify: Callable[[], Iterable[Any]],
    size: Sequence[int] = (),
    measure: Callable[[int], tuple[int, int] | None] | None = None,
  ):
    """Used by `open` and `of_arrays`.

    Args:
      place: see the class.
      names: see the class.
      read: returns the array of an index.
      identify: yields what changes when the pictures do, beside their names.
      size: (height, width) that pictures are resized to; empty: none.
      measure: returns the stored (height, width) of an index without reading
        the picture, None where that cannot be told.

    Raises:
      PictureSetError: there is no picture.
    """
    self.place = place
    self.names = tuple(names)
    self._read = read
    self._identify = identify
    self._size = tuple(size)
    self._measure = measure
    if not self.names:
      raise PictureSetError(f"{place} holds no picture")

  def __len__(self) -> int:
    return len(self.names)

  def __getitem__(self, index: int) -> np.ndarray:
    """Reads a picture: uint8 (height, width, 3).

    Raises:
      images.ImageError: it cannot be read; the message names it.
      PictureSetError: an array that is no picture.
    """
    index = range(len(self))[operator.index(index)]
    name = f"{self.place}: {self.names[index]}"
    picture = as_rgb(self._read(index), name)
    if self._size and picture.shape[:2] != self._size:
      picture = images.resize(picture, self._size)
    return picture

  def size(self, index: int) -> tuple[int, int] | None:
    """Height and width of a picture; None where it must be read to tell.

    Raises:
      images.ImageError: its file has no readable header.
    """
    if self._size:
      return self._size
    return self._measure(index) if self._measure else None

  @functools.cached_property
  def identity(self) -> str:
    """A digest that is another one if the pictures are other ones.

    Of files their names, sizes and times are looked at, not what is in them.
    """
    sha = hashlib.sha256(repr((self.names, self._size)).encode())
    for part in self._identify():
      sha.update(part if isinstance(part, bytes) else repr(part).encode())
    return sha.hexdigest()[:16]


def open(
  place: str | os.PathLike[str] | Sequence[np.ndarray],
  *,
  listing: str = "all",
  size: Sequence[int] = (),
) -> PictureSet:
  """Opens a set of pictures.

  Args:
    place: a folder; a `.zip` of pictures, which is read in place; a `.npy` or
      `.npz` of uint8 (number, height, width, 3), grey (number, height, width)
      too; a `.txt` with a path in each line, relative to its own folder; a
      data set of TensorFlow Datasets as `tfds:name:split` or
      `tfds:name:split:feature`, e.g. `tfds:cycle_gan/horse2zebra:testA`; or
      arrays, as `of_arrays`.
    listing: of folders. `all`: every picture in it and below it, see
      `images.list_images`. `pytorch_fid`: those directly in it whose ending is
      one of pytorch-fid's in lower case. `cleanfid`: those in it and below it
      with an ending of clean-fid's, .npy too. Sorted by whole paths.
    size: (height, width) that pictures of other sizes are resized to, by
      Pillow's bicubic filter; empty: they stay as they are.

  Raises:
    PictureSetError: there is no such place, or no picture in it, or it is
      none of these; the message names it.
  """
  if listing not in LISTINGS:
    raise PictureSetError(
      f"listing is {listing!r}; expected one of {', '.join(LISTINGS)}"
    )
  if not isinstance(place, str | os.PathLike):
    return of_arrays(place, size=size)
  text = os.fspath(place)
  if not text:
    raise PictureSetError("the place of the pictures is empty; name one")
  if text.startswith(TFDS):
    return _of_tfds(text, size)
  path = pathlib.Path(text)
  if path.is_dir():
    return _of_files(path, picture_listings.list_files(path, listing), size)
  if not path.exists():
    raise PictureSetError(
      f"{text} does not exist; expected a folder of pictures, a .zip, .npy, "
      f".npz or .txt file, or {TFDS}name:split. Correct the path"
    )
  readers = {
    ".zip": _of_archive,
    ".npy": _of_array_file,
    ".npz": _of_array_file,
    ".txt": _of_list,
  }
  if path.suffix.lower() not in readers:
    raise PictureSetError(
      f"{text} is a file, and no {', '.join(readers)}; give its folder, or a "
      "list of pictures as .txt"
    )
  return readers[path.suffix.lower()](path, size)


def of_arrays(
  arrays: Sequence[np.ndarray],
  names: Iterable[str] = (),
  place: str = "arrays",
  size: Sequence[int] = (),
) -> PictureSet:
  """Makes a set of arrays in memory.

  Args:
    arrays: each uint8 (height, width), (height, width, 1), 3 or 4; or one
      array of them all. They are looked at when they are asked for.
    names: one for each; empty: their numbers.
    place: what to call them.
    size: see `open`.

  Raises:
    PictureSetError: there are none, or of another type, or not as many names.
  """
  if isinstance(arrays, PictureSet) and not size:
    return arrays
  # One picture in colours would else be many in grey, three pixels wide.
  if isinstance(arrays, np.ndarray) and (
    arrays.ndim not in (3, 4) or (arrays.ndim == 3 and arrays.shape[-1] == 3)
  ):
    raise PictureSetError(
      f"{place}: an array of {arrays.dtype} {arrays.shape} holds no pictures; "
      "expected uint8 (number, height, width, 3)"
    )
  digits = max(6, len(str(len(arrays))))
  names = tuple(names) or [f"{i:0{digits}d}" for i in range(len(arrays))]
  if len(names) != len(arrays):
    raise PictureSetError(
      f"{place}: there are {len(arrays)} pictures and {len(names)} names"
    )
  if len(arrays):
    as_rgb(arrays[0], f"{place}: {names[0]}")

  def identify():
    for array in arrays:
      yield array.shape
      yield np.ascontiguousarray(array).tobytes()

  return PictureSet(place, names, arrays.__getitem__, identify, size)


def as_rgb(picture: np.ndarray, name: str) -> np.ndarray:
  """Brings a picture to three channels.

  Args:
    picture: uint8 (height, width), or with 1, 3 or 4 channels; the fourth,
      which is transparency, is dropped.
    name: for errors.

  Raises:
    PictureSetError: it is something else.
  """
  picture = np.asarray(picture)
  grey = picture[..., None] if picture.ndim == 2 else picture
  if (
    grey.dtype != np.uint8
    or grey.ndim != 3
    or grey.shape[-1] not in (1, 3, 4)
    or not grey.size
  ):
    raise PictureSetError(
      f"{name} is an array of {picture.dtype} {picture.shape}; expected uint8 "
      "(height, width, 3), or 1 or 4 channels, 0 to 255. "
      "`gansynth.images.to_uint8` converts from [-1, 1]"
    )
  if grey.shape[-1] == 1:
    return np.repeat(grey, 3, -1)
  return grey[..., :3]


def _of_files(folder, paths, size):
  """Pictures of files, named by their paths below a folder."""

  def read(index):
    path = paths[index]
    if path.suffix == ".npy":
      return _load_array(path)
    return images.read(path)

  def measure(index):
    path = paths[index]
    return None if path.suffix == ".npy" else images.size(path)

  def identify():
    for path in paths:
      status = path.stat()
      yield status.st_size, status.st_mtime_ns

  names = [os.path.relpath(path, folder).replace(os.sep, "/") for path in paths]
  return PictureSet(str(folder), names, read, identify, size, measure)


def _of_list(path, size):
  try:
    lines = path.read_text(encoding="utf-8").splitlines()
  except UnicodeDecodeError as error:
    raise PictureSetError(
      f"{path}: byte {error.start + 1} is no text in UTF-8; expected a list of "
      "pictures, a path in each line. Save it so"
    ) from error
  lines = [line.strip() for line in lines]
  lines = [line for line in lines if line and line[0] != "#"]
  paths = [path.parent / line for line in lines]
  missing = [str(each) for each in paths if not each.is_file()]
  if missing:
    raise PictureSetError(
      f"{path} lists {len(missing)} files that do not exist: "
      f"{', '.join(missing[:3])}. Paths are relative to {path.parent}"
    )
  if not paths:
    raise PictureSetError(f"{path} lists no picture; expected a path in a line")
  pictures = _of_files(path.parent, paths, size)
  pictures.place = str(path)
  return pictures


def _of_archive(path, size):
  """Pictures of a zip file, which stay in it."""
  try:
    archive = zipfile.ZipFile(path)
  except zipfile.BadZipFile as error:
    raise PictureSetError(
      f"{path} is no zip file, or damaged ({error}); fetch it again"
    ) from error
  endings = picture_listings.endings((*images.EXTENSIONS, "pgm"))
  entries = [
    entry
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename)
    if entry.filename.lower().endswith(endings)
    and not _HIDDEN.search(entry.filename)
  ]
  lock = threading.Lock()

  def read(index):
    name = entries[index].filename
    try:
      with lock:
        data = archive.read(name)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
      raise PictureSetError(
        f"{path}: {name} cannot be unpacked ({error}); make the archive again"
      ) from error
    return images.read(data, name=f"{path}: {name}")

  def identify():
    return ((entry.file_size, entry.CRC) for entry in entries)

  names = [entry.filename for entry in entries]
  return PictureSet(str(path), names, read, identify, size)


def _of_array_file(path, size):
  """Pictures of a NumPy file; `.npy` is not read as a whole."""
  return of_arrays(_load_array(path, "r"), place=str(path), size=size)


def _load_array(path, mmap_mode=None):
  """Reads the array of a NumPy file; what is wrong with it is named."""
  try:
    if path.suffix.lower() == ".npy":
      return np.load(path, mmap_mode, allow_pickle=False)
    # NumPy leaves a damaged file open that it opened itself.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
      return arrays[_array_key(path, arrays.files)]
  except PictureSetError:
    raise
  except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
    raise PictureSetError(
      f"{path} holds no array that can be read ({error}); expected uint8 "
      "(number, height, width, 3)"
    ) from error


def _array_key(path, keys):
  if {"mu", "sigma"} <= set(keys):
    raise PictureSetError(
      f"{path} holds statistics (mu, sigma), not pictures; only FID can be "
      "computed from them"
    )
  if len(keys) == 1:
    return keys[0]
  known = [key for key in _ARRAY_KEYS if key in keys]
  if not known:
    raise PictureSetError(
      f"{path} holds {', '.join(keys)}; expected one array of pictures, or "
      f"one called {', '.join(_ARRAY_KEYS)}"
    )
  return known[0]


def _of_tfds(place, size):
  """Pictures of a prepared data set."""
  match = _TFDS_PLACE.fullmatch(place)
  if match is None:
    raise PictureSetError(
      f"{place!r} names no data set; expected {TFDS}name:split, as "
      f"{TFDS}cycle_gan/horse2zebra:testA, and perhaps :feature"
    )
  key = match["key"] or "image"
  source = tfds_source.TfdsSource(match["name"], match["split"], key=key)
  names = [f"{index:06d}" for index in range(len(source))]

  def read(index):
    return source[index]["image"]

  def identify():
    yield source.name, source.split, source.data_dir, key

  return PictureSet(place, names, read, identify, size)
