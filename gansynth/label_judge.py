"""What a semantic-aware discriminator says a picture shows.

>>> from gansynth.label_judge import SegmentationHead
>>> judge = SegmentationHead.load("runs/semdisc")  # doctest: +SKIP
>>> (classes,) = judge([picture])  # doctest: +SKIP
"""

import os
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from gansynth import images, parallel, resampling
from gansynth import weights as weights_lib
from gansynth.models import semantics
from gansynth.systems import common
from gansynth.systems import semantic as semantic_lib


class SegmentationHead:
  """A discriminator's channels for classes, as a segmenter of pictures.

  One compilation serves all pictures of one size.

  Attributes:
    batch_size: pictures at a time, a multiple of the local devices.
    conditioning: what labels are.
    num_classes: that it tells apart.
  """

  def __init__(
    self,
    discriminator: nn.Module,
    conditioning: semantics.Conditioning,
    semantic: semantic_lib.SemanticLosses,
    *,
    batch_size: int = 1,
  ) -> None:
    """Takes a network; its variables come later.

    Args:
      discriminator: `MultiscaleDiscriminator` with classes, which is not shown
        the conditions.
      conditioning: what labels are.
      semantic: which label is which class.
      batch_size: pictures at a time, rounded up to a multiple of the local
        devices.
    """
    devices = jax.local_device_count()
    self.batch_size = -(-batch_size // devices) * devices
    self.conditioning = conditioning
    self.num_classes = discriminator.num_classes
    self._discriminator = discriminator.clone(axis_name=None)
    self._semantic = semantic
    self._segment = parallel.map_apply(self._forward)
    self._variables = None

  @classmethod
  def of_system(
    cls, system: Any, *, batch_size: int = 1
  ) -> "SegmentationHead | None":
    """The head that a system trains, without variables; None: it has none.

    Args:
      system: see `systems.create`.
      batch_size: see the constructor.
    """
    if not num_classes(system):
      return None
    return cls(
      system.discriminator,
      system.conditioning,
      system.semantic,
      batch_size=batch_size,
    )

  @classmethod
  def load(
    cls,
    workdir: str | os.PathLike[str],
    step: int = 0,
    *,
    batch_size: int = 1,
  ) -> "SegmentationHead":
    """Loads the head of a run.

    Args:
      workdir: the run's work directory.
      step: which checkpoint; 0: the best one, else the latest.
      batch_size: see the constructor.

    Raises:
      ValueError: there is no such run or checkpoint, or its discriminator
        tells no classes.
    """
    head = cls.of_system(
      weights_lib.load_system(workdir), batch_size=batch_size
    )
    if head is None:
      raise ValueError(
        f"{workdir} has no discriminator that tells the classes of a picture; "
        "name a run with semantic.mode c2f_sem or c2f_sem_rec"
      )
    _, state = weights_lib.load_state(workdir, step)
    head.set_state(state)
    return head

  @property
  def tells_labels(self) -> bool:
    """Whether its classes are the labels of label maps."""
    return bool(self.conditioning.num_labels) and not self._semantic.classes

  @property
  def variables(self) -> Any:
    """Of the discriminator; None before `set_state`."""
    return self._variables

  def set_state(self, state: common.GanState) -> None:
    """Takes the discriminator of a system's state; not compiled again."""
    # In training they may lie on other hosts' devices, too.
    variables = jax.device_get(
      {
        "params": state.params["discriminator"]["d"],
        "batch_stats": state.stats["discriminator"]["d"],
      }
    )
    self._variables = parallel.replicate(variables)

  def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Tells the class of every pixel.

    Scores of all scales are enlarged to the picture's size, and averaged; the
    highest one counts.

    Args:
      pictures: uint8 or float in [-1, 1] (height, width, 3), of any sizes.

    Returns:
      int32 (height, width) for each, 0 to num_classes - 1.

    Raises:
      ValueError: there are no variables yet.
    """
    if self._variables is None:
      raise ValueError("there are no weights yet; call set_state")
    by_size = {}
    for index, picture in enumerate(pictures):
      by_size.setdefault(picture.shape, []).append(index)
    results = [None] * len(pictures)
    for indices in by_size.values():
      for first in range(0, len(indices), self.batch_size):
        part = indices[first : first + self.batch_size]
        filled = np.resize(part, self.batch_size)  # repeats from the start
        batch = np.stack([pictures[i] for i in filled])
        found = self._segment(self._variables, batch)
        for index, classes in zip(part, found, strict=False):
          results[index] = classes
    return results

  def classes_of(self, labels: np.ndarray) -> np.ndarray:
    """The true class of every pixel of a label map.

    Args:
      labels: integers (height, width); where label maps are pictures uint8
        (height, width, 3).

    Returns:
      int32 (height, width); -1 where a pixel has none.
    """
    if not self.conditioning.num_labels:
      labels = images.to_unit_range(labels)
    (classes,) = semantic_lib.class_map(
      self._semantic, self.conditioning, labels[None]
    )
    return np.asarray(classes)

  def _forward(self, variables, pictures):
    outputs = self._discriminator.apply(
      variables, None, common.to_unit_range(pictures)
    )
    scores = [
      resampling.resize_bilinear(
        self._discriminator.split_logits(scale[-1]).classes,
        pictures.shape[1:3],
      )
      for scale in outputs
    ]
    # Their sum is highest where their mean is.
    return sum(scores).argmax(-1)


def num_classes(system: Any) -> int:
  """How many classes a system's discriminator learns to tell from pictures.

  One that is shown the label map knows them from there, which does not count.

  Args:
    system: see `systems.create`.
  """
  semantic = getattr(system, "semantic", None)
  if semantic is None or not semantic.lambda_segmentation:
    return 0
  discriminator = system.discriminator
  return 0 if discriminator.conditional else discriminator.num_classes
