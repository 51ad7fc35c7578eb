"""Random numbers and noise textures that are the same on every machine.

Everything starts from raw Philox output (integers, and doubles made from
them), and goes on with elementwise arithmetic only: no matrix products, no
sums over pictures, whose order would depend on the machine.
"""

import functools
import math

import numpy as np

TEXTURE_SIZE = 256  # side of the repeating noise textures; a power of two


def generator(seed: int, index: int, stream: int) -> np.random.Generator:
  """Returns the random generator of one purpose of one sample.

  Args:
    seed: seed of the whole data set, >= 0.
    index: sample number, >= 0.
    stream: purpose of the numbers, >= 0; streams are independent.
  """
  sequence = np.random.SeedSequence([seed, index, stream])
  return np.random.Generator(np.random.Philox(sequence))


@functools.cache
def _bells() -> np.ndarray:
  """Returns a million numbers of mean 0 and deviation 1, bell-shaped.

  The sum of three random bytes is used instead of `rng.normal`: it is exact
  integer arithmetic, hence the same for every NumPy release.
  """
  raw = np.frombuffer(generator(0, 3, 0).bytes(3 << 20), np.uint8)
  first, second, third = raw.reshape(3, -1).astype(np.int16)
  # 3 bytes: mean 3 * 127.5, variance 3 * (256^2 - 1) / 12.
  result = (first + second + third - np.float32(382.5)) / np.float32(127.999)
  result.flags.writeable = False
  return result


def bell(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
  """Returns bell-shaped noise of mean 0 and standard deviation 1 as float32.

  It is a stretch of one long table from a random place on: drawing fresh
  numbers would take longer than the rest of a rendering's finish.
  """
  table, count = _bells(), math.prod(shape)
  start = int(rng.integers(len(table)))
  parts = [table[start : start + count]]
  left = count - len(parts[0])
  while left > 0:
    parts.append(table[:left])
    left -= len(parts[-1])
  return np.concatenate(parts).reshape(shape)


def _stretch(grid: np.ndarray, size: int) -> np.ndarray:
  """Enlarges a repeating grid to size x size with smooth interpolation."""
  cells = grid.shape[0]
  position = np.arange(size) * (cells / size)
  low = position.astype(np.int64)
  fraction = position - low
  fraction = fraction * fraction * (3.0 - 2.0 * fraction)
  high = (low + 1) % cells
  rows = grid[low] * (1.0 - fraction)[:, None] + grid[high] * fraction[:, None]
  return rows[:, low] * (1.0 - fraction) + rows[:, high] * fraction


@functools.cache
def texture(name: str) -> np.ndarray:
  """Returns a repeating float32 noise texture in [0, 1], 256 x 256.

  Args:
    name: `clouds` (all scales), `leaves` (small and middle scales) or `grain`
      (pixel scale).
  """
  octaves = {
    "clouds": ((4, 0.50), (8, 0.27), (16, 0.13), (32, 0.07), (64, 0.03)),
    "leaves": ((32, 0.35), (64, 0.40), (128, 0.25)),
    "grain": ((64, 0.20), (128, 0.35), (256, 0.45)),
  }[name]
  rng = generator(0, len(octaves), octaves[0][0])
  total = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE))
  for cells, weight in octaves:
    total += weight * _stretch(rng.random((cells, cells)), TEXTURE_SIZE)
  low, high = total.min(), total.max()
  result = ((total - low) / (high - low)).astype(np.float32)
  result.flags.writeable = False
  return result


def sample(name: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
  """Looks a texture up at the nearest texel.

  Args:
    name: see `texture`.
    u: column position in texels, any range and shape.
    v: row position in texels, of a shape that broadcasts with u.

  Returns:
    float32 in [0, 1].
  """
  mask = TEXTURE_SIZE - 1
  columns = np.floor(u).astype(np.int32) & mask
  rows = np.floor(v).astype(np.int32) & mask
  return texture(name).ravel()[rows * TEXTURE_SIZE + columns]


def sample_smooth(name: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
  """Looks a texture up with bilinear interpolation; see `sample`."""
  mask = TEXTURE_SIZE - 1
  column, row = np.floor(u), np.floor(v)
  fu, fv = (u - column).astype(np.float32), (v - row).astype(np.float32)
  left = column.astype(np.int32) & mask
  top = row.astype(np.int32) & mask
  right, bottom = (left + 1) & mask, (top + 1) & mask
  flat = texture(name).ravel()
  top, bottom = top * TEXTURE_SIZE, bottom * TEXTURE_SIZE
  upper = flat[top + left]
  upper = upper + (flat[top + right] - upper) * fu
  lower = flat[bottom + left]
  lower = lower + (flat[bottom + right] - lower) * fu
  return upper + (lower - upper) * fv


def cell_hash(*keys: np.ndarray) -> np.ndarray:
  """Hashes integer coordinates to float32 in [0, 1)."""
  state = np.uint32(0x9E3779B9)
  for key in keys:
    mixed = np.asarray(key).astype(np.int64).astype(np.uint32)
    state = (state ^ mixed) * np.uint32(0x85EBCA6B)
    state = state ^ (state >> np.uint32(13))
  state = state * np.uint32(0xC2B2AE35)
  state = state ^ (state >> np.uint32(16))
  return (state >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def pulse(x: np.ndarray, low: float, high: float, width: np.ndarray):
  """Returns the share of a pixel that lies on a repeating stripe.

  The stripe covers [low, high) of every unit interval; the pixel covers
  [x - width / 2, x + width / 2]. Averaging exactly, instead of asking at the
  pixel's centre, keeps distant windows and lane dashes free of moire.
  """
  width = np.maximum(width, np.float32(1e-4))
  duty = high - low

  def integral(position):
    whole = np.floor(position)
    part = np.maximum(position - whole - low, np.float32(0.0))
    return whole * duty + np.minimum(part, duty)

  half = np.float32(0.5) * width
  return (integral(x + half) - integral(x - half)) / width


def coverage(x: np.ndarray, low, high, width: np.ndarray) -> np.ndarray:
  """Returns the share of a pixel at x, `width` wide, between low and high."""
  width = np.maximum(width, np.float32(1e-4))
  half = np.float32(0.5) * width
  inside = np.minimum(x + half, high) - np.maximum(x - half, low)
  return np.clip(inside / width, 0.0, 1.0)


def blur(
  image: np.ndarray, passes: int = 1, axes: tuple[int, ...] = (0, 1)
) -> np.ndarray:
  """Smooths along the axes with [1, 2, 1] / 4, `passes` times.

  What would come from beyond the border stays where it is.
  """
  image = image.copy()
  for _ in range(passes):
    for axis in axes:
      low = (slice(None),) * axis + (slice(None, -1),)
      high = (slice(None),) * axis + (slice(1, None),)
      step = image[high] - image[low]
      step *= np.float32(0.25)
      image[low] += step
      image[high] -= step
  return image


def shrink(full: np.ndarray, factor: int) -> np.ndarray:
  """Averages (..., H, W) over blocks of factor x factor (1 or 2) pixels."""
  if factor == 1:
    return full
  rows = full[..., ::2, :] + full[..., 1::2, :]
  return (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)
