"""pix2pix: paired translation, judged together with its input.

Reference: Isola et al., "Image-to-Image Translation with Conditional
Adversarial Networks", CVPR 2017.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from gansynth import losses
from gansynth.systems import common


@dataclasses.dataclass(frozen=True)
class Pix2Pix(common.System):
  """The system: networks, weights of the losses, optimisers.

  Batches hold `image_a` (input) and `image_b` (what it should become), uint8
  or float32 in [-1, 1] (batch, height, width, channels).
  """

  generator: nn.Module
  discriminator: nn.Module
  generator_optimizer: optax.GradientTransformation
  discriminator_optimizer: optax.GradientTransformation
  gan_mode: str = "vanilla"  # losses.GAN_MODES
  lambda_l1: float = 100.0  # weight of the distance to the true picture
  gradient_penalty: float = 0.0  # weight; 10 makes wgangp what its paper is
  ema_decay: float = 0.0  # of an averaged generator; 0: off
  accumulation: int = 1  # slices of a device's batch; above 1 every slice
  # goes through the generator twice, since its residuals are not kept
  axis_name: str | None = None  # mapped axis of the devices

  def init(
    self, rng: jax.Array, batch: dict[str, jax.Array]
  ) -> common.GanState:
    """Returns a fresh state; `batch` gives shapes alone."""
    shape_a, shape_b = batch["image_a"].shape, batch["image_b"].shape
    pair = (*shape_a[:-1], shape_a[-1] + shape_b[-1])
    rng, *keys = jax.random.split(rng, 3)
    return common.init_state(
      rng,
      {
        "generator": {
          "g": common.init_network(self.generator, keys[0], shape_a)
        },
        "discriminator": {
          "d": common.init_network(self.discriminator, keys[1], pair)
        },
      },
      self.generator_optimizer,
      self.discriminator_optimizer,
      self.ema_decay,
    )

  def train_step(
    self, state: common.GanState, batch: dict[str, jax.Array]
  ) -> tuple[common.GanState, dict[str, jax.Array]]:
    """One device's share of a step; returns the state and its metrics."""
    state, metrics, _ = self.step_with_details(state, batch)
    return state, metrics

  def step_with_details(
    self, state: common.GanState, batch: dict[str, jax.Array]
  ) -> tuple[common.GanState, dict[str, jax.Array], common.StepDetails]:
    """`train_step` that tells more.

    The order is the original's: the discriminator moves first, seeing the
    pictures of the generator as it was; then the generator moves against the
    discriminator that has moved, with those same pictures.

    Args:
      state: the state before the step.
      batch: one device's share of the batch.

    Returns:
      The state after the step, scalar metrics averaged over devices, and
      gradients and pictures.
    """
    batch = {
      name: common.to_unit_range(batch[name]) for name in ("image_a", "image_b")
    }
    rng = common.device_rng(
      jax.random.fold_in(state.rng, state.step), self.axis_name
    )
    params, stats = state.params["generator"], state.stats["generator"]
    if self.accumulation == 1:
      fake, pull_back, new_stats = jax.vjp(
        lambda params: self._generate(params, stats, batch, rng),
        params,
        has_aux=True,
      )
    else:

      def forward(stats, batch, rng):
        fake, stats = self._generate(params, stats, batch, rng)
        return {}, stats, {}, fake

      _, new_stats, _, fake = common.accumulate(
        forward, stats, batch, rng, self.accumulation
      )

    d_gradients, d_stats, d_metrics, _ = common.accumulate(
      lambda *args: self._discriminator_phase(
        state.params["discriminator"], *args
      ),
      state.stats["discriminator"],
      {**batch, "fake_b": fake},
      jax.random.fold_in(rng, 1),
      self.accumulation,
    )
    d_gradients = common.mean_over_devices(d_gradients, self.axis_name)
    state = common.move(
      state, "discriminator", self.discriminator_optimizer, d_gradients
    )
    discriminator = state.params["discriminator"]

    if self.accumulation == 1:
      cotangent, (d_stats, metrics) = jax.grad(
        self._generator_loss, has_aux=True
      )(fake, discriminator, d_stats, batch, rng)
      (gradients,) = pull_back(cotangent)
    else:

      def generator_phase(d_stats, batch, rng):
        def loss_fn(params):
          # The generator's running statistics were recorded above.
          fake, _ = self._generate(params, stats, batch, rng)
          return self._generator_loss(fake, discriminator, d_stats, batch, rng)

        gradients, (d_stats, metrics) = jax.grad(loss_fn, has_aux=True)(params)
        return gradients, d_stats, metrics, {}

      gradients, d_stats, metrics, _ = common.accumulate(
        generator_phase, d_stats, batch, rng, self.accumulation
      )
    gradients, metrics = common.mean_over_devices(
      (gradients, {**metrics, **d_metrics}), self.axis_name
    )
    state = common.move(state, "generator", self.generator_optimizer, gradients)
    state = state.replace(
      step=state.step + 1,
      stats={"generator": new_stats, "discriminator": d_stats},
      ema=common.ema_step(state.ema, state.params["generator"], self.ema_decay),
    )
    gradients = {"generator": gradients, "discriminator": d_gradients}
    metrics.update(common.gradient_norms(gradients))
    pictures = {
      "real_A": batch["image_a"],
      "fake_B": fake,
      "real_B": batch["image_b"],
    }
    return state, metrics, common.StepDetails(gradients, pictures)

  def generators(self) -> dict[str, nn.Module]:
    """The generator by the direction it translates in."""
    return {"AtoB": self.generator}

  def generator_variables(
    self, state: common.GanState, direction: str
  ) -> dict[str, common.PyTree]:
    """Variables of the generator, averaged ones if there are."""
    if direction != "AtoB":
      raise ValueError(
        f"pix2pix translates AtoB only, not {direction}; train with "
        "config.data.direction=BtoA for the other way"
      )
    return {
      "params": (state.ema or state.params["generator"])["g"],
      "batch_stats": state.stats["generator"]["g"],
    }

  def _generate(self, params, stats, batch, rng):
    """Returns the fake pictures and the generator's statistics."""
    run = self._pass({"generator": params}, {"generator": stats}, rng)
    fake = run("generator", "g", batch["image_a"])
    if fake.shape != batch["image_b"].shape:
      raise ValueError(
        f"the generator makes pictures of shape {fake.shape}, the true ones "
        f"have {batch['image_b'].shape}; sides must be multiples of what the "
        "generator halves, and data.output_channels those of image_b"
      )
    return fake, run.stats["generator"]

  def _discriminator_phase(self, params, stats, batch, rng):
    """Loss and gradients of the discriminator on one slice."""

    def loss_fn(params):
      run = self._pass({"discriminator": params}, {"discriminator": stats}, rng)
      fake = jnp.concatenate([batch["image_a"], batch["fake_b"]], -1)
      real = jnp.concatenate([batch["image_a"], batch["image_b"]], -1)
      on_fake, on_real = run.judge("d", fake, real)
      metrics = {
        "D_real": losses.gan_loss(on_real, True, self.gan_mode),
        "D_fake": losses.gan_loss(on_fake, False, self.gan_mode),
      }
      total = 0.5 * (metrics["D_real"] + metrics["D_fake"])
      if self.gradient_penalty:
        metrics["penalty"] = run.penalty("d", real, fake, self.gradient_penalty)
        total += metrics["penalty"]
      return total, (run.stats["discriminator"], metrics)

    gradients, (stats, metrics) = jax.grad(loss_fn, has_aux=True)(params)
    return gradients, stats, metrics, {}

  def _generator_loss(self, fake, params, stats, batch, rng):
    """What the generator's picture costs; params are the discriminator's."""
    run = self._pass({"discriminator": params}, {"discriminator": stats}, rng)
    verdict = run.judge("d", jnp.concatenate([batch["image_a"], fake], -1))[0]
    metrics = {
      "G_GAN": losses.gan_loss(verdict, True, self.gan_mode),
      "G_L1": self.lambda_l1 * losses.l1_loss(fake, batch["image_b"]),
    }
    metrics["G"] = metrics["G_GAN"] + metrics["G_L1"]
    return metrics["G"], (run.stats["discriminator"], metrics)

  def _pass(self, params, stats, rng):
    networks = {
      "generator": {"g": self.generator},
      "discriminator": {"d": self.discriminator},
    }
    return common.TrainingPass(networks, params, stats, rng)
