"""Places in planes, and taking from them in another order."""

import jax
import jax.numpy as jnp
from jax import lax


def take(x: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
  """Takes rows and columns of (..., H, W), all in bounds, in any order.

  One gather: on a CPU it is twice as fast as strided or reversed slices.
  """
  *batch, height, width = x.shape
  index = rows[:, None] * width + columns[None]
  x = jnp.asarray(x).reshape(*batch, height * width)
  x = x.at[..., index.reshape(-1)].get(mode="promise_in_bounds")
  return x.reshape(*batch, *index.shape)


def places(x: jax.Array, axis: int) -> jax.Array:
  """Returns the index along axis -2 or -1, to be broadcast against x."""
  shape = [x.shape[a] if a == axis else 1 for a in range(-x.ndim, 0)]
  return lax.broadcasted_iota(jnp.int32, shape, axis + x.ndim)


def inside(x: jax.Array, size: jax.Array) -> jax.Array:
  """Returns whether places lie within a height and width."""
  return (places(x, -2) < size[0]) & (places(x, -1) < size[1])


def mirrored(index: jax.Array, length: jax.Array) -> jax.Array:
  """Where half-sample mirroring at 0 and `length` takes an index from."""
  index = index % (2 * length)
  return jnp.minimum(index, 2 * length - 1 - index)


def continued(x: jax.Array, size: jax.Array) -> jax.Array:
  """Replaces what lies beyond `size` by mirroring what lies within."""
  rows, columns = (
    mirrored(jnp.arange(x.shape[axis]), size[axis]) for axis in (-2, -1)
  )
  return take(x, rows, columns)
