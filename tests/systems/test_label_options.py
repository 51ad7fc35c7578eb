"""Phases, options and errors of systems that learn from label maps."""

import dataclasses
import functools

import jax
import numpy as np
import optax
import pytest
import tiny
import tiny_labels

from gansynth import losses, models
from gansynth.models import pix2pixhd, semantics
from gansynth.systems import common, label_passes, schedules


def test_divergence_of_slices_is_that_of_the_batch():
  rng = np.random.default_rng(0)
  *latent, eps = rng.normal(size=(3, 4, 5)).astype(np.float32)

  def divergence(accumulation, part):
    system = tiny_labels.system(
      **tiny_labels.CASES["spade_styles"], accumulation=accumulation
    )
    batch = {k: v[part] for k, v in tiny_labels.batch().items()}
    batch = label_passes.prepare(system, batch)
    batch["eps"] = eps[part]

    def run(side, name, *inputs):
      del side, inputs
      return [x[part] for x in latent] if name == "e" else batch["image"]

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
    networks["conditioning"] = tiny_labels.FEATURES
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
  system = tiny_labels.system(
    **tiny_labels.CASES["spade_styles"], ema_decay=0.5
  )
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
  system = tiny_labels.system(**tiny_labels.CASES["spade_styles"])
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
    ({"conditioning": tiny_labels.FEATURES}, "each needs one"),
    (
      {
        "conditioning": dataclasses.replace(tiny_labels.FEATURES, num_labels=0),
        "encoder": tiny_labels.StyleEncoder(),
      },
      "num_labels=0; they need integer labels",
    ),
    ({"pool_size": 1}, "recipe 'spade' has none; set it to 0"),
    (
      {"recipe": "pix2pixhd", "discriminator_steps": 2},
      "recipe 'pix2pixhd' has none; set it to 1",
    ),
    (
      {**tiny_labels.CASES["spade_styles"], "recipe": "pix2pixhd"},
      "no loss for a style",
    ),
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
