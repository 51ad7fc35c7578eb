"""Wind turbines seen from above: towers, blades, shadows, boxes.

A point `h` metres above the ground appears moved by h * lean, because the
camera does not look straight down, and its shadow by h * sun.
"""

import dataclasses
import math

import numpy as np

from gansynth.data.procedural import raster

TOWER, BLADE = 1, 2  # label ids
_FINE = 3  # blades are thinner than a pixel: drawn so many times larger


@dataclasses.dataclass(frozen=True)
class Turbine:
  """One turbine; lengths are metres, angles radians.

  Attributes:
    base: (X, Y) of its foot, to the right and down.
    hub: height of the hub.
    radius: length of a blade.
    yaw: direction of the rotor's plane.
    turn: angle of the first blade.
  """

  base: tuple[float, float]
  hub: float
  radius: float
  yaw: float
  turn: float


def place(
  rng: np.random.Generator, width: float, height: float
) -> list[Turbine]:
  """Draws 0 to 4 turbines for a tile of width x height metres."""
  count = int(rng.random() * 5.0)
  yaw = math.pi * rng.random()
  found = []
  # A wind farm has machines of one kind, that face the wind together.
  hub, radius = 78.0 + 30.0 * rng.random(), 36.0 + 18.0 * rng.random()
  for _ in range(count):
    draws = rng.random(4)
    base = (
      width * (0.14 + 0.72 * float(draws[0])),
      height * (0.14 + 0.72 * float(draws[1])),
    )
    if any(math.dist(base, other.base) < 2.1 * radius for other in found):
      continue
    found.append(
      Turbine(
        base,
        hub,
        radius,
        yaw + 0.2 * (float(draws[2]) - 0.5),
        2.1 * float(draws[3]),
      )
    )
  return found


def draw_one(rng: np.random.Generator) -> Turbine:
  """Draws a turbine that stands at (0, 0)."""
  draws = rng.random(4)
  return Turbine(
    (0.0, 0.0),
    78.0 + 30.0 * float(draws[0]),
    36.0 + 18.0 * float(draws[1]),
    math.pi * float(draws[2]),
    2.1 * float(draws[3]),
  )


def _tapered(start, stop, half0, half1):
  """Returns the four corners of a bar between two points in the picture."""
  dx, dy = stop[0] - start[0], stop[1] - start[1]
  length = max(math.hypot(dx, dy), 1e-6)
  nx, ny = -dy / length, dx / length
  return [
    (start[0] + half0 * nx, start[1] + half0 * ny),
    (stop[0] + half1 * nx, stop[1] + half1 * ny),
    (stop[0] - half1 * nx, stop[1] - half1 * ny),
    (start[0] - half0 * nx, start[1] - half0 * ny),
  ]


def outline(turbine: Turbine, lift: tuple[float, float]):
  """Returns tower, nacelle and blades as polygons in metres.

  Args:
    turbine: the machine.
    lift: metres that a point appears moved per metre of height; the lean of
      the view, or the direction of the shadow.

  Returns:
    list of (label, corners).
  """
  bx, by = turbine.base
  lx, ly = lift

  def seen(x, y, z):
    return bx + x + z * lx, by + y + z * ly

  side = (math.cos(turbine.yaw), math.sin(turbine.yaw))
  ahead = (-side[1], side[0])
  top = seen(0.0, 0.0, turbine.hub)
  parts = [(TOWER, _tapered(seen(0.0, 0.0, 0.0), top, 2.4, 1.5))]
  front, back = 4.5, -6.5
  parts.append(
    (
      TOWER,
      _tapered(
        seen(ahead[0] * back, ahead[1] * back, turbine.hub),
        seen(ahead[0] * front, ahead[1] * front, turbine.hub),
        2.1,
        1.8,
      ),
    )
  )
  root = (ahead[0] * front, ahead[1] * front)
  for number in range(3):
    angle = turbine.turn + number * 2.0 * math.pi / 3.0
    out, up = math.cos(angle), math.sin(angle)

    def at(reach, out=out, up=up):
      return seen(
        root[0] + reach * out * side[0],
        root[1] + reach * out * side[1],
        turbine.hub + reach * up,
      )

    bulge = at(0.22 * turbine.radius)
    parts.append((BLADE, _tapered(at(0.0), bulge, 1.0, 1.9)))
    parts.append((BLADE, _tapered(bulge, at(turbine.radius), 1.9, 0.6)))
  return parts


def _corners(polygons, pixels: float) -> tuple[np.ndarray, np.ndarray]:
  """Returns (N, 8) columns and rows of polygons, `pixels` per metre."""
  full = np.array(
    [
      points + [points[-1]] * (raster.MAX_CORNERS - len(points))
      for points in polygons
    ],
    np.float64,
  ).reshape(-1, raster.MAX_CORNERS, 2)
  full *= pixels
  return full[..., 0], full[..., 1]


