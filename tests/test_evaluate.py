"""Numbers of translations, against what they are defined to be."""

import json

import numpy as np
import pytest
import tiny

from gansynth import checkpoints, evaluate, systems
from gansynth import config as config_lib


class Shift:
  """Adds grey levels; stands in for a network."""

  def __init__(self, levels):
    self.levels = levels

  def translate(self, pictures):
    return [x + self.levels / 127.5 for x in pictures]


class Pictures:
  """Pairs in which A is i + 10 and B i + 50 everywhere."""

  def __init__(self, paired=True, sizes=((16, 16),) * 5):
    self.paired = paired
    self.sizes = sizes

  def __len__(self):
    return len(self.sizes)

  def __getitem__(self, index):
    shape = (*self.sizes[index], 3)
    return {
      "image_a": np.full(shape, index + 10, np.uint8),
      "image_b": np.full(shape, index + 50, np.uint8),
      "name": str(index),
    }


BOTH = {"AtoB": Shift(30), "BtoA": Shift(-20)}


@pytest.mark.parametrize("batch_size", [1, 2, 5, 9])
def test_errors_in_grey_levels(batch_size):
  found = evaluate.translation_metrics(BOTH, Pictures(), batch_size=batch_size)
  assert found == pytest.approx(
    {
      "error_AtoB": 10,
      "untouched_AtoB": 40,
      "cycle_A": 10,
      "error_BtoA": 20,
      "untouched_BtoA": 40,
      "cycle_B": 10,
    },
    rel=1e-4,
  )
  assert list(found) == evaluate.metric_names(BOTH, Pictures())


def test_every_picture_counts_the_same():
  class Growing(Pictures):
    def __getitem__(self, index):
      item = super().__getitem__(index)
      item["image_b"] = item["image_a"] + np.uint8(index)
      return item

  data = Growing(sizes=[(16, 16), (64, 64), (16, 16)])
  found = evaluate.translation_metrics({"AtoB": Shift(0)}, data)
  assert found["error_AtoB"] == pytest.approx(1)  # (0 + 1 + 2) / 3
  found = evaluate.translation_metrics({"AtoB": Shift(0)}, data, max_items=2)
  assert found["error_AtoB"] == pytest.approx(0.5)


def test_without_truth_only_the_way_back_is_measured():
  unpaired = Pictures(paired=False)
  found = evaluate.translation_metrics(BOTH, unpaired)
  assert found == pytest.approx({"cycle_A": 10, "cycle_B": 10}, rel=1e-4)
  single = {"AtoB": Shift(30)}
  assert evaluate.translation_metrics(single, unpaired) == {}
  found = evaluate.translation_metrics(single, Pictures())
  assert set(found) == {"error_AtoB", "untouched_AtoB"}


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
