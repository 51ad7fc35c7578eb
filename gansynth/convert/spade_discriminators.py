"""What the arrays of a multi-scale discriminator tell of it, in all modes.

SemDisc's discriminators differ from SPADE's in the channels of the first and
of the last convolution alone.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansynth.convert import common, spade_descriptions
from gansynth.convert.errors import CheckpointError
from gansynth.models import multiscale

# `original` judges patches as a whole, `added_capacity` in one channel for each
# label; the others as a whole and for each label: `c2f` is shown the label map,
# `c2f_sem` tells classes instead, and `c2f_sem_rec` the picture too.
MODES = ("original", "added_capacity", "c2f", "c2f_sem", "c2f_sem_rec")

_SCALE = re.compile(r"discriminator_(\d+)\.model(\d+)\..+")
_PICTURE_CHANNELS = 3
# Channels of the picture in the logits, by mode.
_RECONSTRUCTIONS = {"c2f_sem": 0, "c2f_sem_rec": _PICTURE_CHANNELS}
# Labels and classes that SemDisc's program is written for, Cityscapes'.
_PUBLISHED = (35, 19)


def describe(
  state: Mapping[str, np.ndarray],
  source: str,
  last_stride: int | None = None,
  mode: str | None = None,
  num_labels: int | None = None,
  num_classes: int | None = None,
) -> tuple[dict[str, Any], tuple[Any, ...]]:
  """Describes the multi-scale discriminator.

  Args:
    state: arrays by the original's keys.
    source: name of the file, for messages.
    last_stride: see `spade.convert_state_dict`, as the others.
    mode: one of `MODES`.
    num_labels: that are judged each for itself.
    num_classes: that are told apart.

  Returns:
    The description, and shapes of inputs that the network can be set up with.

  Raises:
    CheckpointError: an option is not known or contradicts the file, or is
      needed and not given.
  """
  if last_stride not in (None, 1, 2):
    raise CheckpointError(f"last_stride is {last_stride!r}; it is 1 or 2")
  if mode not in (None, *MODES):
    raise CheckpointError(f"mode is {mode!r}; choose one of {', '.join(MODES)}")
  matches = [match for match in map(_SCALE.fullmatch, state) if match]
  features, inputs, *_ = common.shape(
    state, source, "discriminator_0.model0.0.weight"
  )
  num_layers = max(int(match[2]) for match in matches)
  inner = (m[0] for m in matches if 0 < int(m[2]) < num_layers)
  norm = spade_descriptions.norm_of(inner)
  logits = f"discriminator_0.model{num_layers}.0.weight"
  outputs = common.shape(state, source, logits)[0]
  description = {
    "name": "multiscale",
    "features": int(features),
    "max_features": _max_features(state, source, features, num_layers, norm),
    "num_scales": 1 + max(int(match[1]) for match in matches),
    "num_layers": num_layers,
    "norm": norm,
    "use_bias": norm.endswith("none"),
    "last_stride": last_stride or 1,
  }
  if inputs > _PICTURE_CHANNELS:
    description |= _conditional(source, outputs, mode)
  else:
    heads = _heads(source, outputs, mode, num_labels, num_classes)
    description |= {"conditional": False, **heads}
  return description, common.discriminator_shapes(inputs)


def _max_features(state, source, features, num_layers, norm):
  """The bound of the widths, or its default where none reaches it."""
  default = multiscale.MultiscaleDiscriminator.max_features
  if num_layers < 2:
    return default
  inner = "" if norm.endswith("none") else ".0"
  layer = f"discriminator_0.model{num_layers - 1}.0{inner}"
  width = int(spade_descriptions.kernel_shape(state, source, layer)[0])
  is_bound = width != features * 2 ** (num_layers - 1)
  return width if is_bound else max(width, default)


def _conditional(source, outputs, mode):
  """Fields of a discriminator that is shown label maps."""
  fits = mode not in _RECONSTRUCTIONS
  fits &= (mode == "original") == (outputs == 1)
  if not (fits or mode is None):
    raise CheckpointError(
      f"{source}: the discriminator is of mode {mode}, but it is shown label "
      f"maps and has {outputs} channels of logits, as those of original (1), "
      "added_capacity (one a label) or c2f (one more)"
    )
  return {
    "conditional": True,
    "adversarial_channels": int(outputs),
    "num_classes": 0,
    "reconstruction_channels": 0,
  }


def _heads(source, outputs, mode, num_labels, num_classes):
  """Fields of a discriminator that is shown pictures alone."""
  if outputs == 1 and mode in (None, "original"):
    return _fields(1, 0, 0)
  if mode not in (None, *_RECONSTRUCTIONS):
    raise CheckpointError(
      f"{source}: the discriminator is of mode {mode}, but it is shown "
      f"pictures alone and has {outputs} channels of logits, as those of "
      f"{' or '.join(_RECONSTRUCTIONS)}"
    )
  possible = []
  for name in [mode] if mode else _RECONSTRUCTIONS:
    channels = _RECONSTRUCTIONS[name]
    possible += [
      (labels, outputs - channels - labels - 1, channels)
      for labels in range(1, outputs - channels - 1)
    ]
  possible = [
    (labels, classes, channels)
    for labels, classes, channels in possible
    if num_labels in (None, labels) and num_classes in (None, classes)
  ]
  published = [found for found in possible if found[:2] == _PUBLISHED]
  # Unless told otherwise each of the labels given is a class.
  of_labels = [found for found in possible if found[:2] == (num_labels,) * 2]
  for choice in (possible, published, of_labels):
    if len(choice) == 1:
      labels, classes, channels = choice[0]
      return _fields(labels + 1, classes, channels)
  raise CheckpointError(
    f"{source}: {outputs} channels of logits are "
    f"{'many things' if possible else 'not what the options make'}: one more "
    "than there are labels, one a class and, where the picture is told too, "
    f"{_PICTURE_CHANNELS} more. Say which with mode (--discriminator-mode), "
    "num_labels and num_classes; given are "
    f"{mode or 'no mode'}, {num_labels or 'no'} labels and "
    f"{num_classes or 'no'} classes"
  )


def _fields(adversarial, classes, reconstruction):
  return {
    "adversarial_channels": int(adversarial),
    "num_classes": int(classes),
    "reconstruction_channels": reconstruction,
  }
