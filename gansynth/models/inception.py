"""The Inception network of the Frechet Inception distance.

It is the graph `inception-2015-12-05` of TensorFlow with its weights, not
torchvision's Inception v3: its average pools leave out what lies beyond the
picture, and its last block pools by maxima.

References: Szegedy et al., "Rethinking the Inception Architecture for
Computer Vision", CVPR 2016; Heusel et al., "GANs Trained by a Two Time-Scale
Update Rule Converge to a Local Nash Equilibrium", NeurIPS 2017.
"""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gansynth.models import convolution, layers, norms, pooling

SIZE = 299  # pixels a side that pictures are resized to
MIN_SIZE = 75
DIMS = {64: 0, 192: 1, 768: 2, 2048: 3}  # widths of the taps

_EPSILON = 1e-3
# Layers of 1x1 taps that read a block's input, beside each other.
_ENTRY = "entry"
_POOL_LAYER = "branch_pool"  # the one that reads it pooled
_AVERAGE, _MAX = "average", "max"
_POOLS = {"Mixed_7c": _MAX}  # of blocks that do not average


class FidInception(nn.Module):
  """Features of pictures at four depths.

  Layers are named as in PyTorch's port of the network. They mean something
  with the published weights only.
  """

  taps: tuple[int, ...] = (0, 1, 2, 3)  # which to compute, in any order
  folded: bool = False  # whether variables are those that `fold` returns
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, pictures: jax.Array, train: bool = False, pooled: bool = True
  ) -> list[jax.Array]:
    """Computes features; what lies behind the last tap is not computed.

    Args:
      pictures: (batch, height, width, 3) in [-1, 1], of at least 75 pixels a
        side. The distance is defined at 299 x 299, where they come to by
        bilinear resizing.
      train: of no effect; running statistics are used.
      pooled: whether features are averaged over the picture.

    Returns:
      For each tap float32 (batch, channels) with 64, 192, 768 and 2048
      channels for the taps 0 to 3, or, not pooled, (batch, height', width',
      channels), which at 299 pixels are 73, 35, 17 and 8 a side.

    Raises:
      ValueError: pictures are too small, or there is no such tap.
    """
    del train
    if not self.taps or not set(self.taps) <= {0, 1, 2, 3}:
      raise ValueError(f"taps are {self.taps}; choose of 0, 1, 2, 3")
    if min(pictures.shape[1:3]) < MIN_SIZE:
      raise ValueError(
        f"pictures of {pictures.shape[1]} x {pictures.shape[2]} (height x "
        f"width) are too small for Inception; resize them to {SIZE} x {SIZE}, "
        f"or at least {MIN_SIZE}"
      )
    found, x = {}, pictures.astype(self.dtype)
    for tap, stage in enumerate((_stem, _widen, _middle, _last)):
      x = stage(self, x)
      found[tap] = x
      if tap == max(self.taps):
        break
    results = [norms.at_least_float32(found[tap]) for tap in self.taps]
    return [x.mean((1, 2)) for x in results] if pooled else results


def _options(module):
  return {"folded": module.folded, "dtype": module.dtype}


def _stem(module, x):
  options = _options(module)
  x = _Layer(32, 3, strides=2, name="Conv2d_1a_3x3", **options)(x)
  x = _Layer(32, 3, name="Conv2d_2a_3x3", **options)(x)
  x = _Layer(64, 3, padding=1, name="Conv2d_2b_3x3", **options)(x)
  return pooling.max_pool_3x3(x)


def _widen(module, x):
  options = _options(module)
  x = _Layer(80, 1, name="Conv2d_3b_1x1", **options)(x)
  x = _Layer(192, 3, name="Conv2d_4a_3x3", **options)(x)
  return pooling.max_pool_3x3(x)


def _middle(module, x):
  options = _options(module)
  for letter, width in (("b", 32), ("c", 64), ("d", 64)):
    x = _BlockA(width, name=f"Mixed_5{letter}", **options)(x)
  x = _BlockB(name="Mixed_6a", **options)(x)
  for letter, width in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
    x = _BlockC(width, name=f"Mixed_6{letter}", **options)(x)
  return x


def _last(module, x):
  options = _options(module)
  x = _BlockD(name="Mixed_7a", **options)(x)
  for letter in "bc":
    x = _BlockE(name=f"Mixed_7{letter}", **options)(x)
  return x


