import numpy as np
import pytest

from gansynth.evaluation import segmentation


def test_confusion_matrix_counts_what_has_a_class():
  labels = np.array([[0, 0, 1], [2, 255, -1]])
  predictions = np.array([[0, 1, 1], [2, 0, 0]])
  matrix = segmentation.confusion_matrix(labels, predictions, 4)
  expected = np.zeros((4, 4), int)
  expected[0, 0] = expected[0, 1] = expected[1, 1] = expected[2, 2] = 1
  np.testing.assert_array_equal(matrix, expected)


def test_scores_by_hand():
  matrix = np.array([[3, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]])
  iou = segmentation.class_iou(matrix)
  np.testing.assert_allclose(iou[[0, 1, 3]], [3 / 5, 2 / 3, 0])
  assert np.isnan(iou[2])  # neither a label nor predicted
  assert segmentation.mean_iou(matrix) == pytest.approx((3 / 5 + 2 / 3) / 3)
  assert segmentation.pixel_accuracy(matrix) == pytest.approx(5 / 7)


def test_nothing_counted_has_no_score():
  matrix = np.zeros((3, 3), int)
  assert np.isnan(segmentation.mean_iou(matrix))
  assert np.isnan(segmentation.pixel_accuracy(matrix))


def test_wrong_predictions_are_refused():
  labels = np.zeros((2, 2), int)
  with pytest.raises(ValueError, match=r"predictions are 0 to 7; classes"):
    segmentation.confusion_matrix(labels, np.array([[0, 7], [1, 1]]), 3)
  with pytest.raises(ValueError, match=r"\(2, 2\), predictions \(4,\)"):
    segmentation.confusion_matrix(labels, np.zeros(4, int), 3)
