"""Features of VGG19 for perceptual losses (Simonyan and Zisserman 2015)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, pooling

_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1))


class Vgg19Features(nn.Module):
  """Features after the first activation of each of VGG19's five blocks.

  Convolutions are named by their place in torchvision's `vgg19().features`:
  `conv_0`, `conv_2`, `conv_5`, .. `conv_28`. They mean something with
  ImageNet's weights only.

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
    x, index, results = pictures, 0, []
    for width, depth in _BLOCKS:
      if results:
        x = pooling.max_pool(x)
        index += 1
      for i in range(depth):
        x = nn.relu(
          layers.Conv(
            width,
            kernel_size=3,
            padding=1,
            dtype=self.dtype,
            kernel_init=layers.kernel_initializer("kaiming"),
            name=f"conv_{index}",
          )(x)
        )
        index += 2
        if i == 0:
          results.append(x)
    return results
