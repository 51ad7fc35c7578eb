"""A convolution of conditions and pictures together."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax

from gansynth.models import layers, semantic_convolution
from gansynth.models import semantics as semantics_lib

Semantics = jax.Array | semantics_lib.LabelMap | None


class PairConv(nn.Module):
  """First convolution of a discriminator that is shown conditions too.

  It is linear, so its half of the conditions is computed once for however
  many pictures are judged by them. The kernel's input channels are those of
  the conditions, then those of the pictures.
  """

  features: int
  kernel_size: int
  strides: int
  padding: int
  dtype: layers.Dtype
  kernel_init: nn.initializers.Initializer
  bias_init: Callable

  @nn.compact
  def __call__(self, semantics: Semantics, pictures: jax.Array) -> jax.Array:
    """Convolves conditions (batch, ...) and pictures (n * batch, ...)."""
    conditions = 0 if semantics is None else semantics.shape[-1]
    shape = (
      self.kernel_size,
      self.kernel_size,
      conditions + pictures.shape[-1],
      self.features,
    )
    kernel = self.param("kernel", self.kernel_init, shape)
    bias = self.param("bias", self.bias_init(shape), shape[-1:])

    convolve = functools.partial(
      semantic_convolution.conv2d,
      strides=self.strides,
      padding=self.padding,
      dtype=self.dtype,
    )
    x = convolve(pictures, kernel[:, :, conditions:])
    bias = bias.astype(self.dtype)[None, None, None]
    if semantics is None:
      return x + bias
    y = convolve(semantics, kernel[:, :, :conditions]) + bias
    return (x.reshape(-1, *y.shape) + y[None]).reshape(x.shape)
