"""How well a segmenter tells the classes of a test set's pixels."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gansynth import parallel
from gansynth.data.labels import palettes
from gansynth.evaluation import segmentation
from gansynth.run_scores.host_items import own_batches
from gansynth.run_scores.made_pictures import Observer
from gansynth.segmenters import ClassTranslator


class SegmentationScores:
  """Scores of a segmenter on a test set, all of its pixels together.

  - `mean_iou`: mean of the classes that are there or predicted;
  - `pixel_accuracy`;
  - `class_accuracy`: mean, over the classes that are there, of the share of
    their pixels that is found;
  - `iou_<class>` of each such class, by its name in the palette.

  All are in [0, 1], and of all more is better: `best_mode` is "max".

  Attributes:
    names: of the scores that there always are.
    findings: what else the last measure found: the confusion matrix; JSON.
  """

  directions = ("",)
  paired = True

  def __init__(
    self,
    test_set: Any,
    num_classes: int,
    *,
    max_items: int = 0,
    batch_size: int = 1,
    colors: np.ndarray | None = None,
  ):
    """Takes the data.

    Args:
      test_set: a `LabelDataset`; labels from `num_classes` on are not counted.
      num_classes: of the segmenter.
      max_items: measure the first ones only; 0: all.
      batch_size: pictures at a time, on this host.
      colors: uint8 (classes, 3), what classes are shown in; None: one's own.
    """
    # Which classes there are is known when all was read.
    self.names = ["mean_iou", "pixel_accuracy", "class_accuracy"]
    self.findings: dict[str, Any] = {}
    self._test_set = test_set
    self._num_classes = num_classes
    self._max_items = max_items
    self._batch_size = batch_size
    if colors is None:
      colors = palettes.label_colors(num_classes)
    self._colors = colors

  def measure(
    self, translate: ClassTranslator, observe: Observer | None = None
  ) -> dict[str, float]:
    """Returns the scores by name, over all hosts.

    Args:
      translate: the segmenter.
      observe: is shown what is told; the only direction is "".
    """
    matrix = np.zeros((self._num_classes,) * 2, np.int64)
    with parallel.apart():
      for batch in own_batches(
        self._test_set, self._batch_size, self._max_items
      ):
        predictions = translate([item["image"] for item in batch])
        for item, prediction in zip(batch, predictions, strict=True):
          found = segmentation.confusion_matrix(
            item["label"], prediction, self._num_classes
          )
          matrix += found
          if observe is not None:
            scores = {"mean_iou": segmentation.mean_iou(found)}
            observe("", item, prediction, scores)
    matrix = parallel.sum_over_hosts(matrix)
    names = tuple(self._test_set.class_names or ())
    self.findings = {
      "confusion_matrix": matrix.tolist(),
      "class_names": list(names[: self._num_classes]),
    }
    return segmentation.scores(matrix, names)

  def counts(self, direction: str) -> tuple[int, int]:
    """How many pictures are told, and how many there are."""
    del direction
    count = min(len(self._test_set), self._max_items or len(self._test_set))
    return count, count

  def show(
    self, direction: str, item: Mapping[str, Any], made: np.ndarray
  ) -> dict[str, np.ndarray]:
    """Pictures that belong together, uint8 (h, w, 3), by kind."""
    del direction
    return {
      "input": item["image"],
      "predicted": palettes.colorize(made, self._colors),
      "labels": palettes.colorize(item["label"], self._colors),
    }


def report(metrics: Mapping[str, float]) -> str:
  """Puts the scores into words."""
  classes = ", ".join(
    f"{name.removeprefix(segmentation.CLASS)} {value:.3f}"
    for name, value in metrics.items()
    if name.startswith(segmentation.CLASS)
  )
  return (
    f"mean IoU {metrics['mean_iou']:.3f}, pixel accuracy "
    f"{metrics['pixel_accuracy']:.3f}, class accuracy "
    f"{metrics['class_accuracy']:.3f}\nIoU of classes: {classes}"
  )
