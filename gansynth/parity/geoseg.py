"""Checks of Geoseg-GAN."""

from gansynth.parity import (
  geoseg_jitter,
  geoseg_networks,
  geoseg_palette,
  geoseg_runs,
  geoseg_steps,
)

CHECKS = {
  "generator_discriminator_forward": geoseg_networks.forward,
  "train_steps": geoseg_steps.train_steps,
  "original_run": geoseg_runs.original_run,
  **geoseg_jitter.CHECKS,
  **geoseg_palette.CHECKS,
}
