"""Forms of convolution that XLA's CPU back end computes well.

Every function equals a plain `lax.conv_general_dilated` (which
`convolution` uses elsewhere) up to rounding. What they avoid, measured on two
cores at the sizes of the CycleGAN generator at 256 pixels (jax 0.10 and 0.12):

- A convolution without any padding is six times slower on jax 0.10; one
  padded row, cut off again, cures it.
- A convolution of a zero-padded picture to few channels is up to five times
  slower than one of a picture that has been padded in memory.
- Strided adjoints by `lhs_dilation` multiply mostly zeros: here they are
  stride-many dense convolutions, or one matrix product with overlapping sums.
- A kernel gradient towards few channels is slow, the one from few channels is
  not, and they are the same sums.
- Kernel gradients of 4x4 taps with stride 1, as in discriminators of patches,
  take 13 s in place of 50 ms as a product for each tap, which is also faster
  for strides and for 1x1.
- Convolutions whose kernel is larger than the patches it meets take two to
  six times as long as a product with these patches. A 1x1 kernel that reads
  512 channels or more takes up to one and a half times as long as the product
  that it is; with fewer channels it is the faster one.
- 3x3 kernels between many channels take less time in Winograd's form, half
  of it at best.

Half precision is computed in float32, which this back end does anyway.
"""

import functools
import math

import jax.numpy as jnp
from jax import lax

from gansynth.models import winograd

_PICTURES = ("NHWC", "HWIO", "NHWC")
_FEW_CHANNELS = 8
_DEEP_CHANNELS = 512
_MANY_CHANNELS = 128
_FEW_POSITIONS = 128
_SOME_POSITIONS = 512


def _in_float32(function):
  """Computes 16-bit operands in float32, rounding the result once."""

  @functools.wraps(function)
  def wrapped(geometry, *operands):
    dtype = operands[0].dtype
    if dtype in (jnp.bfloat16, jnp.float16):
      operands = [a.astype(jnp.float32) for a in operands]
    return function(geometry, *operands).astype(dtype)

  return wrapped


@_in_float32
def correlate(geometry, x, kernel):
  """Maps (batch, H, W, i) and (h, w, i, o) to (batch, H', W', o)."""
  pads = _pads(geometry)
  if geometry.strides == 1 and winograd.suits(
    geometry.kernel, kernel.shape[2:], x, geometry.output
  ):
    correlate = functools.partial(
      winograd.correlate,
      winograd.transform_kernel(kernel, x),
      pads,
      geometry.output,
    )
    return winograd.each_picture(correlate, x)
  few = len(x) * math.prod(geometry.output) < kernel.shape[-1]
  if few or _is_deep_mix(geometry, kernel):
    return _correlate_patches(geometry, x, kernel)
  if geometry.strides == 1:
    return _correlate_densely(x, kernel, pads)
  return _convolve(x, kernel, geometry.strides, pads)


@_in_float32
def spread(geometry, g, kernel):
  """Maps (batch, H', W', o) and (h, w, i, o) to (batch, H, W, i)."""
  if geometry.strides == 1:
    pads = [
      (taps - 1 - pad,) * 2
      for taps, pad in zip(geometry.kernel, geometry.pads, strict=True)
    ]
    if winograd.suits(geometry.kernel, kernel.shape[2:], g, geometry.size):
      correlate = functools.partial(
        winograd.correlate,
        winograd.transform_adjoint_kernel(kernel, g),
        pads,
        geometry.size,
      )
      return winograd.each_picture(correlate, g)
  products = g.size // g.shape[-1] * math.prod(kernel.shape[:3])
  in_cache = products * g.dtype.itemsize <= winograd.CACHE_BYTES
  if geometry.strides == 1 and not (
    in_cache and kernel.shape[-1] >= _MANY_CHANNELS
  ):
    return _correlate_densely(g, _adjoint_kernel(kernel), pads)
  if in_cache:
    phase = _product_phases(geometry, g, kernel)
  else:
    phase = _convolution_phases(geometry, g, kernel)
  return _interleave(geometry, phase)