class _Layer(nn.Module):
  """Convolution, batch normalisation, ReLU; folded: bias, ReLU."""

  features: int
  kernel_size: int | tuple[int, int]
  strides: int = 1
  padding: int | tuple[int, int] = 0
  folded: bool = False
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    size = self.kernel_size
    if isinstance(size, int):
      size = size, size
    shape = (*size, x.shape[-1], self.features)
    if self.folded:
      kernel = self.param("kernel", nn.initializers.zeros, shape)
    else:
      kernel = _Kernel(shape, name="conv")()
    x = convolution.conv2d(
      x, kernel.astype(self.dtype), strides=self.strides, padding=self.padding
    )
    if self.folded:
      return nn.relu(x + _bias(self, self.features))
    return nn.relu(_norm(self.dtype)(x))


class _Kernel(nn.Module):
  """The kernel of a convolution alone."""

  shape: tuple[int, ...]

  @nn.compact
  def __call__(self) -> jax.Array:
    initializer = layers.kernel_initializer("kaiming")
    return self.param("kernel", initializer, self.shape)


def _norm(dtype):
  return norms.BatchNorm(
    use_running_average=True, epsilon=_EPSILON, dtype=dtype, name="bn"
  )


def _bias(module, features):
  bias = module.param("bias", nn.initializers.zeros, (features,))
  return bias.astype(module.dtype)[None, None, None]


class _Entry(nn.Module):
  """Folded layers of 1x1 taps that read one picture, by one product.

  A mean over pixels and a mix of channels change places, so the last layer's
  average pool, if it has one, is taken of its few channels.
  """

  widths: tuple[int, ...]
  average: bool  # whether the last layer's input is pooled
  dtype: layers.Dtype

  @nn.compact
  def __call__(self, x: jax.Array) -> list[jax.Array]:
    shape = (1, 1, x.shape[-1], sum(self.widths))
    kernel = self.param("kernel", nn.initializers.zeros, shape)
    y = convolution.conv2d(x, kernel.astype(self.dtype))
    biases = _bias(self, shape[-1])
    ends = np.cumsum(self.widths)[:-1]
    parts = jnp.split(y, ends, -1)
    if self.average:
      parts[-1] = pooling.mean_pool_3x3(parts[-1])
    biases = jnp.split(biases, ends, -1)
    return [nn.relu(a + b) for a, b in zip(parts, biases, strict=True)]


