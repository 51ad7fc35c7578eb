"""Convolutions whose taps lie apart.

Every `dilation`-th pixel in both directions makes a small picture of its own,
in which the taps are neighbours. On CPUs these pictures are convolved, where
XLA would take its slowest path; on accelerators XLA's own convolution is.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from gansynth.models import convolution


def conv2d(
  x: jax.Array, kernel: jax.Array, *, strides: int = 1, dilation: int = 1
) -> jax.Array:
  """Correlates pictures with a kernel of odd size, centred on the pixels.

  Args:
    x: (batch, height, width, input).
    kernel: (size, size, input, output).
    strides: step in both directions; 1 where there is a dilation.
    dilation: distance of neighbouring taps.

  Returns:
    (batch, ceil(height / strides), ceil(width / strides), output); beyond the
    border pictures are 0.
  """
  padding = kernel.shape[0] // 2
  if dilation == 1:
    return convolution.conv2d(x, kernel, strides=strides, padding=padding)
  if strides != 1:
    raise ValueError(
      f"strides {strides} and dilation {dilation} do not go together"
    )
  return lax.platform_dependent(
    x,
    kernel,
    cpu=functools.partial(_by_phases, dilation, padding),
    default=functools.partial(_plain, dilation, padding),
  )


def _by_phases(dilation, padding, x, kernel):
  batch, height, width, channels = x.shape
  rows, columns = (-(-side // dilation) for side in (height, width))
  x = jnp.pad(
    x,
    (
      (0, 0),
      (0, rows * dilation - height),
      (0, columns * dilation - width),
      (0, 0),
    ),
  )
  x = x.reshape(batch, rows, dilation, columns, dilation, channels)
  x = x.transpose(2, 4, 0, 1, 3, 5).reshape(-1, rows, columns, channels)
  y = convolution.conv2d(x, kernel, padding=padding)
  y = y.reshape(dilation, dilation, batch, rows, columns, -1)
  y = y.transpose(2, 3, 0, 4, 1, 5)
  y = y.reshape(batch, rows * dilation, columns * dilation, -1)
  return y[:, :height, :width]


def _plain(dilation, padding, x, kernel):
  return lax.conv_general_dilated(
    x,
    kernel,
    (1, 1),
    ((padding * dilation,) * 2,) * 2,
    rhs_dilation=(dilation, dilation),
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
