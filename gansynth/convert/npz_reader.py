"""Reads `.npz` files, such as Chainer's checkpoints, without running them.

Names, types and shapes are known from the start and numbers are read when
asked for, so what one does not need may be anything, pickled objects too.
"""

import math
import os
import pathlib
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gansynth.convert import foreign
from gansynth.convert.errors import CheckpointError, UnsafeCheckpointError

_SUFFIX = ".npy"
_NUMBERS = "biuf"  # kinds of dtypes that are numbers


class NpzFile(Mapping[str, np.ndarray]):
  """The arrays of a `.npz` file, each read when it is asked for.

  Names lose leading and doubled slashes, which some versions of Chainer
  write.

  Attributes:
    source: the path, for messages.
  """

  def __init__(self, path: str | os.PathLike[str]) -> None:
    """Opens the file and lists it.

    Args:
      path: what `numpy.savez` or Chainer's `save_npz` wrote.

    Raises:
      CheckpointError: the file is missing, damaged, cut short, of another
        format, or would unfold to far more than its size.
    """
    self.source = str(path)
    path = pathlib.Path(path)
    if not path.is_file():
      raise CheckpointError(
        f"{self.source}: there is no such file; checkpoints/README.md says "
        "where published weights come from"
      )
    with path.open("rb") as file:
      foreign.refuse(path, file.read(foreign.HEAD_BYTES), "a .npz file")
    try:
      self._archive = zipfile.ZipFile(path)
    except Exception as e:
      # As in `__getitem__`: whatever it stumbles on.
      raise CheckpointError(
        f"{self.source}: expected a .npz file, which is a zip archive; this "
        f"is none, or damaged or cut short ({e}); get the file again"
      ) from e
    try:
      self._infos = self._list(path.stat().st_size)
    except CheckpointError:
      self._archive.close()
      raise

  def __enter__(self) -> "NpzFile":
    return self

  def __exit__(self, *exception: object) -> None:
    self.close()

  def __iter__(self) -> Iterator[str]:
    return iter(self._infos)

  def __len__(self) -> int:
    return len(self._infos)

  def __getitem__(self, name: str) -> np.ndarray:
    """Reads an array.

    Raises:
      KeyError: there is none of this name.
      UnsafeCheckpointError: it holds pickled objects.
      CheckpointError: it is damaged, or holds no numbers.
    """
    info = self._infos[name]
    try:
      with self._archive.open(info) as file:
        shape, fortran, dtype = _read_header(file)
        if dtype.hasobject:
          raise UnsafeCheckpointError(
            f"{self.source}: {name} holds pickled objects, which can run "
            "code; expected an array of numbers. Nothing of it was run"
          )
        if dtype.kind not in _NUMBERS:
          raise CheckpointError(
            f"{self.source}: {name} holds {dtype}; expected numbers"
          )
        # Before memory is taken for what the header claims.
        length = info.file_size - file.tell()
        wanted = math.prod(shape) * dtype.itemsize
        if wanted != length:
          raise CheckpointError(
            f"{self.source}: {name} of shape {shape} should have {wanted} "
            f"bytes, found {length}; get the file again"
          )
        array = np.frombuffer(file.read(), dtype).reshape(
          shape, order="F" if fortran else "C"
        )
    except CheckpointError:
      raise
    except Exception as e:
      # zipfile and numpy report damage as BadZipFile, zlib.error, EOFError,
      # ValueError, NotImplementedError or RuntimeError, as they stumble.
      raise CheckpointError(
        f"{self.source}: the array {name} is damaged ({e}); get the file again"
      ) from e
    return array.astype(dtype.newbyteorder("="), copy=False)

  def close(self) -> None:
    """Closes the file; arrays that were read stay."""
    self._archive.close()

  def _list(self, size):
    infos = self._archive.infolist()
    others = [x.filename for x in infos if not x.filename.endswith(_SUFFIX)]
    if others or not infos:
      raise CheckpointError(
        f"{self.source}: expected a zip archive of arrays, .npy each, as "
        f"numpy.savez writes it, found {', '.join(others[:5]) or 'nothing'}"
      )
    foreign.check_unfolding(
      self.source, sum(info.file_size for info in infos), size
    )
    named = {}
    for info in infos:
      parts = info.filename.removesuffix(_SUFFIX).split("/")
      name = "/".join(part for part in parts if part)
      if name in named:
        raise CheckpointError(
          f"{self.source}: there are two arrays {name}; get the file again"
        )
      named[name] = info
    return named


def _read_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
  """Reads the head of a `.npy` file: shape, column-major, dtype."""
  version = np.lib.format.read_magic(file)
  with warnings.catch_warnings():
    # Of Python 2's way to write shapes, which is read all the same.
    warnings.simplefilter("ignore", UserWarning)
    if version == (1, 0):
      return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)
