"""SPADE's generator: pictures from label maps (Park et al. 2019)."""

import functools
import re
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from gansynth.models import (
  layers,
  norms,
  semantic_convolution,
  sparse_modulation,
  spectral,
)
from gansynth.models import (
  semantics as semantics_lib,
)

UPSAMPLINGS = {"normal": 5, "more": 6, "most": 7}  # doublings

Semantics = semantics_lib.LabelMap | jax.Array

_leaky_relu = functools.partial(nn.leaky_relu, negative_slope=0.2)


def parse_norm(name: str) -> tuple[bool, str, int]:
  """Splits a norm as SPADE writes it, `spectralspadesyncbatch3x3`.

  Args:
    name: `spade`, then `instance`, `batch` or `syncbatch`, then the size of
      the modulation's kernels, all perhaps after `spectral`. Batch statistics
      are synchronised in any case where there are several devices.

  Returns:
    Whether the other kernels are spectrally normalised, one of `norms.NORMS`,
    and the size.

  Raises:
    ValueError: it is none of these.
  """
  pattern = r"(spectral)?spade(instance|batch|syncbatch)([13579])x\3"
  match = re.fullmatch(pattern, name)
  if not match:
    raise ValueError(
      f"unknown norm {name!r} of a SPADE generator; it is written "
      "spade<instance, batch or syncbatch><size>x<size> with an odd size, as "
      "spadesyncbatch3x3, with or without spectral before it"
    )
  return bool(match[1]), match[2].removeprefix("sync"), int(match[3])


class _Weights(nn.Module):
  """Kernel and bias of a convolution that is computed elsewhere."""

  shape: tuple[int, int, int, int]
  kernel_init: nn.initializers.Initializer

  @nn.compact
  def __call__(self) -> dict[str, jax.Array]:
    return {
      "kernel": self.param("kernel", self.kernel_init, self.shape),
      "bias": self.param("bias", nn.initializers.zeros, self.shape[-1:]),
    }


class Spade(nn.Module):
  """Normalises, then scales and shifts every pixel as its label map says.

  normalized * (1 + gamma) + beta, where gamma and beta are convolutions of
  relu(a convolution of the label map).

  Reference: Park et al., "Semantic Image Synthesis with Spatially-Adaptive
  Normalization", CVPR 2019, section 3.1.
  """

  norm: Callable  # constructor of a normalisation without parameters
  train: bool = False  # in training, `plan` is left aside
  hidden: int = 128  # channels between the label map and its modulation
  kernel_size: int = 3  # of all three convolutions
  dtype: layers.Dtype = jnp.float32
  kernel_init: nn.initializers.Initializer = nn.initializers.normal(0.02)

  @nn.compact
  def __call__(
    self,
    x: jax.Array,
    semantics: Semantics,
    plan: sparse_modulation.Plan | None = None,
  ) -> jax.Array:
    """Returns x, normalised and modulated.

    Args:
      x: (batch, height, width, channels).
      semantics: a label map or an array of that height and width.
      plan: `sparse_modulation.plan` of it; None: the modulation is computed
        everywhere.
    """
    weights = {}
    for name, inputs, outputs in (
      ("shared", semantics.shape[-1], self.hidden),
      ("gamma", self.hidden, x.shape[-1]),
      ("beta", self.hidden, x.shape[-1]),
    ):
      shape = (self.kernel_size, self.kernel_size, inputs, outputs)
      weights[name] = _Weights(shape, self.kernel_init, name=name)()
    normalized = self.norm(name="norm")(x)
    if not self.train:
      return sparse_modulation.modulate(
        normalized, semantics, **weights, dtype=self.dtype, plan=plan
      )
    # Two convolutions: the gradient of one to twice as many channels is slower.
    convolve = functools.partial(
      semantic_convolution.same_conv2d, dtype=self.dtype
    )
    hidden = nn.relu(convolve(semantics, **weights["shared"]))
    gamma = convolve(hidden, **weights["gamma"])
    return normalized * (1 + gamma) + convolve(hidden, **weights["beta"])


