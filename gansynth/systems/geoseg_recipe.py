"""A training step of Geoseg-GAN."""

import functools
from typing import Any

import jax
from jax import lax

from gansynth.systems import common, label_losses, label_recipes
from gansynth.systems import label_passes as passes


def step(
  system: Any,
  phase: str,
  state: common.GanState,
  batch: passes.Batch,
  key: jax.Array,
  drawn: None = None,
) -> label_recipes.Moved:
  """The discriminator moves, then the generator by what it has become.

  Both see the same picture: the generator has not moved when it is judged
  anew. Without slices XLA finds that the two passes that make it are one.

  Args:
    system: a `LabelToImage`.
    phase: `both`.
    state: the state before.
    batch: one device's share.
    key: of this step, the same on all devices.
    drawn: nothing is.
  """
  del phase, drawn
  # One key, so that a generator with dropout drops the same units twice.
  rng = common.device_rng(key, system.axis_name)
  moved, all_metrics = {}, {}
  for side, phase_fn in (
    ("discriminator", _discriminator_phase),
    ("generator", _generator_phase),
  ):
    gradients, stats, metrics, fake = common.accumulate(
      functools.partial(phase_fn, system, state),
      state.stats,
      batch,
      rng,
      system.accumulation,
    )
    moved[side], metrics = common.mean_over_devices(
      (gradients, metrics), system.axis_name
    )
    all_metrics.update(metrics)
    state = state.replace(stats=stats)
    if side == "generator":
      state = label_recipes.move_generator(system, state, moved[side])
    else:
      state = common.move(
        state, side, system.discriminator_optimizer, moved[side]
      )
  return state, all_metrics, moved, fake


def _discriminator_phase(system, state, stats, batch, rng):
  """Loss and gradients of the discriminator on one slice."""
  run = passes.training_pass(system, state.params, stats, rng)
  fake, _ = passes.generate(system, run, batch)
  # What the generator records of this pass it records in its own.
  fake = lax.stop_gradient(fake)

  def loss_fn(params):
    run = passes.training_pass(
      system, {**state.params, "discriminator": params}, stats, rng
    )
    metrics = label_losses.discriminator_losses(
      *passes.judge(system, run, fake, batch), system.recipe, system.gan_mode
    )
    return metrics["D"], (run.stats, metrics)

  gradients, (stats, metrics) = jax.grad(loss_fn, has_aux=True)(
    state.params["discriminator"]
  )
  return gradients, stats, metrics, fake


def _generator_phase(system, state, stats, batch, rng):
  """Loss and gradients of the generator on one slice."""

  def loss_fn(params):
    run = passes.training_pass(
      system, {**state.params, "generator": params}, stats, rng
    )
    fake, metrics = passes.generate(system, run, batch)
    metrics.update(
      label_losses.generator_losses(
        *passes.judge(system, run, fake, batch),
        system.recipe,
        system.gan_mode,
        system.lambda_features,
      )
    )
    metrics.update(
      passes.perceptual_loss(system, state.frozen, fake, batch["image"])
    )
    metrics["G"] = sum(metrics.values())
    return metrics["G"], (run.stats, metrics, fake)

  gradients, (stats, metrics, fake) = jax.grad(loss_fn, has_aux=True)(
    state.params["generator"]
  )
  return gradients, stats, metrics, fake
