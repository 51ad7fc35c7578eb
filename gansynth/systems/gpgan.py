"""The two networks of GP-GAN: Wasserstein GANs with a clamped critic.

`BlendingGAN` learns from pasted pictures and their truth, `WassersteinGAN`
makes pictures of noise. Both play the same game, in which one training step
is one batch, as the original counts them. What a step does is its phase: only
the critic moves in most.

The critic's score of a batch is the mean of its logits, and the critic gives
real pictures LOW scores, the opposite of the usual text.

References: Wu et al., "GP-GAN: Towards Realistic High-Resolution Image
Blending", ACM Multimedia 2019; Arjovsky et al., "Wasserstein GAN", ICML 2017.
"""

import dataclasses
import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from gansynth.models import norms
from gansynth.systems import common
from gansynth.systems.critic_schedule import CriticSchedule

CRITIC = "critic"
GENERATOR = "generator"
BOTH = "critic and generator"


@dataclasses.dataclass(frozen=True)
class _Game(common.System):
  """A generator against a critic whose parameters are clamped."""

  generator: nn.Module
  critic: nn.Module
  generator_optimizer: optax.GradientTransformation
  critic_optimizer: optax.GradientTransformation
  schedule: CriticSchedule = dataclasses.field(default_factory=CriticSchedule)
  clamp_lower: float = -0.01  # of the critic's parameters, norms' included
  clamp_upper: float = 0.01
  ema_decay: float = 0.0  # of an averaged generator; 0: off
  axis_name: str | None = None  # mapped axis of the devices

  def clamped(self, state: common.GanState) -> common.GanState:
    """Returns the state with the critic's parameters in their box.

    Done before a critic step and not after it, so the generator meets a
    critic that left the box by one step. Before the very first step kernels
    stay as they are: the original makes them in that step.
    """

    def clamp(path, x):
      inside = jnp.clip(x, self.clamp_lower, self.clamp_upper)
      if path[-1].key == "kernel":
        return jnp.where(state.step == 0, x, inside)
      return inside

    critic = jax.tree_util.tree_map_with_path(
      clamp, state.params["discriminator"]
    )
    return state.replace(params={**state.params, "discriminator": critic})

  def train_steps(self) -> dict[str, Callable]:
    """The steps by the name of their phase."""
    return {
      name: functools.partial(self._train_step, name) for name in self._phases()
    }

  def _train_step(self, phase, state, batch):
    state, metrics, _ = self.step_with_details(phase, state, batch)
    return state, metrics

  def _init(self, rng, input_shape, picture_shape):
    rng, generator_key, critic_key = jax.random.split(rng, 3)
    state = common.init_state(
      rng,
      {
        "generator": {
          "g": common.init_network(self.generator, generator_key, input_shape)
        },
        "discriminator": {
          "d": common.init_network(self.critic, critic_key, picture_shape)
        },
      },
      self.generator_optimizer,
      self.critic_optimizer,
      ema_decay=0.0,
    )
    if not self.ema_decay:
      return state
    return state.replace(ema=jax.tree.map(jnp.copy, _variables(state)))

  def _move_critic(self, state, inputs, real):
    """Clamps, then moves the critic; both networks' statistics follow."""
    state = self.clamped(state)

    def loss_fn(critic):
      run = self._pass({**state.params, "discriminator": critic}, state)
      metrics = {"D_real": _score(run("discriminator", "d", real))}
      fake = run("generator", "g", inputs)
      metrics["D_fake"] = _score(run("discriminator", "d", fake))
      metrics["D"] = metrics["D_real"] - metrics["D_fake"]
      return metrics["D"], (run.stats, metrics)

    gradients, (stats, metrics) = jax.grad(loss_fn, has_aux=True)(
      state.params["discriminator"]
    )
    gradients, metrics = common.mean_over_devices(
      (gradients, metrics), self.axis_name
    )
    metrics["gradient_norm_D"] = optax.tree.norm(gradients)
    state = common.move(
      state, "discriminator", self.critic_optimizer, gradients
    ).replace(stats=stats)
    return state, metrics, {"discriminator": gradients}

  def _move_generator(self, state, inputs, loss):
    """Moves the generator; `loss` is a function of fakes and their score."""

    def loss_fn(generator):
      run = self._pass({**state.params, "generator": generator}, state)
      fake = run("generator", "g", inputs)
      metrics = loss(fake, _score(run("discriminator", "d", fake)))
      return metrics["G"], (run.stats, metrics, fake)

    gradients, (stats, metrics, fake) = jax.grad(loss_fn, has_aux=True)(
      state.params["generator"]
    )
    gradients, metrics = common.mean_over_devices(
      (gradients, metrics), self.axis_name
    )
    metrics["gradient_norm_G"] = optax.tree.norm(gradients)
    state = common.move(state, "generator", self.generator_optimizer, gradients)
    state = state.replace(stats=stats)
    state = state.replace(
      # The statistics too: those of one generator do not fit an average.
      ema=common.ema_step(state.ema, _variables(state), self.ema_decay)
    )
    return state, metrics, {"generator": gradients}, {"fake_B": fake}

  def _pass(self, params, state):
    networks = {
      "generator": {"g": self.generator},
      "discriminator": {"d": self.critic},
    }
    # Nothing in these networks is random.
    return common.TrainingPass(networks, params, state.stats, state.rng)


def _variables(state):
  """The generator's, not averaged."""
  return {
    "params": state.params["generator"]["g"],
    "batch_stats": state.stats["generator"]["g"],
  }


