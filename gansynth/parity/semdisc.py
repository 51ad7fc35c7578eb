"""Checks of SemDisc."""

from gansynth.parity import semdisc_losses, semdisc_networks, semdisc_schedule

CHECKS = {
  "discriminator_forward": semdisc_networks.discriminators,
  "losses": semdisc_losses.gan_losses,
  "lr_schedule": semdisc_schedule.learning_rates,
}
