"""ASAP-Nets: pixels drawn by small networks, one per cell of a coarse grid."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gansynth.models import layers, normalized, norms
from gansynth.models import semantics as semantics_lib

PADDINGS = {"zero": "zeros", "reflect": "reflect"}  # layers.PADDING_MODES

Semantics = semantics_lib.LabelMap | jax.Array


def positional_encoding(size: tuple[int, int], downsampling: int) -> np.ndarray:
  """Waves that tell pixels where they are inside their cell.

  Of the periods f = downsampling, downsampling / 2, .., 2, in this order,
  cos(2 pi x / f), sin(2 pi x / f), cos(2 pi y / f), sin(2 pi y / f), where x
  is the column and y the row.

  Args:
    size: height and width in pixels.
    downsampling: side of a cell, a power of two.

  Returns:
    float64 (height, width, 4 * log2(downsampling)).
  """
  rows, columns = np.indices(size)
  waves = [np.zeros((*size, 0))]
  for i in range(downsampling.bit_length() - 1):
    period = downsampling >> i
    for position in (columns, rows):
      angle = 2 * np.pi * (position % period) / period
      waves.append(np.stack([np.cos(angle), np.sin(angle)], -1))
  return np.concatenate(waves, -1)


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
    (batch, height / factor, width / factor, channels) of the same type,
    float32 for labels.
  """
  x = layers.pad2d(x, factor // 2, "reflect")
  if not isinstance(x, semantics_lib.LabelMap):
    for axis in (2, 1):
      x = _under_tent(x, axis, factor)
    return x
  names = jnp.arange(x.num_labels)[None, None, None]
  labels = x.labels.astype(jnp.int32)[..., None]
  shares = _under_tent(labels, 2, factor, lambda seen: seen == names)
  shares = _under_tent(shares, 1, factor)
  if x.planes is None:
    return shares
  planes = x.planes
  for axis in (2, 1):
    planes = _under_tent(planes, axis, factor)
  return jnp.concatenate([shares, planes.astype(shares.dtype)], -1)


def _under_tent(x, axis, factor, read=lambda seen: seen):
  """Weighted means of what `read` makes of x, every `factor` pixels."""
  length = x.shape[axis] // factor - 1
  total = 0.0
  for i in range(2 * factor):
    weight = (2 * min(i, 2 * factor - 1 - i) + 1) / (2 * factor**2)
    seen = jax.lax.slice_in_dim(
      x, i, i + (length - 1) * factor + 1, factor, axis
    )
    total += weight * read(seen)
  return total


def pixelwise(
  semantics: Semantics,
  parameters: jax.Array,
  *,
  features: int,
  num_layers: int,
  output_channels: int,
  dtype: layers.Dtype = jnp.float32,
) -> jax.Array:
  """Computes every pixel by the network of its cell.

  The networks are chains of dense layers with leaky ReLU of slope 0.01
  between them. They see the channels of a pixel and its
  `positional_encoding`. A cell's parameters are, layer by layer, the bias
  (outputs,) and the matrix (inputs, outputs).

  Args:
    semantics: what the networks see, (batch, height, width, channels).
    parameters: (batch, rows, columns, number), of cells of height / rows
      pixels a side.
    features: outputs of all layers but the last.
    num_layers: at least 1.
    output_channels: of the last layer.
    dtype: of operands.

  Returns:
    (batch, height, width, output_channels), not bounded.
  """
  batch, height, width, channels = semantics.shape
  rows, columns = parameters.shape[1:3]
  side = height // rows
  if isinstance(semantics, semantics_lib.LabelMap):
    semantics = semantics.dense(dtype)
  tiles = semantics.astype(dtype).reshape(
    batch, rows, side, columns, side, channels
  )
  tiles = tiles.swapaxes(2, 3).reshape(batch, rows, columns, -1, channels)
  encoding = positional_encoding((side, side), side).astype(dtype)
  encoding = encoding.reshape(1, 1, 1, side * side, -1)
  x = jnp.concatenate(
    [
      tiles,
      jnp.broadcast_to(encoding, (*tiles.shape[:-1], encoding.shape[-1])),
    ],
    -1,
  )
  parameters = parameters.astype(dtype)
  start = 0
  for i in range(num_layers):
    outputs = features if i < num_layers - 1 else output_channels
    size = outputs * (x.shape[-1] + 1)
    weights = parameters[..., start : start + size]
    start += size
    matrix = weights.reshape(batch, rows, columns, -1, outputs)
    x = jnp.matmul(x, matrix[..., 1:, :]) + matrix[..., :1, :]
    if i < num_layers - 1:
      x = nn.leaky_relu(x, 0.01)
  x = x.reshape(batch, rows, columns, side, side, output_channels)
  return x.swapaxes(2, 3).reshape(batch, height, width, output_channels)


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
  remat: bool = False  # recompute blocks and pixels in the backward pass
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
    waves = 4 * (self.downsampling.bit_length() - 1)
    inner = self.pixel_layers - 1
    widths = [
      channels - self.unseen_channels + waves,
      *[self.pixel_features] * inner,
      self.output_channels,
    ]
    return sum((i + 1) * o for i, o in zip(widths, widths[1:], strict=False))

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
    if self.remat:
      draw = jax.checkpoint(draw)
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