class _Block(nn.Module):
  """What the blocks have in common."""

  width: int = 0  # of the layers that differ between blocks of a kind
  folded: bool = False
  dtype: layers.Dtype = jnp.float32

  def layer(self, name: str, features: int, size, x, strides=1, padding=0):
    return _Layer(
      features,
      size,
      strides=strides,
      padding=padding,
      folded=self.folded,
      dtype=self.dtype,
      name=name,
    )(x)

  def wide(self, name, features, x, taps=7):
    """A layer of one row of taps."""
    return self.layer(name, features, (1, taps), x, padding=(0, taps // 2))

  def tall(self, name, features, x, taps=7):
    """A layer of one column of taps."""
    return self.layer(name, features, (taps, 1), x, padding=(taps // 2, 0))

  def entries(self, x: jax.Array, **widths: int) -> list[jax.Array]:
    """Results of layers of 1x1 taps on a block's input, by name and width.

    Of `branch_pool`, which is the last if it is there, on the pooled input.
    """
    pool = _POOLS.get(self.name, _AVERAGE)
    inputs = dict.fromkeys(widths, x)
    if _POOL_LAYER in widths and not (self.folded and pool == _AVERAGE):
      inputs[_POOL_LAYER] = _pooled(x, pool)
    apart = [k for k in widths if not self.folded or inputs[k] is not x]
    results = [self.layer(k, widths.pop(k), 1, inputs[k]) for k in apart]
    if not widths:
      return results
    average = _POOL_LAYER in widths
    entry = _Entry(tuple(widths.values()), average, self.dtype, name=_ENTRY)
    return entry(x) + results


def _pooled(x, pool):
  if pool == _MAX:
    return pooling.max_pool_3x3(x, strides=1, padding=1)
  return pooling.mean_pool_3x3(x)


class _BlockA(_Block):
  @nn.compact
  def __call__(self, x):
    one, double, five, pool = self.entries(
      x,
      branch1x1=64,
      branch3x3dbl_1=64,
      branch5x5_1=48,
      branch_pool=self.width,
    )
    five = self.layer("branch5x5_2", 64, 5, five, padding=2)
    double = self.layer("branch3x3dbl_2", 96, 3, double, padding=1)
    double = self.layer("branch3x3dbl_3", 96, 3, double, padding=1)
    return jnp.concatenate([one, five, double, pool], -1)


class _BlockB(_Block):
  @nn.compact
  def __call__(self, x):
    (double,) = self.entries(x, branch3x3dbl_1=64)
    double = self.layer("branch3x3dbl_2", 96, 3, double, padding=1)
    double = self.layer("branch3x3dbl_3", 96, 3, double, strides=2)
    three = self.layer("branch3x3", 384, 3, x, strides=2)
    return jnp.concatenate([three, double, pooling.max_pool_3x3(x)], -1)


class _BlockC(_Block):
  @nn.compact
  def __call__(self, x):
    width = self.width
    one, seven, double, pool = self.entries(
      x,
      branch1x1=192,
      branch7x7_1=width,
      branch7x7dbl_1=width,
      branch_pool=192,
    )
    seven = self.wide("branch7x7_2", width, seven)
    seven = self.tall("branch7x7_3", 192, seven)
    double = self.tall("branch7x7dbl_2", width, double)
    double = self.wide("branch7x7dbl_3", width, double)
    double = self.tall("branch7x7dbl_4", width, double)
    double = self.wide("branch7x7dbl_5", 192, double)
    return jnp.concatenate([one, seven, double, pool], -1)


class _BlockD(_Block):
  @nn.compact
  def __call__(self, x):
    three, seven = self.entries(x, branch3x3_1=192, branch7x7x3_1=192)
    three = self.layer("branch3x3_2", 320, 3, three, strides=2)
    seven = self.wide("branch7x7x3_2", 192, seven)
    seven = self.tall("branch7x7x3_3", 192, seven)
    seven = self.layer("branch7x7x3_4", 192, 3, seven, strides=2)
    return jnp.concatenate([three, seven, pooling.max_pool_3x3(x)], -1)


class _BlockE(_Block):
  @nn.compact
  def __call__(self, x):
    one, three, double, pool = self.entries(
      x,
      branch1x1=320,
      branch3x3_1=384,
      branch3x3dbl_1=448,
      branch_pool=192,
    )
    double = self.layer("branch3x3dbl_2", 384, 3, double, padding=1)
    parts = [
      part
      for name, y in (("branch3x3_2", three), ("branch3x3dbl_3", double))
      for part in (
        self.wide(f"{name}a", 384, y, taps=3),
        self.tall(f"{name}b", 384, y, taps=3),
      )
    ]
    return jnp.concatenate([one, *parts, pool], -1)


def fold(variables: Mapping[str, Any]) -> dict[str, Any]:
  """Multiplies batch normalisation into the kernels, exact up to rounding.

  Layers that read one picture by 1x1 taps become one layer. The result is
  computed once on the host and is for `FidInception(folded=True)`, whose
  features are the same at less cost.

  Args:
    variables: of `FidInception(folded=False)`.

  Returns:
    {"params": ...} of NumPy arrays of the same types.
  """
  params, statistics = (
    jax.tree.map(np.asarray, dict(variables[name]))
    for name in ("params", "batch_stats")
  )
  return {"params": _folded(params, statistics)}


def _folded(params, statistics):
  folded = {}
  for name, parts in params.items():
    if "conv" in parts:
      folded[name] = _folded_layer(parts, statistics[name]["bn"])
    else:
      pool = _POOLS.get(name, _AVERAGE)
      folded[name] = _merged(_folded(parts, statistics[name]), pool)
  return folded


def _merged(block, pool):
  """Puts the layers that `_Entry` computes beside each other, in its order."""
  entries = [
    name
    for name in sorted(block)
    if block[name]["kernel"].shape[:2] == (1, 1)
    and not (name == _POOL_LAYER and pool == _MAX)
  ]
  layers = [block.pop(name) for name in entries]
  block[_ENTRY] = jax.tree.map(lambda *x: np.concatenate(x, -1), *layers)
  return block


def _folded_layer(params, statistics):
  kernel, norm = params["conv"]["kernel"], params["bn"]
  variance = statistics["var"].astype(np.float64)
  factor = norm["scale"] / np.sqrt(variance + _EPSILON)
  bias = norm["bias"] - statistics["mean"] * factor
  return {
    "kernel": (kernel * factor).astype(kernel.dtype),
    "bias": bias.astype(kernel.dtype),
  }
