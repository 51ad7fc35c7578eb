"""pix2pixHD's `features_clustered_<n>.npy`: centres of features by label.

It is a dictionary that NumPy pickled, so it is read as checkpoints are: what
the pickle names is never imported, and nothing but arrays can be built.
"""

import os
import pathlib
import re
from typing import Any

import numpy as np

from gansynth.convert import pickle_machine
from gansynth.convert.errors import CheckpointError

_EXPECTED = (
  "a file of clustered features is a dictionary of arrays, as pix2pixHD's "
  "encode_features writes it"
)
_MAX_HEADER = 10_000
_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


class _DType(pickle_machine.Buildable):
  """Numbers in the file, or Python objects."""

  def __init__(self, code, *_):
    if code != "O8" and not re.fullmatch("[fiu][1248]", code):
      raise ValueError(f"an array of {code!r}")
    self.code, self.order = code, "="

  def set_state(self, state):
    order = state[1]
    if order not in ("<", ">", "=", "|"):
      raise ValueError(f"a byte order {order!r}")
    self.order = order

  @property
  def dtype(self):
    return np.dtype(self.code).newbyteorder(self.order)


class _Array(pickle_machine.Buildable):
  """An array, which first is announced and then filled."""

  def __init__(self, *_):
    self.value = None

  def set_state(self, state):
    _, shape, dtype, fortran, content = state
    if not isinstance(dtype, _DType):
      raise TypeError("an array of what is no dtype")
    if dtype.code == "O8":
      if not isinstance(content, list) or shape != ():
        raise ValueError("an array of objects")
      (self.value,) = content
      return
    if isinstance(content, str):  # of Python 2
      content = content.encode("latin-1")
    self.value = np.frombuffer(content, dtype.dtype).reshape(
      shape, order="F" if fortran else "C"
    )


def _scalar(dtype, content):
  return np.frombuffer(_encode(content), dtype.dtype).item()


def _encode(text, _="latin1"):
  return text if isinstance(text, bytes) else text.encode("latin-1")


_CONSTRUCTORS = {
  "numpy.dtype": _DType,
  "_codecs.encode": _encode,
  **{f"{module}._reconstruct": _Array for module in _MODULES},
  **{f"{module}.scalar": _scalar for module in _MODULES},
}


def read(path: str | os.PathLike[str]) -> dict[int, np.ndarray]:
  """Reads clustered features.

  Args:
    path: the `.npy` file.

  Returns:
    float32 (centres, channels) by label; labels without centres are left out.

  Raises:
    UnsafeCheckpointError: the file wants to run code.
    CheckpointError: it is damaged, or holds something else.
  """
  source = str(path)
  try:
    with pathlib.Path(path).open("rb") as file:
      content = _content(file, source)
  except OSError as error:
    raise CheckpointError(f"{source}: cannot be read ({error})") from error
  centres = {}
  for label, held in content.items() if isinstance(content, dict) else ():
    value = held.value if isinstance(held, _Array) else None
    if (
      type(label) is not int
      or not isinstance(value, np.ndarray)
      or value.ndim != 2
      or value.dtype.kind != "f"
    ):
      raise CheckpointError(f"{source}: its entry {label!r} is no centres")
    if len(value):
      centres[label] = value.astype(np.float32)
  if len({value.shape[1] for value in centres.values()}) != 1:
    raise CheckpointError(f"{source}: {_EXPECTED}; this holds something else")
  return centres


def _content(file: Any, source: str) -> Any:
  """The single object in an array file."""
  try:
    version = np.lib.format.read_magic(file)
    read_header = {
      (1, 0): np.lib.format.read_array_header_1_0,
      (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read_header(file, max_header_size=_MAX_HEADER)
  except (KeyError, ValueError) as error:
    raise CheckpointError(
      f"{source}: no .npy file, or damaged ({error}); get the file again"
    ) from error
  if shape != () or dtype != np.dtype(object):
    raise CheckpointError(
      f"{source}: holds an array of {dtype} {shape}; {_EXPECTED}"
    )

  def persistent(identity):
    raise ValueError(f"a persistent id {identity!r}")

  loaded = pickle_machine.load(
    file,
    source,
    constructors=_CONSTRUCTORS,
    values={"numpy.ndarray": None},
    persistent=persistent,
    expected=_EXPECTED,
  )
  return loaded.value if isinstance(loaded, _Array) else loaded
