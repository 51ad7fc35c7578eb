import json
import math

import numpy as np
import pytest

from gansynth import images
from gansynth.reports import evaluation_record, run_record
from gansynth.reports.evaluation_record import Evaluation


def write_lines(workdir, *lines):
  text = "".join(json.dumps(line) + "\n" for line in lines)
  (workdir / "metrics.jsonl").write_text(text)


def test_a_run_is_read_whole(tmp_path):
  (tmp_path / "config.json").write_text(
    json.dumps({"system": "cyclegan", "data.root": "x"})
  )
  training = {"step": 10, "G": 1.0, "cycle_A": 0.5, "gradient_norm_G": 2.0}
  write_lines(
    tmp_path,
    training,
    {"step": 10, "cycle_A": 12.0, "fid_AtoB": None},
    {**training, "step": 20},
    {"step": 20, "cycle_A": 11.0},
  )
  for step, level in ((10, 0), (20, 200)):
    picture = np.full((4, 6, 3), level, np.uint8)
    images.write(tmp_path / "samples" / f"step_{step:07d}.png", picture)
  evaluation_record.write(
    tmp_path / "evaluations",
    Evaluation({"cycle_A": 11.0, "kid_AtoB": 0.1}, 20, notes=("few",)),
  )
  evaluations, run = run_record.read(tmp_path)
  # Losses and scores of the same name are not mixed up.
  assert [line["step"] for line in run.losses] == [10, 20]
  assert [line["cycle_A"] for line in run.losses] == [0.5, 0.5]
  assert [each.step for each in evaluations] == [10, 20]
  assert evaluations[0].scores["cycle_A"] == 12.0
  assert math.isnan(evaluations[0].scores["fid_AtoB"])
  assert evaluations[1].scores == {"cycle_A": 11.0, "kid_AtoB": 0.1}
  assert evaluations[1].notes == ("few",)
  assert run.config == {"system": "cyclegan", "data.root": "x"}
  assert run.sheet_name == "samples/step_0000020.png"
  assert run.sheet.shape == (4, 6, 3)
  assert run.sheet.min() == 200


def test_a_record_counts_more_than_the_log(tmp_path):
  write_lines(tmp_path, {"step": 5, "fid": 9.0, "error": 3.0})
  evaluation_record.write(tmp_path / "evaluations", Evaluation({"fid": 8.0}, 5))
  ((found,), _) = run_record.read(tmp_path)
  assert found.scores == {"fid": 8.0, "error": 3.0}


def test_evaluations_alone_are_enough(tmp_path):
  evaluation_record.write(tmp_path / "evaluations", Evaluation({"fid": 8.0}))
  ((found,), run) = run_record.read(tmp_path)
  assert found.step is None
  assert run.config == {}
  assert run.sheet is None


def test_runs_from_before_there_were_records_are_read(tmp_path):
  (tmp_path / "evaluation.json").write_text('{"step": 7, "error": 1.5}')
  ((found,), _) = run_record.read(tmp_path)
  assert (found.step, found.scores) == (7, {"error": 1.5})
  evaluation_record.write(tmp_path / "evaluations", Evaluation({"fid": 8.0}, 7))
  ((found,), _) = run_record.read(tmp_path)
  assert found.scores["fid"] == 8.0


@pytest.mark.parametrize("text", ["{", "[]", '{"error": 1.0}'])
def test_a_damaged_result_is_named(tmp_path, text):
  (tmp_path / "evaluation.json").write_text(text)
  with pytest.raises(ValueError, match=r"evaluation\.json is damaged"):
    run_record.read(tmp_path)


def test_where_nothing_was_measured_that_is_said(tmp_path):
  with pytest.raises(ValueError, match=r"nothing was measured here.*evaluate"):
    run_record.read(tmp_path)
  with pytest.raises(ValueError, match="nothing was measured here"):
    run_record.read(tmp_path / "none")
