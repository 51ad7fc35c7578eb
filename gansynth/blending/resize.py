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
_BLOCK = 128  # pixels that a block of `Bands` reads, beside its margins
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
    inside: (input,) bool, which pixels of the canvas are the picture's; None
      where all are.
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
    inside=np.arange(canvas) < size if canvas > size else None,
    index=np.pad(index, beyond).astype(np.int32),
    weights=np.pad(weights, beyond).astype(dtype),
    dense=dense,
  )


@functools.partial(
  jax.tree_util.register_dataclass,
  data_fields=("starts", "weights"),
  meta_fields=(),
)
@dataclasses.dataclass(frozen=True)
class Bands:
  """The matrix of blur and sampling along an axis, as blocks on its diagonal.

  Attributes:
    starts: (blocks,) int32, the first pixel that a block reads.
    weights: (blocks, samples, pixels), of the pixels from there on.
  """

  starts: Any
  weights: Any


@functools.lru_cache(maxsize=512)
def bands(
  size: int,
  new_size: int,
  *,
  order: int = 0,
  edge: bool = False,
  canvas: int | None = None,
  dtype: str = "float32",
) -> Bands:
  """Computes how one axis is resized without clipping.

  For shrinking by large factors, where a blur reads many pixels and few
  samples of it are wanted. Arguments as of `axis`.
  """
  canvas = canvas or size
  diagonals = _blur(size, new_size, 0.0, edge, 0)
  index, weights = _samples(size, new_size, order, edge)
  matrix = np.zeros((new_size, canvas))
  rows = np.arange(new_size)
  radius = diagonals.shape[0] // 2
  for read, weight in zip(index, weights, strict=True):
    for t, diagonal in enumerate(diagonals):
      column = read + t - radius
      valid = (column >= 0) & (column < size)
      np.add.at(
        matrix, (rows[valid], column[valid]), (weight * diagonal[read])[valid]
      )
  # Counted from the canvas, so that sizes in it have tables of one shape.
  factor = canvas / new_size
  reach = gaussian_radius(aliasing_sigma(canvas, new_size)) + order // 2 + 2
  samples = np.gcd(new_size, max(8, 2 ** int(np.log2(_BLOCK / factor))))
  length = min(canvas, int(np.ceil(samples * factor)) + 2 * reach)
  firsts = rows[::samples]
  starts = np.floor(firsts * size / new_size).astype(np.int32) - reach
  starts = np.clip(starts, 0, canvas - length)
  blocks = [
    matrix[first : first + samples, start : start + length]
    for first, start in zip(firsts, starts, strict=True)
  ]
  return Bands(starts, np.stack(blocks).astype(dtype))


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
  y, low, high = _by_plane(_resize_planes, planes, rows, columns)
  if not clip:
    return y
  low = low.min(axis=-1)[..., None, None, None]
  high = high.max(axis=-1)[..., None, None, None]
  stays = (y == 0) & ((low > 0) | (high < 0))
  return jnp.where(stays, y, jnp.clip(y, low, high))


def resize_bands(planes: jax.Array, rows: Bands, columns: Bands) -> jax.Array:
  """Resizes planes (..., height, width) without clipping."""
  y = _by_plane(_apply_bands, planes, rows)
  return _by_plane(_apply_bands, y.swapaxes(-1, -2), columns).swapaxes(-1, -2)


def smooth(planes: jax.Array, sigma: float) -> jax.Array:
  """Blurs planes (..., height, width) with a Gaussian, borders repeated."""
  height, width = planes.shape[-2:]
  options = {"smooth_sigma": sigma, "dtype": planes.dtype.name}
  rows = axis(height, height, **options)
  columns = axis(width, width, **options)
  return _by_plane(_blur_planes, planes, rows, columns)


def _by_plane(function, planes, *tables):
  """Applies a function of (map, (planes, height, width), *tables)."""
  leading = planes.shape[:-2]
  flat = planes.reshape(-1, *planes.shape[-2:])
  result = lax.platform_dependent(
    flat,
    *tables,
    cpu=functools.partial(function, lax.map),
    default=functools.partial(function, lambda f, x: jax.vmap(f)(x)),
  )
  return jax.tree.map(lambda x: x.reshape(*leading, *x.shape[1:]), result)


# On a CPU a loop over the planes at each stage. What a loop gives is stored:
# otherwise XLA merges the stages, and computes a blurred pixel again for every
# sample that reads it, ten times the work. The memory in use is less, too.


def _resize_planes(mapped, planes, rows, columns):
  """Returns the resized planes, and the range of each blurred one."""
  planes = mapped(lambda x: _blur_rows(x, rows), planes)

  def finish(x):
    x = _blur_columns(x, columns)
    return _sample_rows(x, rows), *_range(x, rows, columns)

  planes, low, high = mapped(finish, planes)
  return mapped(lambda x: _sample_columns(x, columns), planes), low, high


def _range(x, rows, columns):
  """The smallest and largest value that lies in the picture."""
  if rows.inside is None and columns.inside is None:
    return x.min(), x.max()  # Twice as fast.
  inside = jnp.ones(x.shape, bool)
  if rows.inside is not None:
    inside &= rows.inside[:, None]
  if columns.inside is not None:
    inside &= columns.inside[None]
  low = jnp.min(x, where=inside, initial=jnp.inf)
  return low, jnp.max(x, where=inside, initial=-jnp.inf)


def _blur_planes(mapped, planes, rows, columns):
  planes = mapped(lambda x: _blur_rows(x, rows), planes)
  return mapped(lambda x: _blur_columns(x, columns), planes)


def _apply_bands(mapped, planes, bands):
  length = bands.weights.shape[-1]

  def apply(x):
    def block(arguments):
      start, weights = arguments
      read = lax.dynamic_slice_in_dim(x, start, length, 0)
      return jnp.matmul(weights, read, precision=_HIGHEST)

    blocks = mapped(block, (bands.starts, bands.weights))
    return blocks.reshape(-1, x.shape[1])

  return mapped(apply, planes)


def _blur_rows(x, rows):
  taps, size = rows.blur.shape
  if rows.dense:
    return jnp.matmul(rows.blur, x, precision=_HIGHEST)
  if taps == 1:
    return x
  x = jnp.pad(x, ((taps // 2,) * 2, (0, 0)))
  return sum(rows.blur[t][:, None] * x[t : t + size] for t in range(taps))


def _blur_columns(x, columns):
  taps, size = columns.blur.shape
  if columns.dense:
    return jnp.matmul(x, columns.blur.T, precision=_HIGHEST)
  if taps == 1:
    return x
  x = jnp.pad(x, ((0, 0), (taps // 2,) * 2))
  return sum(columns.blur[t][None] * x[:, t : t + size] for t in range(taps))


def _sample_rows(x, rows):
  return sum(
    weights[:, None] * jnp.take(x, index, axis=0, mode="clip")
    for index, weights in zip(rows.index, rows.weights, strict=True)
  )


def _sample_columns(x, columns):
  return sum(
    weights[None] * jnp.take(x, index, axis=1, mode="clip")
    for index, weights in zip(columns.index, columns.weights, strict=True)
  )
