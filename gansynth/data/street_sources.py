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
  options = scene_options(config)
  if split == "test" or _get(config, "paired", False):
    return RenderedSource(
      SceneRenderer(**options, keys=tuple(DOMAINS.items())),
      paired_numbers(config, split),
      "street",
    )
  end = paired_numbers(config, "test").start
  return tuple(
    RenderedSource(
      SceneRenderer(**options, keys=(("image", rendering),)),
      range(offset, end, 2),
      f"street_{rendering}",
    )
    for offset, rendering in enumerate(DOMAINS.values())
  )


def scene_options(config: Any) -> dict[str, Any]:
  """The fields of `SceneRenderer` that a configuration gives."""
  return {
    "seed": _get(config, "seed", 0),
    "size": (_get(config, "height", 256), _get(config, "width", 256)),
    "weather": _get(config, "weather", "clear"),
    "severity": _get(config, "severity", 0.5),
  }


def paired_numbers(config: Any, split: str) -> range:
  """The scenes of a split where every scene is shown whole."""
  num_train = _get(config, "num_train", 1000)
  num_test = _get(config, "num_test", 100)
  if min(num_train, num_test) < 1:
    raise ValueError(
      f"num_train {num_train} and num_test {num_test} must be at least 1."
    )
  if split == "train":
    return range(num_train)
  # Unpaired training takes twice as many scenes, and leaves these unseen.
  return range(2 * num_train, 2 * num_train + num_test)


def _get(config: Any, name: str, default: Any) -> Any:
  value = getattr(config, name, None)
  return default if value is None else value
