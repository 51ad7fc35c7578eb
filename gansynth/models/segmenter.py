"""A small U-Net that tells the class of every pixel."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth import resampling
from gansynth.models import layers, normalized, norms


class SegmentationUnet(nn.Module):
  """Halvings and as many doublings, with a shortcut at every size.

  Level i has width `features * min(2**i, 8)`; its first convolution halves
  (but at level 0), and doublings are bilinear.

  Reference: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical
  Image Segmentation", MICCAI 2015, here with norms, borders of zeros and
  strides in place of pooling, which is slow on CPUs.
  """

  num_classes: int
  features: int = 32  # width of the outermost level
  num_levels: int = 4  # halvings
  norm: str = "batch"  # see norms.parse
  use_bias: bool = False  # of convolutions before a norm
  init_type: str = "kaiming"  # layers.INITIALIZERS
  init_gain: float = 0.02  # spread of batch norm's first scales
  remat: bool = False  # recompute the levels in the backward pass
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @property
  def multiple(self) -> int:
    """Sides must be multiples of this."""
    return 2**self.num_levels

  @property
  def input_layer(self) -> str:
    """Name of the layer whose kernel tells the input channels."""
    return "down_0/conv_0"

  @property
  def takes_extents(self) -> bool:
    """Whether true sizes inside padded canvases can be given."""
    return False

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Tells classes.

    Args:
      x: pictures (batch, height, width, 3) in [-1, 1]; sides multiples of
        `multiple`.
      train: use and record batch statistics, update spectral norms.

    Returns:
      float32 logits (batch, height, width, num_classes).

    Raises:
      ValueError: the sides are no multiples.
    """
    layers.check_multiple(type(self).__name__, x.shape[1:3], self.multiple)
    options = normalized.options(self, train)
    level = nn.remat(_Level) if self.remat else _Level
    widths = [self.features * min(2**i, 8) for i in range(self.num_levels + 1)]
    skips = []
    for i, width in enumerate(widths):
      x = level(width, 1 if i == 0 else 2, options, name=f"down_{i}")(x)
      skips.append(x)
    x = skips.pop()
    for i in reversed(range(self.num_levels)):
      x = jnp.concatenate([resampling.double_bilinear(x), skips.pop()], -1)
      x = level(widths[i], 1, options, name=f"up_{i}")(x)
    logits = layers.Conv(self.num_classes, 1, name="head", **options.outer)(x)
    return norms.at_least_float32(logits)


class _Level(nn.Module):
  """Two convolutions of 3 x 3 taps, each with norm and ReLU."""

  features: int
  strides: int  # of the first
  options: normalized.Options

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    for i, strides in enumerate((self.strides, 1)):
      x = layers.Conv(
        self.features,
        3,
        strides=strides,
        padding=1,
        name=f"conv_{i}",
        **self.options.inner,
      )(x)
      x = nn.relu(self.options.norm(name=f"norm_{i}")(x))
    return x
