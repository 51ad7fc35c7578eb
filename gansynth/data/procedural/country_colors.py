"""The colours of a piece of country as an aerial camera shows it."""

import dataclasses

import numpy as np

from gansynth.data.procedural import land, noise, regions, village
from gansynth.data.procedural.country import ROAD, WATER, Country, Cover

_F = np.float32
_HEDGED = 0.20  # share of fields with a hedge along their edge
_TRACKED = 0.30  # share of fields with a hedge or a farm track there
_YOUNG = 0.07  # share of fields that are young forest where there is forest
_CANOPY = 13.0  # metres of height that throw the shadow of a wood
_BUSH = 4.5  # the same of hedges, shrubs and single trees

# What fields show over a year, from spring to autumn; some of it looks like
# grass, and some like bare ground.
_CROPS = np.array(
  (
    (0.30, 0.44, 0.18),  # winter wheat
    (0.36, 0.50, 0.21),  # young barley
    (0.78, 0.74, 0.26),  # rapeseed in flower
    (0.43, 0.33, 0.24),  # ploughed, wet
    (0.60, 0.50, 0.37),  # ploughed, dry
    (0.26, 0.38, 0.17),  # maize, beets
    (0.48, 0.52, 0.26),  # ripening
    (0.74, 0.65, 0.38),  # ripe
    (0.69, 0.61, 0.43),  # stubble
    (0.50, 0.44, 0.30),  # tilled stubble
  ),
  np.float32,
)
_GRASS = ((0.30, 0.47, 0.19), (0.47, 0.55, 0.27))  # fresh to dry
_ROUGH = ((0.37, 0.43, 0.23), (0.56, 0.51, 0.32))
_BROADLEAF = ((0.05, 0.11, 0.05), (0.27, 0.40, 0.15))  # shade to light
_CONIFER = ((0.03, 0.07, 0.05), (0.15, 0.26, 0.14))
_PALE = np.array(((0.10,), (0.06,), (0.05,)), np.float32)
_YELLOW = np.array(((0.14,), (0.06,), (0.04,)), np.float32)
_WATERS = ((0.10, 0.20, 0.22), (0.30, 0.32, 0.22))  # clear to muddy
_ROOFS = np.array(
  (
    (0.63, 0.30, 0.21),
    (0.53, 0.33, 0.25),
    (0.42, 0.40, 0.41),
    (0.32, 0.32, 0.35),
    (0.72, 0.70, 0.68),
  ),
  np.float32,
)


@dataclasses.dataclass(frozen=True)
class Season:
  """The time of year and day, and the camera.

  Attributes:
    crops: (3,) rows of the crops that are on the fields; the first is on
      most of them.
    grass, rough: colours of meadows and rough pasture.
    autumn: how far broadleaved trees have turned, 0 to 1.
    conifers: level of noise below which trees are conifers.
    water: colour of water.
    light: gain of each channel.
    haze: light that the air adds.
    noise: of the sensor.
  """

  crops: tuple[int, ...]
  grass: np.ndarray
  rough: np.ndarray
  autumn: float
  conifers: float
  water: np.ndarray
  light: tuple[float, float, float]
  haze: float
  noise: float


def season(rng: np.random.Generator) -> Season:
  """Draws a season."""
  time = 0.999 * rng.random()
  around = rng.random(4)
  crops = tuple(
    int(len(_CROPS) * ((0.8 * time + 0.45 * value) % 1.0)) for value in around
  )
  dry = min(1.0, max(0.0, time + 0.5 * (rng.random() - 0.5)))
  draws = rng.random(8)
  gain = 0.84 + 0.36 * draws[0]
  warm = 0.10 * (draws[1] - 0.5)
  return Season(
    crops,
    _between(_GRASS, dry),
    _between(_ROUGH, dry),
    float(draws[2] if time > 0.8 else 0.15 * draws[2]),
    0.25 + 0.5 * draws[3],
    _between(_WATERS, draws[4]),
    (gain * (1.0 + warm), gain, gain * (1.0 - warm)),
    0.05 * draws[5],
    0.006 + 0.012 * draws[6],
  )


def _between(colors, share: float) -> np.ndarray:
  low, high = (np.array(color, np.float32) for color in colors)
  return low + (high - low) * _F(share)


