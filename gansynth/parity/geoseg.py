"""Checks of Geoseg-GAN."""

from gansynth.parity import geoseg_networks, geoseg_steps

CHECKS = {
  "generator_discriminator_forward": geoseg_networks.forward,
  "train_steps": geoseg_steps.train_steps,
}
