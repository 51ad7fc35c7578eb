"""Encoders of pictures: SPADE's of a style, pix2pixHD's of every instance."""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import layers, normalized, norms, pix2pixhd

_STYLE_SIZE = 256


class StyleEncoder(nn.Module):
  """SPADE's encoder of a picture's style, a normal distribution.

  Layers are `conv_0`, `norm_0`, ..; `mean` and `log_variance` are
  convolutions with one position, whose kernels (height, width, channels,
  latent_size) are the original's matrices over (channels, height, width),
  transposed.

  Reference: Park et al., "Semantic Image Synthesis with Spatially-Adaptive
  Normalization", CVPR 2019, appendix A.
  """

  features: int = 64  # width of the first layer
  latent_size: int = 256
  norm: str = "spectralinstance"  # see norms.parse
  deep: bool = True  # six halvings, not five
  init_type: str = "xavier"  # layers.INITIALIZERS
  init_gain: float = 0.02
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, pictures: jax.Array, train: bool = False
  ) -> tuple[jax.Array, jax.Array]:
    """Encodes pictures.

    Args:
      pictures: (batch, height, width, channels) in [-1, 1], of any size; they
        are resized to 256 x 256 pixels, bilinearly and without smoothing.
      train: use and record batch statistics, update spectral norms.

    Returns:
      float32 (batch, latent_size) twice: means, and logarithms of variances.
    """
    outer, inner, norm = normalized.options(self, train)
    batch, _, _, channels = pictures.shape
    x = jax.image.resize(
      pictures,
      (batch, _STYLE_SIZE, _STYLE_SIZE, channels),
      "bilinear",
      antialias=False,
    )
    for i in range(6 if self.deep else 5):
      x = layers.Conv(
        self.features * min(2**i, 8),
        kernel_size=3,
        strides=2,
        padding=1,
        name=f"conv_{i}",
        **inner,
      )(x)
      x = nn.leaky_relu(norm(name=f"norm_{i}")(x), 0.2)
    head = functools.partial(
      layers.Conv,
      self.latent_size,
      kernel_size=x.shape[1],
      **{**outer, "kernel_init": _of_matrix(outer["kernel_init"])},
    )
    mean, log_variance = (
      norms.at_least_float32(head(name=name)(x)[:, 0, 0])
      for name in ("mean", "log_variance")
    )
    return mean, log_variance


def _of_matrix(
  initializer: nn.initializers.Initializer,
) -> nn.initializers.Initializer:
  """Initialises a kernel as the matrix of a layer without positions."""

  def init(key, shape, dtype=jnp.float32):
    matrix = initializer(key, (math.prod(shape[:-1]), shape[-1]), dtype)
    return matrix.reshape(shape)

  return init


class InstanceEncoder(pix2pixhd.GlobalGenerator):
  """pix2pixHD's encoder of pictures: a generator without residual blocks.

  It returns features in [-1, 1] at the picture's size; `pool_instances` makes
  them one vector for each instance.

  Reference: Wang et al., CVPR 2018, section 3.4.
  """

  output_channels: int = 3  # feat_num
  features: int = 16  # width of the first layer, nef
  num_downsampling: int = 4
  num_blocks: int = 0


def pool_instances(features: jax.Array, instances: jax.Array) -> jax.Array:
  """Replaces features by their means over the pixels of each instance.

  Args:
    features: (batch, height, width, channels).
    instances: integers (batch, height, width). Pixels of one picture with the
      same number are an instance, whatever the number and wherever they lie.

  Returns:
    Means, of the shape and type of `features`.
  """
  pixels = features.reshape(len(features), -1, features.shape[-1])
  ids = instances.reshape(len(instances), -1)
  return _pool(pixels, jax.vmap(_ranks)(ids)).reshape(features.shape)


def _ranks(ids: jax.Array) -> jax.Array:
  """Numbers the different values of (pixels,) by 0, 1, .. in their order."""
  order = jnp.argsort(ids)
  values = ids[order]
  new = jnp.concatenate([jnp.zeros(1, bool), values[1:] != values[:-1]])
  return (
    jnp.zeros(ids.shape, jnp.int32)
    .at[order]
    .set(jnp.cumsum(new, dtype=jnp.int32))
  )


@jax.custom_vjp
def _pool(pixels: jax.Array, ranks: jax.Array) -> jax.Array:
  """Means over equal ranks of (batch, pixels, channels)."""

  def pool(pixels, ranks):
    total = jnp.zeros_like(pixels).at[ranks].add(pixels)
    count = jnp.zeros_like(pixels[:, :1]).at[ranks].add(1)
    return (total / jnp.maximum(count, 1))[ranks]

  pooled = jax.vmap(pool)(norms.at_least_float32(pixels), ranks)
  return pooled.astype(pixels.dtype)


# The means are a symmetric function of the features: its own adjoint.
_pool.defvjp(
  lambda pixels, ranks: (_pool(pixels, ranks), ranks),
  lambda ranks, g: (_pool(g, ranks), None),
)
