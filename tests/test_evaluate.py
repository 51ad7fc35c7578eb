"""What is measured of a run's checkpoints, recorded and said."""

import json
import shutil

import numpy as np
import pytest
import tiny

from gansynth import checkpoints, evaluate, systems
from gansynth import config as config_lib
from gansynth.reports import evaluation_record
from gansynth.run_scores import evaluator


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
  add_checkpoint(config, workdir, 7)
  return config, workdir


def add_checkpoint(config, workdir, step, seed=None):
  """Adds a checkpoint with random weights to a run, which is made."""
  seed = step if seed is None else seed
  system = systems.create(config, 1)
  state = tiny.random_state(system, tiny.batch(), seed, step)
  config_lib.record(config, workdir)
  with checkpoints.Checkpointer(
    workdir / checkpoints.FOLDER, keep_last=9
  ) as checkpointer:
    checkpointer.save(step, state, {})


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
  assert str(workdir / "report.html") in printed
  assert (workdir / "report.html").stat().st_size > 1000
  assert not list(workdir.rglob("*.tmp"))


def test_a_record_tells_single_pictures_and_shows_them(run):
  config, workdir = run
  metrics = evaluate.evaluate(config, workdir)
  (found,) = evaluation_record.read(workdir / "evaluations")
  assert found.step == 7
  assert found.scores == metrics
  names = {f"{way}/{i}.png" for way in ("AtoB", "BtoA") for i in range(2)}
  assert {each.name for each in found.shown} == names
  for direction in ("AtoB", "BtoA"):
    scores = found.per_picture[f"cycle_{direction[0]}"]
    assert set(scores) == {x for x in names if x.startswith(direction)}
    assert np.mean(list(scores.values())) == pytest.approx(
      metrics[f"cycle_{direction[0]}"]
    )
  shown = found.shown[0]
  assert list(shown.pictures) == ["input", "generated", "real_unpaired"]
  assert {x.shape for x in shown.pictures.values()} == {(16, 16, 3)}
  assert shown.scores == {"cycle_A": found.per_picture["cycle_A"][shown.name]}
  assert found.about["system"] == "cyclegan"
  assert found.about["environment"]["jax"]


@pytest.fixture
def several(run, tmp_path):
  """Two checkpoints, and the steps that are measured."""
  config, _ = run
  add_checkpoint(config, tmp_path, 7)
  add_checkpoint(config, tmp_path, 9)
  measured = []
  measure = evaluator.Evaluator.measure

  def listen(self, makers, step, state):
    measured.append(step)
    return measure(self, makers, step, state)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(evaluator.Evaluator, "measure", listen)
    yield tiny.changed(config, evaluate__steps="all"), tmp_path, measured


def test_all_checkpoints_are_measured_once(several, capsys):
  config, workdir, measured = several
  last = evaluate.evaluate(config, workdir)
  assert measured == [7, 9]
  recorded = json.loads((workdir / "evaluation.json").read_text())
  assert recorded == {"step": 9, **last}
  found = evaluation_record.read(workdir / "evaluations")
  assert [each.step for each in found] == [7, 9]
  assert found[0].about["weights"] != found[1].about["weights"]
  lines = capsys.readouterr().out.splitlines()
  first = found[0].scores
  assert first["cycle_A"] < last["cycle_A"]
  assert first["cycle_B"] > last["cycle_B"]
  assert lines[0].startswith("Cycle error, A: ")
  assert lines[0].endswith(
    f" at step 9, the best {first['cycle_A']:.2f} at step 7"
  )
  assert (
    lines[1] == f"Cycle error, B: {last['cycle_B']:.2f} at step 9, the best"
  )

  measured.clear()
  assert evaluate.evaluate(config, workdir) == last
  assert measured == []

  add_checkpoint(config, workdir, 11)
  evaluate.evaluate(config, workdir)
  assert measured == [11]

  # What was measured in another way says nothing.
  measured.clear()
  evaluate.evaluate(tiny.changed(config, evaluate__max_items=1), workdir)
  assert measured == [7, 9, 11]

  # Nor does what was measured of other weights.
  measured.clear()
  shutil.rmtree(workdir / "checkpoints" / "11")
  add_checkpoint(config, workdir, 11, seed=5)
  evaluate.evaluate(tiny.changed(config, evaluate__max_items=1), workdir)
  assert measured == [11]


def test_checkpoints_are_chosen_by_number(several):
  config, workdir, measured = several
  evaluate.evaluate(tiny.changed(config, evaluate__steps="9, 7"), workdir)
  assert measured == [9, 7]
  evaluate.evaluate(tiny.changed(config, evaluate__steps="7"), workdir)
  assert measured == [9, 7]
  one = tiny.changed(config, evaluate__steps="", evaluate__step=7)
  evaluate.evaluate(one, workdir)
  assert measured == [9, 7, 7]
  for changes, message in (
    ({"steps": "seven"}, "steps is 'seven'; give 'all', or numbers"),
    ({"steps": "7,8"}, "no checkpoint of step 8"),
    ({"step": 7}, r"step is 7 and evaluate\.steps 'all'; give one"),
  ):
    changed = {f"evaluate__{name}": value for name, value in changes.items()}
    with pytest.raises(ValueError, match=message):
      evaluate.evaluate(tiny.changed(config, **changed), workdir)


def test_without_checkpoints_there_is_nothing_to_measure(run, tmp_path):
  config, _ = run
  config_lib.record(config, tmp_path)
  (tmp_path / "checkpoints").mkdir()
  config = tiny.changed(config, evaluate__steps="all")
  with pytest.raises(ValueError, match="there are no checkpoints yet"):
    evaluate.evaluate(config, tmp_path)


def test_other_networks_and_steps_are_refused(run, tmp_path):
  config, workdir = run
  with pytest.raises(ValueError, match=r"generator\.features: 4 there, 8 now"):
    evaluate.evaluate(tiny.changed(config, generator__features=8), workdir)
  with pytest.raises(ValueError, match=r"no checkpoint of step 3; there are"):
    evaluate.evaluate(tiny.changed(config, evaluate__step=3), workdir)
  with pytest.raises(ValueError, match="holds no run"):
    evaluate.evaluate(config, tmp_path)
