"""Procedural street scenes as the two domains of a translation.

Domain A is the game-like rendering, domain B the photo-like one. Training sees
A of the scenes with even numbers and B of those with odd numbers, so never
both renderings of one scene; the scenes of the test split come after all of
them and give both, which is the ground truth that unpaired data lacks.
"""

import dataclasses
import functools
from typing import Any

import numpy as np

from gansynth.data.sources import RenderedSource, Source

DOMAINS = {"image_a": "game", "image_b": "photo"}


@dataclasses.dataclass(frozen=True)
class SceneRenderer:
  """Scene number to pictures; small to pickle, for worker processes.

  Attributes:
    seed: of the collection of scenes.
    size: (height, width) in pixels.
    weather: see `gansynth.data.procedural.StreetScenes.render`.
    severity: strength of the weather.
    keys: entry of the result -> rendering.
  """

  seed: int
  size: tuple[int, int]
  weather: str
  severity: float
  keys: tuple[tuple[str, str], ...]

  @functools.cached_property
  def _scenes(self):
    from gansynth.data import procedural

    return procedural.StreetScenes(seed=self.seed, size=self.size)

  def __getstate__(self) -> dict:
    return {
      field.name: getattr(self, field.name)
      for field in dataclasses.fields(self)
    }

  def __setstate__(self, state: dict) -> None:
    self.__dict__.update(state)

  def __call__(self, number: int) -> dict[str, np.ndarray]:
    """Renders scene `number`: uint8 (height, width, 3) by entry."""
    return {
      key: self._scenes.render(
        number,
        rendering=rendering,
        weather=self.weather,
        severity=self.severity,
      )["image"]
      for key, rendering in self.keys
    }


def create(config: Any, split: str) -> tuple[Source, Source] | Source:
  """Makes the sources of a split; the fields are listed in `data.create`.

  Returns:
    For "train" the two unpaired sources with `image`, unless `paired` is set;
    else one source with `image_a` and `image_b` of the same scene.
  """

  def get(name: str, default: Any) -> Any:
    value = getattr(config, name, None)
    return default if value is None else value

  num_train, num_test = get("num_train", 1000), get("num_test", 100)
  if min(num_train, num_test) < 1:
    raise ValueError(
      f"num_train {num_train} and num_test {num_test} must be at least 1."
    )

  def renderer(*keys: tuple[str, str]) -> SceneRenderer:
    return SceneRenderer(
      seed=get("seed", 0),
      size=(get("height", 256), get("width", 256)),
      weather=get("weather", "clear"),
      severity=get("severity", 0.5),
      keys=keys,
    )

  # Both kinds of training leave these scenes unseen.
  first_test = 2 * num_train
  if split == "test" or get("paired", False):
    numbers = range(first_test, first_test + num_test)
    if split == "train":
      numbers = range(num_train)
    return RenderedSource(renderer(*DOMAINS.items()), numbers, "street")
  return tuple(
    RenderedSource(
      renderer(("image", rendering)),
      range(offset, first_test, 2),
      f"street_{rendering}",
    )
    for offset, rendering in enumerate(DOMAINS.values())
  )
