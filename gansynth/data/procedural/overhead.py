"""Overhead tiles with ground truth: land cover, and wind turbines."""

import dataclasses
import math

import numpy as np

from gansynth.data.procedural import land, noise, regions, turbines
from gansynth.data.procedural.regions import Region

_COVER_METRES = 640.0  # what a land-cover tile shows
_TURBINE_METRES = 350.0
_OVERSAMPLED = 160 * 160  # up to so many pixels are drawn at twice the size
_COARSE = 2.0  # metres; larger pixels are drawn at twice the size
_SEEN = 0.2  # a turbine's pixels are those that it covers by so much


def _generator(
  seed: int, region: Region, index: int, stream: int
) -> np.random.Generator:
  if index < 0:
    raise ValueError(f"Tile index is {index}; use 0 or more.")
  number = regions.REGIONS.index(region)
  return noise.generator(seed, index, 100 + 10 * number + stream)


def _expose(
  planes: np.ndarray, region: Region, rng: np.random.Generator
) -> np.ndarray:
  """Turns planes (3, H, W) into a uint8 picture (H, W, 3)."""
  light = np.array(region.light, np.float32)
  planes = planes * light[:, None, None]
  planes += noise.bell(rng, planes.shape) * np.float32(0.010)
  np.clip(planes, 0.0, 1.0, out=planes)
  planes *= np.float32(255.0)
  planes += np.float32(0.5)
  return np.ascontiguousarray(planes.astype(np.uint8).transpose(1, 2, 0))


def _lean(rng: np.random.Generator) -> tuple[float, float]:
  """Draws how far a point appears moved for each metre of its height."""
  tilt, around = 0.10 + 0.25 * rng.random(), 2.0 * math.pi * rng.random()
  return tilt * math.cos(around), tilt * math.sin(around)


def _land(tile: land.Tile, size: tuple[int, int], fine: int) -> np.ndarray:
  """Returns planes (3, H, W) of a tile, drawn `fine` times larger."""
  cover = land.survey(tile, (fine * size[0], fine * size[1]))
  return noise.shrink(land.colour(tile, cover), fine)


@dataclasses.dataclass(frozen=True)
class OverheadTiles:
  """Endless aerial pictures of one region; tile i is the same everywhere.

  Attributes:
    seed: >= 0; other seeds are other places.
    size: (height, width) in pixels, each at least 32.
    region: number or name: 0 `farmland`, 1 `desert`, 2 `boreal`.

  Example:
    >>> tile = OverheadTiles(seed=0, size=(64, 64), region="desert")
    >>> tile.turbines(3)["boxes"].shape[1]
    4
  """

  seed: int = 0
  size: tuple[int, int] = (256, 256)
  region: int | str = 0

  def __post_init__(self):
    if len(self.size) != 2 or min(self.size) < 32:
      raise ValueError(
        f"OverheadTiles: size is {self.size}; it must be (height, width), "
        "each at least 32 pixels."
      )
    if self.seed < 0:
      raise ValueError(f"OverheadTiles: seed is {self.seed}; use 0 or more.")
    regions.find(self.region)

  def land_cover(self, index: int) -> dict[str, np.ndarray]:
    """Draws tile `index` of the land cover, about 640 m wide.

    Returns:
      `image` uint8 (H, W, 3) RGB; `label` uint8 (H, W), ids 0..5 of
      `regions.CLASSES`: Background (roads, water, bare ground), Forest land,
      Grassland, Cropland, Settlement, Seminatural Grassland.
    """
    region = regions.find(self.region)
    tile = land.plan(
      region,
      _generator(self.seed, region, index, 0),
      _COVER_METRES,
      village=True,
    )
    height, width = self.size
    fine = 2 if height * width <= _OVERSAMPLED else 1
    cover = land.survey(tile, (fine * height, fine * width))
    planes = noise.shrink(land.colour(tile, cover), fine)
    label = cover.label[fine - 1 :: fine, fine - 1 :: fine]
    return {
      "image": _expose(planes, region, _generator(self.seed, region, index, 1)),
      "label": np.ascontiguousarray(label),
    }

  def turbines(self, index: int) -> dict[str, np.ndarray]:
    """Draws tile `index` with 0 to 4 wind turbines, about 350 m wide.

    Returns:
      `image` uint8 (H, W, 3) RGB; `boxes` float32 (N, 4), left, top, right,
      bottom in pixels, round tower and blades without shadow, cut at the
      border; `label` uint8 (H, W): 0 land, 1 tower, 2 blade; `instance`
      int32 (H, W): 0, or 1 + the row of `boxes`.
    """
    region = regions.find(self.region)
    rng = _generator(self.seed, region, index, 2)
    tile = land.plan(region, rng, _TURBINE_METRES, village=False)
    height, width = self.size
    fine = 2 if height * width <= _OVERSAMPLED else 1
    cover = land.survey(tile, (fine * height, fine * width))
    planes = noise.shrink(land.colour(tile, cover), fine)
    metres = 2.0 * _TURBINE_METRES / (height + width)
    dry = cover.kind == 0  # neither road nor water
    machines = [
      machine
      for machine in turbines.place(rng, width * metres, height * metres)
      if dry[
        int(fine * machine.base[1] / metres),
        int(fine * machine.base[0] / metres),
      ]
    ]
    truth = turbines.draw(
      planes,
      machines,
      metres,
      lean=_lean(rng),
      shadow=(region.sun * tile.sun[0], region.sun * tile.sun[1]),
      gravel=region.gravel,
    )
    return {
      "image": _expose(planes, region, _generator(self.seed, region, index, 3)),
      **truth,
    }

  def empty(self, index: int, metres: float | None = None) -> np.ndarray:
    """Draws tile `index` of the open land that turbines stand on, without any.

    Args:
      index: >= 0; other tiles than those of `turbines`.
      metres: size of a pixel; None: as `turbines` has it.

    Returns:
      uint8 (H, W, 3) RGB.
    """
    region = regions.find(self.region)
    side = 0.5 * sum(self.size)
    if metres is None:
      metres = _TURBINE_METRES / side
    _check_metres(metres)
    tile = land.plan(
      region,
      _generator(self.seed, region, index, 4),
      metres * side,
      village=False,
    )
    planes = _land(tile, self.size, 2 if metres > _COARSE else 1)
    return _expose(planes, region, _generator(self.seed, region, index, 5))


