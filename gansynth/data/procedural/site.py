"""A street while it is being built: geometry, randomness and drawing order."""

import dataclasses
import math

import numpy as np

from gansynth.data.procedural import cityscapes, raster


@dataclasses.dataclass(frozen=True)
class Side:
  """One side of the street, as distances from the middle of the road.

  Attributes:
    road, parking, verge, walk: outer edges of road, parking strip, grass
      strip and sidewalk; equal where a strip is missing.
    front: where the buildings stand.
    starts, heights: Z where each lot begins, and the height of its building
      (0 where there is none); for shadows.
  """

  road: float
  parking: float
  verge: float
  walk: float
  front: float
  starts: np.ndarray
  heights: np.ndarray


class Site:
  """A street under construction: its plan, and what has been put there.

  Attributes:
    rng: random numbers of the scene.
    primitives: what has been drawn, far to near.
    contacts: polygons (X, Z) that darken the ground.
    urban: 0 for a suburb, to 1 for a city.
    lanes: whether each direction has two lanes.
    roads: half the width of the road in metres.
    offset, bend: the road's middle, X = offset + bend * Z^2 / 2.
    camera: where the picture is taken from.
    cross: Z and half width of a crossing street, or None.
    sun: unit vector to the sun (X, Y, Z).
  """

  def __init__(self, rng: np.random.Generator):
    self.rng = rng
    self.primitives = raster.Primitives()
    self.contacts = []
    self._things = []  # (distance, function that draws it)
    self._counters = {}
    uniform = self.uniform
    self.urban = uniform(0.0, 1.0)  # 0: suburb, 1: city
    self.lanes = rng.random() < 0.3
    road = uniform(6.4, 7.4) if self.lanes else uniform(3.3, 4.6)
    self.bend = 0.0
    if rng.random() < 0.6:
      self.bend = uniform(-0.0036, 0.0036)
    # The camera drives in a lane on the right.
    lane = 0.5
    if self.lanes:
      lane = 0.26 if rng.random() < 0.6 else 0.76
    self.offset = -(lane + uniform(-0.10, 0.06)) * road
    self.camera = raster.Camera(
      height=uniform(1.25, 2.1),
      focal=uniform(0.80, 1.05),
      horizon=uniform(0.40, 0.52),
      centre=uniform(0.42, 0.58),
    )
    self.cross = None
    if rng.random() < 0.5:
      self.cross = (uniform(18.0, 55.0), uniform(3.2, 5.0))
    self.roads = road
    x, y, z = uniform(-1.0, 1.0), uniform(0.7, 1.5), uniform(-0.9, 0.5)
    length = math.sqrt(x * x + y * y + z * z)
    self.sun = (x / length, y / length, z / length)

  def uniform(self, low, high):
    """Returns a random number in [low, high)."""
    return low + (high - low) * self.rng.random()

  def middle(self, z):
    """Returns X of the road's middle at distance z."""
    return self.offset + 0.5 * self.bend * z * z

  def heading(self, z):
    """Returns the road's direction (X, Z) at distance z, of length 1."""
    slope = self.bend * z
    length = math.sqrt(1.0 + slope * slope)
    return slope / length, 1.0 / length

  def point(self, across, z, y=0.0):
    """Returns (X, Y, Z) of a point beside the road."""
    return (self.middle(z) + across, y, z)

  def number(self, label):
    """Returns the next instance number of a class."""
    count = self._counters.get(label, 0)
    self._counters[label] = count + 1
    return label * cityscapes.INSTANCE_STEP + count

  def thickness(self, z, wanted):
    """Returns half a pole's width, at least half a pixel at 128 pixels.

    A thinner pole would appear and vanish from row to row.
    """
    return max(wanted, 0.0045 * z / self.camera.focal)

  def clear(self, z, reach):
    """Tells whether z keeps its distance from the crossing street."""
    return self.cross is None or abs(z - self.cross[0]) > self.cross[1] + reach

  def plan(self, x, z, draw):
    """Plans something whose near end is at X, Z.

    Of two things in the same column of the picture the farther one is also
    farther to the side, so adding the sideways distance changes no order
    that matters, and puts what stands behind a long vehicle behind it.
    """
    self._things.append((z + 0.5 * abs(x), draw))

  def shaded(self, x, z, height):
    """Returns where on the ground (X, Z) the shadow of a point falls."""
    sx, sy, sz = self.sun
    return x - height * sx / sy, z - height * sz / sy

  def contact(self, x, z, half):
    """Darkens the ground below something narrow."""
    self.contacts.append(
      [
        (x - half, z - half),
        (x + half, z - half),
        (x + half, z + half),
        (x - half, z + half),
      ]
    )

  def draw_planned(self):
    """Draws all that `plan` was told about, far to near."""
    for _, draw in sorted(self._things, key=lambda thing: -thing[0]):
      draw()
