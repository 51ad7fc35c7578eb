"""Cars, vans, buses and trucks as boxes of flat faces, in metres."""

import dataclasses
import functools

import numpy as np

from gansynth.data.procedural import cityscapes, raster

# Corners of a round thing.
OCTAGON = (
  (1.0, 0.0),
  (0.7071, 0.7071),
  (0.0, 1.0),
  (-0.7071, 0.7071),
  (-1.0, 0.0),
  (-0.7071, -0.7071),
  (0.0, -1.0),
  (0.7071, -0.7071),
)

# What a face is painted with; PAINT_SLOT takes the vehicle's own colour.
PAINT_SLOT, GLASS_SLOT, TYRE, HUB, TRIM, HEAD, TAIL, PLATE, CARGO = range(9)
_SLOT_COLOURS = np.array(
  [
    (0.0, 0.0, 0.0),
    (0.13, 0.17, 0.21),
    (0.06, 0.06, 0.07),
    (0.55, 0.56, 0.58),
    (0.12, 0.12, 0.13),
    (0.95, 0.94, 0.85),
    (0.75, 0.08, 0.06),
    (0.92, 0.92, 0.88),
    (0.0, 0.0, 0.0),
  ]
)
_SLOT_MATERIALS = np.array(
  [
    raster.PAINT,
    raster.GLASS,
    raster.PAINT,
    raster.PAINT,
    raster.PAINT,
    raster.LIGHT,
    raster.LIGHT,
    raster.PAINT,
    raster.PAINT,
  ]
)

# Vehicles farther away than this many metres go without their small parts.
_PLAIN = 45.0
_SMALL = np.isin(np.arange(9), (HUB, TRIM, PLATE))

# Paint colours in the order of how common they are.
PAINTS = (
  (0.80, 0.81, 0.82),
  (0.10, 0.10, 0.12),
  (0.45, 0.47, 0.50),
  (0.70, 0.10, 0.10),
  (0.12, 0.25, 0.58),
  (0.92, 0.92, 0.90),
  (0.15, 0.38, 0.26),
  (0.85, 0.62, 0.12),
  (0.30, 0.16, 0.12),
  (0.25, 0.55, 0.70),
)


@dataclasses.dataclass(frozen=True)
class Shape:
  """A vehicle at the origin, heading for +Z, with its paint slots.

  Attributes:
    parts: per part the faces (F, 8, 3), outward normals (F, 3), slots (F,),
      and the Z of the part's middle.
    length, width: footprint in metres.
    label: Cityscapes id.
  """

  parts: tuple[tuple[np.ndarray, np.ndarray, np.ndarray, float], ...]
  length: float
  width: float
  label: int


class _Part:
  """Collects the faces of one convex part; decals follow their face."""

  def __init__(self, middle):
    self.middle = middle
    self.faces, self.normals, self.slots = [], [], []

  def add(self, points, slot, normal=None):
    """Adds a polygon (n, 3); returns it for decals."""
    points = np.asarray(points, np.float64)
    if normal is None:
      normal = np.cross(points[1] - points[0], points[2] - points[0])
      outward = points[0] - np.array(self.middle)
      normal = normal if (normal * outward).sum() > 0 else -normal
    padding = [points[-1:]] * (raster.MAX_CORNERS - len(points))
    self.faces.append(np.concatenate([points, *padding]))
    self.normals.append(normal)
    self.slots.append(slot)
    return points, normal

  def decal(self, face, u0, u1, v0, v1, slot):
    """Adds a rectangle on a four-cornered face, in face coordinates."""
    (a, b, c, d), normal = face
    points = [
      (a * (1 - u) + b * u) * (1 - v) + (d * (1 - u) + c * u) * v
      for u, v in ((u0, v0), (u1, v0), (u1, v1), (u0, v1))
    ]
    self.add(points, slot, normal)

  def wheel(self, x, z, radius, outward):
    """Adds a tyre and a hub on the plane of a side."""
    for size, slot in ((1.0, TYRE), (0.55, HUB)):
      points = [
        (x, radius + size * radius * s, z + size * radius * c)
        for c, s in OCTAGON
      ]
      self.add(points, slot, np.array((outward, 0.0, 0.0)))

  def build(self):
    """Returns the arrays of `Shape.parts`."""
    return (
      np.stack(self.faces),
      np.stack(self.normals),
      np.array(self.slots),
      self.middle[2],
    )

  def hull(self, bottom, top, y0, y1, slot, roof):
    """Adds four walls and a lid between two rectangles (x, z0, z1).

    Returns the walls: rear, front, left, right. Each runs from lower left
    to lower right to upper right, seen from outside.
    """
    (xb, b0, b1), (xt, t0, t1) = bottom, top
    walls = {
      "rear": ((-xb, y0, b0), (xb, y0, b0), (xt, y1, t0), (-xt, y1, t0)),
      "front": ((xb, y0, b1), (-xb, y0, b1), (-xt, y1, t1), (xt, y1, t1)),
      "left": ((-xb, y0, b1), (-xb, y0, b0), (-xt, y1, t0), (-xt, y1, t1)),
      "right": ((xb, y0, b0), (xb, y0, b1), (xt, y1, t1), (xt, y1, t0)),
    }
    lid = ((-xt, y1, t0), (xt, y1, t0), (xt, y1, t1), (-xt, y1, t1))
    self.add(lid, roof, np.array((0.0, 1.0, 0.0)))
    return {name: self.add(points, slot) for name, points in walls.items()}


