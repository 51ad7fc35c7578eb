"""Layers shared by all networks, with the original code's conventions.

Pictures are NHWC. Kernels are stored (height, width, input, output); a
transposed convolution stores the kernel of the strided convolution it is the
adjoint of, which is (height, width, output, input). Both are torch's layouts
with the axes (2, 3, 1, 0), so that converters need one rule.

`extents` lets one compiled network take pictures of many sizes: an int32
array (batch, 2) with the true height and width of every picture inside its
padded canvas. Everything outside is kept at zero between layers, borders are
reflected where the picture really ends, and statistics are taken over the
picture alone, so the result inside equals that of the unpadded picture.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import (
  convolution,
  norms,
  semantic_convolution,
  semantics,
)

Dtype = Any

INITIALIZERS = (
  "normal",
  "xavier",
  "xavier_uniform",
  "kaiming",
  "orthogonal",
  "torch",
)
PADDING_MODES = ("zeros", "reflect", "replicate")

_PAD_MODES = {"zeros": "constant", "replicate": "edge"}


def kernel_initializer(
  name: str = "normal", gain: float = 0.02
) -> nn.initializers.Initializer:
  """Returns the initialiser of convolution kernels.

  Args:
    name: `normal` draws from N(0, gain); `xavier` is Xavier normal with that
      gain, `xavier_uniform` Xavier uniform without gain; `kaiming` is Kaiming
      normal over the fan-in, without gain; `orthogonal` is orthogonal with
      that gain; `torch` is the default of torch's layers, uniform within
      1 / sqrt(fan-in). A transposed convolution's fans are those of its stored
      layout, as in torch.
    gain: standard deviation or gain, see above.

  Returns:
    A function (key, shape, dtype) -> array.

  Raises:
    ValueError: the name is none of `INITIALIZERS`.
  """
  if name == "normal":
    return nn.initializers.normal(gain)
  if name == "xavier":
    return nn.initializers.variance_scaling(gain**2, "fan_avg", "normal")
  if name == "xavier_uniform":
    return nn.initializers.xavier_uniform()
  if name == "kaiming":
    return nn.initializers.variance_scaling(2.0, "fan_in", "normal")
  if name == "orthogonal":
    return nn.initializers.orthogonal(gain)
  if name == "torch":
    return nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
  raise ValueError(
    f"unknown initialiser {name!r}; choose one of {', '.join(INITIALIZERS)}"
  )


def torch_bias(
  kernel_shape: Sequence[int],
) -> nn.initializers.Initializer:
  """The default of torch's biases, uniform within 1 / sqrt(fan-in)."""
  bound = math.prod(kernel_shape[:-1]) ** -0.5

  def init(key, shape, dtype=jnp.float32):
    return jax.random.uniform(key, shape, dtype, -bound, bound)

  return init


def pad2d(
  x: jax.Array | semantics.LabelMap,
  padding: int,
  mode: str = "zeros",
  extents: jax.Array | None = None,
) -> jax.Array | semantics.LabelMap:
  """Pads height and width on all sides.

  Args:
    x: pictures (batch, height, width, channels), or a label map, which takes
      every mode but `zeros`.
    padding: pixels added on each side.
    mode: one of `PADDING_MODES`; `reflect` does not repeat the border pixel.
    extents: true sizes inside the canvas, see the module. With them the
      border is taken where the picture ends, and what lies beyond the padded
      picture is unspecified.

  Returns:
    Pictures (batch, height + 2 * padding, width + 2 * padding, channels).

  Raises:
    ValueError: a reflected picture is not larger than its padding.
  """
  if padding == 0:
    return x
  if isinstance(x, semantics.LabelMap):
    return x.replace(
      labels=pad2d(x.labels[..., None], padding, mode, extents)[..., 0],
      planes=None
      if x.planes is None
      else pad2d(x.planes, padding, mode, extents),
    )
  if mode == "reflect" and min(x.shape[1:3]) <= padding:
    raise ValueError(
      f"a picture of {x.shape[1]} x {x.shape[2]} (height x width) is too "
      f"small for a reflection padding of {padding}; give larger pictures"
    )
  if mode == "zeros" or extents is None:
    widths = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    if mode == "reflect":
      return convolution.reflect_pad(x, padding)
    return jnp.pad(x, widths, mode=_PAD_MODES[mode])

  def border(size: jax.Array, length: int) -> jax.Array:
    position = jnp.arange(length + 2 * padding)[None, :] - padding
    last = size[:, None] - 1
    if mode == "reflect":
      position = jnp.abs(position)
      position = jnp.where(position > last, 2 * last - position, position)
    return jnp.clip(position, 0, last)

  rows = border(extents[:, 0], x.shape[1])
  columns = border(extents[:, 1], x.shape[2])
  x = jnp.take_along_axis(x, rows[:, :, None, None], axis=1)
  return jnp.take_along_axis(x, columns[:, None, :, None], axis=2)


def double(x: jax.Array) -> jax.Array:
  """Repeats every pixel of (batch, height, width, channels) 2 x 2 times."""
  batch, height, width, channels = x.shape
  return jnp.broadcast_to(
    x[:, :, None, :, None, :], (batch, height, 2, width, 2, channels)
  ).reshape(batch, 2 * height, 2 * width, channels)


def zero_bias(kernel_shape: Sequence[int]) -> nn.initializers.Initializer:
  """Biases that start at 0, whatever the kernel."""
  del kernel_shape
  return nn.initializers.zeros


