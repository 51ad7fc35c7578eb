import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft

from gansynth.blending import transforms

# Below and above the size at which products give way to Fourier transforms,
# even and odd, square and not.
SIZES = ((8, 8), (33, 20), (130, 66), (67, 129))


@pytest.fixture(autouse=True)
def x64():
  with jax.enable_x64(True):
    yield


def planes(height, width, batch=(2,)):
  return np.random.default_rng(0).normal(size=(*batch, height, width))


@pytest.mark.parametrize("size", SIZES)
def test_match_scipy(size):
  x = planes(*size)
  for ours, theirs, kind in (
    (transforms.dct, scipy.fft.dctn, 2),
    (transforms.idct, scipy.fft.idctn, 2),
    (transforms.dst, scipy.fft.dstn, 1),
  ):
    np.testing.assert_allclose(
      ours(jnp.asarray(x)),
      theirs(x, kind, axes=(-2, -1), norm="ortho"),
      atol=1e-12,
    )


def uneven(rows, columns):
  # Not symmetric in anything, so that exchanged coefficients show.
  return 1 + rows + 0.3 * columns**2 + 0.1 * rows * columns


@pytest.mark.parametrize("size", SIZES)
def test_divide_cosine(size):
  x = planes(*size, batch=(2, 3))
  rows, columns = (2 - 2 * np.cos(np.pi * np.arange(n) / n) for n in size)
  divisor = uneven(rows[:, None], columns[None])
  expected = scipy.fft.idctn(
    scipy.fft.dctn(x, axes=(-2, -1)) / divisor, axes=(-2, -1)
  )
  found = jax.jit(lambda x: transforms.divide_cosine(x, uneven))(x)
  np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("canvas", [(40, 48), (130, 140)])
def test_divide_cosine_continues_by_mirroring(canvas):
  size = (27, 21)
  x = planes(*canvas)
  inner = x[..., : size[0], : size[1]]
  mirrored = np.pad(
    inner,
    ((0, 0), *((0, n - m) for n, m in zip(canvas, size, strict=True))),
    mode="symmetric",
  )
  found = jax.jit(lambda x, s: transforms.divide_cosine(x, uneven, s))(
    x, np.asarray(size)
  )
  expected = transforms.divide_cosine(jnp.asarray(mirrored), uneven)
  np.testing.assert_allclose(found, expected, atol=1e-12)


def test_float32_stays_accurate_at_low_frequencies():
  # Where 2 - 2 cos would have lost all digits.
  values = transforms.laplacian_eigenvalues(4096).astype(np.float32)
  k = np.arange(4096)
  expected = 2 * np.sin(np.pi * k / 8192) * 2 * np.sin(np.pi * k / 8192)
  np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_one_row():
  x = planes(1, 9)
  columns = 2 - 2 * np.cos(np.pi * np.arange(9) / 9)
  expected = scipy.fft.idct(scipy.fft.dct(x) / (1 + columns))
  found = transforms.divide_cosine(jnp.asarray(x), lambda r, c: 1 + r + c)
  np.testing.assert_allclose(found, expected, atol=1e-12)
