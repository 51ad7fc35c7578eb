"""Published systems, each a file: networks, losses and a pure train step."""

from typing import Any

import flax.linen as nn
import ml_collections

from gansynth import models
from gansynth.systems import label_factory, optimizers
from gansynth.systems.common import LABELS, NOISE, SEGMENTATION
from gansynth.systems.critic_schedule import CriticSchedule
from gansynth.systems.cyclegan import CycleGAN
from gansynth.systems.gpgan import BlendingGAN, WassersteinGAN
from gansynth.systems.label_to_image import LabelToImage
from gansynth.systems.pix2pix import Pix2Pix
from gansynth.systems.segmentation import Segmentation

SYSTEMS = (
  "cyclegan",
  "pix2pix",
  "blending_gan",
  "wasserstein_gan",
  "label_to_image",
  "segmentation",
)


def create(
  config: ml_collections.ConfigDict,
  steps_per_epoch: int,
  axis_name: str | None = None,
  perceptual: tuple[nn.Module, Any] | None = None,
) -> Any:
  """Builds the system that a config describes.

  Args:
    config: `system` (one of `SYSTEMS`), `generator` and `discriminator`
      (`name` and fields of `models.create`), `loss` (fields of the system),
      `optimizer`, `dtype`, `remat`, `accumulation`, `ema_decay`, and
      `data.input_channels` and `data.output_channels`. GP-GAN's systems also
      have `schedule` (fields of `CriticSchedule`) and
      `optimizer.critic_learning_rate`; `label_to_image` has what
      `config_defaults.label_to_image` lists, and perhaps `semantic`;
      `segmentation` what `config_defaults.segmentation` does.
    steps_per_epoch: over which the learning rate stays.
    axis_name: mapped axis of the devices, None to run unmapped.
    perceptual: network and variables of a perceptual loss, for
      `label_to_image`; None trains without.

  Returns:
    An object with the pure functions `init(rng, batch)` and
    `train_steps()[phase](state, batch)`; `phase(step)`; `generators()` by
    direction; and `generator_variables(state, direction)`.

  Raises:
    ValueError: a name or field that is not known, or options that do not go
      together.
  """
  if config.system not in SYSTEMS:
    raise ValueError(
      f"unknown system {config.system!r}; choose one of {', '.join(SYSTEMS)}"
    )
  shared = {"dtype": config.dtype, "axis_name": axis_name}
  if config.system == "label_to_image":
    return label_factory.create(config, shared, steps_per_epoch, perceptual)
  if config.system == "segmentation":
    return _segmentation(config, shared, steps_per_epoch)
  if config.system in ("blending_gan", "wasserstein_gan"):
    return _gpgan(config, shared)
  options = {
    **config.loss.to_dict(),
    "generator_optimizer": optimizers.scheduled_adam(
      config.optimizer, steps_per_epoch
    ),
    "discriminator_optimizer": optimizers.scheduled_adam(
      config.optimizer, steps_per_epoch
    ),
    "ema_decay": config.ema_decay,
    "accumulation": config.accumulation,
    "axis_name": axis_name,
  }
  channels = (config.data.input_channels, config.data.output_channels)

  def generator(output_channels):
    return models.create(
      **config.generator.to_dict(),
      **shared,
      output_channels=output_channels,
      remat=config.remat,
    )

  def discriminator():
    return models.create(**config.discriminator.to_dict(), **shared)

  if config.system == "cyclegan":
    return CycleGAN(
      generator_a=generator(channels[1]),
      generator_b=generator(channels[0]),
      discriminator_a=discriminator(),
      discriminator_b=discriminator(),
      **options,
    )
  return Pix2Pix(
    generator=generator(channels[1]),
    discriminator=discriminator(),
    **options,
  )


def _segmentation(config, shared, steps_per_epoch):
  num_labels = config.data.num_labels
  if num_labels < 2:
    raise ValueError(
      f"data.num_labels is {num_labels}; a segmenter tells at least 2 labels "
      "apart, and its label maps are no pictures"
    )
  return Segmentation(
    segmenter=models.create(
      **config.segmenter.to_dict(),
      **shared,
      num_classes=num_labels,
      remat=config.remat,
    ),
    optimizer=optimizers.scheduled_adam(config.optimizer, steps_per_epoch),
    ema_decay=config.ema_decay,
    accumulation=config.accumulation,
    axis_name=shared["axis_name"],
    **config.loss.to_dict(),
  )


def _gpgan(config, shared):
  if config.accumulation != 1 or config.remat:
    raise ValueError(
      f"{config.system} has no accumulation ({config.accumulation}) and no "
      f"remat ({config.remat}): statistics are those of the whole batch. Set "
      "accumulation to 1 and remat to False, and use a smaller batch_size or "
      "more devices where memory is short"
    )
  if config.optimizer.policy != "constant":
    raise ValueError(
      f"{config.system} trains with constant learning rates, not with policy "
      f"{config.optimizer.policy!r}; set optimizer.policy to 'constant'"
    )
  sizes = {
    "generator.image_size": config.generator.image_size,
    "discriminator.image_size": config.discriminator.image_size,
    "data.crop_size": config.data.crop_size,
  }
  if len(set(sizes.values())) > 1:
    raise ValueError(
      "these must be equal: "
      + ", ".join(f"{name} {size}" for name, size in sizes.items())
    )
  rates = (
    config.optimizer.learning_rate,
    config.optimizer.critic_learning_rate,
  )
  supervised = config.system == "blending_gan"
  if supervised:
    generator_optimizer, critic_optimizer = (
      optimizers.chainer_adam(
        rate, beta1=config.optimizer.beta1, beta2=config.optimizer.beta2
      )
      for rate in rates
    )
  else:
    generator_optimizer, critic_optimizer = (
      optimizers.rmsprop(rate, decay=config.optimizer.decay) for rate in rates
    )
  options = {
    **config.loss.to_dict(),
    "generator": models.create(
      **config.generator.to_dict(),
      **shared,
      output_channels=config.data.output_channels,
    ),
    "critic": models.create(**config.discriminator.to_dict(), **shared),
    "generator_optimizer": generator_optimizer,
    "critic_optimizer": critic_optimizer,
    "schedule": CriticSchedule(**config.schedule.to_dict()),
    "ema_decay": config.ema_decay,
    "axis_name": shared["axis_name"],
  }
  if supervised:
    return BlendingGAN(**options)
  return WassersteinGAN(latent_size=config.generator.latent_size, **options)


__all__ = [
  "LABELS",
  "NOISE",
  "SEGMENTATION",
  "SYSTEMS",
  "BlendingGAN",
  "CriticSchedule",
  "CycleGAN",
  "LabelToImage",
  "Pix2Pix",
  "Segmentation",
  "WassersteinGAN",
  "create",
]
