"""Both systems' steps: against plain ones, on devices, in slices, by option."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import plain_steps
import pytest
import tiny

from gansynth import checkpoints, images, parallel, systems
from gansynth.systems import common

# For pools of 3 and a batch of 4: the fourth picture is exchanged.
DRAWS = {
  name: (
    np.array([0.1, 0.2, 0.3, 0.9], np.float32),
    np.array([0, 1, 2, slot], np.int32),
  )
  for name, slot in (("b", 1), ("a", 2))
}


@dataclasses.dataclass(frozen=True)
class Case:
  """A system without devices, and what one of its steps made."""

  config: object
  system: object
  state: object
  batch: dict
  after: object
  metrics: dict
  details: object


def options_of(config):
  return {"pool_draws": DRAWS} if config.system == "cyclegan" else {}


def run_step(system, state, batch, **options):
  step = functools.partial(system.step_with_details, **options)
  compiled = jax.jit(step, compiler_options=tiny.FAST_COMPILE)
  return jax.device_get(compiled(state, batch))


def make_case(config, batch=None, **options):
  system = systems.create(config, 10)
  batch = batch or tiny.batch(seed=1)
  state = tiny.random_state(system, batch)
  results = run_step(system, state, batch, **options)
  return Case(config, system, state, batch, *results)


@pytest.fixture(
  scope="module",
  params=[
    ("cyclegan", "instance"),
    ("cyclegan", "batch"),
    ("pix2pix", "instance"),
    ("pix2pix", "batch"),
  ],
  ids="-".join,
)
def case(request):
  system, norm = request.param
  changes = {"ema_decay": 0.75}
  if system == "pix2pix":
    changes = {"loss__lambda_l1": 1.0}  # lets the adversarial part be seen
  config = tiny.config(
    system,
    generator__norm=norm,
    discriminator__norm=norm,
    optimizer__learning_rate=0.01,  # moves the discriminator visibly
    **changes,
  )
  return make_case(config, **options_of(config))


def test_step_equals_the_plain_one(case):
  # The plain step takes float pictures: uint8 ones are converted alike.
  pictures = jax.tree.map(images.to_unit_range, case.batch)
  if case.config.system == "pix2pix":
    step, arguments = plain_steps.pix2pix_step, ()
  else:
    step, arguments = plain_steps.cyclegan_step, (DRAWS,)
  expected = jax.jit(
    lambda *arguments: step(case.system, *arguments),
    compiler_options=tiny.FAST_COMPILE,
  )(case.state, pictures, *arguments)
  tiny.assert_close(expected["gradients"], case.details.gradients, 2e-4)
  for name, value in expected["losses"].items():
    assert case.metrics[name] == pytest.approx(float(value), rel=2e-5), name
  others = set(case.metrics) - set(expected["losses"])
  assert others == {"gradient_norm_G", "gradient_norm_D"}
  if jax.tree.leaves(expected["stats"]):
    tiny.assert_close(expected["stats"], case.after.stats, 1e-4)
  assert jax.tree.structure(expected["stats"]) == jax.tree.structure(
    case.after.stats
  )
  for side in ("generator", "discriminator"):
    norm = optax.tree.norm(expected["gradients"][side])
    found = case.metrics[f"gradient_norm_{side[0].upper()}"]
    assert found == pytest.approx(float(norm), rel=1e-4)
  assert case.after.step == case.state.step + 1
  np.testing.assert_array_equal(case.after.rng, case.state.rng)


def test_parameters_move_by_adam(case):
  optimizer = optax.adam(0.01, b1=0.5, b2=0.999, eps=1e-8)
  for side in ("generator", "discriminator"):
    before = case.state.params[side]
    gradients = case.details.gradients[side]
    updates, _ = optimizer.update(gradients, optimizer.init(before), before)
    tiny.assert_close(
      optax.apply_updates(before, updates), case.after.params[side], 1e-6
    )


def test_average_follows_the_generators(case):
  if not case.config.ema_decay:
    assert case.after.ema == {}
    return
  expected = jax.tree.map(
    lambda old, new: 0.75 * old + 0.25 * new,
    case.state.params["generator"],
    case.after.params["generator"],
  )
  tiny.assert_close(expected, case.after.ema, 1e-6)


def test_four_devices_do_what_one_does(case):
  system = systems.create(case.config, 10, parallel.AXIS_NAME)

  def step(state, batch):
    state, metrics, details = system.step_with_details(
      state, batch, **options_of(case.config)
    )
    return state, metrics, details.gradients

  stacked = tiny.on_devices(step, case.state, parallel.split_batch(case.batch))
  for number in range(1, 4):  # every device must end with the same state
    tiny.assert_same(
      *(jax.tree.map(lambda x, i=i: x[i], stacked) for i in (0, number))
    )
  state, metrics, gradients = jax.tree.map(lambda x: x[0], stacked)
  tiny.assert_close(case.details.gradients, gradients, 2e-4)
  tiny.assert_close(case.metrics, metrics, 1e-5)
  if jax.tree.leaves(case.after.stats):
    tiny.assert_close(case.after.stats, state.stats, 1e-4)
  if case.config.system == "cyclegan":
    tiny.assert_close(case.after.pool, state.pool, 1e-5)
    assert state.pool["a"].count == 3


INSTANCE = pytest.mark.parametrize(
  "case",
  [("cyclegan", "instance"), ("pix2pix", "instance")],
  indirect=True,
  ids="-".join,
)


@INSTANCE
def test_slices_do_what_the_whole_batch_does(case):
  sliced = make_case(
    tiny.changed(case.config, accumulation=2), **options_of(case.config)
  )
  tiny.assert_close(case.details.gradients, sliced.details.gradients, 2e-4)
  tiny.assert_close(case.metrics, sliced.metrics, 1e-5)
  tiny.assert_close(case.details.pictures, sliced.details.pictures, 1e-4)


def test_slices_must_be_equal():
  system = systems.create(tiny.config(accumulation=3), 10)
  batch = tiny.batch()
  state = tiny.random_state(system, batch)
  with pytest.raises(ValueError, match=r"batch of 4 .* 3 equal parts"):
    jax.eval_shape(system.train_step, state, batch)


@pytest.mark.parametrize(
  "case", [("pix2pix", "instance")], indirect=True, ids="-".join
)
def test_recomputed_blocks_give_the_same_gradients(case):
  recomputed = make_case(tiny.changed(case.config, remat=True))
  tiny.assert_close(case.details.gradients, recomputed.details.gradients, 2e-4)


def dtypes(tree):
  return {leaf.dtype.name for leaf in jax.tree.leaves(tree)}


@pytest.mark.parametrize(
  "case", [("pix2pix", "batch")], indirect=True, ids="-".join
)
def test_bfloat16_leaves_parameters_float32(case):
  rough = make_case(tiny.changed(case.config, dtype="bfloat16"))
  assert dtypes(rough.after.params) == dtypes(rough.details) == {"float32"}
  assert dtypes(rough.after.stats) == {"float32"}
  difference = rough.metrics["G"] - case.metrics["G"]
  assert 0 < abs(difference) < 0.02 * case.metrics["G"]  # it did compute so


@pytest.mark.parametrize("system", ["cyclegan", "pix2pix"])
def test_wasserstein_with_penalty(system):
  config = tiny.config(
    system, loss__gan_mode="wgangp", loss__gradient_penalty=10.0
  )
  made = make_case(config)
  penalties = [v for k, v in made.metrics.items() if "penalty" in k]
  assert len(penalties) == (2 if system == "cyclegan" else 1)
  assert all(np.isfinite(v) and v > 0 for v in penalties)
  if system == "cyclegan":
    return
  unpunished = dataclasses.replace(made.system, gradient_penalty=0.0)
  state, metrics, details = run_step(unpunished, made.state, made.batch)
  del state
  assert not any("penalty" in name for name in metrics)
  first = made.details.gradients["discriminator"]
  second = details.gradients["discriminator"]
  difference = optax.tree.norm(jax.tree.map(jnp.subtract, first, second))
  assert difference > 0.1 * optax.tree.norm(second)


def test_dropout_differs_between_steps_and_devices():
  config = tiny.config("pix2pix", generator__use_dropout=True)
  system = systems.create(config, 10, parallel.AXIS_NAME)
  picture = tiny.batch(size=1)["image_a"]
  batch = {"image_a": picture, "image_b": picture}
  state = tiny.random_state(system, batch)

  def forward(state, batch):
    rng = common.device_rng(
      jax.random.fold_in(state.rng, state.step), parallel.AXIS_NAME
    )
    run = common.TrainingPass(
      {"generator": {"g": system.generator}},
      state.params,
      state.stats,
      rng,
    )
    x = common.to_unit_range(batch["image_a"])
    return jnp.stack([run("generator", "g", x), run("generator", "g", x)])

  mapped = jax.pmap(forward, axis_name=parallel.AXIS_NAME, in_axes=(None, 0))
  same = parallel.split_batch(jax.tree.map(lambda x: np.repeat(x, 4, 0), batch))
  outputs = [
    np.asarray(mapped(state.replace(step=np.int32(step)), same))
    for step in (0, 1, 0)
  ]
  np.testing.assert_array_equal(outputs[0], outputs[2])  # a function of keys
  pictures = np.concatenate(outputs[:2]).reshape(16, -1)
  for first in range(16):
    for second in range(first):
      assert np.abs(pictures[first] - pictures[second]).max() > 1e-3


@pytest.mark.parametrize("system", ["cyclegan", "pix2pix"])
def test_sides_that_do_not_come_back_are_explained(system):
  made = systems.create(tiny.config(system), 10)
  batch = tiny.batch(side=18)
  state = tiny.random_state(made, batch)
  with pytest.raises(ValueError, match=r"20, 20, 3.*18, 18, 3.*multiple"):
    jax.eval_shape(made.train_step, state, batch)


def test_identity_needs_equal_channels():
  config = tiny.config(data__input_channels=1)
  system = systems.create(config, 10)
  with pytest.raises(ValueError, match="set lambda_identity to 0"):
    tiny.random_state(system, tiny.batch(channels=(1, 3)))


def test_channels_may_differ_without_identity():
  config = tiny.config(data__input_channels=1, loss__lambda_identity=0.0)
  system = systems.create(config, 10)
  batch = tiny.batch(channels=(1, 3))
  state = tiny.random_state(system, batch)
  after, metrics = jax.eval_shape(system.train_step, state, batch)
  assert jax.tree.map(lambda x: x.shape, after) == jax.tree.map(
    lambda x: x.shape, state
  )
  assert "idt_A" not in metrics


def test_without_a_pool_there_is_nothing_to_save(tmp_path):
  system = systems.create(tiny.config(loss__pool_size=0), 10)
  batch = tiny.batch()
  state = tiny.random_state(system, batch)
  assert state.pool == {}
  after, _ = jax.eval_shape(system.train_step, state, batch)
  assert after.pool == {}
  with checkpoints.Checkpointer(tmp_path / "c") as checkpointer:
    checkpointer.save(1, state, {})
    checkpointer.wait()
    tiny.assert_same(checkpointer.restore(state)[0], state)


def test_fresh_states_are_functions_of_the_seed():
  system = systems.create(tiny.config("pix2pix", ema_decay=0.5), 10)
  batch = tiny.batch()
  init = jax.jit(
    lambda key: system.init(key, batch), compiler_options=tiny.FAST_COMPILE
  )
  first, again, other = (init(jax.random.PRNGKey(seed)) for seed in (0, 0, 1))
  tiny.assert_same(first, again)
  kernels = [
    np.concatenate(
      [x.ravel() for x in jax.tree.leaves(state.params) if x.ndim == 4]
    )
    for state in (first, other)
  ]
  assert abs(np.corrcoef(*kernels)[0, 1]) < 0.1
  tiny.assert_same(first.ema, first.params["generator"])
  assert kernels[0].std() == pytest.approx(0.2, rel=0.1)


def test_unknown_systems_and_fields_are_explained():
  with pytest.raises(ValueError, match=r"'cyclgan'.*cyclegan, pix2pix"):
    systems.create(tiny.config(system="cyclgan"), 10)
  with pytest.raises(ValueError, match=r"no field feature; it has.*features"):
    systems.create(tiny.config(generator__feature=3), 10)


def test_directions():
  pair = systems.create(tiny.config(), 10)
  assert list(pair.generators()) == ["AtoB", "BtoA"]
  single = systems.create(tiny.config("pix2pix"), 10)
  assert list(single.generators()) == ["AtoB"]
  with pytest.raises(ValueError, match="direction=BtoA"):
    single.generator_variables(None, "BtoA")
