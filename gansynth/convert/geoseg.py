"""Checkpoints of Geoseg-GAN (PyTorch): `G_e<epoch>.pt` and `D_e<epoch>.pt`.

Both are bare state dicts. Their keys and shapes tell everything.
"""

import collections
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansynth.convert import common
from gansynth.convert.errors import CheckpointError

GENERATOR, DISCRIMINATOR = NAMES = ("geoseg_unet", "geoseg_patch")

_NORM = "instanceaffine"
_SIDE = 64  # of the label maps that networks are set up with
_PICTURE_CHANNELS = 3
# A network is told by its first or its last layer but one, whichever a
# damaged file has left.
_MARKS = {
  GENERATOR: ("e1.0.weight", "d4.1.0.weight"),
  DISCRIMINATOR: ("c1.0.weight", "c4.0.weight"),
}
_JUDGE_STEM = "c1.0.weight"


def network_of(state: Mapping[str, np.ndarray]) -> str | None:
  """Which network a state dict holds, or None: none of Geoseg-GAN."""
  state = common.unwrap(state)
  for name, keys in _MARKS.items():
    if any(key in state for key in keys):
      return name
  return None


def convert_state_dict(
  state: Mapping[str, np.ndarray],
  source: str = "state dict",
  *,
  dtype: Any = np.float32,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Works out the network of a state dict and fills its variables.

  Args:
    state: arrays by the original's keys.
    source: name of the file, for messages.
    dtype: of the variables; None keeps the state's own.

  Returns:
    The network's description, for `models.create(**description)`, and its
    variables. The generator's first layer has a channel for each class, the
    discriminator's three more.

  Raises:
    CheckpointError: no such network.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  state = common.unwrap(state)
  name = network_of(state)
  if name is None:
    raise CheckpointError(
      f"{source}: no network of Geoseg-GAN; its keys begin with "
      f"{', '.join(map(repr, list(state)[:5])) or 'nothing'}"
    )
  if name == GENERATOR:
    features, channels = common.shape(state, source, "e1.0.weight")[:2]
    head = common.shape(state, source, "outc.0.weight")
    description = {"name": name, "output_channels": int(head[0])}
    shown = [(1, _SIDE, _SIDE, channels)]
  else:
    features, channels = common.shape(state, source, _JUDGE_STEM)[:2]
    if channels <= _PICTURE_CHANNELS:
      raise CheckpointError(
        f"{source}: {_JUDGE_STEM} takes {channels} channels, expected "
        f"{_PICTURE_CHANNELS} of the picture and one for each class"
      )
    state[_JUDGE_STEM] = _conditions_first(state[_JUDGE_STEM])
    description = {"name": name}
    shown = common.discriminator_shapes(channels)
  description |= {"features": int(features), "norm": _NORM}
  shapes = common.described_shapes(description, shown, source)
  entries = key_table(description)
  return description, common.to_variables(state, entries, shapes, source, dtype)


def to_state_dict(
  description: Mapping[str, Any], variables: Mapping[str, Any]
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes variables, or gradients, under the original's keys and layouts."""
  state = common.to_state_dict(variables, key_table(description))
  if _JUDGE_STEM in state:
    state[_JUDGE_STEM] = _pictures_first(state[_JUDGE_STEM])
  return state


def key_table(description: Mapping[str, Any]) -> list[common.Entry]:
  """The original's keys of a network that `convert_state_dict` describes."""
  if description["name"] == DISCRIMINATOR:
    entries = common.convolution("c1.0", ["stem"])
    for i in range(1, 4):
      entries += _block(f"c{i + 1}", f"block_{i}")
    return entries + common.convolution("out", ["logits"])
  entries = common.convolution("e1.0", ["stem"])
  for i in range(1, 5):
    entries += _block(f"e{i + 1}", f"down_{i}")
  for i in range(1, 5):
    entries += _block(f"d{i}.1", f"up_{i}")
  return entries + common.convolution("outc.0", ["head"])


def _block(key: str, name: str) -> list[common.Entry]:
  return [
    *common.convolution(f"{key}.0", [name, "conv"]),
    *common.affine_norm(f"{key}.1", [name, "norm"]),
  ]


def _conditions_first(kernel: np.ndarray) -> np.ndarray:
  """The original's kernel (out, in, ...) sees pictures, then classes."""
  return np.roll(kernel, -_PICTURE_CHANNELS, axis=1)


def _pictures_first(kernel: np.ndarray) -> np.ndarray:
  return np.roll(kernel, _PICTURE_CHANNELS, axis=1)
