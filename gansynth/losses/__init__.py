"""Losses, by theme; each a pure function of arrays."""

from gansynth.losses.adversarial import GAN_MODES, gan_loss, gradient_penalty
from gansynth.losses.reconstruction import l1_loss

__all__ = ["GAN_MODES", "gan_loss", "gradient_penalty", "l1_loss"]
