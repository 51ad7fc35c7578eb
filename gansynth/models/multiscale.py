"""Discriminator of SPADE and pix2pixHD: patches at several scales."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import (
  layers,
  normalized,
  norms,
  pair_convolution,
  pooling,
)
from gansynth.models.pair_convolution import Semantics

_KERNEL_SIZE = 4
_PADDING = 2


class _ScaleDiscriminator(nn.Module):
  """Judges patches at one scale; arguments as of the whole."""

  features: int
  max_features: int
  num_layers: int
  last_stride: int
  logit_channels: int
  options: normalized.Options

  @nn.compact
  def __call__(
    self, semantics: Semantics, pictures: jax.Array
  ) -> list[jax.Array]:
    outer, inner, norm = self.options
    x = pair_convolution.PairConv(
      self.features,
      _KERNEL_SIZE,
      strides=2,
      padding=_PADDING,
      name="conv_0",
      **outer,
    )(semantics, pictures)
    x = nn.leaky_relu(x, 0.2)
    features = [x]
    for i in range(1, self.num_layers):
      x = layers.Conv(
        min(self.features * 2**i, self.max_features),
        _KERNEL_SIZE,
        strides=2 if i < self.num_layers - 1 else self.last_stride,
        padding=_PADDING,
        name=f"conv_{i}",
        **inner,
      )(x)
      x = nn.leaky_relu(norm(name=f"norm_{i}")(x), 0.2)
      features.append(x)
    logits = layers.Conv(
      self.logit_channels,
      _KERNEL_SIZE,
      padding=_PADDING,
      name="logits",
      **outer,
    )(x)
    return [*features, norms.at_least_float32(logits)]


class Logits(NamedTuple):
  """What a discriminator says, at one scale."""

  adversarial: jax.Array  # (batch, height, width, adversarial_channels)
  classes: jax.Array  # scores (batch, height, width, num_classes)
  reconstruction: jax.Array  # (batch, height, width, channels), unbounded


class MultiscaleDiscriminator(nn.Module):
  """Equal discriminators of patches, each at half the scale of the one before.

  The defaults are SPADE's. pix2pixHD's has norm="instance" and init_type
  "normal", for 1024p num_scales=3. A scale has the convolutions `conv_0` ..
  `conv_<num_layers - 1>` and `logits` of 4x4 taps; the first has stride 2 and
  no norm, the last before the logits has `last_stride`, those between 2.

  A semantic-aware discriminator has more to say, all of it channels of the
  logits, in this order: `adversarial_channels` verdicts, one for each label
  and one for the whole; scores of `num_classes`; `reconstruction_channels` of
  the picture it was shown. `split_logits` takes them apart. It is not shown
  the conditions (`conditional=False`) where it is to tell them itself.

  References: Wang et al., "High-Resolution Image Synthesis and Semantic
  Manipulation with Conditional GANs", CVPR 2018, section 3.2; Saadatnejad et
  al., "A Shared Representation for Photorealistic Driving Simulators", 2021.
  """

  features: int = 64  # width of the first layer, ndf
  max_features: int = 512  # of any layer, ndf_max
  num_scales: int = 2
  num_layers: int = 4  # convolutions with an activation
  norm: str = "spectralinstance"  # see norms.parse
  use_bias: bool | None = None  # before a norm; None: where not spectral
  last_stride: int = 1  # 2 in SPADE's repository before May 2019
  conditional: bool = True  # whether it is shown the conditions
  adversarial_channels: int = 1
  num_classes: int = 0
  reconstruction_channels: int = 0
  init_type: str = "xavier"  # layers.INITIALIZERS
  init_gain: float = 0.02
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(
    self,
    semantics: Semantics,
    pictures: jax.Array,
    train: bool = False,
  ) -> list[list[jax.Array]]:
    """Judges pictures.

    Args:
      semantics: conditions (batch, height, width, channels); None: there are
        none. Not looked at unless `conditional`.
      pictures: (k * batch, height, width, channels) in [-1, 1]: k parts that
        share the conditions, as fake and then real ones. Statistics of batch
        normalisation are those of all parts together.
      train: use and record batch statistics, update spectral norms.

    Returns:
      A list over scales, full resolution first, of the features after every
      activation and, last, the float32 logits (k * batch, height', width',
      channels), without sigmoid.

    Raises:
      ValueError: there is no whole number of parts, or their size is not that
        of the conditions.
    """
    if not self.conditional:
      semantics = None
    if semantics is not None and (
      len(pictures) % semantics.shape[0]
      or pictures.shape[1:3] != semantics.shape[1:3]
    ):
      raise ValueError(
        f"pictures are {pictures.shape[:3]} (batch, height, width), their "
        f"conditions {semantics.shape[:3]}; give pictures of that size, as "
        "many or a multiple of them"
      )
    options = normalized.options(self, train)
    results = []
    for i in range(self.num_scales):
      if i:
        pictures = pooling.average_pool(pictures)
        if semantics is not None:
          semantics = pooling.average_pool(semantics, self.dtype)
      results.append(
        _ScaleDiscriminator(
          self.features,
          self.max_features,
          self.num_layers,
          self.last_stride,
          self.adversarial_channels
          + self.num_classes
          + self.reconstruction_channels,
          options,
          name=f"scale_{i}",
        )(semantics, pictures)
      )
    return results

  def split_logits(self, logits: jax.Array) -> Logits:
    """Takes the logits of a scale, or an array of such channels, apart."""
    ends = (
      self.adversarial_channels,
      self.adversarial_channels + self.num_classes,
    )
    return Logits(*jnp.split(logits, ends, axis=-1))