class _Canvas:
  """Planes of colours and their brightness, filled pixel by pixel.

  Attributes:
    planes: float32 (3, n).
    tone: float32 (n,), what the colours are multiplied with.
    bushes: bool (n,), where something low throws a shadow.
  """

  def __init__(self, pixels: int):
    self.planes = np.empty((3, pixels), np.float32)
    self.tone = np.ones(pixels, np.float32)
    self.bushes = np.zeros(pixels, bool)

  def put(self, pixels, colors, tone):
    """Colours pixels (n,) with (3,) or (3, n) and a brightness."""
    for plane, value in zip(self.planes, colors, strict=True):
      plane[pixels] = value
    self.tone[pixels] = tone


def paint(country: Country, cover: Cover, look: Season) -> np.ndarray:
  """Returns the scene as float32 planes (3, H, W) in [0, 1], about."""
  shape = cover.label.shape
  flat = {
    field.name: getattr(cover, field.name).ravel()
    for field in dataclasses.fields(cover)
  }
  flat = Cover(**flat)
  canvas = _Canvas(flat.label.size)
  s = [_F(value) for value in country.shift]
  relief = noise.sample_smooth(
    "clouds", flat.x * _F(0.35) + s[1], flat.y * _F(0.35) + s[3]
  )
  mottle = noise.sample(
    "clouds", flat.x * _F(1.1) + s[0], flat.y * _F(1.1) + s[2]
  )
  trees = noise.sample_smooth(
    "leaves", flat.x * _F(0.33) + s[4], flat.y * _F(0.33) + s[5]
  )
  _grassland(canvas, flat, look, mottle)
  _cropland(canvas, flat, look, mottle, relief)
  _rough(canvas, flat, look, mottle, trees)
  _borders(canvas, flat, look, mottle, trees)
  if country.settlement is not None:
    _settlement(canvas, country, flat, look, mottle, trees)
  _background(canvas, flat, look, mottle)
  _forest(canvas, flat, look, mottle, relief)
  canvas.tone *= _F(0.93) + _F(0.14) * relief
  planes = (canvas.planes * canvas.tone).reshape(3, *shape)
  wood = cover.label == regions.FOREST
  _throw_shadow(country, wood, wood, _CANOPY, planes)
  bushes = canvas.bushes.reshape(shape)
  _throw_shadow(country, bushes, bushes | wood, _BUSH, planes)
  return planes


def expose(
  planes: np.ndarray, look: Season, rng: np.random.Generator
) -> np.ndarray:
  """Turns planes (3, H, W) into a uint8 picture (H, W, 3)."""
  light = np.array(look.light, np.float32)
  planes = planes * light[:, None, None]
  haze = np.array((0.9, 1.0, 1.15), np.float32) * _F(look.haze)
  planes *= _F(1.0 - look.haze)
  planes += haze[:, None, None]
  planes += noise.bell(rng, planes.shape) * _F(look.noise)
  np.clip(planes, 0.0, 1.0, out=planes)
  planes *= _F(255.0)
  planes += _F(0.5)
  return np.ascontiguousarray(planes.astype(np.uint8).transpose(1, 2, 0))


def _rows(flat: Cover, pixels, spacing, duty, blur):
  """Stripes that a machine leaves in fields, as shares of pixels."""
  field = flat.parcel[pixels]
  lengthwise = field * _F(5.0) % _F(1.0) < 0.6
  # Along the edge, where the machine turns, they run the other way.
  lengthwise ^= flat.border[pixels] < 9.0
  across = np.where(lengthwise, flat.v[pixels], flat.u[pixels])
  return noise.pulse(across / spacing, 0.0, duty, blur / spacing)


def _grassland(canvas, flat, look, mottle):
  pixels = np.flatnonzero(flat.label == regions.GRASSLAND)
  field = flat.parcel[pixels]
  fresh = field * _F(23.0) % _F(1.0)
  mown = field * _F(17.0) % _F(1.0) < 0.35
  swaths = _rows(flat, pixels, _F(14.0), 0.5, _F(6.0))
  tone = _F(0.80) + _F(0.22) * fresh + _F(0.24) * (mottle[pixels] - _F(0.2))
  tone += np.where(mown, _F(0.10) * swaths, _F(0.0))
  colors = look.grass[:, None] + _YELLOW * (field * _F(41.0) % _F(1.0))
  canvas.put(pixels, colors, tone)


