"""Dilated residual networks that tell the classes of streets' pixels.

Reference: Yu, Koltun and Funkhouser, "Dilated Residual Networks", CVPR 2017.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gansynth.models import dilated_convolution, layers, norms

# Of Cityscapes' training pictures in [0, 1]; DRN's info.json.
MEAN = (0.29010095242892997, 0.32808144844279574, 0.28696394422942517)
DEVIATION = (0.1829540508368939, 0.18656561047509476, 0.18447508988480435)

STRIDE = 8  # between pixels of the low resolution
_FIRST_WIDTH = 16
_WIDTHS = (16, 32, 64, 128, 256, 512, 512, 512)
_DILATIONS = (1, 1, 1, 1, 2, 4, 2, 1)
_HALVING = (1, 2, 3)  # levels, from 0
_OUTER = (0, 1, 6, 7)  # levels without blocks
UPSAMPLINGS = ("bilinear", "stored", "align_corners")


@dataclasses.dataclass(frozen=True)
class Architecture:
  """What tells the networks of one family apart."""

  depths: tuple[int, ...]  # convolutions or blocks of the levels 1 to 8
  bottleneck: bool = False  # blocks of 1x1, 3x3 and 1x1 convolutions


_BASIC = Architecture((1, 1, 2, 2, 2, 2, 1, 1))
_DEEPER = Architecture((1, 1, 3, 4, 6, 3, 1, 1))
_BOTTLENECK = Architecture(_DEEPER.depths, bottleneck=True)
_DEEPEST = Architecture((1, 1, 3, 4, 23, 3, 1, 1), bottleneck=True)


def _longer(of: Architecture) -> Architecture:
  return dataclasses.replace(of, depths=(*of.depths[:6], 2, 2))


ARCHITECTURES = {
  "drn_d_22": _BASIC,
  "drn_d_24": _longer(_BASIC),
  "drn_d_38": _DEEPER,
  "drn_d_40": _longer(_DEEPER),
  "drn_d_54": _BOTTLENECK,
  "drn_d_56": _longer(_BOTTLENECK),
  "drn_d_105": _DEEPEST,
  "drn_d_107": _longer(_DEEPEST),
}


class Drn(nn.Module):
  """A dilated residual network of type D with a classifier for every pixel.

  Level 0 is a convolution, levels 1, 2, 7 and 8 are convolutions and levels 3
  to 6 residual blocks: names of modules are those of the original's list,
  `level_0/conv_0`, .., `level_3/block_0/conv_1`, .., `level_8/conv_0`.

  Batch norms are those of a trained network: their statistics are fixed, and
  each is computed as part of its convolution.
  """

  arch: str = "drn_d_105"  # in ARCHITECTURES
  num_classes: int = 19
  # What enlarges logits: the fixed kernel of the published files; one that is
  # stored, of another or of further training; or interpolation between the
  # corners' middles (the original's use_torch_up).
  upsampling: str = "bilinear"
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(self, pictures: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Tells classes.

    Args:
      pictures: (batch, height, width, 3), see `normalise`.

    Returns:
      Logarithms of probabilities (batch, 8 * height', 8 * width', classes) and
      logits of low resolution (batch, height', width', classes), both float32;
      height' is height / 8, rounded up, and width' alike.

    Raises:
      ValueError: a field has another value than those listed.
    """
    if self.arch not in ARCHITECTURES or self.upsampling not in UPSAMPLINGS:
      raise ValueError(
        f"unknown arch {self.arch!r} or upsampling {self.upsampling!r}; choose "
        f"of {', '.join(ARCHITECTURES)} and of {', '.join(UPSAMPLINGS)}"
      )
    architecture = ARCHITECTURES[self.arch]
    x = pictures.astype(self.dtype)
    x = _Level(
      _FIRST_WIDTH, 1, kernel_size=7, dtype=self.dtype, name="level_0"
    )(x)
    for i, depth in enumerate(architecture.depths):
      options = {
        "features": _WIDTHS[i],
        "depth": depth,
        "strides": 2 if i in _HALVING else 1,
        "dilation": _DILATIONS[i],
        "dtype": self.dtype,
        "name": f"level_{i + 1}",
      }
      if i in _OUTER:
        x = _Level(**options)(x)
      else:
        x = _BlockLevel(bottleneck=architecture.bottleneck, **options)(x)
    low = layers.Conv(
      self.num_classes,
      1,
      dtype=self.dtype,
      kernel_init=layers.kernel_initializer("kaiming"),
      name="seg",
    )(x)
    low = norms.at_least_float32(low)
    return nn.log_softmax(self._enlarged(low)), low

  def _enlarged(self, low: jax.Array) -> jax.Array:
    if self.upsampling == "bilinear":
      return _enlarge(low)
    if self.upsampling == "align_corners":
      return _enlarge_between_corners(low)
    kernel = self.param(
      "up", _fixed_kernel, (2 * STRIDE, 2 * STRIDE, 1, self.num_classes)
    )
    # The adjoint of a convolution of stride 8 with padding 4.
    return lax.conv_general_dilated(
      low,
      jnp.flip(kernel, (0, 1)).astype(low.dtype),
      (1, 1),
      ((11, 11), (11, 11)),
      lhs_dilation=(STRIDE, STRIDE),
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
      feature_group_count=self.num_classes,
    )


class _Level(nn.Module):
  """Convolutions, of which the first halves."""

  features: int
  depth: int
  kernel_size: int = 3
  strides: int = 1
  dilation: int = 1
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    for i in range(self.depth):
      x = _ConvNorm(
        self.features,
        self.kernel_size,
        strides=self.strides if i == 0 else 1,
        dilation=self.dilation,
        dtype=self.dtype,
        name=f"conv_{i}",
      )(x)
      x = nn.relu(x)
    return x


