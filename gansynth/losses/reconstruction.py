"""Losses between a picture and what it should have been."""

import jax
import jax.numpy as jnp


def l1_loss(prediction: jax.Array, target: jax.Array) -> jax.Array:
  """Mean absolute difference over all elements, in at least float32.

  Args:
    prediction: any shape.
    target: the same shape.

  Returns:
    A scalar.

  Raises:
    ValueError: the shapes differ, as they do when a generator rounds the
      sides of its input up.
  """
  if prediction.shape != target.shape:
    raise ValueError(
      f"cannot compare pictures of shapes {prediction.shape} and "
      f"{target.shape}; sides must be multiples of what the generator halves"
    )
  dtype = jnp.promote_types(prediction.dtype, jnp.float32)
  return jnp.abs(prediction.astype(dtype) - target.astype(dtype)).mean()
