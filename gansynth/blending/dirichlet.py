"""Poisson's equation in a rectangle, 0 on the frame around it, exactly.

The sine transform makes the Laplacian diagonal. It is a product with the
basis after folding: coefficients of odd frequency are those of the sums of
mirrored places, and of even frequency of the differences, so that each
product is with a basis of half the length. On a CPU rows of many pixels are
transformed by real Fourier transforms of twice the length instead, where that
length has small factors only.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gansynth.blending import transforms

# On a CPU from this height on, going down and up the rows once is faster than
# a second transform: three planes of 479 / 959 / 1919 pixels squared take 9 /
# 48 / 194 ms on two cores, with products for the rows 10 / 64 / 337 at about
# these sizes, and with products alone 9 / 60 / 520.
_RECURRENCE_HEIGHT = 256


def invert_laplacian(x: jax.Array) -> jax.Array:
  """Solves A u = x, where A is minus the 5-point Laplacian.

  Args:
    x: planes, (..., H, W), float32 or float64.

  Returns:
    u, (..., H, W), with u = 0 next to the outermost places. In float32 its
    error is about 1e-5 of its maximum.
  """
  if x.shape[-2] < _RECURRENCE_HEIGHT:
    return _by_products(x)
  return lax.platform_dependent(x, cpu=_by_recurrence, default=_by_products)


def _by_products(x):
  rows, row_values = _folded_sines(x.shape[-2], x.dtype)
  columns, column_values = _folded_sines(x.shape[-1], x.dtype)

  def solve(x, i, k):
    x = _matmul(_matmul(rows[i], x), columns[k].T)
    x /= jnp.expand_dims(
      row_values[i][:, None] + column_values[k][None], range(x.ndim - 2)
    )
    return _matmul(_matmul(rows[i].T, x), columns[k])

  halves = [
    _unfold(*(solve(part, i, k) for k, part in enumerate(_fold(half, -1))), -1)
    for i, half in enumerate(_fold(x, -2))
  ]
  return _unfold(*halves, -2)


def _by_recurrence(x):
  """Sines along the rows, and elimination from row to row.

  Plane by plane, so that what is needed stays small.
  """
  period = x.shape[-1] + 1
  if _has_small_factors(period):
    values = jnp.asarray(
      4 * np.sin(np.pi * np.arange(1, period) / (2 * period)) ** 2, x.dtype
    )
    forwards = backwards = _fourier_sines
  else:
    columns, values = _folded_sines(x.shape[-1], x.dtype)
    values = jnp.concatenate(values)

    def forwards(x):
      parts = zip(_fold(x, -1), columns, strict=True)
      return jnp.concatenate([_matmul(part, c.T) for part, c in parts], -1)

    def backwards(x):
      parts = zip(jnp.split(x, [len(columns[0])], -1), columns, strict=True)
      return _unfold(*(_matmul(part, c) for part, c in parts), -1)

  planes = [
    backwards(_eliminate(forwards(plane), values))
    for plane in x.reshape(-1, *x.shape[-2:])
  ]
  return jnp.stack(planes).reshape(x.shape)


def _eliminate(b, values):
  """Solves (minus second differences down the rows + values) u = b.

  Rows first. u = d + (1 - e) times u of the next row; e as it is and not
  1 - e is what keeps the digits of small eigenvalues.
  """

  def down(carry, b):
    e, d = carry
    e = (values + e) / (1 + values + e)
    d = b + d
    d -= e * d
    return (e, d), (e, d)

  def up(u, row):
    e, d = row
    u = d + (u - e * u)
    return u, u

  zero = jnp.zeros_like(values)
  _, rows = lax.scan(down, (jnp.ones_like(values), zero), b)
  return lax.scan(up, zero, rows, reverse=True)[1]


def _fourier_sines(x):
  """The sine transform of rows, its own inverse, by a real Fourier one."""
  period = x.shape[-1] + 1
  spectrum = jnp.fft.rfft(jnp.pad(x, ((0, 0), (1, period))))
  return -np.sqrt(2 / period).astype(x.dtype) * spectrum[:, 1:period].imag


def _has_small_factors(number: int) -> bool:
  """Whether Fourier transforms of this length are fast."""
  for prime in (2, 3, 5, 7, 11, 13):
    while number % prime == 0:
      number //= prime
  return number == 1


def _folded_sines(length, dtype):
  """Sums' and differences' halves of the basis, and their eigenvalues."""
  pairs = [_folded_sine(length, parity) for parity in (0, 1)]
  return tuple(
    tuple(jnp.asarray(x, dtype) for x in arrays)
    for arrays in zip(*pairs, strict=True)
  )


@functools.lru_cache(maxsize=64)
def _folded_sine(length, parity):
  """Frequencies 1, 3, ... (parity 0) or 2, 4, ... over half the places."""
  k = np.arange(1 + parity, length + 1, 2)
  basis = transforms.sine_basis(length)[k - 1, : (length + 1 - parity) // 2]
  return basis, 4 * np.sin(np.pi * k / (2 * (length + 1))) ** 2


def _fold(x, axis):
  length = x.shape[axis]
  half, axis = length // 2, axis + x.ndim
  first = lax.slice_in_dim(x, 0, half, axis=axis)
  middle = lax.slice_in_dim(x, half, length - half, axis=axis)
  last = jnp.flip(lax.slice_in_dim(x, length - half, length, axis=axis), axis)
  return jnp.concatenate([first + last, middle], axis), first - last


def _unfold(sums, differences, axis):
  axis += sums.ndim
  half = differences.shape[axis]
  first = lax.slice_in_dim(sums, 0, half, axis=axis)
  middle = lax.slice_in_dim(sums, half, sums.shape[axis], axis=axis)
  last = jnp.flip(first - differences, axis)
  return jnp.concatenate([first + differences, middle, last], axis)


_matmul = functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST)