@_in_float32
def correlate_all(geometry, x, g):
  """Maps (batch, H, W, i) and (batch, H', W', o) to (h, w, i, o)."""
  step = geometry.strides
  channels = x.shape[-1], g.shape[-1]
  positions = math.prod(g.shape[:3])
  if step == 1:
    if winograd.suits(
      geometry.kernel, channels, x, g.shape[1:3], in_cache=False
    ):
      correlate_all = functools.partial(winograd.correlate_all, geometry.pads)
      return winograd.each_picture(correlate_all, x, g, total=True)
    if channels[1] <= _FEW_CHANNELS < channels[0]:
      return _correlate_all_swapped(geometry, x, g)
  if positions <= _FEW_POSITIONS:
    return _correlate_all_patches(geometry, x, g)
  if (
    step > 1
    or positions <= _SOME_POSITIONS
    or any(taps % 2 == 0 or taps == 1 for taps in geometry.kernel)
  ):
    correlate_all = functools.partial(_correlate_all_taps, geometry)
    return winograd.each_picture(correlate_all, x, g, total=True)
  return lax.conv_general_dilated(
    x,
    g,
    (1, 1),
    _pads(geometry),
    rhs_dilation=(step, step),
    dimension_numbers=("CHWN", "IHWO", "HWNC"),
  )


def reflect_fold(padding, g):
  """The adjoint of a reflection padding, touching borders only."""
  for axis in (1, 2):
    length = g.shape[axis] - 2 * padding

    def border(start, g=g, axis=axis):
      return jnp.flip(
        lax.slice_in_dim(g, start, start + padding, axis=axis), axis
      )

    x = lax.slice_in_dim(g, padding, padding + length, axis=axis)
    for start, part in (
      (1, border(0)),
      (length - 1 - padding, border(padding + length)),
    ):
      old = lax.slice_in_dim(x, start, start + padding, axis=axis)
      x = lax.dynamic_update_slice_in_dim(x, old + part, start, axis)
    g = x
  return g


def _pads(geometry):
  """Zeros before and after, so that exactly what is read is there."""
  return [
    (pad, taps + (length - 1) * geometry.strides - size - pad)
    for size, taps, length, pad in zip(
      geometry.size,
      geometry.kernel,
      geometry.output,
      geometry.pads,
      strict=True,
    )
  ]


def _is_deep_mix(geometry, kernel):
  """Whether many channels are mixed at every pixel."""
  is_mix = geometry.kernel == (1, 1) and geometry.strides == 1
  return is_mix and kernel.shape[2] >= _DEEP_CHANNELS


def _convolve(x, kernel, step, pads):
  bare = not any(map(any, pads)) and math.prod(kernel.shape[:2]) > 1
  if bare:
    pads = [(0, step), (0, 0)]
  y = lax.conv_general_dilated(
    x, kernel, (step, step), pads, dimension_numbers=_PICTURES
  )
  return y[:, :-1] if bare else y


def _correlate_densely(x, kernel, pads):
  if kernel.shape[-1] <= _FEW_CHANNELS and any(map(any, pads)):
    # The barrier keeps XLA from folding the zeros back into the convolution.
    x = lax.optimization_barrier(winograd.zero_pad(x, pads))
    pads = [(0, 0), (0, 0)]
  return _convolve(x, kernel, 1, pads)


def _adjoint_kernel(kernel):
  return jnp.flip(kernel, (0, 1)).swapaxes(2, 3)


def _taps(geometry, axis, phase):
  """Which taps make the result's rows `phase` + multiples of the step.

  Returns:
    The first tap, how many there are (one every step), and by how many rows
    the first one's row of the input lies ahead of the result's.
  """
  step = geometry.strides
  ahead, first = divmod(phase + geometry.pads[axis], step)
  return first, len(range(first, geometry.kernel[axis], step)), ahead