def _average(fine: np.ndarray) -> np.ndarray:
  """Averages blocks of _FINE x _FINE pixels of a 0 / 1 picture."""
  total = np.zeros((fine.shape[0] // _FINE, fine.shape[1] // _FINE), np.float32)
  for row in range(_FINE):
    for column in range(_FINE):
      total += fine[row::_FINE, column::_FINE]
  return total * np.float32(1.0 / _FINE**2)


def _pads(machines: list[Turbine]):
  """Returns pads and tracks of gravel as polygons in metres."""
  pads = []
  for machine in machines:
    x, y = machine.base
    pads.append(
      [(x - 11, y - 8), (x + 13, y - 8), (x + 13, y + 9), (x - 11, y + 9)]
    )
    # The track leaves along the rotor's axis, to the border of the tile.
    way = math.cos(machine.yaw), math.sin(machine.yaw)
    far = (x + 900.0 * way[0], y + 900.0 * way[1])
    pads.append(_tapered((x, y), far, 2.6, 2.6))
  return pads


def coverage(polygons, metres: float, shape: tuple[int, int]) -> np.ndarray:
  """Returns how much of each pixel polygons cover, float32 (H, W) in [0, 1].

  Args:
    polygons: corners in metres, at most 8 each.
    metres: size of a pixel.
    shape: (H, W) of the result.
  """
  fine = (shape[0] * _FINE, shape[1] * _FINE)
  return _average(raster.fill(*_corners(polygons, _FINE / metres), fine) > 0)


def draw(
  planes: np.ndarray,
  machines: list[Turbine],
  metres: float,
  lean: tuple[float, float],
  shadow: tuple[float, float],
  gravel: tuple[float, float, float] | None,
) -> dict[str, np.ndarray]:
  """Draws turbines with pads, tracks and shadows into a tile, in place.

  Args:
    planes: float32 (3, H, W), the land.
    machines: what to draw.
    metres: size of a pixel.
    lean: see `Turbine` and `outline`.
    shadow: metres of shadow per metre of height, (X, Y).
    gravel: colour of pads and tracks; None draws none.

  Returns:
    `label` uint8 (H, W) with 0, TOWER, BLADE; `instance` int32 (H, W), 0 or
    1 + number; `boxes` float32 (N, 4), left, top, right, bottom in pixels,
    round tower and blades, cut at the tile's border.
  """
  shape = planes.shape[1:]
  fine = (shape[0] * _FINE, shape[1] * _FINE)
  label, instance = np.zeros(shape, np.uint8), np.zeros(shape, np.int32)
  if not machines:
    return {
      "label": label,
      "instance": instance,
      "boxes": np.zeros((0, 4), np.float32),
    }
  if gravel is not None:
    ground = raster.fill(*_corners(_pads(machines), 1.0 / metres), shape) > 0
    for plane, value in zip(planes, gravel, strict=True):
      plane[ground] = np.float32(value)

  dark = [
    points for machine in machines for _, points in outline(machine, shadow)
  ]
  shade = coverage(dark, metres, shape)
  planes *= np.float32(1.0) - np.float32(0.58) * shade

  solid = [
    (part, number, points)
    for number, machine in enumerate(machines)
    for part, points in outline(machine, lean)
  ]
  canvas = raster.fill(*_corners([p for *_, p in solid], _FINE / metres), fine)
  cover = _average(canvas > 0)
  for plane, value in zip(planes, (0.94, 0.95, 0.96), strict=True):
    plane += (np.float32(value) - plane) * cover
  # A pixel belongs to the part that was drawn last in it, if it is mostly
  # covered.
  last = np.zeros(shape, np.int32)
  for row in range(_FINE):
    for column in range(_FINE):
      np.maximum(last, canvas[row::_FINE, column::_FINE], out=last)
  last[cover < 0.4] = 0
  label = np.array([0] + [part for part, *_ in solid], np.uint8).take(last)
  owner = np.array([0] + [number + 1 for _, number, _ in solid], np.int32)
  boxes = []
  for number in range(len(machines)):
    points = [p for _, n, corners in solid if n == number for p in corners]
    left, right = min(p[0] for p in points), max(p[0] for p in points)
    top, bottom = min(p[1] for p in points), max(p[1] for p in points)
    boxes.append((left, top, right, bottom))
  boxes = np.array(boxes) / metres
  limit = np.array((shape[1], shape[0], shape[1], shape[0]))
  boxes = np.clip(boxes, 0.0, limit).astype(np.float32)
  return {"label": label, "instance": owner.take(last), "boxes": boxes}
