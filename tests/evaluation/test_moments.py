import numpy as np
import pytest

from gansynth.evaluation import frechet
from gansynth.evaluation.moments import Moments


def features(count, dims=7, seed=0):
  rng = np.random.Generator(np.random.Philox(seed))
  mixing = rng.standard_normal((dims, dims))
  return rng.standard_normal((count, dims)) @ mixing + rng.uniform(0, 3, dims)


def accumulated(*batches):
  moments = Moments(batches[0].shape[1])
  for batch in batches:
    moments.add(batch)
  return moments


def test_mean_and_covariance_are_numpys():
  x = features(50)
  found = accumulated(x).statistics({"network": "n"})
  np.testing.assert_allclose(found.mean, x.mean(0), rtol=1e-13)
  np.testing.assert_allclose(
    found.covariance, np.cov(x, rowvar=False), rtol=1e-12, atol=1e-13
  )
  assert (found.count, found.dims) == (50, 7)
  assert found.made_by == {"network": "n"}


@pytest.mark.parametrize("count", [1024, 2049, 2500])
def test_batches_do_not_change_a_bit(count):
  x = features(count).astype(np.float32)
  whole = accumulated(x).statistics()
  np.testing.assert_allclose(
    whole.covariance, np.cov(x, rowvar=False), rtol=1e-12, atol=1e-13
  )
  for size in (1, 37, 1024, 1500):
    batches = [x[i : i + size] for i in range(0, count, size)]
    found = accumulated(*batches, x[:0]).statistics()
    np.testing.assert_array_equal(found.mean, whole.mean)
    np.testing.assert_array_equal(found.covariance, whole.covariance)
    assert found.count == count


def test_order_and_hosts_change_only_rounding():
  x, other = features(1500), accumulated(features(900, seed=5)).statistics()
  whole = frechet.distance(accumulated(x).statistics(), other)
  hosts = [accumulated(x[host::3]) for host in range(3)]
  merged = Moments(7)
  for host in hosts:
    merged.merge(Moments.from_arrays(*host.to_arrays()))
  assert merged.count == 1500
  for found in (merged, accumulated(x[::-1])):
    distance = frechet.distance(found.statistics(), other)
    assert distance == pytest.approx(whole, rel=1e-12)


def test_merging_goes_on_and_leaves_the_other_alone():
  x = features(30)
  first, second = accumulated(x[:11]), accumulated(x[11:20])
  first.merge(second)
  first.add(x[20:])
  np.testing.assert_allclose(
    first.statistics().covariance, np.cov(x, rowvar=False), rtol=1e-12
  )
  assert (first.count, second.count) == (30, 9)
  np.testing.assert_allclose(second.statistics().mean, x[11:20].mean(0))
  # A host without pictures.
  first.merge(Moments.from_arrays(*Moments(7).to_arrays()))
  assert first.count == 30


def test_large_means_lose_nothing():
  x = np.round(features(3000) * 1024) / 1024  # so that moving it is exact
  there = accumulated(x + 2.0**20).statistics()
  np.testing.assert_allclose(
    there.covariance, accumulated(x).statistics().covariance, rtol=1e-9
  )


def test_wrong_features_are_refused():
  moments = Moments(3)
  with pytest.raises(ValueError, match=r"expected .*\(count, 3\), found \(2,"):
    moments.add(np.zeros((2, 4)))
  bad = np.zeros((5, 3), np.float32)
  bad[2, 1] = np.nan
  bad[4] = np.inf
  with pytest.raises(
    ValueError, match=r"2 of 5 .* not finite, the first is nu"
  ):
    moments.add(bad)
  assert moments.count == 0
  with pytest.raises(ValueError, match=r"4 dimensions .* of 3; take the same"):
    moments.merge(Moments(4))
  moments.add(np.zeros((1, 3)))
  with pytest.raises(ValueError, match="needs 2 features or more, found 1"):
    moments.statistics()
