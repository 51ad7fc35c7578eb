"""Colours a street scene twice: as a game and as a camera would show it.

Both renderings start from the same colours of the same surfaces. The game
keeps them saturated, sharp and clean below a blue sky. The photo has an
overcast sky, a duller and greener tone curve, texture, soft shadows that
darken corners, haze, a lens that blurs and darkens the corners, and a sensor
with a little noise. The noise is kept small on purpose: what a translator can
not know is the floor of its error.

Pictures are planes here, (3, H * W): NumPy is several times slower on rows
of three values.
"""

import numpy as np

from gansynth.data.procedural import ground, noise, raster, surfaces
from gansynth.data.procedural.surfaces import Buffers

_F = np.float32
_FRAME = (0.88, 0.87, 0.84)
_GLASS = (0.30, 0.38, 0.46)


def _surface(buffers: Buffers, light: np.ndarray) -> np.ndarray:
  """Returns (3, H * W) colours of the primitives times their light (N,)."""
  albedo = buffers.plan.primitives.albedo
  flat = buffers.canvas.ravel()
  planes = np.empty((3, flat.size), np.float32)
  table = np.zeros(len(light) + 1, np.float32)
  for channel in range(3):
    table[1:] = albedo[:, channel] * light
    table.take(flat, out=planes[channel], mode="clip")
  return planes


def _mix(planes, colour, share):
  """Blends planes (3, n) toward a colour by share (n,), in place."""
  for plane, value in zip(planes, colour, strict=True):
    plane += (value - plane) * share


def _luma(planes: np.ndarray) -> np.ndarray:
  """Returns the grey values (n,) of planes (3, n)."""
  grey = _F(0.299) * planes[0]
  grey += _F(0.587) * planes[1]
  grey += _F(0.114) * planes[2]
  return grey


def _put(planes, pixels, values):
  """Writes values (3, n) or (n,) to some pixels of planes."""
  for channel in range(3):
    planes[channel][pixels] = values if values.ndim == 1 else values[channel]


def _paint_facades(colours, walls: surfaces.Facades):
  """Puts windows, frames, shop signs and cornices on wall colours (3, n)."""
  _mix(colours, walls.shop, walls.band)
  _mix(colours, _FRAME, _F(0.75) * walls.frame)
  _mix(colours, _FRAME, _F(0.5) * walls.cornice)
  _mix(colours, [_F(tone) * walls.glass for tone in _GLASS], walls.window)


def game(buffers: Buffers) -> np.ndarray:
  """Returns the game-like rendering, float32 (3, H * W) in [0, 1]."""
  sun, up = surfaces.facing(buffers)
  light = _F(0.72) + _F(0.38) * np.clip(sun, 0.0, 1.0) + _F(0.06) * up
  parts = buffers.plan.primitives
  upright = (parts.rough >= 0) | (parts.material >= raster.LIGHT)
  upright |= parts.material == raster.FOLIAGE
  image = _surface(buffers, np.where(upright, _F(1.0), light))

  floor = buffers.ground
  contact = buffers.contact.ravel()[buffers.pixels]
  shade = 1.0 - _F(0.42) * np.maximum(floor.sharp, contact)
  _put(image, buffers.pixels, floor.colour * shade)

  walls = surfaces.facades(buffers)
  colours = image[:, walls.pixels]
  _paint_facades(colours, walls)
  _put(image, walls.pixels, colours)

  leaves = surfaces.select(buffers, raster.FOLIAGE)
  x, y, z, _ = surfaces.places(buffers, leaves)
  clump = noise.sample_smooth("leaves", x * _F(9.0), y * _F(9.0))
  fine = np.clip(60.0 / z, 0.0, 1.0)
  tone = np.where(clump > 0.5, _F(0.14), _F(-0.12)) * fine + _F(1.0)
  _put(image, leaves, image[:, leaves] * tone)

  # Saturated colours: pushed away from grey.
  grey = _luma(image) * _F(-0.25)
  image *= _F(1.25)
  image += grey

  pixels, height, density = surfaces.sky(buffers)
  threshold = _F(0.76 - 0.12 * buffers.plan.cloud[2])
  cloud = np.clip((density - threshold) * _F(10.0), 0.0, 0.95)
  horizon, zenith = (0.66, 0.84, 0.98), (0.20, 0.50, 0.95)
  sky = np.stack(
    [
      _F(low) + _F(high - low) * height
      for low, high in zip(horizon, zenith, strict=True)
    ]
  )
  _mix(sky, (_F(1.0),) * 3, cloud)
  _put(image, pixels, sky)
  return np.clip(image, 0.0, 1.0, out=image)


