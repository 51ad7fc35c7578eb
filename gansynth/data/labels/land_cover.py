"""Procedural aerial pictures with their land cover."""

import dataclasses
import functools
from typing import Any

import numpy as np

from gansynth.data.sources import RenderedSource

NUM_LABELS = 6


@dataclasses.dataclass(frozen=True)
class LabelledLand:
  """Scene number to picture and labels; small to pickle, for workers.

  Attributes:
    seed: of the collection of scenes.
    size: (height, width) in pixels.
  """

  seed: int
  size: tuple[int, int]

  @functools.cached_property
  def _scenes(self):
    from gansynth.data import procedural

    return procedural.LandCoverScenes(seed=self.seed, size=self.size)

  def __call__(self, number: int) -> dict[str, np.ndarray | str]:
    """Renders scene `number`.

    Returns:
      `label` uint8 (height, width), `image` uint8 (height, width, 3), and the
      scene's `name`.
    """
    return {**self._scenes.render(number), "name": f"land_{number:06d}"}


def create(config: Any, split: str) -> RenderedSource:
  """Makes the source of a split.

  Args:
    config: any object with the fields seed (0), height and width (64),
      num_train (400) and num_test (100), all of which may be missing.
    split: "train" or "test", which shares no scene with the former.

  Returns:
    A source of `image`, `label` (0 to 5, the classes of Geoseg-GAN) and
    `name`, without instances.

  Raises:
    ValueError: a field has a value that cannot be.
  """
  num_train = _get(config, "num_train", 400)
  num_test = _get(config, "num_test", 100)
  if min(num_train, num_test) < 1:
    raise ValueError(
      f"num_train {num_train} and num_test {num_test} must be at least 1."
    )
  numbers = range(num_train)
  if split == "test":
    numbers = range(num_train, num_train + num_test)
  size = (_get(config, "height", 64), _get(config, "width", 64))
  render = LabelledLand(_get(config, "seed", 0), size)
  return RenderedSource(render, numbers, "land")


def _get(config: Any, name: str, default: Any) -> Any:
  value = getattr(config, name, None)
  return default if value is None else value
