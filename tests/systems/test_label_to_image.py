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

from gansynth import images, losses, models, parallel
from gansynth.models import encoders, pix2pixhd, semantics
from gansynth.systems import common, label_passes, schedules

# Of a pool of 2, for a batch of 4: the last two are exchanged, or not.
DRAWS = (
  np.array([0.1, 0.2, 0.9, 0.3], np.float32),
  np.array([0, 1, 1, 0], np.int32),
)
EPS = tuple(np.random.default_rng(5).normal(size=(2, 4, 5)).astype(np.float32))
FEATURES = semantics.Conditioning(
  tiny_labels.NUM_LABELS, edges=True, features="instance", num_features=2
)

CASES = {
  "spade_styles": {
    "generator": tiny_labels.StyleGenerator(),
    "encoder": tiny_labels.StyleEncoder(),
    "discriminator": tiny_labels.discriminator("spectralbatch"),
    "perceptual": tiny_labels.Features(),
  },
  "spade_single_picture": {
    "gan_mode": "lsgan",
    "regenerate": False,
    "lambda_features": 5.0,
  },
  "pix2pixhd": {"recipe": "pix2pixhd", "gan_mode": "lsgan"},
  "pix2pixhd_features": {
    "recipe": "pix2pixhd",
    "generator": tiny_labels.generator("batch"),
    "discriminator": tiny_labels.discriminator("spectralbatch"),
    "conditioning": FEATURES,
    "encoder": encoders.InstanceEncoder(
      output_channels=2, features=2, num_downsampling=1, initial_kernel_size=3
    ),
    "perceptual": tiny_labels.Features(),
  },
  "pix2pixhd_pool": {"recipe": "pix2pixhd", "pool_size": 2},
}


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
    functools.partial(system.step_with_details, **options),
    compiler_options=tiny.FAST_COMPILE,
  )
  results = jax.device_get(compiled(state, batch))
  return Case(system, state, batch, options, *results)


@pytest.fixture(scope="module", params=CASES)
def case(request):
  return make_case(CASES[request.param], ema_decay=0.75)


def only(*names):
  return pytest.mark.parametrize("case", names, indirect=True)


def test_step_equals_the_plain_one(case):
  dense = plain_label_steps.conditions(
    case.batch["label"], case.batch["instance"], tiny_labels.NUM_LABELS
  )
  image = images.to_unit_range(case.batch["image"])
  if case.system.recipe == "spade":
    step, drawn = plain_label_steps.spade_step, (EPS,)
  else:
    step = plain_label_steps.pix2pixhd_step
    drawn = (case.batch["instance"], case.options.get("pool_draws"))
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