def _ends(part, walls):
  """Adds lights, plate and bumpers to the rear and front of a car body."""
  for name, lamp in (("rear", TAIL), ("front", HEAD)):
    part.decal(walls[name], 0.0, 1.0, 0.0, 0.30, TRIM)
    part.decal(walls[name], 0.03, 0.22, 0.52, 0.88, lamp)
    part.decal(walls[name], 0.78, 0.97, 0.52, 0.88, lamp)
  part.decal(walls["rear"], 0.36, 0.64, 0.34, 0.58, PLATE)
  part.decal(walls["front"], 0.27, 0.73, 0.42, 0.80, TRIM)
  part.decal(walls["front"], 0.38, 0.62, 0.10, 0.30, PLATE)


# Body height, cabin bottom (z0, z1), cabin top (z0, z1), roof height, length,
# width, window rows of the sides (share of the wall).
_CARS = {
  "sedan": (0.88, (-1.75, 1.05), (-1.05, 0.25), 1.44, 4.5, 1.78),
  "hatch": (0.88, (-1.85, 1.00), (-1.60, 0.20), 1.48, 3.9, 1.72),
  "wagon": (0.90, (-2.20, 1.05), (-1.95, 0.25), 1.48, 4.6, 1.80),
  "suv": (1.05, (-2.10, 1.05), (-1.85, 0.35), 1.72, 4.5, 1.88),
  "van": (1.15, (-2.40, 1.75), (-2.30, 1.05), 2.05, 4.9, 1.95),
}


def _car(kind):
  body_top, bottom, top, roof, length, width = _CARS[kind]
  half, back, front = 0.5 * width, -0.5 * length, 0.5 * length
  body = _Part((0.0, 0.5, 0.0))
  walls = body.hull(
    (half, back, front),
    (half - 0.03, back + 0.06, front - 0.12),
    0.24,
    body_top,
    PAINT_SLOT,
    PAINT_SLOT,
  )
  _ends(body, walls)
  for side in (-1.0, 1.0):
    for z in (back + 0.19 * length, front - 0.18 * length):
      body.wheel(side * (half + 0.01), z, 0.33, side)
  cabin = _Part((0.0, 1.1, -0.3))
  back_limit = max(bottom[0], back + 0.06)
  glass = cabin.hull(
    (half - 0.05, back_limit, bottom[1]),
    (half - 0.24, max(top[0], back_limit + 0.1), top[1]),
    body_top,
    roof,
    PAINT_SLOT,
    PAINT_SLOT,
  )
  cabin.decal(glass["rear"], 0.09, 0.91, 0.14, 0.88, GLASS_SLOT)
  cabin.decal(glass["front"], 0.07, 0.93, 0.10, 0.90, GLASS_SLOT)
  for name, (near, middle, far) in (
    ("left", (0.07, 0.47, 0.52)),
    ("right", (0.07, 0.47, 0.52)),
  ):
    cabin.decal(glass[name], near, middle, 0.12, 0.88, GLASS_SLOT)
    cabin.decal(glass[name], far, 0.93, 0.12, 0.88, GLASS_SLOT)
  return Shape((body.build(), cabin.build()), length, width, cityscapes.CAR)


def _bus():
  half, back, front, roof = 1.26, -5.5, 5.5, 3.05
  part = _Part((0.0, 1.6, 0.0))
  walls = part.hull(
    (half, back, front),
    (half - 0.04, back, front),
    0.32,
    roof,
    PAINT_SLOT,
    TRIM,
  )
  part.decal(walls["rear"], 0.08, 0.92, 0.52, 0.86, GLASS_SLOT)
  part.decal(walls["rear"], 0.03, 0.13, 0.16, 0.40, TAIL)
  part.decal(walls["rear"], 0.87, 0.97, 0.16, 0.40, TAIL)
  part.decal(walls["rear"], 0.38, 0.62, 0.12, 0.20, PLATE)
  part.decal(walls["front"], 0.05, 0.95, 0.34, 0.82, GLASS_SLOT)
  part.decal(walls["front"], 0.20, 0.80, 0.86, 0.97, TRIM)
  part.decal(walls["front"], 0.05, 0.20, 0.08, 0.20, HEAD)
  part.decal(walls["front"], 0.80, 0.95, 0.08, 0.20, HEAD)
  for name in ("left", "right"):
    for number in range(6):
      low = 0.03 + number * 0.16
      part.decal(walls[name], low, low + 0.14, 0.42, 0.84, GLASS_SLOT)
  for side in (-1.0, 1.0):
    for z in (-3.2, 3.4):
      part.wheel(side * (half + 0.01), z, 0.48, side)
  return Shape((part.build(),), 11.0, 2 * half, cityscapes.BUS)


