import math
import sys

import numpy as np
import pytest

from gansynth.evaluation import detection
from gansynth.evaluation.detection import Detections, Truth

pytest.importorskip("pycocotools")
ONE = pytest.approx(1)  # pycocotools divides by a little more than the count
NONE = Detections(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))


def truth(*boxes, classes=None, ignored=None):
  boxes = np.array(boxes, float).reshape(-1, 4)
  count = len(boxes)
  return Truth(
    boxes,
    np.array(classes or [0] * count, int),
    boxes[:, 2] * boxes[:, 3],
    np.array(ignored or [False] * count, bool),
  )


def found(*boxes, confidences, classes=None):
  return Detections(
    np.array(boxes, float).reshape(-1, 4),
    np.array(classes or [0] * len(boxes), int),
    np.array(confidences, float),
  )


OBJECT = (10, 10, 40, 40)
ASIDE = (100, 100, 40, 40)


def two_pictures():
  """Right at 0.9, wrong at 0.8, right at 0.7, of two objects."""
  truths = [truth(OBJECT), truth(OBJECT)]
  detections = [
    found(OBJECT, ASIDE, confidences=[0.9, 0.8]),
    found(OBJECT, confidences=[0.7]),
  ]
  return truths, detections


def test_coco_is_the_mean_over_101_recalls():
  scores = detection.coco_scores(*two_pictures(), 1)
  # Precision is 1 to a recall of 0.5, which 51 of the points are, then 2 / 3.
  expected = (51 + 50 * 2 / 3) / 101
  assert scores.overall["ap50"] == pytest.approx(expected, abs=1e-12)
  assert scores.overall["ap"] == pytest.approx(expected, abs=1e-12)
  assert scores.overall["ap_medium"] == pytest.approx(expected, abs=1e-12)
  assert math.isnan(scores.overall["ap_small"])
  assert scores.overall["ar_1"] == 1
  assert scores.by_class[0]["ap50"] == scores.overall["ap50"]


def test_voc_is_the_area_or_the_mean_over_11_recalls():
  for rule, expected in (
    ("voc", 0.5 + 0.5 * 2 / 3),
    ("voc2007", (6 + 5 * 2 / 3) / 11),
  ):
    scores = detection.voc_scores(*two_pictures(), 1, rule)
    assert scores.overall == {f"{rule}_ap50": pytest.approx(expected)}
    assert scores.by_class == (scores.overall,)


def test_overlap_decides_by_threshold():
  # 30 of 40 columns: an intersection over union of exactly 0.75.
  near = found((10, 10, 30, 40), confidences=[1])
  scores = detection.coco_scores([truth(OBJECT)], [near], 1).overall
  assert scores["ap50"] == ONE
  assert scores["ap75"] == ONE
  assert scores["ap"] == pytest.approx(0.6)  # 0.50, 0.55, .. 0.75 of ten
  half = found((10, 10, 20, 40), confidences=[1])
  assert detection.voc_scores([truth(OBJECT)], [half], 1).overall == {
    "voc_ap50": 1
  }
  less = found((10, 10, 19.99, 40), confidences=[1])
  assert detection.voc_scores([truth(OBJECT)], [less], 1).overall == {
    "voc_ap50": 0
  }


@pytest.mark.parametrize(
  "score",
  [
    lambda *given: detection.coco_scores(*given).overall["ap50"],
    lambda *given: detection.voc_scores(*given).overall["voc_ap50"],
  ],
)
def test_what_counts(score):
  # The second detection of one object is wrong, which costs where it is before
  # a right one.
  twice = found(OBJECT, OBJECT, ASIDE, confidences=[0.9, 0.8, 0.7])
  both = truth(OBJECT, ASIDE)
  assert score([both], [twice], 1) == pytest.approx(5 / 6, abs=3e-3)
  # One ignored object takes any number of them.
  crowd = truth(ASIDE, OBJECT, ignored=[False, True])
  assert score([crowd], [twice], 1) == ONE
  # Nothing is found, or of another class.
  assert score([both], [NONE], 1) == 0
  other = found(OBJECT, confidences=[1], classes=[1])
  assert score([truth(OBJECT)], [other], 2) == 0
  # A class without objects has no part in the mean.
  right = found(OBJECT, ASIDE, confidences=[1, 0.5], classes=[0, 1])
  assert score([truth(OBJECT)], [right], 2) == ONE
  assert math.isnan(score([truth()], [right], 2))


def test_the_first_object_can_be_found():
  # An object with the id 0 never is, by pycocotools.
  one = [truth(OBJECT)], [found(OBJECT, confidences=[0.5])]
  assert detection.coco_scores(*one, 1).overall["ap"] == ONE


def test_areas_are_those_of_the_labels():
  thin = Truth(
    np.array([[0.0, 0, 100, 100]]),
    np.array([0]),
    np.array([900.0]),
    np.array([False]),
  )
  same = found((0, 0, 100, 100), confidences=[1])
  scores = detection.coco_scores([thin], [same], 1).overall
  assert scores["ap_small"] == ONE
  assert math.isnan(scores["ap_large"])


def test_nothing_is_printed(capsys):
  detection.coco_scores(*two_pictures(), 1)
  assert capsys.readouterr().out == ""


def test_without_pycocotools_the_message_says_how_to_get_it(monkeypatch):
  monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
  with pytest.raises(ModuleNotFoundError, match="pip install pycocotools"):
    detection.coco_scores(*two_pictures(), 1)
  assert detection.voc_scores(*two_pictures(), 1).overall["voc_ap50"] > 0.8


def test_what_does_not_fit_is_refused():
  truths, detections = two_pictures()
  for score in (detection.coco_scores, detection.voc_scores):
    with pytest.raises(ValueError, match="2 pictures and detections of 1"):
      score(truths, detections[:1], 1)
  with pytest.raises(ValueError, match="unknown rule 'kitti'; choose of voc"):
    detection.voc_scores(truths, detections, 1, "kitti")


def test_box_iou_counts_pixels():
  rng = np.random.default_rng(0)
  boxes = np.concatenate(
    [rng.integers(0, 12, (8, 2)), rng.integers(0, 9, (8, 2))], axis=1
  )
  iou = detection.box_iou(boxes[:4], boxes[4:])
  masks = np.zeros((8, 24, 24), bool)
  for mask, (left, top, width, height) in zip(masks, boxes, strict=True):
    mask[top : top + height, left : left + width] = True
  for i in range(4):
    for j in range(4):
      shared = (masks[i] & masks[4 + j]).sum()
      union = (masks[i] | masks[4 + j]).sum()
      assert iou[i, j] == pytest.approx(shared / union if union else 0)
  assert detection.box_iou(boxes[:0], boxes).shape == (0, 8)
