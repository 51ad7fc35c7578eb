"""Scores of a segmenter, against what they are defined to be."""

import numpy as np
import pytest

from gansynth import evaluate
from gansynth.run_scores.segmentation_scores import SegmentationScores


class Pictures:
  """Pictures of one row, whose red is the class that is told."""

  def __init__(self, scenes, class_names=None):
    self.scenes = scenes
    self.class_names = class_names

  def __len__(self):
    return len(self.scenes)

  def __getitem__(self, index):
    labels, told = (np.array([x], np.uint8) for x in self.scenes[index])
    image = np.repeat(told[..., None], 3, axis=-1)
    return {"label": labels, "image": image, "name": str(index)}


def tell(pictures):
  assert 1 <= len(pictures) <= 2
  return [picture[..., 0] for picture in pictures]


# Labels, and what is told of them; label 4 is none of the four classes.
SCENES = [
  ([0, 0, 1, 4], [0, 1, 1, 2]),
  ([1, 1, 1, 4], [1, 1, 0, 0]),
  ([0, 0, 0, 0], [2, 2, 2, 2]),
]


def test_scores_are_of_all_pixels_together():
  names = ("Forest land", "", "3 x", "grass")
  scores = SegmentationScores(Pictures(SCENES, names), 4, batch_size=2)
  found = scores.measure(tell)
  # Class 3 is nowhere. Of ten pixels 0: 6, told 2 of which 1 is right; ...
  ious = {
    "iou_forest_land": 1 / 7,
    "iou_label_1": 3 / 5,
    "iou_3_x": 0 / 4,
  }
  assert found == pytest.approx(
    {
      "mean_iou": np.mean(list(ious.values())),
      "pixel_accuracy": 4 / 10,
      # Of 0 one of six is found, of 1 three of four; no pixel is labelled 2.
      "class_accuracy": (1 / 6 + 3 / 4) / 2,
      **ious,
    }
  )
  assert set(scores.names) == set(found) - set(ious)
  text = evaluate.report(found)
  assert "mean IoU 0.248, pixel accuracy 0.400, class accuracy 0.458" in text
  assert "forest_land 0.143, label_1 0.600, 3_x 0.000" in text
  assert scores.findings == {
    "confusion_matrix": [[1, 1, 4, 0], [1, 3, 0, 0], [0] * 4, [0] * 4],
    "class_names": list(names),
  }


def test_an_observer_sees_what_is_told_of_each_picture():
  seen = []
  colors = np.array([[0, 0, 0], [9, 9, 9], [7, 7, 7]], np.uint8)
  scores = SegmentationScores(Pictures(SCENES), 3, colors=colors)
  scores.measure(tell, lambda *each: seen.append(each))
  assert [item["name"] for _, item, _, _ in seen] == ["0", "1", "2"]
  # 0 0 1 told 0 1 1; 1 1 1 told 1 1 0; 0 0 0 0 told 2 2 2 2.
  assert [each["mean_iou"] for *_, each in seen] == [0.5, 1 / 3, 0]
  direction, item, told, _ = seen[0]
  shown = scores.show(direction, item, told)
  assert list(shown) == ["input", "predicted", "labels"]
  assert shown["predicted"][0, :, 0].tolist() == [0, 9, 9, 7]
  assert shown["labels"][0, :, 0].tolist() == [0, 0, 9, 0]
  assert scores.counts("") == (3, 3)


def test_the_first_items_alone():
  scores = SegmentationScores(Pictures(SCENES), 4, max_items=1)
  found = scores.measure(tell)
  assert found == pytest.approx(
    {
      "mean_iou": 0.5,
      "pixel_accuracy": 2 / 3,
      "class_accuracy": (1 / 2 + 1) / 2,
      "iou_label_0": 1 / 2,
      "iou_label_1": 1 / 2,
    }
  )
