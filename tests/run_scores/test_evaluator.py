"""What is measured in training, and what a checkpoint is best by."""

import pytest
import tiny
from absl import logging

from gansynth import config as config_lib
from gansynth.run_scores import evaluator


@pytest.mark.parametrize(
  ("metric", "mode", "right", "why"),
  [
    ("error_AtoB", "max", "min", "less is better"),
    ("random_features_fid_AtoB", "max", "min", "less is better"),
    ("mean_iou", "min", "max", "more is better"),
    ("ssim_BtoA", "min", "max", "more is better"),
  ],
)
def test_the_worst_are_not_kept(tmp_path, caplog, metric, mode, right, why):
  config = tiny.config(best_metric=metric, best_mode=mode)
  with pytest.raises(
    config_lib.ConfigError,
    match=rf"best_mode is {mode}, .*{why}; use --config\.best_mode={right}",
  ):
    evaluator.check_best(config, [metric], tmp_path)
  evaluator.check_best(
    tiny.changed(config, best_mode=right), [metric], tmp_path
  )
  # A run that was started so goes on: it could not be changed any more.
  config_lib.record(config, tmp_path)
  with caplog.at_level(logging.WARNING, "absl"):
    evaluator.check_best(config, [metric], tmp_path)
  assert f"best_mode={right} in another --workdir" in caplog.text


def test_the_best_must_be_measured(tmp_path):
  config = tiny.config(best_metric="fid")
  with pytest.raises(ValueError, match="choose one of cycle_A, fid_AtoB, or"):
    evaluator.check_best(config, ["cycle_A", "fid_AtoB"], tmp_path)
  with pytest.raises(ValueError, match=r"'fid' is not measured .*; choose '' "):
    evaluator.check_best(config, [], tmp_path)
  evaluator.check_best(tiny.config(), [], tmp_path)


@pytest.mark.parametrize(
  ("changes", "expected"),
  [
    ({}, False),
    ({"best_metric": "cycle_A"}, True),
    ({"evaluate__every": 3}, True),
    ({"evaluate__metrics": "fid"}, True),
    ({"evaluate__segmenter": "networks/drn_d_22"}, True),
  ],
)
def test_when_training_measures(changes, expected):
  assert evaluator.wanted(tiny.config(**changes)) is expected


def test_a_file_in_place_of_the_records_is_named_at_once(tmp_path):
  (tmp_path / "evaluations").write_text("")
  with pytest.raises(ValueError, match="evaluations is a file; expected a fol"):
    evaluator.create(tiny.config(), None, None, None, tmp_path)
