"""The training steps of SPADE and of pix2pixHD, in the originals' order.

Everywhere here `system` is a `LabelToImage`, and `phase` one of its phases.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gansynth.models import norms
from gansynth.systems import common, image_pool, label_losses
from gansynth.systems import label_passes as passes

# Names of phases: who moves.
BOTH = "both"
DISCRIMINATOR = "discriminator"
ENHANCER = "enhancer"  # both, but of the generator its outermost part alone

# State, metrics and gradients averaged over devices, and fake pictures.
Moved = tuple[common.GanState, passes.Metrics, common.PyTree, jax.Array]


def spade(
  system: Any,
  phase: str,
  state: common.GanState,
  batch: passes.Batch,
  key: jax.Array,
  eps: tuple[jax.Array, jax.Array] | None,
) -> Moved:
  """The generator moves, then the discriminator, each by passes of its own.

  Args:
    system: networks, losses, optimisers.
    phase: `both` or `discriminator`.
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
  all_metrics, all_gradients, fake = {}, {}, None
  if phase == BOTH:
    gradients, stats, metrics, fake = common.accumulate(
      functools.partial(_generator_phase, system, state),
      state.stats,
      inputs[0],
      rngs[0],
      system.accumulation,
    )
    all_gradients["generator"], all_metrics = common.mean_over_devices(
      (gradients, metrics), system.axis_name
    )
    state = _move_generator(
      system, state.replace(stats=stats), all_gradients["generator"]
    )
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


def _generator_phase(system, state, stats, batch, rng):
  """Loss and gradients of SPADE's generator on one slice."""

  def loss_fn(params):
    run = passes.training_pass(
      system, {**state.params, "generator": params}, stats, rng
    )
    fake, divergence = passes.generate(system, run, batch)
    metrics = label_losses.generator_losses(
      *passes.judge(system, run, fake, batch),
      system.recipe,
      system.gan_mode,
      system.lambda_features,
    )
    metrics.update(
      passes.perceptual_loss(system, state.frozen, fake, batch["image"])
    )
    metrics.update(divergence)
    metrics["G"] = sum(metrics.values())
    return metrics["G"], (run.stats, metrics, fake)

  gradients, (stats, metrics, fake) = jax.grad(loss_fn, has_aux=True)(
    state.params["generator"]
  )
  return gradients, stats, metrics, fake


def _discriminator_phase(system, state, stats, batch, rng):
  """Loss and gradients of SPADE's discriminator on one slice."""
  fake = batch.get("fake")
  if fake is None:
    run = passes.training_pass(system, state.params, stats, rng)
    fake, _ = passes.generate(system, run, batch)
    stats = run.stats

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


def pix2pixhd(
  system: Any,
  phase: str,
  state: common.GanState,
  batch: passes.Batch,
  key: jax.Array,
  pool_draws: tuple[jax.Array, jax.Array] | None,
) -> Moved:
  """Both sides move by what one picture costs them as they are.

  Args:
    system: networks, losses, optimisers.
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
  state = _move_generator(
    system, state.replace(**records), gradients["generator"]
  )
  if phase == ENHANCER:
    state = _renew_optimizer_at_last(system, state)
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


def _renew_optimizer_at_last(system, state):
  """Starts the generator's optimiser anew where the enhancer's time ends.

  Only the count of its schedule goes on.
  """
  ends = state.step + 1 == system.fix_global_steps

  def is_count(x):
    return isinstance(x, optax.ScaleByScheduleState)

  def renew(old, new):
    return old if is_count(old) else jnp.where(ends, new, old)

  renewed = jax.tree.map(
    renew,
    state.opt_state["generator"],
    system.generator_optimizer.init(state.params["generator"]),
    is_leaf=is_count,
  )
  return state.replace(opt_state={**state.opt_state, "generator": renewed})


def _move_generator(system, state, gradients):
  state = common.move(state, "generator", system.generator_optimizer, gradients)
  ema = common.ema_step(state.ema, state.params["generator"], system.ema_decay)
  return state.replace(ema=ema)
