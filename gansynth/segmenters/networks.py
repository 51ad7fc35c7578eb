"""Our own networks as segmenters."""

import os
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import numpy as np

from gansynth import checkpoints, label_judge, models
from gansynth import weights as weights_lib
from gansynth.segmenters.base import Segmenter, SegmenterError
from gansynth.translator import Translator

BATCH_SIZE = 8


class ClassTranslator(Translator):
  """A segmenter's network with its weights: pictures to classes.

  Takes what `Translator` takes, uint8 or float in [-1, 1].
  """

  def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns classes (height, width), uint8, or uint16 if they are many."""
    return self.translate(list(pictures))

  @classmethod
  def load(
    cls, place: str | os.PathLike[str], step: int = 0, **options: Any
  ) -> "ClassTranslator":
    """Loads a converted segmenter, or that of a run.

    Args:
      place: see `weights.load`.
      step: checkpoint of a run; 0: the best one, else the latest.
      **options: of the constructor.

    Raises:
      ValueError: the place holds no network, or one that tells no classes.
    """
    network, variables = weights_lib.load(place, None, step)
    if not isinstance(network, models.SegmentationUnet):
      raise tells_no_classes(place, network)
    return cls(network, variables, **options)

  def _forward(self, variables, batch, extents=None):
    logits = super()._forward(variables, batch, extents)
    dtype = np.uint8 if self.network.num_classes <= 256 else np.uint16
    return logits.argmax(-1).astype(dtype)


def tells_no_classes(place: Any, network: nn.Module) -> SegmenterError:
  """The error of a network that is no segmenter."""
  return SegmenterError(
    f"{place} holds a {type(network).__name__}, which tells no classes; "
    "train a segmenter with configs/segmenter.py"
  )


class NetworkSegmenter(Segmenter):
  """A network of configs/segmenter.py.

  Pictures whose sides the network cannot halve are continued by reflection,
  and what is told of that is cut off again.
  """

  def __init__(
    self,
    network: nn.Module,
    variables: Any,
    *,
    batch_size: int = BATCH_SIZE,
    size: Sequence[int] = (),
  ) -> None:
    """Takes a `SegmentationUnet` and its variables; see `Segmenter`."""
    self._translate = ClassTranslator(network, variables, batch_size=batch_size)
    super().__init__(
      network.num_classes,
      self._translate.batch_size,
      {
        "kind": "network",
        "weights": checkpoints.digest(self._translate.variables),
        "network": repr(network),
      },
      size,
    )

  def _segment(self, pictures):
    return self._translate([2 * picture - 1 for picture in pictures])


class HeadSegmenter(Segmenter):
  """The head of a semantic-aware discriminator, whose classes are labels."""

  def __init__(
    self, head: label_judge.SegmentationHead, *, size: Sequence[int] = ()
  ) -> None:
    """Takes a head with its variables; see `Segmenter`.

    Raises:
      SegmenterError: its classes are not the labels.
    """
    if not head.tells_labels:
      raise SegmenterError(
        f"the discriminator tells {head.num_classes} classes that are not the "
        "labels of label maps; train it with --config.semantic.classes=labels "
        "and num_labels above 0, or train a segmenter with configs/segmenter.py"
      )
    self._head = head
    super().__init__(
      head.num_classes,
      head.batch_size,
      {"kind": "head", "weights": checkpoints.digest(head.variables)},
      size,
    )

  def _segment(self, pictures):
    return self._head([2 * picture - 1 for picture in pictures])
