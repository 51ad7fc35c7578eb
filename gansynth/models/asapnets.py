"""ASAP-Nets: pixels drawn by small networks, one per cell of a coarse grid."""

import functools
import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, normalized, norms
from gansynth.models import semantics as semantics_lib
from gansynth.models.cell_networks import pixelwise, positional_encoding

PADDINGS = {"zero": "zeros", "reflect": "reflect"}  # layers.PADDING_MODES

Semantics = semantics_lib.LabelMap | jax.Array


def tent_downsample(x: Semantics, factor: int) -> jax.Array:
  """Shrinks pictures by means under a tent that is 2 * factor pixels wide.

  The weights in each direction are 1, 3, .., 2 * factor - 1, 2 * factor - 1,
  .., 3, 1, divided by their sum. Borders are reflected.

  Args:
    x: (batch, height, width, channels), sides multiples of the factor; of a
      label map the one-hot channels become shares, computed without these
      channels at full size.
    factor: even.

  Returns:
    (batch, height / factor, width / factor, channels), at least float32.
  """
  x = layers.pad2d(x, factor // 2, "reflect")
  if not isinstance(x, semantics_lib.LabelMap):
    x = norms.at_least_float32(x)
    return _under_tent(_under_tent(x, 2, factor), 1, factor)
  names = jnp.arange(x.num_labels)[None, None, None]
  labels = x.labels.astype(jnp.int32)[..., None]
  shares = _under_tent(
    labels, 2, factor, lambda seen: (seen == names).astype(jnp.float32)
  )
  shares = _under_tent(shares, 1, factor)
  if x.planes is None:
    return shares
  planes = norms.at_least_float32(x.planes)
  planes = _under_tent(_under_tent(planes, 2, factor), 1, factor)
  return jnp.concatenate([shares, planes], -1)


def _under_tent(x, axis, factor, read=lambda seen: seen):
  """Weighted sums of what `read` makes of x, every `factor` pixels."""
  length = x.shape[axis] // factor - 1
  total = 0.0
  for i in range(2 * factor):
    weight = (2 * min(i, 2 * factor - 1 - i) + 1) / (2 * factor**2)
    seen = jax.lax.slice_in_dim(
      x, i, i + (length - 1) * factor + 1, factor, axis
    )
    total += weight * read(seen)
  return total


class AsapGenerator(nn.Module):
  """Convolutions on a coarse grid that say how each of its cells is drawn.

  A low-resolution stream shrinks the label map by `downsampling`, with a
  fixed filter first where that is more than `learned_downsampling`, and
  predicts for each cell the parameters of a small network that draws the
  cell's pixels one by one, see `pixelwise`. The sizes are those of Cityscapes
  at 256 x 512 pixels.

  Reference: Shaham et al., "Spatially-Adaptive Pixelwise Networks for Fast
  Image Translation", CVPR 2021, section 3.
  """

  output_channels: int = 3
  features: int = 64  # width of the first layers, lr_width
  max_features: int = 1024  # width of the blocks, lr_max_width
  num_blocks: int = 7  # convolutions at the lowest resolution, lr_depth
  downsampling: int = 16  # side of a cell in pixels, a power of two
  learned_downsampling: int = 16  # of it by convolutions, a power of two
  pixel_features: int = 64  # width of the cells' networks, hr_width
  pixel_layers: int = 5  # of the cells' networks, hr_depth
  unseen_channels: int = 0  # last ones, which the cells' networks do not see
  norm: str = "instanceaffine"  # see norms.parse
  padding: str = "zero"  # PADDINGS
  init_type: str = "xavier"  # layers.INITIALIZERS
  init_gain: float = 0.02
  remat: bool = False  # recompute the blocks in the backward pass
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  # A convolution before a norm has no bias, see normalized.options.
  use_bias = False

  @property
  def multiple(self) -> int:
    """Sides must be multiples of this."""
    return self.downsampling

  @property
  def input_layer(self) -> str:
    """Name of the layer whose kernel tells the input channels."""
    return "down_0"

  def num_parameters(self, channels: int) -> int:
    """How many parameters a cell has, of a label map of these channels."""
    waves = positional_encoding((1, 1), self.downsampling).shape[-1]
    inner = self.pixel_layers - 1
    widths = [
      channels - self.unseen_channels + waves,
      *[self.pixel_features] * inner,
      self.output_channels,
    ]
    return sum((i + 1) * o for i, o in itertools.pairwise(widths))

  @nn.compact
  def __call__(
    self,
    semantics: Semantics,
    train: bool = False,
    with_parameters: bool = False,
  ) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Draws the pictures of label maps.

    Args:
      semantics: (batch, height, width, channels), sides multiples of
        `multiple`.
      train: use and record batch statistics, update spectral norms.
      with_parameters: return the cells' parameters too.

    Returns:
      float32 (batch, height, width, output_channels) in [-1, 1]; and, if asked
      for, float32 (batch, height / downsampling, width / downsampling,
      num_parameters), see `pixelwise` for their order.

    Raises:
      ValueError: the sides are no multiples, or a field does not fit.
    """
    self._check(semantics.shape)
    parameters = self._cells(semantics, train)
    draw = functools.partial(
      pixelwise,
      features=self.pixel_features,
      num_layers=self.pixel_layers,
      output_channels=self.output_channels,
      dtype=self.dtype,
    )
    seen = _first_channels(
      semantics, semantics.shape[-1] - self.unseen_channels
    )
    x = jnp.tanh(norms.at_least_float32(draw(seen, parameters)))
    return (x, norms.at_least_float32(parameters)) if with_parameters else x

  def _check(self, shape):
    factors = self.downsampling, self.learned_downsampling
    if any(n < 1 or n.bit_count() > 1 for n in factors) or (
      factors[0] < factors[1]
    ):
      raise ValueError(
        f"downsampling is {factors[0]} and learned_downsampling {factors[1]}; "
        "both must be powers of two, and the second no larger than the first"
      )
    if self.padding not in PADDINGS:
      raise ValueError(
        f"unknown padding {self.padding!r}; choose one of {', '.join(PADDINGS)}"
      )
    if not 0 <= self.unseen_channels < shape[-1]:
      raise ValueError(
        f"unseen_channels is {self.unseen_channels}, of {shape[-1]} channels; "
        "it must be less than these"
      )
    layers.check_multiple(type(self).__name__, shape[1:3], self.multiple)
    if "instance" in self.norm and tuple(shape[1:3]) == (self.multiple,) * 2:
      raise ValueError(
        f"pictures of {shape[1]} x {shape[2]} are a single cell, which "
        f"{self.norm!r} makes 0 whatever it is; give larger ones"
      )

  def _cells(self, semantics, train):
    """The low-resolution stream: parameters of each cell's network."""
    outer, inner, norm = normalized.options(self, train)
    # Unlike pix2pixHD's, all kernels and biases start as the fields say.
    outer["bias_init"] = inner["bias_init"] = layers.zero_bias
    inner["kernel_init"] = outer["kernel_init"]
    channels = self.num_parameters(semantics.shape[-1])

    def unit(network, x, features, strides, conv_name, norm_name):
      x = layers.Conv(
        features,
        kernel_size=3,
        strides=strides,
        padding=1,
        padding_mode=PADDINGS[self.padding],
        name=conv_name,
        **inner,
      )(x)
      return nn.relu(norm(name=norm_name)(x))

    x = semantics
    if self.downsampling > self.learned_downsampling:
      x = tent_downsample(x, self.downsampling // self.learned_downsampling)
    halvings = self.learned_downsampling.bit_length() - 1
    for i in range(halvings + 1):
      widen = i and i == halvings
      x = unit(
        self,
        x,
        self.max_features if widen else self.features,
        2 if i else 1,
        f"down_{i}",
        f"down_norm_{i}",
      )
    if self.remat:
      unit = nn.remat(unit, static_argnums=(2, 3, 4, 5))
    for i in range(self.num_blocks):
      x = unit(self, x, x.shape[-1], 1, f"block_{i}", f"block_norm_{i}")
    return layers.Conv(channels, kernel_size=1, name="head", **outer)(x)


def _first_channels(semantics: Semantics, count: int) -> Semantics:
  """The first channels of a label map or an array.

  Labels whose channel is left away have none afterwards.
  """
  if not isinstance(semantics, semantics_lib.LabelMap):
    return semantics[..., :count]
  planes = count - semantics.num_labels
  return semantics.replace(
    num_labels=min(count, semantics.num_labels),
    planes=semantics.planes[..., :planes] if planes > 0 else None,
  )
