"""Villages and farms seen from above: lots along streets, houses, gardens.

Places are metres in the frame of the road: along it, and across it, where the
road itself is at 0. Streets run beside the road every two lots.
"""

import dataclasses

import numpy as np

from gansynth.data.procedural import noise

_F = np.float32
_EAVES = 6.0  # metres of height that throw a house's shadow


@dataclasses.dataclass(frozen=True)
class Settlement:
  """Where a settlement is.

  Attributes:
    along, across: its middle.
    radius: how far it reaches.
    scale: of its lots and houses: 1 for a village, more for a farm.
  """

  along: float
  across: float
  radius: float
  scale: float


@dataclasses.dataclass(frozen=True)
class Lots:
  """What stands at points of a settlement, all (n,).

  Attributes:
    roof: whether there is a roof.
    slope: 1 on the side of it that faces -across (or -along), else -1.
    turned: whether the ridge runs across the street.
    street: whether it is a street.
    yard: metres from the street.
    chance: float32 in [0, 1), one value per lot.
  """

  roof: np.ndarray
  slope: np.ndarray
  turned: np.ndarray
  street: np.ndarray
  yard: np.ndarray
  chance: np.ndarray


def plan(rng: np.random.Generator, extent: float) -> Settlement | None:
  """Draws a village (in 2 of 9 scenes), a farm (in 1 of 8), or None."""
  kind, along, across, size = rng.random(4)
  along = extent * 0.5 * (along - 0.5)
  if kind < 0.22:
    return Settlement(
      along, 40.0 * (across - 0.5), extent * (0.16 + 0.16 * size), 1.0
    )
  if kind < 0.35:
    return Settlement(
      along, 40.0 if across < 0.5 else -40.0, 36.0 + 20.0 * size, 1.5
    )
  return None


def _lots(settlement: Settlement, along: np.ndarray, across: np.ndarray):
  """Returns width and depth of lots, and which of them points are in."""
  width = _F(22.0 * settlement.scale)
  depth = _F(27.0 * settlement.scale)
  return width, depth, np.floor(along / width), np.floor(across / depth)


def inside(
  settlement: Settlement, along: np.ndarray, across: np.ndarray, salt: int
) -> np.ndarray:
  """Returns which points are settled: whole lots, so no house is cut."""
  width, depth, i, j = _lots(settlement, along, across)
  da = (i + _F(0.5)) * width - _F(settlement.along)
  db = (j + _F(0.5)) * depth - _F(settlement.across)
  reach = (da * da + _F(1.6) * db * db) / _F(settlement.radius**2)
  return reach + _F(0.5) * noise.cell_hash(i, j, salt + 2) < 1.0


def lots(
  settlement: Settlement, along: np.ndarray, across: np.ndarray, salt: int
) -> Lots:
  """Tells what stands at points (n,)."""
  scale = _F(settlement.scale)
  width, depth, i, j = _lots(settlement, along, across)
  a = along - (i + _F(0.5)) * width
  yard = across - j * depth
  odd = j % 2.0 != 0.0  # its street is behind it
  yard = np.where(odd, depth - yard, yard)
  chance = noise.cell_hash(i, j, salt + 3)
  other = chance * _F(13.0) % _F(1.0)
  third = chance * _F(71.0) % _F(1.0)
  street = yard < 3.2
  street |= (i % 5.0 == 0.0) & (a < _F(-5.0) * scale)
  a = a - scale * (third - _F(0.5)) * _F(3.0)
  b = yard - scale * (_F(11.5) + _F(2.0) * third)
  half_a = scale * (_F(5.0) + _F(3.0) * other)
  half_b = scale * (_F(4.5) + _F(2.0) * third)
  roof = (np.abs(a) < half_a) & (np.abs(b) < half_b) & (chance < 0.9)
  shed = (np.abs(a - scale * _F(5.0)) < _F(3.0) * scale) & (
    np.abs(b - scale * _F(9.5)) < _F(2.5) * scale
  )
  roof |= shed & (other < 0.5)
  roof &= ~street
  turned = third < 0.3
  slope = np.where(turned, a < 0.0, (b < 0.0) ^ odd)
  slope = np.where(slope, _F(1.0), _F(-1.0))
  return Lots(roof, slope, turned, street, yard, chance)


def shaded(
  settlement: Settlement,
  along: np.ndarray,
  across: np.ndarray,
  salt: int,
  sun: tuple[float, float],
  shadow: float,
) -> np.ndarray:
  """Returns which points lie in the shadow of a house.

  The shadow is the roof, seen from a place moved against the sun.

  Args:
    settlement: where it is.
    along: (n,) places along the road.
    across: (n,) places across it.
    salt: as of `lots`.
    sun: unit vector that shadows point to, in the frame of the road.
    shadow: metres of shadow per metre of height.
  """
  length = _EAVES * shadow
  a, b = along - _F(length * sun[0]), across - _F(length * sun[1])
  return lots(settlement, a, b, salt).roof & inside(settlement, a, b, salt)
