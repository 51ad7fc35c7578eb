"""GP-GAN's networks as makers of colour pictures, on planes."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


def colorize(
  network: nn.Module, variables: Any, composite: jax.Array
) -> jax.Array:
  """Lets the encoder-decoder bring a pasted picture into harmony.

  Args:
    network: `models.EncoderDecoder`; its batch norms run in test mode.
    variables: its `params` and `batch_stats`.
    composite: (N, C, S, S) in [0, 1].

  Returns:
    (N, C, S, S) in [0, 1].
  """
  x = jnp.moveaxis(composite * 2 - 1, -3, -1).astype(network.dtype)
  return to_unit(jnp.moveaxis(network.apply(variables, x), -1, -3))


def to_unit(pictures: jax.Array) -> jax.Array:
  """Maps [-1, 1] to [0, 1], clipped."""
  return jnp.clip((pictures + 1) / 2, 0, 1)