def _cropland(canvas, flat, look, mottle, relief):
  pixels = np.flatnonzero(flat.label == regions.CROPLAND)
  field = flat.parcel[pixels]
  pick = field * _F(29.0) % _F(1.0)
  order = np.array(look.crops)[
    np.searchsorted(np.array((0.40, 0.64, 0.84), np.float32), pick)
  ]
  colors = _CROPS[order].T
  spacing = _F(9.0) + _F(6.0) * np.floor(field * _F(37.0) % _F(1.0) * 3.0)
  rows = _rows(flat, pixels, spacing, 0.5, _F(2.5)) - _F(0.5)
  tracks = _rows(flat, pixels, _F(2.0) * spacing, 0.12, _F(2.5))
  strength = field * _F(53.0) % _F(1.0)
  tone = _F(0.92) + _F(0.16) * (field * _F(11.0) % _F(1.0))
  tone += _F(0.12) * strength * rows - _F(0.14) * strength * tracks
  tone += _F(0.26) * (relief[pixels] - _F(0.5))
  tone += _F(0.16) * (mottle[pixels] - _F(0.5))
  canvas.put(pixels, colors, tone)


def _rough(canvas, flat, look, mottle, trees):
  """Rough pasture: tussocks, bare and damp spots, shrubs alone or in groups."""
  pixels = np.flatnonzero(flat.label == regions.SEMINATURAL)
  x, y = flat.x[pixels], flat.y[pixels]
  tussocks = noise.sample("leaves", x * _F(2.1), y * _F(2.1))
  damp = noise.sample_smooth("clouds", x * _F(0.7), y * _F(0.7))
  colors = look.rough[:, None] + _PALE * (_F(2.0) * mottle[pixels] - _F(1.0))
  colors += (look.grass - look.rough)[:, None] * np.clip(
    _F(6.0) * damp - _F(3.2), 0.0, 1.0
  )
  canvas.put(pixels, colors, _F(0.74) + _F(0.46) * tussocks)
  _bushes(canvas, flat, look, pixels[trees[pixels] > 0.62])


def _borders(canvas, flat, look, mottle, trees):
  """Margins, farm tracks, hedges, and trees that stand alone in meadows."""
  meadow = flat.label == regions.GRASSLAND
  fields = meadow | (flat.label == regions.CROPLAND)
  use = flat.parcel * _F(61.0) % _F(1.0)
  margin = fields & (flat.border < _F(3.4) * (use - _F(0.2)))
  margin = np.flatnonzero(margin)
  canvas.put(margin, look.grass, _F(0.72) + _F(0.3) * mottle[margin])
  track = np.flatnonzero(
    fields & (use > _HEDGED) & (use < _TRACKED) & (flat.border < 3.2)
  )
  canvas.put(track, (0.62, 0.57, 0.47), _F(0.85) + _F(0.3) * mottle[track])
  hedge = fields & (use < _HEDGED) & (flat.border < 5.0) & (trees > 0.36)
  hedge |= meadow & (trees > 0.78)
  _bushes(canvas, flat, look, np.flatnonzero(hedge))


def _bushes(canvas, flat, look, pixels):
  """Puts the crowns of bushes and small trees."""
  light = land.tree_light(flat.x[pixels], flat.y[pixels], 7.5)
  canvas.put(pixels, _foliage(_BROADLEAF, light, look.autumn), _F(0.95))
  canvas.bushes[pixels] = True


def _foliage(colors, light, autumn):
  """Crowns between shade and light; autumn turns green to rust."""
  low, high = (np.array(color, np.float32)[:, None] for color in colors)
  turned = np.array((1.0, 0.45, 0.3), np.float32)[:, None] * _F(autumn)
  return (low + (high - low) * light) * (_F(1.0) + turned * _F(0.7))


