"""Published systems, each a file: networks, losses and a pure train step."""

from typing import Any

import ml_collections
import optax

from gansynth import models
from gansynth.systems import schedules
from gansynth.systems.cyclegan import CycleGAN
from gansynth.systems.pix2pix import Pix2Pix

SYSTEMS = ("cyclegan", "pix2pix")


def create(
  config: ml_collections.ConfigDict,
  steps_per_epoch: int,
  axis_name: str | None = None,
) -> Any:
  """Builds the system that a config describes.

  Args:
    config: `system` (one of `SYSTEMS`), `generator` and `discriminator`
      (`name` and fields of `models.create`), `loss` (fields of the system),
      `optimizer`, `dtype`, `remat`, `accumulation`, `ema_decay`, and
      `data.input_channels` and `data.output_channels`.
    steps_per_epoch: over which the learning rate stays.
    axis_name: mapped axis of the devices, None to run unmapped.

  Returns:
    An object with the pure functions `init(rng, batch)` and
    `train_step(state, batch)`; `generators()` by direction; and
    `generator_variables(state, direction)`.

  Raises:
    ValueError: a name or field that is not known.
  """
  if config.system not in SYSTEMS:
    raise ValueError(
      f"unknown system {config.system!r}; choose one of {', '.join(SYSTEMS)}"
    )
  options = {
    **config.loss.to_dict(),
    "generator_optimizer": _adam(config.optimizer, steps_per_epoch),
    "discriminator_optimizer": _adam(config.optimizer, steps_per_epoch),
    "ema_decay": config.ema_decay,
    "accumulation": config.accumulation,
    "axis_name": axis_name,
  }
  shared = {"dtype": config.dtype, "axis_name": axis_name}
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


def _adam(config, steps_per_epoch):
  factors = schedules.learning_rate_factors(
    config.policy,
    config.num_epochs,
    config.num_epochs_decay,
    decay_every=config.decay_every,
    step_at=config.step_at,
  )
  return optax.adam(
    schedules.per_epoch(config.learning_rate, factors, steps_per_epoch),
    b1=config.beta1,
    b2=config.beta2,
    eps=1e-8,
  )


__all__ = ["SYSTEMS", "CycleGAN", "Pix2Pix", "create"]
