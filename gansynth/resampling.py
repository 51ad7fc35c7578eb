"""Pictures and label maps at another size, as torch makes them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def resize_nearest(x: jax.Array, size: tuple[int, int]) -> jax.Array:
  """Takes the pixel at floor(position * (old / new)), in float32, as torch.

  At some sizes float32 falls just short of an integer, and the pixel is the
  one before. `jax.image.resize` takes the pixel at the middle, which is
  another one wherever a picture shrinks.

  Args:
    x: (batch, height, width, ...).
    size: (height, width) of the result.

  Returns:
    (batch, *size, ...) of the same type.
  """
  for axis, (old, new) in enumerate(zip(x.shape[1:3], size, strict=True), 1):
    if old != new:
      positions = np.arange(new, dtype=np.float32)
      nearest = (positions * (np.float32(old) / np.float32(new))).astype(int)
      x = jnp.take(x, np.minimum(nearest, old - 1), axis=axis)
  return x


def resize_bilinear(x: jax.Array, size: tuple[int, int]) -> jax.Array:
  """Resizes between the centres of pixels, without smoothing where it shrinks.

  This is `interpolate(mode="bilinear", align_corners=False)` of torch. Both
  directions are products with a matrix, whose gradients are too; gathered
  neighbours would be scattered.

  Args:
    x: float (batch, height, width, channels).
    size: (height, width) of the result.

  Returns:
    (batch, *size, channels) of the same type, computed in at least float32.
  """
  dtype = jnp.promote_types(x.dtype, jnp.float32)
  y = x.astype(dtype)
  for axis, (old, new) in enumerate(zip(x.shape[1:3], size, strict=True), 1):
    if old != new:
      weights = jnp.asarray(_bilinear_weights(old, new, dtype))
      y = jnp.moveaxis(
        jnp.tensordot(y, weights, (axis, 1), precision="highest"), -1, axis
      )
  return y.astype(x.dtype)


def sample_bilinear(x: jax.Array, size: tuple[int, int]) -> jax.Array:
  """`resize_bilinear` for what needs no gradient.

  Neighbours are gathered, at a tenth of the cost on a CPU, whatever the size
  of the pictures; the gradient would scatter them.

  Args:
    x: (batch, height, width, channels), of any real type.
    size: (height, width) of the result.

  Returns:
    (batch, *size, channels), float32, or float64 where `x` is.
  """
  x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
  for axis, (old, new) in enumerate(zip(x.shape[1:3], size, strict=True), 1):
    if old != new:
      lower, upper, share = _neighbours(old, new, x.dtype)
      share = share.reshape([-1 if a == axis else 1 for a in range(4)])
      below = jnp.take(x, lower, axis)
      x = below + (jnp.take(x, upper, axis) - below) * share
  return x


def sample_bilinear_on_host(
  picture: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
  """`sample_bilinear` in NumPy, for pictures that each have another size.

  Args:
    picture: (height, width, channels), of any real type.
    size: (height, width) of the result.

  Returns:
    float32 (*size, channels).
  """
  y = picture
  for axis, (old, new) in enumerate(zip(picture.shape[:2], size, strict=True)):
    if old == new:
      continue
    lower, upper, share = _neighbours(old, new, np.float32)
    below = np.take(y, lower, axis).astype(np.float32)
    above = np.take(y, upper, axis).astype(np.float32)
    above -= below
    above *= share.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    y = np.add(below, above, out=below)
  return y.astype(np.float32, copy=False)


def double_bilinear(x: jax.Array) -> jax.Array:
  """`resize_bilinear` to twice the height and width.

  A new pixel is 3/4 of the old one that it lies in and 1/4 of that one's
  neighbour, so both directions are sums of shifted arrays: no matrix, whose
  products cost more the larger a picture is.

  Args:
    x: float (batch, height, width, channels).

  Returns:
    (batch, 2 * height, 2 * width, channels) of the same type.
  """
  for axis in (1, 2):
    length = x.shape[axis]
    first, last = (
      lax.slice_in_dim(x, start, start + 1, axis=axis)
      for start in (0, length - 1)
    )
    before = lax.slice_in_dim(x, 0, length - 1, axis=axis)
    after = lax.slice_in_dim(x, 1, length, axis=axis)
    before = jnp.concatenate([first, before], axis)
    after = jnp.concatenate([after, last], axis)
    pair = jnp.stack(
      [0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis + 1
    )
    x = pair.reshape(*x.shape[:axis], 2 * length, *x.shape[axis + 1 :])
  return x


def _bilinear_weights(old, new, dtype):
  """(new, old): the shares of old pixels in new ones, two in a row."""
  positions = _bilinear_positions(old, new, dtype)[:, None]
  return np.maximum(1 - np.abs(positions - np.arange(old, dtype=dtype)), 0)


def _bilinear_positions(old, new, dtype):
  """Where the centres of new pixels lie, in old pixels, rounded as torch's."""
  scale = np.asarray(old, dtype) / np.asarray(new, dtype)
  half = np.asarray(0.5, dtype)
  positions = scale * (np.arange(new, dtype=dtype) + half) - half
  return np.clip(positions, 0, old - 1)


@functools.lru_cache(maxsize=256)
def _neighbours(old, new, dtype):
  """The two old pixels of each new one, and the share of the second."""
  positions = _bilinear_positions(old, new, dtype)
  lower = positions.astype(np.intp)
  upper = np.minimum(lower + 1, old - 1)
  return lower, upper, (positions - lower).astype(dtype)
