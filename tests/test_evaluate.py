"""What is measured of a run's checkpoints, recorded and said."""

import json

import pytest
import tiny

from gansynth import checkpoints, evaluate, systems
from gansynth import config as config_lib


def test_report_says_both_directions():
  text = evaluate.report(
    {"error_AtoB": 10.04, "untouched_AtoB": 40, "error_BtoA": 2, "cycle_A": 3}
  )
  lines = text.splitlines()
  assert "AtoB" in lines[0]
  assert "10.0 grey levels, 40.0 when left alone" in lines[0]
  assert "BtoA" in lines[1]
  assert "2.0" in lines[1]
  assert "A there and back: mean error 3.0" in lines[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  workdir = tmp_path_factory.mktemp("run")
  root = tiny.write_folders(tmp_path_factory.mktemp("pictures"))
  config = tiny.config(data__root=str(root), evaluate__batch_size=4)
  state = tiny.random_state(systems.create(config, 1), tiny.batch())
  config_lib.record(config, workdir)
  with checkpoints.Checkpointer(workdir / checkpoints.FOLDER) as checkpointer:
    checkpointer.save(7, state, {})
  return config, workdir


def test_a_checkpoint_is_measured_and_recorded(run, capsys):
  config, workdir = run
  metrics = evaluate.evaluate(config, workdir)
  assert set(metrics) == {"cycle_A", "cycle_B"}
  assert all(value > 1 for value in metrics.values())
  recorded = json.loads((workdir / "evaluation.json").read_text())
  assert recorded == {"step": 7, **metrics}
  printed = capsys.readouterr().out
  assert "A there and back" in printed
  assert str(workdir / "evaluation.json") in printed
  assert not list(workdir.glob("*.tmp"))


def test_other_networks_and_steps_are_refused(run, tmp_path):
  config, workdir = run
  with pytest.raises(ValueError, match=r"generator\.features: 4 there, 8 now"):
    evaluate.evaluate(tiny.changed(config, generator__features=8), workdir)
  with pytest.raises(ValueError, match=r"no checkpoint of step 3; there are"):
    evaluate.evaluate(tiny.changed(config, evaluate__step=3), workdir)
  with pytest.raises(ValueError, match="holds no run"):
    evaluate.evaluate(config, tmp_path)
