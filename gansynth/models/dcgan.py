"""DCGAN networks of GP-GAN: encoder-decoder, generator and critic.

Pictures are square, of one size that the weights fix. No convolution has a
bias; batch norms have Chainer's epsilon.

References: Radford et al., "Unsupervised Representation Learning with Deep
Convolutional Generative Adversarial Networks", ICLR 2016; Wu et al., "GP-GAN:
Towards Realistic High-Resolution Image Blending", ACM Multimedia 2019.
"""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, norms

_EPSILON = 2e-5
_SMALLEST = 8  # pixels: halved once, then the 4 x 4 that is left


def num_inner_layers(image_size: int) -> int:
  """How many layers lie between the first and the last one.

  Args:
    image_size: side of the pictures.

  Raises:
    ValueError: the size is no power of two, or less than 8.
  """
  if image_size < _SMALLEST or image_size.bit_count() != 1:
    raise ValueError(
      f"image_size is {image_size}; DCGAN networks take a power of two, at "
      f"least {_SMALLEST}"
    )
  return image_size.bit_length() - _SMALLEST.bit_length()


def _layers(
  network: nn.Module, train: bool
) -> tuple[dict[str, Any], Callable[..., nn.Module]]:
  """Arguments of all convolutions, and the constructor of the norms."""
  options = {
    "kernel_size": 4,
    "use_bias": False,
    "dtype": network.dtype,
    "kernel_init": layers.kernel_initializer("normal", network.init_gain),
  }
  norm = norms.norm_layer(
    "batch",
    train=train,
    axis_name=network.axis_name,
    dtype=network.dtype,
    gain=network.init_gain,
  )
  return options, functools.partial(norm, epsilon=_EPSILON)


class DcganCritic(nn.Module):
  """Halvings down to 4 x 4 pixels, and one convolution over what is left.

  The original's DCGAN_D. Its score of a batch is the mean of the logits.
  """

  image_size: int = 64  # a power of two, at least 8
  features: int = 64  # width of the first layer, ndf
  outputs: int = 1  # nz of the original's constructor
  init_gain: float = 0.02
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: jax.Array, train: bool = False
  ) -> list[list[jax.Array]]:
    """Judges pictures.

    Args:
      x: (batch, image_size, image_size, channels) in [-1, 1].
      train: use and record batch statistics.

    Returns:
      One list (one scale) of the features after every activation and, last,
      the float32 logits (batch, 1, 1, outputs).

    Raises:
      ValueError: the pictures have another size, or there is no network of
        `image_size`.
    """
    count = num_inner_layers(self.image_size)
    if x.ndim != 4 or x.shape[1:3] != (self.image_size, self.image_size):
      raise ValueError(
        f"this network takes pictures of {self.image_size} x "
        f"{self.image_size} pixels, got an array of shape {x.shape} (batch, "
        "height, width, channels); resize the pictures, or set image_size"
      )
    options, norm = _layers(self, train)
    conv = functools.partial(layers.Conv, **options)
    halve = functools.partial(conv, strides=2, padding=1)
    x = nn.leaky_relu(halve(self.features, name="conv_0")(x), 0.2)
    features = [x]
    for i in range(1, count + 1):
      x = halve(self.features * 2**i, name=f"conv_{i}")(x)
      x = nn.leaky_relu(norm(name=f"norm_{i}")(x), 0.2)
      features.append(x)
    logits = conv(self.outputs, name="logits")(x)
    return [[*features, norms.at_least_float32(logits)]]


