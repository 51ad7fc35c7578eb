"""Pasting with a soft edge inside the mask, on planes."""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax


@functools.partial(jax.jit, static_argnames="width")
def feather(
  source: jax.Array, destination: jax.Array, mask: jax.Array, width: float
) -> jax.Array:
  """Mixes the source into the destination by `opacity`.

  Args:
    source: planes in [0, 1], (..., C, H, W).
    destination: likewise.
    mask: (..., 1, H, W) in [0, 1].
    width: of the soft edge, in pixels.

  Returns:
    (..., C, H, W) in [0, 1]; where the mask is 0, the destination.
  """
  alpha = opacity(mask, width)
  return source * alpha + destination * (1 - alpha)


def opacity(mask: jax.Array, width: float) -> jax.Array:
  """Softens masks inwards.

  The mask is multiplied by 3 t^2 - 2 t^3, where t rises from 0 at the border
  of what is positive to 1 at `width` pixels within. Beyond the picture a mask
  continues: an object that is cut off there stays solid.

  Args:
    mask: (..., H, W) in [0, 1].
    width: in pixels; with 0 the mask stays as it is.
  """
  if width == 0:
    return mask
  # Pixels next to the border are half a pixel from it.
  distance = _distance(mask == 0, math.ceil(width + 0.5)) - 0.5
  t = jnp.clip(distance / width, 0, 1)
  return mask * (t * t * (3 - 2 * t))


def _distance(to, limit):
  """Euclidean distances to the nearest place of `to`, exact up to a limit.

  A parabola is made of short steps: min-plus convolution with one of three
  places and weights 2 i - 1, for i = 1, 2, ..., is that with k^2.
  """
  squares = jnp.where(to, 0.0, jnp.inf)

  def step(axis, i, x):
    length = x.shape[axis]
    padding = [(0, 0)] * x.ndim
    padding[axis] = (1, 1)
    padded = jnp.pad(x, padding, constant_values=jnp.inf)
    before, after = (
      lax.slice_in_dim(padded, start, start + length, axis=axis)
      for start in (0, 2)
    )
    return jnp.minimum(x, jnp.minimum(before, after) + (2.0 * i - 1))

  for axis in (squares.ndim - 1, squares.ndim - 2):
    squares = lax.fori_loop(
      1, limit + 1, functools.partial(step, axis), squares
    )
  return jnp.sqrt(squares)
