"""LPIPS on a network of two layers; those of ImageNet compile for seconds."""

import drawn
import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, lpips

WIDTHS = (6, 4)


class Features(nn.Module):
  """Two taps, at half and at a quarter of the size."""

  SMALLEST = 4

  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(self, x):
    taps = []
    for width in WIDTHS:
      x = layers.Conv(width, 4, strides=2, padding=1, dtype=self.dtype)(x)
      x = nn.relu(x)
      taps.append(x)
    return taps


def create(monkeypatch):
  """Returns a network and its variables."""
  monkeypatch.setitem(lpips.BACKBONES, "small", Features)
  monkeypatch.setitem(lpips.CHANNELS, "small", WIDTHS)
  network = lpips.Lpips("small")
  picture = jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32)
  return network, drawn.variables(network, picture, picture)
