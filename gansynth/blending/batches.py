"""Batches of triples through compiled programs, and back to pictures."""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gansynth.blending import feather as feathering
from gansynth.blending import gp_gan
from gansynth.blending import poisson as editing
from gansynth.blending.inputs import Triple

# More at a time cost memory on a CPU, and then time: 73 ms a picture of 608
# pixels, 99 with 32.
_CPU_BATCH = 8


def at_a_time(batch_size: int) -> int:
  """Returns how many of a batch go through a program together."""
  if jax.default_backend() == "cpu":
    return min(batch_size, _CPU_BATCH)
  return batch_size


def run(
  program: Callable[..., jax.Array],
  triples: Sequence[Triple],
  *arguments: object,
  per_picture: Sequence[np.ndarray] = (),
  canvas: tuple[int, int] | None = None,
  size: tuple[int, int] | None = None,
  length: int | None = None,
) -> list[np.ndarray]:
  """Calls a program on stacked triples, and cuts its results.

  Args:
    program: function of sources, targets, masks, the rest.
    triples: of one size.
    *arguments: of the program, for all alike.
    per_picture: arrays of one row a triple.
    canvas: (height, width) of the arrays; the triples' by default.
    size: (height, width) of the results; the triples' by default.
    length: of the program's batch, which is filled up; by default the next
      power of 2.

  Returns:
    uint8 (height, width, channels) pictures.
  """
  height, width = triples[0].size
  canvas = canvas or (height, width)
  size = size or (height, width)
  # Few lengths of batches, each of which is compiled.
  length = length or 1 << (len(triples) - 1).bit_length()
  filled = [*triples] + [triples[-1]] * (length - len(triples))

  def stack(name):
    first = getattr(filled[0], name)
    batch = np.zeros((length, *canvas, *first.shape[2:]), first.dtype)
    for place, triple in zip(batch, filled, strict=True):
      place[:height, :width] = getattr(triple, name)
    return batch

  rows = [
    np.concatenate([x, *[x[-1:]] * (length - len(triples))])
    for x in per_picture
  ]
  pictures = np.asarray(
    program(stack("source"), stack("target"), stack("mask"), *rows, *arguments)
  )
  return [x[: size[0], : size[1]] for x in pictures[: len(triples)]]


@jax.jit
def paste(
  sources: jax.Array, targets: jax.Array, masks: jax.Array
) -> jax.Array:
  """Pastes stacked triples; returns uint8 pictures."""
  planes = gp_gan.composite(
    to_planes(sources), to_planes(targets), to_planes(masks)[:, None]
  )
  return to_pictures(planes, "fixed")


@functools.partial(jax.jit, static_argnums=0)
def feather(
  width: float, sources: jax.Array, targets: jax.Array, masks: jax.Array
) -> jax.Array:
  """Pastes with soft edges, see `feather.feather`; returns uint8 pictures."""
  planes = feathering.feather(
    to_planes(sources), to_planes(targets), to_planes(masks)[:, None], width
  )
  # Rounded, so that what the mask leaves out keeps its bytes.
  return to_pictures(planes, "fixed")


@functools.partial(jax.jit, static_argnums=(0, 1))
def poisson(
  mode: str,
  region: tuple[int, int],
  sources: jax.Array,
  targets: jax.Array,
  masks: jax.Array,
  origins: jax.Array,
) -> jax.Array:
  """Edits stacked triples, see `poisson.poisson`; returns uint8 pictures."""

  def one(source, target, mask, origin):
    return editing.poisson(
      source, target, mask, mode=mode, origin=origin, region=region
    )

  planes = jax.vmap(one)(
    to_planes(sources),
    to_planes(targets),
    to_planes(masks)[:, None],
    origins,
  )
  # Rounded, so that what is not solved keeps its bytes.
  return to_pictures(planes, "fixed")


def to_planes(arrays: jax.Array) -> jax.Array:
  """uint8 or float (N, H, W[, C]) to float32 (N[, C], H, W) in [0, 1]."""
  if arrays.dtype == np.uint8:
    arrays = arrays.astype(np.float32) / 255
  return jnp.moveaxis(arrays, -1, 1) if arrays.ndim == 4 else arrays


def to_pictures(planes: jax.Array, behavior: str) -> jax.Array:
  """Float (N, C, H, W) in [0, 1] to uint8 (N, H, W, C)."""
  return jnp.moveaxis(gp_gan.to_uint8(planes, behavior), 1, -1)


def to_uint8(picture: np.ndarray) -> np.ndarray:
  """A float picture in [0, 1] to uint8, rounded; uint8 ones as they are."""
  if picture.dtype == np.uint8:
    return picture
  return np.rint(picture * 255).astype(np.uint8)
