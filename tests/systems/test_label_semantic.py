"""Systems whose discriminator knows classes, or that have none at work."""

import dataclasses
import functools

import jax
import numpy as np
import optax
import pytest
import tiny
import tiny_labels

from gansynth import models
from gansynth.models import semantics
from gansynth.systems import schedules, semantic

CASE = tiny_labels.CASES["spade_semantic"]
AWARE = CASE["discriminator"]
LOSSES = CASE["semantic"]


def aware(losses=None, heads=None, **fields):
  """The system of the tests with other fields of losses and of heads."""
  return tiny_labels.system(
    **{
      **CASE,
      "semantic": dataclasses.replace(LOSSES, **losses or {}),
      "discriminator": AWARE.clone(**heads or {}),
      **fields,
    }
  )


def metrics_of(system, phase, batch=None):
  batch = batch or tiny_labels.batch()
  state = jax.eval_shape(system.init, jax.random.PRNGKey(0), batch)
  _, metrics = jax.eval_shape(
    functools.partial(system.train_step, phase=phase), state, batch
  )
  return set(metrics)


def jitted(system, phase):
  return jax.jit(
    functools.partial(system.step_with_details, phase=phase),
    compiler_options=tiny.FAST_COMPILE,
  )


def test_classes_of_labels():
  labels = np.array([[[0, 1, 2, 3]]], np.uint8)

  def found(classes, **fields):
    losses = semantic.SemanticLosses(classes=classes)
    conditioning = semantics.Conditioning(3, **fields)
    classes = semantic.class_map(losses, conditioning, labels)
    assert classes.dtype == np.int32
    return classes.tolist()[0][0]

  assert found((), dont_care=True) == [0, 1, 2, -1]
  assert found((2, -1, 0), dont_care=True) == [2, -1, 0, -1]
  assert found((2, -1, 0, 1), dont_care=True) == [2, -1, 0, 1]


def test_classes_of_pictures():
  losses, conditioning = semantic.SemanticLosses(), semantics.Conditioning(0)
  colours = [[-1, -1, -1], [1, -1, -1], [-1, 0.2, 0.1], [0, -1, 0.5]]
  pictures = np.array([[colours]], np.float32)
  classes = semantic.class_map(losses, conditioning, pictures)
  assert classes.tolist() == [[[0, 1, 2, 3]]]
  assert semantic.num_classes(losses, conditioning) == 4


def test_pictures_weigh_the_verdicts_on_them():
  system = aware(
    {"classes": ()},
    {"num_classes": 4},
    conditioning=semantics.Conditioning(0),
    generator=tiny_labels.generator(),
    lambda_decay=0.0,
  )
  labels = np.full((1, 4, 4, 3), -1, np.float32)
  labels[:, :2, :, 1] = 0.5
  logits = np.zeros((1, 4, 4, 11), np.float32)
  said = semantic.verdicts(system, {"label": labels}, [[logits]], [[logits]])
  (weights,) = said.weights
  # Half of the scene, so the rest of it is made up for; 0.5 of three.
  np.testing.assert_allclose(weights[0, :2, :, 1], 0.5 / 3 * 2, rtol=1e-5)
  np.testing.assert_allclose(weights[0, 2:, :, 1], 0, atol=1e-6)
  np.testing.assert_allclose(weights[..., 3], 1)
  batch = tiny_labels.batch()
  pictures = {
    "image": batch["image"],
    "label": batch["label"][..., None].repeat(3, -1),
  }
  assert "G_segmentation" in metrics_of(system, "guided", pictures)


