"""CycleGAN: unpaired translation between two domains, both ways.

`generator.a` translates A to B and `generator.b` B to A (the paper's G and
F, the original code's G_A and G_B). `discriminator.a` judges B pictures and
`discriminator.b` A pictures (D_Y and D_X, D_A and D_B).

Reference: Zhu et al., "Unpaired Image-to-Image Translation using
Cycle-Consistent Adversarial Networks", ICCV 2017.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import lax

from gansynth import losses
from gansynth.systems import common, image_pool


@dataclasses.dataclass(frozen=True)
class CycleGAN(common.System):
  """The system: networks, weights of the losses, optimisers.

  Batches hold `image_a` and `image_b`, uint8 or float32 in [-1, 1] (batch,
  height, width, channels), with sides that the generators bring back
  unchanged.
  """

  generator_a: nn.Module
  generator_b: nn.Module
  discriminator_a: nn.Module
  discriminator_b: nn.Module
  generator_optimizer: optax.GradientTransformation
  discriminator_optimizer: optax.GradientTransformation
  gan_mode: str = "lsgan"  # losses.GAN_MODES
  lambda_a: float = 10.0  # weight of the cycle A -> B -> A
  lambda_b: float = 10.0  # weight of the cycle B -> A -> B
  lambda_identity: float = 0.5  # identity term, relative to the above; 0: off
  gradient_penalty: float = 0.0  # weight; 10 makes wgangp what its paper is
  pool_size: int = 50  # pictures of each domain in the history; 0: none
  ema_decay: float = 0.0  # of averaged generators; 0: off
  accumulation: int = 1  # slices of a device's batch, one after the other
  axis_name: str | None = None  # mapped axis of the devices

  def init(
    self, rng: jax.Array, batch: dict[str, jax.Array]
  ) -> common.GanState:
    """Returns a fresh state; `batch` gives shapes alone."""
    shape_a, shape_b = batch["image_a"].shape, batch["image_b"].shape
    if self.lambda_identity and shape_a[-1] != shape_b[-1]:
      raise ValueError(
        f"the identity loss needs as many channels in A ({shape_a[-1]}) as in "
        f"B ({shape_b[-1]}); set lambda_identity to 0"
      )
    rng, *keys = jax.random.split(rng, 5)
    networks = {
      "generator": {
        "a": common.init_network(self.generator_a, keys[0], shape_a),
        "b": common.init_network(self.generator_b, keys[1], shape_b),
      },
      "discriminator": {
        "a": common.init_network(self.discriminator_a, keys[2], shape_b),
        "b": common.init_network(self.discriminator_b, keys[3], shape_a),
      },
    }
    state = common.init_state(
      rng,
      networks,
      self.generator_optimizer,
      self.discriminator_optimizer,
      self.ema_decay,
    )
    if not self.pool_size:  # an array without elements cannot be saved
      return state
    return state.replace(
      pool={
        "b": image_pool.create(self.pool_size, shape_b[1:]),
        "a": image_pool.create(self.pool_size, shape_a[1:]),
      }
    )

  def train_step(
    self, state: common.GanState, batch: dict[str, jax.Array]
  ) -> tuple[common.GanState, dict[str, jax.Array]]:
    """One device's share of a step; returns the state and its metrics."""
    state, metrics, _ = self.step_with_details(state, batch)
    return state, metrics

  def step_with_details(
    self,
    state: common.GanState,
    batch: dict[str, jax.Array],
    pool_draws: dict[str, tuple[jax.Array, jax.Array]] | None = None,
  ) -> tuple[common.GanState, dict[str, jax.Array], common.StepDetails]:
    """`train_step` that tells more, and can be told the pools' draws.

    The order is the original's: all pictures are made with the old weights;
    the generators move against the discriminators as they were; then the
    discriminators move, seeing those same pictures.

    Args:
      state: the state before the step.
      batch: one device's share of the batch.
      pool_draws: `b` and `a` (fakes in B and in A): (uniforms, slots) for the
        global batch; by default drawn from the state's key.

    Returns:
      The state after the step, scalar metrics averaged over devices, and
      gradients and pictures.
    """
    batch = jax.tree.map(common.to_unit_range, batch)
    pool_rng, rng = jax.random.split(jax.random.fold_in(state.rng, state.step))
    generator_rng, discriminator_rng = jax.random.split(
      common.device_rng(rng, self.axis_name)
    )

    gradients, stats, metrics, pictures = common.accumulate(
      lambda *args: self._generator_phase(state.params, *args),
      state.stats,
      {name: batch[name] for name in ("image_a", "image_b")},
      generator_rng,
      self.accumulation,
    )
    pool, shown = self._query_pools(state.pool, pictures, pool_draws, pool_rng)
    d_gradients, d_stats, d_metrics, _ = common.accumulate(
      lambda *args: self._discriminator_phase(
        state.params["discriminator"], *args
      ),
      stats["discriminator"],
      {
        "a": (batch["image_b"], shown["b"]),
        "b": (batch["image_a"], shown["a"]),
      },
      discriminator_rng,
      self.accumulation,
    )
    gradients, metrics = common.mean_over_devices(
      (
        {"generator": gradients, "discriminator": d_gradients},
        {**metrics, **d_metrics},
      ),
      self.axis_name,
    )
    for side, optimizer in (
      ("generator", self.generator_optimizer),
      ("discriminator", self.discriminator_optimizer),
    ):
      state = common.move(state, side, optimizer, gradients[side])
    state = state.replace(
      step=state.step + 1,
      stats={"generator": stats["generator"], "discriminator": d_stats},
      ema=common.ema_step(state.ema, state.params["generator"], self.ema_decay),
      pool=pool,
    )
    metrics.update(common.gradient_norms(gradients))
    return state, metrics, common.StepDetails(gradients, pictures)

  def generators(self) -> dict[str, nn.Module]:
    """The generators by the direction they translate in."""
    return {"AtoB": self.generator_a, "BtoA": self.generator_b}

  def generator_variables(
    self, state: common.GanState, direction: str
  ) -> dict[str, common.PyTree]:
    """Variables of one direction's generator, averaged ones if there are."""
    name = {"AtoB": "a", "BtoA": "b"}[direction]
    params = state.ema or state.params["generator"]
    return {
      "params": params[name],
      "batch_stats": state.stats["generator"][name],
    }

  def _generator_phase(self, params, stats, batch, rng):
    """Loss and gradients of both generators on one slice of the batch."""

    def loss_fn(generator_params):
      run = common.TrainingPass(
        self._networks(),
        {**params, "generator": generator_params},
        stats,
        rng,
      )
      real_a, real_b = batch["image_a"], batch["image_b"]
      pictures, metrics = {}, {}
      if self.lambda_identity and self._joinable(real_a, real_b):
        fake_b, same_b = jnp.split(
          run("generator", "a", jnp.concatenate([real_a, real_b])), 2
        )
        fake_a, same_a = jnp.split(
          run("generator", "b", jnp.concatenate([real_b, real_a])), 2
        )
        rec_a = run("generator", "b", fake_b)
        rec_b = run("generator", "a", fake_a)
      else:  # in the original's order, which running statistics record
        fake_b = run("generator", "a", real_a)
        rec_a = run("generator", "b", fake_b)
        fake_a = run("generator", "b", real_b)
        rec_b = run("generator", "a", fake_a)
        if self.lambda_identity:
          same_b = run("generator", "a", real_b)
          same_a = run("generator", "b", real_a)
      pictures = {
        "real_A": real_a,
        "fake_B": fake_b,
        "rec_A": rec_a,
        "real_B": real_b,
        "fake_A": fake_a,
        "rec_B": rec_b,
      }
      for name, fake in (("A", fake_b), ("B", fake_a)):
        verdict = common.logits(run("discriminator", name.lower(), fake))
        metrics[f"G_{name}"] = losses.gan_loss(verdict, True, self.gan_mode)
      metrics["cycle_A"] = self.lambda_a * losses.l1_loss(rec_a, real_a)
      metrics["cycle_B"] = self.lambda_b * losses.l1_loss(rec_b, real_b)
      if self.lambda_identity:
        pictures["idt_A"], pictures["idt_B"] = same_b, same_a
        # Crossed on purpose: G_A's identity is measured on B pictures.
        metrics["idt_A"] = (
          self.lambda_b * self.lambda_identity * losses.l1_loss(same_b, real_b)
        )
        metrics["idt_B"] = (
          self.lambda_a * self.lambda_identity * losses.l1_loss(same_a, real_a)
        )
      total = sum(metrics.values())
      metrics["G"] = total
      return total, (run.stats, metrics, pictures)

    gradients, (stats, metrics, pictures) = jax.grad(loss_fn, has_aux=True)(
      params["generator"]
    )
    return gradients, stats, metrics, pictures

  def _discriminator_phase(self, params, stats, batch, rng):
    """Loss and gradients of both discriminators on one slice."""

    def loss_fn(params):
      run = common.TrainingPass(
        {"discriminator": self._networks()["discriminator"]},
        {"discriminator": params},
        {"discriminator": stats},
        rng,
      )
      metrics = {}
      for name in ("a", "b"):
        real, fake = batch[name]
        verdicts = run.judge(name, real, fake)
        metrics[f"D_{name.upper()}"] = 0.5 * sum(
          losses.gan_loss(verdict, is_real, self.gan_mode)
          for verdict, is_real in zip(verdicts, (True, False), strict=True)
        )
        if self.gradient_penalty:
          metrics[f"penalty_{name.upper()}"] = run.penalty(
            name, real, fake, self.gradient_penalty
          )
      return sum(metrics.values()), (run.stats["discriminator"], metrics)

    gradients, (stats, metrics) = jax.grad(loss_fn, has_aux=True)(params)
    return gradients, stats, metrics, {}

  def _networks(self):
    return {
      "generator": {"a": self.generator_a, "b": self.generator_b},
      "discriminator": {"a": self.discriminator_a, "b": self.discriminator_b},
    }

  def _joinable(self, real_a, real_b):
    """Whether A and B may go through a generator as one batch."""
    norms = (self.generator_a.norm, self.generator_b.norm)
    return "batch" not in norms and real_a.shape == real_b.shape

  def _query_pools(self, pools, pictures, draws, rng):
    """Shows the fakes to the pools, and says what the discriminators see."""
    pools, shown = dict(pools), {}
    for name, key in zip("ba", jax.random.split(rng), strict=True):
      fakes = lax.stop_gradient(pictures[f"fake_{name.upper()}"])
      if not self.pool_size:
        shown[name] = fakes
        continue
      pools[name], shown[name] = image_pool.query_on_devices(
        pools[name],
        fakes,
        key,
        None if draws is None else draws[name],
        self.axis_name,
      )
    return pools, shown
