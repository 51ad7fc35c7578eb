"""Steps on label maps: against plain ones, on devices, in slices, by option."""

import dataclasses
import functools

import jax
import numpy as np
import optax
import plain_label_steps
import pytest
import tiny
import tiny_labels

from gansynth import images, parallel
from gansynth.systems import common

# Of a pool of 2, for a batch of 4: the last two are exchanged, or not.
DRAWS = (
  np.array([0.1, 0.2, 0.9, 0.3], np.float32),
  np.array([0, 1, 1, 0], np.int32),
)
EPS = tuple(np.random.default_rng(5).normal(size=(2, 4, 5)).astype(np.float32))


@dataclasses.dataclass(frozen=True)
class Case:
  """A system without devices, and what one of its steps made."""

  system: object
  state: object
  batch: dict
  options: dict
  after: object
  metrics: dict
  details: object


def make_case(fields, **changes):
  system = tiny_labels.system(**{**fields, **changes})
  batch = tiny_labels.batch(seed=1)
  state = tiny_labels.random_state(system, batch)
  options = {}
  if system.pool_size:
    options["pool_draws"] = DRAWS
  if isinstance(system.generator, tiny_labels.StyleGenerator):
    options["eps"] = EPS
  compiled = jax.jit(
    functools.partial(
      system.step_with_details, **options, phase=system.phase(0).name
    ),
    compiler_options=tiny.FAST_COMPILE,
  )
  results = jax.device_get(compiled(state, batch))
  return Case(system, state, batch, options, *results)


@pytest.fixture(scope="module", params=tiny_labels.CASES)
def case(request):
  return make_case(tiny_labels.CASES[request.param], ema_decay=0.75)


def only(*names):
  return pytest.mark.parametrize("case", names, indirect=True)


def test_step_equals_the_plain_one(case):
  dense = plain_label_steps.conditions(
    case.batch["label"], case.batch["instance"], tiny_labels.NUM_LABELS
  )
  image = images.to_unit_range(case.batch["image"])
  step, drawn = {
    "spade": (plain_label_steps.spade_step, (EPS,)),
    "pix2pixhd": (
      plain_label_steps.pix2pixhd_step,
      (case.batch["instance"], case.options.get("pool_draws")),
    ),
    "geoseg": (plain_label_steps.geoseg_step, ()),
  }[case.system.recipe]
  expected = jax.jit(
    lambda state: step(case.system, state, dense, image, *drawn),
    compiler_options=tiny.FAST_COMPILE,
  )(case.state)
  for name, value in expected["losses"].items():
    assert case.metrics[name] == pytest.approx(float(value), rel=2e-5), name
  others = set(case.metrics) - set(expected["losses"])
  assert others == {"gradient_norm_G", "gradient_norm_D"}
  tiny.assert_close(expected["gradients"], case.details.gradients, 2e-4)
  for side in ("generator", "discriminator"):
    norm = optax.tree.norm(expected["gradients"][side])
    found = case.metrics[f"gradient_norm_{side[0].upper()}"]
    assert found == pytest.approx(float(norm), rel=1e-4)
  assert jax.tree.structure(expected["stats"]) == jax.tree.structure(
    case.after.stats
  )
  if jax.tree.leaves(expected["stats"]):
    tiny.assert_close(expected["stats"], case.after.stats, 1e-4)
  tiny.assert_close(expected["generator"], case.after.params["generator"], 1e-4)
  assert case.after.step == case.state.step + 1
  np.testing.assert_array_equal(case.after.rng, case.state.rng)
  np.testing.assert_allclose(case.details.pictures["real"], image, atol=1e-6)


def test_parameters_move_and_the_average_follows(case):
  for side in ("generator", "discriminator"):
    expected = jax.tree.map(
      lambda p, g: p - 0.05 * g,
      case.state.params[side],
      case.details.gradients[side],
    )
    tiny.assert_close(expected, case.after.params[side], 1e-6)
  expected = jax.tree.map(
    lambda old, new: 0.75 * old + 0.25 * new,
    case.state.params["generator"],
    case.after.params["generator"],
  )
  tiny.assert_close(expected, case.after.ema, 1e-6)
  variables = case.system.generator_variables(case.after, common.LABELS)
  assert variables == {
    "params": case.after.ema["g"],
    "batch_stats": case.after.stats["generator"]["g"],
  }


@only("spade_styles", "spade_semantic", "pix2pixhd_pool", "geoseg")
def test_four_devices_do_what_one_does(case):
  fields = {"axis_name": parallel.AXIS_NAME}
  for name in ("generator", "discriminator"):
    network = getattr(case.system, name)
    fields[name] = network.clone(axis_name=parallel.AXIS_NAME)
  # The divergence of a device's styles is their sum, and devices are averaged.
  fields["lambda_kld"] = 4 * case.system.lambda_kld
  system = dataclasses.replace(case.system, **fields)
  options = dict(case.options)
  eps = parallel.split_batch(options.pop("eps", EPS))

  def step(state, batch, eps):
    noise = {"eps": eps} if system.encoder is not None else {}
    state, metrics, details = system.step_with_details(
      state, batch, **options, **noise, phase=system.phase(0).name
    )
    return state, metrics, details.gradients

  stacked = tiny.on_devices(
    step, case.state, parallel.split_batch(case.batch), eps
  )
  for number in range(1, 4):  # every device must end with the same state
    tiny.assert_same(
      *(jax.tree.map(lambda x, i=i: x[i], stacked) for i in (0, number))
    )
  state, metrics, gradients = jax.tree.map(lambda x: x[0], stacked)
  tiny.assert_close(case.details.gradients, gradients, 2e-4)
  tiny.assert_close(case.metrics, metrics, 1e-5)
  tiny.assert_close(case.after.params, state.params, 1e-5)
  if jax.tree.leaves(case.after.stats):
    tiny.assert_close(case.after.stats, state.stats, 1e-4)
  if system.pool_size:
    tiny.assert_close(case.after.pool, state.pool, 1e-5)


def test_devices_draw_other_noise_that_is_one_batch():
  key = jax.random.PRNGKey(3)
  drawn = jax.pmap(
    lambda _: common.device_noise(key, (2, 5), parallel.AXIS_NAME),
    axis_name=parallel.AXIS_NAME,
  )(np.zeros(4))
  np.testing.assert_allclose(
    drawn.reshape(8, 5), common.device_noise(key, (8, 5), None), rtol=1e-5
  )


@only("spade_single_picture", "spade_semantic", "pix2pixhd", "geoseg")
def test_slices_do_what_the_whole_batch_does(case):
  sliced = make_case(
    {
      field.name: getattr(case.system, field.name)
      for field in dataclasses.fields(case.system)
    },
    accumulation=2,
  )
  tiny.assert_close(case.details.gradients, sliced.details.gradients, 2e-4)
  tiny.assert_close(case.metrics, sliced.metrics, 1e-5)
  tiny.assert_close(case.details.pictures, sliced.details.pictures, 1e-4)
