"""Builds the label-to-picture system that a config describes."""

from typing import Any

import flax.linen as nn
import ml_collections

from gansynth import models
from gansynth.data.labels import cityscapes
from gansynth.models import semantics
from gansynth.systems import optimizers
from gansynth.systems.label_to_image import LabelToImage
from gansynth.systems.semantic import SemanticLosses

# What a discriminator says, by the names of SemDisc's options.
MODES = ("original", "added_capacity", "c2f", "c2f_sem", "c2f_sem_rec")
# What the classes of a segmentation are.
CLASSES = ("labels", "cityscapes")


def create(
  config: ml_collections.ConfigDict,
  shared: dict[str, Any],
  steps_per_epoch: int,
  perceptual: tuple[nn.Module, Any] | None,
) -> LabelToImage:
  """Returns the system; arguments as of `systems.create`.

  Args:
    config: what `config_defaults.label_to_image` lists, and perhaps
      `semantic`, see `config_defaults.use_semantic_discriminator`.
    shared: fields that all networks have.
    steps_per_epoch: over which the learning rate stays.
    perceptual: network and variables of a perceptual loss.
  """
  rate = config.optimizer.learning_rate
  rates = (rate / 2, rate * 2) if config.optimizer.ttur else (rate, rate)
  generator_optimizer, discriminator_optimizer = (
    optimizers.scheduled_adam(config.optimizer, steps_per_epoch, rate)
    for rate in rates
  )
  encoder = None
  fields = config.encoder.to_dict()
  pooled_over = fields.pop("pool", "none")
  if fields["name"]:
    encoder = models.create(**fields, **shared)
  network, variables = perceptual or (None, None)
  conditioning = semantics.Conditioning(
    num_labels=config.data.num_labels,
    dont_care=config.data.dont_care,
    edges=config.data.instances,
    features=pooled_over,
    num_features=fields.get("output_channels", 3),
  )
  generator = config.generator.to_dict()
  if generator["name"] == "asapnets":
    # The pixels' networks are not shown edges, which come last.
    generator.setdefault("unseen_channels", int(conditioning.edges))
  says, semantic = _semantic(
    config.get("semantic"), conditioning, steps_per_epoch
  )
  return LabelToImage(
    generator=models.create(**generator, **shared, remat=config.remat),
    discriminator=models.create(
      **config.discriminator.to_dict(), **says, **shared
    ),
    encoder=encoder,
    conditioning=conditioning,
    generator_optimizer=generator_optimizer,
    discriminator_optimizer=discriminator_optimizer,
    perceptual=network,
    frozen={} if perceptual is None else {"perceptual": variables},
    recipe=config.recipe,
    semantic=semantic,
    discriminator_steps=config.discriminator_steps,
    fix_global_steps=config.fix_global_epochs * steps_per_epoch,
    ema_decay=config.ema_decay,
    accumulation=config.accumulation,
    axis_name=shared["axis_name"],
    **config.loss.to_dict(),
  )


def _semantic(config, conditioning, steps_per_epoch):
  """Fields of the discriminator, and the losses of what it says."""
  mode = config.mode if config else "original"
  if mode not in MODES:
    raise ValueError(
      f"unknown semantic.mode {mode!r}; choose one of {', '.join(MODES)}"
    )
  labels = conditioning.label_channels
  if mode == "original":
    return {}, None
  if mode == "added_capacity":
    return {"adversarial_channels": labels}, None
  classes, number = _classes(config.classes, conditioning)
  says = {"adversarial_channels": labels + 1}
  if mode != "c2f":
    says |= {"conditional": False, "num_classes": number}
  if mode == "c2f_sem_rec":
    says["reconstruction_channels"] = 3
  from_epoch = config.guide_from_epoch
  return says, SemanticLosses(
    classes=classes,
    balanced=config.balanced,
    fine_scale=config.fine_scale,
    lambda_segmentation=config.lambda_segmentation,
    lambda_reconstruction=config.lambda_reconstruction,
    guide_from=from_epoch * steps_per_epoch if from_epoch >= 0 else -1,
    restart=config.restart_optimizers and from_epoch > 0,
  )


def _classes(name, conditioning):
  """The class of each label channel, and how many there are."""
  if name == "labels":
    if not conditioning.num_labels:
      return (), 1 + conditioning.label_channels
    return (), conditioning.num_labels
  if name != "cityscapes":
    raise ValueError(
      f"unknown semantic.classes {name!r}; choose one of {', '.join(CLASSES)}"
    )
  classes = cityscapes.train_ids()
  if conditioning.num_labels != len(classes):
    raise ValueError(
      f"semantic.classes is 'cityscapes', which has {len(classes)} labels, and "
      f"data.num_labels is {conditioning.num_labels}; choose "
      "semantic.classes='labels'"
    )
  number = 1 + max(classes)
  return (*classes, *((-1,) * conditioning.dont_care)), number
