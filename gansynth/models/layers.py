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

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gansynth.models import convolution

Dtype = Any

NORMS = ("instance", "batch", "none")
INITIALIZERS = ("normal", "xavier", "kaiming", "orthogonal")
PADDING_MODES = ("zeros", "reflect", "replicate")

_PAD_MODES = {"zeros": "constant", "replicate": "edge"}


def at_least_float32(x: jax.Array) -> jax.Array:
  """bfloat16 to float32; float32 and float64 stay as they are."""
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def kernel_initializer(
  name: str = "normal", gain: float = 0.02
) -> nn.initializers.Initializer:
  """Returns the initialiser of convolution kernels.

  Args:
    name: `normal` draws from N(0, gain); `xavier` is Xavier normal with that
      gain; `kaiming` is Kaiming normal over the fan-in, without gain;
      `orthogonal` is orthogonal with that gain. A transposed convolution's
      fans are those of its stored layout, as in torch.
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
  if name == "kaiming":
    return nn.initializers.variance_scaling(2.0, "fan_in", "normal")
  if name == "orthogonal":
    return nn.initializers.orthogonal(gain)
  raise ValueError(
    f"unknown initialiser {name!r}; choose one of {', '.join(INITIALIZERS)}"
  )


def extents_mask(extents: jax.Array, height: int, width: int) -> jax.Array:
  """Returns a bool mask (batch, height, width, 1), true inside `extents`."""
  rows = jnp.arange(height)[None, :] < extents[:, :1]
  columns = jnp.arange(width)[None, :] < extents[:, 1:]
  return (rows[:, :, None] & columns[:, None, :])[..., None]


def pad2d(
  x: jax.Array,
  padding: int,
  mode: str = "zeros",
  extents: jax.Array | None = None,
) -> jax.Array:
  """Pads height and width on all sides.

  Args:
    x: pictures (batch, height, width, channels).
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

  @nn.compact
  def __call__(
    self, x: jax.Array, extents: jax.Array | None = None
  ) -> jax.Array:
    shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
    kernel = self.param("kernel", self.kernel_init, shape)
    x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
    padding = self.padding
    if self.padding_mode != "zeros":
      x = pad2d(x, padding, self.padding_mode, extents)
      padding = 0
    x = convolution.conv2d(x, kernel, strides=self.strides, padding=padding)
    if self.use_bias:
      bias = self.param("bias", nn.initializers.zeros, (self.features,))
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

  @nn.compact
  def __call__(
    self, x: jax.Array, extents: jax.Array | None = None
  ) -> jax.Array:
    del extents  # zeros beyond the picture are what the adjoint sees anyway
    shape = (self.kernel_size, self.kernel_size, self.features, x.shape[-1])
    kernel = self.param("kernel", self.kernel_init, shape)
    x = convolution.conv_transpose2d(
      x.astype(self.dtype),
      kernel.astype(self.dtype),
      strides=self.strides,
      padding=self.padding,
      output_padding=self.output_padding,
    )
    if self.use_bias:
      bias = self.param("bias", nn.initializers.zeros, (self.features,))
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
    batch, height, width, channels = x.shape
    x = jnp.broadcast_to(
      x[:, :, None, :, None, :], (batch, height, 2, width, 2, channels)
    ).reshape(batch, 2 * height, 2 * width, channels)
    return Conv(
      self.features,
      self.kernel_size,
      padding=self.kernel_size // 2,
      padding_mode="reflect",
      use_bias=self.use_bias,
      dtype=self.dtype,
      kernel_init=self.kernel_init,
      name="conv",
    )(x, None if extents is None else 2 * extents)


class InstanceNorm(nn.Module):
  """Instance normalisation without parameters, as torch's default.

  Statistics over height and width, per sample and channel, in float32 with
  the biased variance; the same in training and evaluation.
  """

  epsilon: float = 1e-5
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: jax.Array, extents: jax.Array | None = None
  ) -> jax.Array:
    x = at_least_float32(x)
    if extents is None:
      centred = x - x.mean((1, 2), keepdims=True)
      variance = jnp.square(centred).mean((1, 2), keepdims=True)
    else:
      mask = extents_mask(extents, *x.shape[1:3])
      count = extents.prod(1).astype(x.dtype)[:, None, None, None]
      total = jnp.where(mask, x, 0).sum((1, 2), keepdims=True)
      centred = jnp.where(mask, x - total / count, 0)
      variance = jnp.square(centred).sum((1, 2), keepdims=True) / count
    return (centred * lax.rsqrt(variance + self.epsilon)).astype(self.dtype)