def _truck():
  half = 1.22
  cargo = _Part((0.0, 2.0, -1.2))
  walls = cargo.hull(
    (half, -4.2, 1.9), (half, -4.2, 1.9), 0.85, 3.5, CARGO, CARGO
  )
  cargo.decal(walls["rear"], 0.49, 0.51, 0.04, 0.96, TRIM)
  for name in ("rear", "left", "right"):
    cargo.decal(walls[name], 0.0, 1.0, 0.0, 0.08, TRIM)
  cargo.decal(walls["rear"], 0.02, 0.14, 0.0, 0.07, TAIL)
  cargo.decal(walls["rear"], 0.86, 0.98, 0.0, 0.07, TAIL)
  cab = _Part((0.0, 1.5, 3.1))
  cabin = cab.hull(
    (half - 0.05, 2.05, 4.1),
    (half - 0.10, 2.1, 3.9),
    0.45,
    2.75,
    PAINT_SLOT,
    PAINT_SLOT,
  )
  cab.decal(cabin["front"], 0.06, 0.94, 0.50, 0.90, GLASS_SLOT)
  cab.decal(cabin["front"], 0.18, 0.82, 0.18, 0.44, TRIM)
  cab.decal(cabin["front"], 0.03, 0.16, 0.10, 0.24, HEAD)
  cab.decal(cabin["front"], 0.84, 0.97, 0.10, 0.24, HEAD)
  cab.decal(cabin["left"], 0.12, 0.68, 0.52, 0.88, GLASS_SLOT)
  cab.decal(cabin["right"], 0.32, 0.88, 0.52, 0.88, GLASS_SLOT)
  chassis = _Part((0.0, 0.6, -1.2))
  rear = chassis.hull(
    (half - 0.25, -4.1, 2.0),
    (half - 0.25, -4.1, 2.0),
    0.40,
    0.85,
    TRIM,
    TRIM,
  )["rear"]
  chassis.decal(rear, 0.34, 0.66, 0.30, 0.80, PLATE)
  for side in (-1.0, 1.0):
    chassis.wheel(side * half, -3.0, 0.48, side)
    cab.wheel(side * half, 2.9, 0.48, side)
  parts = (chassis.build(), cargo.build(), cab.build())
  return Shape(parts, 8.4, 2 * half, cityscapes.TRUCK)


@functools.cache
def shape(kind: str) -> Shape:
  """Returns a vehicle: sedan, hatch, wagon, suv, van, bus or truck."""
  if kind == "bus":
    return _bus()
  return _truck() if kind == "truck" else _car(kind)


def add(
  primitives: raster.Primitives,
  eye: float,
  kind: str,
  position: tuple[float, float],
  heading: tuple[float, float],
  paint: tuple[float, float, float],
  instance: int,
) -> bool:
  """Adds a vehicle on the ground; False if it is too near the camera.

  Args:
    primitives: where it goes.
    eye: height of the camera in metres, which decides what faces it.
    kind: see `shape`.
    position: (X, Z) of its middle in metres.
    heading: (X, Z) of its driving direction, of length 1.
    paint: colour in [0, 1].
    instance: Cityscapes instance number.
  """
  model = shape(kind)
  hx, hz = heading
  x, z = position
  reach = 0.5 * (abs(hz) * model.length + abs(hx) * model.width)
  if z - reach < raster.NEAR:
    return False
  colours = _SLOT_COLOURS.copy()
  colours[PAINT_SLOT] = paint
  # Trucks carry light boxes that take a hint of the cab's colour.
  colours[CARGO] = 0.72 + 0.2 * np.array(paint)

  def distance(part):
    along = part[3] if len(model.parts) == 3 else 0.0
    return -(z + hz * along)

  for faces, normals, slots, _ in sorted(model.parts, key=distance):
    corners = np.empty_like(faces)
    corners[..., 0] = faces[..., 0] * hz + faces[..., 2] * hx + x
    corners[..., 1] = faces[..., 1]
    corners[..., 2] = faces[..., 2] * hz - faces[..., 0] * hx + z
    across = normals[:, 0] * hz + normals[:, 2] * hx
    along = normals[:, 2] * hz - normals[:, 0] * hx
    facing = across * corners[:, 0, 0] + along * corners[:, 0, 2]
    facing += normals[:, 1] * (corners[:, 0, 1] - eye)
    seen = facing < 0.0
    if z > _PLAIN:
      seen &= ~_SMALL[slots]
    primitives.faces(
      corners[seen],
      colours[slots[seen]],
      model.label,
      instance,
      _SLOT_MATERIALS[slots[seen]],
    )
  return True


def shadow(
  kind: str, position: tuple[float, float], heading: tuple[float, float]
) -> list[tuple[float, float]]:
  """Returns the footprint (X, Z) of a vehicle, four corners."""
  model = shape(kind)
  hx, hz = heading
  corners = []
  for across, along in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
    side = 0.5 * model.width * across
    ahead = 0.5 * model.length * along
    corners.append(
      (
        position[0] + side * hz + ahead * hx,
        position[1] + ahead * hz - side * hx,
      )
    )
  return corners
