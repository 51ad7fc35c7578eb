"""What each pixel of a street scene shows, before it has a colour."""

import dataclasses

import numpy as np

from gansynth.data.procedural import ground, layout, noise, raster

_SHADED = 70.0  # metres; shadows farther away are thinner than a pixel


@dataclasses.dataclass(frozen=True)
class Buffers:
  """The visible surfaces of a picture.

  Attributes:
    plan: the scene.
    canvas: int32 (H, W), 1 + primitive number, 0 for ground and sky.
    depth: float32 (H, W), metres.
    label: uint8 (H, W), Cityscapes ids.
    instance: int32 (H, W), Cityscapes instance numbers.
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


@dataclasses.dataclass(frozen=True)
class Facades:
  """Wall pixels, n of them; all (n,) but `shop` (3, n).

  Attributes:
    pixels: flat indices.
    window, frame, band, cornice: share of the pixel that is window pane,
      window frame, shop sign, and the light strip below the roof.
    glass: brightness of the pane, one value per window, about 1.
    lit: 1 where somebody is at home after dark.
    shop: colour of the sign.
    u, v: metres along and up the wall.
    pixel: metres that a pixel covers.
  """

  pixels: np.ndarray
  window: np.ndarray
  frame: np.ndarray
  band: np.ndarray
  cornice: np.ndarray
  glass: np.ndarray
  lit: np.ndarray
  shop: np.ndarray
  u: np.ndarray
  v: np.ndarray
  pixel: np.ndarray


def _contacts(plan: layout.Layout, size: tuple[int, int]) -> np.ndarray:
  """Returns 1 where something on the ground shades it, else 0."""
  shade = raster.Primitives()
  for polygon in plan.contacts:
    if polygon[0][1] > _SHADED:
      continue
    shade.polygon([(x, 0.0, z) for x, z in polygon], (0.0, 0.0, 0.0), 0)
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
  below = ground.LABELS[floor.kind]
  label.ravel()[pixels] = below
  instance.ravel()[pixels] = below
  return Buffers(
    plan, canvas, depth, label, instance, pixels, floor, _contacts(plan, size)
  )


def facing(buffers: Buffers) -> tuple[np.ndarray, np.ndarray]:
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


def places(buffers: Buffers, pixels: np.ndarray):
  """Returns X, Y, Z in metres and X / Z of pixels, each (n,)."""
  size = buffers.canvas.shape
  rx, ry = buffers.plan.camera.rays(size)
  rx = rx.ravel().astype(np.float32)[pixels % size[1]]
  ry = ry.ravel().astype(np.float32)[pixels // size[1]]
  z = buffers.depth.ravel()[pixels]
  return rx * z, ry * z + np.float32(buffers.plan.camera.height), z, rx


def select(buffers: Buffers, material: int) -> np.ndarray:
  """Returns the flat indices of the pixels made of a material."""
  kinds = np.concatenate([[raster.SKY], buffers.plan.primitives.material])
  return np.flatnonzero((kinds == material).take(buffers.canvas))


def facades(buffers: Buffers) -> Facades:
  """Works out the windows of the wall pixels."""
  parts = buffers.plan.primitives
  pixels = select(buffers, raster.FACADE)
  rows = parts.detail_row[buffers.canvas.ravel()[pixels] - 1]
  table = parts.detail_table
  columns = [table[:, column].take(rows) for column in range(14)]
  ox, oz, ux, uz, height, spacing, storey = columns[:7]
  wide, high, shops, shift, *shop = columns[7:]
  x, y, z, rx = places(buffers, pixels)
  u = (x - ox) * ux + (z - oz) * uz
  focal = np.float32(buffers.plan.camera.pixels(buffers.canvas.shape))
  # Metres that one row and one column of the picture cover on the wall.
  tall = z / focal
  broad = tall / np.maximum(np.abs(ux - uz * rx), np.float32(1e-3))
  below = y < height - np.float32(0.3)
  street = (shops > 0) & (y < storey)
  su, sv = u / spacing, y / storey
  pu, pv = broad / spacing, tall / storey
  low, foot = 0.5 - 0.5 * wide, np.float32(0.30)
  edge = np.float32(0.05)
  upper = noise.pulse(su, low, 1.0 - low, pu)
  upper *= noise.pulse(sv, foot, foot + high, pv)
  rim = noise.pulse(su, low - edge, 1.0 + edge - low, pu)
  rim *= noise.pulse(sv, foot - edge, foot + edge + high, pv)
  pane = noise.pulse(su, edge, 1.0 - edge, pu)
  pane *= noise.coverage(sv, 0.12, 0.70, pv)
  window = np.where(street, pane, upper) * below
  frame = np.where(street, 0.0, np.maximum(rim - upper, 0.0)) * below
  chance = noise.cell_hash(np.floor(su), np.floor(sv), shift)
  # Where windows are smaller than a pixel their average is shown.
  fine = np.clip(2.0 - 2.0 * np.maximum(pu, pv), 0.0, 1.0)
  return Facades(
    pixels=pixels,
    window=window,
    frame=frame.astype(np.float32),
    band=shops * noise.coverage(sv, 0.76, 0.96, pv),
    cornice=noise.coverage(y, height - np.float32(0.4), height, tall),
    glass=1.0 + (np.float32(0.9) * chance - np.float32(0.45)) * fine,
    lit=(chance * np.float32(7.0) % 1.0 < 0.35).astype(np.float32),
    shop=np.stack(shop),
    u=u,
    v=y,
    pixel=np.maximum(tall, broad),
  )


def sky(buffers: Buffers):
  """Returns the sky's flat pixels, their height 0..1 and cloud density."""
  size = buffers.canvas.shape
  rx, ry = buffers.plan.camera.rays(size)
  pixels = np.flatnonzero((buffers.canvas == 0) & (ry >= 0.0))
  up = ry.ravel().astype(np.float32)[pixels // size[1]]
  side = rx.ravel().astype(np.float32)[pixels % size[1]]
  shift_u, shift_v, _ = (np.float32(value) for value in buffers.plan.cloud)
  far = np.float32(1.0) / (up + np.float32(0.22))
  density = noise.sample_smooth(
    "clouds",
    shift_u + np.float32(30.0) * side * far,
    shift_v + np.float32(46.0) * far,
  )
  return pixels, np.clip(up * np.float32(1 / 0.55), 0.0, 1.0), density


def exposed(buffers: Buffers) -> np.ndarray:
  """Returns float32 (H, W): how much of each pixel faces the sky, 0..1."""
  _, up = facing(buffers)
  parts = buffers.plan.primitives
  # Snow slides off what is steep: the panes of a car, not the roof.
  up = np.where(parts.rough >= 0, 0.0, np.clip(1.6 * up - 0.6, 0.0, 1.0))
  up = np.where(parts.material == raster.FOLIAGE, 0.45, up)
  table = np.concatenate([[0.0], up]).astype(np.float32)
  result = table.take(buffers.canvas)
  floor = buffers.ground
  # Traffic keeps the road nearly free, and its wheel tracks most of all.
  track = np.abs(np.abs(floor.across * np.float32(2.0 / 3.6)) % 1.0 - 0.5)
  cover = np.where(floor.kind == ground.ROAD, 0.25 + 0.5 * track, 1.0)
  patch = noise.sample("clouds", floor.x * 12.0, floor.z * 12.0)
  result.ravel()[buffers.pixels] = cover * (0.6 + 0.7 * patch)
  return result
