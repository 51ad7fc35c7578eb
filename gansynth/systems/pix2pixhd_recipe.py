"""A training step of pix2pixHD, in the original's order."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gansynth.models import norms
from gansynth.systems import common, image_pool, label_losses, label_recipes
from gansynth.systems import label_passes as passes
from gansynth.systems.label_recipes import ENHANCER


def step(
  system: Any,
  phase: str,
  state: common.GanState,
  batch: passes.Batch,
  key: jax.Array,
  pool_draws: tuple[jax.Array, jax.Array] | None,
) -> label_recipes.Moved:
  """Both sides move by what one picture costs them as they are.

  Args:
    system: a `LabelToImage`.
    phase: `both` or `enhancer`.
    state: the state before.
    batch: one device's share.
    key: of this step, the same on all devices.
    pool_draws: (uniforms, slots) of the global batch; None: drawn.
  """
  gradients, records, metrics, fake = common.accumulate(
    functools.partial(_joint_phase, system, state, pool_draws, phase),
    {"stats": state.stats, "pool": state.pool},
    batch,
    key,
    system.accumulation,
  )
  gradients, metrics = common.mean_over_devices(
    (gradients, metrics), system.axis_name
  )
  state = label_recipes.move_generator(
    system, state.replace(**records), gradients["generator"]
  )
  if phase == ENHANCER:
    ends = state.step + 1 == system.fix_global_steps
    state = label_recipes.renew_optimizers(system, state, ends, ["generator"])
  state = common.move(
    state,
    "discriminator",
    system.discriminator_optimizer,
    gradients["discriminator"],
  )
  return state, metrics, gradients, fake


def _joint_phase(system, state, pool_draws, phase, records, batch, rng):
  """Losses and gradients of both of pix2pixHD's sides on one slice.

  A call of a network is made once, and pulled back for each of the losses
  that come of it.
  """
  stats, pool = records["stats"], records["pool"]
  pool_rng, rng = jax.random.split(rng)
  rng = common.device_rng(rng, system.axis_name)
  conditions, real = passes.conditions(system, batch), batch["image"]

  def generate(params):
    if phase == ENHANCER:
      params = {**params, "g": _hold_inner_part(system, params["g"])}
    run = passes.training_pass(
      system, {"generator": params}, {"generator": stats["generator"]}, rng
    )
    fake, _ = passes.generate(system, run, batch)
    return fake, run.stats["generator"]

  fake, to_generator, generator_stats = jax.vjp(
    generate, state.params["generator"], has_aux=True
  )

  def judge(stats, conditions, pictures):
    def call(params, pictures):
      run = passes.training_pass(
        system, {"discriminator": params}, {"discriminator": stats}, rng
      )
      verdict = run("discriminator", "d", conditions, pictures)
      return verdict, run.stats["discriminator"]

    return jax.vjp(call, state.params["discriminator"], pictures, has_aux=True)

  # In the original's order, which statistics record.
  shown, history = (conditions, fake), stats["discriminator"]
  if system.pool_size:
    queried, answer = image_pool.query_on_devices(
      pool["d"], passes.pack(*shown), pool_rng, pool_draws, system.axis_name
    )
    pool, shown = {"d": queried}, passes.unpack(answer, *shown)
  on_shown, from_shown, history = judge(history, *shown)
  on_real, from_real, history = judge(history, conditions, real)
  if system.pool_size or _records_calls(system.discriminator):
    on_fake, from_fake, history = judge(history, conditions, fake)
  else:
    on_fake, from_fake = on_shown, from_shown

  def generator_loss(fake, on_fake):
    metrics = label_losses.generator_losses(
      on_fake, on_real, system.recipe, system.gan_mode, system.lambda_features
    )
    metrics.update(passes.perceptual_loss(system, state.frozen, fake, real))
    metrics["G"] = sum(metrics.values())
    return metrics["G"], metrics

  def discriminator_loss(on_shown, on_real):
    metrics = label_losses.discriminator_losses(
      on_shown, on_real, system.recipe, system.gan_mode
    )
    return metrics["D"], metrics

  (to_fake, to_verdict), metrics = jax.grad(
    generator_loss, (0, 1), has_aux=True
  )(fake, on_fake)
  (to_shown, to_real), more_metrics = jax.grad(
    discriminator_loss, (0, 1), has_aux=True
  )(on_shown, on_real)
  gradients = {
    "generator": to_generator(to_fake + from_fake(to_verdict)[1])[0],
    "discriminator": jax.tree.map(
      jnp.add, from_shown(to_shown)[0], from_real(to_real)[0]
    ),
  }
  stats = {"generator": generator_stats, "discriminator": history}
  metrics.update(more_metrics)
  return gradients, {"stats": stats, "pool": pool}, metrics, fake


def _records_calls(discriminator):
  """Whether a call leaves something behind, so that each has to be made."""
  spectral, norm = norms.parse(discriminator.norm)
  return spectral or norm == "batch"


def _hold_inner_part(system, params):
  """Lets no gradient reach what is not in the outermost enhancer."""
  outermost = f"enhancer_{system.generator.num_enhancers}"
  return {
    name: value if name == outermost else lax.stop_gradient(value)
    for name, value in params.items()
  }
