"""Colours a street scene twice: as a game and as a camera would show it.

Both renderings start from the same colours of the same surfaces. The game
keeps them saturated, sharp and clean below a blue sky. The photo has an
overcast sky, a duller and greener tone curve, texture, soft shadows that
darken corners, haze, a lens that blurs and darkens the corners, and a sensor
with a little noise. The noise is kept small on purpose: what a translator can
not know is the floor of its error.
"""

import dataclasses

import numpy as np

from gansynth.data.procedural import ground, layout, noise, raster

_F = np.float32
_LUMA = (_F(0.299), _F(0.587), _F(0.114))


@dataclasses.dataclass(frozen=True)
class Buffers:
  """What is visible in each pixel, before it has a colour.

  Attributes:
    plan: the scene.
    canvas: int32 (H, W), 1 + primitive number, 0 for ground and sky.
    depth: float32 (H, W), metres.
    label: uint8 (H, W); instance: int32 (H, W).
    pixels: flat indices of the ground's pixels.
    ground: their description.
    contact: float32 (H, W), 1 on the ground below vehicles and people.
  """

  plan: layout.Layout
  canvas: np.ndarray
  depth: np.ndarray
  label: np.ndarray
  instance: np.ndarray
  pixels: np.ndarray
  ground: ground.Ground
  contact: np.ndarray


def _contacts(plan: layout.Layout, size: tuple[int, int]) -> np.ndarray:
  """Returns 1 where something on the ground shades it, else 0."""
  sx, sy, sz = plan.sun
  shade = raster.Primitives()
  for polygon in plan.contacts:
    for shift in (0.0, 0.6):
      points = [
        (x - shift * sx / sy, 0.0, z - shift * sz / sy) for x, z in polygon
      ]
      shade.polygon(points, (0.0, 0.0, 0.0), 0)
  mask = raster.paint(shade.finish(), plan.camera, size)
  return (mask > 0).astype(np.float32)


def trace(plan: layout.Layout, size: tuple[int, int]) -> Buffers:
  """Finds what every pixel of a picture of (H, W) shows."""
  parts, camera = plan.primitives, plan.camera
  canvas = raster.paint(parts, camera, size)
  depth = raster.depth_of(parts, camera, canvas)
  labels = np.concatenate([[raster.SKY_LABEL], parts.label]).astype(np.uint8)
  instances = np.concatenate([[raster.SKY_LABEL], parts.instance])
  label = labels.take(canvas)
  instance = instances.astype(np.int32).take(canvas)
  rays = camera.rays(size)
  pixels = np.flatnonzero((canvas == 0) & (rays[1] < 0.0))
  z = depth.ravel()[pixels]
  x = rays[0].ravel().astype(np.float32)[pixels % size[1]] * z
  floor = ground.survey(plan, x, z, camera.pixels(size))
  label.ravel()[pixels] = ground.LABELS[floor.kind]
  instance.ravel()[pixels] = label.ravel()[pixels]
  return Buffers(
    plan, canvas, depth, label, instance, pixels, floor, _contacts(plan, size)
  )


def _surface(buffers: Buffers, light: np.ndarray) -> np.ndarray:
  """Returns (H, W, 3) colours of the primitives times their light (N,)."""
  colours = np.zeros((len(light) + 1, 3), np.float32)
  colours[1:] = buffers.plan.primitives.albedo * light[:, None]
  return colours.take(buffers.canvas, axis=0)


def _facing(buffers: Buffers) -> tuple[np.ndarray, np.ndarray]:
  """Returns n . sun and n . up of the primitives, turned to the camera."""
  parts, camera = buffers.plan.primitives, buffers.plan.camera
  toward = parts.offset - camera.height * parts.normal[:, 1]
  sign = np.where(toward > 0.0, -1.0, 1.0)
  sx, sy, sz = buffers.plan.sun
  nx, ny, nz = (parts.normal[:, axis] * sign for axis in range(3))
  return (
    (nx * sx + ny * sy + nz * sz).astype(np.float32),
    ny.astype(np.float32),
  )


