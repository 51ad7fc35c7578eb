"""LPIPS: its backbones as torchvision publishes them, and saved LPIPS objects.

torchvision's files of AlexNet, VGG16 and SqueezeNet 1.1 hold the backbones;
their classifiers are left unread. The weights of the channels come with this
package, version 0.1. A saved object of `lpips.LPIPS` holds both, and is written
so. Version 0.0 has the same keys and is not told apart; its pictures were not
brought to ImageNet's mean and deviation.
"""

import collections
import importlib.resources
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging
from flax import traverse_util

from gansynth.convert import common
from gansynth.convert.errors import CheckpointError
from gansynth.models import lpips

NAME = "lpips"
# Places in torchvision's `features` of convolutions, and of fire modules, by
# the slices that LPIPS keeps them in.
_SLICES = {
  "alex": ((0,), (3,), (6,), (8,), (10,)),
  "vgg": ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)),
  "squeeze": ((0,), (3, 4), (6, 7), (9,), (10,), (11,), (12,)),
}
_FIRE = ("squeeze", "expand1x1", "expand3x3")
_UNUSED = re.compile(r"classifier\.\d+\.(weight|bias)")
_LAYER = re.compile(r"(?:features|net\.slice\d+)\.(\d+)\.(.+)")
_COPIES = re.compile(r"lins\.(\d+)\.(model\.1\.weight)")
_PICTURES = ((1, 32, 32, 3),) * 2
_SCALING = {"shift": lpips.SHIFT, "scale": lpips.SCALE}


def network_of(state: Mapping[str, np.ndarray]) -> str | None:
  """`lpips` for a backbone of it or a saved object of its, or None."""
  return NAME if _backbone(common.unwrap(state)) else None


def convert_state_dict(
  state: Mapping[str, np.ndarray],
  source: str = "state dict",
  *,
  dtype: Any = np.float32,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Fills the variables of LPIPS.

  Args:
    state: arrays of AlexNet, VGG16 or SqueezeNet 1.1 by torchvision's keys,
      or those of a saved LPIPS object.
    source: name of the file, for messages.
    dtype: of the variables; None keeps the state's own.

  Returns:
    The network's description, for `models.create(**description)`, and its
    variables.

  Raises:
    CheckpointError: no such network, or of another version.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  state = common.unwrap(state)
  backbone = _backbone(state)
  if not backbone:
    raise CheckpointError(
      f"{source}: no backbone of LPIPS; its keys begin with "
      f"{', '.join(map(repr, list(state)[:5])) or 'nothing'}"
    )
  is_saved = any(key.startswith("net.slice") for key in state)
  if is_saved:
    state = _without_copies(state, source)
  else:
    unused = [key for key in state if _UNUSED.fullmatch(key)]
    if unused:
      logging.info(
        "%s: the %d arrays of the classifier are left unread",
        source,
        len(unused),
      )
    state = {key: state[key] for key in state if key not in unused}
    state |= channel_weights(backbone)
  description = {"name": NAME, "backbone": backbone}
  shapes = common.described_shapes(description, _PICTURES, source)
  entries = _entries(backbone, is_saved)
  variables = common.to_variables(state, entries, shapes, source, dtype)
  return description, variables


def to_state_dict(
  description: Mapping[str, Any], variables: Mapping[str, Any]
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes variables, or gradients, under the keys of a saved LPIPS object.

  What it holds twice, or what is the same in all of them, is left out: its
  `load_state_dict` wants `strict=False`.
  """
  entries = _entries(description["backbone"], is_saved=True)
  return common.to_state_dict(variables, entries)


def state_shapes(backbone: str) -> dict[str, tuple[int, ...]]:
  """Shapes of torchvision's arrays of a backbone, by key, without classifier.

  Args:
    backbone: one of `models.lpips.BACKBONES`.
  """
  description = {"name": NAME, "backbone": backbone}
  shapes = common.described_shapes(description, _PICTURES, backbone)
  shapes = traverse_util.flatten_dict(dict(shapes))
  return {
    entry.key: common.original_shape(shapes[entry.path].shape, entry.layout)
    for entry in _entries(backbone, is_saved=False)
    if entry.path[1] == "features"
  }


def channel_weights(backbone: str) -> dict[str, np.ndarray]:
  """The weights of channels as they were published, by the original's keys.

  Args:
    backbone: one of `models.lpips.BACKBONES`.

  Returns:
    float32 (1, channels, 1, 1) for each tap, none below 0.
  """
  folder = importlib.resources.files("gansynth.models") / "lpips_weights"
  path = folder / f"v0_1_{backbone}.npz"
  with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
    return dict(arrays)


def _backbone(state: Mapping[str, np.ndarray]) -> str | None:
  """The backbone whose keys these are, up to what is missing or left over."""
  places = collections.defaultdict(set)
  for key in state:
    if match := _LAYER.fullmatch(key):
      places[match[2]].add(int(match[1]))
  convolutions = places["weight"]
  if places["squeeze.weight"]:
    return "squeeze"
  # VGG19 has other convolutions than VGG16, at 16 and 23.
  if {6, 8, 10} <= convolutions and 2 not in convolutions:
    return "alex"
  if {17, 24, 28} <= convolutions and not convolutions & {16, 23}:
    return "vgg"
  return None


def _without_copies(state, source):
  """Drops what a saved object holds twice, and constants, once compared."""
  kept = dict(state)
  for key in state:
    copy = _COPIES.fullmatch(key)
    if copy:
      first = f"lin{copy[1]}.{copy[2]}"
      if first in state and not np.array_equal(state[first], state[key]):
        raise CheckpointError(
          f"{source}: {key} and {first} differ, which are one array in LPIPS"
        )
      kept.setdefault(first, state[key])
      del kept[key]
  for name, expected in _SCALING.items():
    found = kept.pop(f"scaling_layer.{name}", None)
    if found is None:
      continue
    if not np.allclose(np.ravel(found), expected, rtol=0, atol=1e-6):
      raise CheckpointError(
        f"{source}: scaling_layer.{name} is {np.ravel(found).tolist()}, "
        f"expected LPIPS' {list(expected)}"
      )
  return kept


def _entries(backbone, is_saved):
  entries = []
  for number, places in enumerate(_SLICES[backbone], 1):
    for place in places:
      key = f"net.slice{number}" if is_saved else "features"
      if backbone == "squeeze" and place:
        for part in _FIRE:
          entries += common.convolution(
            f"{key}.{place}.{part}", ["features", f"fire_{place}", part]
          )
      else:
        entries += common.convolution(
          f"{key}.{place}", ["features", f"conv_{place}"]
        )
  for i in range(len(lpips.CHANNELS[backbone])):
    key = f"lin{i}.model.1.weight"
    path = ("params", f"lin_{i}", "scale")
    entries.append(common.Entry(key, path, layout="channels"))
  return entries
