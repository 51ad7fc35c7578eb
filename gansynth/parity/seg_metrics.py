"""Checks of confusion matrices and the scores they give."""

import re
from collections.abc import Iterator

import numpy as np

from gansynth.evaluation import segmentation
from gansynth.parity.case import Case
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare

_ROUNDING = Tolerance(relative=1e-12, floor=1e-12)


def confusion_matrix(case: Case) -> Iterator[Comparison]:
  """The matrix of all pictures and of each, and its scores."""
  classes = case.require("n_classes")
  pairs = zip(case.inputs["label"], case.inputs["pred"], strict=True)
  matrices = [
    segmentation.confusion_matrix(labels, told, classes)
    for labels, told in pairs
  ]
  for name, expected in case.outputs.items():
    if match := re.fullmatch(r"hist_image(\d+)", name):
      case.outputs.used.add(name)
      yield compare(name, matrices[int(match[1])], expected, EXACT)
  yield from compare_scores(case, sum(matrices))


def compare_scores(case: Case, matrix: np.ndarray) -> Iterator[Comparison]:
  """Compares what a case records of a matrix, the scores in percent."""
  if "hist" in case.outputs:
    yield compare("hist", matrix, case.outputs["hist"], EXACT)
  iou = 100 * segmentation.class_iou(matrix)
  accuracy = 100 * segmentation.class_accuracy(matrix)
  mean = 100 * segmentation.mean_iou(matrix)
  found = {
    "iou": iou,
    "ious": iou,
    "miou": mean,
    "miou_rounded": round(mean, 2),
    "pix_acc": 100 * segmentation.pixel_accuracy(matrix),
    "class_acc": accuracy,
    "mean_class_acc": 100 * segmentation.mean_class_accuracy(matrix),
  }
  for name, value in found.items():
    if name in case.outputs:
      # Classes without a score are so in both.
      value, expected = (
        np.nan_to_num(x, nan=-1) for x in (value, case.outputs[name])
      )
      yield compare(name, value, expected, _ROUNDING)


CHECKS = {"confusion_matrix": confusion_matrix}
