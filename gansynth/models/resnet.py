"""ResNet generator of CycleGAN (Johnson et al. 2016, Zhu et al. 2017)."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, norms


class ResnetBlock(nn.Module):
  """Two 3x3 convolutions added to their input, without activation after."""

  features: int
  conv: Callable  # padded 3x3 convolution
  norm: Callable
  dropout: Callable | None = None

  @nn.compact
  def __call__(
    self, x: jax.Array, extents: jax.Array | None = None
  ) -> jax.Array:
    y = self.conv(self.features, name="conv_0")(x, extents)
    y = nn.relu(self.norm(name="norm_0")(y, extents))
    if self.dropout is not None:
      y = self.dropout()(y)
    y = self.conv(self.features, name="conv_1")(y, extents)
    return x + self.norm(name="norm_1")(y, extents)


class ResnetGenerator(nn.Module):
  """Two halvings, residual blocks, two doublings: picture to picture.

  The output's sides are the input's, rounded up to multiples of 4.

  Reference: Zhu et al., "Unpaired Image-to-Image Translation using
  Cycle-Consistent Adversarial Networks", ICCV 2017, appendix 7.2.
  """

  output_channels: int = 3
  features: int = 64  # width of the first layer, ngf
  num_blocks: int = 9
  norm: str = "instance"  # norms.NORMS
  use_dropout: bool = False  # one dropout of 0.5 in every block
  padding_mode: str = "reflect"  # of the blocks
  outer_padding_mode: str = "reflect"  # of the first and the last layer
  use_bias: bool | None = None  # inner convolutions; None: where norm=instance
  upsample: str = "transpose"  # or "resize": no checkerboard
  init_type: str = "normal"  # layers.INITIALIZERS
  init_gain: float = 0.02
  remat: bool = False  # recompute the blocks in the backward pass
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @property
  def multiple(self) -> int:
    """Sides of this multiple come back unchanged."""
    return 4

  @property
  def input_layer(self) -> str:
    """Name of the layer whose kernel tells the input channels."""
    return "stem"

  @property
  def takes_extents(self) -> bool:
    """Whether true sizes inside padded canvases can be given."""
    return True

  @nn.compact
  def __call__(
    self,
    x: jax.Array,
    train: bool = False,
    extents: jax.Array | None = None,
  ) -> jax.Array:
    """Translates pictures.

    Args:
      x: (batch, height, width, input channels) in [-1, 1]; sides of at least
        8 pixels.
      train: use and record batch statistics, and drop units.
      extents: true sizes inside padded canvases, see `layers`; the sides of
        the canvas must be multiples of 4.

    Returns:
      float32 (batch, height', width', output_channels) in [-1, 1].
    """
    use_bias, common, norm = layers.shared_options(self, train)
    up = layers.up_layer(self.upsample, kernel_size=3, output_padding=1)
    outer = functools.partial(
      layers.Conv,
      kernel_size=7,
      padding=3,
      padding_mode=self.outer_padding_mode,
      **common,
    )

    x = outer(self.features, use_bias=use_bias, name="stem")(x, extents)
    x = nn.relu(norm(name="stem_norm")(x, extents))
    for i in range(2):
      x = layers.Conv(
        self.features * 2 ** (i + 1),
        kernel_size=3,
        strides=2,
        padding=1,
        use_bias=use_bias,
        name=f"down_{i}",
        **common,
      )(x, extents)
      extents = None if extents is None else (extents + 1) // 2
      x = nn.relu(norm(name=f"down_norm_{i}")(x, extents))

    block = nn.remat(ResnetBlock) if self.remat else ResnetBlock
    for i in range(self.num_blocks):
      x = block(
        self.features * 4,
        conv=functools.partial(
          layers.Conv,
          kernel_size=3,
          padding=1,
          padding_mode=self.padding_mode,
          use_bias=use_bias,
          **common,
        ),
        norm=norm,
        dropout=functools.partial(nn.Dropout, 0.5, deterministic=not train)
        if self.use_dropout
        else None,
        name=f"block_{i}",
      )(x, extents)

    for i in range(2):
      x = up(
        self.features * 2 ** (1 - i),
        use_bias=use_bias,
        name=f"up_{i}",
        **common,
      )(x, extents)
      extents = None if extents is None else 2 * extents
      x = nn.relu(norm(name=f"up_norm_{i}")(x, extents))
    x = outer(self.output_channels, name="head")(x, extents)
    return jnp.tanh(norms.at_least_float32(x))
