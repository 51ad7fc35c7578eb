"""Street scenes with ground truth, in two renderings and five weathers."""

import dataclasses

import numpy as np

from gansynth.data.procedural import (
  cityscapes,
  layout,
  noise,
  shading,
  surfaces,
)
from gansynth.data.procedural import weather as conditions

RENDERINGS = ("game", "photo")
_OVERSAMPLED = 160 * 160  # up to so many pixels are drawn at twice the size
_LEVEL = (cityscapes.ROAD, cityscapes.SIDEWALK, cityscapes.PARKING)


@dataclasses.dataclass(frozen=True)
class StreetScenes:
  """An endless set of street scenes; sample i is the same everywhere.

  Attributes:
    seed: >= 0; other seeds are other streets.
    size: (height, width) in pixels, each at least 32.

  Example:
    >>> sample = StreetScenes(seed=0, size=(64, 128)).render(7, "photo")
    >>> sample["image"].shape, sample["label"].dtype
    ((64, 128, 3), dtype('uint8'))
  """

  seed: int = 0
  size: tuple[int, int] = (256, 256)

  def __post_init__(self):
    if len(self.size) != 2 or min(self.size) < 32:
      raise ValueError(
        f"StreetScenes: size is {self.size}; it must be (height, width), "
        "each at least 32 pixels."
      )
    if self.seed < 0:
      raise ValueError(f"StreetScenes: seed is {self.seed}; use 0 or more.")

  def render(
    self,
    index: int,
    rendering: str = "game",
    weather: str = "clear",
    severity: float = 0.5,
  ) -> dict[str, np.ndarray]:
    """Draws scene `index`.

    Labels, instances and depth depend on the seed, the index and the size
    alone: they are the same for every rendering and weather.

    Args:
      index: sample number, >= 0.
      rendering: `game` or `photo`.
      weather: `clear`, `fog`, `rain`, `snow` or `dusk`.
      severity: 0 (hardly any) to 1 (heavy); ignored for `clear`.

    Returns:
      `image` uint8 (H, W, 3) RGB; `label` uint8 (H, W), Cityscapes ids;
      `instance` int32 (H, W), id * 1000 + counter for people and vehicles,
      the id elsewhere; `depth` float32 (H, W), metres along the optical
      axis, `SKY_DEPTH` (1000) in the sky.

    Raises:
      ValueError: an unknown rendering or weather, or a number out of range.
    """
    if rendering not in RENDERINGS:
      raise ValueError(
        f"Unknown rendering {rendering!r}; choose one of {RENDERINGS}."
      )
    if index < 0:
      raise ValueError(f"Sample index is {index}; use 0 or more.")
    conditions.check(weather, severity)
    # Small pictures are drawn twice as large and averaged, or poles, people
    # and lane marks would break up.
    height, width = self.size
    fine = 2 if height * width <= _OVERSAMPLED else 1
    plan = layout.street(self.seed, index)
    size = (fine * height, fine * width)
    buffers = surfaces.trace(plan, size)
    if rendering == "game":
      image = shading.game(buffers)
    else:
      image = shading.photo(buffers, noise.generator(self.seed, index, 1))
    # Planes in memory, (H, W, 3) to look at: the fast order for NumPy.
    image = noise.shrink(image.reshape(3, *size), fine).transpose(1, 2, 0)
    label, instance, depth = (
      np.ascontiguousarray(full[fine - 1 :: fine, fine - 1 :: fine])
      for full in (buffers.label, buffers.instance, buffers.depth)
    )
    if weather != "clear":
      scene = conditions.Scene(
        depth=depth,
        horizon=plan.camera.horizon * height,
        upward=noise.shrink(surfaces.exposed(buffers), fine),
        level=np.isin(label, _LEVEL),
        emission=noise.shrink(
          shading.emission(buffers).reshape(3, *size), fine
        ).transpose(1, 2, 0),
      )
      # The same drops fall in both renderings.
      stream = 2 + conditions.WEATHERS.index(weather)
      rng = noise.generator(self.seed, index, stream)
      image = conditions.apply(weather, image, scene, severity, rng)
    image *= np.float32(255.0)
    image += np.float32(0.5)
    return {
      "image": np.ascontiguousarray(image.astype(np.uint8)),
      "label": label,
      "instance": instance,
      "depth": depth,
    }
