"""Label maps read back from pictures, by a segmenter that is a function."""

import types

import numpy as np
import pytest
import tiny
import tiny_label_runs as runs

from gansynth import data, published, systems
from gansynth.data.labels import cityscapes
from gansynth.models.semantics import Conditioning
from gansynth.run_scores import evaluator, read_back
from gansynth.run_scores.made_pictures import MadePictures

SEGMENTER = """
import numpy as np

def tell(picture):
  return (picture[..., 1] * 255).round().astype(np.int64)
"""

LABELS = ([[0, 1, 2, 2]], [[2, 2, 255, 0]])
TOLD = ([[0, 1, 1, 2]], [[2, 2, 1, 1]])


class Maps:
  """Label maps of three labels."""

  class_names = ("sky", "road", "car")

  def __len__(self):
    return len(LABELS)

  def __getitem__(self, index):
    label = np.array(LABELS[index], np.uint8)
    return {"label": label, "name": f"{index}.png"}


def made_pictures():
  made = MadePictures({"": 2})
  for index, told in enumerate(TOLD):
    picture = np.repeat(np.array(told, np.uint8)[..., None], 3, -1)
    made("", Maps()[index], picture, {})
  return made


@pytest.fixture
def segmenter(tmp_path):
  path = tmp_path / "segmenter.py"
  path.write_text(SEGMENTER)
  return f"{path}:tell"


def make(segmenter, conditioning=None, **changes):
  system = types.SimpleNamespace(conditioning=conditioning or Conditioning(3))
  config = tiny.config(evaluate__segmenter=segmenter, **changes)
  return read_back.ReadBack(config, system, Maps())


def test_labels_that_are_read_back(segmenter):
  reader = make(segmenter)
  found = reader.measure(made_pictures(), None)
  # Of seven counted pixels 0 0 1 2 2 2 2 are told 0 1 1 1 2 2 2.
  expected = {"iou_sky": 1 / 2, "iou_road": 1 / 3, "iou_car": 3 / 4}
  assert found.scores == pytest.approx(
    {
      "mean_iou": np.mean(list(expected.values())),
      "pixel_accuracy": 5 / 7,
      "class_accuracy": (1 / 2 + 1 + 3 / 4) / 3,
      **expected,
    }
  )
  assert set(reader.names) < set(found.scores)
  assert found.per_picture["mean_iou"] == pytest.approx(
    {"0.png": (1 + 1 / 2 + 1 / 2) / 3, "1.png": (0 + 0 + 1) / 3}
  )
  assert found.about["confusion_matrix"] == [[1, 1, 0], [0, 1, 0], [0, 1, 3]]
  assert found.about["class_names"] == ["sky", "road", "car"]
  assert reader.options == {"protocol": "picture", "labels": "classes"}


def test_dont_care_is_not_counted(segmenter):
  reader = make(segmenter, Conditioning(2, dont_care=True))
  found = reader.measure(made_pictures(), None)
  # Label 2 is "don't care" here; what is told of it does not matter.
  assert found.scores["pixel_accuracy"] == pytest.approx(2 / 3)


def test_random_weights_are_marked(segmenter, monkeypatch):
  load = read_back.segmenters.load

  def random(*arguments, **options):
    found = load(*arguments, **options)
    found.made_by["weights"] = published.RANDOM
    return found

  monkeypatch.setattr(read_back.segmenters, "load", random)
  reader = make(segmenter)
  found = reader.measure(made_pictures(), None)
  assert all(name.startswith("random_features_") for name in found.scores)
  assert set(reader.names) < set(found.scores)
  assert list(found.per_picture) == ["random_features_mean_iou"]
  assert "confusion_matrix" not in found.about


def test_ids_of_cityscapes_are_told_by_numbers():
  trained = len(cityscapes.trained_labels())
  ids = len(cityscapes.LABELS)
  assert read_back.label_kind(trained, ids) == "ids"
  assert read_back.label_kind(trained, trained) == "classes"
  assert read_back.label_kind(None, ids) == "classes"


def test_missing_segmenters_are_told_with_commands(tmp_path):
  place = tmp_path / "networks" / "drn_d_22"
  with pytest.raises(
    ValueError, match=r"tools/convert_checkpoint\.py drn_d_22"
  ):
    make(str(place))


def test_a_run_measures_by_a_segmenter(tmp_path, segmenter):
  config = runs.config(evaluate__segmenter=segmenter, evaluate__max_items=1)
  system = systems.create(config, 1)
  sets = [data.create(config.data, split) for split in ("train", "test")]
  found = evaluator.create(config, system, *sets)
  assert {"error", "color_iou", "mean_iou", "class_accuracy"} <= set(
    found.names
  )
