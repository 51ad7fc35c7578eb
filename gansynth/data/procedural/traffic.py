"""Who and what is on a street: vehicles, people, trees, poles and signs."""

import math

from gansynth.data.procedural import cityscapes, furniture, vehicles
from gansynth.data.procedural.furniture import pick, vary


def _vehicle(site, kind, across, z, direction):
  """Plans a vehicle; direction is 1 with us, -1 against us."""
  hx, hz = site.heading(z)
  hx, hz = direction * hx, direction * hz
  position = (site.middle(z) + across, z)
  paint = vary(site.rng, pick(site.rng, vehicles.PAINTS))
  if kind == "bus":
    paint = pick(
      site.rng, ((0.85, 0.65, 0.10), (0.72, 0.10, 0.12), (0.12, 0.40, 0.62))
    )

  def draw():
    instance = site.number(vehicles.shape(kind).label)
    if vehicles.add(
      site.primitives,
      site.camera.height,
      kind,
      position,
      (hx, hz),
      paint,
      instance,
    ):
      footprint = vehicles.shadow(kind, position, (hx, hz))
      site.contacts.append(footprint)
      site.contacts.append([site.shaded(*spot, 0.7) for spot in footprint])

  reach = 0.5 * vehicles.shape(kind).length
  site.plan(position[0], z - reach, draw)


def _kind(rng, large):
  roll = rng.random()
  if roll < large:
    return "bus" if rng.random() < 0.5 else "truck"
  return pick(rng, ("sedan", "sedan", "hatch", "hatch", "wagon", "suv", "van"))


def traffic(site):
  """Adds moving and parked vehicles."""
  rng, road = site.rng, site.roads
  density = site.uniform(0.15, 1.0)
  centres = (0.26, 0.76) if site.lanes else (0.5,)
  for direction in (1, -1):
    for lane in centres:
      z = site.uniform(9.0, 26.0)
      own = abs(direction * lane * road + site.offset) < 1.8
      if own:
        z += 6.0
      while z < 100.0:
        if rng.random() < density:
          jitter = site.uniform(-0.2, 0.2)
          _vehicle(
            site,
            _kind(rng, 0.2),
            direction * lane * road + jitter,
            z,
            direction,
          )
        z += site.uniform(13.0, 30.0)


def parked(site, sign, side):
  """Adds a row of parked cars where there is a strip for them."""
  rng = site.rng
  if side.parking <= side.road:
    return
  fill = site.uniform(0.2, 0.95)
  z = site.uniform(4.0, 8.0)
  while z < 90.0:
    if rng.random() < fill and site.clear(z, 5.0):
      across = sign * (0.5 * (side.road + side.parking))
      _vehicle(site, _kind(rng, 0.04), across, z, sign)
    z += site.uniform(5.6, 7.0)


def people(site, sign, side):
  """Adds walkers, and bicycles beside the road."""
  rng = site.rng
  count = int(rng.random() * (2.0 + 6.0 * site.urban))
  for _ in range(count):
    near = rng.random()
    z = 4.5 + 50.0 * near * math.sqrt(near)
    across = sign * site.uniform(side.verge + 0.4, side.walk - 0.3)
    _walker(site, across, z)
  if rng.random() < 0.35:
    z = site.uniform(7.0, 30.0)
    _cyclist(site, sign * (side.road - 0.7), z, riding=True, side=False)
  if rng.random() < 0.30:
    z = site.uniform(6.0, 25.0)
    _cyclist(site, sign * (side.walk - 0.5), z, riding=False, side=None)


def _walker(site, across, z):
  """Plans a person on foot."""
  x = site.middle(z) + across

  def draw():
    instance = site.number(cityscapes.PERSON)
    furniture.person(site.primitives, site.rng, x, z, instance)
    site.contact(x, z, 0.28)

  site.plan(x, z, draw)


def _cyclist(site, across, z, riding, side):
  """Plans a bicycle, with its rider if `riding`."""
  x = site.middle(z) + across

  def draw():
    rider = site.number(cityscapes.RIDER) if riding else None
    instance = site.number(cityscapes.BICYCLE)
    furniture.bicycle(site.primitives, site.rng, x, z, instance, rider, side)
    site.contact(x, z, 0.35)

  site.plan(x, z, draw)


def avenue(site, sign, side):
  """Adds street trees, lamps and signs along the kerb."""
  rng = site.rng
  kerb = side.verge - 0.6 if side.verge > side.parking else side.parking + 0.5
  if rng.random() < (0.9 if side.verge > side.parking else 0.35):
    spacing = site.uniform(8.0, 15.0)
    colour = pick(rng, furniture.LEAVES)
    height = site.uniform(5.5, 9.0)
    z = site.uniform(7.0, 7.0 + spacing)
    while z < 85.0:
      if site.clear(z, 2.0):
        _tree_at(
          site,
          sign * kerb,
          z,
          height * site.uniform(0.85, 1.1),
          vary(rng, colour),
        )
      z += spacing
  if rng.random() < 0.75:
    z = site.uniform(9.0, 18.0)
    while z < 90.0:
      _post(site, "lamp", sign, kerb, z)
      z += 24.0
  for _ in range(int(rng.random() * 3.0)):
    _post(site, "sign", sign, kerb, site.uniform(7.0, 32.0))


def _tree_at(site, across, z, height, colour):
  """Plans a street tree."""
  x = site.middle(z) + across

  def draw():
    furniture.tree(site.primitives, site.rng, x, z, height, colour)
    # A crown throws a shadow of three lobes.
    crown = 0.27 * height
    for along in (0.56, 0.66, 0.74) if z < 40.0 else (0.66,):
      drift = 0.4 * crown * (2.0 * site.rng.random() - 1.0)
      site.contacts.append(
        [
          site.shaded(x + drift + crown * c, z + crown * s, along * height)
          for c, s in vehicles.OCTAGON
        ]
      )

  site.plan(x, z, draw)


def _post(site, kind, sign, kerb, z):
  """Plans something on a pole."""
  x = site.middle(z) + sign * (kerb + 0.25)

  def draw():
    if kind == "lamp":
      furniture.lamp(site.primitives, x, z, -sign, site.thickness(z, 0.07))
    elif kind == "sign":
      furniture.sign(site.primitives, site.rng, x, z, site.thickness(z, 0.04))
    else:
      furniture.traffic_light(
        site.primitives,
        site.rng,
        x,
        z,
        site.thickness(z, 0.07),
        -sign,
        overhead=site.lanes,
      )

  site.plan(x, z, draw)


def crossing(site, sides):
  """Adds what belongs to the crossing street."""
  if site.cross is None:
    return
  rng = site.rng
  z = site.cross[0] - site.cross[1] - 1.5
  if rng.random() < 0.7:
    for sign, side in zip((-1, 1), sides, strict=True):
      _post(site, "signal", sign, side.parking + 0.4, z)
  for _ in range(int(rng.random() * 4.0)):
    _walker(site, site.uniform(-site.roads, site.roads), z - 1.5)
