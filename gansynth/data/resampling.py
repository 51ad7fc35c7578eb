"""The resize of GP-GAN's training pictures, number for number.

Bilinear, with an anti-aliasing blur before it where a side shrinks. Beyond
the border everything is 0. The blur keeps 8 bits: after the rows and again
after the columns what it made is truncated.
"""

import functools
import math

import numpy as np


def scaled_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
  """Returns (height, width) with a short side of `short_side`, rounded up.

  In floating point, as the original: a side may so become one larger.
  """
  ratio = short_side / min(size)
  height, width = (math.ceil(side * ratio) for side in size)
  return height, width


def resize(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Resizes a picture.

  Per axis with f = old / new: a Gaussian of sigma (f - 1) / 2 if that is
  positive, cut at 4 sigma; then two-tap interpolation at f (i + 0.5) - 0.5.
  Values are clipped to the range of the blurred picture, but an exact 0 stays.

  Args:
    picture: uint8 (height, width, channels).
    size: new (height, width).

  Returns:
    float64 (*size, channels) in [0, 255].
  """
  factors = [
    old / new for old, new in zip(picture.shape[:2], size, strict=True)
  ]
  # A side that grows looks beyond the border, and then the range counts,
  # which is that of all pixels and not only of those that are looked at.
  grows = min(factors) < 1
  taps = []
  for axis, (new, factor) in enumerate(zip(size, factors, strict=True)):
    old = picture.shape[axis]
    lower, weight = _taps(new, factor)
    if grows:
      positions = np.arange(old)
    else:
      positions = np.clip(np.concatenate([lower, lower + 1]), 0, old - 1)
      lower = np.arange(new)
    if factor > 1:
      picture = _blur(picture, axis, (factor - 1) / 2, positions)
    elif not grows:
      picture = np.take(picture, positions, axis)
    step = 1 if grows else new
    taps.append((lower, lower + step, weight))
  result = picture.astype(np.float64)
  for axis, (lower, upper, weight) in enumerate(taps):
    weight = weight.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    result = (1 - weight) * _take(result, lower, axis) + weight * _take(
      result, upper, axis
    )
  if not grows:
    return result
  least, most = float(picture.min()), float(picture.max())
  clipped = np.clip(result, least, most)
  if not least <= 0 <= most:
    clipped[result == 0] = 0
  return clipped


@functools.lru_cache(maxsize=256)
def _taps(new, factor):
  """The lower neighbour of each new pixel, and the weight of the upper."""
  at = factor * (np.arange(new) + 0.5) - 0.5
  lower = np.floor(at).astype(np.int64)
  return lower, at - lower


def _take(array, indices, axis):
  """Entries along an axis; what lies outside is 0."""
  length = array.shape[axis]
  inside = (indices >= 0) & (indices < length)
  taken = np.take(array, np.clip(indices, 0, length - 1), axis)
  if inside.all():
    return taken
  shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
  return taken * inside.reshape(shape)


def _blur(picture, axis, sigma, positions):
  """The blurred picture at some positions of one axis, truncated to uint8."""
  radius = int(4 * sigma + 0.5)
  offsets = np.arange(-radius, radius + 1)
  weights = np.exp(-0.5 / (sigma * sigma) * offsets**2)
  weights /= weights.sum()
  widths = [(0, 0)] * 3
  widths[axis] = (radius, radius)
  padded = np.pad(picture, widths).astype(np.float64)
  centre = positions + radius
  total = np.take(padded, centre, axis) * weights[radius]
  # From the outside in, as the original adds: flat areas are whole numbers
  # up to rounding, which decides what the truncation leaves.
  for distance in range(radius, 0, -1):
    pair = np.take(padded, centre - distance, axis)
    pair += np.take(padded, centre + distance, axis)
    pair *= weights[radius - distance]
    total += pair
  return total.astype(np.uint8)
