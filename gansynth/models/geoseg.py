"""Generator and discriminator of Geoseg-GAN.

A small GAN for label maps of land cover, known as a single program of which no
paper is known.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth import resampling
from gansynth.models import layers, normalized, norms, pair_convolution
from gansynth.models import semantics as semantics_lib

_HALVINGS = 4


class GeosegGenerator(nn.Module):
  """Four halvings, four doublings, a shortcut at every size but the smallest.

  Widths are `features` times 1, 2, 4, 8, 8 on the way down and 8, 4, 2, 1 on
  the way up. A shortcut is joined before the next doubling, which is bilinear.
  There is no noise: a label map has one picture.
  """

  output_channels: int = 3
  features: int = 64  # width of the outermost level
  norm: str = "instanceaffine"  # see norms.parse
  init_type: str = "torch"  # layers.INITIALIZERS
  init_gain: float = 0.02
  remat: bool = False  # recompute the blocks in the backward pass
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @property
  def multiple(self) -> int:
    """Sides must be multiples of this."""
    return 2**_HALVINGS

  @property
  def input_layer(self) -> str:
    """Name of the layer whose kernel tells the input channels."""
    return "stem"

  @nn.compact
  def __call__(
    self,
    semantics: jax.Array | semantics_lib.LabelMap,
    train: bool = False,
  ) -> jax.Array:
    """Draws the pictures of label maps.

    Args:
      semantics: (batch, height, width, channels), sides multiples of
        `multiple`; of 16 pixels norms would see a single one.
      train: use and record batch statistics, update spectral norms.

    Returns:
      float32 (batch, height, width, output_channels) in [-1, 1].

    Raises:
      ValueError: the sides are no multiples.
    """
    layers.check_multiple(
      type(self).__name__, semantics.shape[1:3], self.multiple
    )
    options = normalized.options(self, train)
    block = nn.remat(_Block) if self.remat else _Block
    x = layers.Conv(self.features, 3, padding=1, name="stem", **options.outer)(
      semantics
    )
    skips = [nn.leaky_relu(x, 0.2)]
    for i, times in enumerate((2, 4, 8, 8), 1):
      skips.append(
        block(self.features * times, 2, options, name=f"down_{i}")(skips[-1])
      )
    x = skips.pop()
    for i, times in enumerate((8, 4, 2, 1), 1):
      x = resampling.double_bilinear(x)
      x = block(self.features * times, 1, options, name=f"up_{i}")(x)
      x = jnp.concatenate([x, skips.pop()], -1)
    x = layers.Conv(
      self.output_channels, 3, padding=1, name="head", **options.outer
    )(x)
    return jnp.tanh(norms.at_least_float32(x))


class GeosegDiscriminator(nn.Module):
  """Judges patches of pictures with their label maps, at one scale.

  Widths are `features` times 1, 2, 4, 8, the first three halve.
  """

  features: int = 64  # width of the first layer
  norm: str = "instanceaffine"  # see norms.parse
  init_type: str = "torch"  # layers.INITIALIZERS
  init_gain: float = 0.02
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(
    self,
    semantics: pair_convolution.Semantics,
    pictures: jax.Array,
    train: bool = False,
  ) -> list[list[jax.Array]]:
    """Judges pictures.

    Args:
      semantics: the label maps (batch, height, width, channels).
      pictures: (n * batch, height, width, 3) in [-1, 1], n of each label map
        in turn. They are convolved in [0, 1], so that 0 beyond the border is
        black.
      train: use and record batch statistics, update spectral norms.

    Returns:
      One scale: four features, then float32 logits (n * batch, height / 8,
      width / 8, 1).
    """
    options = normalized.options(self, train)
    x = pair_convolution.PairConv(
      self.features, 3, strides=2, padding=1, name="stem", **options.outer
    )(semantics, (pictures + 1) / 2)
    features = [nn.leaky_relu(x, 0.2)]
    for i, (times, strides) in enumerate(((2, 2), (4, 2), (8, 1)), 1):
      features.append(
        _Block(self.features * times, strides, options, name=f"block_{i}")(
          features[-1]
        )
      )
    logits = layers.Conv(1, 1, name="logits", **options.outer)(features[-1])
    return [[*features, norms.at_least_float32(logits)]]


class _Block(nn.Module):
  """Convolution of 3 x 3 taps, norm, leaky ReLU."""

  features: int
  strides: int
  options: normalized.Options

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    x = layers.Conv(
      self.features,
      3,
      strides=self.strides,
      padding=1,
      name="conv",
      **self.options.inner,
    )(x)
    return nn.leaky_relu(self.options.norm(name="norm")(x), 0.2)
