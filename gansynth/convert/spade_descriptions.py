"""What the arrays of a SPADE checkpoint tell of its network."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from absl import logging

from gansynth.convert import common
from gansynth.convert.errors import CheckpointError
from gansynth.models import spade

State = Mapping[str, np.ndarray]
Description = dict[str, Any]

_BLOCK = re.compile(r"model\.(\d+)\.conv_block\..+")
_MODULATION = "head_0.norm_0"


def generator(
  state: State,
  source: str,
  upsampling: str | None,
  crop_size: int | None,
  aspect_ratio: float | None,
) -> tuple[Description, tuple[Any, ...]]:
  """Describes SPADE's own generator.

  Args:
    state: arrays by the original's keys.
    source: name of the file, for messages.
    upsampling: see `spade.convert_state_dict`, as the others.
    crop_size: width of the pictures.
    aspect_ratio: width / height.

  Returns:
    The description, and shapes of inputs that the network can be set up with.
  """
  upsampling = _upsampling(state, source, upsampling)
  width = int(kernel_shape(state, source, "head_0.conv_0")[0])
  if not width or width % 16:
    raise CheckpointError(
      f"{source}: head_0.conv_0 has {width} outputs; expected a multiple of 16"
    )
  shared = common.shape(state, source, f"{_MODULATION}.mlp_shared.0.weight")
  spectral = "spectral" * _is_spectral(state)
  has_statistics = any(".param_free_norm.running_" in key for key in state)
  norm = "syncbatch" if has_statistics else "instance"
  description = {
    "name": "spade",
    "features": width // 16,
    "norm": f"{spectral}spade{norm}{shared[-1]}x{shared[-1]}",
    "upsampling": upsampling,
    "use_vae": False,
  }
  if shared[0] != spade.SpadeGenerator.hidden:
    description["hidden"] = int(shared[0])
  style, area = None, None
  if "fc.weight" in state and state["fc.weight"].ndim == 2:
    outputs, latent_size = state["fc.weight"].shape
    description |= {"use_vae": True, "latent_size": int(latent_size)}
    style, area = (1, latent_size), outputs // width
  factor = 2 ** spade.UPSAMPLINGS[upsampling]
  size = _picture_size(source, area, factor, crop_size, aspect_ratio)
  description |= {"height": size[0], "width": size[1]}
  side = size[0] or 2 * factor
  return description, ((1, side, size[1] or side, shared[1]), style)


def _upsampling(state, source, upsampling):
  is_most = any(key.startswith("up_4.") for key in state)
  if upsampling is None and not is_most:
    logging.warning(
      "%s: upsampling 'normal' is assumed; the keys of 'more', which is "
      "Cityscapes', are the same",
      source,
    )
  found = "most" if is_most else upsampling or "normal"
  known = ["most"] if is_most else ["normal", "more"]
  if found not in known or upsampling not in (None, found):
    raise CheckpointError(
      f"{source}: upsampling is {upsampling!r}, but the keys are those of "
      f"{' or '.join(known)}"
    )
  return found


def _picture_size(source, area, factor, crop_size, aspect_ratio):
  """Height and width of the pictures; 0 and 0: those of the label maps.

  Args:
    source: name of the file, for messages.
    area: pixels of the first layer, or None where the file does not tell.
    factor: how much larger the pictures' sides are.
    crop_size: width of the pictures, or None.
    aspect_ratio: width / height, or None.
  """
  if crop_size is None and area is None:
    return 0, 0
  ratio = 1.0 if aspect_ratio is None else aspect_ratio
  if not 0 < ratio < np.inf:
    raise CheckpointError(
      f"{source}: aspect_ratio is {ratio}; expected width / height"
    )
  known = None if crop_size is None else crop_size // factor
  for width in range(1, area + 1) if known is None else [known]:
    height = round(width / ratio)
    if height * width and area in (None, height * width):
      return height * factor, width * factor
  raise CheckpointError(
    f"{source}: crop_size {crop_size} and aspect_ratio {ratio} do not give a "
    f"first layer of {area or 'some'} pixels, which is enlarged {factor} "
    "times; give both as the network was trained with them"
  )


def style_encoder(state: State, source: str) -> tuple[Description, tuple]:
  """Describes the encoder of styles; arguments and results as above."""
  norm = norm_of(key for key in state if key.startswith("layer"))
  inner = "" if norm.endswith("none") else ".0"
  first = kernel_shape(state, source, f"layer1{inner}")
  latent_size, inputs = common.shape(state, source, "fc_mu.weight", ndim=2)
  description = {
    "name": "style_encoder",
    "features": int(first[0]),
    "latent_size": int(latent_size),
    "norm": norm,
    "deep": any(key.startswith("layer6.") for key in state),
  }
  if not description["deep"] and inputs == 8 * first[0] * 16:
    raise CheckpointError(
      f"{source}: an encoder of five halvings (crop_size below 256), which the "
      "original cannot run: it leaves 8 x 8 pixels of a picture, and the file "
      "has a linear layer for 4 x 4"
    )
  return description, ((1, 256, 256, first[1]),)


def pix2pixhd(state: State, source: str) -> tuple[Description, tuple]:
  """Describes the variant of pix2pixHD's generator."""
  matches = [match for match in map(_BLOCK.fullmatch, state) if match]
  blocks = sorted({int(match[1]) for match in matches})
  if not blocks:
    raise CheckpointError(
      f"{source}: no residual blocks, expected keys model.<n>.conv_block of "
      "pix2pixHD's generator in SPADE's repository"
    )
  depth = (blocks[0] - 3) // 2
  norm = norm_of(match[0] for match in matches)
  inner = "" if norm.endswith("none") else ".0"
  stem = kernel_shape(state, source, f"model.1{inner}")
  layers = [f"model.{blocks[0]}.conv_block.{at}{inner}" for at in (1, 4)]
  kernel_size = kernel_shape(state, source, *layers)[-1]
  last = f"model.{4 + 4 * depth + len(blocks)}.weight"
  description = {
    "name": "pix2pixhd_global",
    "output_channels": int(common.shape(state, source, last)[0]),
    "features": int(stem[0]),
    "num_downsampling": depth,
    "num_blocks": len(blocks),
    "norm": norm,
    "kernel_size": int(kernel_size),
    "initial_kernel_size": int(stem[-1]),
    "use_bias": norm.endswith("none"),
  }
  side = 2**depth * max(4, int(kernel_size), int(stem[-1]))
  return description, ((1, side, side, stem[1]),)


def kernel_shape(state: State, source: str, *layers: str) -> tuple[int, ...]:
  """Shape of the kernel of the first layer that is there."""
  names = ["weight_orig", "weight"] if _is_spectral(state) else ["weight"]
  keys = [f"{layer}.{name}" for layer in layers for name in names]
  return common.shape(state, source, *keys)


def _is_spectral(keys):
  return any(key.endswith((".weight_orig", ".weight_u")) for key in keys)


def norm_of(keys: Iterable[str]) -> str:
  """What the keys of the layers with norms tell of these."""
  keys = set(keys)
  spectral = "spectral" * _is_spectral(keys)
  if any(".running_" in key for key in keys):
    return f"{spectral}sync_batch"
  # A convolution loses its bias to the norm behind it.
  biases = any(key.endswith(".bias") for key in keys)
  return f"{spectral}none" if biases else f"{spectral}instance"
