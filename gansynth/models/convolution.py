"""Convolutions of pictures whose gradients are convolutions again.

One trilinear form, the sum over all pixels of g * correlate(x, kernel), gives
three functions: the correlation itself, its adjoint in the picture and its
adjoint in the kernel. Each one's gradients are the other two, so the three
are closed under reverse-mode differentiation of any order (a gradient penalty
needs the second), and each is computed in the form that suits it rather than
in the one that automatic differentiation happens to derive. A transposed
convolution's kernel gradient, for one, is a strided convolution's and not a
correlation over a picture full of zeros: 13 ms in place of 811 ms.

Where each runs is known only when it is lowered: `lax.platform_dependent`
takes XLA's own convolutions on accelerators and `cpu_convolution`'s forms on
a CPU, also for a computation placed on the CPU of a machine with a GPU, and
under `jit`, `pmap`, `vmap` and rematerialisation alike. Forward-mode
differentiation is not defined.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gansynth.models import cpu_convolution

_PICTURES = ("NHWC", "HWIO", "NHWC")


class Geometry(NamedTuple):
  """What a correlation's shapes do not say, hashable."""

  size: tuple[int, int]  # height and width of the picture it reads
  kernel: tuple[int, int]  # height and width of its kernel
  strides: int
  padding: int | tuple[int, int]  # zeros on each side, or of rows and columns

  @classmethod
  def of(
    cls,
    shape: Sequence[int],
    kernel_shape: Sequence[int],
    strides: int,
    padding: int | tuple[int, int],
  ) -> "Geometry":
    """Returns that of `conv2d`.

    Raises:
      ValueError: the padded picture is smaller than the kernel.
    """
    geometry = cls(tuple(shape[1:3]), tuple(kernel_shape[:2]), strides, padding)
    if min(geometry.output) < 1:
      raise ValueError(
        f"a picture of {shape[1]} x {shape[2]} (height x width), padded by "
        f"{padding}, is smaller than the kernel of {kernel_shape[0]} x "
        f"{kernel_shape[1]}; give larger pictures"
      )
    return geometry

  @property
  def pads(self) -> tuple[int, int]:
    """Rows of zeros above and below, columns left and right."""
    if isinstance(self.padding, tuple):
      return self.padding
    return self.padding, self.padding

  @property
  def output(self) -> tuple[int, int]:
    """Height and width of its result."""
    return tuple(
      (size + 2 * pad - kernel) // self.strides + 1
      for size, kernel, pad in zip(
        self.size, self.kernel, self.pads, strict=True
      )
    )

  @property
  def is_whole(self) -> bool:
    """Whether the kernel lies on the whole picture, and only once."""
    return self.size == self.kernel and not any(self.pads)


def conv2d(
  x: jax.Array,
  kernel: jax.Array,
  *,
  strides: int = 1,
  padding: int | tuple[int, int] = 0,
) -> jax.Array:
  """Correlates pictures with a kernel, zeros around the picture.

  Args:
    x: (batch, height, width, input).
    kernel: (kernel height, kernel width, input, output).
    strides: step in both directions.
    padding: zeros added on each side, or of rows and of columns.

  Returns:
    (batch, height', width', output), height' = floor((height + 2 * padding -
    kernel height) / strides) + 1 and width' alike.

  Raises:
    ValueError: the padded picture is smaller than the kernel.
  """
  geometry = Geometry.of(x.shape, kernel.shape, strides, padding)
  return _correlate(geometry, x, kernel)


def conv_transpose2d(
  x: jax.Array,
  kernel: jax.Array,
  *,
  strides: int,
  padding: int,
  output_padding: int = 0,
) -> jax.Array:
  """The adjoint of `conv2d`: torch's `conv_transpose2d`.

  Args:
    x: (batch, height, width, input).
    kernel: (kernel height, kernel width, output, input).
    strides: step of the convolution it is the adjoint of.
    padding: zero padding of that convolution.
    output_padding: rows and columns added at the bottom and right, fewer
      than `strides`.

  Returns:
    (batch, height', width', output), height' = (height - 1) * strides - 2 *
    padding + kernel height + output_padding and width' alike.

  Raises:
    ValueError: `output_padding` is not below `strides`.
  """
  if not 0 <= output_padding < strides:
    raise ValueError(
      f"output_padding is {output_padding}; it must be at least 0 and less "
      f"than strides, {strides}"
    )
  size = tuple(
    (length - 1) * strides - 2 * padding + taps + output_padding
    for length, taps in zip(x.shape[1:3], kernel.shape[:2], strict=True)
  )
  geometry = Geometry(size, kernel.shape[:2], strides, padding)
  return _spread(geometry, x, kernel)


