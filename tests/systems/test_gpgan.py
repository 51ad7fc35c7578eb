"""Both systems of GP-GAN: what moves when, on one device and on four."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
import tiny
import tiny_gpgan

from gansynth import parallel, systems
from gansynth.systems import gpgan

STEP = 3  # beyond the first one, which is its own


@dataclasses.dataclass(frozen=True)
class Case:
  """A system without devices, and what one of its steps made."""

  variant: str
  phase: str
  config: object
  state: object
  batch: dict
  after: object
  metrics: dict
  gradients: dict


DIRECTIONS = {"supervised": "AtoB", "wgan": systems.NOISE}
PHASES = [
  ("supervised", gpgan.CRITIC),
  ("supervised", gpgan.GENERATOR),
  ("wgan", gpgan.BOTH),
]


@pytest.fixture(
  scope="module", params=PHASES, ids=["critic", "generator", "both"]
)
def case(request):
  variant, phase = request.param
  config = tiny_gpgan.config(
    variant,
    ema_decay=0.75,
    optimizer__learning_rate=0.01,
    optimizer__critic_learning_rate=0.01,
    loss__clamp_lower=-0.1,
    loss__clamp_upper=0.1,
  )
  system = systems.create(config, 10)
  batch = tiny_gpgan.batch(variant, seed=1)
  state = tiny.random_state(system, batch, step=STEP)
  state = state.replace(
    ema=system.generator_variables(state.replace(ema={}), DIRECTIONS[variant])
  )
  step = jax.jit(
    functools.partial(system.step_with_details, phase),
    compiler_options=tiny.FAST_COMPILE,
  )
  after, metrics, details = jax.device_get(step(state, batch))
  return Case(
    variant, phase, config, state, batch, after, metrics, details.gradients
  )


def moved(before, after):
  return [
    jax.tree_util.keystr(path)
    for (path, one), other in zip(
      jax.tree_util.tree_leaves_with_path(before),
      jax.tree.leaves(after),
      strict=True,
    )
    if (np.asarray(one) != np.asarray(other)).any()
  ]


def test_who_moves(case):
  critic_moves = case.phase != gpgan.GENERATOR
  generator_moves = case.phase != gpgan.CRITIC
  before, after = case.state, case.after
  for tree in ("params", "opt_state"):
    one, other = getattr(before, tree), getattr(after, tree)
    for side, moves in (
      ("discriminator", critic_moves),
      ("generator", generator_moves),
    ):
      assert bool(moved(one[side], other[side])) == moves, (tree, side)
  assert bool(moved(before.ema, after.ema)) == generator_moves
  # Both networks' running statistics follow whoever moves.
  for side in ("discriminator", "generator"):
    count = len(jax.tree.leaves(before.stats[side]))
    assert len(moved(before.stats[side], after.stats[side])) == count
  assert after.step == STEP + 1
  assert {"D", "D_real", "D_fake"} <= set(case.metrics) or not critic_moves
  assert ("G" in case.metrics) == generator_moves


def test_averages_follow_parameters_and_statistics(case):
  if case.phase == gpgan.CRITIC:
    tiny.assert_same(case.state.ema, case.after.ema)
    return
  after = {
    "params": case.after.params["generator"]["g"],
    "batch_stats": case.after.stats["generator"]["g"],
  }
  expected = jax.tree.map(
    lambda old, new: 0.75 * old + 0.25 * new, case.state.ema, after
  )
  tiny.assert_close(expected, case.after.ema, 1e-6)


def test_the_losses_signs(case):
  metrics = case.metrics
  if "D" in metrics:
    difference = metrics["D_real"] - metrics["D_fake"]
    assert metrics["D"] == pytest.approx(difference, rel=1e-6, abs=1e-7)
  if "G_L2" in metrics:
    expected = 0.001 * metrics["G_GAN"] + 0.999 * metrics["G_L2"]
    assert metrics["G"] == pytest.approx(expected, rel=1e-5)


def test_four_devices_do_what_one_does(case):
  system = systems.create(case.config, 10, parallel.AXIS_NAME)

  def step(state, batch):
    state, metrics, details = system.step_with_details(case.phase, state, batch)
    return state, metrics, details.gradients

  stacked = jax.device_get(
    tiny.on_devices(step, case.state, parallel.split_batch(case.batch))
  )
  for number in range(1, 4):  # every device must end with the same state
    tiny.assert_same(
      *(jax.tree.map(lambda x, i=i: x[i], stacked) for i in (0, number))
    )
  state, metrics, gradients = jax.tree.map(lambda x: x[0], stacked)
  tiny.assert_close(case.gradients, gradients, 2e-4)
  tiny.assert_close(case.after.stats, state.stats, 1e-4)
  for name, value in case.metrics.items():
    assert metrics[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


def test_critics_are_clamped_before_they_move(case):
  if case.phase == gpgan.GENERATOR:
    before, after = (
      x.params["discriminator"] for x in (case.state, case.after)
    )
    assert not moved(before, after)  # not clamped either, though outside
    assert max(np.abs(x).max() for x in jax.tree.leaves(before)) > 0.1
    return
  rate = case.config.optimizer.critic_learning_rate
  largest = max(
    np.abs(x).max() for x in jax.tree.leaves(case.after.params["discriminator"])
  )
  # One step out of the box: RMSprop's first one is 10 times its rate.
  most = rate if case.variant == "supervised" else 10 * rate
  assert 0.1 < largest <= 0.1 + most * 1.01


def test_kernels_escape_the_first_clamp_and_statistics_all():
  config = tiny_gpgan.config()
  system = systems.create(config, 10)
  batch = tiny_gpgan.batch("supervised")
  for step in (0, 1):
    state = tiny.random_state(system, batch, step=step)
    stats = state.stats["discriminator"]["d"]
    clamped = system.clamped(state)
    tiny.assert_same(clamped.stats["discriminator"]["d"], stats)
    critic = clamped.params["discriminator"]["d"]
    for path, leaf in jax.tree_util.tree_leaves_with_path(critic):
      inside = np.abs(leaf).max() <= np.float32(0.01)
      spared = step == 0 and path[-1].key == "kernel"
      assert inside != spared, path
    assert not moved(state.params["generator"], clamped.params["generator"])


def test_phases_follow_the_schedule():
  supervised = systems.create(tiny_gpgan.config(), 10)
  names = [supervised.phase(step).name for step in range(10)]
  critic, generator = gpgan.CRITIC, gpgan.GENERATOR
  assert names == [*[critic] * 3, generator, *[critic, critic, generator] * 2]
  assert supervised.phase(1).note == "iteration 0: critic 2 of 3"
  assert supervised.phase(3).note == "iteration 0: generator"
  unsupervised = systems.create(tiny_gpgan.config("wgan"), 10)
  names = [unsupervised.phase(step).name for step in range(7)]
  both = gpgan.BOTH
  assert names == [critic, critic, both, critic, both, critic, both]
  assert set(names) == set(unsupervised.train_steps())


def test_others_have_one_phase():
  system = systems.create(tiny.config("pix2pix"), 10)
  assert system.phase(7).name in system.train_steps()


def test_noise_differs_between_steps():
  system = systems.create(tiny_gpgan.config("wgan"), 10)
  batch = tiny_gpgan.batch("wgan")
  state = tiny.random_state(system, batch)
  step = jax.jit(
    functools.partial(system.step_with_details, gpgan.CRITIC),
    compiler_options=tiny.FAST_COMPILE,
  )
  scores = [
    float(step(state.replace(step=np.int32(i)), batch)[1]["D_fake"])
    for i in (1, 2, 1)
  ]
  assert scores[0] == scores[2]
  assert abs(scores[0] - scores[1]) > 1e-7
  noise = system.sample_noise(6)
  assert noise.shape == (6, 5)
  np.testing.assert_array_equal(system.sample_noise(9)[:6], noise)


@pytest.mark.parametrize("variant", ["supervised", "wgan"])
def test_bfloat16_leaves_the_state_float32(variant):
  system = systems.create(tiny_gpgan.config(variant, dtype="bfloat16"), 10)
  batch = tiny_gpgan.batch(variant)
  state = tiny.random_state(system, batch)
  for step in system.train_steps().values():
    after, metrics = jax.eval_shape(step, state, batch)
    for tree in (after.params, after.stats, metrics):
      assert {x.dtype.name for x in jax.tree.leaves(tree)} == {"float32"}


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"accumulation": 2}, r"no accumulation \(2\).*smaller batch_size"),
    ({"remat": True}, r"no remat \(True\)"),
    ({"optimizer__policy": "linear"}, "constant learning rates, not .*linear"),
    ({"data__crop_size": 32}, "must be equal: generator.image_size 16.* 32"),
    ({"schedule__critic_steps": 0}, "critic_steps 0"),
  ],
)
def test_options_that_do_not_apply_are_refused(changes, message):
  with pytest.raises(ValueError, match=message):
    systems.create(tiny_gpgan.config(**changes), 10)


def test_directions():
  supervised = systems.create(tiny_gpgan.config(), 10)
  assert list(supervised.generators()) == ["AtoB"]
  with pytest.raises(ValueError, match="AtoB, not BtoA"):
    supervised.generator_variables(None, "BtoA")
  unsupervised = systems.create(tiny_gpgan.config("wgan"), 10)
  assert list(unsupervised.generators()) == [systems.NOISE]
  with pytest.raises(ValueError, match="does not translate AtoB"):
    unsupervised.generator_variables(None, "AtoB")
