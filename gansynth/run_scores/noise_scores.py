"""What is made of noise, which has no true picture to be compared with."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from gansynth import images
from gansynth.run_scores.made_pictures import OTHER_REAL, Observer


class NoiseScores:
  """Shows an observer as many pictures of noise as there are test pictures.

  Attributes:
    names: of scores, of which there are none by themselves.
  """

  directions = ("",)
  names = ()
  paired = False

  def __init__(
    self,
    test_set: Any,
    sample_noise: Callable[[int], np.ndarray],
    *,
    max_items: int = 0,
    batch_size: int = 1,
  ):
    """Takes the data.

    Args:
      test_set: whose pictures the others are to look like.
      sample_noise: draws the noise of a number of pictures, always the same.
      max_items: how many pictures; 0: as many as there are.
      batch_size: pictures made at a time, on this host.
    """
    self._count = min(len(test_set), max_items or len(test_set))
    self._sample_noise = sample_noise
    self._batch_size = batch_size

  def measure(
    self,
    generate: Callable[[np.ndarray], np.ndarray],
    observe: Observer | None = None,
  ) -> dict[str, float]:
    """Makes the pictures; there is no score.

    Args:
      generate: makes float pictures in [-1, 1] of noise.
      observe: is shown what is made; the only direction is "".
    """
    if observe is None:
      return {}
    noise = self._sample_noise(self._count)
    indices = range(jax.process_index(), self._count, jax.process_count())
    for first in range(0, len(indices), self._batch_size):
      part = indices[first : first + self._batch_size]
      for index, picture in zip(part, generate(noise[part]), strict=True):
        item = {"name": f"noise_{index:06d}.png"}
        observe("", item, images.to_uint8(picture), {})
    return {}

  def counts(self, direction: str) -> tuple[int, int]:
    """How many pictures are made, and how many true ones there are."""
    del direction
    return self._count, self._count

  def real(self, direction: str, item: Mapping[str, Any]) -> np.ndarray:
    """A picture of the test set: uint8 (h, w, 3)."""
    del direction
    return images.to_uint8(item["image"])

  def show(
    self, direction: str, item: Mapping[str, Any], made: np.ndarray
  ) -> dict[str, np.ndarray]:
    """Pictures that belong together, uint8 (h, w, 3), by kind."""
    return {"generated": made, OTHER_REAL: self.real(direction, item)}
