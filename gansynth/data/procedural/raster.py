"""Painter's-algorithm rasteriser: polygons in metres to an id per pixel.

The picture is not coloured here. Each pixel gets the number of the primitive
it shows; labels, depth and both renderings are looked up from that number,
so they agree by construction.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from gansynth.data.procedural import noise

SKY_DEPTH = 1000.0  # metres; stands for infinity
FARTHEST = 400.0  # metres; nothing but the sky is farther away
SKY_LABEL = 23  # Cityscapes
NEAR = 0.4  # metres; polygons are cut at this distance from the camera
MAX_CORNERS = 8

# What a primitive is made of; the renderings decide what that looks like.
SKY, GROUND, PAINT, FACADE, FOLIAGE, ROOF, GLASS, LIGHT, SKIN = range(9)


@dataclasses.dataclass(frozen=True)
class Camera:
  """Pinhole camera that looks along +Z, with X to the right and Y up.

  A shifted principal point stands for pitch and yaw, so that vertical lines
  stay vertical, as in rectified driving footage.
  """

  height: float  # metres above the ground
  focal: float  # in units of the mean of picture height and width
  horizon: float  # row of the horizon, in picture heights
  centre: float  # column of the vanishing point, in picture widths

  def rays(self, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns X/Z of each column (1, W) and Y/Z of each row (H, 1)."""
    rows, columns = size
    focal = self.pixels(size)
    x = (np.arange(columns) + 0.5 - self.centre * columns) / focal
    y = (self.horizon * rows - np.arange(rows) - 0.5) / focal
    return x[None, :], y[:, None]

  def pixels(self, size: tuple[int, int]) -> float:
    """Returns the focal length in pixels."""
    return self.focal * 0.5 * (size[0] + size[1])


