"""Checks of SemDisc."""

from gansynth.parity import (
  label_chains,
  semdisc_data,
  semdisc_losses,
  semdisc_networks,
  semdisc_schedule,
  semdisc_terms,
)

CHECKS = {
  "discriminator_forward": semdisc_networks.discriminators,
  "losses": semdisc_losses.gan_losses,
  "loss_terms": semdisc_terms.loss_terms,
  "dataset_items": semdisc_data.dataset_items,
  "lr_schedule": semdisc_schedule.learning_rates,
  "train_steps": label_chains.steps,
}
