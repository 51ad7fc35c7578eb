"""Procedural street scenes with their label and instance maps."""

import dataclasses
from typing import Any

import numpy as np

from gansynth.data import street_sources
from gansynth.data.sources import RenderedSource


@dataclasses.dataclass(frozen=True)
class LabelledScenes(street_sources.SceneRenderer):
  """Scene number to picture, labels (Cityscapes ids) and instances.

  Attributes:
    instances: whether to give instance maps.
  """

  instances: bool = True

  def __call__(self, number: int) -> dict[str, np.ndarray | str]:
    """Renders scene `number`.

    Returns:
      `label` uint8 (height, width), `image` uint8 (height, width, 3), if wanted
      `instance` int32 (height, width), and the scene's `name`.
    """
    ((_, rendering),) = self.keys
    scene = self._scenes.render(
      number,
      rendering=rendering,
      weather=self.weather,
      severity=self.severity,
    )
    wanted = ("label", "image", "instance")[: 2 + self.instances]
    maps = {key: scene[key] for key in wanted}
    return {**maps, "name": f"street_{number:06d}"}


def create(config: Any, split: str, *, instances: bool) -> RenderedSource:
  """Makes the source of a split; the fields are listed in `labels.create`.

  The scenes of the test split are those of `procedural_street`.
  """
  rendering = getattr(config, "rendering", None) or "photo"
  renderer = LabelledScenes(
    **street_sources.scene_options(config),
    keys=(("image", rendering),),
    instances=instances,
  )
  return RenderedSource(
    renderer, street_sources.paired_numbers(config, split), "street"
  )