def _clip_near(points: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
  """Cuts a convex polygon at Z = NEAR."""
  kept = []
  previous = points[-1]
  for point in points:
    if (point[2] >= NEAR) != (previous[2] >= NEAR):
      share = (NEAR - previous[2]) / (point[2] - previous[2])
      kept.append(
        (
          previous[0] + share * (point[0] - previous[0]),
          previous[1] + share * (point[1] - previous[1]),
          NEAR,
        )
      )
    if point[2] >= NEAR:
      kept.append(tuple(point))
    previous = point
  return kept


class Primitives:
  """Collects primitives from far to near.

  Attributes (one entry per primitive, arrays after `finish`):
    corners: (N, 8, 3) metres, Y above the ground; short polygons repeat
      their last corner.
    albedo: (N, 3) in [0, 1].
    label, instance, material: integers.
    rough: raggedness of an ellipse's edge; < 0 for polygons.
    hole: inner radius of a ring, relative to the outer.
    detail: row of `details` with texture parameters, 0 for none.
  """

  def __init__(self):
    self._corners, self._rows = [], []
    self.details = [()]

  def polygon(
    self, points, albedo, label, instance=None, material=PAINT, detail=0
  ):
    """Adds a flat convex polygon of 3 to 8 corners (X, Y, Z)."""
    if min(point[2] for point in points) < NEAR:
      points = _clip_near(points)
      if len(points) < 3:
        return
    points = list(points)
    points += [points[-1]] * (MAX_CORNERS - len(points))
    self._corners.append(points)
    self._rows.append(
      (
        *albedo,
        label,
        label if instance is None else instance,
        material,
        -1.0,
        0.0,
        detail,
      )
    )

  def quad(self, x0, x1, y0, y1, z, *args, **kwargs):
    """Adds an upright rectangle that faces the camera."""
    self.polygon(
      ((x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)), *args, **kwargs
    )

  def ellipse(
    self,
    centre,
    radii,
    albedo,
    label,
    instance=None,
    material=PAINT,
    rough=0.0,
    hole=0.0,
  ):
    """Adds an upright ellipse that faces the camera at centre (X, Y, Z)."""
    x, y, z = centre
    if z < NEAR:
      return
    rx, ry = radii
    box = [
      (x - rx, y - ry, z),
      (x + rx, y - ry, z),
      (x + rx, y + ry, z),
      (x - rx, y + ry, z),
    ]
    self._corners.append(box + [box[-1]] * (MAX_CORNERS - 4))
    self._rows.append(
      (
        *albedo,
        label,
        label if instance is None else instance,
        material,
        rough,
        hole,
        0,
      )
    )

  def faces(self, corners, albedo, label, instance, material):
    """Adds many polygons: corners (F, 8, 3), albedo (F, 3), material (F,)."""
    self._corners.extend(corners.tolist())
    for colour, kind in zip(albedo.tolist(), material.tolist(), strict=True):
      self._rows.append((*colour, label, instance, kind, -1.0, 0.0, 0))

  def detail(self, *values: float) -> int:
    """Stores texture parameters and returns their row."""
    self.details.append(values)
    return len(self.details) - 1

  def finish(self):
    """Turns the lists into arrays."""
    table = np.array(self._rows, np.float64).reshape(-1, 9)
    self.corners = np.array(self._corners, np.float64).reshape(
      -1, MAX_CORNERS, 3
    )
    self.albedo = table[:, :3].astype(np.float32)
    self.label = table[:, 3].astype(np.uint8)
    self.instance = table[:, 4].astype(np.int32)
    self.material = table[:, 5].astype(np.uint8)
    self.rough, self.hole = table[:, 6], table[:, 7]
    self.detail_row = table[:, 8].astype(np.int32)
    width = max(len(row) for row in self.details)
    self.detail_table = np.array(
      [list(row) + [0.0] * (width - len(row)) for row in self.details],
      np.float32,
    )
    self.normal, self.offset = _planes(self.corners)
    return self


def _planes(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns unit normals (N, 3) and n . p (N,) of the polygons' planes."""
  # Newell's sum over the edges; safe for repeated corners.
  following = np.concatenate([corners[:, 1:], corners[:, :1]], 1)
  difference, total = corners - following, corners + following
  normal = np.empty((len(corners), 3))
  for axis in range(3):
    first, second = (axis + 1) % 3, (axis + 2) % 3
    product = difference[..., first] * total[..., second]
    normal[:, axis] = _sum_columns(product)
  squares = normal * normal
  length = np.sqrt(_sum_columns(squares))
  normal /= np.maximum(length, 1e-12)[:, None]
  return normal, _sum_columns(normal * corners[:, 0])


def _sum_columns(values: np.ndarray) -> np.ndarray:
  """Adds columns from left to right: the order never depends on the CPU."""
  total = values[:, 0].copy()
  for column in range(1, values.shape[1]):
    total += values[:, column]
  return total


def _project(corners: np.ndarray, camera: Camera, size: tuple[int, int]):
  """Returns picture columns and rows (N, 8) of the corners."""
  focal = camera.pixels(size)
  scale = focal / corners[..., 2]
  x = camera.centre * size[1] + corners[..., 0] * scale
  y = camera.horizon * size[0] + (camera.height - corners[..., 1]) * scale
  return x, y


def _spans(x: np.ndarray, y: np.ndarray, rows: int):
  """Returns per polygon its first row, and per row its left and right end.

  A pixel belongs to a polygon when its centre lies inside.
  """
  x1, y1 = np.roll(x, -1, 1), np.roll(y, -1, 1)
  top = np.ceil(np.clip(np.minimum(y, y1), -1.0, rows + 1.0) - 0.5)
  stop = np.ceil(np.clip(np.maximum(y, y1), -1.0, rows + 1.0) - 0.5)
  top = np.clip(top, 0, rows).astype(np.int64)
  stop = np.clip(stop, 0, rows).astype(np.int64)
  first, last = top.min(1), stop.max(1)
  heights = last - first
  start = np.concatenate([[0], np.cumsum(heights)])
  # One entry for every edge and row that it crosses.
  polygon, edge = np.nonzero(stop > top)
  low = top[polygon, edge]
  count = stop[polygon, edge] - low
  total = int(count.sum())
  within = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
  row = np.repeat(low, count) + within
  ax, ay = x[polygon, edge], y[polygon, edge]
  slope = (x1[polygon, edge] - ax) / (y1[polygon, edge] - ay)
  crossing = np.repeat(ax, count) + (row + 0.5 - np.repeat(ay, count)) * (
    np.repeat(slope, count)
  )
  entry = np.repeat(start[polygon] - first[polygon], count) + row
  left = np.full(start[-1], np.inf)
  right = np.full(start[-1], -np.inf)
  np.minimum.at(left, entry, crossing)
  np.maximum.at(right, entry, crossing)
  return first, start, left, right


def paint(
  primitives: Primitives, camera: Camera, size: tuple[int, int]
) -> np.ndarray:
  """Draws the primitives in their order.

  Returns:
    int32 (H, W): 1 + primitive number, 0 where there is none.
  """
  x, y = _project(primitives.corners, camera, size)
  rough = primitives.rough
  # Ellipses may reach into the ground, which hides that part.
  scale = camera.pixels(size) / primitives.corners[:, :1, 2]
  floor = camera.horizon * size[0] + camera.height * scale
  floor = np.where(rough[:, None] >= 0.0, floor, np.inf)
  rounds = rough.tolist()

  def inside(number, row, column, shape):
    if rounds[number] < 0.0:
      return None
    return _ellipse_mask(
      primitives, number, x[number], y[number], row, column, shape
    )

  return fill(x, np.minimum(y, floor), size, inside)


def fill(
  x: np.ndarray,
  y: np.ndarray,
  size: tuple[int, int],
  inside: Callable[..., np.ndarray | None] | None = None,
) -> np.ndarray:
  """Draws convex polygons over each other.

  Args:
    x: (N, 8) columns of the corners in pixels.
    y: (N, 8) rows of the corners in pixels.
    size: (H, W) of the picture.
    inside: if given, is called with (number, first row, first column, shape)
      of a polygon's window, and returns which of its pixels to draw, or None
      for the polygon itself.

  Returns:
    int32 (H, W): 1 + polygon number, 0 where there is none.
  """
  rows, columns = size
  canvas = np.zeros(size, np.int32)
  if not len(x):
    return canvas
  first, start, left, right = _spans(x, y, rows)
  left = np.ceil(np.clip(left, -1.0, columns + 1.0) - 0.5)
  right = np.ceil(np.clip(right, -1.0, columns + 1.0) - 0.5)
  left = np.clip(left, 0, columns).astype(np.int32)
  right = np.clip(right, 0, columns).astype(np.int32)
  heights = start[1:] - start[:-1]
  x0 = np.full(len(heights), columns)
  x1 = np.zeros(len(heights), np.int64)
  owner = np.repeat(np.arange(len(heights)), heights)
  np.minimum.at(x0, owner, left)
  np.maximum.at(x1, owner, right)
  visible = np.flatnonzero((heights > 0) & (x0 < x1))
  column = np.arange(columns, dtype=np.int32)
  first, begin, end = first.tolist(), x0.tolist(), x1.tolist()
  start = start.tolist()
  left, right = left[:, None], right[:, None]
  for number in visible.tolist():
    low, high, row = begin[number], end[number], first[number]
    a, b = start[number], start[number + 1]
    target = canvas[row : row + b - a, low:high]
    mask = inside(number, row, low, target.shape) if inside else None
    if mask is None:
      mask = column[low:high] >= left[a:b]
      mask &= column[low:high] < right[a:b]
    np.copyto(target, number + 1, where=mask)
  return canvas


def _ellipse_mask(primitives, number, x, y, row, column, shape):
  """Returns which pixels of the window lie in a (ragged) ellipse or ring."""
  rx, ry = 0.5 * (x[1] - x[0]), 0.5 * (y[0] - y[2])
  dx = (np.arange(shape[1]) + (column + 0.5 - x[0])) / rx - 1.0
  dy = (np.arange(shape[0]) + (row + 0.5 - y[2])) / ry - 1.0
  distance = (dx * dx)[None, :] + (dy * dy)[:, None]
  rough = primitives.rough[number]
  if rough > 0.0 and rx > 2.0:
    look_up = noise.sample if rx < 30.0 else noise.sample_smooth
    distance += rough * look_up(
      "leaves",
      (dx * 40.0 + 37.0 * number)[None, :],
      (dy * 40.0 + 91.0 * number)[:, None],
    )
  inside = distance < 1.0
  hole = primitives.hole[number]
  if hole > 0.0:
    inside &= distance > hole * hole
  return inside


def depth_of(
  primitives: Primitives,
  camera: Camera,
  canvas: np.ndarray,
) -> np.ndarray:
  """Returns float32 (H, W) depth along Z in metres.

  Where no primitive is, the ground plane lies below the horizon and the sky,
  `SKY_DEPTH` metres away, above it.
  """
  x, y = camera.rays(canvas.shape)
  offset = primitives.offset - camera.height * primitives.normal[:, 1]
  offset = np.where(np.abs(offset) < 1e-6, 1e-6, offset)
  coefficients = np.zeros((len(offset) + 1, 3))
  coefficients[1:] = primitives.normal / offset[:, None]
  z = primitives.corners[..., 2]
  nearest = np.concatenate([[NEAR], z.min(1)])
  farthest = np.concatenate([[FARTHEST], z.max(1)])
  coefficients = coefficients.astype(np.float32)
  # 1 / depth is linear over the picture for every plane.
  inverse = coefficients[:, 0].take(canvas) * x.astype(np.float32)
  inverse += coefficients[:, 1].take(canvas) * y.astype(np.float32)
  inverse += coefficients[:, 2].take(canvas)
  empty = canvas == 0
  ground = np.broadcast_to((-y / camera.height).astype(np.float32), empty.shape)
  np.copyto(inverse, ground, where=empty)
  np.maximum(
    inverse, (1.0 / farthest).astype(np.float32).take(canvas), out=inverse
  )
  np.minimum(
    inverse, (1.0 / nearest).astype(np.float32).take(canvas), out=inverse
  )
  depth = np.float32(1.0) / inverse
  depth[empty & (y >= 0.0)] = SKY_DEPTH
  return depth
