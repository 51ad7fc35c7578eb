"""DRN's segmenters, as fyu/drn keeps them."""

import collections
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging
from flax import traverse_util

from gansynth.convert import common
from gansynth.convert.errors import CheckpointError
from gansynth.models import drn

NAME = "drn"
_UP = "up.weight"
_VARIANCE = ".running_var"
_BLOCKS = (3, 4, 5, 6)  # levels of residual blocks; others are convolutions
_PLAIN = (0, 1, 2, 7, 8)
_PLACE = re.compile(r"base\.(\d+)\.(\d+)\.")
_STEP = 3  # a convolution, its norm and its activation, in a list


def network_of(state: Mapping[str, np.ndarray]) -> str | None:
  """`drn` for a state dict with a trunk and a classifier, or None."""
  state = common.unwrap(state)
  keys = ("base.0.0.weight", "base.3.0.conv1.weight", "seg.weight")
  return NAME if all(key in state for key in keys) else None


def convert_state_dict(
  state: Mapping[str, np.ndarray],
  source: str = "state dict",
  *,
  dtype: Any = np.float32,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Works out the network and fills its variables.

  Args:
    state: arrays by the original's keys, with or without `module.` before
      them.
    source: name of the file, for messages.
    dtype: of the variables; None keeps the state's own.

  Returns:
    The network's description, for `models.create(**description)`, and its
    variables. The kernel that enlarges logits is among them only if it is not
    the fixed one.

  Raises:
    CheckpointError: no such network.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  state = common.drop_counters(common.unwrap(state))
  if not network_of(state):
    raise CheckpointError(
      f"{source}: no segmenter of DRN; its keys begin with "
      f"{', '.join(map(repr, list(state)[:5])) or 'nothing'}"
    )
  classes = common.shape(state, source, "seg.weight")[0]
  description = {
    "name": NAME,
    "arch": _architecture(state, source),
    "num_classes": classes,
    "upsampling": _upsampling(state, source),
  }
  if description["upsampling"] == "bilinear":
    del state[_UP]
  shapes = common.described_shapes(description, [(1, 64, 64, 3)], source)
  variables = common.to_variables(
    state, _entries(description), shapes, source, dtype
  )
  return description, variables


def to_state_dict(
  description: Mapping[str, Any], variables: Mapping[str, Any]
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes variables, or gradients, under the original's keys and layouts."""
  state = common.to_state_dict(variables, _entries(description))
  if description.get("upsampling", "bilinear") == "bilinear":
    state[_UP] = _fixed(description["num_classes"])
  return state


def state_shapes(
  arch: str, num_classes: int, use_torch_up: bool = False
) -> dict[str, tuple[int, ...]]:
  """Shapes of all keys of a network's file.

  Args:
    arch: one of `drn.ARCHITECTURES`.
    num_classes: that it tells.
    use_torch_up: whether no kernel enlarges logits.
  """
  description = {
    "name": NAME,
    "arch": arch,
    "num_classes": num_classes,
    "upsampling": "align_corners" if use_torch_up else "stored",
  }
  shapes = common.described_shapes(description, [(1, 64, 64, 3)], arch)
  flat = traverse_util.flatten_dict(dict(shapes))
  found = {
    entry.key: common.original_shape(flat[entry.path].shape, entry.layout)
    for entry in _entries(description)
  }
  norms = [key for key in found if key.endswith(_VARIANCE)]
  return found | {
    key.replace(_VARIANCE, ".num_batches_tracked"): () for key in norms
  }


def _architecture(state: Mapping[str, np.ndarray], source: str) -> str:
  places = {
    (int(match[1]), int(match[2]))
    for match in map(_PLACE.match, state)
    if match
  }
  depths = tuple(
    sum(
      level == number and (number in _BLOCKS or place % _STEP == 0)
      for level, place in places
    )
    for number in range(1, 9)
  )
  bottleneck = "base.3.0.conv3.weight" in state
  found = drn.Architecture(depths, bottleneck)
  for name, architecture in drn.ARCHITECTURES.items():
    if architecture == found:
      return name
  raise CheckpointError(
    f"{source}: its levels have {', '.join(map(str, depths))} "
    f"{'bottlenecks' if bottleneck else 'blocks'} or convolutions, as none of "
    f"{', '.join(drn.ARCHITECTURES)}; get the file again if it is cut short"
  )


def _upsampling(state: Mapping[str, np.ndarray], source: str) -> str:
  kernel = state.get(_UP)
  if kernel is None:
    logging.info(
      "%s: has no %s, so logits are enlarged between the corners' middles, as "
      "the original does with use_torch_up",
      source,
      _UP,
    )
    return "align_corners"
  fixed = _fixed(len(kernel))
  if kernel.shape == fixed.shape and np.array_equal(kernel, fixed):
    return "bilinear"
  return "stored"


def _fixed(num_classes: int) -> np.ndarray:
  return np.tile(drn.fixed_kernel(), (num_classes, 1, 1, 1))


def _entries(description: Mapping[str, Any]) -> list[common.Entry]:
  architecture = drn.ARCHITECTURES[description["arch"]]
  depths = (1, *architecture.depths)
  entries = []

  def add(conv, norm, path):
    entries.extend(common.convolution(conv, path, use_bias=False))
    entries.extend(common.batch_norm(norm, path))

  for level in _PLAIN:
    for i in range(depths[level]):
      key = f"base.{level}"
      path = (f"level_{level}", f"conv_{i}")
      add(f"{key}.{_STEP * i}", f"{key}.{_STEP * i + 1}", path)
  for level in _BLOCKS:
    for i in range(depths[level]):
      key, path = f"base.{level}.{i}", (f"level_{level}", f"block_{i}")
      for j in range(1, 4 if architecture.bottleneck else 3):
        add(f"{key}.conv{j}", f"{key}.bn{j}", (*path, f"conv_{j}"))
      if i == 0:
        down = f"{key}.downsample"
        add(f"{down}.0", f"{down}.1", (*path, "shortcut"))
  entries += common.convolution("seg", ["seg"])
  if description.get("upsampling") == "stored":
    entries.append(common.Entry(_UP, ("params", "up"), layout="conv"))
  return entries
