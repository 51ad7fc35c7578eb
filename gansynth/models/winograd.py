"""Winograd's form of 3x3 correlations, F(2x2, 3x3), for CPUs.

Tiles of 2x2 results take 16 multiplications for each pair of channels in
place of 36. With 128 channels or more that is half the time, with 64 four
fifths where a picture stays in the cache, with errors of the same size.
Larger tiles would save more products and be less exact; those of 4x4 spend
all of it on their transforms here.

Reference: Lavin and Gray, "Fast Algorithms for Convolutional Neural
Networks", CVPR 2016.
"""

import math

import jax.numpy as jnp
from jax import lax

# Beyond this, what is written has left the cache before it is read.
CACHE_BYTES = 20 * 2**20
_MIN_CHANNELS = 128
_MIN_CHANNELS_IN_CACHE = 64
_MIN_POSITIONS = 256


def zero_pad(x, pads):
  """Pads height and width; negative numbers cut off."""
  zero = jnp.zeros((), x.dtype)
  return lax.pad(x, zero, ((0, 0, 0), *((*p, 0) for p in pads), (0, 0, 0)))


def suits(kernel_size, channels, x, output, in_cache=True):
  """Whether saved products outweigh transforming pixels and taps.

  Args:
    kernel_size: its height and width.
    channels: numbers of inputs and outputs.
    x: the pictures read.
    output: height and width of the result.
    in_cache: whether transforms are cheaper where a picture's stay in cache,
      as those of correlations are and those of kernel gradients are not.
  """
  positions = x.shape[0] * math.prod(output)
  tiles = 4 * math.prod(output) * max(channels) * x.dtype.itemsize
  small = in_cache and tiles <= CACHE_BYTES
  return (
    tuple(kernel_size) == (3, 3)
    and min(channels) >= (_MIN_CHANNELS_IN_CACHE if small else _MIN_CHANNELS)
    and positions >= max(_MIN_POSITIONS, max(channels) // 2)
  )


def each_picture(function, *pictures, total=False):
  """Takes pictures one by one where a batch's tiles would leave the cache."""
  tiles = 4 * max(x.size * x.dtype.itemsize for x in pictures)
  if len(pictures[0]) == 1 or tiles <= CACHE_BYTES:
    return function(*pictures)
  parts = lax.map(lambda x: function(*x), tuple(x[:, None] for x in pictures))
  return parts.sum(0) if total else parts[:, 0]


def correlate(kernel, pads, output, x):
  """A 3x3 correlation by 16 matrix products over tiles of 2x2 results.

  Args:
    kernel: 4x4 lists of (i, o), see `transform_kernel`.
    pads: zeros before and after each axis.
    output: height and width of the result.
    x: (batch, height, width, i).

  Returns:
    (batch, *output, o).
  """
  tiles = [-(-length // 2) for length in output]
  shape = (x.shape[0], *tiles, -1)
  m = [
    [_product(v, u, 1).reshape(shape) for v, u in zip(*row, strict=True)]
    for row in zip(_tiles(x, pads, tiles), kernel, strict=True)
  ]

  def combine(m):
    return m[0] + m[1] + m[2], m[1] - m[2] - m[3]

  rows = [combine(row) for row in m]
  pairs = [combine([row[c] for row in rows]) for c in range(2)]
  y = jnp.stack(
    [jnp.stack([pairs[c][r] for c in range(2)], 3) for r in range(2)], 2
  )
  y = y.reshape(x.shape[0], 2 * tiles[0], 2 * tiles[1], -1)
  return y[:, : output[0], : output[1]]


def correlate_all(before, x, g):
  """The kernel gradient of `correlate`: the same steps reversed.

  Args:
    before: zeros above and left of the picture.
    x: (batch, height, width, i).
    g: (batch, *output, o).

  Returns:
    (3, 3, i, o).
  """
  tiles = [-(-length // 2) for length in g.shape[1:3]]
  g = zero_pad(
    g,
    [
      (0, 2 * count - length)
      for count, length in zip(tiles, g.shape[1:3], strict=True)
    ],
  )

  def expand(a, b):
    return a, a + b, a - b, -b

  rows = zip(
    *(expand(g[:, ::2, c::2], g[:, 1::2, c::2]) for c in range(2)), strict=True
  )
  m = [expand(*row) for row in rows]
  u = [
    [_product(v, part, 0) for v, part in zip(*row, strict=True)]
    for row in zip(_tiles(x, [(p, 0) for p in before], tiles), m, strict=True)
  ]

  def reduce(u):
    total, difference = (u[1] + u[2]) / 2, (u[1] - u[2]) / 2
    return u[0] + total, difference, total + u[3]

  rows = [reduce(row) for row in u]
  columns = [reduce([row[c] for row in rows]) for c in range(3)]
  return jnp.stack(
    [jnp.stack([columns[c][r] for c in range(3)]) for r in range(3)]
  )


def _product(a, b, axis):
  """Contracts the `axis` of a's matrix with b's first; two axes are fast."""
  a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
  return lax.dot_general(a, b, (((axis,), (0,)), ((), ())))


def _tiles(x, pads, tiles):
  """The 4x4 transformed pixels of overlapping tiles, each (b, h, w, i)."""
  x = zero_pad(
    x,
    [
      (low, 2 * count + 2 - length - low)
      for (low, _), count, length in zip(pads, tiles, x.shape[1:3], strict=True)
    ],
  )

  def transform(x, axis):
    end = 2 * tiles[axis - 1] - 1
    d = [lax.slice_in_dim(x, i, i + end, 2, axis) for i in range(4)]
    return d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]

  return [transform(row, 2) for row in transform(x, 1)]


def transform_kernel(kernel, x):
  """The 4x4 transformed taps, each (i, o).

  What comes of parameters alone XLA computes before anything else, to hold it
  until its layer is reached: 64 MiB for a layer of 1024 channels, 1.2 GiB for
  pix2pixHD's generator, which the system must find and clear for each call.
  Large kernels therefore wait for the picture, at the price that a kernel that
  is used several times is transformed as often. Small ones, quickly read
  again, are transformed once.

  Args:
    kernel: (3, 3, i, o).
    x: the pictures it is for.
  """
  if 16 * math.prod(kernel.shape[2:]) * kernel.dtype.itemsize > CACHE_BYTES:
    kernel = kernel + _zero_of(x).astype(kernel.dtype)

  def transform(taps):
    outer = taps[0] + taps[2]
    return (
      taps[0],
      (outer + taps[1]) / 2,
      (outer - taps[1]) / 2,
      taps[2],
    )

  rows = transform([kernel[i] for i in range(3)])
  return [transform([row[j] for j in range(3)]) for row in rows]


def transform_adjoint_kernel(kernel, x):
  """`transform_kernel` of the kernel turned around, from i to o reversed.

  Turned taps are the same transformed ones in another order.
  """
  u = transform_kernel(kernel, x)
  order = (3, 1, 2, 0)
  return [[u[i][j].T for j in order] for i in order]


def _zero_of(x):
  """A 0 that cannot be known before x, whatever is in it, infinities too.

  `lax.optimization_barrier` does not do: XLA's CPU back end removes it before
  it orders what it computes.
  """
  first = x[(0,) * x.ndim]
  unsigned = jnp.dtype(f"uint{8 * x.dtype.itemsize}")
  bits = lax.bitcast_convert_type(first, unsigned)
  sign = bits >> (8 * x.dtype.itemsize - 1)
  return sign >> 1
