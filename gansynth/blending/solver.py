"""Gaussian-Poisson blending of planes on one level, in closed form.

The blended picture y solves, for each channel,

  (A + color_weight K) y = b + color_weight x

where A is minus the Laplacian, K a small Gaussian, b minus the divergence of
the blended gradient fields (`fields.py`) and x the colour picture. All is
mirrored at the border, so that the cosine transform makes A and K diagonal:
one transform, one division, one inverse transform.

Reference: Wu et al., "GP-GAN: Towards Realistic High-Resolution Image
Blending", ACM MM 2019, section 3.3; Frankot and Chellappa, 1988.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax

from gansynth.blending import fields, indexing, transforms
from gansynth.blending.buckets import bucket, reach
from gansynth.blending.fields import BORDERS, KERNELS

__all__ = [
  "BORDERS",
  "KERNELS",
  "bucket",
  "eigenvalues",
  "gaussian_taps",
  "reach",
  "right_hand_side",
  "solve",
  "solve_system",
]

# What divides is kept this far from zero, as in the original.
_SMALLEST = 1e-12
_MOST_TAPS = 4096
# On a CPU up to so many planes are solved one after the other: what one takes
# stays in the caches, which saves a third of the time.
_PLANES_APART = 4


@functools.partial(jax.jit, static_argnames=("kernel", "border"))
def solve(
  source: jax.Array,
  destination: jax.Array,
  mask: jax.Array,
  color: jax.Array,
  *,
  color_weight: float | jax.Array = 1.0,
  sigma: float | jax.Array = 0.5,
  kernel: str = "normal",
  border: str = "zero",
  size: jax.Array | None = None,
) -> jax.Array:
  """Blends the source's gradients into the destination.

  Args:
    source: planes in [0, 1], (..., C, H, W), float32 or float64.
    destination: likewise.
    mask: (..., 1, H, W), 1 where the source's gradients are wanted.
    color: the picture whose colours are wanted, as `source`.
    color_weight: beta, of the colours against the gradients, positive. With 0
      the mean is not determined, and the result is rounding noise.
    sigma: of the Gaussian on the colours, in pixels. From 0.6 on the picture
      gets visibly brighter, as in the original.
    kernel: of the gradients, see `fields.gradients`.
    border: of the gradients, likewise.
    size: (2,) integers, true height and width of a picture in the top left
      corner of larger planes; see `buckets.py`. The result is 0 beyond.

  Returns:
    (..., C, H, W) in [0, 1].
  """
  _check_shapes(source, destination, mask, color)

  def together(source, destination, color):
    rhs = right_hand_side(
      source, destination, mask, color, color_weight, kernel, border, size
    )
    return jnp.clip(solve_system(rhs, color_weight, sigma, size), 0, 1)

  pictures = source, destination, color
  count = math.prod(source.shape[:-2])
  if jax.default_backend() != "cpu" or count > _PLANES_APART:
    return together(*pictures)
  planes = [
    together(*(x[..., c : c + 1, :, :] for x in pictures))
    for c in range(source.shape[-3])
  ]
  return jnp.concatenate(planes, -3)


def right_hand_side(
  source: jax.Array,
  destination: jax.Array,
  mask: jax.Array,
  color: jax.Array,
  color_weight: float | jax.Array = 1.0,
  kernel: str = "normal",
  border: str = "zero",
  size: jax.Array | None = None,
) -> jax.Array:
  """Returns b + color_weight x; arguments as of `solve`."""
  b = fields.negative_divergence(
    source, destination, mask, kernel, border, size
  )
  return b + color_weight * color


def solve_system(
  rhs: jax.Array,
  color_weight: float | jax.Array = 1.0,
  sigma: float | jax.Array = 0.5,
  size: jax.Array | None = None,
) -> jax.Array:
  """Solves (A + color_weight K) y = rhs; derivatives cost one more solve.

  Args:
    rhs: (..., H, W).
    color_weight: see `solve`.
    sigma: likewise.
    size: likewise.

  Returns:
    y, (..., H, W), not clipped, and 0 beyond `size`.
  """
  weight = jnp.asarray(color_weight, rhs.dtype)
  center, side = gaussian_taps(jnp.asarray(sigma, rhs.dtype))

  def operate(y):
    y = indexing.continued(y, size) if size is not None else y
    total, blurred = jnp.zeros((), y.dtype), y
    for axis in (-2, -1):
      total += 2 * y - _neighbours(y, axis)
      blurred = center * blurred + side * _neighbours(blurred, axis)
    whole = total + weight * blurred
    return whole if size is None else jnp.where(inside, whole, y)

  def divisor(rows, columns):
    _, _, divisor = _eigenvalues(rows, columns, weight, center, side)
    return divisor

  def invert(_, rhs):
    y = transforms.divide_cosine(rhs, divisor, size)
    return y if size is None else jnp.where(inside, y, 0)

  inside = None if size is None else indexing.inside(rhs, size)
  return lax.custom_linear_solve(operate, rhs, invert, symmetric=True)


def eigenvalues(
  height: int,
  width: int,
  color_weight: float | jax.Array = 1.0,
  sigma: float | jax.Array = 0.5,
  dtype: jnp.dtype = jnp.float32,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Returns those of A, of K and of the whole system, each (height, width)."""
  weight, sigma = jnp.asarray(color_weight, dtype), jnp.asarray(sigma, dtype)
  rows, columns = (
    jnp.asarray(transforms.laplacian_eigenvalues(length), dtype)
    for length in (height, width)
  )
  return _eigenvalues(
    rows[:, None], columns[None], weight, *gaussian_taps(sigma)
  )


