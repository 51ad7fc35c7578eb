"""Poisson image editing on planes: a source without a visible seam.

Inside a rectangle the picture gets the gradients that are wanted, and on the
rectangle's outermost pixels it is the destination's. The correction u to the
destination solves

  A u = minus the divergence of (wanted - the destination's gradients)

where A is minus the Laplacian with u = 0 on those pixels, solved exactly
(`dirichlet.py`).

Reference: Perez, Gangnet and Blake, "Poisson Image Editing", SIGGRAPH 2003.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gansynth.blending import buckets, dirichlet

MODES = ("normal", "mixed", "monochrome")
_SMALLEST = 3  # one unknown pixel and its frame
_LUMINANCE = (0.299, 0.587, 0.114)


@functools.partial(jax.jit, static_argnames=("mode", "region"))
def poisson(
  source: jax.Array,
  destination: jax.Array,
  mask: jax.Array,
  *,
  mode: str = "normal",
  origin: jax.Array | None = None,
  region: tuple[int, int] | None = None,
) -> jax.Array:
  """Blends the source into the destination, where the mask is one.

  The difference of two neighbouring pixels is the source's where the mask
  covers both. So no difference across an object's outline gets in, and thin
  parts stay, unlike with OpenCV's `seamlessClone`, which erodes the mask. The
  modes are those known from there:

  - `normal`: the source's gradients;
  - `mixed`: of the two gradients the one that is larger, for each difference
    and channel, so that the destination shows through what is flat;
  - `monochrome`: the gradients of the source's luminance; colours are the
    destination's.

  Args:
    source: planes in [0, 1], (..., C, H, W), float32 or float64.
    destination: likewise.
    mask: (..., 1, H, W), in [0, 1]; of soft masks the two values of a
      difference are multiplied.
    mode: one of `MODES`.
    origin: (2,) integers, row and column of the rectangle's first pixel; it
      may differ from call to call.
    region: height and width of the rectangle; each is compiled once. See
      `choose_region`. By default the whole picture.

  Returns:
    (..., C, H, W), in [0, 1] within the rectangle; outside of it, and on its
    outermost pixels, the destination.
  """
  _check(source, destination, mask, mode, region)
  if region is None:
    origin, region = np.zeros(2, np.int32), destination.shape[-2:]
  elif origin is None:
    raise ValueError("a region needs an origin")
  origin = jnp.asarray(origin, jnp.int32)
  start = jnp.zeros(destination.ndim, jnp.int32).at[-2:].set(origin)

  def cut(x):
    return lax.dynamic_slice(x, list(start), (*x.shape[:-2], *region))

  s, d, m = cut(source), cut(destination), cut(mask)
  if mode == "monochrome" and s.shape[-3] == 3:
    s = sum(w * s[..., i : i + 1, :, :] for i, w in enumerate(_LUMINANCE))
  right = _excess(s, d, m, -1, mode)[..., 1:-1, :]
  down = _excess(s, d, m, -2, mode)[..., 1:-1]
  b = right[..., :-1] - right[..., 1:] + down[..., :-1, :] - down[..., 1:, :]
  inner = d[..., 1:-1, 1:-1] + dirichlet.invert_laplacian(b)
  inner = jnp.clip(inner, 0, 1)
  start = start.at[-2:].add(1)
  return lax.dynamic_update_slice(destination, inner, list(start))


def choose_region(
  mask: np.ndarray, tight: bool = False
) -> tuple[np.ndarray, tuple[int, int]]:
  """Chooses the rectangle of a mask.

  It is the box around all pixels of the mask and one more on each side, grown
  evenly to the next length of a short list so that thousands of masks need a
  few compilations. Where the picture is too small for that it is the
  picture's own length. A larger rectangle lets the object's surroundings, too,
  change towards it.

  Args:
    mask: (H, W), positive where the source is wanted.
    tight: whether to leave the box as it is; this is OpenCV's rectangle and
      one pixel around it.

  Returns:
    Row and column of the first pixel, int32, and height and width.

  Raises:
    ValueError: the mask is empty, or the picture smaller than 3 x 3.
  """
  if min(mask.shape) < _SMALLEST:
    raise ValueError(
      f"a picture of {mask.shape[0]} x {mask.shape[1]} pixels has none inside "
      "its frame; Poisson blending needs 3 x 3"
    )
  origin, region = [], []
  for axis, length in enumerate(mask.shape):
    used = np.flatnonzero((mask > 0).any(1 - axis))
    if not len(used):
      raise ValueError("the mask is empty; there is nothing to blend")
    first, last = max(used[0] - 1, 0), min(used[-1] + 1, length - 1)
    count = max(last - first + 1, _SMALLEST)
    if not tight:
      # The frame's distance is what transforms are fast for.
      count = min(buckets.listed_length(count - 1) + 1, length)
    first -= (count - (last - first + 1)) // 2
    origin.append(min(max(first, 0), length - count))
    region.append(int(count))
  return np.asarray(origin, np.int32), tuple(region)


def _excess(source, destination, mask, axis, mode):
  """By how much wanted differences exceed the destination's."""
  s, d = _difference(source, axis), _difference(destination, axis)
  excess = s - d
  if mode == "mixed":
    excess = jnp.where(jnp.abs(s) > jnp.abs(d), excess, 0)
  length = mask.shape[axis]
  here = lax.slice_in_dim(mask, 0, length - 1, axis=axis)
  return excess * (here * lax.slice_in_dim(mask, 1, length, axis=axis))


def _difference(x, axis):
  length = x.shape[axis]
  after = lax.slice_in_dim(x, 1, length, axis=axis)
  return after - lax.slice_in_dim(x, 0, length - 1, axis=axis)


def _check(source, destination, mask, mode, region):
  if mode not in MODES:
    raise ValueError(f"unknown mode {mode!r}; choose from {', '.join(MODES)}")
  shape = destination.shape
  if len(shape) < 3 or not (
    source.shape == shape and mask.shape == (*shape[:-3], 1, *shape[-2:])
  ):
    raise ValueError(
      "source and destination must be planes (..., C, H, W) of one shape and "
      f"the mask (..., 1, H, W); found {source.shape}, {shape} and {mask.shape}"
    )
  if mode == "monochrome" and shape[-3] not in (1, 3):
    raise ValueError(
      f"monochrome takes 1 or 3 channels, red green blue; found {shape[-3]}"
    )
  height, width = region or shape[-2:]
  if not (_SMALLEST <= height <= shape[-2] and _SMALLEST <= width <= shape[-1]):
    raise ValueError(
      f"a region of {height} x {width} pixels does not fit; it must have at "
      f"least 3 x 3 and at most the picture's {shape[-2]} x {shape[-1]}"
    )
