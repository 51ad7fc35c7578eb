"""Checks of GP-GAN: solver, pipeline, networks, training."""

from gansynth.parity.gpgan import networks, pipeline, solver, training

CHECKS = {
  **networks.CHECKS,
  **pipeline.CHECKS,
  **solver.CHECKS,
  **training.CHECKS,
}