def test_phases():
  system = aware({"guide_from": 3}, discriminator_steps=2)
  assert set(system.train_steps()) == {"both", "guided", "discriminator"}
  phases = [system.phase(step) for step in range(6)]
  assert [phase.name for phase in phases] == [
    *("both", "discriminator", "both"),
    *("discriminator", "guided", "discriminator"),
  ]
  assert phases[2].note == "phase 1"
  assert phases[3].note == "phase 2, discriminator alone"
  never = aware({"guide_from": -1})
  assert set(never.train_steps()) == {"both"}
  assert never.phase(10**6) == ("both", "phase 1")
  assert set(aware().train_steps()) == {"guided"}
  # Without heads there is nothing by which phase 2 could guide.
  blind = aware(heads={"num_classes": 0, "reconstruction_channels": 0})
  assert blind.phase(0) == ("both", "phase 2")
  assert set(blind.train_steps()) == {"both"}
  assert tiny_labels.system().phase(0) == ("both", "")


GENERAL = {
  *("G_GAN", "G_features", "G_mse", "G_l1", "G_decay", "G"),
  *("D_fake", "D_real", "D", "gradient_norm_G", "gradient_norm_D"),
}
SHARES = {"accuracy_real", "accuracy_fake"}


@pytest.mark.parametrize(
  ("losses", "fields", "phase", "terms"),
  [
    ({}, {}, "both", {"D_segmentation", "D_reconstruction"} | SHARES),
    (
      {"lambda_reconstruction": 0.0},
      {"regenerate": False},
      "guided",
      {"D_segmentation", "G_segmentation"} | SHARES,
    ),
    (
      {"lambda_segmentation": 0.0},
      {"gan_mode": "lsgan"},
      "guided",
      {"D_reconstruction", "G_reconstruction"},
    ),
    (
      {},
      {
        "discriminator": AWARE.clone(
          num_classes=0, reconstruction_channels=0, conditional=True
        )
      },
      "both",
      set(),
    ),
  ],
)
def test_terms_that_are_off_are_not_there(losses, fields, phase, terms):
  assert metrics_of(aware(losses, **fields), phase) == GENERAL | terms


def test_without_the_adversarial_loss_features_are_still_learned():
  found = metrics_of(tiny_labels.system(adversarial=False), "both")
  assert "G_GAN" not in found
  assert {"G_features", "D_fake", "D_real"} <= found


def test_optimizers_start_anew_in_phase_2():
  rates = schedules.per_epoch(0.01, np.array([1.0, 0.5]), 100)
  system = aware(
    {"guide_from": 7, "restart": True},
    {"reconstruction_channels": 0, "num_scales": 1},
    lambda_features=0.0,
    generator_optimizer=optax.adam(rates, b1=0.5),
    discriminator_optimizer=optax.adam(rates, b1=0.5),
  )
  batch = tiny_labels.batch()
  state = tiny_labels.random_state(system, batch)
  worn = jax.tree.map(
    lambda x: np.full_like(x, 6 if x.ndim == 0 else 2), state.opt_state
  )
  step = jitted(system, "guided")
  for at, count in ((7, 1), (8, 7)):
    state = state.replace(step=np.int32(at), opt_state=worn)
    after, _, details = step(state, batch)
    for side, gradients in details.gradients.items():
      adam, schedule = after.opt_state[side]
      assert (adam.count, schedule.count) == (count, 7)
      before = 0.0 if at == 7 else 2.0
      expected = jax.tree.map(lambda g, b=before: 0.5 * (b + g), gradients)
      tiny.assert_close(expected, adam.mu, 1e-5)

  nowhere = {**batch, "label": np.full_like(batch["label"], 1)}
  _, metrics, _ = step(state, nowhere)  # of no class, so that no pixel counts
  assert all(map(np.isfinite, metrics.values()))
  assert metrics["G_segmentation"] == metrics["D_segmentation"] == 0
  assert metrics["accuracy_real"] == metrics["accuracy_fake"] == 0


