"""Resizing as the original of GP-GAN does it, with scikit-image 0.15.

An axis is resized in two linear steps: a Gaussian against aliasing where it
shrinks, and sampling at half-pixel centres. All that depends on the sizes alone
(which pixels, which weights) is computed once on the host in float64, so no
coordinate is ever rounded on the device, and comes as an argument: one
compiled program serves all sizes whose tables have the same shapes.

With `edge=False`, the original's rule, pixels outside the picture count as 0:
borders of whatever is resized become darker. `edge=True` repeats the border.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_MOST_SHIFTS = 65  # taps of a blur; above, it is a matrix product
_HIGHEST = lax.Precision.HIGHEST


@functools.partial(
  jax.tree_util.register_dataclass,
  data_fields=("blur", "inside", "index", "weights"),
  meta_fields=("dense",),
)
@dataclasses.dataclass(frozen=True)
class Axis:
  """How one axis is resized.

  Attributes:
    blur: (taps, input): weight of pixel i + t - taps // 2 in blurred pixel i,
      at [t, i]; one tap is no blur. Where `dense`, the matrix (input, input).
    inside: (input,) bool, which pixels of the canvas are the picture's.
    index: (k, output) int32, the pixels that a sample reads.
    weights: (k, output), their weights; 0 for samples beyond the picture.
    dense: see `blur`.
  """

  blur: Any
  inside: Any
  index: Any
  weights: Any
  dense: bool = False


def gaussian_radius(sigma: float) -> int:
  """Pixels on each side that a blur of standard deviation `sigma` reads."""
  return int(4 * sigma + 0.5)


def gaussian(sigma: float, radius: int | None = None) -> np.ndarray:
  """Weights of a Gaussian blur, float64, of sum 1.

  Args:
    sigma: standard deviation in pixels; 0 blurs nothing.
    radius: pixels on each side, the original's by default; more hold zeros.
  """
  own = gaussian_radius(sigma)
  radius = own if radius is None else radius
  offsets = np.arange(-own, own + 1)
  weights = np.exp(-0.5 * (offsets / sigma) ** 2) if own else np.ones(1)
  return np.pad(weights / weights.sum(), radius - own)


def aliasing_sigma(size: int, new_size: int) -> float:
  """Standard deviation of the blur that comes before shrinking an axis."""
  return max(0.0, (size / new_size - 1) / 2)


def _diagonals(kernel, size, edge):
  """A blur of `size` pixels as `Axis.blur`."""
  radius = len(kernel) // 2
  diagonals = np.zeros((len(kernel), size))
  pixels = np.arange(size)
  for t, weight in enumerate(kernel):
    read = pixels + t - radius
    if edge:
      read = np.clip(read, 0, size - 1)
    valid = (read >= 0) & (read < size)
    offsets = (read - pixels + radius)[valid]
    np.add.at(diagonals, (offsets, pixels[valid]), weight)
  return diagonals


def _compose(second, first):
  """The blur that is `first` and then `second`."""
  size = first.shape[1]
  radius = second.shape[0] // 2
  diagonals = np.zeros((second.shape[0] + first.shape[0] - 1, size))
  for t, weights in enumerate(second):
    low, high = max(0, radius - t), min(size, size + radius - t)
    for u, inner in enumerate(first):
      shifted = inner[low + t - radius : high + t - radius]
      diagonals[t + u, low:high] += weights[low:high] * shifted
  return diagonals


def _matrix(diagonals):
  """The (size, size) matrix of `Axis.blur`."""
  taps, size = diagonals.shape
  matrix = np.zeros((size, size))
  pixels = np.arange(size)
  for t in range(taps):
    read = pixels + t - taps // 2
    valid = (read >= 0) & (read < size)
    matrix[pixels[valid], read[valid]] = diagonals[t, valid]
  return matrix


def _samples(size, new_size, order, edge):
  """Pixels and weights (k, new_size) of the samples of an axis.

  Integers throughout: a sample lies at u = numerator / denominator.
  """
  centers = size * (2 * np.arange(new_size) + 1)
  denominator = 2 * new_size
  if order == 0:
    # Halves are rounded away from zero.
    index = (centers // denominator)[None]
    weights = np.ones((1, new_size))
  else:
    numerator = centers - new_size
    floor = numerator // denominator
    t = (numerator - floor * denominator) / denominator
    if order == 1:
      index = floor + np.arange(2)[:, None]
      weights = np.stack([1 - t, t])
    else:
      index = floor + np.arange(-1, 3)[:, None]
      weights = 0.5 * np.stack(
        [
          -t + 2 * t**2 - t**3,
          2 - 5 * t**2 + 3 * t**3,
          t + 4 * t**2 - 3 * t**3,
          -(t**2) + t**3,
        ]
      )
  if not edge:
    weights = np.where((index >= 0) & (index < size), weights, 0)
  return np.clip(index, 0, size - 1), weights


def _blur(size, new_size, smooth_sigma, edge, least_radius):
  sigma = aliasing_sigma(size, new_size)
  radius = max(gaussian_radius(sigma), least_radius)
  diagonals = _diagonals(gaussian(sigma, radius), size, edge)
  if smooth_sigma:
    smooth = _diagonals(gaussian(smooth_sigma), size, True)
    diagonals = _compose(diagonals, smooth)
  return diagonals


@functools.lru_cache(maxsize=512)
def axis(
  size: int,
  new_size: int,
  *,
  order: int = 3,
  smooth_sigma: float = 0.0,
  edge: bool = False,
  canvas: int | None = None,
  new_canvas: int | None = None,
  least_radius: int = 0,
  dtype: str = "float32",
) -> Axis:
  """Computes how one axis is resized.

  Args:
    size: pixels of the axis.
    new_size: pixels wanted.
    order: 0 nearest, 1 linear, 3 cubic (Keys' with a = -0.5).
    smooth_sigma: of a blur before all else, which always repeats the border.
    edge: whether pixels beyond the border repeat it rather than being 0.
    canvas: length of the array, whose first `size` pixels count.
    new_canvas: length of the result, whose first `new_size` pixels count and
      whose others are 0.
    least_radius: of the table against aliasing, so that sizes near each other
      get tables of one shape.
    dtype: of the weights.
  """
  if order not in (0, 1, 3):
    raise ValueError(f"order is {order}; expected 0, 1 or 3")
  canvas, new_canvas = canvas or size, new_canvas or new_size
  blur = _blur(size, new_size, smooth_sigma, edge, least_radius)
  blur = np.pad(blur, ((0, 0), (0, canvas - size)))
  dense = blur.shape[0] > _MOST_SHIFTS
  index, weights = _samples(size, new_size, order, edge)
  beyond = ((0, 0), (0, new_canvas - new_size))
  return Axis(
    blur=(_matrix(blur) if dense else blur).astype(dtype),
    inside=np.arange(canvas) < size,
    index=np.pad(index, beyond).astype(np.int32),
    weights=np.pad(weights, beyond).astype(dtype),
    dense=dense,
  )


@functools.lru_cache(maxsize=512)
def axis_matrix(
  size: int,
  new_size: int,
  *,
  order: int = 0,
  edge: bool = False,
  canvas: int | None = None,
  dtype: str = "float32",
) -> np.ndarray:
  """The same as one matrix (new_size, canvas): blur and sampling in one.

  For single planes, and for shrinking by large factors, where a blur reads
  many pixels and few samples of it are wanted. Arguments as of `axis`.
  """
  diagonals = _blur(size, new_size, 0.0, edge, 0)
  index, weights = _samples(size, new_size, order, edge)
  matrix = np.zeros((new_size, canvas or size))
  rows = np.arange(new_size)
  radius = diagonals.shape[0] // 2
  for read, weight in zip(index, weights, strict=True):
    for t, diagonal in enumerate(diagonals):
      column = read + t - radius
      valid = (column >= 0) & (column < size)
      np.add.at(
        matrix, (rows[valid], column[valid]), (weight * diagonal[read])[valid]
      )
  return matrix.astype(dtype)


def resize(
  planes: jax.Array, rows: Axis, columns: Axis, *, clip: bool = True
) -> jax.Array:
  """Resizes planes.

  Args:
    planes: (..., channels, height, width), floating point. Clipping takes the
      channels together, and other leading axes apart.
    rows: of `axis`, for the height.
    columns: the same for the width.
    clip: whether to clip to the range of the blurred planes, as the original
      does for orders above 0. Samples that are exactly 0 stay 0.

  Returns:
    (..., channels, new height, new width).
  """
  blurred = _blur_rows(planes, rows)
  y = _sample(blurred, rows, -2)
  y = _sample(_blur_columns(y, columns), columns, -1)
  if not clip:
    return y
  # The only use of the whole blurred picture; it is never stored.
  whole = _blur_columns(blurred, columns)
  inside = rows.inside[:, None] & columns.inside[None]
  inside = inside.reshape((1,) * (whole.ndim - 2) + inside.shape)
  over = {"axis": (-3, -2, -1), "keepdims": True}
  low = jnp.min(whole, where=inside, initial=jnp.inf, **over)
  high = jnp.max(whole, where=inside, initial=-jnp.inf, **over)
  stays = (y == 0) & ((low > 0) | (high < 0))
  return jnp.where(stays, y, jnp.clip(y, low, high))


def smooth(planes: jax.Array, sigma: float) -> jax.Array:
  """Blurs planes (..., height, width) with a Gaussian, borders repeated."""
  height, width = planes.shape[-2:]
  options = {"smooth_sigma": sigma, "dtype": planes.dtype.name}
  rows = axis(height, height, **options)
  columns = axis(width, width, **options)
  return _blur_columns(_blur_rows(planes, rows), columns)


def _blur_rows(x, rows):
  taps, size = rows.blur.shape
  if rows.dense:
    return jnp.matmul(rows.blur, x, precision=_HIGHEST)
  if taps == 1:
    return x
  x = _pad(x, taps // 2, -2)
  y = sum(
    _along(rows.blur[t], x.ndim, -2) * x[..., t : t + size, :]
    for t in range(taps)
  )
  return lax.optimization_barrier(y)


def _blur_columns(x, columns):
  taps, size = columns.blur.shape
  if columns.dense:
    return jnp.matmul(x, columns.blur.T, precision=_HIGHEST)
  if taps == 1:
    return x
  x = _pad(x, taps // 2, -1)
  return sum(
    _along(columns.blur[t], x.ndim, -1) * x[..., t : t + size]
    for t in range(taps)
  )


def _sample(x, table, axis):
  samples = (jnp.take(x, index, axis, mode="clip") for index in table.index)
  return sum(
    _along(weights, x.ndim, axis) * read
    for weights, read in zip(table.weights, samples, strict=True)
  )


def _pad(x, width, axis):
  padding = [(0, 0)] * x.ndim
  padding[axis] = (width, width)
  # Otherwise XLA asks at every tap whether it lies in the padding.
  return lax.optimization_barrier(jnp.pad(x, padding))


def _along(vector, ndim, axis):
  """Gives a vector `ndim` axes, its own at `axis`."""
  shape = [1] * ndim
  shape[axis] = -1
  return vector.reshape(shape)
