"""Losses of features, and of the latent that a style becomes."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from gansynth.losses.reconstruction import l1_loss

# Of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1.
PERCEPTUAL_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)


def feature_matching(
  fake: Sequence[Sequence[jax.Array]], real: Sequence[Sequence[jax.Array]]
) -> jax.Array:
  """How far a discriminator's features of fake pictures are from real ones'.

  1/S sum_i sum_j mean |F_ij(fake) - F_ij(real)| over S scales i and all their
  layers j but the last, the logits. Gradients flow to the fake side alone.

  Args:
    fake: scales of lists of features, logits last.
    real: the same, of the true pictures.

  Returns:
    A scalar of at least float32.

  Reference: Wang et al., "High-Resolution Image Synthesis and Semantic
  Manipulation with Conditional GANs", CVPR 2018, equation 4.
  """
  distances = [
    l1_loss(one, lax.stop_gradient(other))
    for fakes, reals in zip(fake, real, strict=True)
    for one, other in zip(fakes[:-1], reals[:-1], strict=True)
  ]
  return sum(distances, jnp.zeros(())) / len(fake)


def perceptual(
  fake: Sequence[jax.Array],
  real: Sequence[jax.Array],
  weights: Sequence[float] = PERCEPTUAL_WEIGHTS,
) -> jax.Array:
  """How far a fixed network's features of pictures are from those of others.

  sum_k w_k mean |phi_k(fake) - phi_k(real)|. Gradients flow to the fake side
  alone.

  Args:
    fake: features by depth.
    real: the same, of the true pictures.
    weights: one for each depth.

  Returns:
    A scalar of at least float32.

  Reference: Wang et al., CVPR 2018, section 3.3; Johnson et al., "Perceptual
  Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016.
  """
  return sum(
    weight * l1_loss(one, lax.stop_gradient(other))
    for weight, one, other in zip(weights, fake, real, strict=True)
  )


def kl_divergence(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
  """Kullback-Leibler divergence of Gaussians from N(0, 1).

  -1/2 sum (1 + log s^2 - m^2 - s^2), summed over the latent AND the batch, as
  SPADE does it; a larger batch so weighs more.

  Args:
    mean: (batch, latent).
    log_variance: the same shape.

  Returns:
    A scalar of at least float32.
  """
  dtype = jnp.promote_types(mean.dtype, jnp.float32)
  mean, log_variance = mean.astype(dtype), log_variance.astype(dtype)
  return -0.5 * jnp.sum(
    1 + log_variance - jnp.square(mean) - jnp.exp(log_variance)
  )
