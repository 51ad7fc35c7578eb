"""Features of VGG networks (Simonyan and Zisserman 2015).

Convolutions are named by their place in torchvision's `features`: `conv_0`,
`conv_2`, `conv_5` and so on. They mean something with ImageNet's weights only.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, pooling


class Vgg19Features(nn.Module):
  """Features after the first activation of each of VGG19's five blocks.

  Reference: Johnson et al., "Perceptual Losses for Real-Time Style Transfer
  and Super-Resolution", ECCV 2016; Wang et al., CVPR 2018, section 3.3.
  """

  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, pictures: jax.Array, train: bool = False
  ) -> list[jax.Array]:
    """Computes features.

    Args:
      pictures: (batch, height, width, 3) in [-1, 1], of at least 16 pixels a
        side. SPADE and pix2pixHD show them as they are, without ImageNet's
        mean and deviation, and so does this network.
      train: of no effect.

    Returns:
      relu1_1, relu2_1, relu3_1, relu4_1, relu5_1: (batch, height / s, width /
      s, channels) with s = 1, 2, 4, 8, 16 and 64, 128, 256, 512, 512 channels.
    """
    del train
    blocks = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1))
    return _features(pictures, blocks, (0, 5, 10, 19, 28), self.dtype)


class Vgg16Features(nn.Module):
  """Features after the last activation of each of VGG16's five blocks.

  Reference: Zhang et al., "The Unreasonable Effectiveness of Deep Features as
  a Perceptual Metric", CVPR 2018.
  """

  SMALLEST = 16  # pixels a side

  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(self, pictures: jax.Array) -> list[jax.Array]:
    """Computes features.

    Args:
      pictures: (batch, height, width, 3), of at least `SMALLEST` pixels a
        side, with ImageNet's mean 0 and deviation 1.

    Returns:
      relu1_2, relu2_2, relu3_3, relu4_3, relu5_3: (batch, height / s, width /
      s, channels) with s = 1, 2, 4, 8, 16 and 64, 128, 256, 512, 512 channels.
    """
    blocks = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    return _features(pictures, blocks, (2, 7, 14, 21, 28), self.dtype)


def _features(
  x: jax.Array,
  blocks: Sequence[tuple[int, int]],
  taps: Sequence[int],
  dtype: layers.Dtype,
) -> list[jax.Array]:
  """Applies blocks of (width, depth), halving between them.

  Returns:
    What comes out of the convolutions at the places `taps`, activated.
  """
  index, results = 0, []
  for width, depth in blocks:
    if index:
      x = pooling.max_pool(x)
      index += 1
    for _ in range(depth):
      x = nn.relu(
        layers.Conv(
          width,
          kernel_size=3,
          padding=1,
          dtype=dtype,
          kernel_init=layers.kernel_initializer("kaiming"),
          name=f"conv_{index}",
        )(x)
      )
      if index in taps:
        results.append(x)
      index += 2
  return results
