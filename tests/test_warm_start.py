"""Training that goes on from a run; `start_from` is in the runs' tests."""

import jax
import numpy as np
import optax
import pytest
import tiny
import tiny_labels
from absl import logging

from gansynth import checkpoints, warm_start
from gansynth import config as config_lib


def system(**fields):
  adam = optax.adam(optax.constant_schedule(1e-3))
  return tiny_labels.system(
    generator_optimizer=adam,
    discriminator_optimizer=adam,
    ema_decay=0.5,
    **fields,
  )


@pytest.fixture
def run(tmp_path):
  """A run's folder and what its training came to, after 7 steps of 9."""
  config_lib.record(tiny.config(), tmp_path)
  states = [
    tiny_labels.random_state(system(), tiny_labels.batch(), seed=i)
    for i in range(2)
  ]
  counted = [
    jax.tree.map(
      lambda x, step=step: np.full_like(x, step) if x.dtype == np.int32 else x,
      state,
    )
    for state, step in zip(states, (7, 9), strict=True)
  ]
  with checkpoints.Checkpointer(tmp_path / checkpoints.FOLDER) as checkpointer:
    for state, step in zip(counted, (7, 9), strict=True):
      checkpointer.save(step, state, {})
  return tmp_path, counted[1]


def fresh(**fields):
  return tiny_labels.random_state(
    system(**fields), tiny_labels.batch(), seed=5
  ).replace(step=np.zeros((), np.int32))


def test_going_on_takes_the_newest_optimisers_but_no_counts_of_rates(run):
  place, before = run
  state = fresh()
  after = warm_start.go_on_from(state, place)
  assert after.step == 0
  tiny.assert_same(after.params, before.params)
  tiny.assert_same(after.ema, before.ema)
  np.testing.assert_array_equal(after.rng, state.rng)
  for side in ("generator", "discriminator"):
    (adam, schedule), (old, _) = after.opt_state[side], before.opt_state[side]
    tiny.assert_same(adam, old)
    assert adam.count == 9
    assert schedule.count == 0


def test_going_on_wants_the_same_networks(run):
  wider = tiny_labels.discriminator(adversarial_channels=4)
  with pytest.raises(ValueError, match=r"other networks[^$]*init_optimizers"):
    warm_start.go_on_from(fresh(discriminator=wider), run[0])


def test_networks_without_a_run_have_no_optimisers(tmp_path, caplog):
  (tmp_path / "G").mkdir()
  with (
    caplog.at_level(logging.WARNING, "absl"),
    pytest.raises(ValueError, match="no file"),
  ):
    warm_start.go_on_from(fresh(), tmp_path)
  assert "is no run" in caplog.text
