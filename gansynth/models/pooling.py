"""Pooling of pictures and label maps, in forms that have cheap gradients."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gansynth.models import norms, semantics


def _windows(x: jax.Array, axis: int, border: int = 0) -> list[jax.Array]:
  """The pixels at 2 i - 1, 2 i and 2 i + 1 of one axis, for every i."""
  length = (x.shape[axis] + 1) // 2
  widths = [(0, 0)] * x.ndim
  widths[axis] = (1, 1)
  x = jnp.pad(x, widths, constant_values=border)
  return [
    lax.slice_in_dim(x, start, start + 2 * length - 1, 2, axis)
    for start in range(3)
  ]


def _window_sizes(centres: np.ndarray, length: int) -> np.ndarray:
  """How many pixels of an axis windows of three around some of them have."""
  return np.minimum(centres + 2, length) - np.maximum(centres - 1, 0)


def average_pool(
  x: jax.Array | semantics.LabelMap, dtype: Any = jnp.float32
) -> jax.Array:
  """Halves pictures by the means of 3x3 windows around every other pixel.

  A window at the border has the mean of those of its pixels that exist. This
  is `AvgPool2d(3, stride=2, padding=1, count_include_pad=False)` of torch.

  Args:
    x: (batch, height, width, channels); of a label map the one-hot channels
      become shares, computed without these channels at full size.
    dtype: type of the result for a label map; arrays keep their own.

  Returns:
    (batch, ceil(height / 2), ceil(width / 2), channels).
  """
  counts = np.multiply.outer(
    *(_window_sizes(np.arange(0, n, 2), n) for n in x.shape[1:3])
  )
  counts = counts[None, :, :, None]
  if not isinstance(x, semantics.LabelMap):
    total = norms.at_least_float32(x)
    for axis in (1, 2):
      total = sum(_windows(total, axis))
    return (total / counts.astype(total.dtype)).astype(x.dtype)
  names = jnp.arange(x.num_labels)[None, None, None]
  labels = x.labels.astype(jnp.int32)
  votes = sum(
    (window[..., None] == names).astype(jnp.int32)
    for rows in _windows(labels, 1, border=-1)
    for window in _windows(rows, 2, border=-1)
  )
  shares = (votes / counts).astype(dtype)
  if x.planes is None:
    return shares
  return jnp.concatenate([shares, average_pool(x.planes).astype(dtype)], -1)


def max_pool(x: jax.Array) -> jax.Array:
  """Halves pictures by the maxima of 2x2 blocks.

  Where several pixels share the maximum the gradient goes to the first of
  them, as in torch. An odd last row or column is left away.

  Args:
    x: (batch, height, width, channels).

  Returns:
    (batch, height // 2, width // 2, channels).
  """
  batch, height, width, channels = x.shape
  height, width = height // 2, width // 2
  x = x[:, : 2 * height, : 2 * width]
  blocks = x.reshape(batch, height, 2, width, 2, channels)
  return _larger(
    *(_larger(blocks[:, :, i, :, 0], blocks[:, :, i, :, 1]) for i in range(2))
  )


def max_pool_3x3(
  x: jax.Array, strides: int = 2, padding: int = 0, ceil: bool = False
) -> jax.Array:
  """Takes the maxima of 3x3 windows, `MaxPool2d(3, strides, padding)` of torch.

  Along one axis after the other, which is six comparisons in place of eight.
  Where several pixels share the maximum the gradient goes to the first of
  them, row by row, as in torch.

  Args:
    x: (batch, height, width, channels).
    strides: steps between windows.
    padding: pixels on each side of which no window takes any.
    ceil: whether the last window may end behind the picture (`ceil_mode`, for
      strides of 2).

  Returns:
    (batch, height', width', channels), height' = floor((height + 2 * padding -
    3) / strides) + 1, with `ceil` rounded up, and width' alike.
  """
  for axis in (2, 1):
    if ceil and x.shape[axis] % 2 == 0:
      widths = [(0, 0)] * x.ndim
      widths[axis] = (0, 1)
      x = jnp.pad(x, widths, constant_values=-jnp.inf)
    a, b, c = _triples(x, axis, strides, padding, -jnp.inf)
    x = _larger(_larger(a, b), c)
  return x


def mean_pool_3x3(x: jax.Array) -> jax.Array:
  """The means of 3x3 windows around every pixel, of those pixels that exist.

  This is `AvgPool2d(3, stride=1, padding=1, count_include_pad=False)` of torch.

  Args:
    x: (batch, height, width, channels).

  Returns:
    An array of the same shape and type.
  """
  total = norms.at_least_float32(x)
  counts = []
  for axis in (1, 2):
    total = sum(_triples(total, axis, 1, 1, 0))
    centres = np.arange(x.shape[axis])
    counts.append(_window_sizes(centres, x.shape[axis]))
  shares = 1 / np.multiply.outer(*counts)[None, :, :, None]
  return (total * shares.astype(total.dtype)).astype(x.dtype)


def _triples(x, axis, strides, padding, border):
  """The first, second and third pixels of windows along one axis."""
  length = (x.shape[axis] + 2 * padding - 3) // strides
  if padding:
    widths = [(0, 0)] * x.ndim
    widths[axis] = (padding, padding)
    x = jnp.pad(x, widths, constant_values=border)
  return [
    lax.slice_in_dim(x, start, start + length * strides + 1, strides, axis)
    for start in range(3)
  ]


def _larger(a: jax.Array, b: jax.Array) -> jax.Array:
  return jnp.where(b > a, b, a)
