"""Which converter a file, a state dict or a network belongs to."""

import collections
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansynth.convert import cyclegan, gpgan
from gansynth.convert.errors import CheckpointError


def from_original(
  path: str | os.PathLike[str],
  *,
  key: str | None = None,
  dtype: Any = np.float32,
  **options: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Reads a network of an original program.

  Args:
    path: a `.npz` file of GP-GAN; any other is one of CycleGAN or pix2pix
      (`.pth`).
    key: which network of a training state to take, where the file holds
      several.
    dtype: of the variables; None keeps the file's own.
    **options: what the file does not tell, see `cyclegan.convert_state_dict`;
      files of GP-GAN tell everything.

  Returns:
    The description of the network, for `models.create(**description)`, and
    its variables, {"params": ...} and, with batch norm, "batch_stats".

  Raises:
    CheckpointError: the file cannot be read, holds no known network, or an
      option does not apply.
    UnsafeCheckpointError: it wants to run code.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  if pathlib.Path(path).suffix.lower() != ".npz":
    return cyclegan.from_original(path, key=key, dtype=dtype, **options)
  given = [name for name, value in options.items() if value is not None]
  if given:
    raise CheckpointError(
      f"{path}: {', '.join(given)} cannot be given for a .npz file, which "
      "tells all there is to know; leave it away"
    )
  return gpgan.from_original(path, key=key, dtype=dtype)


def convert_state_dict(
  state: Mapping[str, np.ndarray], source: str = "state dict", **options: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Works out the network of a state dict and fills its variables.

  Args:
    state: arrays by the original's keys; Chainer's have slashes.
    source: name of the file, for messages.
    **options: of the converter, `gpgan.convert_state_dict` for such keys and
      `cyclegan.convert_state_dict` for others.

  Returns:
    The network's description and variables, as `from_original`.

  Raises:
    CheckpointError: no known network.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  family = gpgan if any("/" in key for key in state) else cyclegan
  return family.convert_state_dict(state, source, **options)


def to_state_dict(
  description: Mapping[str, Any], variables: Mapping[str, Any]
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes variables, or gradients, under the original's keys and layouts.

  Args:
    description: of the network, as `from_original` returns it.
    variables: {"params": ..., "batch_stats": ...}, or anything of the same
      structure, such as {"params": gradients}.

  Returns:
    Arrays by key.
  """
  family = gpgan if description["name"] in gpgan.TABLES else cyclegan
  return family.to_state_dict(description, variables)
