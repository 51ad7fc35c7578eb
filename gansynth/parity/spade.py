"""Checks of SPADE; its steps and runs have their own files."""

from gansynth.parity import label_networks

CHECKS = {
  "generator_forward": label_networks.spade_generator,
  "generator_vae_forward": label_networks.spade_vae,
  "discriminator_forward": label_networks.spade_discriminator,
}