def _score(outputs):
  return norms.at_least_float32(common.logits(outputs)).mean()


@dataclasses.dataclass(frozen=True)
class BlendingGAN(_Game):
  """The Blending GAN: pasted pictures to pictures in harmony.

  Batches hold `image_a` (the pasted picture) and `image_b` (its truth), uint8
  or float32 in [-1, 1] (batch, height, width, channels). Critic and generator
  each get batches of their own.
  """

  l2_weight: float = 0.999  # of the squared error; the score has the rest

  def init(
    self, rng: jax.Array, batch: dict[str, jax.Array]
  ) -> common.GanState:
    """Returns a fresh state; `batch` gives shapes alone."""
    return self._init(rng, batch["image_a"].shape, batch["image_b"].shape)

  def phase(self, step: int) -> common.Phase:
    """What the step after `step` steps does."""
    iteration, number = self.schedule.locate(step, generator_batches=1)
    count = self.schedule.critic_steps_in(iteration)
    if number < count:
      return common.Phase(
        CRITIC, f"iteration {iteration}: critic {number + 1} of {count}"
      )
    return common.Phase(GENERATOR, f"iteration {iteration}: generator")

  def step_with_details(
    self,
    phase: str,
    state: common.GanState,
    batch: dict[str, jax.Array],
  ) -> tuple[common.GanState, dict[str, jax.Array], common.StepDetails]:
    """One device's share of a step.

    Args:
      phase: `critic` or `generator`.
      state: the state before the step.
      batch: one device's share of the batch.

    Returns:
      The state after the step, scalar metrics averaged over devices, and
      the gradients of who moved.
    """
    pasted, truth = (
      common.to_unit_range(batch[name]) for name in ("image_a", "image_b")
    )
    pictures = {}
    if phase == CRITIC:
      state, metrics, gradients = self._move_critic(state, pasted, truth)
    else:

      def loss(fake, score):
        squared = jnp.square(fake - truth).mean()
        weight = self.l2_weight
        return {
          "G_GAN": score,
          "G_L2": squared,
          "G": (1 - weight) * score + weight * squared,
        }

      state, metrics, gradients, pictures = self._move_generator(
        state, pasted, loss
      )
    state = state.replace(step=state.step + 1)
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
        f"the Blending GAN goes from pasted pictures to true ones, which is "
        f"AtoB, not {direction}"
      )
    return state.ema or _variables(state)

  def _phases(self):
    return CRITIC, GENERATOR


@dataclasses.dataclass(frozen=True)
class WassersteinGAN(_Game):
  """The unsupervised Blending GAN: pictures of noise N(0, 1).

  Batches hold `image`, uint8 or float32 in [-1, 1] (batch, height, width,
  channels). The generator's step needs no picture, so it shares a batch with
  the last critic step before it. The noise is drawn for all devices together:
  any number of them does what one does.
  """

  latent_size: int = 100  # numbers of noise that a picture is made of

  def init(
    self, rng: jax.Array, batch: dict[str, jax.Array]
  ) -> common.GanState:
    """Returns a fresh state; `batch` gives shapes alone."""
    return self._init(rng, (1, self.latent_size), batch["image"].shape)

  def phase(self, step: int) -> common.Phase:
    """What the step after `step` steps does."""
    iteration, number = self.schedule.locate(step, generator_batches=0)
    count = self.schedule.critic_steps_in(iteration)
    last = number + 1 == count
    return common.Phase(
      BOTH if last else CRITIC,
      f"iteration {iteration}: critic {number + 1} of {count}"
      + (", generator" if last else ""),
    )

  def step_with_details(
    self,
    phase: str,
    state: common.GanState,
    batch: dict[str, jax.Array],
    noise: tuple[jax.Array, jax.Array | None] | None = None,
  ) -> tuple[common.GanState, dict[str, jax.Array], common.StepDetails]:
    """One device's share of a step.

    Args:
      phase: `critic`, or `critic and generator`.
      state: the state before the step.
      batch: one device's share of the batch.
      noise: this device's (batch, latent_size) for the critic's step and for
        the generator's; by default drawn from the state's key.

    Returns:
      As of `BlendingGAN.step_with_details`.
    """
    real = common.to_unit_range(batch["image"])
    if noise is None:
      key = jax.random.fold_in(state.rng, state.step)
      noise = [
        common.device_noise(part, (len(real), self.latent_size), self.axis_name)
        for part in jax.random.split(key)
      ]
    state, metrics, gradients = self._move_critic(state, noise[0], real)
    pictures = {}
    if phase == BOTH:
      state, more_metrics, more_gradients, pictures = self._move_generator(
        state, noise[1], lambda fake, score: {"G": score}
      )
      metrics.update(more_metrics)
      gradients.update(more_gradients)
    state = state.replace(step=state.step + 1)
    return state, metrics, common.StepDetails(gradients, pictures)

  def generators(self) -> dict[str, nn.Module]:
    """The generator, by what it starts from."""
    return {common.NOISE: self.generator}

  def generator_variables(
    self, state: common.GanState, direction: str = common.NOISE
  ) -> dict[str, common.PyTree]:
    """Variables of the generator, averaged ones if there are."""
    if direction != common.NOISE:
      raise ValueError(
        f"this generator makes pictures of {common.NOISE}; it does not "
        f"translate {direction}"
      )
    return state.ema or _variables(state)

  def sample_noise(self, number: int) -> np.ndarray:
    """The noise of sample sheets, the same every time: (number, size)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((number, self.latent_size), np.float32)

  def _phases(self):
    return CRITIC, BOTH
