"""Checks of SPADE."""

from gansynth.parity import (
  label_data,
  label_losses,
  label_networks,
  label_runs,
  label_steps,
  vgg19,
)

CHECKS = {
  "generator_forward": label_networks.spade_generator,
  "generator_vae_forward": label_networks.spade_vae,
  "discriminator_forward": label_networks.spade_discriminator,
  "losses": label_losses.gan_losses,
  "perceptual_loss": vgg19.perceptual_loss,
  "lr_schedule": label_losses.learning_rates,
  "preprocess": label_data.preprocessing,
  "train_steps": label_steps.spade_steps,
  "original_run": label_runs.original_run,
}
