"""Scores of pictures made of label maps, against what they are defined to be.

Here a pixel's red tells its class to the head, and its green its label.
"""

import json
import types

import numpy as np
import pytest
import tiny
import tiny_label_runs as runs

from gansynth import evaluate
from gansynth.run_scores.label_scores import LabelMakers, LabelScores

# Of labels 0 to 3; label 3 is none.
CLASSES = np.array([0, 1, 1, -1])


class Scenes:
  """Label maps of one row, and pictures from which a head reads `seen`."""

  def __init__(self, scenes):
    self.scenes = scenes

  def __len__(self):
    return len(self.scenes)

  def __getitem__(self, index):
    labels, seen = (np.array([x], np.uint8) for x in self.scenes[index])
    return {"label": labels, "image": paint(seen, labels), "name": str(index)}


def paint(seen, labels):
  picture = np.zeros((*labels.shape, 3), np.uint8)
  picture[..., 0], picture[..., 1] = seen, 60 * labels
  return picture


class Translator:
  """Makes pictures from which a head reads class 0 everywhere."""

  conditioning = types.SimpleNamespace(features="none")

  def __call__(self, labels, instances, pictures, number=None):
    assert instances is pictures is number is None
    return [paint(np.zeros_like(x), x) for x in labels]


class Head:
  """Reads classes off the red."""

  num_classes = 2

  def __call__(self, pictures):
    return [picture[..., 0].astype(np.int32) for picture in pictures]

  def classes_of(self, labels):
    return CLASSES[labels]


SCENES = Scenes(
  [
    ([0, 1, 2, 3], [0, 1, 0, 1]),
    ([0, 0], [1, 0]),
    ([1, 1, 1], [1, 1, 1]),
  ]
)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_what_the_head_sees(batch_size):
  scores = LabelScores(SCENES, SCENES, 4, num_classes=2, batch_size=batch_size)
  found = scores.measure(LabelMakers(Translator(), Head()))
  assert list(found) == scores.names
  # Eight pixels have a class: three 0, five 1. All are seen as 0.
  assert found["head_iou"] == pytest.approx((3 / 8 + 0) / 2)
  assert found["head_accuracy"] == pytest.approx(3 / 8)
  # Of the true pictures one of each is seen as the other.
  assert found["head_iou_of_real"] == pytest.approx((2 / 4 + 4 / 6) / 2)
  assert found["head_accuracy_of_real"] == pytest.approx(6 / 8)
  # Green is right everywhere.
  assert found["color_iou"] == found["color_iou_of_real"] == 1
  # Red differs by 1 in 2 of 4, 1 of 2 and 3 of 3 pixels.
  assert found["error"] == pytest.approx((1 / 2 + 1 / 2 + 1) / 3 / 3)


def test_an_observer_sees_every_picture_with_its_scores():
  seen = []
  colors = np.arange(12, dtype=np.uint8).reshape(4, 3)
  scores = LabelScores(SCENES, SCENES, 4, num_classes=2, colors=colors)
  scores.measure(
    LabelMakers(Translator(), Head()), lambda *each: seen.append(each)
  )
  assert [item["name"] for _, item, _, _ in seen] == ["0", "1", "2"]
  # All classes are seen as 0: of the first scene one of three, of the last
  # none.
  assert [each["head_iou"] for *_, each in seen] == [1 / 6, 1, 0]
  assert [each["color_iou"] for *_, each in seen] == [1, 1, 1]
  assert [each["error"] for *_, each in seen] == pytest.approx(
    [1 / 6, 1 / 6, 1 / 3]
  )
  direction, item, made, _ = seen[0]
  shown = scores.show(direction, item, made)
  assert list(shown) == ["labels", "generated", "real"]
  assert shown["labels"][0].tolist() == colors.tolist()
  np.testing.assert_array_equal(shown["real"], scores.real("", item))


def test_without_a_head_nothing_is_said_of_it():
  scores = LabelScores(SCENES, SCENES, 4, max_items=1)
  found = scores.measure(LabelMakers(Translator()))
  assert list(found) == scores.names
  assert scores.names == [
    "error",
    "color_iou",
    "color_accuracy",
    "color_iou_of_real",
  ]
  assert "head" not in evaluate.report(found)


def test_a_run_is_measured_by_its_own_head(tmp_path, capsys):
  config = tiny.changed(runs.config(), evaluate__max_items=2)
  runs.make(tmp_path, config)
  found = evaluate.evaluate(config, tmp_path)
  recorded = json.loads((tmp_path / evaluate.RESULT).read_text())
  assert recorded == {"step": 7, **found}
  assert 0 <= found["head_iou"] <= found["head_accuracy"] <= 1
  assert found["head_accuracy"] != found["head_accuracy_of_real"]
  assert (
    "classes seen by the discriminator's head: mean IoU "
    f"{found['head_iou']:.3f} ({found['head_iou_of_real']:.3f} of the true "
    f"pictures), accuracy {found['head_accuracy']:.3f} "
    f"({found['head_accuracy_of_real']:.3f})"
  ) in capsys.readouterr().out
