import numpy as np
import pytest

from gansynth.evaluation import kernel_distance


def sets(count_x, count_y, dims=6):
  rng = np.random.Generator(np.random.Philox(3))
  x = rng.standard_normal((count_x, dims))
  return x, rng.standard_normal((count_y, dims)) * 1.3 + 0.4


def brute_force(x, y):
  def kernel(a, b):
    return (sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

  m = len(x)
  within = sum(
    kernel(part[i], part[j])
    for part in (x, y)
    for i in range(m)
    for j in range(m)
    if i != j
  )
  between = sum(kernel(a, b) for a in x for b in y)
  return within / (m * (m - 1)) - 2 * between / m**2


@pytest.mark.parametrize("subsets", [2, 9])  # fewer and more pairs than sets
@pytest.mark.parametrize("block", [5, 1024])
def test_subsets_by_brute_force(monkeypatch, subsets, block):
  monkeypatch.setattr(kernel_distance, "_BLOCK", block)
  x, y = sets(18, 13)
  indices = kernel_distance.draw(18, 13, subsets, 7, seed=1)
  found = kernel_distance.subset_distances(x, y, *indices)
  expected = [brute_force(x[i], y[j]) for i, j in zip(*indices, strict=True)]
  np.testing.assert_allclose(found, expected, rtol=1e-11)
  result = kernel_distance.kid(x, y, indices=indices)
  assert result.mean == pytest.approx(np.mean(expected))
  assert result.std == pytest.approx(np.std(expected))
  assert (result.subsets, result.subset_size) == (subsets, 7)


def test_small_sets_are_taken_whole():
  x, y = sets(12, 12)
  result = kernel_distance.kid(x, y)
  assert (result.subsets, result.subset_size) == (100, 12)
  assert result.mean == pytest.approx(brute_force(x, y), rel=1e-11)
  assert result.std == pytest.approx(0, abs=1e-12)


def test_draws_are_of_the_seed_alone():
  x, y = sets(40, 30)
  first = kernel_distance.kid(x, y, subset_size=10)
  assert kernel_distance.kid(x, y, subset_size=10) == first
  assert kernel_distance.kid(x, y, subset_size=10, seed=1) != first
  rows, columns = kernel_distance.draw(40, 30, 50, 10, seed=0)
  assert rows.shape == columns.shape == (50, 10)
  assert all(len(set(row)) == 10 for row in (*rows, *columns))
  assert rows.max() > 30 >= columns.max() + 1
  assert len({tuple(row) for row in rows}) == 50


def test_cleanfids_draws_take_the_second_set_first():
  state = np.random.RandomState(4)
  expected = [
    (state.choice(9, 5, replace=False), state.choice(8, 5, replace=False))
    for _ in range(3)
  ]
  rows, columns = kernel_distance.draw(8, 9, 3, 5, seed=4, draws="cleanfid")
  np.testing.assert_array_equal(columns, [second for second, _ in expected])
  np.testing.assert_array_equal(rows, [first for _, first in expected])


def test_float32_is_close():
  x, y = sets(200, 180, 64)
  exact = kernel_distance.kid(x, y, subset_size=100)
  rough = kernel_distance.kid(x, y, subset_size=100, dtype=np.float32)
  assert rough.mean == pytest.approx(exact.mean, rel=1e-5)
  assert rough.mean != exact.mean


def test_one_distribution_gives_nothing_on_average():
  rng = np.random.Generator(np.random.Philox(8))
  x, y = rng.standard_normal((2, 4000, 4))
  result = kernel_distance.kid(x, y, subsets=200, subset_size=50)
  assert abs(result.mean) < 4 * result.std / np.sqrt(80)
  assert result.std > 0


def test_wrong_sets_are_refused():
  x, y = sets(5, 4)
  with pytest.raises(ValueError, match="found 100 of 1, of sets of 1 and 4"):
    kernel_distance.kid(x[:1], y)
  with pytest.raises(ValueError, match="found 0 of 4"):
    kernel_distance.kid(x, y, subsets=0)
  with pytest.raises(ValueError, match=r"second set: .* \(count, 6\), found"):
    kernel_distance.kid(x, y[:, :5])
  with pytest.raises(ValueError, match="first set: 1 of 5 features"):
    kernel_distance.kid(np.where(x == x[2, 2], np.nan, x), y)
  with pytest.raises(ValueError, match="philox or cleanfid, not 'torch'"):
    kernel_distance.kid(x, y, draws="torch")
  with pytest.raises(ValueError, match=r"found \(1, 3\) and \(1, 2\)"):
    kernel_distance.kid(x, y, indices=(np.ones((1, 3), int), np.ones((1, 2))))
