"""What SPADE, pix2pixHD and Geoseg-GAN make of a discriminator's verdicts.

The losses are the same, their weights are not: SPADE averages over the scales
of the discriminator and adds its two losses, as does Geoseg-GAN, which has one
scale; pix2pixHD sums over the scales and halves that sum.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from gansynth import losses

RECIPES = ("spade", "pix2pixhd", "geoseg")

# Of a discriminator: scales of lists of features, logits last.
Outputs = Sequence[Sequence[jax.Array]]

_REDUCTIONS = {"spade": "mean", "pix2pixhd": "sum", "geoseg": "mean"}


def discriminator_losses(
  on_fake: Outputs,
  on_real: Outputs,
  recipe: str,
  mode: str,
  *,
  lambda_gan: float = 1.0,
  weights: Sequence[jax.Array] | None = None,
) -> dict[str, jax.Array]:
  """Losses of the discriminator.

  Args:
    on_fake: what it made of fake pictures.
    on_real: what it made of true ones.
    recipe: one of `RECIPES`.
    mode: one of `losses.MULTISCALE_MODES`.
    lambda_gan: factor of all.
    weights: of logits, by scale, see `losses.multiscale_gan_loss`.

  Returns:
    `D_fake`, `D_real`, and their weighted sum `D`.
  """
  metrics = {
    name: _times(
      lambda_gan,
      losses.multiscale_gan_loss(
        outputs,
        is_real,
        mode,
        reduction=_REDUCTIONS[recipe],
        weights=weights,
      ),
    )
    for name, outputs, is_real in (
      ("D_fake", on_fake, False),
      ("D_real", on_real, True),
    )
  }
  weight = 0.5 if recipe == "pix2pixhd" else 1.0
  metrics["D"] = weight * (metrics["D_fake"] + metrics["D_real"])
  return metrics


def generator_losses(
  on_fake: Outputs,
  on_real: Outputs,
  recipe: str,
  mode: str,
  lambda_features: float,
  *,
  lambda_gan: float = 1.0,
  weights: Sequence[jax.Array] | None = None,
) -> dict[str, jax.Array]:
  """Losses of the generator that the discriminator tells.

  pix2pixHD weights feature matching by 4 / layers more, which is 1 for its
  default of four.

  Args:
    on_fake: what the discriminator made of the generator's pictures.
    on_real: what it made of true ones.
    recipe: one of `RECIPES`.
    mode: one of `losses.MULTISCALE_MODES`.
    lambda_features: weight of feature matching; 0: there is none.
    lambda_gan: factor of the adversarial loss; 0: there is none.
    weights: of logits, by scale, see `losses.multiscale_gan_loss`.

  Returns:
    `G_GAN` and `G_features`, those that there are.
  """
  metrics = {}
  if lambda_gan:
    loss = losses.multiscale_gan_loss(
      on_fake,
      True,
      mode,
      for_discriminator=False,
      reduction=_REDUCTIONS[recipe],
      weights=weights,
    )
    metrics["G_GAN"] = _times(lambda_gan, loss)
  if lambda_features:
    weight = lambda_features
    if recipe == "pix2pixhd":
      weight *= 4 / (len(on_fake[0]) - 1)
    metrics["G_features"] = weight * losses.feature_matching(on_fake, on_real)
  return metrics


def picture_losses(
  fake: jax.Array, real: jax.Array, lambda_mse: float, lambda_l1: float
) -> dict[str, jax.Array]:
  """Distances of pictures from the true ones.

  Args:
    fake: any shape.
    real: the same shape.
    lambda_mse: weight of the mean squared distance; 0: there is none.
    lambda_l1: weight of the mean absolute distance; 0: there is none.

  Returns:
    `G_mse` and `G_l1`, those that there are.
  """
  metrics = {}
  if lambda_mse:
    metrics["G_mse"] = lambda_mse * jnp.square(fake - real).mean()
  if lambda_l1:
    metrics["G_l1"] = lambda_l1 * losses.l1_loss(fake, real)
  return metrics


def _times(weight, loss):
  """The product, and the loss itself where that is the product."""
  return loss if weight == 1 else weight * loss
