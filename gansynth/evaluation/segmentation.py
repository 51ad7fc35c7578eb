"""Confusion matrices of label maps, and the scores they give."""

import re
from collections.abc import Sequence

import numpy as np

CLASS = "iou_"  # how the score of a class begins


def confusion_matrix(
  labels: np.ndarray, predictions: np.ndarray, num_classes: int
) -> np.ndarray:
  """Counts pixels by their class and the class predicted.

  Args:
    labels: integers of any shape; pixels outside 0 .. num_classes - 1 (255,
      say) are not counted.
    predictions: integers of that shape, 0 .. num_classes - 1.
    num_classes: of both.

  Returns:
    int64 (num_classes, num_classes): rows are labels, columns predictions.
    Matrices of several pictures are added.

  Raises:
    ValueError: the shapes differ, or a prediction of a counted pixel is none
      of the classes.
  """
  if labels.shape != predictions.shape:
    raise ValueError(
      f"labels have the shape {labels.shape}, predictions {predictions.shape}; "
      "resize one of them"
    )
  counted = (labels >= 0) & (labels < num_classes)
  rows = labels[counted].astype(np.int64)
  columns = predictions[counted].astype(np.int64)
  if columns.size and not 0 <= columns.min() <= columns.max() < num_classes:
    raise ValueError(
      f"predictions are {columns.min()} to {columns.max()}; classes are 0 to "
      f"{num_classes - 1}"
    )
  counts = np.bincount(rows * num_classes + columns, minlength=num_classes**2)
  return counts.reshape(num_classes, num_classes)


def class_iou(matrix: np.ndarray) -> np.ndarray:
  """Intersection over union of each class.

  Args:
    matrix: of `confusion_matrix`.

  Returns:
    float64 (classes,) in [0, 1]; nan for a class that is neither among the
    labels nor predicted.
  """
  hits = np.diag(matrix).astype(np.float64)
  union = matrix.sum(0) + matrix.sum(1) - hits
  return np.divide(hits, union, out=np.full_like(hits, np.nan), where=union > 0)


def mean_iou(matrix: np.ndarray) -> float:
  """Mean of `class_iou` over the classes that are there, in [0, 1]."""
  found = class_iou(matrix)
  found = found[~np.isnan(found)]
  return float(found.mean()) if found.size else float("nan")


def pixel_accuracy(matrix: np.ndarray) -> float:
  """Share of counted pixels whose prediction is right, in [0, 1]."""
  total = matrix.sum()
  return float(np.trace(matrix) / total) if total else float("nan")


def class_accuracy(matrix: np.ndarray) -> np.ndarray:
  """Share of each class's pixels that are told to be of it.

  Args:
    matrix: of `confusion_matrix`.

  Returns:
    float64 (classes,) in [0, 1]; nan for a class that is not among the labels.
  """
  hits = np.diag(matrix).astype(np.float64)
  rows = matrix.sum(1)
  return np.divide(hits, rows, out=np.full_like(hits, np.nan), where=rows > 0)


def mean_class_accuracy(matrix: np.ndarray) -> float:
  """Mean of `class_accuracy` over the classes of the labels, in [0, 1]."""
  found = class_accuracy(matrix)
  found = found[~np.isnan(found)]
  return float(found.mean()) if found.size else float("nan")


def scores(
  matrix: np.ndarray, class_names: Sequence[str] = ()
) -> dict[str, float]:
  """All scores of a confusion matrix.

  Args:
    matrix: of `confusion_matrix`, of one picture or summed over all.
    class_names: see `score_names`.

  Returns:
    `mean_iou`, `pixel_accuracy`, `class_accuracy` and `iou_<class>` for each
    class that is among the labels or predicted, all in [0, 1]; nan for the
    first three if no pixel was counted.
  """
  names = score_names(class_names, len(matrix))
  return {
    "mean_iou": mean_iou(matrix),
    "pixel_accuracy": pixel_accuracy(matrix),
    "class_accuracy": mean_class_accuracy(matrix),
    **{
      name: float(iou)
      for name, iou in zip(names, class_iou(matrix), strict=True)
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
    if CLASS + name in names:
      name = f"{name}_{number}"
    names.append(CLASS + name)
  return names


def picture_iou(
  prediction: np.ndarray, labels: np.ndarray, num_classes: int
) -> float:
  """Mean intersection over union of one picture, the score of Geoseg-GAN.

  Unlike in `confusion_matrix` every pixel counts: one that is outside the
  classes on one side and of a class on the other is an error of that class.

  Args:
    prediction: integers (height, width).
    labels: integers of that shape.
    num_classes: classes are 0 .. num_classes - 1; what lies outside is none.

  Returns:
    The mean over the classes that are in either of the two, in [0, 1]; 0.0
    where there is none.

  Raises:
    ValueError: the shapes differ.
  """
  outside = np.int64(num_classes)  # one more class, which gets no score
  predicted, true = (
    np.where((part >= 0) & (part < num_classes), part, outside)
    for part in (prediction, labels)
  )
  found = class_iou(confusion_matrix(true, predicted, num_classes + 1))
  found = found[:num_classes]
  found = found[~np.isnan(found)]
  return float(found.mean()) if found.size else 0.0
