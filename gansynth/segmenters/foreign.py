"""Segmenters of others: TorchScript files and Python functions."""

import hashlib
import importlib
import importlib.util
import os
import pathlib
import warnings
import zipfile
from collections.abc import Callable, Sequence

import numpy as np

from gansynth.segmenters.base import (
  Segmenter,
  SegmenterError,
  other_classes,
)


class TorchScriptSegmenter(Segmenter):
  """A TorchScript file, run by torch on the CPU.

  It takes (batch, 3, height, width) in [0, 1] and gives logits (batch, classes,
  height', width'), or a dict with these as `out`, as torchvision's segmenters.

  Unlike weights, such a file is a program, which torch reads with code of its
  own: open none of a stranger's.
  """

  def __init__(
    self,
    path: str | os.PathLike[str],
    *,
    num_classes: int | None = None,
    batch_size: int = 1,
    size: Sequence[int] = (),
  ) -> None:
    """Opens the file.

    Args:
      path: of what `torch.jit.save` wrote.
      num_classes: that it must give logits of; None: any number.
      batch_size: above 1 only for modules that were traced so or scripted.
      size: see `Segmenter`.

    Raises:
      SegmenterError: torch is not installed, or cannot open the file.
    """
    try:
      import torch
    except ImportError as error:
      raise SegmenterError(
        f"{path} is a TorchScript file, and torch is not installed; install "
        "it with pip install 'gansynth[torchscript]', or take a segmenter of "
        "configs/segmenter.py or a Python function in its place"
      ) from error
    self._torch = torch
    self._path = path
    self._wanted = num_classes
    data = pathlib.Path(path).read_bytes()
    try:
      self._module = _jit_load(torch, path).eval()
    except (RuntimeError, ValueError) as error:
      raise SegmenterError(
        f"{path} cannot be opened as TorchScript: {_first_line(error)}"
      ) from error
    super().__init__(
      None,
      batch_size,
      {"kind": "torchscript", "file": hashlib.sha256(data).hexdigest()[:16]},
      size,
    )

  def _segment(self, pictures):
    by_size = {}
    for index, picture in enumerate(pictures):
      by_size.setdefault(picture.shape, []).append(index)
    results = [None] * len(pictures)
    for indices in by_size.values():
      for first in range(0, len(indices), self.batch_size):
        part = indices[first : first + self.batch_size]
        found = self._classes(np.stack([pictures[i] for i in part]))
        for index, classes in zip(part, found, strict=True):
          results[index] = classes
    return results

  def _classes(self, batch: np.ndarray) -> np.ndarray:
    torch = self._torch
    channels_first = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
    try:
      with torch.no_grad():
        logits = self._module(torch.from_numpy(channels_first))
    except RuntimeError as error:
      raise SegmenterError(
        f"{self._path} failed on pictures of shape {channels_first.shape}: "
        f"{_first_line(error)}; if it takes one size alone, load it with "
        "that as size"
      ) from error
    if isinstance(logits, dict):
      logits = logits.get("out")
    shape = tuple(getattr(logits, "shape", ()))
    if len(shape) != 4 or shape[0] != len(batch):
      raise SegmenterError(
        f"{self._path} gave {shape or type(logits).__name__} for pictures of "
        f"shape {channels_first.shape}; logits (batch, classes, height, width) "
        "are expected"
      )
    if self._wanted is not None and shape[1] != self._wanted:
      raise other_classes(self._path, shape[1], self._wanted)
    return logits.argmax(1).numpy()


class CallableSegmenter(Segmenter):
  """A Python function of one picture, float32 (height, width, 3) in [0, 1].

  It returns integers (height, width), the classes.
  """

  def __init__(
    self,
    function: Callable[[np.ndarray], np.ndarray],
    name: str = "",
    *,
    source: str = "",
    size: Sequence[int] = (),
  ) -> None:
    """Takes the function.

    Args:
      function: see above.
      name: what to call it, by default its own name.
      source: fingerprint of its code, if there is one.
      size: see `Segmenter`.
    """
    self._function = function
    self._name = name or getattr(function, "__name__", repr(function))
    super().__init__(
      None,
      1,
      {"kind": "callable", "name": self._name, "source": source},
      size,
    )

  def _segment(self, pictures):
    return [self._classes(picture) for picture in pictures]

  def _classes(self, picture):
    classes = np.asarray(self._function(picture))
    if classes.ndim != 2 or not np.issubdtype(classes.dtype, np.integer):
      raise SegmenterError(
        f"{self._name} returned {classes.dtype} of shape {classes.shape} for a "
        f"picture of shape {picture.shape}; return integers (height, width), "
        "the class of each pixel"
      )
    return classes


def is_torchscript(path: str | os.PathLike[str]) -> bool:
  """Whether a file is TorchScript, and not bare weights; needs no torch."""
  if not zipfile.is_zipfile(path):
    return False
  with zipfile.ZipFile(path) as archive:
    inner = [name.partition("/")[2] for name in archive.namelist()]
  return "constants.pkl" in inner and any(x.startswith("code/") for x in inner)


def load_callable(
  place: str | os.PathLike[str] | Callable[[np.ndarray], np.ndarray],
  size: Sequence[int] = (),
) -> CallableSegmenter:
  """Imports a function that is named by its module or file.

  Args:
    place: `module:function`, `file.py:function`, or a function.
    size: see `Segmenter`.

  Raises:
    SegmenterError: there is no such function.
  """
  if callable(place):
    return CallableSegmenter(place, size=size)
  name = os.fspath(place)
  module_name, _, function_name = name.rpartition(":")
  try:
    if module_name.endswith(".py"):
      spec = importlib.util.spec_from_file_location(
        pathlib.Path(module_name).stem, module_name
      )
      module = importlib.util.module_from_spec(spec)
      spec.loader.exec_module(module)
    else:
      module = importlib.import_module(module_name)
  except (ImportError, OSError, ValueError) as error:
    raise SegmenterError(
      f"{name}: {module_name!r} cannot be imported ({error}); give "
      "module:function of an installed module, or file.py:function"
    ) from error
  function = getattr(module, function_name, None)
  if not callable(function):
    raise SegmenterError(
      f"{name}: {module_name!r} has no function {function_name!r}"
    )
  source = getattr(module, "__file__", None)
  if source:
    source = hashlib.sha256(pathlib.Path(source).read_bytes()).hexdigest()[:16]
  return CallableSegmenter(function, name, source=source or "", size=size)


def _jit_load(torch, path):
  """`torch.jit.load`, which newer versions of torch warn of."""
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    return torch.jit.load(os.fspath(path), map_location="cpu")


def _first_line(error: Exception) -> str:
  return str(error).strip().partition("\n")[0]
