"""Local solving: the finest level only around the mask.

What a solve changes far from the mask is the colour picture's pull alone. A
window around the mask gives, next to the mask, what the whole picture would
give, because changes at its border are damped with the distance. Outside the
window the scene stays as it is, byte for byte, and over the outer half of the
margin the result fades into it.

Levels below the finest are small, and solved whole.
"""

import dataclasses
import math

import numpy as np

from gansynth.blending import buckets, pyramid

_LEAST_MARGIN = 64  # pixels; half of it fades, which no eye sees as a seam
_TOLERANCE = 1 / 512  # half a grey level


@dataclasses.dataclass(frozen=True)
class Window:
  """A rectangle of a picture.

  Attributes:
    origin: row and column of its first pixel.
    shape: height and width.
    size: the part of it that lies in the picture and not in the canvas only.
    weights: (*size) float32 in (0, 1], of the result against the scene.
  """

  origin: tuple[int, int]
  shape: tuple[int, int]
  size: tuple[int, int]
  weights: np.ndarray


def default_margin(color_weight: float = 1.0, sigma: float = 0.5) -> int:
  """Pixels between a mask and its window's border.

  Twice what damps changes below half a grey level, and at least 64; the
  damping is a bound for whatever lies beyond the window, see
  `buckets.reach`. On the sample pictures (472 x 631) the largest difference to
  the whole solve where nothing fades is under 0.01 grey levels.
  """
  reach = buckets.reach(color_weight, sigma, _TOLERANCE)
  if math.isinf(reach):
    return 2**20  # the whole of any picture
  return max(_LEAST_MARGIN, 2 * int(reach))


def choose(
  box: tuple[int, int, int, int],
  size: tuple[int, int],
  canvas: tuple[int, int],
  margin: int,
) -> Window | None:
  """Chooses the window of a mask.

  Args:
    box: rows first..last + 1 and columns first..last + 1 of the mask.
    size: (height, width) of the picture.
    canvas: (height, width) of the array in whose top left it lies.
    margin: pixels around the box, at least; lengths are taken from a short
      list, so that thousands of masks need few compilations.

  Returns:
    The window, or None where it would be the whole canvas.
  """
  origin, shape = [], []
  for first, last, length in zip(box[::2], box[1::2], canvas, strict=True):
    wanted = last - first + 2 * margin
    count = min(buckets.listed_length(wanted), length)
    start = first - margin - (count - wanted) // 2
    origin.append(int(min(max(start, 0), length - count)))
    shape.append(int(count))
  if tuple(shape) == tuple(canvas):
    return None
  inside = [
    min(count, length - start)
    for start, count, length in zip(origin, shape, size, strict=True)
  ]
  rows, columns = (
    _fade(start, count, length, margin // 2)
    for start, count, length in zip(origin, inside, size, strict=True)
  )
  weights = rows[:, None] * columns
  return Window(tuple(origin), tuple(shape), tuple(inside), weights)


def _fade(start, count, length, width):
  """Weights of one axis: rising from a border that is not the picture's."""
  pixels = np.arange(count)
  distance = np.full(count, np.inf)
  if start > 0:
    distance = np.minimum(distance, pixels)
  if start + count < length:
    distance = np.minimum(distance, count - 1 - pixels)
  return np.minimum(1, (distance + 1) / (width + 1)).astype(np.float32)


def cut(plan: pyramid.Plan, window: Window) -> pyramid.Plan:
  """Restricts the finest level of a plan to a window."""
  tables = []
  for table, start, count in zip(
    plan.up[-1], window.origin, window.shape, strict=True
  ):
    part = np.s_[:, start : start + count]
    tables.append(
      dataclasses.replace(
        table, index=table.index[part], weights=table.weights[part]
      )
    )
  return dataclasses.replace(
    plan,
    up=(*plan.up[:-1], tuple(tables)),
    origin=np.asarray(window.origin, np.int32),
    window=window.shape,
  )


def merge(
  target: np.ndarray, picture: np.ndarray, window: Window
) -> np.ndarray:
  """Fades a window's result into the scene.

  Args:
    target: uint8 (height, width, 3).
    picture: uint8 (*window.shape, 3).
    window: of `choose`.

  Returns:
    uint8 (height, width, 3), a copy.
  """
  (top, left), (height, width) = window.origin, window.size
  merged = target.copy()
  place = merged[top : top + height, left : left + width]
  scene = place.astype(np.float32)
  difference = picture[:height, :width] - scene
  place[:] = np.rint(scene + window.weights[..., None] * difference)
  return merged
