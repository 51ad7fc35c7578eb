"""Fog, rain, snow and dusk on a picture whose depth is known.

Everything works on float32 pictures (H, W, 3) in [0, 1]. What falls through
the air is drawn in layers at their own distance and hides behind nearer
things; the haze follows Koschmieder's law.
"""

import dataclasses
import math

import numpy as np

from gansynth.data.procedural import noise, raster

WEATHERS = ("clear", "fog", "rain", "snow", "dusk")

_F = np.float32


@dataclasses.dataclass(frozen=True)
class Scene:
  """What the weather needs to know about a picture.

  Attributes:
    depth: float32 (H, W), metres; `raster.SKY_DEPTH` in the sky.
    horizon: row of the horizon in pixels; mirrors and sky glow start there.
    upward: float32 (H, W), how much of each pixel's surface faces up, 0..1,
      which is where snow lies.
    level: bool (H, W), the flat ground, which mirrors when it is wet.
    emission: float32 (H, W, 3), light that lamps and windows give off, seen
      when it gets dark.
  """

  depth: np.ndarray
  horizon: float
  upward: np.ndarray
  level: np.ndarray
  emission: np.ndarray


def check(name: str, severity: float) -> None:
  """Raises ValueError for an unknown weather or a severity not in [0, 1]."""
  if name not in WEATHERS:
    raise ValueError(f"Unknown weather {name!r}; choose one of {WEATHERS}.")
  if not 0.0 <= severity <= 1.0:
    raise ValueError(f"Severity is {severity}; it must lie in [0, 1].")


def visibility(name: str, severity: float) -> float:
  """Returns the meteorological visibility in metres of a weather."""
  most, least = {
    "fog": (800.0, 35.0),
    "rain": (3000.0, 350.0),
    "snow": (2000.0, 130.0),
  }[name]
  return most * (least / most) ** severity


def fog(
  image: np.ndarray,
  depth: np.ndarray,
  metres: float,
  airlight: tuple[float, float, float] = (0.80, 0.81, 0.82),
) -> np.ndarray:
  """Returns J t + A (1 - t), with t = exp(-3.912 depth / visibility).

  At the distance of the visibility 2 % of the contrast are left, which is
  its definition (Koschmieder 1924).

  Args:
    image: float32 (H, W, 3) in [0, 1], the clear picture J.
    depth: float32 (H, W), metres.
    metres: visibility.
    airlight: colour A of the fog.
  """
  clear = np.exp(depth.astype(np.float64) * (-3.912 / metres))
  clear = clear.astype(np.float32)[..., None]
  air = np.array(airlight, np.float32)
  return air + (image - air) * clear


def _streaks(rng, shape, count, length, slant, wide):
  """Returns the opacity (H, W) of falling streaks, `wide` pixels thick."""
  rows, columns = shape
  opacity = np.zeros(shape, np.float32)
  draws = rng.random((3, count))
  steps = np.arange(max(int(length), 1))
  y = draws[0] * (rows + length) - length
  x = draws[1] * columns
  rows_of = np.floor(y).astype(np.int64)[:, None] + steps
  columns_of = np.floor(x[:, None] + slant * steps).astype(np.int64) % columns
  # Streaks fade in and out along their length.
  fade = 1.0 - np.abs(2.0 * (steps + 0.5) / len(steps) - 1.0)
  value = (0.5 + 0.5 * draws[2])[:, None] * (0.3 + 0.7 * fade)
  inside = (rows_of >= 0) & (rows_of < rows)
  rows_of, columns_of = rows_of[inside], columns_of[inside]
  value = value[inside].astype(_F)
  for offset in range(wide):
    np.maximum.at(opacity, (rows_of, (columns_of + offset) % columns), value)
  return opacity


def _flakes(rng, shape, count, radius):
  """Returns the opacity (H, W) of `count` soft discs."""
  rows, columns = shape
  reach = math.ceil(radius + 0.5)
  draws = rng.random((4, count))
  y, x = draws[0] * rows, draws[1] * columns
  size = radius * (0.6 + 0.5 * draws[2])
  grid = np.arange(-reach, reach + 1)
  rows_of = np.floor(y).astype(np.int64)[:, None, None] + grid[:, None]
  columns_of = np.floor(x).astype(np.int64)[:, None, None] + grid
  dy = rows_of + 0.5 - y[:, None, None]
  dx = columns_of + 0.5 - x[:, None, None]
  edge = size[:, None, None] + 0.5 - np.sqrt(dx * dx + dy * dy)
  value = np.clip(edge, 0.0, 1.0) * (0.6 + 0.4 * draws[3])[:, None, None]
  rows_of, columns_of = np.broadcast_arrays(rows_of, columns_of)
  inside = (rows_of >= 0) & (rows_of < rows) & (columns_of >= 0)
  inside &= (columns_of < columns) & (value > 0.0)
  opacity = np.zeros(shape, np.float32)
  np.maximum.at(
    opacity, (rows_of[inside], columns_of[inside]), value[inside].astype(_F)
  )
  return opacity


def _grey(image):
  grey = _F(0.299) * image[..., 0] + _F(0.587) * image[..., 1]
  return (grey + _F(0.114) * image[..., 2])[..., None]


