"""The plan of a piece of country, and the land cover of each of its points.

Distances are metres. Fields are a patchwork in a turned and slightly warped
frame; woods, lakes and rough pasture follow smooth noise; a road and a river
wind through; villages and farms are whole lots along the road.
"""

import dataclasses
import math

import numpy as np

from gansynth.data.procedural import land, noise, regions, village

_F = np.float32
# Kinds of country: their odds, added up; the area of woods; and how much of the
# rest is cropland, where what is left over is grassland.
_KINDS = (
  (0.42, 0.20, 0.80),  # arable
  (0.68, 0.38, 0.62),  # mixed
  (0.86, 0.66, 0.55),  # wooded
  (1.00, 0.30, 0.30),  # pastoral
)
LAND, ROAD, WATER = range(3)  # what background is


@dataclasses.dataclass(frozen=True)
class Country:
  """The plan of one scene.

  Attributes:
    extent: metres that the mean of height and width covers.
    turn: cosine and sine of the direction of the fields.
    shift: (6,) places in the noise textures.
    salt: number that tells this scene's fields and houses from others'.
    woods: level of the noise field above which there is forest.
    crops: share of fields that are cropland.
    parcel: width and depth of a field.
    rough: how rough pasture lies, or None: level of the noise field above
      which it is, and share of the fields that are it.
    road: point (X, Y), direction (cosine, sine) and half its width; villages
      follow it even where it is not paved.
    paved: whether there is the road.
    settlement: the village or farm, or None.
    river: place, slant and half its width, or None.
    lake: level of the noise field below which there is a lake.
    sun: unit vector (X, Y) that shadows point to.
    shadow: metres of shadow per metre of height.
  """

  extent: float
  turn: tuple[float, float]
  shift: tuple[float, ...]
  salt: int
  woods: float
  crops: float
  parcel: tuple[float, float]
  rough: tuple[float, float] | None
  road: tuple[float, float, float, float, float]
  paved: bool
  settlement: village.Settlement | None
  river: tuple[float, float, float] | None
  lake: float
  sun: tuple[float, float]
  shadow: float


def plan(rng: np.random.Generator) -> Country:
  """Draws a plan."""
  extent = 300.0 + 140.0 * rng.random()
  angle = math.pi * rng.random()
  shift = tuple(float(256.0 * value) for value in rng.random(6))
  salt = int(rng.integers(1 << 30))
  draw = rng.random()
  _, woods, crops = next(kind for kind in _KINDS if draw < kind[0])
  woods += 0.24 * (rng.random() - 0.5)
  parcel = tuple(60.0 + value for value in (110.0, 70.0) * rng.random(2))
  draws = rng.random(3)
  rough = None
  if draws[0] < 0.36:
    rough = (0.62 + 0.08 * draws[1], 0.14 * draws[2])
  draws = rng.random(6)
  bearing = angle + (0.5 * math.pi if draws[0] < 0.5 else 0.0)
  bearing += 0.5 * (draws[1] - 0.5)
  road = (
    extent * (0.2 + 0.6 * draws[2]),
    extent * (0.2 + 0.6 * draws[3]),
    math.cos(bearing),
    math.sin(bearing),
    4.0 + 2.5 * draws[4],
  )
  paved = bool(draws[5] < 0.45)
  settlement = village.plan(rng, extent)
  draws = rng.random(6)
  river, lake = None, -1.0
  if draws[0] < 0.22:
    river = (
      extent * (0.2 + 0.6 * draws[1]),
      1.2 * (draws[2] - 0.5),
      4.0 + 11.0 * draws[3],
    )
  elif draws[0] < 0.36:
    lake = 0.24 + 0.08 * draws[1]
  away = 2.0 * math.pi * rng.random()
  return Country(
    extent,
    (math.cos(angle), math.sin(angle)),
    shift,
    salt,
    0.5 + 0.55 * (0.5 - woods),
    crops,
    parcel,
    rough,
    road,
    paved or settlement is not None,
    settlement,
    river,
    lake,
    (math.cos(away), math.sin(away)),
    0.4 + 1.1 * rng.random(),
  )


