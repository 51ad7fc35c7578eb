"""Which image-mask pairs a run makes, what they are called, and of what."""

import dataclasses
from typing import Any

import numpy as np

from gansynth.synthesis.pair_draws import FixedDraws, OriginalDraws
from gansynth.synthesis.pair_masks import Masks, listed
from gansynth.synthesis.pair_options import Options


@dataclasses.dataclass(frozen=True, eq=False)
class Composed:
  """A pair of which there is the mask.

  Attributes:
    index: its number in the run, from 0.
    name: of the pair, without ending.
    source: what the manifest calls the mask that it was made of.
    labels: uint8 or int32 (height, width).
    changes: what was drawn to change the mask, in values of JSON.
  """

  index: int
  name: str
  source: str
  labels: np.ndarray
  changes: dict[str, Any]


class Plan:
  """What a run will make; picklable, without JAX.

  Attributes:
    options: what was asked for.
    masks: what masks are drawn from.
  """

  def __init__(self, options: Options) -> None:
    """Finds the masks.

    Args:
      options: what to make; `masks.num_labels` is known.

    Raises:
      ValueError: masks that cannot be used.
    """
    self.options = options
    self.masks = Masks(options)
    kind = OriginalDraws if options.mode == "original" else FixedDraws
    self._draws = kind(self.masks, options)

  def __len__(self) -> int:
    return self.options.pairs

  def name(self, index: int) -> str:
    """Name of a pair, without ending."""
    return f"pair_{index:05d}"

  def compose(self, index: int) -> Composed:
    """Makes the mask of a pair.

    Raises:
      ValueError, OSError: the mask that it is made of cannot be used.
    """
    number, labels, changes = self._draws(index)
    return Composed(
      index, self.name(index), self.masks.name(number), labels, changes
    )

  def check(self) -> None:
    """Looks for everything that can be found before any pair is made.

    All masks are read once.

    Raises:
      ValueError: the message lists the problems.
    """
    self.masks.pixels()
    try:
      self._draws.check()
    except ValueError as error:
      raise ValueError(listed([str(error)])) from error
