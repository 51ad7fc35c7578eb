"""Losses of networks that tell the class of every pixel.

Classes are signed integers, below 0 where a pixel does not count. Weights of
pixels are such that a loss of a batch is the mean over its pictures, so losses
of slices of a batch, and of several devices, are averaged.
"""

import jax
import jax.numpy as jnp
from jax import lax


def pixel_weights(
  classes: jax.Array,
  num_classes: int,
  *,
  balanced: bool = False,
  axis_name: str | None = None,
) -> jax.Array:
  """Weights of pixels in a mean over the batch of all devices.

  Args:
    classes: integers (batch, height, width), below `num_classes`; below 0: not
      counted.
    num_classes: how many classes there are.
    balanced: whether classes that are in the batch weigh the same in sum,
      however small they are; else all counted pixels weigh the same.
    axis_name: of the devices that share the batch.

  Returns:
    float32 (batch, height, width); their sums over pictures have the mean 1
    over the batch of all devices, or 0 where no pixel is counted.
  """
  chosen = classes[..., None] == jnp.arange(num_classes)[None, None, None]
  chosen = chosen.astype(jnp.float32)
  counts = chosen.sum((1, 2)).mean(0)  # of each class in a picture
  if axis_name is not None:
    counts = lax.pmean(counts, axis_name)
  if balanced:
    there = (counts > 0).sum()
    weights = 1 / (jnp.maximum(there, 1) * jnp.where(counts > 0, counts, 1))
  else:
    total = counts.sum()
    weights = jnp.ones_like(counts) / jnp.where(total > 0, total, 1)
  return jnp.einsum("bhwc,c->bhw", chosen, weights, precision="highest")


def cross_entropy(logits: jax.Array, classes: jax.Array) -> jax.Array:
  """-log softmax of the true class at every pixel.

  Args:
    logits: (batch, height, width, num_classes).
    classes: integers (batch, height, width); where they are none of the
      classes the result means nothing, but is finite.

  Returns:
    (batch, height, width).
  """
  chosen = jnp.arange(logits.shape[-1])[None, None, None] == classes[..., None]
  return jax.nn.logsumexp(logits, -1) - jnp.where(chosen, logits, 0).sum(-1)


def weighted_mean(values: jax.Array, weights: jax.Array) -> jax.Array:
  """Mean over a batch, or its share of it.

  Args:
    values: (batch, height, width).
    weights: of `pixel_weights`.

  Returns:
    A scalar.
  """
  return (values * weights).sum((1, 2)).mean()


def dice_loss(logits: jax.Array, classes: jax.Array) -> jax.Array:
  """1 - soft Dice of the classes that a picture shows, mean over pictures.

  For class c of a picture, 2 sum(p t) / (sum(p) + sum(t)) over its counted
  pixels, where p is the softmax and t is 1 where c is true.

  Args:
    logits: (batch, height, width, num_classes).
    classes: integers (batch, height, width); below 0: not counted.

  Returns:
    A scalar in [0, 1]; a picture without counted pixels adds 0.

  Reference: Milletari et al., "V-Net: Fully Convolutional Neural Networks for
  Volumetric Medical Image Segmentation", 3DV 2016, with p and t unsquared.
  """
  numbers = jnp.arange(logits.shape[-1])[None, None, None]
  truth = (numbers == classes[..., None]).astype(logits.dtype)
  shares = jax.nn.softmax(logits, -1) * (classes >= 0)[..., None]
  sizes = truth.sum((1, 2))
  dice = 2 * (shares * truth).sum((1, 2))
  dice /= jnp.maximum(shares.sum((1, 2)) + sizes, 1e-6)
  there = sizes > 0
  missed = jnp.where(there, 1 - dice, 0).sum(-1)
  return (missed / jnp.maximum(there.sum(-1), 1)).mean()