@only("spade_styles", "pix2pixhd_pool")
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
      state, batch, **options, **noise
    )
    return state, metrics, details.gradients

  stacked = jax.pmap(step, axis_name=parallel.AXIS_NAME, in_axes=(None, 0, 0))(
    case.state, parallel.split_batch(case.batch), eps
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


@only("spade_single_picture", "pix2pixhd")
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


def test_divergence_of_slices_is_that_of_the_batch():
  rng = np.random.default_rng(0)
  latent = rng.normal(size=(2, 4, 5)).astype(np.float32)

  def divergence(accumulation, part):
    system = tiny_labels.system(
      **CASES["spade_styles"], accumulation=accumulation
    )
    batch = {k: v[part] for k, v in tiny_labels.batch().items()}
    batch = label_passes.prepare(system, batch)
    batch["eps"] = EPS[0][part]

    def run(side, name, *inputs):
      del side, inputs
      return latent[:, part] if name == "e" else batch["image"]

    _, metrics = label_passes.generate(system, run, batch)
    return float(metrics["G_kld"])

  whole = divergence(1, slice(4))
  slices = [divergence(2, part) for part in (slice(2), slice(2, 4))]
  assert np.mean(slices) == pytest.approx(whole, rel=1e-5)
  expected = 0.05 * losses.kl_divergence(*latent)
  assert whole == pytest.approx(float(expected), rel=1e-5)


def jitted(system, phase):
  return jax.jit(
    functools.partial(system.step_with_details, phase=phase),
    compiler_options=tiny.FAST_COMPILE,
  )


def test_discriminator_may_move_more_often():
  system = tiny_labels.system(
    discriminator_steps=3,
    discriminator=tiny_labels.discriminator("spectralinstance"),
    generator=tiny_labels.generator("batch"),
    ema_decay=0.5,
  )
  assert set(system.train_steps()) == {"both", "discriminator"}
  moves_both = [system.phase(step).name == "both" for step in range(5)]
  assert moves_both == [True, False, False, True, False]
  batch = tiny_labels.batch()
  state = tiny_labels.random_state(system, batch)
  after, metrics, details = jitted(system, "discriminator")(state, batch)
  assert set(metrics) == {"D", "D_fake", "D_real", "gradient_norm_D"}
  assert set(details.gradients) == {"discriminator"}
  assert details.pictures["fake"].shape == batch["image"].shape
  tiny.assert_same(after.params["generator"], state.params["generator"])
  tiny.assert_same(after.ema, state.ema)
  for side, tree in after.stats.items():  # both networks were run
    moved = jax.tree.map(
      lambda a, b: np.abs(a - b).max() > 1e-3, tree, state.stats[side]
    )
    assert all(jax.tree.leaves(moved)), side


def test_enhancer_moves_alone_at_first():
  rates = schedules.per_epoch(0.01, np.array([1.0, 0.5]), 100)
  system = tiny_labels.system(
    recipe="pix2pixhd",
    generator=pix2pixhd.LocalEnhancer(
      features=2,
      num_downsampling=1,
      num_blocks=0,
      num_enhancer_blocks=0,
      initial_kernel_size=3,
    ),
    generator_optimizer=optax.adam(rates),
    fix_global_steps=2,
  )
  assert set(system.train_steps()) == {"both", "enhancer"}
  phases = [system.phase(step) for step in range(3)]
  assert [phase.name for phase in phases] == ["enhancer", "enhancer", "both"]
  assert phases[1].note == "enhancer alone, 2 of 2"
  batch = tiny_labels.batch()
  state = tiny_labels.random_state(system, batch)
  step = jitted(system, "enhancer")
  first, _, details = step(state, batch)
  gradients = details.gradients["generator"]["g"]
  assert not any(map(np.any, jax.tree.leaves(gradients["global"])))
  before, after = (x.params["generator"]["g"] for x in (state, first))
  tiny.assert_same(before["global"], after["global"])
  for old, new in zip(
    *map(jax.tree.leaves, (before["enhancer_1"], after["enhancer_1"])),
    strict=True,
  ):
    assert np.all(old != new)

  adam, schedule = first.opt_state["generator"]
  assert adam.count == schedule.count == 1
  assert all(map(np.any, jax.tree.leaves(adam.mu["g"]["enhancer_1"])))
  second, _, _ = step(first, batch)
  adam, schedule = second.opt_state["generator"]
  assert adam.count == 0  # of a fresh Adam
  assert not any(map(np.any, jax.tree.leaves((adam.mu, adam.nu))))
  assert schedule.count == 2  # the rate's decay is still that of the run

  _, _, details = jax.eval_shape(jitted(system, "both"), second, batch)
  assert jax.tree.structure(details.gradients["generator"]) == (
    jax.tree.structure(second.params["generator"])
  )


def test_pictures_instead_of_labels():
  system = tiny_labels.system(conditioning=semantics.Conditioning(0))
  batch = tiny_labels.batch()
  pictures = np.repeat(batch["label"][..., None], 3, -1)
  batch = {"label": pictures, "image": batch["image"]}
  state = jax.eval_shape(system.init, jax.random.PRNGKey(0), batch)
  kernel = state.params["generator"]["g"]["stem"]["kernel"]
  assert kernel.shape[2] == 3
  shown = label_passes.conditions(system, label_passes.prepare(system, batch))
  np.testing.assert_allclose(shown, pictures / 127.5 - 1, rtol=1e-6)


REAL = {
  "spade": {
    "generator": {
      "name": "spade",
      "features": 1,
      "use_vae": True,
      "height": 32,
      "width": 64,
      "norm": "spectralspadesyncbatch1x1",
    },
    "encoder": {"name": "style_encoder", "features": 1},
  },
  "pix2pixhd": {
    "generator": {
      "name": "pix2pixhd_local",
      "features": 1,
      "num_downsampling": 2,
      "num_blocks": 1,
    },
    "encoder": {
      "name": "instance_encoder",
      "output_channels": 2,
      "features": 1,
      "num_downsampling": 2,
    },
  },
}


@pytest.mark.parametrize("recipe", REAL)
def test_published_networks_in_bfloat16(recipe):
  networks = {
    name: models.create(**fields, dtype="bfloat16")
    for name, fields in REAL[recipe].items()
  }
  if recipe == "pix2pixhd":
    networks["conditioning"] = FEATURES
  system = tiny_labels.system(
    recipe=recipe,
    **networks,
    discriminator=models.create(
      "multiscale", features=1, num_scales=1, dtype="bfloat16"
    ),
    regenerate=False,  # half of the time to trace it
    perceptual=tiny_labels.Features(),
    pool_size=3 if recipe == "pix2pixhd" else 0,
    ema_decay=0.9,
  )
  batch = {
    name: np.zeros((2, 32, 64, *x.shape[3:]), x.dtype)
    for name, x in tiny_labels.batch().items()
  }
  state = jax.eval_shape(system.init, jax.random.PRNGKey(0), batch)
  frozen = jax.eval_shape(
    system.perceptual.init, jax.random.PRNGKey(0), np.zeros((1, 32, 64, 3))
  )
  state = state.replace(frozen={"perceptual": frozen})
  after, metrics, details = jax.eval_shape(
    system.step_with_details, state, batch
  )
  # The second step is no other compilation than the first, nor the ones after
  # a resumed run's first.
  assert jax.tree.structure(state) == jax.tree.structure(after)
  for old, new in zip(*map(jax.tree.leaves, (state, after)), strict=True):
    assert (old.shape, old.dtype) == (new.shape, new.dtype)
    assert old.weak_type == new.weak_type
  floats = jax.tree.leaves((after.params, after.stats, metrics, details))
  assert {leaf.dtype.name for leaf in floats} == {"float32"}
  assert details.pictures["fake"].shape == (2, 32, 64, 3)
  assert "G_perceptual" in metrics
  assert ("G_kld" in metrics) == (recipe == "spade")


def test_without_weights_there_is_no_perceptual_loss():
  system = tiny_labels.system(perceptual=tiny_labels.Features())
  batch = tiny_labels.batch()
  state = jax.eval_shape(system.init, jax.random.PRNGKey(0), batch)
  assert state.frozen == state.pool == state.ema == {}
  _, metrics = jax.eval_shape(system.train_step, state, batch)
  assert "G_perceptual" not in metrics
  frozen = jax.eval_shape(
    system.perceptual.init, jax.random.PRNGKey(0), np.zeros((1, 16, 16, 3))
  )
  state = state.replace(frozen={"perceptual": frozen})
  _, metrics = jax.eval_shape(system.train_step, state, batch)
  assert "G_perceptual" in metrics
  without = dataclasses.replace(
    system, lambda_perceptual=0.0, lambda_features=0.0
  )
  _, metrics = jax.eval_shape(without.train_step, state, batch)
  assert not {"G_perceptual", "G_features"} & set(metrics)


def test_fresh_states_are_functions_of_the_seed():
  system = tiny_labels.system(**CASES["spade_styles"], ema_decay=0.5)
  init = jax.jit(
    lambda key: system.init(key, tiny_labels.batch()),
    compiler_options=tiny.FAST_COMPILE,
  )
  first, again, other = (init(jax.random.PRNGKey(seed)) for seed in (0, 0, 1))
  tiny.assert_same(first, again)
  assert set(first.params["generator"]) == {"g", "e"}
  tiny.assert_same(first.ema, first.params["generator"])
  vectors = {
    jax.tree_util.keystr(path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(first.stats)
    if path[-1].key in ("u", "v")
  }
  assert len(vectors) == 10  # of five normalised kernels
  for name, vector in vectors.items():
    assert np.linalg.norm(vector) == pytest.approx(1, rel=1e-5), name
  assert not np.allclose(
    *(
      x.params["discriminator"]["d"]["scale_0"]["conv_0"]["kernel"]
      for x in (first, other)
    )
  )


def test_encoders_variables():
  system = tiny_labels.system(**CASES["spade_styles"])
  state = tiny_labels.random_state(system, tiny_labels.batch())
  assert system.encoder_variables(state) == {
    "params": state.params["generator"]["e"],
    "batch_stats": state.stats["generator"]["e"],
  }
  assert list(system.generators()) == [common.LABELS]
  with pytest.raises(ValueError, match="does not translate AtoB"):
    system.generator_variables(state, "AtoB")
  with pytest.raises(ValueError, match="no encoder"):
    tiny_labels.system().encoder_variables(state)


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"recipe": "pix2pix"}, "'pix2pix'; choose one of spade, pix2pixhd"),
    ({"gan_mode": "ls"}, "'ls'; choose one of hinge, lsgan, vanilla, wgan"),
    ({"encoder": tiny_labels.StyleEncoder()}, "an encoder goes with"),
    ({"generator": tiny_labels.StyleGenerator()}, "each needs one"),
    ({"conditioning": FEATURES}, "each needs one"),
    (
      {
        "conditioning": dataclasses.replace(FEATURES, num_labels=0),
        "encoder": tiny_labels.StyleEncoder(),
      },
      "num_labels=0; they need integer labels",
    ),
    ({"pool_size": 1}, "recipe 'spade' has none; set it to 0"),
    (
      {"recipe": "pix2pixhd", "discriminator_steps": 2},
      "recipe 'pix2pixhd' has none; set it to 1",
    ),
    ({**CASES["spade_styles"], "recipe": "pix2pixhd"}, "no loss for a style"),
    (
      {"recipe": "pix2pixhd", "fix_global_steps": 1},
      "no enhancer.*pix2pixhd_local",
    ),
  ],
)
def test_what_does_not_go_together_is_explained(fields, message):
  with pytest.raises(ValueError, match=message):
    tiny_labels.system(**fields)


def test_unsuitable_batches_are_explained():
  batch = tiny_labels.batch()
  system = tiny_labels.system()
  without = {name: batch[name] for name in ("image", "label")}
  with pytest.raises(ValueError, match=r"has none: it has image, label; set"):
    system.init(jax.random.PRNGKey(0), without)
  state = jax.eval_shape(system.init, jax.random.PRNGKey(0), batch)
  small = {**batch, "image": batch["image"][:, :8]}
  with pytest.raises(ValueError, match=r"4, 16, 16, 3\).*4, 8, 16, 3\)"):
    jax.eval_shape(system.train_step, state, small)
