"""Aerial pictures of country in Europe, with their land cover."""

import dataclasses

import numpy as np

from gansynth.data.procedural import country, country_colors, noise

_OVERSAMPLED = 160 * 160  # up to so many pixels are drawn at twice the size
_STREAM = 200


@dataclasses.dataclass(frozen=True)
class LandCoverScenes:
  """Endless aerial pictures; scene i is the same everywhere.

  Attributes:
    seed: >= 0; other seeds are other places.
    size: (height, width) in pixels, each at least 32. A scene shows 300 to
      440 m in any size.

  Example:
    >>> scene = LandCoverScenes(seed=0, size=(64, 64)).render(12)
    >>> scene["image"].shape, scene["label"].shape
    ((64, 64, 3), (64, 64))
  """

  seed: int = 0
  size: tuple[int, int] = (64, 64)

  def __post_init__(self):
    if len(self.size) != 2 or min(self.size) < 32:
      raise ValueError(
        f"LandCoverScenes: size is {self.size}; it must be (height, width), "
        "each at least 32 pixels."
      )
    if self.seed < 0:
      raise ValueError(f"LandCoverScenes: seed is {self.seed}; use 0 or more.")

  def render(self, number: int) -> dict[str, np.ndarray]:
    """Draws scene `number`.

    Cropland and forest are in nearly every scene, settlements and seminatural
    grassland in about one of three. Hedges, single trees and field margins
    have the label of what they stand in, as in maps that people draw.

    Args:
      number: >= 0.

    Returns:
      `image` uint8 (H, W, 3) RGB; `label` uint8 (H, W), ids 0..5 of
      `regions.CLASSES`: Background (roads and water), Forest land, Grassland,
      Cropland, Settlement, Seminatural Grassland.
    """
    if number < 0:
      raise ValueError(f"Scene number is {number}; use 0 or more.")
    rng = noise.generator(self.seed, number, _STREAM)
    place = country.plan(rng)
    look = country_colors.season(rng)
    height, width = self.size
    fine = 2 if height * width <= _OVERSAMPLED else 1
    cover = country.survey(place, (fine * height, fine * width))
    planes = noise.shrink(country_colors.paint(place, cover, look), fine)
    label = cover.label[fine - 1 :: fine, fine - 1 :: fine]
    return {
      "image": country_colors.expose(planes, look, rng),
      "label": np.ascontiguousarray(label),
    }
