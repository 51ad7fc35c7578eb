"""Draws the plan of a street scene: camera, road, lots, traffic, people.

Distances are metres. `across` is measured from the middle of the road, which
bends: its middle lies at X = offset + bend * Z^2 / 2.
"""

import dataclasses
import functools

import numpy as np

from gansynth.data.procedural import (
  cityscapes,
  furniture,
  noise,
  raster,
  vehicles,
)
from gansynth.data.procedural.furniture import pick, vary

# Facades: plaster and brick.
WALLS = (
  (0.80, 0.72, 0.56),
  (0.72, 0.46, 0.34),
  (0.84, 0.80, 0.72),
  (0.62, 0.34, 0.27),
  (0.66, 0.68, 0.70),
  (0.86, 0.74, 0.42),
  (0.60, 0.66, 0.56),
  (0.78, 0.60, 0.50),
)
ROOFS = ((0.52, 0.24, 0.17), (0.34, 0.30, 0.30), (0.44, 0.28, 0.22))
SHOPS = (
  (0.62, 0.10, 0.12),
  (0.10, 0.30, 0.42),
  (0.14, 0.36, 0.22),
  (0.85, 0.60, 0.15),
  (0.20, 0.18, 0.22),
)


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


class _Street:
  """Builds one layout; every method adds one kind of thing."""

  def __init__(self, rng: np.random.Generator):
    self.rng = rng
    self.primitives = raster.Primitives()
    self.contacts = []
    self.things = []  # (distance, function that draws it)
    self.counters = {}
    uniform = self._uniform
    self.urban = uniform(0.0, 1.0)  # 0: suburb, 1: city
    self.lanes = rng.random() < 0.3
    road = uniform(6.4, 7.4) if self.lanes else uniform(3.3, 4.6)
    self.bend = 0.0
    if rng.random() < 0.6:
      self.bend = uniform(-0.0036, 0.0036)
    # The camera drives in the right lane.
    self.offset = -uniform(0.25, 0.55) * road
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
    length = (x * x + y * y + z * z) ** 0.5
    self.sun = (x / length, y / length, z / length)

  def _uniform(self, low, high):
    return low + (high - low) * self.rng.random()

  def middle(self, z):
    """Returns X of the road's middle at distance z."""
    return self.offset + 0.5 * self.bend * z * z

  def heading(self, z):
    """Returns the road's direction (X, Z) at distance z, of length 1."""
    slope = self.bend * z
    length = (1.0 + slope * slope) ** 0.5
    return slope / length, 1.0 / length

  def point(self, across, z, y=0.0):
    """Returns (X, Y, Z) of a point beside the road."""
    return (self.middle(z) + across, y, z)

  def number(self, label):
    """Returns the next instance number of a class."""
    count = self.counters.get(label, 0)
    self.counters[label] = count + 1
    return label * cityscapes.INSTANCE_STEP + count

  def thickness(self, z, wanted):
    """Returns half a pole's width, at least half a pixel at 128 pixels.

    A thinner pole would appear and vanish from row to row.
    """
    return max(wanted, 0.0045 * z / self.camera.focal)

  # -- what stands still ---------------------------------------------------

  def backdrop(self):
    """Adds hills, far houses and trees that close the street's end."""
    rng = self.rng
    hill = (0.30, 0.42, 0.28)
    for _ in range(3):
      width = self._uniform(70.0, 160.0)
      self.primitives.ellipse(
        (self._uniform(-190.0, 190.0), 0.0, 380.0),
        (width, self._uniform(12.0, 42.0)),
        vary(rng, hill),
        cityscapes.VEGETATION,
        material=raster.FOLIAGE,
        rough=0.10,
      )
    end = self.middle(200.0)
    x = end - 190.0
    while x < end + 190.0:
      width = self._uniform(14.0, 34.0)
      height = self._uniform(6.0, 12.0 + 16.0 * self.urban)
      if rng.random() < 0.35 + 0.4 * self.urban:
        self.wall(
          ((x, 220.0), (x + width, 220.0)), height, vary(rng, pick(rng, WALLS)),
          self.facade(),
        )  # fmt: skip
      else:
        furniture.bush(
          self.primitives, rng, x + 0.5 * width, 215.0, 0.7 * width, height
        )
      x += width

  def facade(self):
    """Draws a window pattern; returns its parameters."""
    rng = self.rng
    return (
      self._uniform(2.2, 3.4),  # window spacing
      self._uniform(2.9, 3.5),  # storey height
      self._uniform(0.36, 0.60),  # window width, share of the spacing
      self._uniform(0.42, 0.58),  # window height, share of the storey
      float(rng.random() < 0.15 + 0.5 * self.urban),  # shops downstairs
      float(int(rng.random() * 4096)),  # texture shift
      *pick(rng, SHOPS),
    )

  def wall(self, ends, height, colour, facade, roof=0.0):
    """Adds an upright wall with windows between two points (X, Z)."""
    (x0, z0), (x1, z1) = ends
    length = ((x1 - x0) ** 2 + (z1 - z0) ** 2) ** 0.5
    # A whole number of windows and storeys fits the wall.
    spacing = length / max(round(length / facade[0]), 1)
    storey = height / max(round(height / facade[1]), 1)
    detail = self.primitives.detail(
      x0, z0, (x1 - x0) / length, (z1 - z0) / length, height, spacing, storey,
      *facade[2:],
    )  # fmt: skip
    points = [(x0, 0.0, z0), (x1, 0.0, z1), (x1, height, z1)]
    if roof:
      points.append((0.5 * (x0 + x1), height + roof, 0.5 * (z0 + z1)))
    points.append((x0, height, z0))
    self.primitives.polygon(
      points, colour, cityscapes.BUILDING, material=raster.FACADE,
      detail=detail,
    )  # fmt: skip

  def building(self, side, front, z0, z1):
    """Adds a house between z0 and z1; returns its height."""
    rng = self.rng
    colour = vary(rng, pick(rng, WALLS), 0.12)
    facade = self.facade()
    setback = 0.0 if self.urban > 0.45 else self._uniform(0.0, 4.0)
    near, far = side * (front + setback), side * (front + setback + 10.0)
    # Drawn in this order the nearer wall covers the farther one.
    start, stop = self.point(near, z0), self.point(near, z1)
    back = self.point(far, z0)
    pitched = rng.random() < 0.85 - 0.6 * self.urban
    storeys = 2 + int(rng.random() * (1.4 + 4.2 * self.urban))
    height = storeys * facade[1]
    plan = ((start[0], z0), (stop[0], z1))
    side_plan = ((start[0], z0), (back[0], z0))
    gable = self._uniform(2.6, 4.2) if pitched else 0.0
    if pitched:
      ridge0 = self.point(side * (front + setback + 5.0), z0, height + gable)
      ridge1 = self.point(side * (front + setback + 5.0), z1, height + gable)
      self.primitives.polygon(
        (
          (*start[:1], height, z0), (*stop[:1], height, z1), ridge1, ridge0,
        ),
        vary(rng, pick(rng, ROOFS)), cityscapes.BUILDING,
        material=raster.ROOF,
      )  # fmt: skip
    if z0 > 2.0:
      self.wall(side_plan, height, colour, facade, gable)
    self.wall(plan, height, colour, facade)
    return height + 0.5 * gable

  def green(self, side, front, z0, z1):
    """Adds a garden: trees behind a fence, wall or hedge."""
    rng = self.rng
    count = 1 + int((z1 - z0) / 7.0)
    spots = sorted(self._uniform(z0 + 1.0, z1) for _ in range(count))
    for z in reversed(spots):
      if z > 3.0:
        x = self.middle(z) + side * (front + self._uniform(2.5, 9.0))
        furniture.tree(self.primitives, rng, x, z, self._uniform(5.0, 10.0))
    kind = rng.random()
    if kind < 0.75:
      label, colour, height = (
        (cityscapes.FENCE, (0.46, 0.36, 0.26), 1.2)
        if kind < 0.4
        else (cityscapes.WALL, (0.62, 0.58, 0.52), 1.5)
      )
      a, b = self.point(side * front, z0), self.point(side * front, z1)
      self.primitives.polygon(
        (a, b, (b[0], height, z1), (a[0], height, z0)),
        vary(rng, colour), label, material=raster.ROOF,
      )  # fmt: skip

  def lots(self, side, front):
    """Adds one side's buildings; returns their starts and heights."""
    rng = self.rng
    spans, z = [], -8.0
    while z < 150.0:
      length = self._uniform(9.0, 20.0)
      stop = z + length
      kind = "house" if rng.random() < 0.55 + 0.4 * self.urban else "green"
      if self.cross:
        low = self.cross[0] - self.cross[1] - 3.0
        high = self.cross[0] + self.cross[1] + 3.0
        if z < low < stop:
          stop = low
        elif low <= z < high:
          stop, kind = high, "gap"
      spans.append((z, stop, kind))
      gap = self._uniform(1.0, 5.0) if rng.random() > self.urban else 0.0
      z = stop if self.cross else stop + gap
    starts, heights = [], []
    for z0, z1, kind in reversed(spans):
      height = 0.0
      if z1 > 1.0 and kind == "house":
        height = self.building(side, front, z0, z1)
      elif z1 > 1.0 and kind == "green":
        self.green(side, front, z0, z1)
        height = 2.0
      starts.append(z0)
      heights.append(height)
    return np.array(starts[::-1]), np.array(heights[::-1])

  def side(self, sign):
    """Draws one side of the street and adds its lots."""
    rng = self.rng
    road = self.roads
    parking = road + (2.3 if rng.random() < 0.6 else 0.0)
    verge = parking + (self._uniform(1.2, 2.2) if rng.random() < 0.45 else 0.0)
    walk = verge + self._uniform(2.2, 4.0)
    front = walk + (0.0 if self.urban > 0.45 else self._uniform(0.6, 4.0))
    starts, heights = self.lots(sign, front)
    return Side(road, parking, verge, walk, front, starts, heights)

  # -- what is put along the street ----------------------------------------

  def clear(self, z, reach):
    """Tells whether z keeps its distance from the crossing street."""
    return self.cross is None or abs(z - self.cross[0]) > self.cross[1] + reach

  def plan(self, x, z, draw):
    """Plans something whose near end is at X, Z.

    Of two things in the same column of the picture the farther one is also
    farther to the side, so adding the sideways distance changes no order
    that matters, and puts what stands behind a long vehicle behind it.
    """
    self.things.append((z + 0.5 * abs(x), draw))

  def shaded(self, x, z, height):
    """Returns where on the ground (X, Z) the shadow of a point falls."""
    sx, sy, sz = self.sun
    return x - height * sx / sy, z - height * sz / sy

  def contact(self, x, z, half):
    """Darkens the ground below something narrow."""
    self.contacts.append(
      [(x - half, z - half), (x + half, z - half), (x + half, z + half),
       (x - half, z + half)]
    )  # fmt: skip

  def vehicle(self, kind, across, z, direction):
    """Plans a vehicle; direction is 1 with us, -1 against us."""
    hx, hz = self.heading(z)
    hx, hz = direction * hx, direction * hz
    position = (self.middle(z) + across, z)
    paint = vary(self.rng, pick(self.rng, vehicles.PAINTS))
    if kind == "bus":
      paint = pick(
        self.rng, ((0.85, 0.65, 0.10), (0.72, 0.10, 0.12), (0.12, 0.40, 0.62))
      )

    def draw():
      instance = self.number(vehicles.shape(kind).label)
      if vehicles.add(
        self.primitives, self.camera.height, kind, position, (hx, hz), paint,
        instance,
      ):  # fmt: skip
        footprint = vehicles.shadow(kind, position, (hx, hz))
        self.contacts.append(footprint)
        self.contacts.append([self.shaded(*spot, 0.7) for spot in footprint])

    reach = 0.5 * vehicles.shape(kind).length
    self.plan(position[0], z - reach, draw)

  def _kind(self, rng, large):
    roll = rng.random()
    if roll < large:
      return "bus" if rng.random() < 0.5 else "truck"
    return pick(
      rng, ("sedan", "sedan", "hatch", "hatch", "wagon", "suv", "van")
    )

  def traffic(self):
    """Adds moving and parked vehicles."""
    rng, road = self.rng, self.roads
    density = self._uniform(0.15, 1.0)
    centres = (0.26, 0.76) if self.lanes else (0.5,)
    for direction in (1, -1):
      for lane in centres:
        z = self._uniform(9.0, 26.0)
        own = abs(direction * lane * road + self.offset) < 1.8
        if own:
          z += 6.0
        while z < 100.0:
          if rng.random() < density:
            jitter = self._uniform(-0.2, 0.2)
            self.vehicle(
              self._kind(rng, 0.2), direction * lane * road + jitter, z,
              direction,
            )  # fmt: skip
          z += self._uniform(13.0, 30.0)

  def parked(self, sign, side):
    """Adds a row of parked cars where there is a strip for them."""
    rng = self.rng
    if side.parking <= side.road:
      return
    fill = self._uniform(0.2, 0.95)
    z = self._uniform(4.0, 8.0)
    while z < 90.0:
      if rng.random() < fill and self.clear(z, 5.0):
        across = sign * (0.5 * (side.road + side.parking))
        self.vehicle(self._kind(rng, 0.04), across, z, sign)
      z += self._uniform(5.6, 7.0)

  def people(self, sign, side):
    """Adds walkers, and bicycles beside the road."""
    rng = self.rng
    count = int(rng.random() * (2.0 + 6.0 * self.urban))
    for _ in range(count):
      z = 4.5 + 50.0 * rng.random() ** 1.5
      across = sign * self._uniform(side.verge + 0.4, side.walk - 0.3)
      self.walker(across, z)
    if rng.random() < 0.35:
      z = self._uniform(7.0, 30.0)
      self.cyclist(sign * (side.road - 0.7), z, riding=True, side=False)
    if rng.random() < 0.30:
      z = self._uniform(6.0, 25.0)
      self.cyclist(sign * (side.walk - 0.5), z, riding=False, side=None)

  def walker(self, across, z):
    """Plans a person on foot."""
    x = self.middle(z) + across

    def draw():
      instance = self.number(cityscapes.PERSON)
      furniture.person(self.primitives, self.rng, x, z, instance)
      self.contact(x, z, 0.28)

    self.plan(x, z, draw)

  def cyclist(self, across, z, riding, side):
    """Plans a bicycle, with its rider if `riding`."""
    x = self.middle(z) + across

    def draw():
      rider = self.number(cityscapes.RIDER) if riding else None
      instance = self.number(cityscapes.BICYCLE)
      furniture.bicycle(self.primitives, self.rng, x, z, instance, rider, side)
      self.contact(x, z, 0.35)

    self.plan(x, z, draw)

  def avenue(self, sign, side):
    """Adds street trees, lamps and signs along the kerb."""
    rng = self.rng
    kerb = side.verge - 0.6 if side.verge > side.parking else side.parking + 0.5
    if rng.random() < (0.9 if side.verge > side.parking else 0.35):
      spacing = self._uniform(8.0, 15.0)
      colour = pick(rng, furniture.LEAVES)
      height = self._uniform(5.5, 9.0)
      z = self._uniform(7.0, 7.0 + spacing)
      while z < 85.0:
        if self.clear(z, 2.0):
          self.tree_at(sign * kerb, z, height * self._uniform(0.85, 1.1),
                       vary(rng, colour))  # fmt: skip
        z += spacing
    if rng.random() < 0.75:
      z = self._uniform(9.0, 18.0)
      while z < 90.0:
        self.post("lamp", sign, kerb, z)
        z += 24.0
    for _ in range(int(rng.random() * 3.0)):
      self.post("sign", sign, kerb, self._uniform(7.0, 32.0))

  def tree_at(self, across, z, height, colour):
    """Plans a street tree."""
    x = self.middle(z) + across

    def draw():
      furniture.tree(self.primitives, self.rng, x, z, height, colour)
      # A crown throws a shadow of three lobes.
      crown = 0.27 * height
      for along in (0.56, 0.66, 0.74) if z < 40.0 else (0.66,):
        drift = 0.4 * crown * (2.0 * self.rng.random() - 1.0)
        self.contacts.append(
          [
            self.shaded(x + drift + crown * c, z + crown * s, along * height)
            for c, s in vehicles.OCTAGON
          ]
        )

    self.plan(x, z, draw)

  def post(self, kind, sign, kerb, z):
    """Plans something on a pole."""
    x = self.middle(z) + sign * (kerb + 0.25)

    def draw():
      if kind == "lamp":
        furniture.lamp(self.primitives, x, z, -sign, self.thickness(z, 0.07))
      elif kind == "sign":
        furniture.sign(self.primitives, self.rng, x, z,
                       self.thickness(z, 0.04))  # fmt: skip
      else:
        furniture.traffic_light(
          self.primitives, self.rng, x, z, self.thickness(z, 0.07), -sign,
          overhead=self.lanes,
        )  # fmt: skip

    self.plan(x, z, draw)

  def crossing(self, sides):
    """Adds what belongs to the crossing street."""
    if self.cross is None:
      return
    rng = self.rng
    z = self.cross[0] - self.cross[1] - 1.5
    if rng.random() < 0.7:
      for sign, side in zip((-1, 1), sides, strict=True):
        self.post("signal", sign, side.parking + 0.4, z)
    for _ in range(int(rng.random() * 4.0)):
      self.walker(self._uniform(-self.roads, self.roads), z - 1.5)

  def build(self) -> Layout:
    """Draws the whole scene."""
    rng = self.rng
    self.backdrop()
    sides = (self.side(-1), self.side(1))
    self.traffic()
    for sign, side in zip((-1, 1), sides, strict=True):
      self.parked(sign, side)
      self.avenue(sign, side)
      self.people(sign, side)
    self.crossing(sides)
    for _, draw in sorted(self.things, key=lambda thing: -thing[0]):
      draw()
    return Layout(
      camera=self.camera,
      offset=self.offset,
      bend=self.bend,
      sides=sides,
      cross=self.cross,
      dash=(self._uniform(7.0, 11.0), self._uniform(0.35, 0.55)),
      lanes=self.lanes,
      sun=self.sun,
      cloud=(256.0 * rng.random(), 256.0 * rng.random(), rng.random()),
      tints=tuple(self._uniform(0.88, 1.12) for _ in range(3)),
      primitives=self.primitives.finish(),
      contacts=self.contacts,
    )


@functools.lru_cache(maxsize=4)
def street(seed: int, index: int) -> Layout:
  """Draws scene `index` of a seed. The last few are kept."""
  return _Street(noise.generator(seed, index, 0)).build()
