"""Checkpoints of SPADE (PyTorch): all networks of its repository.

These are its own generator, the encoder of styles, pix2pixHD's generator with
spectral normalisation, and the multi-scale discriminator. SemDisc's are the
same, but for the discriminator's modes; ASAP-Nets' discriminator is SPADE's.
"""

import collections
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansynth.convert import (
  common,
  spade_descriptions,
  spade_discriminators,
  spade_tables,
  spectral_vectors,
)
from gansynth.convert.errors import CheckpointError
from gansynth.models import norms
from gansynth.models import spade as spade_generator

# Of pix2pixHD's generator: with a norm, or spectrally normalised without one.
_PIX2PIXHD = re.compile(
  r"model\.\d+(\.conv_block\.\d+)?(\.0\.weight(_orig)?|\.weight_orig)"
)


def network_of(state: Mapping[str, np.ndarray]) -> str | None:
  """Which network a state dict holds, or None: none of SPADE."""
  state = common.unwrap(state)
  if any(key.startswith("discriminator_0.model") for key in state):
    return "multiscale"
  if any(key.startswith("fc_mu.") for key in state):
    return "style_encoder"
  if any(key.startswith("head_0.") for key in state):
    return "spade"
  if any(_PIX2PIXHD.fullmatch(key) for key in state):
    return "pix2pixhd_global"
  return None


def describes(description: Mapping[str, Any]) -> bool:
  """Whether a network is written under SPADE's keys.

  Its discriminator and its variant of pix2pixHD's generator leave away the
  biases in front of norms, or are spectrally normalised; pix2pixHD's own are
  neither. Nor does pix2pixHD have a choice whether to show conditions.
  """
  if description["name"] in ("spade", "style_encoder"):
    return True
  return description["name"] in spade_tables.TABLES and (
    description["norm"].startswith("spectral")
    or description.get("use_bias") is False
    or "conditional" in description
  )


def convert_state_dict(
  state: Mapping[str, np.ndarray],
  source: str = "state dict",
  *,
  dtype: Any = np.float32,
  norm: str | None = None,
  upsampling: str | None = None,
  crop_size: int | None = None,
  aspect_ratio: float | None = None,
  last_stride: int | None = None,
  mode: str | None = None,
  num_labels: int | None = None,
  num_classes: int | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Works out the network of a state dict and fills its variables.

  Args:
    state: arrays by the original's keys.
    source: name of the file, for messages.
    dtype: of the variables; None keeps the state's own.
    norm: the original's `norm_G`, `norm_D` or `norm_E`. The keys tell it up
      to whether batch statistics are synchronised.
    upsampling: of the generator, `normal` (default), `more` or `most`. Keys
      tell only the last.
    crop_size: width of the generator's pictures. By default they are as large
      as the label maps, and with an encoder what its linear layer says.
    aspect_ratio: their width / height.
    last_stride: of the discriminator's last convolution before the logits, 1
      (default) or, in files before May 2019, 2.
    mode: of SemDisc's discriminator, see `spade_discriminators.MODES`; told by
      the shapes where the discriminator is shown label maps, as are both
      numbers.
    num_labels: that a discriminator judges each for itself, and the whole
      besides. Shapes tell the sum of all channels.
    num_classes: that it tells apart.

  Returns:
    The network's description, for `models.create(**description)`, and its
    variables.

  Raises:
    CheckpointError: no such network, or an option that contradicts the file.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  state = common.unwrap(state)
  network = network_of(state)
  if network == "spade":
    state = common.drop_counters(state)
  else:
    state, _ = common.drop_unused_buffers(state)
  state = spectral_vectors.complete(state, source)
  if network == "spade":
    described = spade_descriptions.generator(
      state, source, upsampling, crop_size, aspect_ratio
    )
  elif network == "style_encoder":
    described = spade_descriptions.style_encoder(state, source)
  elif network == "pix2pixhd_global":
    described = spade_descriptions.pix2pixhd(state, source)
  elif network == "multiscale":
    described = spade_discriminators.describe(
      state, source, last_stride, mode, num_labels, num_classes
    )
  else:
    raise CheckpointError(
      f"{source}: no network of SPADE; its keys begin with "
      f"{', '.join(map(repr, list(state)[:5])) or 'nothing'}"
    )
  description, input_shapes = described
  parse = spade_generator.parse_norm if network == "spade" else norms.parse
  description["norm"] = common.checked_norm(
    norm, description["norm"], source, parse
  )
  shapes = common.described_shapes(description, input_shapes, source)
  variables = common.to_variables(
    state, key_table(description), shapes, source, dtype
  )
  return description, variables


def to_state_dict(
  description: Mapping[str, Any], variables: Mapping[str, Any]
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes variables, or gradients, under the original's keys and layouts."""
  return common.to_state_dict(variables, key_table(description))


def key_table(description: Mapping[str, Any]) -> list[common.Entry]:
  """The original's keys of a network that `convert_state_dict` describes."""
  return spade_tables.TABLES[description["name"]](description)
