"""Land cover from above: the class of every point, and its colour.

Fields are a patchwork of rectangles in a turned and slightly warped frame;
woods, rivers and lakes follow smooth noise; villages are grids of houses
round a point. Distances are metres.
"""

import dataclasses
import functools
import math

import numpy as np

from gansynth.data.procedural import noise, regions
from gansynth.data.procedural.regions import Region

_F = np.float32
_LOT = 26.0  # spacing of houses in metres


@dataclasses.dataclass(frozen=True)
class Tile:
  """The plan of one tile.

  Attributes:
    region: its landscape.
    extent: metres that the mean of height and width covers.
    turn: cosine and sine of the direction of the fields.
    shift: (4,) places in the noise textures.
    salt: number that tells this tile's parcels from others'.
    village: middle (X, Y) and radius of the settlement, or None.
    road: place and slant of the road, or None.
    river: place, width and slant of the river, or None.
    lake: level of the noise field above which there is a lake.
    sun: unit vector (X, Y) that shadows point to.
  """

  region: Region
  extent: float
  turn: tuple[float, float]
  shift: tuple[float, ...]
  salt: int
  village: tuple[float, float, float] | None
  road: tuple[float, float] | None
  river: tuple[float, float, float] | None
  lake: float
  sun: tuple[float, float]


def plan(
  region: Region, rng: np.random.Generator, extent: float, village: bool
) -> Tile:
  """Draws the plan of a tile that is about `extent` metres wide."""
  angle = math.pi * rng.random()
  shift = tuple(float(256.0 * value) for value in rng.random(4))
  salt = int(rng.integers(1 << 30))
  place, size, odds = rng.random(2), rng.random(), rng.random()
  settled = None
  if village and odds < region.village:
    settled = (
      extent * (0.15 + 0.7 * place[0]),
      extent * (0.15 + 0.7 * place[1]),
      extent * (0.16 + 0.20 * size),
    )
  draws = rng.random(8)
  road = None
  if draws[0] < 0.75:
    road = (extent * (0.2 + 0.6 * draws[1]), 0.5 * (draws[2] - 0.5))
  wet = draws[3] < region.water
  river = None
  if wet and draws[4] < 0.5:
    river = (
      extent * (0.15 + 0.7 * draws[5]),
      7.0 + 12.0 * draws[6],
      draws[7] - 0.5,
    )
  lake = 0.74 if wet and river is None else 2.0
  away = 2.0 * math.pi * rng.random()
  return Tile(
    region,
    extent,
    (math.cos(angle), math.sin(angle)),
    shift,
    salt,
    settled,
    road,
    river,
    lake,
    (math.cos(away), math.sin(away)),
  )


@dataclasses.dataclass(frozen=True)
class Cover:
  """The classes of a tile's pixels and what their colours need, all (H, W).

  Attributes:
    label: uint8, ids of `regions`.
    x, y: place in metres, to the right and down.
    u, v: place in the frame of the fields, in metres.
    parcel: float32 in [0, 1), one value per field.
    border: metres to the edge of the field.
    fringe: noise field that decides where woods are; more is denser.
    kind: what background is: 0 bare ground, 1 road, 2 water.
  """

  label: np.ndarray
  x: np.ndarray
  y: np.ndarray
  u: np.ndarray
  v: np.ndarray
  parcel: np.ndarray
  border: np.ndarray
  fringe: np.ndarray
  kind: np.ndarray


