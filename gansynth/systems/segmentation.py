"""Pictures to the classes of their pixels: a segmenter of one's own.

It judges what generators make of label maps, and tells whether such pictures
help the training of a segmenter.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from gansynth import losses
from gansynth.systems import common

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]

CLASS_WEIGHTS = ("none", "balanced")


@dataclasses.dataclass(frozen=True)
class Segmentation(common.System):
  """The system: a network, weights of the losses, an optimiser.

  Batches hold `image`, uint8 or float in [-1, 1] (batch, height, width, 3),
  and `label`, integers (batch, height, width). Labels that are none of the
  segmenter's classes ("don't care") do not count.

  The loss is cross entropy, the mean over all counted pixels of the batch of
  all devices and slices, plus `lambda_dice` times `losses.dice_loss`. Batch
  statistics are those of slices.
  """

  segmenter: nn.Module
  optimizer: optax.GradientTransformation
  class_weights: str = "none"  # balanced: classes that are in a batch weigh
  # the same in its cross entropy
  lambda_dice: float = 0.0  # weight of the Dice loss; 0: off
  ema_decay: float = 0.0  # of an averaged segmenter; 0: off
  accumulation: int = 1  # slices of a device's batch, one after the other
  axis_name: str | None = None  # mapped axis of the devices

  def __post_init__(self):
    """Refuses what is not known."""
    if self.class_weights not in CLASS_WEIGHTS:
      raise ValueError(
        f"unknown class_weights {self.class_weights!r}; choose one of "
        f"{', '.join(CLASS_WEIGHTS)}"
      )

  @property
  def num_classes(self) -> int:
    """How many classes the segmenter tells apart."""
    return self.segmenter.num_classes

  def init(self, rng: jax.Array, batch: Batch) -> common.GanState:
    """Returns a fresh state; `batch` gives shapes alone."""
    rng, key = jax.random.split(rng)
    params, stats = common.init_network(
      self.segmenter, key, batch["image"].shape
    )
    params = {"segmenter": {"s": params}}
    ema = jax.tree.map(jnp.copy, params["segmenter"]) if self.ema_decay else {}
    return common.GanState(
      step=jnp.zeros((), jnp.int32),
      rng=rng,
      params=params,
      stats={"segmenter": {"s": stats}},
      opt_state={"segmenter": self.optimizer.init(params["segmenter"])},
      ema=ema,
      pool={},
    )

  def train_step(
    self, state: common.GanState, batch: Batch
  ) -> tuple[common.GanState, Metrics]:
    """One device's share of a step; returns the state and its metrics."""
    batch = self._prepare(batch)
    params = state.params["segmenter"]

    def phase(stats, batch, rng):
      def loss_fn(params):
        run = common.TrainingPass(
          {"segmenter": {"s": self.segmenter}},
          {"segmenter": params},
          stats,
          rng,
        )
        logits = run("segmenter", "s", batch["image"])
        total, metrics = self._losses(logits, batch)
        return total, (run.stats, metrics)

      gradients, (stats, metrics) = jax.grad(loss_fn, has_aux=True)(params)
      return gradients, stats, metrics, {}

    rng = common.device_rng(
      jax.random.fold_in(state.rng, state.step), self.axis_name
    )
    gradients, stats, metrics, _ = common.accumulate(
      phase, state.stats, batch, rng, self.accumulation
    )
    gradients, metrics = common.mean_over_devices(
      (gradients, metrics), self.axis_name
    )
    state = common.move(state, "segmenter", self.optimizer, gradients)
    state = state.replace(
      step=state.step + 1,
      stats=stats,
      ema=common.ema_step(state.ema, state.params["segmenter"], self.ema_decay),
    )
    return state, {**metrics, "gradient_norm": optax.tree.norm(gradients)}

  def generators(self) -> dict[str, nn.Module]:
    """The segmenter, by what it makes; the name is that of other systems."""
    return {common.SEGMENTATION: self.segmenter}

  def generator_variables(
    self, state: common.GanState, direction: str = common.SEGMENTATION
  ) -> dict[str, common.PyTree]:
    """Variables of the segmenter, averaged ones if there are."""
    if direction != common.SEGMENTATION:
      raise ValueError(
        f"a segmenter makes a {common.SEGMENTATION} of a picture; it does not "
        f"translate {direction}"
      )
    return {
      "params": (state.ema or state.params["segmenter"])["s"],
      "batch_stats": state.stats["segmenter"]["s"],
    }

  def _prepare(self, batch: Batch) -> Batch:
    """What of a batch is used, with what is about the whole of it."""
    labels = batch["label"].astype(jnp.int32)
    counted = (labels >= 0) & (labels < self.num_classes)
    classes = jnp.where(counted, labels, -1)
    return {
      "image": common.to_unit_range(batch["image"]),
      "classes": classes,
      "weights": losses.pixel_weights(
        classes,
        self.num_classes,
        balanced=self.class_weights == "balanced",
        axis_name=self.axis_name,
      ),
      "image_weights": losses.image_weights(classes, self.axis_name),
    }

  def _losses(
    self, logits: jax.Array, batch: Batch
  ) -> tuple[jax.Array, Metrics]:
    classes = batch["classes"]
    each = losses.cross_entropy(logits, classes)
    total = losses.weighted_mean(each, batch["weights"])
    metrics = {"cross_entropy": total}
    if self.lambda_dice:
      metrics["dice"] = self.lambda_dice * losses.dice_loss(logits, classes)
      total += metrics["dice"]
    metrics["accuracy"] = losses.class_accuracy(
      logits, classes, batch["image_weights"]
    )
    return total, {"loss": total, **metrics}