class _BlockLevel(nn.Module):
  """Residual blocks, of which the first halves and widens."""

  features: int
  depth: int
  strides: int
  dilation: int
  bottleneck: bool
  dtype: layers.Dtype

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    for i in range(self.depth):
      x = _Block(
        self.features,
        strides=self.strides if i == 0 else 1,
        dilation=self.dilation,
        bottleneck=self.bottleneck,
        shortcut=i == 0,
        dtype=self.dtype,
        name=f"block_{i}",
      )(x)
    return x


class _Block(nn.Module):
  """Two convolutions, or three with a narrow middle, beside a shortcut."""

  features: int
  strides: int
  dilation: int
  bottleneck: bool
  shortcut: bool  # whether the shortcut is a convolution
  dtype: layers.Dtype

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    def conv(features, kernel_size, name, strides=1):
      return _ConvNorm(
        features,
        kernel_size,
        strides=strides,
        dilation=self.dilation if kernel_size > 1 else 1,
        dtype=self.dtype,
        name=name,
      )

    out = 4 * self.features if self.bottleneck else self.features
    if self.bottleneck:
      y = nn.relu(conv(self.features, 1, "conv_1")(x))
      y = nn.relu(conv(self.features, 3, "conv_2", self.strides)(y))
      y = conv(out, 1, "conv_3")(y)
    else:
      y = nn.relu(conv(out, 3, "conv_1", self.strides)(x))
      y = conv(out, 3, "conv_2")(y)
    if self.shortcut:
      x = conv(out, 1, "shortcut", self.strides)(x)
    return nn.relu(x + y)


class _ConvNorm(nn.Module):
  """A convolution and the batch norm behind it, in one."""

  features: int
  kernel_size: int
  strides: int
  dilation: int
  dtype: layers.Dtype

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
    channels = shape[-1:]
    kernel = self.param("kernel", layers.kernel_initializer("kaiming"), shape)
    scale = self.param("scale", nn.initializers.ones, channels)
    bias = self.param("bias", nn.initializers.zeros, channels)
    mean, variance = (
      self.variable("batch_stats", name, init, channels, jnp.float32).value
      for name, init in (("mean", jnp.zeros), ("var", jnp.ones))
    )
    scale = scale * lax.rsqrt(variance + 1e-5)
    y = dilated_convolution.conv2d(
      x,
      (kernel * scale[None, None, None]).astype(self.dtype),
      strides=self.strides,
      dilation=self.dilation,
    )
    offset = (bias - mean * scale).astype(self.dtype)
    return y + offset[None, None, None]


def normalise(pictures: jax.Array, dtype: layers.Dtype = jnp.float32):
  """Brings pictures to the statistics of Cityscapes, which DRN takes.

  Args:
    pictures: uint8 (..., 3), RGB.
    dtype: of the result.

  Returns:
    (..., 3): in [0, 1], less `MEAN`, over `DEVIATION`.
  """
  pictures = pictures.astype(dtype) / 255
  mean, deviation = (jnp.asarray(x, pictures.dtype) for x in (MEAN, DEVIATION))
  axes = (None,) * (pictures.ndim - 1)
  return (pictures - mean[axes]) / deviation[axes]


def fixed_kernel() -> np.ndarray:
  """float32 (16, 16): the published networks' kernel that enlarges logits."""
  places = np.arange(2 * STRIDE) / STRIDE
  taps = 1 - np.abs(places - (2 * STRIDE - 1) / (2 * STRIDE))
  return np.outer(taps, taps).astype(np.float32)


def _fixed_kernel(key, shape, dtype=jnp.float32):
  del key
  kernel = jnp.asarray(fixed_kernel(), dtype)
  return jnp.broadcast_to(kernel[..., None, None], shape)


def _enlarge(x: jax.Array) -> jax.Array:
  """Bilinear, eightfold; beyond the border pictures are 0.

  This is the transposed convolution with `fixed_kernel`. Each new pixel lies
  between two old ones, so both directions are sums of shifted pictures.
  """
  places = (np.arange(STRIDE) + 0.5) / STRIDE - 0.5
  shares = 1 - np.abs(places)
  for axis in (1, 2):
    length = x.shape[axis]
    edge = jnp.zeros_like(lax.slice_in_dim(x, 0, 1, axis=axis))
    before = jnp.concatenate(
      [edge, lax.slice_in_dim(x, 0, length - 1, axis=axis)], axis
    )
    after = jnp.concatenate(
      [lax.slice_in_dim(x, 1, length, axis=axis), edge], axis
    )
    phases = [
      share * x + (1 - share) * (before if place < 0 else after)
      for place, share in zip(places.tolist(), shares.tolist(), strict=True)
    ]
    x = jnp.stack(phases, axis + 1)
    x = x.reshape(*x.shape[:axis], length * STRIDE, *x.shape[axis + 2 :])
  return x


def _enlarge_between_corners(x: jax.Array) -> jax.Array:
  """Bilinear, eightfold, corners stay: torch's with align_corners."""
  for axis in (1, 2):
    old = x.shape[axis]
    places = np.linspace(0, old - 1, old * STRIDE)[:, None]
    weights = np.maximum(1 - np.abs(places - np.arange(old)), 0)
    product = jnp.tensordot(
      x, jnp.asarray(weights, x.dtype), (axis, 1), precision="highest"
    )
    x = jnp.moveaxis(product, -1, axis)
  return x