class Conv(nn.Module):
  """Convolution with zeros, reflection or replication at the border."""

  features: int
  kernel_size: int
  strides: int = 1
  padding: int = 0
  padding_mode: str = "zeros"
  use_bias: bool = True
  dtype: Dtype = jnp.float32
  kernel_init: nn.initializers.Initializer = nn.initializers.normal(0.02)
  bias_init: Callable = zero_bias  # kernel's shape -> initialiser
  kernel_norm: Callable | None = None  # constructor, of a `SpectralNorm`

  @nn.compact
  def __call__(
    self,
    x: jax.Array | semantics.LabelMap,
    extents: jax.Array | None = None,
  ) -> jax.Array:
    shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
    kernel = self.param("kernel", self.kernel_init, shape)
    if self.kernel_norm is not None:
      kernel = self.kernel_norm(name="spectral")(kernel)
    padding = self.padding
    if self.padding_mode != "zeros":
      x = pad2d(x, padding, self.padding_mode, extents)
      padding = 0
    x = semantic_convolution.conv2d(
      x, kernel, strides=self.strides, padding=padding, dtype=self.dtype
    )
    if self.use_bias:
      bias = self.param("bias", self.bias_init(shape), (self.features,))
      x = x + bias.astype(self.dtype)[None, None, None]
    return x


class ConvTranspose(nn.Module):
  """Transposed convolution; the kernel is (height, width, output, input)."""

  features: int
  kernel_size: int
  strides: int = 2
  padding: int = 1
  output_padding: int = 0
  use_bias: bool = True
  dtype: Dtype = jnp.float32
  kernel_init: nn.initializers.Initializer = nn.initializers.normal(0.02)
  bias_init: Callable = zero_bias  # kernel's shape -> initialiser
  kernel_norm: Callable | None = None  # constructor, of a `SpectralNorm`

  @nn.compact
  def __call__(
    self, x: jax.Array, extents: jax.Array | None = None
  ) -> jax.Array:
    del extents  # zeros beyond the picture are what the adjoint sees anyway
    shape = (self.kernel_size, self.kernel_size, self.features, x.shape[-1])
    kernel = self.param("kernel", self.kernel_init, shape)
    if self.kernel_norm is not None:
      kernel = self.kernel_norm(name="spectral", output_axis=-2)(kernel)
    x = convolution.conv_transpose2d(
      x.astype(self.dtype),
      kernel.astype(self.dtype),
      strides=self.strides,
      padding=self.padding,
      output_padding=self.output_padding,
    )
    if self.use_bias:
      bias = self.param("bias", self.bias_init(shape), (self.features,))
      x = x + bias.astype(self.dtype)[None, None, None]
    return x


class ResizeConv(nn.Module):
  """Nearest-neighbour enlargement by two, then a convolution.

  The alternative to a transposed convolution that leaves no checkerboard
  (Odena et al., "Deconvolution and Checkerboard Artifacts", 2016).
  """

  features: int
  kernel_size: int = 3
  use_bias: bool = True
  dtype: Dtype = jnp.float32
  kernel_init: nn.initializers.Initializer = nn.initializers.normal(0.02)

  @nn.compact
  def __call__(
    self, x: jax.Array, extents: jax.Array | None = None
  ) -> jax.Array:
    return Conv(
      self.features,
      self.kernel_size,
      padding=self.kernel_size // 2,
      padding_mode="reflect",
      use_bias=self.use_bias,
      dtype=self.dtype,
      kernel_init=self.kernel_init,
      name="conv",
    )(double(x), None if extents is None else 2 * extents)


def shared_options(
  network: nn.Module, train: bool
) -> tuple[bool, dict[str, Any], Callable[..., nn.Module]]:
  """What all layers of a network have in common, from the network's fields.

  Args:
    network: has `norm`, `use_bias`, `init_type`, `init_gain`, `axis_name` and
      `dtype`.
    train: whether batch normalisation uses the batch's own statistics.

  Returns:
    Whether inner convolutions have a bias (the originals': with instance norm
    only, unless `use_bias` says otherwise); arguments of all convolutions;
    and the constructor of the normalisation.
  """
  use_bias = network.use_bias
  if use_bias is None:
    use_bias = network.norm == "instance"
  options = {
    "dtype": network.dtype,
    "kernel_init": kernel_initializer(network.init_type, network.init_gain),
  }
  norm = norms.norm_layer(
    network.norm,
    train=train,
    axis_name=network.axis_name,
    dtype=network.dtype,
    gain=network.init_gain,
  )
  return use_bias, options, norm


def up_layer(
  kind: str, kernel_size: int, output_padding: int
) -> Callable[..., nn.Module]:
  """Returns the constructor of a doubling: `transpose` or `resize`.

  Raises:
    ValueError: the kind is neither.
  """
  if kind == "transpose":
    return functools.partial(
      ConvTranspose, kernel_size=kernel_size, output_padding=output_padding
    )
  if kind == "resize":
    return ResizeConv
  raise ValueError(f"unknown upsample {kind!r}; choose transpose or resize")


def check_multiple(network: str, size: Sequence[int], multiple: int) -> None:
  """Refuses picture sizes that a network cannot halve often enough."""
  if size[0] % multiple or size[1] % multiple:
    raise ValueError(
      f"{network} takes heights and widths that are multiples of {multiple}, "
      f"got {size[0]} x {size[1]} (height x width); resize or pad the "
      "pictures, or choose a network of fewer levels"
    )
