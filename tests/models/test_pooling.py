"""Pooling against windows cut out one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.models import pooling, semantics

SIZES = [(6, 8), (5, 7), (1, 4)]


def draw(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def window_means(x):
  batch, height, width, channels = x.shape
  y = np.zeros((batch, (height + 1) // 2, (width + 1) // 2, channels))
  for i, j in np.ndindex(*y.shape[1:3]):
    rows = slice(max(2 * i - 1, 0), 2 * i + 2)
    columns = slice(max(2 * j - 1, 0), 2 * j + 2)
    y[:, i, j] = x[:, rows, columns].mean((1, 2))
  return y


def label_map(size, num_planes):
  rng = np.random.default_rng(1)
  planes = draw(2, 2, *size, num_planes) if num_planes else None
  labels = rng.integers(0, 250, (2, *size)).astype(np.uint8)
  return semantics.LabelMap(
    jnp.asarray(labels), planes if planes is None else jnp.asarray(planes), 256
  )


@pytest.mark.parametrize("size", SIZES)
def test_average_pool_of_pictures(size):
  x = draw(0, 2, *size, 3)
  y = pooling.average_pool(jnp.asarray(x))
  assert y.dtype == jnp.float32
  np.testing.assert_allclose(y, window_means(x), atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("num_planes", [0, 2])
def test_average_pool_of_a_label_map_has_shares(size, num_planes):
  x = label_map(size, num_planes)
  y = pooling.average_pool(x)
  np.testing.assert_allclose(y, window_means(np.asarray(x.dense())), atol=1e-6)
  np.testing.assert_allclose(y[..., :256].sum(-1), 1, atol=1e-6)
  assert pooling.average_pool(x, jnp.bfloat16).dtype == jnp.bfloat16


def test_average_pool_sums_halves_in_float32():
  x = jnp.asarray(1 + draw(0, 1, 8, 8, 4) / 50, jnp.bfloat16)
  y = pooling.average_pool(x)
  assert y.dtype == jnp.bfloat16
  exact = window_means(np.asarray(x, np.float64))
  np.testing.assert_allclose(np.asarray(y, np.float64), exact, rtol=2**-7.9)


def test_average_pool_of_planes_passes_gradients_on():
  x = label_map((4, 5), 2)
  weights = draw(3, 2, 2, 3, 258)

  def total(planes):
    return (pooling.average_pool(x.replace(planes=planes)) * weights).sum()

  gradient = jax.grad(total)(x.planes)
  step = draw(4, *x.planes.shape)
  change = total(x.planes + step) - total(x.planes)
  np.testing.assert_allclose((gradient * step).sum(), change, rtol=1e-3)


@pytest.mark.parametrize("size", [(4, 6), (5, 7)])
def test_max_pool(size):
  x = draw(0, 2, *size, 3)
  height, width = size[0] // 2, size[1] // 2
  y = pooling.max_pool(jnp.asarray(x))
  assert y.shape == (2, height, width, 3)
  for i, j in np.ndindex(height, width):
    block = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
    np.testing.assert_array_equal(y[:, i, j], block.max((1, 2)))


def test_max_pool_gives_the_gradient_to_the_first_of_equals():
  gradient = jax.grad(lambda x: pooling.max_pool(x).sum())
  flat = gradient(jnp.ones((1, 2, 2, 1)))[0, :, :, 0]
  np.testing.assert_array_equal(flat, [[1, 0], [0, 0]])
  x = jnp.asarray([[0.0, 2.0], [1.0, 2.0]])[None, :, :, None]
  np.testing.assert_array_equal(gradient(x)[0, :, :, 0], [[0, 1], [0, 0]])


def window(x, row, column, step, padding):
  """The pixels of a picture that a window of 3x3 looks at."""
  top, left = step * row - padding, step * column - padding
  return x[:, max(top, 0) : top + 3, max(left, 0) : left + 3]


@pytest.mark.parametrize("size", [(7, 8), (3, 4), (9, 5)])
@pytest.mark.parametrize(("step", "padding"), [(2, 0), (1, 1)])
def test_max_pool_3x3(size, step, padding):
  x = draw(0, 2, *size, 3) - 5
  y = pooling.max_pool_3x3(jnp.asarray(x), step, padding)
  expected = [(side + 2 * padding - 3) // step + 1 for side in size]
  assert y.shape == (2, *expected, 3)
  for i, j in np.ndindex(*expected):
    largest = window(x, i, j, step, padding).max((1, 2))
    np.testing.assert_array_equal(y[:, i, j], largest)


@pytest.mark.parametrize("size", [(8, 7), (2, 4), (9, 6)])
def test_max_pool_3x3_whose_windows_end_behind_the_picture(size):
  x = draw(0, 2, *size, 3) - 5
  y = pooling.max_pool_3x3(jnp.asarray(x), ceil=True)
  expected = [(side - 2) // 2 + 1 for side in size]
  assert y.shape == (2, *expected, 3)
  for i, j in np.ndindex(*expected):
    largest = window(x, i, j, 2, 0).max((1, 2))
    np.testing.assert_array_equal(y[:, i, j], largest)


def test_gradient_of_max_pool_3x3_goes_to_the_first():
  x = np.zeros((1, 5, 3, 1), np.float32)
  x[0, 0, 1] = x[0, 1, 0] = x[0, 3, 2] = 1  # row 0 comes before column 0
  gradient = jax.grad(lambda x: pooling.max_pool_3x3(x).sum())(jnp.asarray(x))
  expected = np.zeros_like(x)
  expected[0, 0, 1] = expected[0, 3, 2] = 1
  np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize("size", [(7, 8), (2, 3), (1, 4)])
def test_mean_pool_3x3(size):
  x = draw(0, 2, *size, 3)
  y = pooling.mean_pool_3x3(jnp.asarray(x))
  assert y.shape == x.shape
  for i, j in np.ndindex(*size):
    mean = window(x, i, j, 1, 1).mean((1, 2))
    np.testing.assert_allclose(y[:, i, j], mean, atol=1e-6)
