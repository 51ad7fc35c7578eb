"""Checks of GP-GAN: solver, pipeline, networks, training."""

CHECKS = {}
