"""The folder of a recorded case."""

import functools
import json
import os
import pathlib
from typing import Any

import jax.numpy as jnp
import numpy as np

from gansynth import convert, models


class CaseError(ValueError):
  """A case cannot be run; the message says why."""


class Arrays(dict):
  """Recorded arrays by name, which remembers those that were looked at."""

  def __init__(self, arrays: Any, source: str):
    """Takes arrays by name, and the file they are from for messages."""
    super().__init__(arrays)
    self.used = set()
    self._source = source

  def __getitem__(self, name: str) -> np.ndarray:
    self.used.add(name)
    return super().__getitem__(name)

  def __missing__(self, name: str) -> np.ndarray:
    raise CaseError(f"{self._source} has no {name!r}")


class Case:
  """A recorded case; files are read when asked for.

  Attributes:
    folder: where it lies.
    meta: `case.json`.
    dtype: of the computation, float32 or float64.
  """

  def __init__(self, folder: str | os.PathLike[str], dtype: Any = jnp.float32):
    """Reads `case.json`; raises CaseError where there is none."""
    self.folder = pathlib.Path(folder)
    self.dtype = jnp.dtype(dtype)
    try:
      text = (self.folder / "case.json").read_text(encoding="utf-8")
      self.meta = json.loads(text)
    except (OSError, ValueError) as e:
      raise CaseError(f"{self.folder}: no readable case.json ({e})") from e
    if not isinstance(self.meta, dict) or not all(
      isinstance(self.meta.get(key), str) for key in ("system", "check")
    ):
      raise CaseError(
        f"{self.folder}: case.json must name a system and a check"
      )

  @functools.cached_property
  def inputs(self) -> Arrays:
    """Arrays of `inputs.npz`, in the original's layout."""
    return self._load("inputs.npz")

  @functools.cached_property
  def outputs(self) -> Arrays:
    """Arrays of `outputs.npz`, or the float64 run's where asked for."""
    name = "outputs_f64.npz"
    if self.dtype == jnp.float64 and (self.folder / name).exists():
      return self._load(name)
    return self._load("outputs.npz")

  @property
  def constructor(self) -> dict[str, Any]:
    """What the original's networks were made with."""
    return self.meta.get("constructor", {})

  def require(self, key: str) -> Any:
    """Returns an entry of `case.json`; CaseError where it is missing."""
    if key not in self.meta:
      raise CaseError(f"{self.folder}: case.json has no {key!r}")
    return self.meta[key]

  def picture(self, name: str) -> np.ndarray:
    """Returns an input as NHWC in the dtype of the computation."""
    if name not in self.inputs:
      raise CaseError(f"{self.folder}: inputs.npz has no {name!r}")
    return to_nhwc(self.inputs[name]).astype(self.dtype)

  def network(
    self, file: str | os.PathLike[str], **options: Any
  ) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """Imports a checkpoint of the case.

    Args:
      file: relative to the folder.
      **options: of `convert.from_original`, where the case states them.

    Returns:
      The description, the network in the case's dtype, and its variables.
    """
    path = self.folder / file
    if not path.is_file():
      raise CaseError(f"{path}: the checkpoint is missing")
    description, variables = convert.from_original(
      path,
      dtype=np.dtype(self.dtype),
      **{key: value for key, value in options.items() if value is not None},
    )
    return (
      description,
      models.create(**description, dtype=self.dtype),
      variables,
    )

  def _load(self, name):
    try:
      with np.load(self.folder / name, allow_pickle=False) as arrays:
        return Arrays(arrays, str(self.folder / name))
    except (OSError, ValueError) as e:
      raise CaseError(f"{self.folder}: no readable {name} ({e})") from e


def to_nhwc(array: np.ndarray) -> np.ndarray:
  """NCHW to NHWC."""
  return np.moveaxis(array, -3, -1)


def to_nchw(array: Any) -> np.ndarray:
  """NHWC to NCHW."""
  return np.moveaxis(np.asarray(array), -1, -3)
