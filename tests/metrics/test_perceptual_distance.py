"""LPIPS of stored pictures: any order, sizes, batches and hosts."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_lpips

from gansynth import parallel
from gansynth.metrics import perceptual_distance


@pytest.fixture
def network(monkeypatch):
  return small_lpips.create(monkeypatch)


@pytest.fixture
def measure(network):
  return perceptual_distance.PerceptualDistance(*network, batch_size=4)


@pytest.fixture
def rng():
  return np.random.default_rng(0)


def picture(rng, height=12, width=8):
  return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def plain(network, a, b):
  """The network itself, on pictures in [-1, 1]."""
  network, variables = network
  a, b = (jnp.asarray(p, jnp.float32)[None] / 127.5 - 1 for p in (a, b))
  return jax.jit(network.apply)(variables, a, b)[0]


def test_distances_are_the_network_s_whatever_the_sizes(network, measure, rng):
  sizes = [*7 * [(12, 8)], (8, 16), (12, 8), (8, 16), (4, 4)]
  pairs = [(picture(rng, *size), picture(rng, *size)) for size in sizes]
  found = measure.distances(pairs)
  assert (found.shape, found.dtype) == ((11,), np.float64)
  expected = [plain(network, *pair) for pair in pairs]
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  assert found.min() > 0.01


def test_equal_pictures_have_no_distance(measure, rng):
  pairs = [(x, x.copy()) for x in (picture(rng), picture(rng))]
  np.testing.assert_allclose(measure.distances(pairs), 0, atol=1e-9)


def test_batches_do_not_matter(network, rng):
  pairs = [(picture(rng), picture(rng)) for _ in range(9)]
  results = [
    perceptual_distance.PerceptualDistance(*network, size).distances(pairs)
    for size in (1, 4, 8, 16)
  ]
  for found in results[1:]:
    np.testing.assert_allclose(found, results[0], rtol=1e-6)


def test_sizes_are_compiled_once(network, rng):
  """Batches that are not full take the shape of one that was compiled."""
  network, variables = network
  traced = []

  class Counting(type(network)):
    def pairwise(self, groups):
      traced.append(groups.shape)
      return super().pairwise(groups)

  counting = Counting(network.backbone)
  measure = perceptual_distance.PerceptualDistance(counting, variables, 8)
  pairs = [(picture(rng), picture(rng)) for _ in range(17)]
  measure.distances(pairs)
  measure.distances(pairs[:3])
  devices = jax.local_device_count()
  assert traced == [(8 // devices, 2, 12, 8, 3)]


def test_large_pictures_come_in_smaller_batches(network, rng):
  network, variables = network
  shapes = []

  class Recording(type(network)):
    def pairwise(self, groups):
      shapes.append(groups.shape)
      return super().pairwise(groups)

  recording = Recording(network.backbone)
  measure = perceptual_distance.PerceptualDistance(recording, variables, 32)
  pair = picture(rng, 256, 512), picture(rng, 256, 512)
  measure.distances(17 * [pair])
  devices = jax.local_device_count()
  assert shapes == [(16 // devices, 2, 256, 512, 3)]


def test_hosts_share_the_work_and_know_all(measure, rng, monkeypatch):
  pairs = [(picture(rng), picture(rng)) for _ in range(7)]
  expected = measure.distances(pairs)
  shares = []
  monkeypatch.setattr(parallel, "on_every_host", lambda action: action())
  monkeypatch.setattr(parallel, "sum_over_hosts", shares.append)
  monkeypatch.setattr(jax, "process_count", lambda: 3)
  for host in range(3):
    monkeypatch.setattr(jax, "process_index", lambda host=host: host)
    measure.distances(pairs)
  assert [np.flatnonzero(share).tolist() for share in shares] == [
    [0, 3, 6],
    [1, 4],
    [2, 5],
  ]
  np.testing.assert_allclose(sum(shares), expected, rtol=1e-6)
  own = measure.distances(pairs[:2], split_hosts=False)
  np.testing.assert_allclose(own, expected[:2], rtol=1e-6)


def test_groups_have_the_mean_of_their_pairs(network, measure, rng):
  groups = [[picture(rng) for _ in range(number)] for number in (2, 4, 3)]
  groups.append(2 * [picture(rng)])
  means = [
    np.mean(
      [plain(network, *pair) for pair in itertools.combinations(group, 2)]
    )
    for group in groups
  ]
  found = measure.within_groups(groups)
  np.testing.assert_allclose(found, means, rtol=1e-5, atol=1e-9)
  # Whatever their sizes, inputs weigh alike.
  assert measure.diversity(groups) == pytest.approx(np.mean(means), rel=1e-5)


def test_some_pairs_of_a_group_are_drawn(measure, rng):
  group = [picture(rng) for _ in range(4)]
  options = [
    measure.distances([pair])[0] for pair in itertools.combinations(group, 2)
  ]

  def draw(pairs, seed=0):
    return measure.within_groups([group], pairs=pairs, seed=seed)[0]

  found = [draw(1, seed) for seed in range(9)]
  assert all(np.isclose(options, value, rtol=1e-5).any() for value in found)
  assert len(set(found)) > 2
  assert [draw(1, seed) for seed in range(9)] == found
  np.testing.assert_allclose(draw(None), np.mean(options), rtol=1e-5)
  assert draw(6) == draw(99) == draw(None)


@pytest.mark.parametrize(
  ("pair", "message"),
  [
    (((8, 8, 3), (8, 9, 3)), "street.png: .* of 2 sizes, as 8 x 8 and 8 x 9 p"),
    (((3, 8, 3), (3, 8, 3)), "street.png: LPIPS on small takes .* found 3 x 8"),
    (((8, 8), (8, 8)), r"street.png: found uint8 of shape \(8, 8\)"),
    (((8, 8, 4), (8, 8, 4)), r"street.png: found uint8 of shape \(8, 8, 4\)"),
    (((8, 8, 3),), "street.png: found 1 pictures; .* at least two"),
  ],
)
def test_pairs_that_cannot_be_compared_are_named(measure, rng, pair, message):
  good = picture(rng, 8, 8), picture(rng, 8, 8)
  bad = tuple(np.zeros(shape, np.uint8) for shape in pair)
  with pytest.raises(ValueError, match=message):
    measure.distances([good, bad], ["house.png", "street.png"])


def test_of_many_sizes_two_are_named(measure, rng):
  group = [picture(rng, 8, width) for width in (8, 8, 9, 10, 11)]
  with pytest.raises(
    ValueError, match=r"car: .* 4 sizes, as 8 x 8 and 8 x 9 p"
  ):
    measure.within_groups([group], ["car"])


def test_floats_and_nothing_are_refused(measure):
  picture = np.zeros((8, 8, 3), np.float32)
  with pytest.raises(ValueError, match="number 0: found float32"):
    measure.distances([(picture, picture)])
  with pytest.raises(ValueError, match="no pictures to compare"):
    measure.distances([])
  with pytest.raises(ValueError, match="no pictures to compare"):
    measure.within_groups([])
