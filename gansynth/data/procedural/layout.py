"""Draws the plan of a street scene: camera, road, lots, traffic, people.

Distances are metres. `across` is measured from the middle of the road, which
bends: its middle lies at X = offset + bend * Z^2 / 2.
"""

import dataclasses
import functools

from gansynth.data.procedural import buildings, noise, raster, traffic
from gansynth.data.procedural.site import Side, Site


@dataclasses.dataclass(frozen=True)
class Layout:
  """Everything that both renderings of a scene are made from.

  Attributes:
    camera: where the picture is taken from.
    offset, bend: the road's middle, X = offset + bend * Z^2 / 2.
    sides: left and right.
    cross: Z and half width of a crossing street, or None.
    dash: length in metres of one lane mark and its gap, and the mark's share.
    lanes: whether each direction has two lanes.
    sun: unit vector to the sun (X, Y, Z).
    cloud: shift of the cloud texture and the share of cloud cover.
    tints: factors of the ground's colours (asphalt, paving, grass).
    primitives: what stands on the ground, far to near.
    contacts: polygons (X, Z) that vehicles and people darken on the ground.
  """

  camera: raster.Camera
  offset: float
  bend: float
  sides: tuple[Side, Side]
  cross: tuple[float, float] | None
  dash: tuple[float, float]
  lanes: bool
  sun: tuple[float, float, float]
  cloud: tuple[float, float, float]
  tints: tuple[float, float, float]
  primitives: raster.Primitives
  contacts: list[list[tuple[float, float]]]


@functools.lru_cache(maxsize=4)
def street(seed: int, index: int) -> Layout:
  """Draws scene `index` of a seed. The last few are kept."""
  rng = noise.generator(seed, index, 0)
  site = Site(rng)
  buildings.backdrop(site)
  sides = (buildings.side(site, -1), buildings.side(site, 1))
  traffic.traffic(site)
  for sign, side in zip((-1, 1), sides, strict=True):
    traffic.parked(site, sign, side)
    traffic.avenue(site, sign, side)
    traffic.people(site, sign, side)
  traffic.crossing(site, sides)
  site.draw_planned()
  return Layout(
    camera=site.camera,
    offset=site.offset,
    bend=site.bend,
    sides=sides,
    cross=site.cross,
    dash=(site.uniform(7.0, 11.0), site.uniform(0.35, 0.55)),
    lanes=site.lanes,
    sun=site.sun,
    cloud=(256.0 * rng.random(), 256.0 * rng.random(), rng.random()),
    tints=tuple(site.uniform(0.88, 1.12) for _ in range(3)),
    primitives=site.primitives.finish(),
    contacts=site.contacts,
  )
