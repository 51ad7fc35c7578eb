"""The Inception weights of pytorch-fid, `pt_inception-2015-12-05-*.pth`.

The classifier behind the features, `fc`, is left unread.
"""

import collections
from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import traverse_util

from gansynth.convert import common
from gansynth.convert.errors import CheckpointError, KeyMismatchError

NAME = "fid_inception"
# torchvision's Inception begins with the same layers and keys, other weights
# in them; it is told by its classifier and its second one.
_MARKS = ("Conv2d_1a_3x3.conv.weight", "Mixed_7c.branch_pool.conv.weight")
_CLASSIFIER = {"fc.weight": (1008, 2048), "fc.bias": (1008,)}
_AUXILIARY = "AuxLogits."
_SHOWN = [(1, 299, 299, 3)]


def network_of(state: Mapping[str, np.ndarray]) -> str | None:
  """`fid_inception` for a state dict with its first or last layer, or None."""
  state = common.unwrap(state)
  return NAME if any(key in state for key in _MARKS) else None


def convert_state_dict(
  state: Mapping[str, np.ndarray],
  source: str = "state dict",
  *,
  dtype: Any = np.float32,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Fills the variables of the network.

  Args:
    state: arrays by the original's keys, with or without the counters of
      batches and the classifier.
    source: name of the file, for messages.
    dtype: of the variables; None keeps the state's own.

  Returns:
    The network's description, for `models.create(**description)`, and its
    variables.

  Raises:
    CheckpointError: no such network, or torchvision's for ImageNet.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  state = common.drop_counters(common.unwrap(state))
  if not network_of(state):
    raise CheckpointError(
      f"{source}: no Inception; its keys begin with "
      f"{', '.join(map(repr, list(state)[:5])) or 'nothing'}"
    )
  _check_classifier(state, source)
  state = {key: state[key] for key in state if key not in _CLASSIFIER}
  description, shapes = {"name": NAME}, _variable_shapes(source)
  entries = _entries(shapes)
  return description, common.to_variables(state, entries, shapes, source, dtype)


def state_shapes() -> dict[str, tuple[int, ...]]:
  """Shapes of all arrays of the original by key, also of those unread."""
  variables = traverse_util.flatten_dict(_variable_shapes())
  shapes = dict(_CLASSIFIER)
  for entry in _entries(traverse_util.unflatten_dict(variables)):
    shape = variables[entry.path].shape
    shapes[entry.key] = common.original_shape(shape, entry.layout)
    if entry.path[-1] == "mean":
      shapes[f"{entry.key.rpartition('.')[0]}.{common.COUNTER}"] = ()
  return shapes


def to_state_dict(
  description: Mapping[str, Any], variables: Mapping[str, Any]
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes variables, or gradients, under the original's keys and layouts.

  The classifier and the counters of batches are not written.
  """
  del description
  return common.to_state_dict(variables, _entries(variables))


def _check_classifier(state, source):
  """Refuses other classifiers: the layers before them are others too."""
  auxiliary = [key for key in state if key.startswith(_AUXILIARY)]
  found = {key: state[key].shape for key in _CLASSIFIER if key in state}
  if auxiliary or found.get("fc.bias") == (1000,):
    raise CheckpointError(
      f"{source}: Inception for ImageNet's 1000 classes, as torchvision "
      "publishes it; distances are measured with pytorch-fid's, "
      "pt_inception-2015-12-05-6726825d.pth, whose fc.bias has 1008"
    )
  wrong = [
    f"{key}: found {shape}, expected {_CLASSIFIER[key]}"
    for key, shape in found.items()
    if shape != _CLASSIFIER[key]
  ]
  if wrong:
    raise KeyMismatchError(
      f"{source}: the file does not fit the network. Wrong shapes: "
      f"{'; '.join(wrong)}",
      [],
      [],
      wrong,
    )


def _entries(variables):
  """The key table: layers are named alike."""
  entries = []
  for path in traverse_util.flatten_dict(dict(variables["params"])):
    if path[-1] == "kernel":
      *layer, conv, _ = path
      key = ".".join(layer)
      entries += common.convolution(f"{key}.conv", [*layer, conv], False)
      entries += common.batch_norm(f"{key}.bn", [*layer, "bn"])
  return entries


def _variable_shapes(source="the network"):
  return common.described_shapes({"name": NAME}, _SHOWN, source)
