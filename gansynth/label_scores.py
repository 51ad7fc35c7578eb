"""How well pictures made from label maps fit them, without anyone's weights."""

import itertools
from typing import Any

import jax
import numpy as np

from gansynth import parallel
from gansynth.data import pipeline
from gansynth.evaluation import color_classifier, segmentation
from gansynth.label_translator import LabelTranslator

_LEARNED = 100  # training pictures whose colours are learned


def make_items(
  translate: LabelTranslator, items: list[dict[str, Any]]
) -> list[np.ndarray]:
  """Makes pictures of items of a label data set.

  Features of instances, where the generator is shown them, are those of the
  true pictures; styles are drawn.

  Args:
    translate: the generator.
    items: `label`, `image` and, where they are shown, `instance`.

  Returns:
    uint8 (height, width, 3) for each.
  """
  columns = {name: [item[name] for item in items] for name in items[0]}
  encoded = translate.conditioning.features != "none"
  return translate(
    columns["label"],
    columns.get("instance"),
    columns["image"] if encoded else None,
  )


class LabelScores:
  """Scores of a generator on a test set; the same items every time.

  - `error`: mean absolute difference to the true picture, in grey levels (0 to
    255). A scene has more than one right picture, so it does not go to 0.
  - `color_iou`, `color_accuracy`: mean IoU over the labels that occur, and
    pixel accuracy, of the label that a pixel's colour tells, see
    `evaluation.color_classifier`; in [0, 1].
  - `color_iou_of_real`: what the true pictures reach.
  """

  def __init__(
    self,
    train_set: Any,
    test_set: Any,
    num_labels: int,
    *,
    max_items: int = 0,
    batch_size: int = 1,
  ):
    """Takes the data, which is read when the first measure is taken.

    Args:
      train_set: whose colours are learned.
      test_set: whose label maps become pictures.
      num_labels: don't-care included; 0: the maps are pictures, and colours
        tell nothing.
      max_items: measure the first ones only; 0: all.
      batch_size: pictures made at a time, on this host.
    """
    self._train_set = train_set
    self._test_set = test_set
    self._num_labels = num_labels
    self._max_items = max_items
    self._batch_size = batch_size
    self._classifier = None
    self.names = ["error"]
    if num_labels:
      self.names += ["color_iou", "color_accuracy", "color_iou_of_real"]

  def measure(self, translate: LabelTranslator) -> dict[str, float]:
    """Returns the scores by name, over all hosts."""
    size = self._num_labels
    error = np.zeros(())
    matrices = {
      kind: np.zeros((size, size), np.int64) for kind in ("made", "real")
    }
    items = pipeline.eval_items(
      self._test_set,
      max_items=self._max_items,
      host_index=jax.process_index(),
      host_count=jax.process_count(),
    )
    if size and self._classifier is None:
      self._classifier = self._learn()
    while batch := list(itertools.islice(items, self._batch_size)):
      made = make_items(translate, batch)
      for picture, item in zip(made, batch, strict=True):
        difference = picture.astype(np.float64) - item["image"]
        error += np.abs(difference).mean()
        for kind, shown in (("made", picture), ("real", item["image"])):
          if size:
            matrices[kind] += segmentation.confusion_matrix(
              item["label"], self._classifier(shown), size
            )
    error, matrices = parallel.sum_over_hosts((error, matrices))
    count = min(len(self._test_set), self._max_items or len(self._test_set))
    scores = {"error": float(error) / count}
    if size:
      scores["color_iou"] = segmentation.mean_iou(matrices["made"])
      scores["color_accuracy"] = segmentation.pixel_accuracy(matrices["made"])
      scores["color_iou_of_real"] = segmentation.mean_iou(matrices["real"])
    return scores

  def _learn(self) -> color_classifier.ColorClassifier:
    classifier = color_classifier.ColorClassifier(self._num_labels)
    for item in pipeline.eval_items(self._train_set, max_items=_LEARNED):
      classifier.add(item["image"], item["label"])
    return classifier