def _check_metres(metres: float) -> None:
  if not 0.1 <= metres <= 10.0:
    raise ValueError(f"A pixel is {metres} metres; use 0.1 to 10.")


@dataclasses.dataclass(frozen=True)
class TurbineCutouts:
  """Endless wind turbines of one region, each alone on open land of one kind.

  The pictures are as large as turbine, shadow and margin need.

  Attributes:
    seed: >= 0; other seeds are other machines and places.
    region: number or name, see `OverheadTiles`.
    metres: size of a pixel.
    margin: pixels of land on each side.
  """

  seed: int = 0
  region: int | str = 0
  metres: float = 1.5
  margin: int = 24

  def __post_init__(self):
    if self.seed < 0:
      raise ValueError(f"TurbineCutouts: seed is {self.seed}; use 0 or more.")
    if self.margin < 0:
      raise ValueError(
        f"TurbineCutouts: margin is {self.margin}; use 0 or more."
      )
    _check_metres(self.metres)
    regions.find(self.region)

  def size(self, index: int) -> tuple[int, int]:
    """Height and width of cut-out `index`, without drawing it."""
    return self._plan(index)[-1]

  def cutout(self, index: int) -> dict[str, np.ndarray]:
    """Draws cut-out `index`.

    Returns:
      `image` uint8 (H, W, 3) RGB; `turbine` bool (H, W), the pixels of tower
      and blades; `footprint` float32 (H, W) in [0, 1], how much of each pixel
      is tower, blade or shadow.
    """
    region = regions.find(self.region)
    tile, machine, lean, shadow, size = self._plan(index)
    planes = _land(tile, size, 2 if self.metres > _COARSE else 1)
    turbines.draw(
      planes,
      [machine],
      self.metres,
      lean=lean,
      shadow=shadow,
      gravel=None,
    )
    solid = [points for _, points in turbines.outline(machine, lean)]
    dark = [points for _, points in turbines.outline(machine, shadow)]
    cover = turbines.coverage(solid, self.metres, size)
    rng = _generator(self.seed, region, index, 7)
    return {
      "image": _expose(planes, region, rng),
      "turbine": cover >= _SEEN,
      "footprint": np.maximum(
        cover, turbines.coverage(dark, self.metres, size)
      ),
    }

  def _plan(self, index: int):
    """Returns land, machine, directions of view and shadow, and the size."""
    region = regions.find(self.region)
    rng = _generator(self.seed, region, index, 6)
    tile = land.plan(region, rng, _TURBINE_METRES, village=False)
    machine = turbines.draw_one(rng)
    lean = _lean(rng)
    # Roads, water, woods and the edges of fields would come along in pieces
    # when the turbine is put elsewhere: it stands in one wide meadow, or on
    # bare ground, without gravel round its foot.
    meadow = rng.random() < region.odds[0] + region.odds[1]
    open_land = dataclasses.replace(
      region,
      parcel=(1e4, 1e4),
      odds=(0.0, float(meadow), 0.0),
      woods=-1.0,
      pivots=True,
    )
    tile = dataclasses.replace(
      tile, region=open_land, road=None, river=None, lake=2.0
    )
    shadow = (region.sun * tile.sun[0], region.sun * tile.sun[1])
    points = [
      point
      for lift in (lean, shadow)
      for _, corners in turbines.outline(machine, lift)
      for point in corners
    ]
    left, top = (min(point[axis] for point in points) for axis in (0, 1))
    right, bottom = (max(point[axis] for point in points) for axis in (0, 1))
    size = tuple(
      math.ceil(length / self.metres) + 2 * self.margin
      for length in (bottom - top, right - left)
    )
    border = self.margin * self.metres
    machine = dataclasses.replace(machine, base=(border - left, border - top))
    tile = dataclasses.replace(tile, extent=0.5 * self.metres * sum(size))
    return tile, machine, lean, shadow, size
