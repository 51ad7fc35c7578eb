"""How well a segmenter tells the classes of a test set's pixels."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from gansynth import parallel
from gansynth.data import pipeline
from gansynth.evaluation import segmentation
from gansynth.segmenters import ClassTranslator

_CLASS = "iou_"  # how the score of a class begins


class SegmentationScores:
  """Scores of a segmenter on a test set, all of its pixels together.

  - `mean_iou`: mean of the classes that are there or predicted;
  - `pixel_accuracy`;
  - `iou_<class>` of each such class, by its name in the palette.

  All are in [0, 1], and of all more is better: `best_mode` is "max".
  """

  def __init__(
    self,
    test_set: Any,
    num_classes: int,
    *,
    max_items: int = 0,
    batch_size: int = 1,
  ):
    """Takes the data.

    Args:
      test_set: a `LabelDataset`; labels from `num_classes` on are not counted.
      num_classes: of the segmenter.
      max_items: measure the first ones only; 0: all.
      batch_size: pictures at a time, on this host.
    """
    # Which classes there are is known when all was read.
    self.names = ["mean_iou", "pixel_accuracy"]
    self._test_set = test_set
    self._num_classes = num_classes
    self._max_items = max_items
    self._batch_size = batch_size

  def measure(self, translate: ClassTranslator) -> dict[str, float]:
    """Returns the scores by name, over all hosts.

    Args:
      translate: the segmenter.
    """
    matrix = np.zeros((self._num_classes,) * 2, np.int64)
    items = pipeline.eval_items(
      self._test_set,
      max_items=self._max_items,
      host_index=jax.process_index(),
      host_count=jax.process_count(),
    )
    while batch := list(itertools.islice(items, self._batch_size)):
      predictions = translate([item["image"] for item in batch])
      for item, prediction in zip(batch, predictions, strict=True):
        matrix += segmentation.confusion_matrix(
          item["label"], prediction, self._num_classes
        )
    matrix = parallel.sum_over_hosts(matrix)
    names = score_names(self._test_set.class_names or (), self._num_classes)
    return {
      "mean_iou": segmentation.mean_iou(matrix),
      "pixel_accuracy": segmentation.pixel_accuracy(matrix),
      **{
        name: float(iou)
        for name, iou in zip(names, segmentation.class_iou(matrix), strict=True)
        if not np.isnan(iou)
      },
    }


def score_names(class_names: Sequence[str], num_classes: int) -> list[str]:
  """Names of the scores of classes.

  Args:
    class_names: of the first classes, as people write them; a class without a
      name is called after its number.
    num_classes: how many names are wanted.

  Returns:
    Names that differ: `iou_` and letters, digits and underscores.
  """
  names = []
  for number in range(num_classes):
    name = class_names[number] if number < len(class_names) else ""
    name = re.sub(r"\W+", "_", name.lower()).strip("_") or f"label_{number}"
    if _CLASS + name in names:
      name = f"{name}_{number}"
    names.append(_CLASS + name)
  return names


def report(metrics: Mapping[str, float]) -> str:
  """Puts the scores into words."""
  classes = ", ".join(
    f"{name.removeprefix(_CLASS)} {value:.3f}"
    for name, value in metrics.items()
    if name.startswith(_CLASS)
  )
  return (
    f"mean IoU {metrics['mean_iou']:.3f}, pixel accuracy "
    f"{metrics['pixel_accuracy']:.3f}\nIoU of classes: {classes}"
  )
