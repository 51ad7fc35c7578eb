import jax
import numpy as np
import pytest

from gansynth.blending import poisson as module
from gansynth.blending.poisson import choose_region, poisson


@pytest.fixture(autouse=True)
def x64():
  with jax.enable_x64(True):
    yield


def pictures(height=8, width=11, batch=()):
  rng = np.random.default_rng(0)
  # Small gradients on a grey middle: nothing is clipped.
  source, destination = 0.5 + 0.05 * rng.normal(
    size=(2, *batch, 3, height, width)
  )
  mask = (rng.random((*batch, 1, height, width)) > 0.3).astype(np.float64)
  return source, destination, mask


def dense(source, destination, mask, mode):
  """Equation by equation, one plane, its outermost pixels given."""
  height, width = destination.shape
  index = np.full(destination.shape, -1)
  index[1:-1, 1:-1] = np.arange((height - 2) * (width - 2)).reshape(
    height - 2, width - 2
  )
  matrix = np.zeros((index.max() + 1, index.max() + 1))
  right = np.zeros(index.max() + 1)
  for i in range(1, height - 1):
    for j in range(1, width - 1):
      p = index[i, j]
      for k, m in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
        wanted = destination[i, j] - destination[k, m]
        other = source[i, j] - source[k, m]
        if (
          mask[i, j]
          and mask[k, m]
          and (mode != "mixed" or abs(other) > abs(wanted))
        ):
          wanted = other
        matrix[p, p] += 1
        right[p] += wanted
        if index[k, m] >= 0:
          matrix[p, index[k, m]] -= 1
        else:
          right[p] += destination[k, m]
  result = destination.copy()
  result[1:-1, 1:-1] = np.linalg.solve(matrix, right).reshape(
    height - 2, width - 2
  )
  return result


@pytest.mark.parametrize("mode", module.MODES)
def test_equals_a_dense_solve(mode):
  source, destination, mask = pictures(batch=(2,))
  found = poisson(source, destination, mask, mode=mode)
  if mode == "monochrome":
    grey = np.einsum("c,nchw->nhw", [0.299, 0.587, 0.114], source)
    source = np.repeat(grey[:, None], 3, 1)
  for n in range(2):
    for c in range(3):
      expected = dense(source[n, c], destination[n, c], mask[n, 0], mode)
      np.testing.assert_allclose(found[n, c], expected, atol=1e-12)


def test_outside_the_region_nothing_changes():
  source, destination, mask = pictures()
  destination[:, 0] = 1.5  # not even clipped
  poisson.clear_cache()
  for origin in ((1, 2), (2, 4)):
    rows, columns = (
      slice(first, first + count)
      for first, count in zip(origin, (5, 6), strict=True)
    )
    found = np.array(
      poisson(
        source,
        destination,
        mask,
        origin=np.asarray(origin, np.int32),
        region=(5, 6),
      )
    )
    for c in range(3):
      expected = dense(
        *(x[c, rows, columns] for x in (source, destination)),
        mask[0, rows, columns],
        "normal",
      )
      np.testing.assert_allclose(found[c, rows, columns], expected, atol=1e-12)
    found[:, rows, columns] = destination[:, rows, columns]
    np.testing.assert_array_equal(found, destination)
  # The origin is no reason to compile again.
  assert poisson._cache_size() == 1


def test_empty_and_constant_sources():
  source, destination, mask = pictures()
  found = poisson(source, destination, 0 * mask)
  np.testing.assert_allclose(found, destination, atol=1e-15)
  # A source that differs by a constant has the same gradients.
  found = poisson(destination + 0.3, destination, mask)
  np.testing.assert_allclose(found, destination, atol=1e-13)


def test_float32_at_a_size_where_errors_add_up():
  rng = np.random.default_rng(0)
  source, destination = rng.random((2, 1, 200, 300)).cumsum(-1)
  source, destination = 0.4 + 0.001 * source, 0.4 + 0.001 * destination
  mask = np.zeros((1, 200, 300))
  mask[:, 20:180, 30:270] = 1
  exact = poisson(source, destination, mask)
  with jax.enable_x64(False):
    single = poisson(
      *(x.astype(np.float32) for x in (source, destination, mask))
    )
  assert single.dtype == np.float32
  np.testing.assert_allclose(single, exact, atol=1e-5)


def test_choose_region():
  mask = np.zeros((300, 200))
  mask[100:150, 40:45] = 255
  origin, region = choose_region(mask, tight=True)
  assert (*origin, *region) == (99, 39, 52, 7)
  origin, region = choose_region(mask)
  assert region == (65, 65)
  assert (*origin,) == (93, 10)
  # At the border it is shifted, not cut.
  mask = np.zeros((300, 200))
  mask[290:, :20] = 1
  origin, region = choose_region(mask)
  assert (*origin, *region) == (235, 0, 65, 65)
  # No larger than the picture.
  mask[10:] = 1
  origin, region = choose_region(mask)
  assert (*origin, *region) == (0, 0, 300, 200)
  mask = np.zeros((70, 3))
  mask[0, 0] = 1
  origin, region = choose_region(mask, tight=True)
  assert (*origin, *region) == (0, 0, 3, 3)


def test_errors():
  source, destination, mask = pictures()
  with pytest.raises(ValueError, match="mask is empty"):
    choose_region(0 * mask[0])
  with pytest.raises(ValueError, match="2 x 9 pixels"):
    choose_region(np.ones((2, 9)))
  with pytest.raises(ValueError, match=r"mode 'mix'.*monochrome"):
    poisson(source, destination, mask, mode="mix")
  with pytest.raises(ValueError, match=r"9 x 5 pixels does not fit.*8 x 11"):
    poisson(source, destination, mask, origin=np.zeros(2, int), region=(9, 5))
  with pytest.raises(ValueError, match=r"found.*and \(8, 11\)"):
    poisson(source, destination, mask[0])
  with pytest.raises(ValueError, match="needs an origin"):
    poisson(source, destination, mask, region=(5, 5))
  with pytest.raises(ValueError, match="found 2"):
    poisson(source[:2], destination[:2], mask, mode="monochrome")
