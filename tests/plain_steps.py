"""The published steps, written down a second time without any cleverness.

One network call after the other in the original's order, with float pictures.
The tests hold the real steps against these.
"""

import jax
import jax.numpy as jnp
import optax

from gansynth.systems import image_pool


class Recorder:
  """Applies networks in training mode and hands their statistics on."""

  def __init__(self, networks, stats):
    self.networks = networks
    self.stats = jax.tree.map(lambda x: x, stats)

  def __call__(self, side, name, params, x):
    output, mutated = self.networks[side][name].apply(
      {"params": params[name], "batch_stats": self.stats[side][name]},
      x,
      train=True,
      mutable=["batch_stats"],
    )
    self.stats[side][name] = mutated.get("batch_stats", {})
    if side == "discriminator":
      return output[-1][-1]
    return output


def gan(logits, real, mode):
  if mode == "lsgan":
    return jnp.mean((logits - real) ** 2)
  return jnp.mean(jnp.logaddexp(0, -logits if real else logits))


def l1(one, other):
  return jnp.abs(one - other).mean()


def cyclegan_step(system, state, batch, draws):
  """Returns gradients, losses and running statistics of one step."""
  networks = {
    "generator": {"a": system.generator_a, "b": system.generator_b},
    "discriminator": {"a": system.discriminator_a, "b": system.discriminator_b},
  }
  a, b = batch["image_a"], batch["image_b"]
  d_old = state.params["discriminator"]

  def generator_loss(params):
    run = Recorder(networks, state.stats)
    fake_b = run("generator", "a", params, a)
    rec_a = run("generator", "b", params, fake_b)
    fake_a = run("generator", "b", params, b)
    rec_b = run("generator", "a", params, fake_a)
    same_b = run("generator", "a", params, b)
    same_a = run("generator", "b", params, a)
    found = {
      "G_A": gan(run("discriminator", "a", d_old, fake_b), 1, system.gan_mode),
      "G_B": gan(run("discriminator", "b", d_old, fake_a), 1, system.gan_mode),
      "cycle_A": system.lambda_a * l1(rec_a, a),
      "cycle_B": system.lambda_b * l1(rec_b, b),
      "idt_A": system.lambda_b * system.lambda_identity * l1(same_b, b),
      "idt_B": system.lambda_a * system.lambda_identity * l1(same_a, a),
    }
    found["G"] = sum(found.values())
    return found["G"], (run.stats, found, fake_b, fake_a)

  g_gradients, (stats, found, fake_b, fake_a) = jax.grad(
    generator_loss, has_aux=True
  )(state.params["generator"])
  _, shown_b = image_pool.query(state.pool["b"], fake_b, *draws["b"])
  _, shown_a = image_pool.query(state.pool["a"], fake_a, *draws["a"])

  def discriminator_loss(params):
    run = Recorder(networks, stats)
    losses = {}
    for name, real, fake in (("a", b, shown_b), ("b", a, shown_a)):
      on_real = gan(
        run("discriminator", name, params, real), 1, system.gan_mode
      )
      on_fake = gan(
        run("discriminator", name, params, fake), 0, system.gan_mode
      )
      losses[f"D_{name.upper()}"] = 0.5 * (on_real + on_fake)
    return sum(losses.values()), (run.stats, losses)

  d_gradients, (stats, d_found) = jax.grad(discriminator_loss, has_aux=True)(
    d_old
  )
  gradients = {"generator": g_gradients, "discriminator": d_gradients}
  return {
    "gradients": gradients,
    "losses": {**found, **d_found},
    "stats": stats,
  }


def pix2pix_step(system, state, batch):
  """Returns gradients, losses and running statistics of one step."""
  networks = {
    "generator": {"g": system.generator},
    "discriminator": {"d": system.discriminator},
  }
  a, b = batch["image_a"], batch["image_b"]

  def generate(params):
    run = Recorder(networks, state.stats)
    return run("generator", "g", params, a), run.stats

  fake, stats = generate(state.params["generator"])

  def discriminator_loss(params):
    run = Recorder(networks, stats)
    on_fake = run("discriminator", "d", params, jnp.concatenate([a, fake], -1))
    on_real = run("discriminator", "d", params, jnp.concatenate([a, b], -1))
    losses = {
      "D_fake": gan(on_fake, 0, system.gan_mode),
      "D_real": gan(on_real, 1, system.gan_mode),
    }
    return 0.5 * sum(losses.values()), (run.stats, losses)

  d_gradients, (stats, found) = jax.grad(discriminator_loss, has_aux=True)(
    state.params["discriminator"]
  )
  d_old = state.params["discriminator"]
  updates, _ = system.discriminator_optimizer.update(
    d_gradients, state.opt_state["discriminator"], d_old
  )
  moved = optax.apply_updates(d_old, updates)

  def generator_loss(params):
    fake, _ = generate(params)
    run = Recorder(networks, stats)
    verdict = run("discriminator", "d", moved, jnp.concatenate([a, fake], -1))
    losses = {
      "G_GAN": gan(verdict, 1, system.gan_mode),
      "G_L1": system.lambda_l1 * l1(fake, b),
    }
    losses["G"] = losses["G_GAN"] + losses["G_L1"]
    return losses["G"], (run.stats, losses)

  g_gradients, (stats, g_found) = jax.grad(generator_loss, has_aux=True)(
    state.params["generator"]
  )
  gradients = {"generator": g_gradients, "discriminator": d_gradients}
  return {
    "gradients": gradients,
    "losses": {**found, **g_found},
    "stats": stats,
  }