class SpadeBlock(nn.Module):
  """Two modulated convolutions, added to their input or to a 1x1 of it."""

  features: int
  conv: Callable
  spade: Callable

  @nn.compact
  def __call__(
    self,
    x: jax.Array,
    semantics: Semantics,
    plan: sparse_modulation.Plan | None = None,
  ) -> jax.Array:
    inputs = x.shape[-1]
    conv = functools.partial(self.conv, kernel_size=3, padding=1)
    y = self.spade(name="norm_0")(x, semantics, plan)
    y = conv(min(inputs, self.features), name="conv_0")(_leaky_relu(y))
    y = self.spade(name="norm_1")(y, semantics, plan)
    y = conv(self.features, name="conv_1")(_leaky_relu(y))
    if inputs != self.features:
      x = self.spade(name="norm_s")(x, semantics, plan)
      x = self.conv(
        self.features, kernel_size=1, use_bias=False, name="conv_s"
      )(x)
    return x + y


class SpadeGenerator(nn.Module):
  """Residual blocks between doublings, modulated by the label map.

  The first layer sees the label map too, or a latent vector. The label map is
  shown at every resolution by its nearest pixels.

  Reference: Park et al., "Semantic Image Synthesis with Spatially-Adaptive
  Normalization", CVPR 2019, appendix A.
  """

  output_channels: int = 3
  features: int = 64  # width of the last block but with "most", ngf
  norm: str = "spectralspadesyncbatch3x3"  # see `parse_norm`
  upsampling: str = "normal"  # UPSAMPLINGS
  hidden: int = 128  # between label map and modulation; the original's width
  use_vae: bool = False  # first layer from a latent vector
  latent_size: int = 256
  height: int = 0  # of the pictures; 0: that of the label maps
  width: int = 0
  sparse: bool = False  # in evaluation, modulate only where label maps vary
  init_type: str = "xavier"  # of kernels without spectral norm, layers' names
  init_gain: float = 0.02
  remat: bool = False  # recompute the blocks in the backward pass
  axis_name: str | None = None  # of synchronised batch statistics
  dtype: layers.Dtype = jnp.float32

  @property
  def multiple(self) -> int:
    """Heights and widths are multiples of this.

    Raises:
      ValueError: `upsampling` is unknown.
    """
    if self.upsampling not in UPSAMPLINGS:
      raise ValueError(
        f"unknown upsampling {self.upsampling!r}; choose one of "
        f"{', '.join(UPSAMPLINGS)}"
      )
    return 2 ** UPSAMPLINGS[self.upsampling]

  def first_size(self, size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the first layer.

    Args:
      size: height and width of the label map.

    Raises:
      ValueError: the pictures' sides are no multiples of `multiple`, or they
        are fixed only in part, or not at all with `use_vae`.
    """
    fixed = (self.height, self.width)
    if any(fixed) != all(fixed) or (self.use_vae and not all(fixed)):
      raise ValueError(
        f"height is {self.height} and width {self.width}; give both, or both "
        "0 for those of the label maps, which a generator with use_vae cannot "
        "take: its first layer has one size"
      )
    size = fixed if all(fixed) else size
    layers.check_multiple(
      f"the SPADE generator (upsampling={self.upsampling!r})",
      size,
      self.multiple,
    )
    return size[0] // self.multiple, size[1] // self.multiple

  @nn.compact
  def __call__(
    self,
    semantics: Semantics,
    z: jax.Array | None = None,
    train: bool = False,
  ) -> jax.Array:
    """Draws pictures.

    Args:
      semantics: a label map or an array (batch, height', width', channels);
        of any size where `height` and `width` are set, else with sides that
        are multiples of `multiple`.
      z: (batch, latent_size) with `use_vae`; if there is none, it is drawn
        from N(0, 1) with the key `latent`. Ignored without `use_vae`.
      train: use and record batch statistics, and move spectral vectors.

    Returns:
      float32 (batch, height, width, output_channels) in [-1, 1].

    Raises:
      ValueError: a size or a field does not fit, see `first_size`; or the
        first layer has a single pixel, which instance norm makes 0.
    """
    is_spectral, norm, kernel_size = parse_norm(self.norm)
    size = self.first_size(semantics.shape[1:3])
    if norm == "instance" and size == (1, 1):
      raise ValueError(
        f"the first layer of norm {self.norm!r} has a single pixel, which "
        "instance normalisation makes 0 whatever it is; give pictures that "
        f"are larger than {self.multiple} x {self.multiple}, or less "
        "upsampling"
      )
    kernel_init = layers.kernel_initializer(self.init_type, self.init_gain)
    conv = functools.partial(
      layers.Conv, dtype=self.dtype, kernel_init=kernel_init
    )
    spade = functools.partial(
      Spade,
      norm=self._norm(norm, train),
      train=train,
      hidden=self.hidden,
      kernel_size=kernel_size,
      dtype=self.dtype,
      kernel_init=kernel_init,
    )
    block = functools.partial(
      nn.remat(SpadeBlock) if self.remat else SpadeBlock,
      conv=self._spectral(conv, train) if is_spectral else conv,
      spade=spade,
    )

    @functools.cache
    def resized(size):
      return semantics_lib.resize_semantics(semantics, size)

    @functools.cache
    def plan(size):
      if train or not self.sparse:
        return None
      return sparse_modulation.plan(resized(size), kernel_size)

    def draw(x, features, name):
      size = x.shape[1:3]
      return block(features, name=name)(x, resized(size), plan(size))

    widths = [self.features * n for n in (16, 8, 4, 2, 1)]
    if self.upsampling == "most":
      widths.append(self.features // 2)

    if self.use_vae:
      shape = (semantics.shape[0], *size, widths[0])
      x = self._from_latent(z, shape, kernel_init)
    else:
      x = conv(widths[0], kernel_size=3, padding=1, name="fc")(resized(size))
    x = draw(x, widths[0], "head_0")
    x = draw(layers.double(x), widths[0], "middle_0")
    if self.upsampling != "normal":
      x = layers.double(x)
    x = draw(x, widths[0], "middle_1")
    for i, width in enumerate(widths[1:]):
      x = draw(layers.double(x), width, f"up_{i}")
    x = conv(self.output_channels, kernel_size=3, padding=1, name="conv_img")(
      _leaky_relu(x)
    )
    return jnp.tanh(norms.at_least_float32(x))

  def _norm(self, name, train):
    if name == "instance":
      return functools.partial(norms.InstanceNorm, dtype=self.dtype)
    return functools.partial(
      norms.BatchNorm,
      use_running_average=not train,
      affine=False,
      axis_name=self.axis_name,
      dtype=self.dtype,
    )

  def _spectral(self, conv, train):
    # The published models' kernels started so: initialisers did not reach
    # normalised kernels, whose size matters to the optimiser only.
    return functools.partial(
      conv,
      kernel_init=layers.kernel_initializer("torch"),
      kernel_norm=functools.partial(spectral.SpectralNorm, update=train),
    )

  def _from_latent(self, z, shape, kernel_init):
    batch, height, width, features = shape
    if z is None:
      z = jax.random.normal(
        self.make_rng("latent"), (batch, self.latent_size), self.dtype
      )
    if z.shape != (batch, self.latent_size):
      raise ValueError(
        f"latent vectors are {z.shape}; {batch} label maps take "
        f"{(batch, self.latent_size)}"
      )
    x = nn.Dense(
      features * height * width,
      dtype=self.dtype,
      kernel_init=kernel_init,
      name="fc",
    )(z)
    # The original's order, so that its weights fit.
    return x.reshape(batch, features, height, width).transpose(0, 2, 3, 1)