def _forest(canvas, flat, look, mottle, relief):
  """Broadleaved and coniferous trees, and stands that are young."""
  pixels = np.flatnonzero(flat.label == regions.FOREST)
  x, y = flat.x[pixels], flat.y[pixels]
  conifer = relief[pixels] + _F(0.3) * (mottle[pixels] - _F(0.5))
  conifer = conifer < look.conifers
  colors = np.where(
    conifer,
    _foliage(_CONIFER, land.tree_light(x, y, 7.5), 0.0),
    _foliage(_BROADLEAF, land.tree_light(x, y, 11.0), look.autumn),
  )
  young = flat.parcel[pixels] * _F(83.0) % _F(1.0) < _YOUNG
  small = land.tree_light(x, y, 4.5)
  colors = np.where(
    young, look.grass[:, None] * (_F(0.62) + _F(0.3) * small), colors
  )
  canvas.put(pixels, colors, _F(0.75) + _F(0.5) * mottle[pixels])


def _background(canvas, flat, look, mottle):
  pixels = np.flatnonzero(flat.kind == ROAD)
  gray = _F(0.50) - _F(0.10) * (look.crops[0] % 3 == 0)
  canvas.put(
    pixels, (gray, gray, gray + _F(0.02)), _F(0.94) + _F(0.1) * mottle[pixels]
  )
  pixels = np.flatnonzero(flat.kind == WATER)
  # Shallow at the edge, where the bottom shows.
  shallow = np.clip(_F(1.0) + flat.bank[pixels] * _F(0.12), 0.0, 1.0)
  bottom = np.array((0.12, 0.10, 0.05), np.float32)[:, None]
  colors = look.water[:, None] + bottom * shallow
  canvas.put(pixels, colors, _F(0.95) + _F(0.10) * mottle[pixels])
  # Reeds and bushes on the bank.
  pixels = np.flatnonzero(
    (flat.bank > 0.0)
    & (flat.bank < 7.0 * mottle)
    & (flat.label != regions.SETTLEMENT)
    & (flat.kind != ROAD)
  )
  canvas.put(pixels, look.rough * _F(0.62), _F(1.0))


def _settlement(canvas, country, flat, look, mottle, trees):
  """Gardens, yards, streets, trees, shadows and roofs."""
  pixels = np.flatnonzero(flat.label == regions.SETTLEMENT)
  along, across = flat.along[pixels], flat.across[pixels]
  place, salt = country.settlement, country.salt
  lots = village.lots(place, along, across, salt)
  spots = mottle[pixels]
  garden = lots.chance * _F(19.0) % _F(1.0)
  gray = np.array((0.56, 0.54, 0.50), np.float32)[:, None]
  soil = np.array((0.46, 0.37, 0.28), np.float32)[:, None]
  colors = look.grass[:, None] * (_F(0.85) + _F(0.3) * garden)
  colors = np.where((garden > 0.80) & (lots.yard > 14.0), soil, colors)
  colors = np.where((garden < 0.35) & (lots.yard < 16.0), gray, colors)
  canvas.put(pixels, colors, _F(0.75) + _F(0.4) * spots)
  tree = (trees[pixels] > 0.58) & (lots.yard > 15.0)
  tree &= ~(lots.roof | lots.street)
  _bushes(canvas, flat, look, pixels[tree])
  canvas.put(pixels[lots.street], (0.52, 0.51, 0.50), _F(1.0))
  # The sun in the frame of the road.
  _, _, cosine, sine, _ = country.road
  sun = (
    cosine * country.sun[0] + sine * country.sun[1],
    cosine * country.sun[1] - sine * country.sun[0],
  )
  dark = village.shaded(place, along, across, salt, sun, country.shadow)
  canvas.tone[pixels[dark & ~lots.roof]] *= _F(0.45)
  roof = lots.roof
  facing = np.where(lots.turned[roof], _F(sun[0]), _F(sun[1]))
  number = (lots.chance[roof] * _F(43.0) % _F(1.0) * len(_ROOFS)).astype(
    np.int32
  )
  canvas.put(
    pixels[roof],
    _ROOFS[number].T,
    _F(1.04) + _F(0.22) * facing * lots.slope[roof],
  )


def _throw_shadow(country: Country, body, lit, height, planes) -> None:
  """Darkens planes in the shadow of a bool mask, but not where it is `lit`."""
  metres = 2.0 * country.extent / sum(body.shape)
  length = height * country.shadow / metres
  down, right = (round(length * part) for part in country.sun[::-1])
  shadow = land.shifted(body, down, right)
  shadow |= land.shifted(body, round(0.5 * down), round(0.5 * right))
  shadow &= ~lit
  planes[:, shadow] *= _F(0.55)
