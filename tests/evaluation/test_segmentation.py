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
  accuracy = segmentation.class_accuracy(matrix)
  np.testing.assert_allclose(accuracy[[0, 1, 3]], [3 / 4, 1, 0])
  assert np.isnan(accuracy[2])  # no label
  assert segmentation.mean_class_accuracy(matrix) == pytest.approx(7 / 12)
  assert segmentation.scores(matrix, ["Road", "sky"]) == pytest.approx(
    {
      "mean_iou": (3 / 5 + 2 / 3) / 3,
      "pixel_accuracy": 5 / 7,
      "class_accuracy": 7 / 12,
      "iou_road": 3 / 5,
      "iou_sky": 2 / 3,
      "iou_label_3": 0,
    }
  )


def test_nothing_counted_has_no_score():
  matrix = np.zeros((3, 3), int)
  assert np.isnan(segmentation.mean_iou(matrix))
  assert np.isnan(segmentation.pixel_accuracy(matrix))
  assert np.isnan(segmentation.mean_class_accuracy(matrix))


def test_wrong_predictions_are_refused():
  labels = np.zeros((2, 2), int)
  with pytest.raises(ValueError, match=r"predictions are 0 to 7; classes"):
    segmentation.confusion_matrix(labels, np.array([[0, 7], [1, 1]]), 3)
  with pytest.raises(ValueError, match=r"\(2, 2\), predictions \(4,\)"):
    segmentation.confusion_matrix(labels, np.zeros(4, int), 3)


def test_picture_iou_by_hand():
  labels = np.array([[0, 0, 1], [1, 4, 255]])
  prediction = np.array([[0, 1, 1], [255, 4, 0]])
  # 0: 1 of 3; 1: 1 of 3 (a pixel outside is missed); 2 and 3: nowhere.
  assert segmentation.picture_iou(prediction, labels, 4) == pytest.approx(1 / 3)
  assert segmentation.picture_iou(prediction, labels, 5) == pytest.approx(
    (1 / 3 + 1 / 3 + 1) / 3
  )
  # Types do not matter, and nothing wraps around.
  assert segmentation.picture_iou(
    prediction.astype(np.uint8), labels.astype(np.uint8), 4
  ) == pytest.approx(1 / 3)


def test_picture_iou_agrees_with_sets_of_pixels():
  rng = np.random.Generator(np.random.Philox(1))
  for _ in range(20):
    labels, prediction = rng.integers(-1, 7, (2, 5, 9))
    expected = []
    for label in range(6):
      ours = set(zip(*np.nonzero(prediction == label), strict=True))
      true = set(zip(*np.nonzero(labels == label), strict=True))
      if ours | true:
        expected.append(len(ours & true) / len(ours | true))
    found = segmentation.picture_iou(prediction, labels, 6)
    assert found == pytest.approx(np.mean(expected), abs=1e-12)


def test_picture_iou_of_no_class_is_0():
  outside = np.full((3, 3), 9)
  assert segmentation.picture_iou(outside, outside, 6) == 0.0
  with pytest.raises(ValueError, match=r"\(3, 3\), predictions \(2, 3\)"):
    segmentation.picture_iou(outside[:2], outside, 6)


def test_names_of_scores_differ():
  assert segmentation.score_names(["Road", "road", "Straße!"], 4) == [
    "iou_road",
    "iou_road_1",
    "iou_straße",
    "iou_label_3",
  ]
