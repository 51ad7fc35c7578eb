"""Published steps on label maps, without any cleverness.

One network call after the other in the originals' order, with dense arrays of
conditions. The tests hold the real steps against these.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import plain_semantic

from gansynth.systems import image_pool

WEIGHTS = (0.03125, 0.0625, 0.125, 0.25, 1.0)  # of perceptual features


def conditions(labels, instances, num_labels):
  """One-hot channels and edges, pixel by pixel: (batch, h, w, labels + 1)."""
  result = np.zeros((*labels.shape, num_labels + 1), np.float32)
  height, width = labels.shape[1:]
  for index in np.ndindex(labels.shape):
    n, y, x = index
    result[(*index, labels[index])] = 1
    for row, column in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
      if row in range(height) and column in range(width):
        differs = instances[n, row, column] != instances[index]
        result[(*index, num_labels)] += differs
  result[..., -1] = result[..., -1] > 0
  return result


def means_of_instances(features, instances):
  """Means over each number in `instances`, known before the trace."""
  pictures = []
  for n, ids in enumerate(instances):
    pooled = jnp.zeros_like(features[n])
    for number in np.unique(ids):
      mask = (ids == number)[..., None]
      mean = (features[n] * mask).sum((0, 1)) / mask.sum()
      pooled += mask * mean[None, None]
    pictures.append(pooled)
  return jnp.stack(pictures)


class Recorder:
  """Applies networks in training mode and hands their statistics on."""

  def __init__(self, system, stats):
    self.networks = {
      "g": system.generator,
      "e": system.encoder,
      "d": system.discriminator,
    }
    self.stats = {**stats["generator"], **stats["discriminator"]}

  def __call__(self, name, params, *inputs):
    output, mutated = self.networks[name].apply(
      {"params": params[name], "batch_stats": self.stats[name]},
      *inputs,
      train=True,
      mutable=["batch_stats"],
    )
    self.stats[name] = mutated.get("batch_stats", {})
    return output

  def sides(self):
    stats = dict(self.stats)
    return {"discriminator": {"d": stats.pop("d")}, "generator": stats}


def scale_losses(outputs, mode, target, weights=None):
  """One loss a scale; `target` is real, fake or generator."""
  for i, scale in enumerate(outputs):
    x = scale[-1]
    if mode == "lsgan":
      loss = (x - (target != "fake")) ** 2
    elif target == "generator":
      loss = -x
    else:
      loss = jax.nn.relu(1 - x if target == "real" else 1 + x)
    yield jnp.mean(loss if weights is None else weights[i] * loss)


def matching(on_fake, on_real):
  """Sum over scales and layers but the last."""
  return sum(
    jnp.abs(one - jax.lax.stop_gradient(other)).mean()
    for fakes, reals in zip(on_fake, on_real, strict=True)
    for one, other in zip(fakes[:-1], reals[:-1], strict=True)
  )


def perceptual(system, state, fake, real):
  features = [
    system.perceptual.apply(state.frozen["perceptual"], x) for x in (fake, real)
  ]
  return system.lambda_perceptual * sum(
    weight * jnp.abs(one - other).mean()
    for weight, one, other in zip(WEIGHTS, *features, strict=True)
  )


def spade_step(system, state, dense, image, eps):
  """Returns gradients, losses, statistics and both sides' parameters."""
  run = Recorder(system, state.stats)
  aware = None
  labels = dense
  if system.semantic is not None:
    aware = plain_semantic.Semantic(system, dense, image)
    labels = aware.label_map

  def generate(params, run, noise):
    if system.encoder is None:
      return run("g", params, labels), 0.0
    mean, log_variance = run("e", params, image)
    std = jnp.exp(log_variance) ** 0.5
    divergence = 0.5 * (std**2 + mean**2 - 1 - log_variance).sum()
    return run("g", params, dense, mean + noise * std), divergence

  def judge(params, run, fake):
    outputs = run("d", params, dense, jnp.concatenate([fake, image]))
    split = [[jnp.split(x, 2) for x in scale] for scale in outputs]
    return [[[x[part] for x in scale] for scale in split] for part in (0, 1)]

  def generator_loss(params):
    run = Recorder(system, state.stats)
    fake, divergence = generate(params, run, eps[0])
    on_fake, on_real = judge(state.params["discriminator"], run, fake)
    found, weights = {}, None
    if aware is not None:
      found = aware.of_generator(params, on_fake, fake)
      weights, on_fake, on_real = aware.judged(on_fake, on_real)
    scores = list(scale_losses(on_fake, system.gan_mode, "generator", weights))
    found["G_GAN"] = system.lambda_gan * sum(scores) / len(scores)
    weight = system.lambda_features / len(scores)
    found["G_features"] = weight * matching(on_fake, on_real)
    if system.perceptual is not None:
      found["G_perceptual"] = perceptual(system, state, fake, image)
    if system.encoder is not None:
      found["G_kld"] = system.lambda_kld * divergence
    found["G"] = sum(found.values())
    return found["G"], (run.stats, found, fake)

  gradients, (run.stats, found, fake) = jax.grad(generator_loss, has_aux=True)(
    state.params["generator"]
  )
  updates, _ = system.generator_optimizer.update(
    gradients, state.opt_state["generator"]
  )
  generator = optax.apply_updates(state.params["generator"], updates)
  if system.regenerate:
    fake, _ = generate(generator, run, eps[1])
  before = dict(run.stats)

  def discriminator_loss(params):
    run = Recorder(system, state.stats)
    run.stats = dict(before)
    on_fake, on_real = judge(params, run, fake)
    losses, shares, weights = {}, {}, None
    if aware is not None:
      losses, shares = aware.of_discriminator(on_fake, on_real)
      weights, on_fake, on_real = aware.judged(on_fake, on_real)
    for name, outputs in (("fake", on_fake), ("real", on_real)):
      scores = list(scale_losses(outputs, system.gan_mode, name, weights))
      losses[f"D_{name}"] = system.lambda_gan * sum(scores) / len(scores)
    losses["D"] = sum(losses.values())
    return losses["D"], (run.stats, {**losses, **shares})

  d_gradients, (run.stats, losses) = jax.grad(discriminator_loss, has_aux=True)(
    state.params["discriminator"]
  )
  return {
    "gradients": {"generator": gradients, "discriminator": d_gradients},
    "losses": {**found, **losses},
    "stats": run.sides(),
    "generator": generator,
  }


