"""Checks of GP-GAN: solver, pipeline, networks, training."""

from gansynth.parity.gpgan import solver

CHECKS = {**solver.CHECKS}