def survey(tile: Tile, size: tuple[int, int]) -> Cover:
  """Classifies every pixel of a tile of (H, W) pixels."""
  region = tile.region
  metres = 2.0 * tile.extent / (size[0] + size[1])
  x = (np.arange(size[1], dtype=np.float32) + _F(0.5)) * _F(metres)
  y = (np.arange(size[0], dtype=np.float32) + _F(0.5)) * _F(metres)
  x, y = np.broadcast_arrays(x[None, :], y[:, None])
  cosine, sine = (_F(value) for value in tile.turn)
  s0, s1, s2, s3 = (_F(value) for value in tile.shift)
  warp = noise.sample_smooth("clouds", x * _F(0.16) + s0, y * _F(0.16) + s1)
  warp -= _F(0.5)
  u = cosine * x + sine * y + _F(34.0) * warp
  v = cosine * y - sine * x - _F(26.0) * warp
  fringe = noise.sample_smooth("clouds", x * _F(0.22) + s2, y * _F(0.22) + s3)

  parcel, border, within = parcels(
    region.parcel, tile.salt, u, v, pivots=region.pivots
  )
  label = np.full(size, regions.BACKGROUND, np.uint8)
  kind = np.zeros(size, np.uint8)
  crops, grass, scrub = region.odds
  use = parcel * _F(7.0) % _F(1.0)
  label[use < crops + grass + scrub] = regions.SEMINATURAL
  label[use < crops + grass] = regions.GRASSLAND
  label[(use < crops) & within] = regions.CROPLAND
  level = _F(0.5 + 0.55 * (0.5 - region.woods))
  label[fringe > level - 0.05] = regions.SEMINATURAL
  label[fringe > level] = regions.FOREST
  if tile.village is not None:
    cx, cy, radius = tile.village
    reach = np.square(x - _F(cx)) + np.square(y - _F(cy))
    reach *= _F(1 / radius**2)
    reach += _F(2.0) * warp
    label[reach < 1.0] = regions.SETTLEMENT
  wet = fringe < 1.0 - tile.lake
  if tile.river is not None:
    place, width, slant = (_F(value) for value in tile.river)
    wet |= np.abs(y - place - slant * x + _F(150.0) * warp) < width
  label[wet] = regions.BACKGROUND
  kind[wet] = 2
  if tile.road is not None:
    place, slant = (_F(value) for value in tile.road)
    paved = np.abs(x - place - slant * y - _F(60.0) * warp) < 5.5
    label[paved] = regions.BACKGROUND
    kind[paved] = 1
  return Cover(label, x, y, u, v, parcel, border, fringe, kind)