def test_no_discriminator():
  system = tiny_labels.system(
    discriminator=tiny_labels.discriminator("spectralinstance"),
    discriminator_steps=0,
    perceptual=tiny_labels.Features(),
    lambda_l1=2.0,
  )
  assert set(system.train_steps()) == {"generator"}
  assert system.phase(3) == ("generator", "")
  batch = tiny_labels.batch()
  state = tiny_labels.random_state(system, batch)
  after, metrics, details = jitted(system, "generator")(state, batch)
  assert set(metrics) == {"G", "G_l1", "G_perceptual", "gradient_norm_G"}
  assert set(details.gradients) == {"generator"}
  distance = np.abs(details.pictures["fake"] - details.pictures["real"]).mean()
  assert metrics["G_l1"] == pytest.approx(2 * float(distance), rel=1e-5)
  assert jax.tree.structure(after) == jax.tree.structure(state)
  for collection in ("params", "stats", "opt_state"):
    before, kept = (getattr(x, collection) for x in (state, after))
    if jax.tree.leaves(before["discriminator"]):
      tiny.assert_same(before["discriminator"], kept["discriminator"])
  moved = jax.tree.map(
    lambda one, other: not np.array_equal(one, other),
    *(x.params["generator"] for x in (state, after)),
  )
  assert any(jax.tree.leaves(moved))


def test_asapnets_in_bfloat16():
  system = aware(
    generator=models.create(
      "asapnets",
      features=2,
      max_features=2,
      num_blocks=1,
      downsampling=4,
      learned_downsampling=2,
      pixel_features=2,
      pixel_layers=2,
      unseen_channels=1,
      dtype="bfloat16",
    ),
    discriminator=AWARE.clone(dtype="bfloat16"),
  )
  batch = tiny_labels.batch()
  state = jax.eval_shape(system.init, jax.random.PRNGKey(0), batch)
  after, metrics, details = jax.eval_shape(
    functools.partial(system.step_with_details, phase="guided"), state, batch
  )
  assert jax.tree.structure(after) == jax.tree.structure(state)
  floats = jax.tree.leaves((after.params, metrics, details))
  assert {leaf.dtype.name for leaf in floats} == {"float32"}
  assert {"G_decay", "G_segmentation", "accuracy_fake"} <= set(metrics)


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"recipe": "pix2pixhd"}, "'pix2pixhd' has none; set it to None"),
    (
      {"recipe": "pix2pixhd", "semantic": None, "lambda_gan": 7.0},
      "lambda_gan is 7.0, and recipe 'pix2pixhd' has none; set it to 1.0",
    ),
    ({"semantic": None}, "num_classes=2, reconstruction_channels=3.*nothing"),
    (
      {"discriminator": AWARE.clone(adversarial_channels=3)},
      "adversarial_channels=3, which.*set adversarial_channels to 4",
    ),
    (
      {"discriminator": AWARE.clone(num_classes=3)},
      "num_classes=3, which.*set num_classes to 0 or 2",
    ),
    (
      {"discriminator": AWARE.clone(reconstruction_channels=1)},
      "set reconstruction_channels to 0 or 3",
    ),
    (
      {"semantic": semantic.SemanticLosses(classes=(0, 1))},
      "classes lists 2 labels, and conditioning has 3",
    ),
    ({"discriminator_steps": 0}, "discriminator_steps is 0, which is none"),
    ({"discriminator_steps": -1}, "discriminator_steps is -1"),
    (
      {"generator": tiny_labels.generator()},
      "GlobalGenerator does not tell the weights.*asapnets",
    ),
  ],
)
def test_what_does_not_go_together_is_explained(fields, message):
  with pytest.raises(ValueError, match=message):
    tiny_labels.system(**{**CASE, **fields})


def test_a_generator_must_learn_from_something():
  with pytest.raises(ValueError, match=r"nothing to learn from.*is 0"):
    tiny_labels.system(discriminator_steps=0)
  with pytest.raises(ValueError, match=r"nothing to learn from.*False"):
    tiny_labels.system(adversarial=False, lambda_features=0.0)


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"classes": (-1, -1)}, "at least one a class"),
    ({"classes": (0, -2)}, r"classes are \(0, -2\)"),
    ({"guide_from": -2}, "guide_from is -2"),
    ({"restart": True}, "guide_from is -1 with restart=True"),
  ],
)
def test_losses_that_mean_nothing_are_refused(fields, message):
  with pytest.raises(ValueError, match=message):
    semantic.SemanticLosses(**fields)
