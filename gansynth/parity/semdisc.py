"""Checks of SemDisc."""

from gansynth.parity import (
  label_chains,
  semdisc_losses,
  semdisc_networks,
  semdisc_schedule,
)

CHECKS = {
  "discriminator_forward": semdisc_networks.discriminators,
  "losses": semdisc_losses.gan_losses,
  "lr_schedule": semdisc_schedule.learning_rates,
  "train_steps": label_chains.steps,
}
