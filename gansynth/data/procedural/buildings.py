"""What stands along a street: houses, gardens, and the far end."""

import math

import numpy as np

from gansynth.data.procedural import cityscapes, furniture, raster
from gansynth.data.procedural import site as site_plan
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


def backdrop(site):
  """Adds hills, far houses and trees that close the street's end."""
  rng = site.rng
  hill = (0.30, 0.42, 0.28)
  for _ in range(3):
    width = site.uniform(70.0, 160.0)
    site.primitives.ellipse(
      (site.uniform(-190.0, 190.0), 0.0, 380.0),
      (width, site.uniform(12.0, 42.0)),
      vary(rng, hill),
      cityscapes.VEGETATION,
      material=raster.FOLIAGE,
      rough=0.10,
    )
  end = site.middle(200.0)
  x = end - 190.0
  while x < end + 190.0:
    width = site.uniform(14.0, 34.0)
    height = site.uniform(6.0, 12.0 + 16.0 * site.urban)
    if rng.random() < 0.35 + 0.4 * site.urban:
      _wall(
        site,
        ((x, 220.0), (x + width, 220.0)),
        height,
        vary(rng, pick(rng, WALLS)),
        _facade(site),
      )
    else:
      furniture.bush(
        site.primitives, rng, x + 0.5 * width, 215.0, 0.7 * width, height
      )
    x += width


def _facade(site):
  """Draws a window pattern; returns its parameters."""
  rng = site.rng
  return (
    site.uniform(2.2, 3.4),  # window spacing
    site.uniform(2.9, 3.5),  # storey height
    site.uniform(0.36, 0.60),  # window width, share of the spacing
    site.uniform(0.42, 0.58),  # window height, share of the storey
    float(rng.random() < 0.15 + 0.5 * site.urban),  # shops downstairs
    float(int(rng.random() * 4096)),  # texture shift
    *pick(rng, SHOPS),
  )


def _wall(site, ends, height, colour, facade, roof=0.0):
  """Adds an upright wall with windows between two points (X, Z)."""
  (x0, z0), (x1, z1) = ends
  length = math.sqrt((x1 - x0) ** 2 + (z1 - z0) ** 2)
  # A whole number of windows and storeys fits the wall.
  spacing = length / max(round(length / facade[0]), 1)
  storey = height / max(round(height / facade[1]), 1)
  detail = site.primitives.detail(
    x0,
    z0,
    (x1 - x0) / length,
    (z1 - z0) / length,
    height,
    spacing,
    storey,
    *facade[2:],
  )
  points = [(x0, 0.0, z0), (x1, 0.0, z1), (x1, height, z1)]
  if roof:
    points.append((0.5 * (x0 + x1), height + roof, 0.5 * (z0 + z1)))
  points.append((x0, height, z0))
  site.primitives.polygon(
    points,
    colour,
    cityscapes.BUILDING,
    material=raster.FACADE,
    detail=detail,
  )


def _building(site, side, front, z0, z1):
  """Adds a house between z0 and z1; returns its height."""
  rng = site.rng
  colour = vary(rng, pick(rng, WALLS), 0.12)
  facade = _facade(site)
  setback = 0.0 if site.urban > 0.45 else site.uniform(0.0, 4.0)
  near, far = side * (front + setback), side * (front + setback + 10.0)
  # Drawn in this order the nearer wall covers the farther one.
  start, stop = site.point(near, z0), site.point(near, z1)
  back = site.point(far, z0)
  pitched = rng.random() < 0.85 - 0.6 * site.urban
  storeys = 2 + int(rng.random() * (1.4 + 4.2 * site.urban))
  height = storeys * facade[1]
  plan = ((start[0], z0), (stop[0], z1))
  side_plan = ((start[0], z0), (back[0], z0))
  gable = site.uniform(2.6, 4.2) if pitched else 0.0
  if pitched:
    ridge0 = site.point(side * (front + setback + 5.0), z0, height + gable)
    ridge1 = site.point(side * (front + setback + 5.0), z1, height + gable)
    site.primitives.polygon(
      (
        (*start[:1], height, z0),
        (*stop[:1], height, z1),
        ridge1,
        ridge0,
      ),
      vary(rng, pick(rng, ROOFS)),
      cityscapes.BUILDING,
      material=raster.ROOF,
    )
  if z0 > 2.0:
    _wall(site, side_plan, height, colour, facade, gable)
  _wall(site, plan, height, colour, facade)
  return height + 0.5 * gable


def _green(site, side, front, z0, z1):
  """Adds a garden: trees behind a fence, wall or hedge."""
  rng = site.rng
  count = 1 + int((z1 - z0) / 7.0)
  spots = sorted(site.uniform(z0 + 1.0, z1) for _ in range(count))
  for z in reversed(spots):
    if z > 3.0:
      x = site.middle(z) + side * (front + site.uniform(2.5, 9.0))
      furniture.tree(site.primitives, rng, x, z, site.uniform(5.0, 10.0))
  kind = rng.random()
  if kind < 0.75:
    label, colour, height = (
      (cityscapes.FENCE, (0.46, 0.36, 0.26), 1.2)
      if kind < 0.4
      else (cityscapes.WALL, (0.62, 0.58, 0.52), 1.5)
    )
    a, b = site.point(side * front, z0), site.point(side * front, z1)
    site.primitives.polygon(
      (a, b, (b[0], height, z1), (a[0], height, z0)),
      vary(rng, colour),
      label,
      material=raster.ROOF,
    )


def _lots(site, side, front):
  """Adds one side's buildings; returns their starts and heights."""
  rng = site.rng
  spans, z = [], -8.0
  while z < 150.0:
    length = site.uniform(9.0, 20.0)
    stop = z + length
    kind = "house" if rng.random() < 0.55 + 0.4 * site.urban else "green"
    if site.cross:
      low = site.cross[0] - site.cross[1] - 3.0
      high = site.cross[0] + site.cross[1] + 3.0
      if z < low < stop:
        stop = low
      elif low <= z < high:
        stop, kind = high, "gap"
    spans.append((z, stop, kind))
    gap = site.uniform(1.0, 5.0) if rng.random() > site.urban else 0.0
    z = stop if site.cross else stop + gap
  starts, heights = [], []
  for z0, z1, kind in reversed(spans):
    height = 0.0
    if z1 > 1.0 and kind == "house":
      height = _building(site, side, front, z0, z1)
    elif z1 > 1.0 and kind == "green":
      _green(site, side, front, z0, z1)
      height = 2.0
    starts.append(z0)
    heights.append(height)
  return np.array(starts[::-1]), np.array(heights[::-1])


def side(site, sign):
  """Draws one side of the street and adds its lots."""
  rng = site.rng
  road = site.roads
  parking = road + (2.3 if rng.random() < 0.6 else 0.0)
  verge = parking + (site.uniform(1.2, 2.2) if rng.random() < 0.45 else 0.0)
  walk = verge + site.uniform(2.2, 4.0)
  front = walk + (0.0 if site.urban > 0.45 else site.uniform(0.6, 4.0))
  starts, heights = _lots(site, sign, front)
  return site_plan.Side(road, parking, verge, walk, front, starts, heights)
