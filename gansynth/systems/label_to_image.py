"""Label maps to pictures, as SPADE, pix2pixHD and what builds on them learn it.

References: Park et al., "Semantic Image Synthesis with Spatially-Adaptive
Normalization", CVPR 2019; Wang et al., "High-Resolution Image Synthesis and
Semantic Manipulation with Conditional GANs", CVPR 2018; Shaham et al.,
"Spatially-Adaptive Pixelwise Networks for Fast Image Translation", CVPR 2021;
Saadatnejad et al., "A Shared Representation for Photorealistic Driving
Simulators", IEEE T-ITS 2021.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from gansynth import losses
from gansynth.models import semantics
from gansynth.systems import (
  common,
  geoseg_recipe,
  image_pool,
  label_losses,
  pix2pixhd_recipe,
  semantic,
  spade_recipe,
)
from gansynth.systems import label_passes as passes
from gansynth.systems.label_passes import Batch, Metrics
from gansynth.systems.label_recipes import (
  BOTH,
  DISCRIMINATOR,
  ENHANCER,
  GENERATOR,
  GUIDED,
)
from gansynth.systems.semantic import SemanticLosses

# What only one recipe has, and what stands for being without it.
_OF_ONE_RECIPE = {
  "spade": {
    "discriminator_steps": 1,
    "semantic": None,
    "lambda_gan": 1.0,
    "adversarial": True,
    "lambda_mse": 0.0,
    "lambda_l1": 0.0,
    "lambda_decay": 0.0,
  },
  "pix2pixhd": {"pool_size": 0, "fix_global_steps": 0},
}
_NO_DECAY = (
  "lambda_decay is {}, and {} does not tell the weights that would decay "
  "(with_parameters); set it to 0, or choose the generator asapnets"
)


@dataclasses.dataclass(frozen=True)
class LabelToImage(common.System):
  """The system: networks, weights of the losses, optimisers.

  Batches hold `label`, integers (batch, height, width), or for num_labels 0
  pictures (batch, height, width, 3); `image`, uint8 or float in [-1, 1]
  (batch, height, width, 3); and, where the networks are shown them,
  `instance`, integers (batch, height, width).

  What a step does is its `recipe`:

  - `spade`: the generator moves first, by one verdict on fake and true
    pictures together. Then the discriminator moves, seeing what the generator
    that has moved makes of the same batch, with fresh noise for its styles. So
    statistics are recorded, and power iterations done, twice in each network.
    Losses are averaged over the discriminator's scales. The discriminator may
    be semantic-aware; a generator may learn without any.
  - `pix2pixhd`: one picture is made, and the discriminator as it is judges
    it and the true one, each by itself; then both move. Losses are summed over
    the scales, and half of the discriminator's is taken.

  With `accumulation` the losses are those of the whole batch; batch
  statistics are those of slices, and statistics are recorded and power
  iterations done for each slice.

  `frozen` is for whoever builds a state, `state.replace(frozen=...)`: `init`
  leaves it empty. Without weights in the state there is no perceptual loss.
  """

  generator: nn.Module
  discriminator: nn.Module
  conditioning: semantics.Conditioning
  generator_optimizer: optax.GradientTransformation  # of the encoder too
  discriminator_optimizer: optax.GradientTransformation
  encoder: nn.Module | None = None  # StyleEncoder where the generator has
  # use_vae, InstanceEncoder where it is shown features
  perceptual: nn.Module | None = None  # network of features, never trained
  frozen: common.PyTree = dataclasses.field(  # {"perceptual": its variables}
    default_factory=dict, compare=False, repr=False, hash=False
  )
  recipe: str = "spade"  # label_losses.RECIPES
  gan_mode: str = "hinge"  # losses.MULTISCALE_MODES
  semantic: SemanticLosses | None = None  # spade: of a discriminator
  # that tells classes and pictures; None: it gives nothing but verdicts
  lambda_gan: float = 1.0  # spade: weight of both sides' adversarial losses
  adversarial: bool = True  # spade: whether the generator is to deceive; the
  # discriminator learns in any case, for its features
  lambda_mse: float = 0.0  # spade: of the squared distance to true pictures
  lambda_l1: float = 0.0  # spade: of the absolute distance
  lambda_decay: float = 0.0  # spade: of the squared norm of all weights that
  # AsapGenerator predicts, a sum over the batch of all devices
  lambda_features: float = 10.0  # weight of feature matching; 0: off
  lambda_perceptual: float = 10.0  # weight; 0: off
  lambda_kld: float = 0.05  # of styles' divergence from N(0, 1), which is a
  # sum over a device's batch: as in the original, devices average it
  pool_size: int = 0  # pix2pixhd: pictures in the discriminator's history
  regenerate: bool = True  # spade: the discriminator sees the generator that
  # moved; False: the picture it moved by, a forward pass and an update of
  # statistics fewer
  discriminator_steps: int = 1  # spade: batches for each of the generator's;
  # 0: the discriminator is not run and does not learn. The state has it all
  # the same, so that it is of one form, and the run can go on with it
  fix_global_steps: int = 0  # pix2pixhd: steps in which of a LocalEnhancer only
  # the outermost part moves; then all of it does, with a fresh Adam at the
  # rate of the schedule. (The original's released code goes on without the
  # inner part, because its loop keeps the first optimiser.)
  ema_decay: float = 0.0  # of an averaged generator and encoder; 0: off
  accumulation: int = 1  # slices of a device's batch, one after the other
  axis_name: str | None = None  # mapped axis of the devices

  def __post_init__(self):
    """Refuses what does not go together."""
    for name, value, known in (
      ("recipe", self.recipe, label_losses.RECIPES),
      ("gan_mode", self.gan_mode, losses.MULTISCALE_MODES),
    ):
      if value not in known:
        raise ValueError(
          f"unknown {name} {value!r}; choose one of {', '.join(known)}"
        )
    features = self.conditioning.features != "none"
    if (self.encoder is not None) != (features or passes.has_styles(self)):
      raise ValueError(
        f"encoder is {self.encoder}, the generator's use_vae is "
        f"{passes.has_styles(self)}, conditioning.features "
        f"{self.conditioning.features!r}; an encoder goes with one of them, "
        "and each needs one"
      )
    if features and (
      passes.has_styles(self) or not self.conditioning.num_labels
    ):
      raise ValueError(
        f"features are pooled over {self.conditioning.features!r}, with "
        f"use_vae={passes.has_styles(self)} and num_labels="
        f"{self.conditioning.num_labels}; they need integer labels and a "
        "generator without use_vae"
      )
    for recipe, options in _OF_ONE_RECIPE.items():
      for name, without in options.items():
        if recipe != self.recipe and getattr(self, name) != without:
          raise ValueError(
            f"{name} is {getattr(self, name)}, and recipe {self.recipe!r} has "
            f"none; set it to {without}, or choose recipe {recipe!r}"
          )
    if self.recipe != "spade" and passes.has_styles(self):
      raise ValueError(
        f"recipe {self.recipe!r} has no loss for a style encoder; set use_vae "
        "to False, or choose recipe 'spade'"
      )
    if self.fix_global_steps and not getattr(
      self.generator, "num_enhancers", 0
    ):
      raise ValueError(
        f"fix_global_steps is {self.fix_global_steps}, and the generator has "
        "no enhancer that could move without the rest; set it to 0, or choose "
        "pix2pixhd_local"
      )
    if self.discriminator_steps < 0:
      raise ValueError(
        f"discriminator_steps is {self.discriminator_steps}; give a number of "
        "batches, or 0 for no discriminator"
      )
    semantic.check(self)
    told = self.discriminator_steps and (
      (self.adversarial and self.lambda_gan) or self.lambda_features
    )
    compared = self.perceptual is not None and self.lambda_perceptual
    if not (told or compared or self.lambda_mse or self.lambda_l1):
      raise ValueError(
        "the generator has nothing to learn from: discriminator_steps is "
        f"{self.discriminator_steps}, adversarial {self.adversarial}, "
        "and neither features nor pictures are compared; set lambda_l1, or "
        "discriminator_steps to 1 and adversarial to True"
      )
    if self.lambda_decay:
      takes = inspect.signature(self.generator.__call__).parameters
      if "with_parameters" not in takes:
        name = type(self.generator).__name__
        raise ValueError(_NO_DECAY.format(self.lambda_decay, name))

  def init(self, rng: jax.Array, batch: Batch) -> common.GanState:
    """Returns a fresh state; `batch` gives shapes alone."""
    batch = passes.prepare(
      self,
      {
        name: jnp.zeros((1, *x.shape[1:]), x.dtype) for name, x in batch.items()
      },
    )
    image, features, latent = batch["image"], None, ()
    if self.conditioning.features != "none":
      channels = self.conditioning.num_features
      features = jnp.zeros((*image.shape[:3], channels))
    if passes.has_styles(self):
      latent = (jnp.zeros((1, self.generator.latent_size)),)
    rng, *keys = jax.random.split(rng, 4)
    networks = {
      "generator": {
        "g": common.init_network_for(
          self.generator,
          keys[0],
          passes.conditions(self, batch, features),
          *latent,
        )
      },
      "discriminator": {
        "d": common.init_network_for(
          self.discriminator, keys[1], passes.conditions(self, batch), image
        )
      },
    }
    if self.encoder is not None:
      networks["generator"]["e"] = common.init_network_for(
        self.encoder, keys[2], image
      )
    state = common.init_state(
      rng,
      networks,
      self.generator_optimizer,
      self.discriminator_optimizer,
      self.ema_decay,
    )
    state = common.GuidedState(**vars(state), frozen={})
    if not self.pool_size:  # an array without elements cannot be saved
      return state
    shown = passes.pack(passes.conditions(self, batch), image)
    return state.replace(
      pool={"d": image_pool.create(self.pool_size, shown.shape[1:])}
    )

  def phase(self, step: int) -> common.Phase:
    """What the step after `step` steps does."""
    if step < self.fix_global_steps:
      return common.Phase(
        ENHANCER, f"enhancer alone, {step + 1} of {self.fix_global_steps}"
      )
    if not self.discriminator_steps:
      return common.Phase(GENERATOR)
    notes, name = [], BOTH
    if self.semantic is not None:
      is_second = self.semantic.is_guiding(step)
      notes.append("phase 2" if is_second else "phase 1")
      if is_second and semantic.can_guide(self):
        name = GUIDED
    if step % self.discriminator_steps:
      notes.append("discriminator alone")
      name = DISCRIMINATOR
    return common.Phase(name, ", ".join(notes))

  def train_steps(self) -> dict[str, Callable]:
    """The steps by the name of their phase."""
    phases = [BOTH if self.discriminator_steps else GENERATOR]
    if self.semantic is not None and semantic.can_guide(self):
      if self.semantic.guide_from == 0:
        phases = [GUIDED]
      elif self.semantic.guide_from > 0:
        phases.append(GUIDED)
    if self.discriminator_steps > 1:
      phases.append(DISCRIMINATOR)
    if self.fix_global_steps:
      phases.append(ENHANCER)
    return {
      name: functools.partial(self.train_step, phase=name) for name in phases
    }

  def train_step(
    self, state: common.GanState, batch: Batch, phase: str = BOTH
  ) -> tuple[common.GanState, Metrics]:
    """One device's share of a step; returns the state and its metrics."""
    state, metrics, _ = self.step_with_details(state, batch, phase=phase)
    return state, metrics

  def step_with_details(
    self,
    state: common.GanState,
    batch: Batch,
    eps: tuple[jax.Array, jax.Array] | None = None,
    pool_draws: tuple[jax.Array, jax.Array] | None = None,
    phase: str = BOTH,
  ) -> tuple[common.GanState, Metrics, common.StepDetails]:
    """`train_step` that tells more, and can be told what is drawn.

    Args:
      state: the state before the step.
      batch: one device's share of the batch.
      eps: this device's noise of styles, (batch, latent_size) for the
        generator's step and for the discriminator's; by default drawn from the
        state's key.
      pool_draws: (uniforms, slots) for the global batch, as `image_pool.query`
        takes them; without accumulation only.
      phase: one of `train_steps`.

    Returns:
      The state after the step, scalar metrics averaged over devices, and the
      gradients of who moved and the pictures `fake` and `real`.
    """
    batch = semantic.with_targets(self, passes.prepare(self, batch))
    key = jax.random.fold_in(state.rng, state.step)
    step, drawn = {
      "spade": (spade_recipe.step, eps),
      "pix2pixhd": (pix2pixhd_recipe.step, pool_draws),
      "geoseg": (geoseg_recipe.step, None),
    }[self.recipe]
    state, metrics, gradients, fake = step(
      self, phase, state, batch, key, drawn
    )
    state = state.replace(step=state.step + 1)
    for side, name in (("generator", "G"), ("discriminator", "D")):
      if side in gradients:
        metrics[f"gradient_norm_{name}"] = optax.tree.norm(gradients[side])
    pictures = {"fake": fake, "real": batch["image"]}
    return state, metrics, common.StepDetails(gradients, pictures)

  def generators(self) -> dict[str, nn.Module]:
    """The generator, by what it starts from."""
    return {common.LABELS: self.generator}

  def generator_variables(
    self, state: common.GanState, direction: str = common.LABELS
  ) -> dict[str, common.PyTree]:
    """Variables of the generator, averaged ones if there are."""
    if direction != common.LABELS:
      raise ValueError(
        f"this generator makes pictures of {common.LABELS}; it does not "
        f"translate {direction}"
      )
    return _variables(state, "g")

  def encoder_variables(
    self, state: common.GanState
  ) -> dict[str, common.PyTree]:
    """Variables of the encoder, averaged ones if there are."""
    if self.encoder is None:
      raise ValueError("this system has no encoder")
    return _variables(state, "e")


def _variables(state, name):
  return {
    "params": (state.ema or state.params["generator"])[name],
    "batch_stats": state.stats["generator"][name],
  }
