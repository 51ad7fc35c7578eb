"""LPIPS: how different two pictures look (Zhang et al. 2018)."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gansynth import resampling
from gansynth.models import alexnet, layers, norms, squeezenet, vgg

BACKBONES = {
  "alex": alexnet.AlexNetFeatures,
  "vgg": vgg.Vgg16Features,
  "squeeze": squeezenet.SqueezeNetFeatures,
}
CHANNELS = {
  "alex": (64, 192, 384, 256, 256),
  "vgg": (64, 128, 256, 512, 512),
  "squeeze": (64, 128, 256, 384, 384, 512, 512),
}
# ImageNet's mean and deviation, of pictures in [-1, 1].
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-10


class Lpips(nn.Module):
  """The distance of deep features, version 0.1.

  At each tap of a network trained on ImageNet the features of both pictures
  are brought to unit length at every position, and their squared differences
  weighed by channel, averaged over space and summed over the taps:

    d(x, y) = sum_l mean_hw sum_c w_lc (x_lhwc / |x_lhw| - y_lhwc / |y_lhw|)^2

  Variables: `features`, the network's, and `lin_0`, `lin_1`, .. with the
  weights w. These start at 1, which is the distance without them.

  Reference: Zhang et al., "The Unreasonable Effectiveness of Deep Features as
  a Perceptual Metric", CVPR 2018.
  """

  backbone: str = "alex"  # alex, vgg (VGG16) or squeeze (SqueezeNet 1.1)
  dtype: layers.Dtype = jnp.float32  # of the features

  def setup(self) -> None:
    if self.backbone not in BACKBONES:
      raise ValueError(
        f"unknown backbone {self.backbone!r} of LPIPS; choose one of "
        f"{', '.join(BACKBONES)}"
      )
    self.features = BACKBONES[self.backbone](dtype=self.dtype)
    self.lin = [
      _ChannelWeights(channels) for channels in CHANNELS[self.backbone]
    ]

  def check_size(self, size: Sequence[int]) -> None:
    """Raises ValueError where (height, width) is too small for the taps."""
    smallest = BACKBONES[self.backbone].SMALLEST
    if min(size) < smallest:
      raise ValueError(
        f"LPIPS on {self.backbone} takes pictures of at least {smallest} x "
        f"{smallest} pixels, found {size[0]} x {size[1]} (height x width); "
        "give larger pictures"
      )

  def __call__(
    self,
    x: jax.Array,
    y: jax.Array,
    spatial: bool = False,
    use_linear: bool = True,
  ) -> jax.Array:
    """Compares pictures.

    Its gradient is finite everywhere, so it may serve as a loss.

    Args:
      x: RGB (batch, height, width, 3) in [-1, 1], of at least 31 pixels a
        side on alex, 16 on vgg, 17 on squeeze.
      y: those to compare with, of the same shape.
      spatial: whether to return where the pictures differ.
      use_linear: False weighs all channels alike.

    Returns:
      Distances (batch,), at least 0, in at least float32; or with `spatial`
      maps (batch, height, width), enlarged bilinearly from each tap's.

    Raises:
      ValueError: the shapes differ, or the pictures are too small.
    """
    if x.shape != y.shape:
      raise ValueError(
        f"LPIPS compares pictures of one shape, found {x.shape} and {y.shape}"
      )
    maps = self.maps(x, y, use_linear)
    if not spatial:
      return sum(part.mean((1, 2)) for part in maps)
    size = x.shape[1:3]
    maps = [resampling.resize_bilinear(part[..., None], size) for part in maps]
    return sum(maps)[..., 0]

  def taps(self, x: jax.Array) -> list[jax.Array]:
    """The features that are compared, before they get unit length.

    Args:
      x: (batch, height, width, 3) in [-1, 1].

    Returns:
      (batch, height', width', channels) at each tap.

    Raises:
      ValueError: the pictures are too small.
    """
    self.check_size(x.shape[1:3])
    return self.features(scaled(x))

  def maps(
    self, x: jax.Array, y: jax.Array, use_linear: bool = True
  ) -> list[jax.Array]:
    """What each tap adds at each of its positions, (batch, height', width')."""
    return self._compare(self.taps(x), self.taps(y), use_linear)

  def pairwise(self, groups: jax.Array) -> jax.Array:
    """Compares all pictures of a group, whose features are computed once.

    Args:
      groups: (groups, number, height, width, 3) in [-1, 1], at least two
        pictures in each.

    Returns:
      (groups, number * (number - 1) / 2): the distances of the pictures 0 and
      1, 0 and 2, .., 1 and 2, and so on.
    """
    count, number = groups.shape[:2]
    taps = [
      features.reshape(count, number, *features.shape[1:])
      for features in self.taps(groups.reshape(-1, *groups.shape[2:]))
    ]

    def distance(pair):
      ours, theirs = ([x[:, index] for x in taps] for index in pair)
      return sum(part.mean((1, 2)) for part in self._compare(ours, theirs))

    pairs = np.stack(np.triu_indices(number, 1), axis=1)
    return jnp.moveaxis(jax.lax.map(distance, pairs), 0, 1)

  def _compare(self, ours, theirs, use_linear=True):
    return [
      lin(jnp.square(_unit(a) - _unit(b)), use_linear)
      for lin, a, b in zip(self.lin, ours, theirs, strict=True)
    ]


class _ChannelWeights(nn.Module):
  """Sums over channels, weighed."""

  channels: int

  @nn.compact
  def __call__(self, x: jax.Array, use_linear: bool) -> jax.Array:
    scale = self.param("scale", nn.initializers.ones, (self.channels,))
    if not use_linear:
      return x.sum(-1)
    return (x * scale.astype(x.dtype)[None, None, None]).sum(-1)


def scaled(x: jax.Array) -> jax.Array:
  """Brings pictures in [-1, 1] to ImageNet's mean 0 and deviation 1."""
  shift, scale = (
    jnp.asarray(values, x.dtype)[None, None, None] for values in (SHIFT, SCALE)
  )
  return (x - shift) / scale


def _unit(x: jax.Array) -> jax.Array:
  """Features of unit length, or all 0 where they were.

  The root's derivative at 0 is infinite, and times 0 not a number.
  """
  x = norms.at_least_float32(x)
  total = jnp.square(x).sum(-1, keepdims=True)
  is_zero = total == 0
  length = jnp.where(is_zero, 0, jnp.sqrt(jnp.where(is_zero, 1, total)))
  return x / (length + _EPSILON)