def _photo_ground(buffers: Buffers, focal: float) -> np.ndarray:
  """Returns the ground's colours (3, n): soft shade, grain and wear."""
  floor, size = buffers.ground, buffers.canvas.shape
  soft = noise.blur(buffers.contact, max(2, size[0] // 64))
  shade = 1.0 - _F(0.62) * soft.ravel()[buffers.pixels]
  shade *= 1.0 - _F(0.30) * floor.soft
  # Corners between ground and walls see less of the sky.
  shade *= 1.0 - _F(0.30) / (1.0 + floor.front * floor.front)
  # Wheels polish the asphalt.
  track = np.abs(np.abs(floor.across * _F(2.0 / 3.6)) % 1.0 - _F(0.5))
  worn = np.where(floor.kind == ground.ROAD, _F(0.05) - _F(0.1) * track, 0.0)
  fine = np.clip(_F(focal * 0.05) / floor.z, 0.0, 1.0)
  grain = noise.sample("grain", floor.x * _F(20.0), floor.z * _F(20.0))
  patch = noise.sample("clouds", floor.x * _F(5.0), floor.z * _F(5.0))
  grain -= _F(0.5)
  shade *= _F(0.95) + worn + _F(0.34) * grain * fine + _F(0.10) * patch
  return floor.colour * shade


def _photo_walls(colours: np.ndarray, walls: surfaces.Facades) -> None:
  """Puts plaster, stains, dirt and windows on wall colours, in place."""
  fine = np.clip(_F(0.12) / walls.pixel, 0.0, 1.0)
  plaster = noise.sample_smooth("grain", walls.u * _F(12), walls.v * _F(12))
  stain = noise.sample("clouds", walls.u * _F(7.0), walls.v * _F(3.0))
  dirt = _F(0.92) + _F(0.24) * (plaster - _F(0.5)) * fine + _F(0.16) * stain
  dirt *= _F(0.82) + _F(0.18) * np.clip(walls.v * _F(0.4), 0.0, 1.0)
  colours *= dirt
  _paint_facades(colours, walls)


def photo(buffers: Buffers, rng: np.random.Generator) -> np.ndarray:
  """Returns the photo-like rendering, float32 (3, H * W) in [0, 1]."""
  size = buffers.canvas.shape
  focal = buffers.plan.camera.pixels(size)
  sun, up = surfaces.facing(buffers)
  light = _F(0.84) + _F(0.16) * np.clip(sun, 0.0, 1.0) + _F(0.14) * up
  image = _surface(buffers, light)
  _put(image, buffers.pixels, _photo_ground(buffers, focal))

  walls = surfaces.facades(buffers)
  colours = image[:, walls.pixels]
  _photo_walls(colours, walls)
  _put(image, walls.pixels, colours)

  leaves = surfaces.select(buffers, raster.FOLIAGE)
  x, y, z, _ = surfaces.places(buffers, leaves)
  clump = noise.sample_smooth("leaves", x * _F(9.0), y * _F(9.0)) - _F(0.5)
  small = noise.sample("grain", x * _F(14.0), y * _F(14.0)) - _F(0.5)
  fine = np.clip(_F(focal * 0.10) / z, 0.0, 1.0)
  tone = _F(0.92) + (_F(0.7) * clump + _F(0.3) * small) * fine
  _put(image, leaves, image[:, leaves] * tone)

  pixels, height, density = surfaces.sky(buffers)
  overcast = _F(1.10) - _F(0.10) * height + _F(0.16) * density
  _put(image, pixels, overcast)

  _develop(image, buffers.depth.ravel())
  image = noise.blur(image.reshape(3, *size), axes=(1, 2))
  image *= _vignette(size)
  image += noise.bell(rng, image.shape) * _F(0.010)
  return np.clip(image, 0.0, 1.0, out=image).reshape(3, -1)


def _develop(image: np.ndarray, depth: np.ndarray) -> None:
  """Applies haze, the camera's colours and its tone curve, in place."""
  grey = _luma(image)
  # Thin haze; 1 / (1 + z / 700)^2 is close to exp(-z / 350).
  clear = _F(1.0) / (_F(1.0) + depth * _F(1 / 700))
  clear *= clear
  clear[depth >= raster.SKY_DEPTH] = 1.0
  # 0.6 of the colour and 0.4 of the grey, behind the haze.
  veil = _F(0.4) * grey
  veil *= clear
  veil += _F(1.02) * (_F(1.0) - clear)
  clear *= _F(0.6)
  # The green cast is in the shadows; highlights stay white.
  for plane, dark, bright in zip(
    image, (0.43, 0.48, 0.40), (0.38, 0.35, 0.40), strict=True
  ):
    plane *= clear
    plane += veil
    curve = plane * _F(bright)
    curve += _F(dark)
    plane *= curve
    plane += _F(0.03)


def _vignette(size: tuple[int, int]) -> np.ndarray:
  """Returns the lens's loss of light toward the corners, (H, W)."""
  rows = (np.arange(size[0], dtype=np.float32) + _F(0.5)) / size[0] - _F(0.5)
  columns = (np.arange(size[1], dtype=np.float32) + _F(0.5)) / size[1]
  columns -= _F(0.5)
  squares = (rows * rows)[:, None] + (columns * columns)[None, :]
  return _F(1.0) - _F(0.30) * squares


def emission(buffers: Buffers) -> np.ndarray:
  """Returns float32 (3, H * W): the light of lamps and lit windows."""
  parts = buffers.plan.primitives
  glowing = (parts.material == raster.LIGHT).astype(np.float32)
  result = _surface(buffers, glowing)
  walls = surfaces.facades(buffers)
  light = walls.window * walls.lit * np.clip(walls.glass, 0.0, 1.0)
  warm = np.array((0.80, 0.62, 0.34), np.float32)
  _put(result, walls.pixels, warm[:, None] * light)
  return result
