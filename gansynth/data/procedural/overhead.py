"""Overhead tiles with ground truth: land cover, and wind turbines."""

import dataclasses
import math

import numpy as np

from gansynth.data.procedural import land, noise, regions, turbines

_COVER_METRES = 640.0  # what a land-cover tile shows
_TURBINE_METRES = 350.0
_OVERSAMPLED = 160 * 160  # up to so many pixels are drawn at twice the size


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

  def _generator(self, index: int, stream: int) -> np.random.Generator:
    if index < 0:
      raise ValueError(f"Tile index is {index}; use 0 or more.")
    number = regions.REGIONS.index(regions.find(self.region))
    return noise.generator(self.seed, index, 100 + 10 * number + stream)

  def land_cover(self, index: int) -> dict[str, np.ndarray]:
    """Draws tile `index` of the land cover, about 640 m wide.

    Returns:
      `image` uint8 (H, W, 3) RGB; `label` uint8 (H, W), ids 0..5 of
      `regions.CLASSES`: Background (roads, water, bare ground), Forest land,
      Grassland, Cropland, Settlement, Seminatural Grassland.
    """
    region = regions.find(self.region)
    tile = land.plan(
      region, self._generator(index, 0), _COVER_METRES, village=True
    )
    height, width = self.size
    fine = 2 if height * width <= _OVERSAMPLED else 1
    cover = land.survey(tile, (fine * height, fine * width))
    planes = noise.shrink(land.colour(tile, cover), fine)
    label = cover.label[fine - 1 :: fine, fine - 1 :: fine]
    return {
      "image": self._expose(planes, self._generator(index, 1)),
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
    rng = self._generator(index, 2)
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
    tilt, around = 0.10 + 0.25 * rng.random(), 2.0 * math.pi * rng.random()
    truth = turbines.draw(
      planes,
      machines,
      metres,
      lean=(tilt * math.cos(around), tilt * math.sin(around)),
      shadow=(region.sun * tile.sun[0], region.sun * tile.sun[1]),
      gravel=region.gravel,
    )
    return {"image": self._expose(planes, self._generator(index, 3)), **truth}

  def _expose(self, planes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turns planes (3, H, W) into a uint8 picture (H, W, 3)."""
    light = np.array(regions.find(self.region).light, np.float32)
    planes = planes * light[:, None, None]
    planes += noise.bell(rng, planes.shape) * np.float32(0.010)
    np.clip(planes, 0.0, 1.0, out=planes)
    planes *= np.float32(255.0)
    planes += np.float32(0.5)
    return np.ascontiguousarray(planes.astype(np.uint8).transpose(1, 2, 0))
