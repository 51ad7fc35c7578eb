"""What a semantic-aware discriminator is told, and what it tells.

Beside its verdicts it names the class of each pixel, and draws the picture it
was shown; both are channels of its logits. It learns them from true pictures
alone. A generator that is guided learns from what it says of fake ones.

Everywhere here `system` is a `LabelToImage`, and `batch` what its steps make
of one.

Reference: Saadatnejad et al., "A Shared Representation for Photorealistic
Driving Simulators", IEEE T-ITS 2021.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gansynth import losses
from gansynth.models import multiscale
from gansynth.models import semantics as semantics_lib
from gansynth.systems.label_losses import Outputs

_PICTURE_CHANNELS = 3


@dataclasses.dataclass(frozen=True)
class SemanticLosses:
  """Losses of the discriminator's channels, and when they guide the generator.

  Verdicts are one for each label channel, weighted by where that is, and one
  for the whole, see `losses.class_weights`. A head that the discriminator does
  not have, or whose weight is 0, costs nothing.
  """

  classes: tuple[int, ...] = ()  # of each label; -1, or not listed: none. ():
  # each label is a class, don't-care is none. Of pictures as conditions: 0
  # where all channels are below half, else 1 + the number of the largest
  balanced: bool = False  # labels weigh the same in sum, however small
  fine_scale: float = 1.0  # what they weigh together where balanced
  lambda_segmentation: float = 1.0  # weight of the cross entropy; 0: off
  lambda_reconstruction: float = 1.0  # weight of the L1 distance; 0: off
  guide_from: int = -1  # the step from which the generator learns from the
  # heads too, which is phase 2; 0: at once, -1: never
  restart: bool = False  # whether both optimisers start anew then, as the
  # original's did, which never saved them; the rate's schedule goes on

  def __post_init__(self):
    """Refuses numbers that mean nothing."""
    if any(number < -1 for number in self.classes) or (
      self.classes and max(self.classes) < 0
    ):
      raise ValueError(
        f"classes are {self.classes}; give each label its class, counted from "
        "0, or -1 where it has none, and at least one a class"
      )
    if self.guide_from < -1 or (self.restart and self.guide_from < 0):
      raise ValueError(
        f"guide_from is {self.guide_from} with restart={self.restart}; give "
        "the step at which phase 2 begins, or -1 and no restart"
      )

  def is_guiding(self, step: int) -> bool:
    """Whether the step after `step` steps is of phase 2."""
    return 0 <= self.guide_from <= step


class Verdicts(NamedTuple):
  """What a discriminator says of fake and of true pictures."""

  on_fake: Outputs  # its verdicts, where the logits are
  on_real: Outputs
  of_fake: list[multiscale.Logits]  # all that its logits are, by scale; empty
  of_real: list[multiscale.Logits]  # without semantic losses
  weights: list[jax.Array] | None  # of verdicts on one of the two, by scale


def check(system: Any) -> None:
  """Refuses a discriminator that does not say what the losses are about.

  Raises:
    ValueError: it has not as many channels.
  """
  says = {
    name: getattr(system.discriminator, name, default)
    for name, default in (
      ("adversarial_channels", 1),
      ("num_classes", 0),
      ("reconstruction_channels", 0),
    )
  }
  semantic, conditioning = system.semantic, system.conditioning
  if semantic is None:
    del says["adversarial_channels"]
    if any(says.values()):
      raise ValueError(
        f"the discriminator has {_list(says)}, and nothing teaches it to; set "
        "semantic to SemanticLosses(), or these to 0"
      )
    return
  if not system.discriminator_steps:
    raise ValueError(
      "semantic losses are a discriminator's, and discriminator_steps is 0, "
      "which is none; set semantic to None, or discriminator_steps to 1"
    )
  listed = len(semantic.classes)
  fitting = {0}
  if conditioning.num_labels:
    fitting |= {conditioning.num_labels, conditioning.label_channels}
  if listed not in fitting:
    raise ValueError(
      f"semantic.classes lists {listed} labels, and conditioning has "
      f"{conditioning.num_labels} (0: pictures); list one class for each, or "
      "none"
    )
  expected = {
    "adversarial_channels": {conditioning.label_channels + 1},
    "num_classes": {0, num_classes(semantic, conditioning)},
    "reconstruction_channels": {0, _PICTURE_CHANNELS},
  }
  wrong = {name: n for name, n in says.items() if n not in expected[name]}
  if wrong:
    wanted = "; ".join(
      f"{name} to {' or '.join(map(str, sorted(expected[name])))}"
      for name in wrong
    )
    raise ValueError(
      f"the discriminator has {_list(wrong)}, which does not fit semantic "
      f"losses of {conditioning.label_channels} label channels; set {wanted}"
    )


def _list(numbers):
  return ", ".join(f"{name}={number}" for name, number in numbers.items())


def num_classes(
  semantic: SemanticLosses, conditioning: semantics_lib.Conditioning
) -> int:
  """How many classes there are, from 0."""
  if semantic.classes:
    return 1 + max(semantic.classes)
  return conditioning.num_labels or 1 + conditioning.label_channels


def class_map(
  semantic: SemanticLosses,
  conditioning: semantics_lib.Conditioning,
  labels: jax.Array,
) -> jax.Array:
  """The class of every pixel.

  Args:
    semantic: tells the classes of labels.
    conditioning: tells what labels are.
    labels: as `conditioning` takes them: integers (batch, height, width), or
      pictures (batch, height, width, 3) in [-1, 1].

  Returns:
    int32 (batch, height, width); -1: none.
  """
  if not conditioning.num_labels:
    shown = 1 + labels.argmax(-1).astype(jnp.int32)
    return jnp.where((labels < 0).all(-1), 0, shown)
  labels = labels.astype(jnp.int32)
  if not semantic.classes:
    return jnp.where(labels < conditioning.num_labels, labels, -1)
  table = jnp.asarray(semantic.classes, jnp.int32)
  return jnp.take(table, labels, mode="fill", fill_value=-1)


def with_targets(system: Any, batch: dict[str, jax.Array]) -> dict:
  """A prepared batch with what the heads should say of it.

  Returns:
    The batch, and where a segmentation is learned `classes`, see `class_map`,
    and `image_weights`, those of the loss. These are about the batch of all
    devices and slices, so they are computed before it is cut.
  """
  if not _learns_classes(system):
    return batch
  classes = class_map(system.semantic, system.conditioning, batch["label"])
  weights = losses.image_weights(classes, system.axis_name)
  return {**batch, "classes": classes, "image_weights": weights}


def _learns_classes(system):
  semantic = system.semantic
  return (
    semantic is not None
    and semantic.lambda_segmentation != 0
    and system.discriminator.num_classes > 0
  )


def _learns_pictures(system):
  semantic = system.semantic
  return (
    semantic is not None
    and semantic.lambda_reconstruction != 0
    and system.discriminator.reconstruction_channels > 0
  )


def can_guide(system: Any) -> bool:
  """Whether there is a head from which a generator could learn."""
  return _learns_classes(system) or _learns_pictures(system)


def verdicts(
  system: Any, batch: dict[str, jax.Array], on_fake: Outputs, on_real: Outputs
) -> Verdicts:
  """Takes apart what a discriminator says of a batch.

  Args:
    system: tells how.
    batch: with `label`.
    on_fake: what it says of fake pictures, scales of lists, logits last.
    on_real: the same, of true ones.
  """
  if system.semantic is None:
    return Verdicts(on_fake, on_real, [], [], None)
  heads = [
    [system.discriminator.split_logits(scale[-1]) for scale in outputs]
    for outputs in (on_fake, on_real)
  ]
  judged = [
    [
      [*scale[:-1], said.adversarial]
      for scale, said in zip(outputs, said_at, strict=True)
    ]
    for outputs, said_at in zip((on_fake, on_real), heads, strict=True)
  ]
  return Verdicts(*judged, *heads, _weights(system, batch, heads[1]))


def _weights(system, batch, heads):
  """Weights of verdicts, by scale."""
  labels = batch["label"]
  if not system.conditioning.num_labels:
    labels = (labels + 1) / 2
  return [
    losses.class_weights(
      labels,
      said.adversarial.shape[1:3],
      system.conditioning.label_channels,
      balanced=system.semantic.balanced,
      fine_scale=system.semantic.fine_scale,
      dtype=said.adversarial.dtype,
    )
    for said in heads
  ]


def head_losses(
  system: Any,
  side: str,
  batch: dict[str, jax.Array],
  heads: list[multiscale.Logits],
) -> dict[str, jax.Array]:
  """Losses of what a discriminator says beside its verdicts.

  Both are summed over its scales. What it draws should be the true picture,
  of a fake one too.

  Args:
    system: tells the weights.
    side: `D`, of true pictures, or `G`, of fake ones.
    batch: see `with_targets`.
    heads: what was said, by scale.

  Returns:
    `<side>_segmentation` and `<side>_reconstruction`, those that there are.
  """
  found = {}
  if _learns_classes(system):
    found[f"{side}_segmentation"] = system.semantic.lambda_segmentation * sum(
      losses.segmentation_loss(
        said.classes, batch["classes"], batch["image_weights"]
      )
      for said in heads
    )
  if _learns_pictures(system):
    found[f"{side}_reconstruction"] = (
      system.semantic.lambda_reconstruction
      * sum(
        losses.reconstruction_loss(said.reconstruction, batch["image"])
        for said in heads
      )
    )
  return found


def accuracies(
  system: Any, batch: dict[str, jax.Array], said: Verdicts
) -> dict[str, jax.Array]:
  """How often the first scale names the right class, if it learns to.

  Returns:
    `accuracy_real` and `accuracy_fake`, in [0, 1].
  """
  if not _learns_classes(system):
    return {}
  return {
    name: losses.class_accuracy(
      heads[0].classes, batch["classes"], batch["image_weights"]
    )
    for name, heads in (
      ("accuracy_real", said.of_real),
      ("accuracy_fake", said.of_fake),
    )
  }
