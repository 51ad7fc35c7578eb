"""Colours for GP-GAN where there is no network."""

import jax

from gansynth.blending import solver

_COLOR_WEIGHT = 0.01


def colorize(
  source: jax.Array, destination: jax.Array, mask: jax.Array
) -> jax.Array:
  """Makes the colour picture that a network would make.

  The pasted picture's gradients with the scene's own colours behind them.

  Args:
    source: (..., C, S, S) in [0, 1].
    destination: likewise.
    mask: (..., 1, S, S).

  Returns:
    (..., C, S, S) in [0, 1].
  """
  return solver.solve(
    source, destination, mask, destination, color_weight=_COLOR_WEIGHT
  )
