"""Convolutions of what a network is shown of a scene."""

from typing import Any

import jax

from gansynth.models import convolution, semantics


def conv2d(
  x: semantics.LabelMap | jax.Array,
  kernel: jax.Array,
  *,
  strides: int = 1,
  padding: int = 0,
  dtype: Any,
) -> jax.Array:
  """`convolution.conv2d` of an array, or of a label map's array.

  Args:
    x: (batch, height, width, input), or a label map of that shape.
    kernel: (kernel height, kernel width, input, output).
    strides: step in both directions.
    padding: zeros added on each side.
    dtype: type of the operands and of the result.

  Returns:
    (batch, height', width', output), see `convolution.conv2d`.
  """
  if isinstance(x, semantics.LabelMap):
    x = x.dense(dtype)
  return convolution.conv2d(
    x.astype(dtype), kernel.astype(dtype), strides=strides, padding=padding
  )
