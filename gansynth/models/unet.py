"""U-Net generator of pix2pix (Isola et al. 2017)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, norms


class UnetGenerator(nn.Module):
  """Halvings down to a few pixels and back, every level with a shortcut.

  Level i has width `features * min(2**i, 8)`. Level 0 is the outermost and
  has no norm on its way down, nor has the innermost.

  Reference: Isola et al., "Image-to-Image Translation with Conditional
  Adversarial Networks", CVPR 2017, appendix 6.1.
  """

  output_channels: int = 3
  features: int = 64  # width of the outermost level, ngf
  num_levels: int = 8  # 8 for 256 pixels, 7 for 128
  norm: str = "batch"  # norms.NORMS
  use_dropout: bool = True  # 0.5 on the way up, levels 4 .. num_levels - 2
  use_bias: bool | None = None  # inner convolutions; None: where norm=instance
  upsample: str = "transpose"  # or "resize": no checkerboard
  init_type: str = "normal"  # layers.INITIALIZERS
  init_gain: float = 0.02
  remat: bool = False  # accepted like the other generators'; levels are small
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @property
  def multiple(self) -> int:
    """Heights and widths must be multiples of this."""
    return 2**self.num_levels

  @property
  def input_layer(self) -> str:
    """Name of the layer whose kernel tells the input channels."""
    return "down_0"

  @property
  def takes_extents(self) -> bool:
    """Whether true sizes inside padded canvases can be given."""
    return False

  @nn.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Translates pictures.

    Args:
      x: (batch, height, width, input channels) in [-1, 1]; sides multiples of
        `2**num_levels`.
      train: use and record batch statistics, and drop units.

    Returns:
      float32 (batch, height, width, output_channels) in [-1, 1].

    Raises:
      ValueError: a side is no such multiple.
    """
    layers.check_multiple(
      f"U-Net of {self.num_levels} levels", x.shape[1:3], self.multiple
    )
    use_bias, common, norm = layers.shared_options(self, train)
    up = layers.up_layer(self.upsample, kernel_size=4, output_padding=0)
    levels = self.num_levels
    widths = [self.features * min(2**i, 8) for i in range(levels)]

    skips = []
    for i in range(levels):
      x = nn.leaky_relu(x, 0.2) if i else x
      x = layers.Conv(
        widths[i],
        kernel_size=4,
        strides=2,
        padding=1,
        use_bias=use_bias,
        name=f"down_{i}",
        **common,
      )(x)
      if 0 < i < levels - 1:
        x = norm(name=f"down_norm_{i}")(x)
      skips.append(x)
    for i in reversed(range(levels)):
      x = up(
        widths[i - 1] if i else self.output_channels,
        use_bias=use_bias if i else True,
        name=f"up_{i}",
        **common,
      )(nn.relu(x))
      if i == 0:
        break
      x = norm(name=f"up_norm_{i}")(x)
      if self.use_dropout and 4 <= i <= levels - 2:
        x = nn.Dropout(0.5, deterministic=not train)(x)
      x = jnp.concatenate([skips[i - 1], x], axis=-1)
    return jnp.tanh(norms.at_least_float32(x))