class BatchNorm(nn.Module):
  """Batch normalisation with torch's running statistics.

  Normalises with the biased variance and moves the running variance with the
  unbiased one (which is why Flax's own layer does not serve). With
  `axis_name` the statistics are those of all devices' samples together.
  """

  use_running_average: bool
  momentum: float = 0.9  # of the old value; torch's momentum is 1 - this
  epsilon: float = 1e-5
  axis_name: str | None = None
  dtype: Dtype = jnp.float32
  scale_init: nn.initializers.Initializer = nn.initializers.ones

  @nn.compact
  def __call__(
    self, x: jax.Array, extents: jax.Array | None = None
  ) -> jax.Array:
    shape = (x.shape[-1],)
    scale = self.param("scale", self.scale_init, shape)
    bias = self.param("bias", nn.initializers.zeros, shape)
    running_mean = self.variable(
      "batch_stats", "mean", jnp.zeros, shape, jnp.float32
    )
    running_variance = self.variable(
      "batch_stats", "var", jnp.ones, shape, jnp.float32
    )
    x = at_least_float32(x)
    if self.use_running_average:
      mean, variance = running_mean.value, running_variance.value
    elif extents is not None:
      raise ValueError(
        "statistics of a batch cannot be taken over padded pictures; use "
        "running averages, or pictures of one size"
      )
    else:
      mean, variance, count = self._batch_statistics(x)
      if not self.is_initializing():
        running_mean.value = self._move(running_mean.value, mean)
        running_variance.value = self._move(
          running_variance.value, variance * (count / max(count - 1, 1))
        )
    factor = lax.rsqrt(variance + self.epsilon) * scale
    x = (x - mean[None, None, None]) * factor[None, None, None]
    x = x + bias[None, None, None]
    if extents is not None:
      x = jnp.where(extents_mask(extents, *x.shape[1:3]), x, 0)
    return x.astype(self.dtype)

  def _batch_statistics(self, x):
    count = x.size // x.shape[-1]
    synchronise = self.axis_name is not None and not self.is_initializing()
    mean = x.mean((0, 1, 2))
    if synchronise:
      mean = lax.pmean(mean, self.axis_name)
      count *= lax.axis_size(self.axis_name)
    variance = jnp.square(x - mean[None, None, None]).mean((0, 1, 2))
    if synchronise:
      variance = lax.pmean(variance, self.axis_name)
    return mean, variance, count

  def _move(self, old, new):
    return self.momentum * old + (1 - self.momentum) * lax.stop_gradient(new)


class NoNorm(nn.Module):
  """The identity, where the others normalise."""

  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: jax.Array, extents: jax.Array | None = None
  ) -> jax.Array:
    if extents is not None:
      x = jnp.where(extents_mask(extents, *x.shape[1:3]), x, 0)
    return x.astype(self.dtype)


def norm_layer(
  name: str,
  *,
  train: bool,
  axis_name: str | None = None,
  dtype: Dtype = jnp.float32,
  gain: float = 0.02,
) -> Callable[..., nn.Module]:
  """Returns a constructor of the named normalisation.

  Args:
    name: one of `NORMS`.
    train: whether batch normalisation uses and records the batch's own
      statistics.
    axis_name: mapped axis over which batch statistics are synchronised.
    dtype: type of the result; statistics are always float32.
    gain: spread of batch normalisation's initial scale, N(1, gain).

  Raises:
    ValueError: the name is none of `NORMS`.
  """
  if name == "instance":
    return lambda **kw: InstanceNorm(dtype=dtype, **kw)
  if name == "batch":

    def scale_init(key, shape, dtype=jnp.float32):
      return 1 + gain * jax.random.normal(key, shape, dtype)

    return lambda **kw: BatchNorm(
      use_running_average=not train,
      axis_name=axis_name,
      dtype=dtype,
      scale_init=scale_init,
      **kw,
    )
  if name == "none":
    return lambda **kw: NoNorm(dtype=dtype, **kw)
  raise ValueError(f"unknown norm {name!r}; choose one of {', '.join(NORMS)}")


def check_multiple(network: str, size: Sequence[int], multiple: int) -> None:
  """Refuses picture sizes that a network cannot halve often enough."""
  if size[0] % multiple or size[1] % multiple:
    raise ValueError(
      f"{network} takes heights and widths that are multiples of {multiple}, "
      f"got {size[0]} x {size[1]} (height x width); resize or pad the "
      "pictures, or choose a network of fewer levels"
    )
