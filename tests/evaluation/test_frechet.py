import dataclasses

import numpy as np
import pytest

from gansynth.evaluation import frechet
from gansynth.evaluation.moments import Moments, Statistics


def features(count, dims, seed, dead=0):
  rng = np.random.Generator(np.random.Philox(seed))
  mixing = rng.standard_normal((dims, dims)) / np.sqrt(dims)
  x = np.maximum(rng.standard_normal((count, dims)) @ mixing + 0.3 * seed, 0)
  x[:, :dead] = 0.25
  return x


def statistics(x):
  moments = Moments(x.shape[1])
  moments.add(x)
  return moments.statistics()


def of_files(part):
  """As statistics are that do not say how many pictures they are of."""
  return dataclasses.replace(part, count=None)


def by_singular_values(x, y):
  """The distance from the features' own factors of the covariances."""
  means = x.mean(0), y.mean(0)
  x, y = (
    (part - mean) / np.sqrt(len(part) - 1)
    for part, mean in zip((x, y), means, strict=True)
  )
  root = np.linalg.norm(x @ y.T, "nuc")
  squares = np.square(means[0] - means[1]).sum() + (x**2).sum() + (y**2).sum()
  return squares - 2 * root


def test_by_hand():
  # Of independent dimensions it is the sum of (μ₁ - μ₂)² + (σ₁ - σ₂)².
  a = Statistics(np.array([1.0, 2.0]), np.diag([4.0, 9.0]))
  b = Statistics(np.array([0.0, 4.0]), np.diag([1.0, 0.0]))
  assert frechet.distance(a, b) == pytest.approx(1 + 4 + 1 + 9, rel=1e-12)
  # A covariance of one that is half turned against the other.
  turned = np.array([[1.0, 1.0], [1.0, 1.0]])
  c = Statistics(np.zeros(2), turned)
  d = Statistics(np.zeros(2), np.diag([2.0, 0.0]))
  # Rank 1 each: the root's trace is |u·v| of factors (1, 1) and (√2, 0).
  assert frechet.distance(c, d) == pytest.approx(4 - 2 * np.sqrt(2), rel=1e-12)


def test_full_rank_agrees_with_eigenvalues_of_the_product():
  a, b = (statistics(features(n, 40, n)) for n in (300, 250))
  values = np.linalg.eigvals(a.covariance @ b.covariance)
  delta = a.mean - b.mean
  expected = delta @ delta + np.trace(a.covariance) + np.trace(b.covariance)
  expected -= 2 * np.sqrt(values.real).sum()
  assert frechet.distance(a, b) == pytest.approx(expected, rel=1e-10)
  assert frechet.distance(b, a) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
  ("counts", "dead"),
  [
    ((20, 25), (0, 0)),
    ((20, 200), (0, 0)),
    ((64, 65), (0, 0)),
    ((300, 200), (7, 0)),
    ((300, 200), (7, 9)),
    ((30, 200), (0, 9)),
    ((20, 25), (60, 30)),
  ],
)
def test_singular_covariances_are_exact(counts, dead):
  x, y = (features(n, 64, i, dead[i]) for i, n in enumerate(counts))
  expected = by_singular_values(x, y)
  a, b = statistics(x), statistics(y)
  # Far below what a root of rounding would make of it, about 1e-7.
  for first, second in ((a, b), (b, a), (of_files(a), of_files(b))):
    found = frechet.distance(first, second)
    assert found == pytest.approx(expected, rel=1e-12)
  assert frechet.distance(of_files(b), of_files(a)) == pytest.approx(expected)
  assert frechet.distance_of_features(x, y) == pytest.approx(
    expected, rel=1e-12
  )


def test_scales_that_differ_by_far():
  # As of real features, whose variances range over many powers of ten.
  scales = np.logspace(0, -6, 64)
  x, y = (features(500, 64, seed) * scales for seed in (1, 2))
  expected = by_singular_values(x, y)
  found = frechet.distance(statistics(x), statistics(y))
  assert found == pytest.approx(expected, rel=1e-9)


def test_a_set_has_no_distance_from_itself():
  for count in (10, 30, 500):
    x = features(count, 64, 3)
    a = statistics(x)
    assert abs(frechet.distance(a, a)) < 1e-10
    assert abs(frechet.distance_of_features(x, x[::-1])) < 1e-10


def test_equal_pictures_have_no_covariance():
  x, y = features(300, 8, 1), np.full((5, 8), 0.5)
  expected = np.square(x.mean(0) - 0.5).sum() + x.var(0, ddof=1).sum()
  assert frechet.distance(statistics(x), statistics(y)) == pytest.approx(
    expected
  )
  assert frechet.distance(statistics(y), statistics(y)) == 0


def test_an_offset_counts_inside_the_root_alone():
  a = Statistics(np.zeros(3), np.diag([4.0, 1.0, 0.0]))
  b = Statistics(np.ones(3), np.diag([1.0, 9.0, 0.0]))
  for eps in (1e-6, 0.1):
    roots = sum(
      np.sqrt((p + eps) * (q + eps)) for p, q in ((4, 1), (1, 9), (0, 0))
    )
    found = frechet.distance_with_offset(a, b, eps)
    assert found == pytest.approx(3 + 5 + 10 - 2 * roots, rel=1e-12)
  assert frechet.distance_with_offset(a, b) == frechet.distance_with_offset(
    a, b, 1e-6
  )


def test_float32_features_are_not_computed_in_float32():
  x, y = (features(n, 64, n).astype(np.float32) for n in (20, 25))
  expected = by_singular_values(x.astype(np.float64), y.astype(np.float64))
  found = frechet.distance_of_features(x, y)
  assert found == pytest.approx(expected, rel=1e-12)


def test_few_pictures_have_a_note():
  assert frechet.bias_note(65, 1000, 64) == ""
  assert frechet.bias_note(0, 65, 64) == ""
  assert "FID of an unknown number and 12 p" in frechet.bias_note(0, 12, 64)
  note = frechet.bias_note(500, 64, 64)
  assert "500 and 64 pictures in 64 dimensions" in note
  assert "far too high" in note
  assert "KID" in note


def test_what_cannot_be_compared_is_refused():
  a, b = (Statistics(np.zeros(n), np.eye(n)) for n in (64, 192))
  with pytest.raises(
    ValueError, match=r"first .* of 64 .* second of 192; take"
  ):
    frechet.distance(a, b)
  with pytest.raises(ValueError, match="of 64 dimensions, the second of 192"):
    frechet.distance_of_features(np.zeros((3, 64)), np.zeros((3, 192)))
  with pytest.raises(ValueError, match="second set has 1 features; a covar"):
    frechet.distance_of_features(np.zeros((3, 4)), np.zeros((1, 4)))
  with pytest.raises(ValueError, match="features of the second set: 1 of 3"):
    frechet.distance_of_features(
      np.zeros((3, 1)), np.array([[0], [np.inf], [0]])
    )
  broken = Statistics(np.zeros(64), np.diag([np.nan, *np.ones(63)]))
  with pytest.raises(
    ValueError, match=r"1 of 4096 .* covariance of the second"
  ):
    frechet.distance(a, broken)