def parcels(
  size: tuple[float, float],
  salt: int,
  u: np.ndarray,
  v: np.ndarray,
  pivots: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Lays fields out: rows of them run along u, each with its own width.

  Args:
    size: width and depth of a field in metres; some fields are halved.
    salt: number that tells this place's fields from others'.
    u: float32, places along the rows in metres.
    v: float32, places across them.
    pivots: whether fields are the circles that a pivot waters.

  Returns:
    One value in [0, 1) per field, the metres to its edge, and whether a point
    is in a field at all.
  """
  wide, deep = (_F(value) for value in size)
  row = np.floor(v / deep)
  chance = noise.cell_hash(row, salt)
  width = wide * (_F(0.7) + _F(0.8) * chance)
  across = u / width + chance * _F(17.0)
  column = np.floor(across)
  fx, fy = across - column, v / deep - row
  parcel = noise.cell_hash(row, column, salt)
  if pivots:
    edge = _F(0.46) * np.minimum(width, deep)
    edge = edge - np.sqrt(
      np.square((fx - _F(0.5)) * width) + np.square((fy - _F(0.5)) * deep)
    )
    return parcel, np.abs(edge), edge > 0.0
  halved = parcel * _F(3.0) % _F(1.0) < 0.4
  upper = halved & (fy > 0.5)
  fy = np.where(halved, fy * _F(2.0) % _F(1.0), fy)
  deep = np.where(halved, _F(0.5) * deep, deep)
  parcel = np.where(upper, (parcel + _F(0.381966)) % _F(1.0), parcel)
  border = np.minimum(
    np.minimum(fx, 1.0 - fx) * width, np.minimum(fy, 1.0 - fy) * deep
  )
  return parcel, border, np.ones(parcel.shape, bool)


@functools.cache
def _crowns() -> np.ndarray:
  """Returns a repeating texture of tree crowns, 256 x 256, 32 x 32 trees.

  Values: light from the upper left on round crowns, 0 in the gaps, to 1.
  """
  cells, step = 32, 8
  rng = noise.generator(0, 32, 8)
  jitter = 0.25 + 0.5 * rng.random((2, cells, cells))
  size = 0.50 + 0.24 * rng.random((cells, cells))
  place = (np.arange(cells * step) + 0.5) / step
  cell = np.floor(place).astype(np.int64)
  best = np.zeros((cells * step, cells * step))
  for di in (-1, 0, 1):
    for dj in (-1, 0, 1):
      i, j = (cell + di) % cells, (cell + dj) % cells
      pick = np.ix_(i, j)
      dy = place[:, None] - (cell + di)[:, None] - jitter[0][pick]
      dx = place[None, :] - (cell + dj)[None, :] - jitter[1][pick]
      radius = size[pick]
      dome = 1.0 - (dx * dx + dy * dy) / (radius * radius)
      light = 0.55 * np.sqrt(np.maximum(dome, 0.0)) - 0.35 * (dx + dy) / radius
      best = np.maximum(best, np.where(dome > 0.0, 0.25 + light, 0.0))
  result = np.clip(best, 0.0, 1.0).astype(np.float32)
  result.flags.writeable = False
  return result


def tree_light(x, y, spacing):
  """Returns how bright crowns of trees `spacing` metres apart are, 0 to 1."""
  scale = _F(8.0 / spacing)
  mask = noise.TEXTURE_SIZE - 1
  columns = np.floor(x * scale).astype(np.int32) & mask
  rows = np.floor(y * scale).astype(np.int32) & mask
  return _crowns().ravel()[rows * noise.TEXTURE_SIZE + columns]


def _houses(tile: Tile, u, v):
  """Returns roof (n,), its lit side, roof number and street of points."""
  lot = _F(1 / _LOT)
  cu, cv = np.floor(u * lot), np.floor(v * lot)
  lx, ly = u - (cu + _F(0.5)) * _F(_LOT), v - (cv + _F(0.5)) * _F(_LOT)
  chance = noise.cell_hash(cu, cv, tile.salt + 1)
  other = chance * _F(13.0) % _F(1.0)
  street = (cv % 3.0 == 0.0) & (np.abs(ly) < 4.0)
  street |= (cu % 5.0 == 0.0) & (np.abs(lx) < 4.0)
  half_u = _F(4.5) + _F(4.0) * chance
  half_v = _F(3.8) + _F(3.0) * other
  built = (cv % 3.0 != 0.0) & (cu % 5.0 != 0.0) & (chance < 0.86)
  roof = built & (np.abs(lx) < half_u) & (np.abs(ly) < half_v)
  return roof, ly > 0.0, other, street


def colour(tile: Tile, cover: Cover) -> np.ndarray:
  """Returns the tile as float32 planes (3, H, W) in [0, 1]."""
  region, label = tile.region, cover.label
  shape = label.shape
  flat = label.ravel()
  x, y, u, v = (part.ravel() for part in (cover.x, cover.y, cover.u, cover.v))
  parcel, border = cover.parcel.ravel(), cover.border.ravel()
  planes = np.empty((3, flat.size), np.float32)
  tone = np.ones(flat.size, np.float32)

  def put(pixels, tones, shade):
    for plane, value in zip(planes, tones, strict=True):
      plane[pixels] = value
    tone[pixels] = shade

  mottle = noise.sample("clouds", x * _F(0.9), y * _F(0.9))
  grain = noise.sample("grain", x * _F(0.8), y * _F(0.8))

  kind = cover.kind.ravel()
  for number, base in enumerate(
    (region.soil, (0.44, 0.44, 0.46), region.water_colour)
  ):
    pixels = np.flatnonzero((flat == regions.BACKGROUND) & (kind == number))
    depth = _F(0.30) if number == 0 else _F(0.10)
    put(pixels, base, _F(1.0) - _F(0.5) * depth + depth * mottle[pixels])

  pixels = np.flatnonzero(flat == regions.GRASSLAND)
  field = parcel[pixels]
  put(
    pixels,
    region.grass,
    _F(0.80) + _F(0.16) * field + _F(0.24) * mottle[pixels],
  )

  pixels = np.flatnonzero(flat == regions.SEMINATURAL)
  shrubs = tree_light(x[pixels], y[pixels], 11.0)
  sparse = noise.sample_smooth(
    "leaves", x[pixels] * _F(0.3), y[pixels] * _F(0.3)
  )
  share = np.where((shrubs > 0.35) & (sparse > 0.52), _F(0.75), _F(0.0))
  tree = region.trees[0]
  for channel in range(3):
    base = _F(region.scrub[channel])
    planes[channel][pixels] = base + (_F(tree[channel]) - base) * share
  tone[pixels] = _F(0.74) + _F(0.52) * mottle[pixels]

  pixels = np.flatnonzero(flat == regions.CROPLAND)
  field = parcel[pixels]
  crop = (field * _F(29.0) % _F(1.0) * len(region.crops)).astype(np.int32)
  crops = np.array(region.crops, np.float32)
  # Rows of the crop, and the tracks of machines every 24 metres.
  across = np.where(field * _F(5.0) % _F(1.0) < 0.5, u[pixels], v[pixels])
  rows = noise.pulse(across * _F(1 / 6.0), 0.0, 0.5, _F(0.3))
  tracks = noise.pulse(across * _F(1 / 24.0), 0.0, 0.06, _F(0.06))
  shade = _F(0.92) + _F(0.10) * rows - _F(0.14) * tracks
  shade += _F(0.20) * (mottle[pixels] - _F(0.5)) + _F(0.14) * (
    field * _F(11.0) % _F(1.0) - _F(0.5)
  )
  put(pixels, crops[crop].T, shade)
  # Field margins.
  edge = np.flatnonzero(
    (border < 2.2) & ((flat == regions.CROPLAND) | (flat == regions.GRASSLAND))
  )
  put(edge, region.grass, _F(0.72))

  _paint_village(tile, flat, u, v, put, mottle)

  pixels = np.flatnonzero(flat == regions.FOREST)
  light = tree_light(x[pixels], y[pixels], region.crown)
  bright, dark = region.trees
  for channel in range(3):
    low, high = _F(dark[channel]), _F(bright[channel])
    planes[channel][pixels] = low + (high - low) * light
  tone[pixels] = _F(0.75) + _F(0.5) * mottle[pixels]

  tone *= _F(0.95) + _F(0.10) * grain
  planes *= tone
  planes = planes.reshape(3, *shape)
  metres = 2.0 * tile.extent / (shape[0] + shape[1])
  planes *= _F(1.0) - _F(0.38) * _wood_shadow(tile, label, metres)
  return planes


def _paint_village(tile, flat, u, v, put, mottle):
  """Colours gardens, streets, house shadows and roofs."""
  pixels = np.flatnonzero(flat == regions.SETTLEMENT)
  region = tile.region
  hu, hv = u[pixels], v[pixels]
  roof, lit, number, street = _houses(tile, hu, hv)
  yard = np.array(region.grass if not region.pivots else region.soil)
  shade = _F(0.75) + _F(0.4) * mottle[pixels]
  put(pixels, yard, shade)
  put(pixels[street], (0.50, 0.49, 0.49), _F(1.0))
  # The shadow is the roof, seen from a place moved against the sun.
  cosine, sine = tile.turn
  sx, sy = (5.0 * region.sun * part for part in tile.sun)
  shaded, *_ = _houses(
    tile, hu - _F(cosine * sx + sine * sy), hv - _F(cosine * sy - sine * sx)
  )
  hidden = pixels[shaded & ~roof]
  put(hidden, yard * 0.45, _F(1.0))
  roofs = np.array(region.roofs, np.float32)
  choice = (number[roof] * len(roofs)).astype(np.int32)
  side = np.where(lit[roof], _F(1.12), _F(0.82))
  put(pixels[roof], roofs[choice].T, side)


def _wood_shadow(tile: Tile, label: np.ndarray, metres: float) -> np.ndarray:
  """Returns where the edge of a wood throws its shadow, float32 (H, W)."""
  length = 9.0 * tile.region.sun / metres
  down, right = round(length * tile.sun[1]), round(length * tile.sun[0])
  wood = label == regions.FOREST
  return (shifted(wood, down, right) & ~wood).astype(np.float32)


def shifted(mask: np.ndarray, down: int, right: int) -> np.ndarray:
  """Moves a bool mask (H, W) by pixels; what comes in is False."""
  moved = np.zeros_like(mask)
  rows, columns = mask.shape
  moved[
    max(down, 0) : rows + min(down, 0), max(right, 0) : columns + min(right, 0)
  ] = mask[
    max(-down, 0) : rows + min(-down, 0),
    max(-right, 0) : columns + min(-right, 0),
  ]
  return moved