def _eigenvalues(rows, columns, weight, center, side):
  laplacian = rows + columns
  total = center + 2 * side
  gaussian = (total - side * rows) * (total - side * columns)
  whole = laplacian + weight * gaussian
  smallest = jnp.where(whole < 0, -_SMALLEST, _SMALLEST).astype(whole.dtype)
  whole = jnp.where(jnp.abs(whole) < _SMALLEST, smallest, whole)
  return laplacian, gaussian, whole


def gaussian_taps(sigma: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Returns the Gaussian's weight in the middle, and one pixel beside.

  The weights are those of the Gaussian cut off at int(4 sigma + 0.5) pixels;
  the original keeps three of them and does not make up for the others.

  Args:
    sigma: in pixels, at most 1000.
  """
  distance = jnp.arange(_MOST_TAPS, dtype=sigma.dtype)
  radius = jnp.floor(4 * sigma + 0.5)
  # Where the weight is not wanted, the exponent must not be infinite.
  wide = jnp.where(radius < 1, jnp.ones_like(sigma), sigma)
  weights = jnp.exp(-0.5 * jnp.square(distance / wide))
  weights = jnp.where(distance <= radius, weights, 0)
  total = 2 * weights.sum() - 1
  return 1 / total, weights[1] / total


def _neighbours(y, axis):
  """The sum of those before and after, mirrored at the border."""
  length = y.shape[axis]
  first, last = (
    lax.slice_in_dim(y, i, i + 1, axis=axis) for i in (0, length - 1)
  )
  before = lax.slice_in_dim(y, 0, length - 1, axis=axis)
  after = lax.slice_in_dim(y, 1, length, axis=axis)
  return jnp.concatenate([first, before], axis) + jnp.concatenate(
    [after, last], axis
  )


def _check_shapes(source, destination, mask, color):
  shape = source.shape
  expected = (*shape[:-3], 1, *shape[-2:])
  if len(shape) < 3 or not (
    destination.shape == color.shape == shape and mask.shape == expected
  ):
    raise ValueError(
      "source, destination and color must be planes (..., C, H, W) of one "
      f"shape and the mask (..., 1, H, W); found {shape}, "
      f"{destination.shape}, {color.shape} and {mask.shape}"
    )