def _phase_lengths(geometry):
  return [-(-size // geometry.strides) for size in geometry.size]


def _interleave(geometry, phase):
  """Puts the phases' pictures between each other: depth to space."""
  step = geometry.strides
  rows = [
    jnp.stack([phase(i, j) for j in range(step)], axis=3) for i in range(step)
  ]
  y = jnp.stack(rows, axis=2)
  batch, height, _, width, _, channels = y.shape
  y = y.reshape(batch, height * step, width * step, channels)
  return y[:, : geometry.size[0], : geometry.size[1]]


def _convolution_phases(geometry, g, kernel):
  """Each phase by a dense convolution with every step-th tap."""
  step = geometry.strides
  lengths = _phase_lengths(geometry)

  def phase(i, j):
    taps = [_taps(geometry, 0, i), _taps(geometry, 1, j)]
    if not (taps[0][1] and taps[1][1]):
      return jnp.zeros((g.shape[0], *lengths, kernel.shape[2]), g.dtype)
    part = kernel[taps[0][0] :: step, taps[1][0] :: step]
    pads = [
      (count - 1 - ahead, length - size + ahead)
      for (_, count, ahead), length, size in zip(
        taps, lengths, g.shape[1:3], strict=True
      )
    ]
    return _convolve(g, _adjoint_kernel(part), 1, pads)

  return phase


def _product_phases(geometry, g, kernel):
  """All taps by one matrix product, whose results the phases add up."""
  step = geometry.strides
  lengths = _phase_lengths(geometry)
  channels = kernel.shape[-1]
  products = lax.dot_general(
    g.reshape(-1, channels),
    kernel.reshape(-1, channels),
    (((1,), (1,)), ((), ())),
  ).reshape(*g.shape[:3], *kernel.shape[:3])

  def phase(i, j):
    rows, columns = _taps(geometry, 0, i), _taps(geometry, 1, j)
    total = jnp.zeros((g.shape[0], *lengths, kernel.shape[2]), g.dtype)
    for a in range(rows[1]):
      for b in range(columns[1]):
        shifts = a - rows[2], b - columns[2]
        pads = [
          (shift, length - size - shift)
          for shift, length, size in zip(
            shifts, lengths, g.shape[1:3], strict=True
          )
        ]
        tap = products[:, :, :, rows[0] + step * a, columns[0] + step * b]
        total += winograd.zero_pad(tap, pads)
    return total

  return phase


def _correlate_all_swapped(geometry, x, g):
  """The kernel gradient of the correlation that takes g to x, reversed."""
  pads = [
    (taps - 1 - pad, size - length + pad)
    for taps, size, length, pad in zip(
      geometry.kernel,
      geometry.size,
      geometry.output,
      geometry.pads,
      strict=True,
    )
  ]
  kernel = lax.conv_general_dilated(
    lax.optimization_barrier(winograd.zero_pad(g, pads)),
    x,
    (1, 1),
    ((0, 0), (0, 0)),
    dimension_numbers=("CHWN", "IHWO", "HWNC"),
  )
  return _adjoint_kernel(kernel)


def _correlate_patches(geometry, x, kernel):
  """One matrix product of patches and kernel, where results are few."""
  patches = jnp.concatenate(_seen_by_taps(geometry, x), axis=-1)
  y = lax.dot_general(
    patches.reshape(-1, patches.shape[-1]),
    kernel.reshape(-1, kernel.shape[-1]),
    (((1,), (0,)), ((), ())),
  )
  return y.reshape(len(x), *geometry.output, -1)


def _correlate_all_patches(geometry, x, g):
  """One matrix product of patches and results, where these are few."""
  patches = jnp.concatenate(_seen_by_taps(geometry, x), axis=-1)
  kernel = _outer_product(patches, g)
  return kernel.reshape(*geometry.kernel, x.shape[-1], g.shape[-1])


def _correlate_all_taps(geometry, x, g):
  """One matrix product for each tap, of what it sees and results."""
  kernel = [_outer_product(seen, g) for seen in _seen_by_taps(geometry, x)]
  kernel = jnp.stack(kernel)
  return kernel.reshape(*geometry.kernel, x.shape[-1], g.shape[-1])


def _outer_product(x, g):
  return lax.dot_general(
    x.reshape(-1, x.shape[-1]),
    g.reshape(-1, g.shape[-1]),
    (((0,), (0,)), ((), ())),
  )


def _seen_by_taps(geometry, x):
  """Lists what each tap sees, each (batch, H', W', i)."""
  x = winograd.zero_pad(x, _pads(geometry))
  batch, _, _, channels = x.shape
  height, width = geometry.output
  step = geometry.strides
  return [
    lax.slice(
      x,
      (0, i, j, 0),
      (
        batch,
        i + (height - 1) * step + 1,
        j + (width - 1) * step + 1,
        channels,
      ),
      (1, step, step, 1),
    )
    for i in range(geometry.kernel[0])
    for j in range(geometry.kernel[1])
  ]
