"""Landscapes of the overhead tiles: what grows there and how it looks."""

import dataclasses

# Classes of the land cover, by their id (the palette of Geoseg-GAN).
BACKGROUND, FOREST, GRASSLAND, CROPLAND, SETTLEMENT, SEMINATURAL = range(6)
CLASSES = (
  "Background",
  "Forest land",
  "Grassland",
  "Cropland",
  "Settlement",
  "Seminatural Grassland",
)
PALETTE = (
  (250, 62, 119),
  (168, 232, 84),
  (242, 180, 92),
  (116, 116, 116),
  (255, 214, 33),
  (33, 150, 243),
)


@dataclasses.dataclass(frozen=True)
class Region:
  """A landscape. Colours lie in [0, 1], lengths are metres.

  Attributes:
    name: how it is asked for.
    parcel: width and depth of a field.
    odds: how often a parcel is cropland, grassland, seminatural grassland;
      the rest is bare ground.
    woods: share of the noise field that is forest, about its area.
    village: how often a tile has a settlement.
    water: how often a tile has a river or a lake.
    crops: colours of fields.
    grass, scrub, soil, water_colour, gravel: colours of their surfaces.
    trees: light and shaded colour of crowns.
    crown: spacing of trees.
    roofs: colours of houses.
    pivots: whether fields are circles round a pivot, as in dry country.
    light: gain of each channel; stands for sun and air.
    sun: metres of shadow per metre of height.
  """

  name: str
  parcel: tuple[float, float]
  odds: tuple[float, float, float]
  woods: float
  village: float
  water: float
  crops: tuple[tuple[float, float, float], ...]
  grass: tuple[float, float, float]
  scrub: tuple[float, float, float]
  soil: tuple[float, float, float]
  water_colour: tuple[float, float, float]
  gravel: tuple[float, float, float]
  trees: tuple[tuple[float, float, float], tuple[float, float, float]]
  crown: float
  roofs: tuple[tuple[float, float, float], ...]
  pivots: bool
  light: tuple[float, float, float]
  sun: float


REGIONS = (
  Region(
    name="farmland",
    parcel=(130.0, 95.0),
    odds=(0.56, 0.30, 0.10),
    woods=0.34,
    village=0.75,
    water=0.35,
    crops=(
      (0.42, 0.52, 0.20),
      (0.74, 0.66, 0.36),
      (0.52, 0.42, 0.30),
      (0.33, 0.46, 0.18),
      (0.80, 0.76, 0.28),
    ),
    grass=(0.36, 0.53, 0.22),
    scrub=(0.46, 0.49, 0.27),
    soil=(0.55, 0.45, 0.33),
    water_colour=(0.17, 0.27, 0.30),
    gravel=(0.70, 0.67, 0.60),
    trees=((0.24, 0.38, 0.14), (0.07, 0.15, 0.07)),
    crown=9.0,
    roofs=((0.62, 0.30, 0.22), (0.52, 0.36, 0.28), (0.40, 0.38, 0.38)),
    pivots=False,
    light=(1.00, 1.00, 0.95),
    sun=1.0,
  ),
  Region(
    name="desert",
    parcel=(210.0, 210.0),
    odds=(0.24, 0.06, 0.40),
    woods=0.12,
    village=0.45,
    water=0.15,
    crops=((0.30, 0.44, 0.20), (0.46, 0.50, 0.26), (0.62, 0.52, 0.34)),
    grass=(0.56, 0.55, 0.34),
    scrub=(0.70, 0.58, 0.42),
    soil=(0.83, 0.66, 0.46),
    water_colour=(0.30, 0.42, 0.40),
    gravel=(0.90, 0.80, 0.64),
    trees=((0.40, 0.42, 0.24), (0.52, 0.42, 0.29)),
    crown=15.0,
    roofs=((0.88, 0.83, 0.74), (0.78, 0.66, 0.50), (0.70, 0.72, 0.74)),
    pivots=True,
    light=(1.06, 0.98, 0.86),
    sun=0.65,
  ),
  Region(
    name="boreal",
    parcel=(170.0, 140.0),
    odds=(0.12, 0.22, 0.50),
    woods=0.62,
    village=0.25,
    water=0.70,
    crops=((0.58, 0.57, 0.40), (0.44, 0.50, 0.34)),
    grass=(0.42, 0.50, 0.34),
    scrub=(0.52, 0.46, 0.38),
    soil=(0.50, 0.47, 0.44),
    water_colour=(0.06, 0.12, 0.20),
    gravel=(0.66, 0.66, 0.66),
    trees=((0.15, 0.27, 0.20), (0.03, 0.08, 0.08)),
    crown=6.0,
    roofs=((0.48, 0.16, 0.15), (0.30, 0.33, 0.36), (0.60, 0.58, 0.52)),
    pivots=False,
    light=(0.88, 0.95, 1.06),
    sun=1.8,
  ),
)


def find(region: int | str) -> Region:
  """Returns a region by number or name; ValueError if there is none."""
  names = [known.name for known in REGIONS]
  if region in names:
    return REGIONS[names.index(region)]
  if isinstance(region, int) and 0 <= region < len(REGIONS):
    return REGIONS[region]
  raise ValueError(
    f"Unknown region {region!r}; choose one of {names} or a number from 0 to "
    f"{len(REGIONS) - 1}."
  )
