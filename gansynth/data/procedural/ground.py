"""The ground of a street scene: what each point is, and its markings."""

import dataclasses

import numpy as np

from gansynth.data.procedural import cityscapes, layout, noise

# Kinds of ground, and for each its label and colour.
ROAD, PARKING, VERGE, WALK, YARD, KERB = range(6)
LABELS = np.array(
  [
    cityscapes.ROAD,
    cityscapes.PARKING,
    cityscapes.TERRAIN,
    cityscapes.SIDEWALK,
    cityscapes.TERRAIN,
    cityscapes.SIDEWALK,
  ],
  np.uint8,
)
COLOURS = np.array(
  [
    (0.36, 0.36, 0.38),
    (0.46, 0.43, 0.42),
    (0.36, 0.56, 0.20),
    (0.68, 0.62, 0.56),
    (0.42, 0.58, 0.26),
    (0.82, 0.80, 0.76),
  ],
  np.float32,
)
MARK = np.array((0.95, 0.95, 0.92), np.float32)


@dataclasses.dataclass(frozen=True)
class Ground:
  """Ground pixels, n of them; all arrays are (n,) but for `colour` (3, n).

  Attributes:
    kind: ROAD ... KERB.
    colour: in [0, 1], with markings, before any light.
    x, z: place in metres.
    across: metres from the middle of the road.
    sharp: 1 where buildings take the sunlight, else 0.
    soft: the same with a wide penumbra.
    front: metres to the building line, negative behind it.
  """

  kind: np.ndarray
  colour: np.ndarray
  x: np.ndarray
  z: np.ndarray
  across: np.ndarray
  sharp: np.ndarray
  soft: np.ndarray
  front: np.ndarray


def _per_side(plan, name, right):
  """Returns a distance of `Side` for each pixel."""
  left_value, right_value = (getattr(side, name) for side in plan.sides)
  return np.where(right, np.float32(right_value), np.float32(left_value))


def _kinds(plan, away, right, z):
  """Classifies points `away` metres from the middle of the road."""
  kind = np.full(away.shape, YARD, np.uint8)
  road = np.float32(plan.sides[0].road)
  verge = _per_side(plan, "verge", right)
  walk = _per_side(plan, "walk", right)
  parking = _per_side(plan, "parking", right)
  paved = plan.sides[0].front <= plan.sides[0].walk
  kind[away < (walk + 30.0 if paved else walk)] = WALK
  kind[away < verge] = VERGE
  kind[away < parking + 0.18] = KERB
  kind[away < parking] = PARKING
  kind[away < road] = ROAD
  if plan.cross is not None:
    middle, half = plan.cross
    distance = np.abs(z - np.float32(middle))
    corner = (distance < half + 3.2) & (away >= road)
    kind[corner] = WALK
    kind[corner & (distance < half + 0.2)] = KERB
    kind[distance < half] = ROAD
  return kind


def _markings(plan, across, away, z, wide, deep):
  """Returns the painted share of each pixel; wide, deep: its size."""
  road = plan.sides[0].road
  period, duty = plan.dash
  dashes = noise.pulse(z / period, 0.0, duty, deep / period)
  if plan.lanes:
    # Two lanes each way: a double line between, dashes between lanes.
    paint = noise.coverage(away, 0.08, 0.22, wide)
    paint += noise.coverage(
      away, 0.5 * road - 0.07, 0.5 * road + 0.07, wide
    ) * (dashes)
  else:
    paint = noise.coverage(away, 0.0, 0.075, wide) * dashes
  paint += noise.coverage(away, road - 0.30, road - 0.16, wide)
  if plan.cross is not None:
    middle, half = plan.cross
    outside = np.abs(z - np.float32(middle)) > half + 0.6
    stop = middle - half - 1.2
    bands = ((stop - 2.8, stop), (middle + half + 1.2, middle + half + 4.0))
    stripes = noise.pulse(across, 0.0, 0.5, wide)
    stripes *= away < road - 0.35
    paint *= outside & ((z < stop - 2.9) | (z > middle + half + 4.1))
    for low, high in bands:
      paint += stripes * noise.coverage(z, low, high, deep)
    halt = noise.coverage(z, stop - 3.9, stop - 3.5, deep)
    paint += halt * ((across > 0.1) & (away < road - 0.35))
  return np.clip(paint, 0.0, 1.0)


def _repairs(plan, across, z):
  """Returns the brightness of the asphalt: new patches are darker."""
  cell_x, cell_z = across * np.float32(1 / 1.7), z * np.float32(1 / 4.3)
  column, row = np.floor(cell_x), np.floor(cell_z)
  scene = np.int64(1e6 * plan.cloud[2])
  chance = noise.cell_hash(column, row, scene)
  inside = (cell_x - column < 0.55) & (cell_z - row < 0.35 + 6.0 * chance)
  return np.where(inside & (chance < 0.05), np.float32(0.82), np.float32(1.0))


def _sunlight(plan, x, z, across, right):
  """Returns the share of sunlight that buildings take, sharp and soft."""
  sx, sy, sz = (np.float32(value) for value in plan.sun)
  side = plan.sides[1] if sx > 0 else plan.sides[0]
  if abs(sx) < 0.05:
    return np.zeros_like(x), np.zeros_like(x)
  wall = side.front if sx > 0 else -side.front
  reach = np.maximum((np.float32(wall) - across) / sx, 0.0)
  lot = np.searchsorted(side.starts, z + reach * sz, "right") - 1
  height = side.heights.astype(np.float32)[np.clip(lot, 0, None)]
  above = height - reach * sy
  sharp = (above > 0.0) & (reach > 0.0) & (height > 2.5)
  soft = np.clip(above * 0.45 + 0.5, 0.0, 1.0) * (height > 2.5)
  soft *= reach > 0.0
  return sharp.astype(np.float32), soft.astype(np.float32)


def survey(
  plan: layout.Layout, x: np.ndarray, z: np.ndarray, focal: float
) -> Ground:
  """Describes ground points.

  Args:
    plan: the scene.
    x: float32 (n,), metres to the right of the camera.
    z: float32 (n,), metres ahead of it.
    focal: focal length in pixels, for the size of a pixel on the ground.
  """
  across = x - np.float32(plan.offset) - np.float32(0.5 * plan.bend) * z * z
  away, right = np.abs(across), across > 0
  kind = _kinds(plan, away, right, z)
  colours = COLOURS.copy()
  asphalt, paving, grass = plan.tints
  colours[[ROAD, PARKING]] *= np.float32(asphalt)
  colours[[WALK, KERB]] *= np.float32(paving)
  colours[[VERGE, YARD]] *= np.float32(grass)
  wide = z * np.float32(1.0 / focal)
  deep = z * wide * np.float32(1.0 / plan.camera.height)
  on_road = np.flatnonzero(kind == ROAD)
  paint = _markings(
    plan,
    across[on_road],
    away[on_road],
    z[on_road],
    wide[on_road],
    deep[on_road],
  )
  repair = _repairs(plan, across[on_road], z[on_road])
  colour = np.empty((3, len(kind)), np.float32)
  for channel in range(3):
    plane = colours[:, channel].take(kind)
    road = plane[on_road] * repair
    plane[on_road] = road + (MARK[channel] - road) * paint
    colour[channel] = plane
  sharp, soft = _sunlight(plan, x, z, across, right)
  front = _per_side(plan, "front", right) - away
  return Ground(kind, colour, x, z, across, sharp, soft, front)
