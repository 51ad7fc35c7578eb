"""Pictures that were used last stay in memory, up to a number of bytes."""

import collections
import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from gansynth.synthesis.cutouts import Cutout

Value = TypeVar("Value", np.ndarray, Cutout)


class Recent:
  """Keeps pictures and cut-outs; those not used for longest go first.

  Threads may share it. Each process has its own: a pickled copy starts empty.
  """

  def __init__(self, max_bytes: int) -> None:
    """Limits the bytes of all arrays together, but for a single larger one."""
    self.max_bytes = max_bytes
    self._reset()

  def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
    """Returns what is kept under `key`, or makes it and keeps it.

    Args:
      key: of the value.
      make: makes it; what it raises is raised and nothing is kept. Its arrays
        become read-only, because whoever asks next gets the same ones.
    """
    with self._lock:
      if key in self._values:
        self._values.move_to_end(key)
        return self._values[key][0]
    value = make()
    size = 0
    for array in _arrays(value):
      array.flags.writeable = False
      size += array.nbytes
    with self._lock:
      if key not in self._values:
        self._values[key] = (value, size)
        self._bytes += size
      while self._bytes > self.max_bytes and len(self._values) > 1:
        self._bytes -= self._values.popitem(last=False)[1][1]
    return value

  def _reset(self):
    self._values = collections.OrderedDict()
    self._bytes = 0
    self._lock = threading.Lock()

  def __getstate__(self) -> dict[str, Any]:
    return {"max_bytes": self.max_bytes}

  def __setstate__(self, state: dict[str, Any]) -> None:
    self.max_bytes = state["max_bytes"]
    self._reset()


def _arrays(value: np.ndarray | Cutout) -> list[np.ndarray]:
  if isinstance(value, np.ndarray):
    return [value]
  found = [value.image, value.mask]
  found += [annotation.mask for annotation in value.annotations]
  return [array for array in found if array is not None]