# Jitted, so that equal layers are traced and lowered once.
@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0)
def _correlate(geometry, x, kernel):
  """Maps (batch, H, W, i) and (h, w, i, o) to (batch, H', W', o)."""
  if geometry.is_whole:
    y = _product(x.reshape(len(x), -1), _matrix(kernel), (1, 0))
    return y[:, None, None]
  return lax.platform_dependent(
    x,
    kernel,
    cpu=functools.partial(cpu_convolution.correlate, geometry),
    default=functools.partial(_plain_correlate, geometry),
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0)
def _spread(geometry, g, kernel):
  """Maps (batch, H', W', o) and (h, w, i, o) to (batch, H, W, i)."""
  if geometry.is_whole:
    x = _product(g[:, 0, 0], _matrix(kernel), (1, 1))
    return x.reshape(-1, *kernel.shape[:3])
  return lax.platform_dependent(
    g,
    kernel,
    cpu=functools.partial(cpu_convolution.spread, geometry),
    default=functools.partial(_plain_spread, geometry),
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0)
def _correlate_all(geometry, x, g):
  """Maps (batch, H, W, i) and (batch, H', W', o) to (h, w, i, o)."""
  if geometry.is_whole:
    kernel = _product(x.reshape(len(x), -1), g[:, 0, 0], (0, 0))
    return kernel.reshape(*x.shape[1:], -1)
  return lax.platform_dependent(
    x,
    g,
    cpu=functools.partial(cpu_convolution.correlate_all, geometry),
    default=functools.partial(_plain_correlate_all, geometry),
  )


def _correlate_backward(geometry, operands, g):
  x, kernel = operands
  return _spread(geometry, g, kernel), _correlate_all(geometry, x, g)


def _spread_backward(geometry, operands, x):
  g, kernel = operands
  return _correlate(geometry, x, kernel), _correlate_all(geometry, x, g)


def _correlate_all_backward(geometry, operands, kernel):
  x, g = operands
  return _spread(geometry, g, kernel), _correlate(geometry, x, kernel)


def _define_gradients(function, backward):
  def forward(geometry, *operands):
    return function(geometry, *operands), operands

  function.defvjp(forward, backward)


_define_gradients(_correlate, _correlate_backward)
_define_gradients(_spread, _spread_backward)
_define_gradients(_correlate_all, _correlate_all_backward)


def _matrix(kernel):
  return kernel.reshape(-1, kernel.shape[-1])


def _product(a, b, axes):
  """A matrix product over one axis of each.

  All that lies on the picture once comes to one. XLA would make the adjoint a
  convolution over a picture of padding, with as many times the work as the
  kernel has taps.
  """
  product = lax.dot_general(
    a,
    b,
    ((axes[:1], axes[1:]), ((), ())),
    preferred_element_type=jnp.promote_types(a.dtype, jnp.float32),
  )
  return product.astype(a.dtype)


def _plain_correlate(geometry, x, kernel):
  return lax.conv_general_dilated(
    x,
    kernel,
    (geometry.strides,) * 2,
    [(pad, pad) for pad in geometry.pads],
    dimension_numbers=_PICTURES,
  )


def _plain_spread(geometry, g, kernel):
  step = geometry.strides
  pads = [
    (taps - 1 - pad, size - (length - 1) * step - 1 + pad)
    for size, taps, length, pad in zip(
      geometry.size, geometry.kernel, g.shape[1:3], geometry.pads, strict=True
    )
  ]
  return lax.conv_general_dilated(
    g,
    jnp.flip(kernel, (0, 1)),
    (1, 1),
    pads,
    lhs_dilation=(step, step),
    dimension_numbers=("NHWC", "HWOI", "NHWC"),
  )


def _plain_correlate_all(geometry, x, g):
  step = geometry.strides
  pads = [
    (pad, taps + (length - 1) * step - size - pad)
    for size, taps, length, pad in zip(
      geometry.size, geometry.kernel, g.shape[1:3], geometry.pads, strict=True
    )
  ]
  return lax.conv_general_dilated(
    x,
    g,
    (1, 1),
    pads,
    rhs_dilation=(step, step),
    dimension_numbers=("CHWN", "IHWO", "HWNC"),
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def reflect_pad(x: jax.Array, padding: int) -> jax.Array:
  """Reflects borders outwards, without repeating the border pixel.

  Args:
    x: pictures (batch, height, width, channels), larger than the padding.
    padding: pixels added on each side.

  Returns:
    Pictures (batch, height + 2 * padding, width + 2 * padding, channels).
  """
  widths = ((0, 0), (padding, padding), (padding, padding), (0, 0))
  return jnp.pad(x, widths, mode="reflect")


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _reflect_fold(g, padding):
  """The adjoint of `reflect_pad`: borders are added where they came from."""

  def transpose(g):
    shape = (
      g.shape[0],
      g.shape[1] - 2 * padding,
      g.shape[2] - 2 * padding,
      g.shape[3],
    )
    widths = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    return jax.linear_transpose(
      lambda x: jnp.pad(x, widths, mode="reflect"),
      jax.ShapeDtypeStruct(shape, g.dtype),
    )(g)[0]

  return lax.platform_dependent(
    g,
    cpu=functools.partial(cpu_convolution.reflect_fold, padding),
    default=transpose,
  )


reflect_pad.defvjp(
  lambda x, padding: (reflect_pad(x, padding), None),
  lambda padding, _, g: (_reflect_fold(g, padding),),
)
_reflect_fold.defvjp(
  lambda g, padding: (_reflect_fold(g, padding), None),
  lambda padding, _, x: (reflect_pad(x, padding),),
)
