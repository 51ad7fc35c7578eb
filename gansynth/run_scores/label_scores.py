"""How well pictures made from label maps fit them, without anyone's weights."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gansynth import parallel
from gansynth.data import pipeline
from gansynth.data.labels import palettes
from gansynth.evaluation import color_classifier, segmentation
from gansynth.label_judge import SegmentationHead
from gansynth.label_translator import LabelTranslator
from gansynth.run_scores.host_items import own_batches
from gansynth.run_scores.made_pictures import Observer

_LEARNED = 100  # training pictures whose colours are learned


class LabelMakers(NamedTuple):
  """What is measured."""

  translate: LabelTranslator  # makes pictures of label maps
  head: SegmentationHead | None = None  # tells what pictures show


def make_items(
  translate: LabelTranslator,
  items: list[dict[str, Any]],
  number: int | None = None,
) -> list[np.ndarray]:
  """Makes pictures of items of a label data set.

  Features of instances, where the generator is shown them, are those of the
  true pictures; styles are drawn.

  Args:
    translate: the generator.
    items: `label`, `image` and, where they are shown, `instance`.
    number: how many styles are drawn for each; None: one.

  Returns:
    uint8 (height, width, 3) for each; with `number` (styles, height, width,
    3).
  """
  columns = {name: [item[name] for item in items] for name in items[0]}
  encoded = translate.conditioning.features != "none"
  return translate(
    columns["label"],
    columns.get("instance"),
    columns["image"] if encoded else None,
    number,
  )


class LabelScores:
  """Scores of a generator on a test set; the same items every time.

  - `error`: mean absolute difference to the true picture, in grey levels (0 to
    255). A scene has more than one right picture, so it does not go to 0.
  - `color_iou`, `color_accuracy`: mean IoU over the labels that occur, and
    pixel accuracy, of the label that a pixel's colour tells, see
    `evaluation.color_classifier`; in [0, 1].
  - `color_iou_of_real`: what the true pictures reach.
  - `head_iou`, `head_accuracy`: the same of the classes that the segmentation
    head of a semantic-aware discriminator sees. It is no independent judge of
    a generator that it guides; `label_comparison` has another run's.
  - `head_iou_of_real`, `head_accuracy_of_real`: what the true pictures reach,
    which tells how far the head can be trusted.

  Of all but `error` more is better: where one of them is `best_metric`,
  `best_mode` is "max".

  Attributes:
    names: of the scores.
  """

  directions = ("",)
  paired = True

  def __init__(
    self,
    train_set: Any,
    test_set: Any,
    num_labels: int,
    *,
    num_classes: int = 0,
    max_items: int = 0,
    batch_size: int = 1,
    colors: np.ndarray | None = None,
  ):
    """Takes the data, which is read when the first measure is taken.

    Args:
      train_set: whose colours are learned.
      test_set: whose label maps become pictures.
      num_labels: don't-care included; 0: the maps are pictures, and colours
        tell nothing.
      num_classes: that the head tells apart; 0: there is no head.
      max_items: measure the first ones only; 0: all.
      batch_size: pictures made at a time, on this host.
      colors: uint8 (labels, 3), what labels are shown in; None: one's own.
    """
    self._train_set = train_set
    self._test_set = test_set
    self._num_labels = num_labels
    self._num_classes = num_classes
    self._max_items = max_items
    self._batch_size = batch_size
    if colors is None:
      colors = palettes.label_colors(num_labels)
    self._colors = colors
    self._classifier = None
    self.names = ["error"]
    if num_labels:
      self.names += ["color_iou", "color_accuracy", "color_iou_of_real"]
    if num_classes:
      self.names += [
        "head_iou",
        "head_accuracy",
        "head_iou_of_real",
        "head_accuracy_of_real",
      ]

  def measure(
    self, makers: LabelMakers, observe: Observer | None = None
  ) -> dict[str, float]:
    """Returns the scores by name, over all hosts.

    Args:
      makers: the generator, and the head if one is measured.
      observe: is shown what is made; the only direction is "".
    """
    readers = self._readers(makers.head)
    error = np.zeros(())
    matrices = {
      name: {
        kind: np.zeros((reader.size, reader.size), np.int64)
        for kind in ("made", "real")
      }
      for name, reader in readers.items()
    }
    with parallel.apart():
      for batch in own_batches(
        self._test_set, self._batch_size, self._max_items
      ):
        made = make_items(makers.translate, batch)
        real = [item["image"] for item in batch]
        found = []
        for picture, true in zip(made, real, strict=True):
          difference = np.abs(picture.astype(np.float64) - true).mean()
          error += difference
          found.append({"error": float(difference)})
        for name, reader in readers.items():
          targets = [reader.target(item["label"]) for item in batch]
          for kind, pictures in (("made", made), ("real", real)):
            told = zip(found, targets, reader.read(pictures), strict=True)
            for scores, *pair in told:
              matrix = segmentation.confusion_matrix(*pair, reader.size)
              matrices[name][kind] += matrix
              if kind == "made":
                scores[f"{name}_iou"] = segmentation.mean_iou(matrix)
        if observe is not None:
          for each in zip(batch, made, found, strict=True):
            observe("", *each)
    error, matrices = parallel.sum_over_hosts((error, matrices))
    count, _ = self.counts("")
    scores = {"error": float(error) / count}
    for name, found in matrices.items():
      for kind, ending in (("made", ""), ("real", "_of_real")):
        matrix = found[kind]
        scores[f"{name}_iou{ending}"] = segmentation.mean_iou(matrix)
        scores[f"{name}_accuracy{ending}"] = segmentation.pixel_accuracy(matrix)
    return {name: scores[name] for name in self.names}

  def counts(self, direction: str) -> tuple[int, int]:
    """How many pictures are made, and how many true ones there are."""
    del direction
    count = min(len(self._test_set), self._max_items or len(self._test_set))
    return count, count

  def real(self, direction: str, item: Mapping[str, Any]) -> np.ndarray:
    """The true picture of an item: uint8 (h, w, 3)."""
    del direction
    return item["image"]

  def show(
    self, direction: str, item: Mapping[str, Any], made: np.ndarray
  ) -> dict[str, np.ndarray]:
    """Pictures that belong together, uint8 (h, w, 3), by kind."""
    del direction
    labels = item["label"]
    if labels.ndim == 2:
      labels = palettes.colorize(labels, self._colors)
    return {"labels": labels, "generated": made, "real": item["image"]}

  def _readers(self, head):
    """What tells the label or class of pixels, by the beginning of scores."""
    readers = {}
    if self._num_labels:
      if self._classifier is None:
        self._classifier = self._learn()
      readers["color"] = _Reader(
        self._num_labels,
        lambda labels: labels,
        lambda pictures: map(self._classifier, pictures),
      )
    if self._num_classes:
      readers["head"] = _Reader(self._num_classes, head.classes_of, head)
    return readers

  def _learn(self) -> color_classifier.ColorClassifier:
    classifier = color_classifier.ColorClassifier(self._num_labels)
    for item in pipeline.eval_items(self._train_set, max_items=_LEARNED):
      classifier.add(item["image"], item["label"])
    return classifier


class _Reader(NamedTuple):
  """Reads pictures, to be compared with label maps."""

  size: int  # how many labels or classes there are
  target: Callable[[np.ndarray], np.ndarray]  # what is right, of a label map
  read: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]
