"""A training step of SPADE, and of what goes by its recipe."""

import functools
from typing import Any

import jax

from gansynth.systems import common, label_losses, label_recipes, semantic
from gansynth.systems import label_passes as passes
from gansynth.systems.label_recipes import DISCRIMINATOR, GENERATOR, GUIDED


def step(
  system: Any,
  phase: str,
  state: common.GanState,
  batch: passes.Batch,
  key: jax.Array,
  eps: tuple[jax.Array, jax.Array] | None,
) -> label_recipes.Moved:
  """The generator moves, then the discriminator, each by passes of its own.

  Args:
    system: a `LabelToImage`.
    phase: any but `enhancer`.
    state: the state before.
    batch: one device's share.
    key: of this step, the same on all devices.
    eps: this device's noise of styles for the generator's and for the
      discriminator's passes; None: drawn.
  """
  rng, *noise_keys = jax.random.split(key, 3)
  rngs = jax.random.split(common.device_rng(rng, system.axis_name))
  inputs = [batch, batch]
  if passes.has_styles(system):
    shape = (len(batch["image"]), system.generator.latent_size)
    inputs = [
      {**batch, "eps": noise}
      for noise in eps
      or [
        common.device_noise(noise_key, shape, system.axis_name)
        for noise_key in noise_keys
      ]
    ]
  if _restarts(system, phase):
    state = label_recipes.renew_optimizers(
      system, state, state.step == system.semantic.guide_from
    )
  all_metrics, all_gradients, fake = {}, {}, None
  if phase != DISCRIMINATOR:
    gradients, stats, metrics, fake = common.accumulate(
      functools.partial(_generator_phase, system, phase, state),
      state.stats,
      inputs[0],
      rngs[0],
      system.accumulation,
    )
    all_gradients["generator"], all_metrics = common.mean_over_devices(
      (gradients, metrics), system.axis_name
    )
    state = label_recipes.move_generator(
      system, state.replace(stats=stats), all_gradients["generator"]
    )
    if phase == GENERATOR:
      return state, all_metrics, all_gradients, fake
    if not system.regenerate:
      inputs[1] = {**inputs[1], "fake": fake}
  gradients, stats, metrics, shown = common.accumulate(
    functools.partial(_discriminator_phase, system, state),
    state.stats,
    inputs[1],
    rngs[1],
    system.accumulation,
  )
  all_gradients["discriminator"], metrics = common.mean_over_devices(
    (gradients, metrics), system.axis_name
  )
  state = common.move(
    state.replace(stats=stats),
    "discriminator",
    system.discriminator_optimizer,
    all_gradients["discriminator"],
  )
  fake = shown if fake is None else fake
  return state, {**all_metrics, **metrics}, all_gradients, fake


def _restarts(system, phase):
  """Whether this phase may be the one in which optimisers start anew."""
  wanted = system.semantic
  return (
    wanted is not None
    and wanted.restart
    and phase == system.phase(wanted.guide_from).name
  )


def _generator_phase(system, phase, state, stats, batch, rng):
  """Loss and gradients of the generator on one slice."""
  image = batch["image"]

  def loss_fn(params):
    run = passes.training_pass(
      system, {**state.params, "generator": params}, stats, rng
    )
    fake, of_making = passes.generate(system, run, batch)
    metrics = {}
    if phase != GENERATOR:
      metrics = _verdict_on_generator(system, phase, run, fake, batch)
    metrics.update(
      label_losses.picture_losses(
        fake, image, system.lambda_mse, system.lambda_l1
      )
    )
    metrics.update(passes.perceptual_loss(system, state.frozen, fake, image))
    metrics.update(of_making)
    metrics["G"] = sum(metrics.values())
    return metrics["G"], (run.stats, metrics, fake)

  gradients, (stats, metrics, fake) = jax.grad(loss_fn, has_aux=True)(
    state.params["generator"]
  )
  return gradients, stats, metrics, fake


def _verdict_on_generator(system, phase, run, fake, batch):
  """Losses of the generator that the discriminator tells."""
  said = semantic.verdicts(
    system, batch, *passes.judge(system, run, fake, batch)
  )
  metrics = label_losses.generator_losses(
    said.on_fake,
    said.on_real,
    system.recipe,
    system.gan_mode,
    system.lambda_features,
    lambda_gan=system.lambda_gan if system.adversarial else 0.0,
    weights=said.weights,
  )
  if phase == GUIDED:
    metrics.update(semantic.head_losses(system, "G", batch, said.of_fake))
  return metrics


def _discriminator_phase(system, state, stats, batch, rng):
  """Loss and gradients of the discriminator on one slice."""
  fake = batch.get("fake")
  if fake is None:
    run = passes.training_pass(system, state.params, stats, rng)
    fake, _ = passes.generate(system, run, batch)
    stats = run.stats

  def loss_fn(params):
    run = passes.training_pass(
      system, {**state.params, "discriminator": params}, stats, rng
    )
    said = semantic.verdicts(
      system, batch, *passes.judge(system, run, fake, batch)
    )
    metrics = label_losses.discriminator_losses(
      said.on_fake,
      said.on_real,
      system.recipe,
      system.gan_mode,
      lambda_gan=system.lambda_gan,
      weights=said.weights,
    )
    of_heads = semantic.head_losses(system, "D", batch, said.of_real)
    metrics["D"] = sum(of_heads.values(), metrics["D"])
    metrics.update(of_heads)
    metrics.update(semantic.accuracies(system, batch, said))
    return metrics["D"], (run.stats, metrics)

  gradients, (stats, metrics) = jax.grad(loss_fn, has_aux=True)(
    state.params["discriminator"]
  )
  return gradients, stats, metrics, fake