class DcganGenerator(nn.Module):
  """Makes pictures of vectors: 4 x 4 pixels, doubled up to the whole.

  The original's DCGAN_G.
  """

  image_size: int = 64  # a power of two, at least 8
  features: int = 64  # width of the last layer before the picture, ngf
  latent_size: int = 100  # nz
  output_channels: int = 3
  init_gain: float = 0.02
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
    """Makes pictures.

    Args:
      z: (batch, latent_size), of N(0, 1) where nothing else is meant.
      train: use and record batch statistics.

    Returns:
      float32 (batch, image_size, image_size, output_channels) in [-1, 1].

    Raises:
      ValueError: the vectors have another length, or there is no network of
        `image_size` and `features`.
    """
    count = num_inner_layers(self.image_size)
    if z.ndim != 2 or z.shape[1] != self.latent_size:
      raise ValueError(
        f"this generator takes vectors of {self.latent_size} numbers, got an "
        f"array of shape {z.shape} (batch, latent_size)"
      )
    if self.features < 2:
      raise ValueError(
        f"features is {self.features}; the generator needs at least 2"
      )
    options, norm = _layers(self, train)
    deconv = functools.partial(layers.ConvTranspose, **options)
    width = self.features // 2 * 2 ** (count + 1)  # so an odd one is one less
    x = z[:, None, None, :]
    x = deconv(width, strides=1, padding=0, name="up_0")(x)
    x = nn.relu(norm(name="norm_0")(x))
    for i in range(1, count + 1):
      x = deconv(width // 2**i, name=f"up_{i}")(x)
      x = nn.relu(norm(name=f"norm_{i}")(x))
    x = deconv(self.output_channels, name="head")(x)
    return jnp.tanh(norms.at_least_float32(x))


class _Bottleneck(nn.Module):
  """Batch norm and activation of what the encoder found."""

  init_gain: float
  axis_name: str | None
  dtype: layers.Dtype

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    _, norm = _layers(self, train)
    return nn.leaky_relu(norm(name="norm")(x), 0.2)


class EncoderDecoder(nn.Module):
  """The Blending GAN: a pasted picture to one in harmony, at a low size.

  A critic's layers encode, a generator's decode, and a batch norm lies
  between them.

  Reference: Wu et al. 2019, section 3.2.
  """

  image_size: int = 64  # a power of two, at least 8
  encoder_features: int = 64  # nef
  decoder_features: int = 64  # ngf
  bottleneck: int = 4000  # length of the code, nBottleneck
  output_channels: int = 3
  init_gain: float = 0.02
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @property
  def multiple(self) -> int:
    """Heights and widths must be multiples of this (in fact, equal to it)."""
    return self.image_size

  @property
  def input_layer(self) -> str:
    """Path of the layer whose kernel tells the input channels."""
    return "encoder/conv_0"

  @property
  def takes_extents(self) -> bool:
    """Whether true sizes inside padded canvases can be given."""
    return False

  def setup(self) -> None:
    """Names the three parts."""
    common = {
      "init_gain": self.init_gain,
      "axis_name": self.axis_name,
      "dtype": self.dtype,
    }
    self.encoder = DcganCritic(
      image_size=self.image_size,
      features=self.encoder_features,
      outputs=self.bottleneck,
      **common,
    )
    self.code = _Bottleneck(**common)
    self.decoder = DcganGenerator(
      image_size=self.image_size,
      features=self.decoder_features,
      latent_size=self.bottleneck,
      output_channels=self.output_channels,
      **common,
    )

  def encode(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Returns codes (batch, bottleneck); arguments as of `__call__`."""
    return self.code(self.encoder(x, train)[-1][-1], train)[:, 0, 0]

  def decode(self, code: jax.Array, train: bool = False) -> jax.Array:
    """Returns pictures of codes; the result as of `__call__`."""
    return self.decoder(code, train)

  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Harmonises pictures.

    Args:
      x: (batch, image_size, image_size, channels) in [-1, 1].
      train: use and record batch statistics.

    Returns:
      float32 (batch, image_size, image_size, output_channels) in [-1, 1].

    Raises:
      ValueError: the pictures have another size, or there is no network of
        `image_size` and `decoder_features`.
    """
    return self.decode(self.encode(x, train), train)
