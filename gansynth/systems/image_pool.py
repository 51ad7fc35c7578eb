"""A history of generated pictures that the discriminator is shown.

Reference: Shrivastava et al., "Learning from Simulated and Unsupervised
Images through Adversarial Training", CVPR 2017, section 2.3.
"""

import jax
import jax.numpy as jnp
from flax import struct
from jax import lax


class ImagePool(struct.PyTreeNode):
  """The pool: up to P pictures, of which the first `count` are filled."""

  images: jax.Array  # (P, height, width, channels)
  count: jax.Array  # int32 scalar


def create(size: int, shape: tuple[int, int, int]) -> ImagePool:
  """Returns an empty pool of `size` pictures of (height, width, channels)."""
  return ImagePool(jnp.zeros((size, *shape)), jnp.zeros((), jnp.int32))


def draw(rng: jax.Array, size: int, number: int) -> tuple:
  """Draws what `query` needs for `number` pictures: (uniforms, slots)."""
  uniform_rng, slot_rng = jax.random.split(rng)
  return (
    jax.random.uniform(uniform_rng, (number,)),
    jax.random.randint(slot_rng, (number,), 0, max(size, 1)),
  )


def query(
  pool: ImagePool, images: jax.Array, uniforms: jax.Array, slots: jax.Array
) -> tuple[ImagePool, jax.Array]:
  """Exchanges pictures with the pool, one after the other.

  While the pool is not full a picture is stored and returned. Afterwards, if
  its uniform draw exceeds 0.5, the picture in its slot is returned and
  replaced by it; else it is returned and not stored. So a picture may come
  back for a later one of the same batch.

  Args:
    pool: the pool; one of size 0 returns the pictures as they are.
    images: (batch, height, width, channels).
    uniforms: (batch,) in [0, 1).
    slots: int (batch,) in [0, P).

  Returns:
    The pool afterwards, and pictures (batch, height, width, channels).
  """
  size = len(pool.images)
  if size == 0:
    return pool, images

  def exchange(pool, arguments):
    image, uniform, slot = arguments
    filling = pool.count < size
    slot = jnp.where(filling, pool.count, slot)
    stored = lax.dynamic_index_in_dim(pool.images, slot, keepdims=False)
    swap = ~filling & (uniform > 0.5)
    kept = jnp.where(filling | swap, image.astype(stored.dtype), stored)
    pool = ImagePool(
      lax.dynamic_update_index_in_dim(pool.images, kept, slot, 0),
      jnp.minimum(pool.count + 1, size),
    )
    return pool, jnp.where(swap, stored, image.astype(stored.dtype))

  return lax.scan(exchange, pool, (images, uniforms, slots))


def query_on_devices(
  pool: ImagePool,
  images: jax.Array,
  rng: jax.Array,
  draws: tuple[jax.Array, jax.Array] | None = None,
  axis_name: str | None = None,
) -> tuple[ImagePool, jax.Array]:
  """`query` with the pictures of all devices, in the same order on all.

  The pool so stays equal on every device, and a run on N devices sees what a
  run on one would.

  Args:
    pool: the pool, the same on all devices.
    images: this device's share, (batch, height, width, channels).
    rng: the same on all devices; for the draws.
    draws: (uniforms, slots) of the global batch, instead of drawn ones.
    axis_name: mapped axis of the devices.

  Returns:
    The pool afterwards, and this device's pictures.
  """
  share = len(images)
  if axis_name is not None:
    images = lax.all_gather(images, axis_name, tiled=True)
  if draws is None:
    draws = draw(rng, len(pool.images), len(images))
  pool, answer = query(pool, images, *draws)
  if axis_name is not None:
    first = lax.axis_index(axis_name) * share
    answer = lax.dynamic_slice_in_dim(answer, first, share)
  return pool, answer
