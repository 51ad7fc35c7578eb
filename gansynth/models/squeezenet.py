"""Features of SqueezeNet 1.1 (Iandola et al. 2016)."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, pooling

# Place in torchvision's `features` of each fire module, and the widths that
# it squeezes to and expands to twice.
_FIRES = (
  (3, 16, 64),
  (4, 16, 64),
  (6, 32, 128),
  (7, 32, 128),
  (9, 48, 192),
  (10, 48, 192),
  (11, 64, 256),
  (12, 64, 256),
)
_POOLED = (3, 6, 9)  # what pooling comes before
_TAPS = (4, 7, 9, 10, 11, 12)


class SqueezeNetFeatures(nn.Module):
  """Features at seven places of SqueezeNet 1.1.

  Layers are named by their place in torchvision's `squeezenet1_1().features`:
  `conv_0`, `fire_3`, .. `fire_12`. They mean something with ImageNet's weights
  only.

  Reference: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer
  parameters and <0.5MB model size", 2016.
  """

  SMALLEST = 17  # pixels a side

  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(self, pictures: jax.Array) -> list[jax.Array]:
    """Computes features.

    Args:
      pictures: (batch, height, width, 3), of at least `SMALLEST` pixels a
        side, with ImageNet's mean 0 and deviation 1.

    Returns:
      Seven arrays (batch, height', width', channels) of 64, 128, 256, 384,
      384, 512 and 512 channels, activated, at about 1/2, 1/4, 1/8 and four
      times 1/16 of the size.
    """
    conv = functools.partial(
      layers.Conv,
      dtype=self.dtype,
      kernel_init=layers.kernel_initializer("kaiming"),
    )
    x = nn.relu(conv(64, kernel_size=3, strides=2, name="conv_0")(pictures))
    results = [x]
    for index, squeezed, expanded in _FIRES:
      if index in _POOLED:
        x = pooling.max_pool_3x3(x, ceil=True)
      x = _Fire(squeezed, expanded, conv, name=f"fire_{index}")(x)
      if index in _TAPS:
        results.append(x)
    return results


class _Fire(nn.Module):
  """Few channels, seen by kernels of 1x1 and of 3x3 side by side."""

  squeezed: int
  expanded: int
  conv: functools.partial

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    x = nn.relu(self.conv(self.squeezed, kernel_size=1, name="squeeze")(x))
    one = self.conv(self.expanded, kernel_size=1, name="expand1x1")(x)
    three = self.conv(
      self.expanded, kernel_size=3, padding=1, name="expand3x3"
    )(x)
    return nn.relu(jnp.concatenate([one, three], axis=-1))
