"""Generators of pix2pixHD (Wang et al. 2018), and SPADE's variant of one."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, normalized, norms, pooling, resnet
from gansynth.models import semantics as semantics_lib


class GlobalGenerator(nn.Module):
  """Halvings, residual blocks, as many doublings.

  The defaults are pix2pixHD's generator of 1024 x 512 pixels. SPADE's
  repository has it too, with norm="spectralinstance".

  Reference: Wang et al., "High-Resolution Image Synthesis and Semantic
  Manipulation with Conditional GANs", CVPR 2018, section 3.1.
  """

  output_channels: int = 3  # 0: the features before the last convolution
  features: int = 64  # width of the first layer, ngf
  num_downsampling: int = 4
  num_blocks: int = 9
  norm: str = "instance"  # see norms.parse
  kernel_size: int = 3  # of the residual blocks, odd
  initial_kernel_size: int = 7  # odd
  use_bias: bool | None = None  # before a norm; None: where not spectral
  init_type: str = "normal"  # layers.INITIALIZERS
  init_gain: float = 0.02
  remat: bool = False  # recompute the blocks in the backward pass
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @property
  def multiple(self) -> int:
    """Sides must be multiples of this."""
    return 2**self.num_downsampling

  @property
  def input_layer(self) -> str:
    """Name of the layer whose kernel tells the input channels."""
    return "stem"

  @nn.compact
  def __call__(
    self,
    semantics: jax.Array | semantics_lib.LabelMap,
    train: bool = False,
    coarse: jax.Array | None = None,
  ) -> jax.Array:
    """Draws the pictures of label maps.

    Args:
      semantics: (batch, height, width, channels), sides multiples of
        `multiple`, larger than 3 pixels and than the blocks' reflections
        where they are smallest.
      train: use and record batch statistics, update spectral norms.
      coarse: features (batch, height / multiple, width / multiple, channels)
        of a coarser generator, added before the residual blocks.

    Returns:
      float32 (batch, height, width, output_channels) in [-1, 1]; for
      output_channels 0 the features (batch, height, width, features).

    Raises:
      ValueError: the sides are no multiples, or too small.
    """
    layers.check_multiple(
      type(self).__name__, semantics.shape[1:3], self.multiple
    )
    outer, inner, norm = normalized.options(self, train)
    reflecting = functools.partial(layers.Conv, padding_mode="reflect")
    size = self.initial_kernel_size
    x = reflecting(
      self.features, size, padding=size // 2, name="stem", **inner
    )(semantics)
    x = nn.relu(norm(name="stem_norm")(x))
    for i in range(self.num_downsampling):
      x = layers.Conv(
        self.features * 2 ** (i + 1),
        kernel_size=3,
        strides=2,
        padding=1,
        name=f"down_{i}",
        **inner,
      )(x)
      x = nn.relu(norm(name=f"down_norm_{i}")(x))

    if coarse is not None:
      x = x + coarse
    block = nn.remat(resnet.ResnetBlock) if self.remat else resnet.ResnetBlock
    for i in range(self.num_blocks):
      x = block(
        x.shape[-1],
        conv=functools.partial(
          reflecting,
          kernel_size=self.kernel_size,
          padding=self.kernel_size // 2,
          **inner,
        ),
        norm=norm,
        name=f"block_{i}",
      )(x)

    for i in range(self.num_downsampling):
      x = layers.ConvTranspose(
        self.features * 2 ** (self.num_downsampling - 1 - i),
        kernel_size=3,
        output_padding=1,
        name=f"up_{i}",
        **inner,
      )(x)
      x = nn.relu(norm(name=f"up_norm_{i}")(x))
    if not self.output_channels:
      return x
    x = reflecting(self.output_channels, 7, padding=3, name="head", **outer)(x)
    return jnp.tanh(norms.at_least_float32(x))


class LocalEnhancer(nn.Module):
  """A global generator at lower size, and enhancers around it.

  The global generator sees the label map halved by `pooling.average_pool` and
  hands its features, without its last convolution, to the first enhancer, at
  twice its size; this one hands its own to the next. An enhancer is a small
  `GlobalGenerator` of one halving. Parameters lie under `global` and
  `enhancer_1` .. `enhancer_<num_enhancers>`; those under `global` fit a
  `GlobalGenerator` of features * 2**num_enhancers, which is trained first.

  Reference: Wang et al., CVPR 2018, section 3.1.
  """

  output_channels: int = 3
  features: int = 32  # width of the outermost enhancer's first layer, ngf
  num_downsampling: int = 4  # of the global generator
  num_blocks: int = 9  # of the global generator
  num_enhancers: int = 1
  num_enhancer_blocks: int = 3  # of each
  norm: str = "instance"  # see norms.parse
  kernel_size: int = 3  # of the residual blocks, odd
  initial_kernel_size: int = 7  # odd
  use_bias: bool | None = None  # before a norm; None: where not spectral
  init_type: str = "normal"  # layers.INITIALIZERS
  init_gain: float = 0.02
  remat: bool = False  # recompute the blocks in the backward pass
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @property
  def multiple(self) -> int:
    """Sides must be multiples of this."""
    return 2 ** (self.num_downsampling + self.num_enhancers)

  @property
  def input_layer(self) -> str:
    """Name of the layer whose kernel tells the input channels."""
    return "global/stem"

  @nn.compact
  def __call__(
    self,
    semantics: jax.Array | semantics_lib.LabelMap,
    train: bool = False,
  ) -> jax.Array:
    """Draws the pictures of label maps.

    Args:
      semantics: (batch, height, width, channels), sides multiples of
        `multiple`.
      train: use and record batch statistics, update spectral norms.

    Returns:
      float32 (batch, height, width, output_channels) in [-1, 1].

    Raises:
      ValueError: the sides are no multiples.
    """
    layers.check_multiple(
      type(self).__name__, semantics.shape[1:3], self.multiple
    )
    part = functools.partial(
      GlobalGenerator,
      norm=self.norm,
      kernel_size=self.kernel_size,
      initial_kernel_size=self.initial_kernel_size,
      use_bias=self.use_bias,
      init_type=self.init_type,
      init_gain=self.init_gain,
      remat=self.remat,
      axis_name=self.axis_name,
      dtype=self.dtype,
    )
    pyramid = [semantics]
    for _ in range(self.num_enhancers):
      pyramid.append(pooling.average_pool(pyramid[-1], self.dtype))
    x = part(
      output_channels=0 if self.num_enhancers else self.output_channels,
      features=self.features * 2**self.num_enhancers,
      num_downsampling=self.num_downsampling,
      num_blocks=self.num_blocks,
      name="global",
    )(pyramid[-1], train)
    for n in range(1, self.num_enhancers + 1):
      level = self.num_enhancers - n
      x = part(
        output_channels=self.output_channels if level == 0 else 0,
        features=self.features * 2**level,
        num_downsampling=1,
        num_blocks=self.num_enhancer_blocks,
        name=f"enhancer_{n}",
      )(pyramid[level], train, x)
    return x