def _places(buffers: Buffers, pixels: np.ndarray):
  """Returns X, Y, Z in metres and X / Z of pixels."""
  size = buffers.canvas.shape
  rx, ry = buffers.plan.camera.rays(size)
  rx = rx.ravel().astype(np.float32)[pixels % size[1]]
  ry = ry.ravel().astype(np.float32)[pixels // size[1]]
  z = buffers.depth.ravel()[pixels]
  return rx * z, ry * z + _F(buffers.plan.camera.height), z, rx


def _select(buffers: Buffers, material: int) -> np.ndarray:
  """Returns the flat indices of the pixels made of a material."""
  kinds = np.concatenate([[raster.SKY], buffers.plan.primitives.material])
  return np.flatnonzero((kinds == material).take(buffers.canvas))


def _mix(base, colour, share):
  """Blends rows of colours (n, 3) toward a colour by share (n,), in place."""
  base += (colour - base) * share[:, None]


@dataclasses.dataclass(frozen=True)
class _Facades:
  """Wall pixels: their windows, frames, shops, and place on the wall."""

  pixels: np.ndarray
  window: np.ndarray
  frame: np.ndarray
  glass: np.ndarray  # brightness of the pane, per window
  lit: np.ndarray  # 1 where somebody is at home after dark
  band: np.ndarray
  shop: np.ndarray
  cornice: np.ndarray
  u: np.ndarray
  v: np.ndarray
  pixel: np.ndarray


def _facades(buffers: Buffers) -> _Facades:
  """Works out the windows of the wall pixels."""
  parts = buffers.plan.primitives
  pixels = _select(buffers, raster.FACADE)
  rows = parts.detail_row[buffers.canvas.ravel()[pixels] - 1]
  (
    ox, oz, ux, uz, height, spacing, storey, wide, high, shops, shift, *shop
  ) = (parts.detail_table[:, column][rows] for column in range(14))  # fmt: skip
  x, y, z, rx = _places(buffers, pixels)
  u = (x - ox) * ux + (z - oz) * uz
  focal = _F(buffers.plan.camera.pixels(buffers.canvas.shape))
  tall = z / focal
  broad = tall / np.maximum(np.abs(ux - uz * rx), _F(1e-3))
  below = y < height - 0.3
  street = shops * (y < storey)
  # Shops have one broad pane for two windows.
  su, sv = u / spacing, y / storey
  cu, cv = np.floor(su), np.floor(sv)
  low, foot = 0.5 - 0.5 * wide, _F(0.30)
  pu, pv = broad / spacing, tall / storey
  upper = noise.pulse(su, low, 1.0 - low, pu)
  upper = upper * noise.pulse(sv, foot, foot + high, pv)
  rim = noise.pulse(su, low - 0.05, 1.05 - low, pu)
  rim = rim * noise.pulse(sv, foot - 0.06, foot + high + 0.04, pv)
  pane = noise.pulse(su, 0.06, 0.94, pu) * noise.coverage(sv, 0.12, 0.70, pv)
  window = np.where(street > 0, pane, upper) * below
  frame = np.where(street > 0, 0.0, np.maximum(rim - upper, 0.0)) * below
  band = shops * noise.coverage(sv, 0.76, 0.96, pv)
  cornice = noise.coverage(y, height - 0.40, height, tall)
  chance = noise.cell_hash(cu, cv, shift)
  glass = 0.55 + 0.9 * chance
  # Where windows are smaller than a pixel their average is shown.
  fine = np.clip(2.0 - 2.0 * np.maximum(pu, pv), 0.0, 1.0)
  glass = 1.0 + (glass - 1.0) * fine
  lit = (chance * 7.0 % 1.0 < 0.35).astype(np.float32)
  f32 = [
    value.astype(np.float32)
    for value in (window, frame, glass, lit, band, np.stack(shop, 1), cornice)
  ]
  return _Facades(pixels, *f32, u, y, np.maximum(tall, broad))


_GLASS = np.array((0.30, 0.38, 0.46), np.float32)
_FRAME = np.array((0.88, 0.87, 0.84), np.float32)


def _paint_facades(colours, walls: _Facades):
  """Puts windows, frames, shop signs and cornices on wall colours (n, 3)."""
  _mix(colours, walls.shop, walls.band)
  _mix(colours, _FRAME, 0.75 * walls.frame)
  _mix(colours, _FRAME, 0.5 * walls.cornice)
  _mix(colours, _GLASS * walls.glass[:, None], walls.window)


def _sky(buffers: Buffers):
  """Returns the sky's flat pixels, their height 0..1 and cloud density."""
  size = buffers.canvas.shape
  rx, ry = buffers.plan.camera.rays(size)
  pixels = np.flatnonzero((buffers.canvas == 0) & (ry >= 0.0))
  up = ry.ravel()[pixels // size[1]]
  side = rx.ravel()[pixels % size[1]]
  shift_u, shift_v, _ = buffers.plan.cloud
  far = 1.0 / (up + 0.22)
  density = noise.sample_smooth(
    "clouds", shift_u + 22.0 * side * far, shift_v + 34.0 * far
  )
  return pixels, np.clip(up / 0.55, 0.0, 1.0).astype(np.float32), density


def game(buffers: Buffers) -> np.ndarray:
  """Returns the game-like rendering as float32 (H, W, 3) in [0, 1]."""
  sun, up = _facing(buffers)
  light = _F(0.72) + _F(0.38) * np.clip(sun, 0.0, 1.0) + _F(0.06) * up
  parts = buffers.plan.primitives
  upright = (parts.rough >= 0) | np.isin(
    parts.material, (raster.FOLIAGE, raster.SKIN, raster.LIGHT)
  )
  light = np.where(upright, _F(1.0), light)
  image = _surface(buffers, light).reshape(-1, 3)

  floor = buffers.ground
  contact = buffers.contact.ravel()[buffers.pixels]
  shade = 1.0 - _F(0.42) * np.maximum(floor.sun, contact)
  image[buffers.pixels] = floor.colour * shade[:, None]

  walls = _facades(buffers)
  colours = image[walls.pixels]
  _paint_facades(colours, walls)
  image[walls.pixels] = colours

  leaves = _select(buffers, raster.FOLIAGE)
  x, y, z, _ = _places(buffers, leaves)
  clump = noise.sample("leaves", x * 9.0, y * 9.0)
  fine = np.clip(60.0 / z, 0.0, 1.0)
  image[leaves] *= (1.0 + np.where(clump > 0.5, 0.14, -0.12) * fine)[:, None]

  # Saturated colours: pushed away from grey.
  grey = _luma(image)
  image += (image - grey) * _F(0.25)

  pixels, height, density = _sky(buffers)
  horizon = np.array((0.66, 0.84, 0.98), np.float32)
  zenith = np.array((0.20, 0.50, 0.95), np.float32)
  sky = horizon + (zenith - horizon) * height[:, None]
  threshold = _F(0.62 - 0.16 * buffers.plan.cloud[2])
  cloud = np.clip((density - threshold) * 12.0, 0.0, 1.0)
  _mix(sky, _F(1.0), cloud * _F(0.95))
  image[pixels] = sky
  return np.clip(image, 0.0, 1.0).reshape(*buffers.canvas.shape, 3)


def _luma(image: np.ndarray) -> np.ndarray:
  """Returns the grey value of rows of colours, (n, 1)."""
  red, green, blue = _LUMA
  grey = red * image[:, 0]
  grey += green * image[:, 1]
  grey += blue * image[:, 2]
  return grey[:, None]


def photo(buffers: Buffers, rng: np.random.Generator) -> np.ndarray:
  """Returns the photo-like rendering as float32 (H, W, 3) in [0, 1]."""
  size = buffers.canvas.shape
  sun, up = _facing(buffers)
  light = _F(0.84) + _F(0.16) * np.clip(sun, 0.0, 1.0) + _F(0.14) * up
  image = _surface(buffers, light).reshape(-1, 3)
  focal = _F(buffers.plan.camera.pixels(size))

  floor = buffers.ground
  soft = noise.blur(buffers.contact, max(2, size[0] // 64))
  contact = soft.ravel()[buffers.pixels]
  shade = 1.0 - _F(0.30) * floor.soft
  shade *= 1.0 - _F(0.62) * contact
  # Corners between ground and walls see less of the sky.
  shade *= 1.0 - _F(0.30) * np.exp(-np.abs(floor.front).astype(np.float64))
  # Wheels polish the asphalt.
  track = np.abs(np.abs(floor.across * (2.0 / 3.6)) % 1.0 - 0.5)
  worn = np.where(floor.kind == ground.ROAD, (0.5 - track) * 0.10, 0.0)
  fine = np.clip(focal * 0.05 / floor.z, 0.0, 1.0)
  grain = noise.sample("grain", floor.x * 20.0, floor.z * 20.0) - 0.5
  patch = noise.sample("clouds", floor.x * 5.0, floor.z * 5.0) - 0.5
  shade *= 1.0 + worn + 0.34 * grain * fine + 0.10 * patch
  image[buffers.pixels] = floor.colour * shade.astype(np.float32)[:, None]

  walls = _facades(buffers)
  colours = image[walls.pixels]
  fine = np.clip(0.10 / walls.pixel, 0.0, 1.0)
  plaster = noise.sample("grain", walls.u * 10.0, walls.v * 10.0) - 0.5
  stain = noise.sample("clouds", walls.u * 7.0, walls.v * 3.0) - 0.5
  dirt = 1.0 + 0.24 * plaster * fine + 0.16 * stain
  dirt *= 0.82 + 0.18 * np.clip(walls.v / 2.5, 0.0, 1.0)
  colours *= dirt.astype(np.float32)[:, None]
  _paint_facades(colours, walls)
  image[walls.pixels] = colours

  leaves = _select(buffers, raster.FOLIAGE)
  x, y, z, _ = _places(buffers, leaves)
  clump = noise.sample("leaves", x * 9.0, y * 9.0) - 0.5
  small = noise.sample("grain", x * 11.0, y * 11.0) - 0.5
  fine = np.clip(focal * 0.10 / z, 0.0, 1.0)
  image[leaves] *= (0.92 + 0.7 * clump * fine + 0.3 * small * fine)[:, None]

  pixels, height, density = _sky(buffers)
  overcast = _F(1.16) - _F(0.10) * height + _F(0.10) * (density - _F(0.5))
  image[pixels] = overcast[:, None]

  image = _develop(image.reshape(*size, 3), buffers.depth)
  image = noise.blur(image)
  image *= _vignette(size)
  image += noise.bell(rng, image.shape) * _F(0.010)
  return np.clip(image, 0.0, 1.0)


def _develop(image: np.ndarray, depth: np.ndarray) -> np.ndarray:
  """Applies haze, the camera's colours and its tone curve."""
  flat = image.reshape(-1, 3)
  grey = _luma(flat)
  flat = grey + (flat - grey) * _F(0.60)
  # Thin haze; 1 / (1 + z / 700)^2 is close to exp(-z / 350).
  clear = 1.0 / (1.0 + depth.reshape(-1, 1) * _F(1 / 700))
  clear *= clear
  clear[depth.reshape(-1) >= raster.SKY_DEPTH] = 1.0
  flat = _F(1.05) + (flat - _F(1.05)) * clear
  # Green-grey cast and a curve that darkens the middle tones.
  # The cast is in the shadows; highlights stay white.
  dark = np.array((0.40, 0.45, 0.37), np.float32)
  bright = np.array((0.40, 0.37, 0.42), np.float32)
  flat = flat * (dark + bright * flat) + _F(0.03)
  return flat.reshape(image.shape)


def _vignette(size: tuple[int, int]) -> np.ndarray:
  """Returns the lens's loss of light toward the corners, (H, W, 1)."""
  rows = (np.arange(size[0], dtype=np.float32) + 0.5) / size[0] - 0.5
  columns = (np.arange(size[1], dtype=np.float32) + 0.5) / size[1] - 0.5
  squares = (rows * rows)[:, None] + (columns * columns)[None, :]
  return (1.0 - _F(0.30) * squares)[..., None]


def exposed(buffers: Buffers) -> np.ndarray:
  """Returns float32 (H, W): how much of each pixel faces the sky, 0..1."""
  _, up = _facing(buffers)
  parts = buffers.plan.primitives
  up = np.where(parts.rough >= 0, 0.0, np.clip(up, 0.0, 1.0))
  up = np.where(parts.material == raster.FOLIAGE, 0.45, up)
  table = np.concatenate([[0.0], up]).astype(np.float32)
  result = table.take(buffers.canvas)
  floor = buffers.ground
  # Traffic keeps the road nearly free, and its wheel tracks most of all.
  track = np.abs(np.abs(floor.across * (2.0 / 3.6)) % 1.0 - 0.5)
  road = 0.25 + 0.5 * track
  result.ravel()[buffers.pixels] = np.where(
    floor.kind == ground.ROAD, road, 1.0
  )
  patch = noise.sample("clouds", floor.x * 12.0, floor.z * 12.0)
  result.ravel()[buffers.pixels] *= 0.6 + 0.7 * patch
  return result


def emission(buffers: Buffers) -> np.ndarray:
  """Returns float32 (H, W, 3): the light of lamps and lit windows."""
  parts = buffers.plan.primitives
  glowing = np.where(parts.material == raster.LIGHT, 1.0, 0.0)
  result = _surface(buffers, glowing.astype(np.float32)).reshape(-1, 3)
  walls = _facades(buffers)
  warm = np.array((1.0, 0.78, 0.42), np.float32)
  light = (walls.window * walls.lit * walls.glass * _F(0.8))[:, None]
  result[walls.pixels] = np.clip(light, 0.0, 1.0) * warm
  return result.reshape(*buffers.canvas.shape, 3)
