"""VGG19's weights for ImageNet, as torchvision publishes them.

The features end after the convolution 28 of 34 and before the classifier,
whose arrays are left unread.
"""

import collections
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging

from gansynth.convert import common
from gansynth.convert.errors import CheckpointError

NAME = "vgg19"
# Places in `features` of the convolutions, by the slice that SPADE's and
# pix2pixHD's own modules keep them in.
_SLICES = {
  1: (0,),
  2: (2, 5),
  3: (7, 10),
  4: (12, 14, 16, 19),
  5: (21, 23, 25, 28),
}
_UNUSED = re.compile(r"(classifier\.\d+|features\.(30|32|34))\.(weight|bias)")


def network_of(state: Mapping[str, np.ndarray]) -> str | None:
  """`vgg19` for a state dict with its first and last layer, or None."""
  state = common.unwrap(state)
  ends = ("features.0", "features.28"), ("slice1.0", "slice5.28")
  is_vgg = any(all(f"{k}.weight" in state for k in pair) for pair in ends)
  return NAME if is_vgg else None


def convert_state_dict(
  state: Mapping[str, np.ndarray],
  source: str = "state dict",
  *,
  dtype: Any = np.float32,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Fills the variables of the features.

  Args:
    state: arrays by torchvision's keys, or by those of SPADE's and pix2pixHD's
      modules.
    source: name of the file, for messages.
    dtype: of the variables; None keeps the state's own.

  Returns:
    The network's description, for `models.create(**description)`, and its
    variables.

  Raises:
    CheckpointError: no such network.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  state = common.unwrap(state)
  if not network_of(state):
    raise CheckpointError(
      f"{source}: no VGG19; its keys begin with "
      f"{', '.join(map(repr, list(state)[:5])) or 'nothing'}"
    )
  unused = [key for key in state if _UNUSED.fullmatch(key)]
  if unused:
    logging.info(
      "%s: the %d arrays after the features are left unread: %s",
      source,
      len(unused),
      ", ".join(unused),
    )
  state = {key: state[key] for key in state if key not in unused}
  description = {"name": NAME}
  shapes = common.described_shapes(description, [(1, 32, 32, 3)], source)
  entries = _entries("slice" if "slice1.0.weight" in state else "features")
  variables = common.to_variables(state, entries, shapes, source, dtype)
  return description, variables


def to_state_dict(
  description: Mapping[str, Any], variables: Mapping[str, Any]
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes variables, or gradients, under torchvision's keys and layouts."""
  del description
  return common.to_state_dict(variables, _entries("features"))


def _entries(kind):
  entries = []
  for number, places in _SLICES.items():
    for place in places:
      key = f"slice{number}" if kind == "slice" else "features"
      entries += common.convolution(f"{key}.{place}", [f"conv_{place}"])
  return entries
