import math

import numpy as np
import pytest

from gansynth.reports import evaluation_record as record


def evaluation(step=None, **changes):
  picture = np.full((8, 12, 3), 200, np.uint8)
  values = {
    "scores": {"fid": 12.5, "psnr": math.inf, "iou_train": math.nan},
    "step": step,
    "per_picture": {"psnr": {"a/b.png": 20.25, "c.png": math.inf}},
    "shown": (
      record.Shown(
        "a/b.png", {"generated": picture, "real": picture}, {"psnr": 20.25}
      ),
    ),
    "notes": ("few pictures",),
    "about": {"resize": "clean", "counts": [3, np.int64(4)]},
  }
  return record.Evaluation(**{**values, **changes})


def test_what_was_written_is_read_by_step(tmp_path):
  for step in (200, 1000, 30):
    record.write(tmp_path / "e", evaluation(step))
  found = record.read(tmp_path / "e")
  assert [each.step for each in found] == [30, 200, 1000]
  one = found[0]
  assert one.scores["fid"] == 12.5
  assert one.scores["psnr"] == math.inf
  assert math.isnan(one.scores["iou_train"])
  assert one.per_picture["psnr"]["c.png"] == math.inf
  assert one.notes == ("few pictures",)
  assert one.about == {"resize": "clean", "counts": [3, 4]}
  (shown,) = one.shown
  assert shown.name == "a/b.png"
  assert set(shown.pictures) == {"generated", "real"}
  assert shown.pictures["real"].shape == (8, 12, 3)
  assert abs(int(shown.pictures["real"].mean()) - 200) <= 1


def test_a_record_replaces_the_one_of_its_step(tmp_path):
  record.write(tmp_path, evaluation(5))
  record.write(tmp_path, evaluation(5, scores={"fid": 1.0}, shown=()))
  (found,) = record.read(tmp_path)
  assert found.scores == {"fid": 1.0}
  assert not (tmp_path / "step_0000005").exists()


def test_pictures_are_read_only_if_wanted(tmp_path):
  record.write(tmp_path, evaluation())
  (found,) = record.read(tmp_path, pictures=False)
  assert found.step is None
  assert found.shown[0].pictures == {}


def test_there_is_nothing_in_a_folder_that_is_not_there(tmp_path):
  assert record.read(tmp_path / "none") == []


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"shown": [{}]}'])
def test_a_damaged_record_is_named(tmp_path, text):
  path = tmp_path / "step_0000001.json"
  path.write_text(text)
  with pytest.raises(record.EvaluationError, match=r"step_0000001\.json"):
    record.read(tmp_path)


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
  path = tmp_path / "evaluations"
  path.write_text("")
  for use in (record.read, lambda folder: record.write(folder, evaluation(1))):
    with pytest.raises(record.EvaluationError, match=r"is a file; .* Move the"):
      use(path)
  assert path.is_file()


def test_a_record_without_its_pictures_is_damaged(tmp_path):
  record.write(tmp_path, evaluation(7))
  (tmp_path / "step_0000007" / "000_real.jpg").unlink()
  with pytest.raises(record.EvaluationError, match="000_real"):
    record.read(tmp_path)


@pytest.mark.parametrize(
  ("metric", "mode"),
  [
    ("fid", "min"),
    ("random_features_fid_AtoB", "min"),
    ("kid", "min"),
    ("lpips_BtoA", "min"),
    ("error_AtoB", "min"),
    ("cycle_A", "min"),
    ("coverage_AtoB", "max"),
    ("random_features_precision", "max"),
    ("mean_iou", "max"),
    ("iou_traffic_light", "max"),
    ("psnr", "max"),
    ("color_iou_of_real", "max"),
    ("head_accuracy", "max"),
    ("ap50", "max"),
    ("voc2007_ap50", "max"),
  ],
)
def test_which_way_is_better(metric, mode):
  assert record.best_mode(metric) == mode


def test_best_and_worst_are_chosen_once():
  scores = {
    "psnr": {"a": 30.0, "b": 20.0, "c": 10.0, "d": math.nan},
    "lpips": {"a": 0.5, "b": 0.1, "c": 0.2, "d": 0.3},
  }
  assert record.ranking("psnr", scores["psnr"]) == ["a", "b", "c"]
  assert record.ranking("lpips", scores["lpips"]) == ["b", "c", "d", "a"]
  assert record.choose_shown(scores, 1) == ["a", "c", "b"]
