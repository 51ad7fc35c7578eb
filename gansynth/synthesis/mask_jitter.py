"""Label maps changed as Geoseg-GAN does before it draws a picture of them.

Bit for bit, for data sets that were made with it: NumPy's legacy generator in
its order, a dilation whose boxes of even side lean to the right and down, an
erosion that takes nothing away though its size is drawn. `mask_changes` has
none of these.
"""

import dataclasses
import functools
import math

import numpy as np

_BLOCK = 1 << 15  # numbers filtered at a time, so that they stay in the cache


@dataclasses.dataclass(frozen=True)
class Jitter:
  """Ranges of the original's changes.

  Attributes:
    max_dilate: largest side of the box that a label grows by, in pixels.
    max_erode: the same of the erosion, which changes nothing.
    elastic_alpha: pixels that one unit of smoothed noise displaces by.
    elastic_sigma: of the Gaussian that smooths the noise, in pixels.
  """

  max_dilate: int = 2
  max_erode: int = 2
  elastic_alpha: float = 15.0
  elastic_sigma: float = 3.0

  def __post_init__(self):
    for name in ("max_dilate", "max_erode"):
      if getattr(self, name) < 0:
        raise ValueError(
          f"{name} is {getattr(self, name)}; expected 0 or more pixels"
        )
    check_elastic(self.elastic_alpha, self.elastic_sigma)


@dataclasses.dataclass(frozen=True, eq=False)
class Draws:
  """What the generator gave for one label map.

  Attributes:
    dilate: side of the box of each label that is there, ascending; 0: none.
    erode: the same of the erosion, which changes nothing.
    noise_x: float64 (height, width) in [0, 1), for the columns.
    noise_y: the same for the rows.
  """

  dilate: dict[int, int]
  erode: dict[int, int]
  noise_x: np.ndarray
  noise_y: np.ndarray


def original(
  labels: np.ndarray, jitter: Jitter, rng: np.random.RandomState
) -> np.ndarray:
  """Changes a label map: grown labels, then an elastic displacement.

  Args:
    labels: integers (height, width), 0 to 65535.
    jitter: the ranges.
    rng: which is advanced, as `draws_only` does.

  Returns:
    A new label map of the same shape and type.

  Raises:
    ValueError: these are no such labels.
  """
  drawn = draw(labels, jitter, rng)
  grown = dilate(labels, drawn.dilate)
  alpha, sigma = jitter.elastic_alpha, jitter.elastic_sigma
  dx = displacement(drawn.noise_x, alpha, sigma)
  dy = displacement(drawn.noise_y, alpha, sigma)
  return displace(grown, dx, dy)


def draw(
  labels: np.ndarray, jitter: Jitter, rng: np.random.RandomState
) -> Draws:
  """Draws all that `original` does, in its order."""
  dilated, eroded = _draw_sizes(labels, jitter, rng)
  noise_x = rng.random_sample(labels.shape)
  return Draws(dilated, eroded, noise_x, rng.random_sample(labels.shape))


def draws_only(
  labels: np.ndarray, jitter: Jitter, rng: np.random.RandomState
) -> None:
  """Advances the generator as `original` does for these labels."""
  _draw_sizes(labels, jitter, rng)
  rng.random_sample(2 * labels.size)


def dilate(labels: np.ndarray, sizes: dict[int, int]) -> np.ndarray:
  """Grows labels by boxes, each over what the ones before it left.

  Args:
    labels: integers (height, width).
    sizes: side of each label's box, in the order in which they grow. With a
      side of 2 a pixel takes the label of its left, upper or upper left
      neighbour; 0 and 1 change nothing.
  """
  labels = labels.copy()
  for label, size in sizes.items():
    if size > 1:
      # OpenCV's anchor of a box is at half its side, rounded down.
      reach = (size // 2, size - 1 - size // 2)
      labels[box_any(labels == label, reach, reach)] = label
  return labels


def box_any(
  mask: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]
) -> np.ndarray:
  """Whether a mask is set in a box around each pixel; beyond its border not.

  Args:
    mask: bool (height, width).
    rows: how many pixels the box reaches up and down, 0 or more.
    columns: to the left and to the right.
  """
  for axis, (before, after) in enumerate((rows, columns)):
    grown = mask.copy()
    target, source = (np.swapaxes(a, 0, axis) for a in (grown, mask))
    for distance in range(1, min(before, len(source) - 1) + 1):
      target[distance:] |= source[:-distance]
    for distance in range(1, min(after, len(source) - 1) + 1):
      target[:-distance] |= source[distance:]
    mask = grown
  return mask


