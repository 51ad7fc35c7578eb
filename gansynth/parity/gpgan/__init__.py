"""Checks of GP-GAN: solver, pipeline, networks, training."""

from gansynth.parity.gpgan import networks, solver, training

CHECKS = {**networks.CHECKS, **solver.CHECKS, **training.CHECKS}
