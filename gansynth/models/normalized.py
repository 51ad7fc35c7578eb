"""Convolutions and their norms as SPADE and pix2pixHD combine them."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn

from gansynth.models import layers, norms, spectral


class Options(NamedTuple):
  """What all layers of a network have in common."""

  outer: dict[str, Any]  # arguments of convolutions without a norm
  inner: dict[str, Any]  # arguments of convolutions before a norm
  norm: Callable[..., nn.Module]  # constructor of this norm


def options(network: nn.Module, train: bool) -> Options:
  """Reads what a network's layers have in common from its fields.

  With `spectral` in the norm's name, kernels of inner convolutions are
  spectrally normalised and start as torch's default, and biases start at 0:
  so were SPADE's published models trained, whose initialisation never reached
  those kernels. Without it, kernels start as the fields say and biases as
  torch's default, which is pix2pixHD.

  Args:
    network: has `norm` (see `norms.parse`), `init_type`, `init_gain`,
      `axis_name` and `dtype`, and perhaps `use_bias`: whether convolutions
      before a norm have a bias; None or no such field: where they are not
      spectrally normalised. Without a norm they always have one.
    train: whether batch statistics are used and spectral norms updated.
  """
  is_spectral, name = norms.parse(network.norm)
  use_bias = getattr(network, "use_bias", None)
  if use_bias is None:
    use_bias = not is_spectral
  outer = {
    "dtype": network.dtype,
    "kernel_init": layers.kernel_initializer(
      network.init_type, network.init_gain
    ),
    "bias_init": layers.zero_bias if is_spectral else layers.torch_bias,
  }
  inner = {**outer, "use_bias": use_bias or name == "none"}
  if is_spectral:
    inner["kernel_init"] = layers.kernel_initializer("torch")
    inner["kernel_norm"] = functools.partial(
      spectral.SpectralNorm, update=train
    )
  norm = norms.norm_layer(
    name,
    train=train,
    axis_name=network.axis_name,
    dtype=network.dtype,
    gain=network.init_gain,
  )
  return Options(outer, inner, norm)