def rain(
  image: np.ndarray, scene: Scene, severity: float, rng: np.random.Generator
) -> np.ndarray:
  """Returns a darker, hazy picture with streaks and a wet, mirroring road."""
  image = image * _F(1.0 - 0.28 * severity)
  image = image + (_grey(image) - image) * _F(0.25 * severity)
  rows, columns = image.shape[:2]
  # The wet ground shows, upside down, what stands behind it; more of it the
  # flatter one looks at it.
  below = np.arange(rows) + 0.5 - scene.horizon
  source = np.clip(np.floor(scene.horizon - 0.8 * below), 0, rows - 1)
  mirror = image[source.astype(np.int64)]
  mirror = noise.blur(mirror, 2 + rows // 128, axes=(0,))
  flat = 1.0 / (1.0 + 3.5 * np.clip(below / rows, 0.0, None))
  share = (_F(0.55 * severity) * flat.astype(_F))[:, None] * scene.level
  dark = image * (1.0 - _F(0.30 * severity) * scene.level[..., None])
  image = dark + (mirror - dark) * share[..., None]
  air = (0.62, 0.65, 0.67)
  image = fog(image, scene.depth, visibility("rain", severity), air)
  slant = 0.25 * (2.0 * rng.random() - 1.0)
  # As many drops in any size of picture, as long as they are thinner than
  # their distance; small pictures, where a pixel is wide, get fewer.
  wide = max(1, round(rows / 256))
  scale = (0.3 + 0.7 * severity) * columns / rows * min(1.0, rows / 256)
  for distance, count, length, strength in (
    (14.0, 330, 0.045, 0.24),
    (6.0, 120, 0.085, 0.34),
    (2.5, 30, 0.160, 0.40),
  ):
    opacity = _streaks(
      rng, (rows, columns), int(count * scale), length * rows, slant, wide
    )
    opacity *= _F(strength) * (scene.depth > distance)
    image = image + (_F(0.86) - image) * opacity[..., None]
  return image


def snow(
  image: np.ndarray, scene: Scene, severity: float, rng: np.random.Generator
) -> np.ndarray:
  """Returns a hazy picture with snow on what faces up, and in the air."""
  image = image + (_grey(image) - image) * _F(0.35 * severity)
  rows, columns = image.shape[:2]
  cover = np.clip(scene.upward * _F(1.6 * severity), 0.0, 0.92)
  white = np.array((0.88, 0.90, 0.93), np.float32)
  # Snow keeps some of the shading below it.
  lying = white * (_F(0.72) + _F(0.36) * _grey(image))
  image = image + (lying - image) * cover[..., None]
  air = (0.82, 0.83, 0.85)
  image = fog(image, scene.depth, visibility("snow", severity), air)
  scale = (0.2 + 0.8 * severity) * columns / rows
  for distance, count, radius in (
    (16.0, 520, 0.0022),
    (7.0, 145, 0.0046),
    (2.5, 28, 0.0100),
  ):
    # Flakes are at least a pixel wide; small pictures get fewer of them.
    size = max(radius * rows, 0.5)
    shrink = radius * rows / size
    opacity = _flakes(rng, (rows, columns), int(count * scale * shrink), size)
    opacity *= _F(0.85) * (scene.depth > distance)
    image = image + (_F(0.96) - image) * opacity[..., None]
  return image


def dusk(image: np.ndarray, scene: Scene, severity: float) -> np.ndarray:
  """Returns the picture after sunset, with lamps and windows alight."""
  rows = image.shape[0]
  tint = np.array((0.34, 0.33, 0.46), np.float32)
  keep = 1.0 + (tint - 1.0) * _F(severity)
  evening = image * keep
  sky = scene.depth >= raster.SKY_DEPTH
  above = (scene.horizon - np.arange(rows) - 0.5) / rows
  height = np.clip(above / 0.40, 0.0, 1.0).astype(np.float32)[:, None, None]
  low = np.array((0.93, 0.52, 0.30), np.float32)
  high = np.array((0.16, 0.20, 0.38), np.float32)
  glow = low + (high - low) * np.sqrt(height)
  # The clouds that were there stay there.
  glow = glow * (_F(0.55) + _F(0.5) * _grey(image))
  share = (sky * _F(min(1.0, 1.6 * severity)))[..., None]
  evening = evening + (glow - evening) * share
  light = scene.emission * _F(severity)
  halo = light
  for _ in range(3):
    halo = noise.blur(halo, max(1, rows // 96))
  return evening + light * (1.0 - evening) + _F(0.5) * halo


def apply(
  name: str,
  image: np.ndarray,
  scene: Scene,
  severity: float,
  rng: np.random.Generator,
) -> np.ndarray:
  """Returns the picture in a weather, clipped to [0, 1].

  Args:
    name: `clear`, `fog`, `rain`, `snow` or `dusk`.
    image: float32 (H, W, 3) in [0, 1], in clear weather.
    scene: what the picture shows.
    severity: 0 (hardly any) to 1 (heavy).
    rng: places drops and flakes.
  """
  check(name, severity)
  if name == "fog":
    image = fog(image, scene.depth, visibility(name, severity))
  elif name == "rain":
    image = rain(image, scene, severity, rng)
  elif name == "snow":
    image = snow(image, scene, severity, rng)
  elif name == "dusk":
    image = dusk(image, scene, severity)
  return np.clip(image, 0.0, 1.0)