@dataclasses.dataclass(frozen=True)
class Cover:
  """What is where, and what colours need to know, all (H, W).

  Attributes:
    label: uint8, ids of `regions`.
    x, y: place in metres, to the right and down.
    u, v: place in the frame of the fields.
    along, across: place in the frame of the road, which is at across = 0.
    parcel: float32 in [0, 1), one value per field.
    border: metres to the edge of the field.
    bank: metres to the water's edge, less than 0 in it, where it is near.
    kind: what background is: LAND, ROAD or WATER.
  """

  label: np.ndarray
  x: np.ndarray
  y: np.ndarray
  u: np.ndarray
  v: np.ndarray
  along: np.ndarray
  across: np.ndarray
  parcel: np.ndarray
  border: np.ndarray
  bank: np.ndarray
  kind: np.ndarray


def survey(country: Country, size: tuple[int, int]) -> Cover:
  """Classifies every pixel of a scene of (H, W) pixels."""
  metres = 2.0 * country.extent / (size[0] + size[1])
  x = (np.arange(size[1], dtype=np.float32) + _F(0.5)) * _F(metres)
  y = (np.arange(size[0], dtype=np.float32) + _F(0.5)) * _F(metres)
  x, y = np.broadcast_arrays(x[None, :], y[:, None])
  cosine, sine = (_F(value) for value in country.turn)
  shift = [_F(value) for value in country.shift]

  def field(scale, number):
    return noise.sample_smooth(
      "clouds", x * scale + shift[number], y * scale + shift[number + 1]
    )

  warp = field(_F(0.16), 0) - _F(0.5)
  fringe = field(_F(0.24), 2)
  u = cosine * x + sine * y + _F(30.0) * warp
  v = cosine * y - sine * x - _F(24.0) * warp
  parcel, border, _ = land.parcels(country.parcel, country.salt, u, v)

  use = parcel * _F(7.0) % _F(1.0)
  label = np.full(size, regions.GRASSLAND, np.uint8)
  label[use < country.crops] = regions.CROPLAND
  if country.rough is not None:
    level, share = country.rough
    label[use > 1.0 - share] = regions.SEMINATURAL
    label[field(_F(0.30), 4) > level] = regions.SEMINATURAL
  # Crowns stick out at the edge of a wood.
  crowns = noise.sample("leaves", x * _F(0.8) + shift[4], y * _F(0.8))
  label[fringe + _F(0.016) * crowns > country.woods] = regions.FOREST
  kind = np.full(size, LAND, np.uint8)

  px, py, cosine, sine, half = (_F(value) for value in country.road)
  along = cosine * (x - px) + sine * (y - py)
  across = cosine * (y - py) - sine * (x - px) + _F(70.0) * warp
  if country.settlement is not None:
    lots = village.inside(country.settlement, along, across, country.salt)
    label[lots] = regions.SETTLEMENT
  bank = np.full(size, np.inf, np.float32)
  if country.river is not None:
    place, slant, width = (_F(value) for value in country.river)
    bank = np.abs(
      y - place - slant * (x - _F(0.5 * country.extent)) + _F(170.0) * warp
    )
    bank -= width * (_F(0.75) + fringe * _F(0.5))
  elif country.lake > 0.0:
    # The noise rises by about 1 in 250 m.
    bank = (fringe - _F(country.lake)) * _F(250.0)
  wet = bank < 0.0
  label[wet] = regions.BACKGROUND
  kind[wet] = WATER
  if country.paved:
    lane = np.abs(across) < half
    label[lane] = regions.BACKGROUND
    kind[lane] = ROAD
  return Cover(label, x, y, u, v, along, across, parcel, border, bank, kind)
