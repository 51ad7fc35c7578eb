"""Features of AlexNet, the variant on one device (Krizhevsky 2014)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, pooling

# Place in torchvision's `features`, width, kernel, stride and padding.
_CONVOLUTIONS = (
  (0, 64, 11, 4, 2),
  (3, 192, 5, 1, 2),
  (6, 384, 3, 1, 1),
  (8, 256, 3, 1, 1),
  (10, 256, 3, 1, 1),
)
_POOLED = (3, 6)  # what pooling comes before


class AlexNetFeatures(nn.Module):
  """Features after each of AlexNet's five convolutions.

  Convolutions are named by their place in torchvision's `alexnet().features`:
  `conv_0`, `conv_3`, .. `conv_10`. They mean something with ImageNet's weights
  only.

  Reference: Krizhevsky, "One weird trick for parallelizing convolutional
  neural networks", 2014, without its normalisation of local responses.
  """

  SMALLEST = 31  # pixels a side

  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(self, pictures: jax.Array) -> list[jax.Array]:
    """Computes features.

    Args:
      pictures: (batch, height, width, 3), of at least `SMALLEST` pixels a
        side, with ImageNet's mean 0 and deviation 1.

    Returns:
      Five arrays (batch, height', width', channels) of 64, 192, 384, 256 and
      256 channels, activated, at about 1/4, 1/8, 1/16, 1/16, 1/16 of the size.
    """
    x, results = pictures, []
    for index, width, kernel_size, strides, padding in _CONVOLUTIONS:
      if index in _POOLED:
        x = pooling.max_pool_3x3(x)
      x = nn.relu(
        layers.Conv(
          width,
          kernel_size=kernel_size,
          strides=strides,
          padding=padding,
          dtype=self.dtype,
          kernel_init=layers.kernel_initializer("kaiming"),
          name=f"conv_{index}",
        )(x)
      )
      results.append(x)
    return results
