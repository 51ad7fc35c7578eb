"""Discriminators that judge patches or single pixels (Isola et al. 2017)."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, norms


class PatchDiscriminator(nn.Module):
  """PatchGAN: one logit for each overlapping patch.

  Three layers judge patches of 70 pixels; n = 1 .. 5 judge 16, 34, 70, 142
  and 286.

  Reference: Isola et al., CVPR 2017, appendix 6.1.2.
  """

  features: int = 64  # width of the first layer, ndf
  num_layers: int = 3
  norm: str = "instance"  # norms.NORMS
  use_bias: bool | None = None  # inner convolutions; None: where norm=instance
  init_type: str = "normal"  # layers.INITIALIZERS
  init_gain: float = 0.02
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: jax.Array, train: bool = False
  ) -> list[list[jax.Array]]:
    """Judges pictures.

    Args:
      x: (batch, height, width, channels) in [-1, 1].
      train: use and record batch statistics.

    Returns:
      One list (one scale) of the features after every activation and, last,
      the float32 logits (batch, height', width', 1), without sigmoid.
    """
    use_bias, common, norm = layers.shared_options(self, train)
    conv = functools.partial(layers.Conv, kernel_size=4, padding=1, **common)
    x = nn.leaky_relu(conv(self.features, strides=2, name="conv_0")(x), 0.2)
    features = [x]
    for i in range(1, self.num_layers + 1):
      x = conv(
        self.features * min(2**i, 8),
        strides=2 if i < self.num_layers else 1,
        use_bias=use_bias,
        name=f"conv_{i}",
      )(x)
      x = nn.leaky_relu(norm(name=f"norm_{i}")(x), 0.2)
      features.append(x)
    logits = conv(1, name="logits")(x)
    return [[*features, norms.at_least_float32(logits)]]


class PixelDiscriminator(nn.Module):
  """1x1 PatchGAN: one logit for each pixel."""

  features: int = 64  # width of the first layer, ndf
  norm: str = "instance"  # norms.NORMS
  use_bias: bool | None = None  # all but the first; None: where norm=instance
  init_type: str = "normal"  # layers.INITIALIZERS
  init_gain: float = 0.02
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: jax.Array, train: bool = False
  ) -> list[list[jax.Array]]:
    """Judges pictures; arguments and result as of `PatchDiscriminator`."""
    use_bias, common, norm = layers.shared_options(self, train)
    conv = functools.partial(layers.Conv, kernel_size=1, **common)
    x = nn.leaky_relu(conv(self.features, name="conv_0")(x), 0.2)
    features = [x]
    x = conv(self.features * 2, use_bias=use_bias, name="conv_1")(x)
    x = nn.leaky_relu(norm(name="norm_1")(x), 0.2)
    features.append(x)
    logits = conv(1, use_bias=use_bias, name="logits")(x)
    return [[*features, norms.at_least_float32(logits)]]
