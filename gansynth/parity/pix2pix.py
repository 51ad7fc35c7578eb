"""Checks of pix2pix; its parts are CycleGAN's."""

from gansynth.parity import cyclegan, runs, steps

CHECKS = {
  **cyclegan.CHECKS,
  "train_steps": steps.pix2pix_steps,
  "original_run": runs.original_run,
}
