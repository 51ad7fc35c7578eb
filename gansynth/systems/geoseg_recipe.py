"""A training step of Geoseg-GAN."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from gansynth.systems import common, label_losses, label_recipes
from gansynth.systems import label_passes as passes


class _Made(NamedTuple):
  """Fake pictures, and how what they cost comes back to the generator."""

  fake: jax.Array
  pull_back: Callable[[jax.Array], tuple[common.PyTree]]
  stats: common.PyTree  # of the generator's side, afterwards


def step(
  system: Any,
  phase: str,
  state: common.GanState,
  batch: passes.Batch,
  key: jax.Array,
  drawn: None = None,
) -> label_recipes.Moved:
  """The discriminator moves, then the generator by what it has become.

  Both by the same pictures. They are made once; of a batch in slices, whose
  activations together would not fit into memory, twice.

  Args:
    system: a `LabelToImage`.
    phase: `both`.
    state: the state before.
    batch: one device's share.
    key: of this step, the same on all devices.
    drawn: nothing is.
  """
  del phase, drawn
  rng = common.device_rng(key, system.axis_name)
  made = None
  if system.accumulation == 1:
    made = _generate(system, state, state.stats, batch, rng)
  moved, all_metrics = {}, {}
  for side, phase_fn in (
    ("discriminator", _discriminator_phase),
    ("generator", _generator_phase),
  ):
    gradients, stats, metrics, fake = common.accumulate(
      functools.partial(phase_fn, system, state, made),
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


def _generate(system, state, stats, batch, rng):
  """Makes the pictures of one slice."""

  def generate(params):
    run = passes.training_pass(
      system,
      {"generator": params},
      {"generator": stats["generator"]},
      rng,
    )
    fake, _ = passes.generate(system, run, batch)
    return fake, run.stats["generator"]

  return _Made(*jax.vjp(generate, state.params["generator"], has_aux=True))


def _judge(system, params, stats, fake, batch, rng):
  """Verdicts on fake and true pictures, and the statistics afterwards."""
  run = passes.training_pass(
    system,
    {"discriminator": params},
    {"discriminator": stats["discriminator"]},
    rng,
  )
  verdicts = passes.judge(system, run, fake, batch)
  return verdicts, run.stats["discriminator"]


def _discriminator_phase(system, state, made, stats, batch, rng):
  """Loss and gradients of the discriminator on one slice."""
  # The generator's statistics are recorded in its own phase.
  fake = (made or _generate(system, state, stats, batch, rng)).fake

  def loss_fn(params):
    verdicts, recorded = _judge(system, params, stats, fake, batch, rng)
    metrics = label_losses.discriminator_losses(
      *verdicts, system.recipe, system.gan_mode
    )
    return metrics["D"], (recorded, metrics)

  gradients, (recorded, metrics) = jax.grad(loss_fn, has_aux=True)(
    state.params["discriminator"]
  )
  return gradients, {**stats, "discriminator": recorded}, metrics, fake


def _generator_phase(system, state, made, stats, batch, rng):
  """Loss and gradients of the generator on one slice."""
  made = made or _generate(system, state, stats, batch, rng)
  image = batch["image"]

  def loss_fn(fake):
    verdicts, recorded = _judge(
      system, state.params["discriminator"], stats, fake, batch, rng
    )
    metrics = label_losses.generator_losses(
      *verdicts, system.recipe, system.gan_mode, system.lambda_features
    )
    metrics.update(passes.perceptual_loss(system, state.frozen, fake, image))
    metrics["G"] = sum(metrics.values())
    return metrics["G"], (recorded, metrics)

  to_fake, (recorded, metrics) = jax.grad(loss_fn, has_aux=True)(made.fake)
  (gradients,) = made.pull_back(to_fake)
  stats = {"generator": made.stats, "discriminator": recorded}
  return gradients, stats, metrics, made.fake