def pix2pixhd_step(system, state, dense, image, instances, draws):
  """Returns gradients, losses, statistics and the generator's parameters."""

  def both(generator, discriminator):
    run = Recorder(system, state.stats)
    seen = dense
    if system.encoder is not None:
      features = run("e", generator, image)
      seen = jnp.concatenate(
        [dense, means_of_instances(features, instances)], -1
      )
    fake = run("g", generator, seen)
    shown = jax.lax.stop_gradient(jnp.concatenate([dense, fake], -1))
    if draws is not None:
      pool = image_pool.create(system.pool_size, shown.shape[1:])
      _, shown = image_pool.query(pool, shown, *draws)
    channels = dense.shape[-1]
    on_shown, on_real, on_fake = (
      run("d", discriminator, conditions, pictures)
      for conditions, pictures in (
        (shown[..., :channels], shown[..., channels:]),
        (dense, image),
        (dense, fake),
      )
    )

    def score(outputs, target):
      return sum(scale_losses(outputs, system.gan_mode, target))

    layers = len(on_fake[0]) - 1
    weight = 4 / layers / len(on_fake) * system.lambda_features
    found = {
      "G_GAN": score(on_fake, "generator"),
      "G_features": weight * matching(on_fake, on_real),
    }
    if system.perceptual is not None:
      found["G_perceptual"] = perceptual(system, state, fake, image)
    found["G"] = sum(found.values())
    found["D_fake"] = score(on_shown, "fake")
    found["D_real"] = score(on_real, "real")
    found["D"] = 0.5 * (found["D_fake"] + found["D_real"])
    return found, run.sides()

  params = state.params["generator"], state.params["discriminator"]
  found, stats = both(*params)
  gradients = {
    "generator": jax.grad(lambda *p: both(*p)[0]["G"], 0)(*params),
    "discriminator": jax.grad(lambda *p: both(*p)[0]["D"], 1)(*params),
  }
  updates, _ = system.generator_optimizer.update(
    gradients["generator"], state.opt_state["generator"]
  )
  return {
    "gradients": gradients,
    "losses": found,
    "stats": stats,
    "generator": optax.apply_updates(params[0], updates),
  }


def geoseg_step(system, state, dense, image):
  """Returns gradients, losses, statistics and the generator's parameters."""
  generator, discriminator = (
    state.params[side] for side in ("generator", "discriminator")
  )

  def run():
    return Recorder(system, state.stats)

  def score(outputs, target):
    return sum(scale_losses(outputs, system.gan_mode, target))

  fake = run()("g", generator, dense)

  def discriminator_loss(params):
    found = {
      "D_fake": score(run()("d", params, dense, fake), "fake"),
      "D_real": score(run()("d", params, dense, image), "real"),
    }
    found["D"] = found["D_fake"] + found["D_real"]
    return found["D"], found

  d_gradients, losses = jax.grad(discriminator_loss, has_aux=True)(
    discriminator
  )
  updates, _ = system.discriminator_optimizer.update(
    d_gradients, state.opt_state["discriminator"]
  )
  moved = optax.apply_updates(discriminator, updates)

  def generator_loss(params):
    fake = run()("g", params, dense)
    on_fake, on_real = (run()("d", moved, dense, x) for x in (fake, image))
    found = {
      "G_GAN": score(on_fake, "generator"),
      "G_features": system.lambda_features * matching(on_fake, on_real),
      "G_perceptual": perceptual(system, state, fake, image),
    }
    found["G"] = sum(found.values())
    return found["G"], found

  gradients, found = jax.grad(generator_loss, has_aux=True)(generator)
  updates, _ = system.generator_optimizer.update(
    gradients, state.opt_state["generator"]
  )
  return {
    "gradients": {"generator": gradients, "discriminator": d_gradients},
    "losses": {**found, **losses},
    "stats": state.stats,
    "generator": optax.apply_updates(generator, updates),
  }
