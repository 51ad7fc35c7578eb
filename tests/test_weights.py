"""Networks of runs, with the weights of the step asked for."""

import pytest
import tiny

from gansynth import checkpoints, systems
from gansynth import config as config_lib
from gansynth.translator import Translator
from gansynth.weights import load_generators


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A run with three checkpoints, the second of which is the best."""
  workdir = tmp_path_factory.mktemp("run")
  config = tiny.config(
    generator__norm="batch", best_metric="error", best_mode="min"
  )
  config_lib.record(config, workdir)
  system = systems.create(config, 1)
  states = [tiny.random_state(system, tiny.batch(), seed=i) for i in range(4)]
  with checkpoints.Checkpointer(
    workdir / checkpoints.FOLDER, keep_last=3, best_metric="error"
  ) as checkpointer:
    for step, error in ((1, 5.0), (2, 1.0), (3, 4.0)):
      checkpointer.save(step, states[step], {}, {"error": error})
  return workdir, states


@pytest.mark.parametrize(("asked", "step"), [(0, 2), (1, 1), (3, 3)])
def test_generators_of_a_run(run, asked, step):
  workdir, states = run
  found, generators = load_generators(workdir, asked)
  assert found == step
  for direction, name in (("AtoB", "a"), ("BtoA", "b")):
    network, variables = generators[direction]
    assert network.norm == "batch"
    expected = states[step]
    tiny.assert_same(variables["params"], expected.params["generator"][name])
    tiny.assert_same(
      variables["batch_stats"], expected.stats["generator"][name]
    )


def test_a_run_says_what_it_has_not(run, tmp_path):
  with pytest.raises(ValueError, match=r"no checkpoint of step 8; there are"):
    Translator.load(run[0], step=8)
  with pytest.raises(ValueError, match="translates AtoB and BtoA, not 'X'"):
    Translator.load(run[0], "X")
  with pytest.raises(ValueError, match="holds no run"):
    Translator.load(tmp_path)