def displacement(noise: np.ndarray, alpha: float, sigma: float) -> np.ndarray:
  """Turns noise into a smooth displacement.

  Args:
    noise: float64 (height, width), uniform in [0, 1).
    alpha: see `Jitter`.
    sigma: see `Jitter`.

  Returns:
    float64 (height, width) in pixels; for 15 and 3 its standard deviation is
    about 0.8.
  """
  taps = gaussian_taps(sigma)
  smooth = _filter(2 * noise - 1, taps, axis=1)
  smooth = _filter(smooth, taps, axis=0)
  smooth *= alpha
  return smooth


def displace(labels: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
  """Looks labels up at displaced pixels, nearest.

  Args:
    labels: (height, width).
    dx: float64 (height, width), columns to the right in pixels.
    dy: rows down.
  """
  rows, columns = labels.shape
  x = (np.arange(columns) + dx).astype(np.float32)
  y = (np.arange(rows)[:, None] + dy).astype(np.float32)
  return sample(labels, x, y)


def sample(labels: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
  """Looks labels up, nearest; halves go to the even pixel.

  Args:
    labels: (height, width); the picture goes on mirrored beyond its border,
      which is repeated.
    x: columns in pixels, of any range and shape.
    y: rows, of the same shape.
  """
  rows, columns = labels.shape
  index = _reflect(y, rows)
  index *= columns
  index += _reflect(x, columns)
  return labels.ravel().take(index)


@functools.cache
def gaussian_taps(sigma: float) -> np.ndarray:
  """Weights at 0, 1, ... pixels from the centre, as OpenCV chooses them.

  All of them, both sides counted, add up to 1. There are as many as lie within
  4 sigma.
  """
  radius = (round(8 * sigma + 1) | 1) // 2
  weights = np.exp(-0.5 / (sigma * sigma) * np.arange(radius + 1.0) ** 2)
  weights /= weights[0] + 2 * weights[1:].sum()
  weights.flags.writeable = False
  return weights


def check_elastic(alpha: float, sigma: float) -> None:
  """Raises ValueError where a displacement cannot be made of these."""
  if not (math.isfinite(alpha) and alpha >= 0):
    raise ValueError(f"elastic_alpha is {alpha}; expected 0 or more pixels")
  if not (math.isfinite(sigma) and sigma > 0):
    raise ValueError(f"elastic_sigma is {sigma}; expected pixels above 0")


def check_labels(labels: np.ndarray) -> None:
  """Raises ValueError where this is no label map."""
  if labels.ndim != 2 or not labels.size or labels.dtype.kind not in "iu":
    raise ValueError(
      f"labels are {labels.dtype} of shape {labels.shape}; expected integers "
      "(height, width)"
    )
  if labels.dtype.itemsize > 1 or labels.dtype.kind == "i":
    least, most = labels.min(), labels.max()
    if least < 0 or most > 65535:
      raise ValueError(f"labels are {least} to {most}; expected 0 to 65535")


def _draw_sizes(labels, jitter, rng):
  """The sides of both boxes, by label."""
  check_labels(labels)
  dilated, eroded = {}, {}
  for label in np.flatnonzero(np.bincount(labels.ravel())).tolist():
    dilated[label] = int(rng.randint(0, jitter.max_dilate + 1))
    eroded[label] = int(rng.randint(0, jitter.max_erode + 1))
  return dilated, eroded


def _filter(values, taps, axis):
  """A symmetric filter; the border is a mirror and not repeated."""
  radius = len(taps) - 1
  widths = [(0, 0), (0, 0)]
  widths[axis] = (radius, radius)
  padded = np.pad(values, widths, mode="reflect")
  rows, columns = values.shape
  offsets = range(2 * radius + 1)
  step = max(1, _BLOCK // columns)
  result = np.empty_like(values)
  pair = np.empty((min(step, rows), columns))
  for top in range(0, rows, step):
    total = result[top : top + step]
    part, count = pair[: len(total)], len(total)
    if axis == 0:
      views = [padded[top + k : top + k + count] for k in offsets]
    else:
      views = [padded[top : top + count, k : k + columns] for k in offsets]
    np.multiply(views[radius], taps[0], out=total)
    for distance in range(1, radius + 1):
      np.add(views[radius - distance], views[radius + distance], out=part)
      part *= taps[distance]
      total += part
  return result


def _reflect(position, length):
  """The pixel that a position shows, int64."""
  index = np.rint(position).astype(np.int64)
  if index.min() < -length or index.max() >= 2 * length:
    index %= 2 * length
  # ~i is -1 - i: what is as far behind the border as i is before it.
  np.copyto(index, ~index, where=index < 0)
  np.copyto(index, 2 * length - 1 - index, where=index >= length)
  return index
