"""Features of instances: collected, clustered, drawn, stored."""

import numpy as np
import pytest

from gansynth.synthesis import instance_features as lib


def rng(seed=0):
  return np.random.Generator(np.random.Philox(seed))


# 16 x 16 pixels: label 2 with two instances, label 5 with one, label 1 tiny.
LABELS = np.full((16, 16), 2, np.uint8)
LABELS[8:] = 5
LABELS[0, 0] = 1
INSTANCES = np.full((16, 16), 2001, np.int32)
INSTANCES[:8, 8:] = 2000
INSTANCES[8:] = 5
INSTANCES[0, 0] = -7


def pooled():
  features = np.zeros((16, 16, 3), np.float32)
  for i, each in enumerate(np.unique(INSTANCES)):
    features[each == INSTANCES] = [i, 10 * i, -i]
  return features


def test_collects_what_is_large_enough_by_label():
  found = lib.collect(pooled(), LABELS, INSTANCES)
  # In the order of ids: -7, 5, 2000, 2001.
  assert sorted(found) == [2, 5]
  np.testing.assert_array_equal(found[5], [[1, 10, -1]])
  np.testing.assert_array_equal(found[2], [[2, 20, -2], [3, 30, -3]])


def test_an_instance_counts_from_more_than_a_sixty_fourth():
  labels = np.zeros((16, 16), np.uint8)
  instances = np.zeros((16, 16), np.int32)
  instances[0, :4] = 1  # 4 of 256 // 32 = 8: exactly half is too small
  instances[1, :5] = 2
  features = instances[..., None].astype(np.float32)
  assert lib.collect(features, labels, instances)[0].tolist() == [[0], [2]]


def test_an_instance_has_the_label_of_most_of_its_pixels():
  labels = LABELS.copy()
  labels[8:12, :3] = 1  # a corner of the instance of label 5
  assert sorted(lib.collect(pooled(), labels, INSTANCES)) == [2, 5]


def table():
  return lib.FeatureTable(
    {
      2: np.array([[0.25, 0, 0], [0.5, 0, 0], [0.75, 0, 0]], np.float32),
      5: np.array([[-1, 1, -1]], np.float32),
    }
  )


def test_draws_a_centre_of_its_label_for_each_instance():
  seen = set()
  for seed in range(40):
    drawn = table().draw(LABELS, INSTANCES, rng(seed))
    assert drawn.shape == (16, 16, 3)
    assert drawn.dtype == np.float32
    np.testing.assert_array_equal(drawn[0, 0], 0)  # label 1 has none
    np.testing.assert_array_equal(drawn[8:], np.full((8, 16, 3), [-1, 1, -1]))
    left, right = drawn[1, 0], drawn[0, 8]
    np.testing.assert_array_equal(
      drawn[INSTANCES == 2001], np.broadcast_to(left, (63, 3))
    )
    seen.add((float(left[0]), float(right[0])))
  assert seen == {(a, b) for a in (0.25, 0.5, 0.75) for b in (0.25, 0.5, 0.75)}
  again = table().draw(LABELS, INSTANCES, rng(39))
  np.testing.assert_array_equal(again, drawn)


def test_k_means_finds_clusters_and_is_repeatable():
  centres = np.array([[0, 0], [5, 0], [0, 5], [8, 8]], np.float32)
  noise = np.random.default_rng(0).normal(scale=0.1, size=(50, 4, 2))
  points = (centres + noise).reshape(-1, 2)
  found = lib.k_means(points, 4, rng())
  assert found.dtype == np.float32
  order = np.lexsort(np.round(found).T)
  expected = (centres + noise.mean(0))[np.lexsort(centres.T)]
  np.testing.assert_allclose(found[order], expected, atol=1e-5)
  np.testing.assert_array_equal(found, lib.k_means(points, 4, rng()))


def test_k_means_reaches_a_fixed_point_as_good_as_brute_force():
  points = np.random.default_rng(1).normal(size=(9, 2))
  found = lib.k_means(points, 2, rng())

  def spread(groups):
    return sum(
      np.square(points[groups == g] - points[groups == g].mean(0)).sum()
      for g in (0, 1)
      if (groups == g).any()
    )

  best = min(
    spread(np.array([(code >> i) & 1 for i in range(9)])) for code in range(512)
  )
  nearest = np.square(points[:, None] - found).sum(-1).argmin(1)
  assert spread(nearest) == pytest.approx(best, rel=1e-6)


def test_k_means_of_few_or_equal_points():
  few = np.arange(6.0).reshape(3, 2)
  np.testing.assert_array_equal(lib.k_means(few, 3, rng()), few)
  equal = np.ones((7, 2))
  np.testing.assert_array_equal(lib.k_means(equal, 3, rng()), np.ones((3, 2)))


def test_clusters_all_pictures_together():
  collected = [
    {3: np.full((1, 3), value, np.float32), 9: np.zeros((2, 3), np.float32)}
    for value in (0, 0.1, 4, 4.1)
  ]
  found = lib.cluster(collected, number=2)
  assert list(found.centres) == [3, 9]
  assert found.num_features == 3
  np.testing.assert_allclose(
    np.sort(found.centres[3][:, 0]), [0.05, 4.05], atol=1e-6
  )
  with pytest.raises(ValueError, match="no instance is large enough"):
    lib.cluster([{}, {}])


def test_stored_tables_come_back(tmp_path):
  table().save(tmp_path / "features.npz")
  found = lib.load(tmp_path / "features.npz")
  assert list(found.centres) == [2, 5]
  for label, centres in table().centres.items():
    np.testing.assert_array_equal(found.centres[label], centres)
  np.save(tmp_path / "original.npy", dict(table().centres))
  original = lib.load(tmp_path / "original.npy")
  np.testing.assert_array_equal(original.centres[2], table().centres[2])


def test_other_archives_are_refused(tmp_path):
  np.savez(tmp_path / "a.npz", labels=np.zeros(2, int))
  with pytest.raises(ValueError, match="holds no 'features'"):
    lib.load(tmp_path / "a.npz")
  np.savez(tmp_path / "a.npz", labels=np.zeros(2, int), features=np.zeros(2))
  with pytest.raises(ValueError, match=r"features \(2,\); expected"):
    lib.load(tmp_path / "a.npz")
