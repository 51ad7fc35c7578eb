"""Losses, by theme; each a pure function of arrays."""

from gansynth.losses.adversarial import (
  GAN_MODES,
  MULTISCALE_MODES,
  gan_loss,
  gradient_penalty,
  multiscale_gan_loss,
)
from gansynth.losses.features import (
  PERCEPTUAL_WEIGHTS,
  feature_matching,
  kl_divergence,
  perceptual,
)
from gansynth.losses.reconstruction import l1_loss
from gansynth.losses.segmentation import (
  cross_entropy,
  dice_loss,
  pixel_weights,
  weighted_mean,
)
from gansynth.losses.semantic import (
  class_accuracy,
  class_weights,
  image_weights,
  reconstruction_loss,
  segmentation_loss,
)

__all__ = [
  "GAN_MODES",
  "MULTISCALE_MODES",
  "PERCEPTUAL_WEIGHTS",
  "class_accuracy",
  "class_weights",
  "cross_entropy",
  "dice_loss",
  "feature_matching",
  "gan_loss",
  "gradient_penalty",
  "image_weights",
  "kl_divergence",
  "l1_loss",
  "multiscale_gan_loss",
  "perceptual",
  "pixel_weights",
  "reconstruction_loss",
  "segmentation_loss",
  "weighted_mean",
]
