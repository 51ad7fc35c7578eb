"""Features of sets of pictures, whatever the batches, the sizes and devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gansynth import images, published
from gansynth.evaluation import frechet
from gansynth.metrics import picture_sets
from gansynth.metrics.feature_extractor import FeatureExtractor, resized

DIMS = 64  # the stem alone, which compiles in a second


@pytest.fixture(scope="module")
def network():
  return published.load("fid_inception", random_features=True)


@pytest.fixture(scope="module")
def extractor(network):
  return FeatureExtractor(*network, dims=DIMS, batch_size=4)


def noise(count, height=32, width=40, seed=0):
  """Pictures of coarse patches, whose features differ."""
  rng = np.random.default_rng(seed)
  patches = rng.integers(0, 256, (count, 4, 4, 3), np.uint8)
  rows, columns = (np.arange(side) * 4 // side for side in (height, width))
  return list(patches[:, rows[:, None], columns])


@pytest.fixture(scope="module")
def plain(network):
  """The network on one device and one picture, as pytorch-fid feeds it."""
  network, variables, _ = network

  @jax.jit
  def features(picture):
    x = jnp.asarray(picture, jnp.float32)[None] / 255
    x = jax.image.resize(x, (1, 299, 299, 3), "bilinear", antialias=False)
    return network.clone(taps=(0,)).apply(variables, 2 * x - 1)[0][0]

  return lambda pictures: np.stack([features(x) for x in pictures])


def test_features_are_the_network_s_of_every_picture_in_order(extractor, plain):
  assert jax.local_device_count() == 4
  pictures = noise(7)  # the last batch is not full
  found = extractor.features(pictures)
  assert (found.count, found.complete) == (7, True)
  assert found.values.dtype == np.float32
  assert found.names == tuple(f"{i:06d}" for i in range(7))
  np.testing.assert_allclose(
    found.values, plain(pictures), rtol=1e-4, atol=1e-5
  )
  assert np.ptp(found.values, 0).max() > 0.1  # pictures can be told apart


def test_neither_batches_nor_devices_change_the_distance(
  network, extractor, plain
):
  sets = [noise(9), noise(11, seed=1)]
  larger = FeatureExtractor(*network, dims=DIMS, batch_size=8)
  distances = [
    frechet.distance_of_features(*(compute(each) for each in sets))
    for compute in (
      lambda x: extractor.features(x).values,
      lambda x: larger.features(x).values,
      plain,
    )
  ]
  assert distances[0] > 0.01
  np.testing.assert_allclose(distances[1:], distances[0], rtol=1e-5)


def test_mixed_sizes_are_resized_alike(extractor, plain):
  pictures = [*noise(3), *noise(2, 350, 20), *noise(1, 299, 299), *noise(3)]
  found = extractor.features(pictures).values
  np.testing.assert_allclose(found, plain(pictures), rtol=1e-3, atol=1e-4)
  # The same picture has the same features in any company.
  np.testing.assert_allclose(found[6:], found[:3], rtol=1e-5, atol=1e-6)


def test_generators_are_read_as_they_come(extractor):
  pictures = noise(6)
  found = extractor.features(iter(pictures), names="abcdef")
  assert found.names == tuple("abcdef")
  np.testing.assert_array_equal(
    found.values, extractor.features(pictures).values
  )
  grey = [picture[..., :1] for picture in pictures[:4]]
  np.testing.assert_array_equal(
    extractor.features(iter(grey)).values,
    extractor.features([np.repeat(x, 3, -1) for x in grey]).values,
  )


def test_of_many_pictures_moments_are_kept(network, extractor):
  pictures = noise(11)
  few = FeatureExtractor(*network, dims=DIMS, batch_size=4, keep=6)
  found, whole = few.features(pictures), extractor.features(pictures)
  assert (found.count, found.complete) == (11, False)
  assert found.names == whole.names[:6]
  np.testing.assert_array_equal(found.values, whole.values[:6])
  one, other = found.statistics(), whole.statistics()
  assert one.count == other.count == 11
  assert one.made_by == {
    "network": "fid_inception",
    "weights": "random_features",
    "resize": "legacy",
    "dims": DIMS,
  }
  np.testing.assert_allclose(one.mean, other.mean, rtol=1e-10)
  np.testing.assert_allclose(
    one.covariance, np.cov(whole.values, rowvar=False), rtol=1e-6, atol=1e-12
  )
  np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-12)


def test_clean_resizing_is_pillow_s_and_not_rounded(network, plain):
  pictures = noise(4, 32, 350)
  clean = FeatureExtractor(*network, dims=DIMS, batch_size=4, resize="clean")
  found = clean.features(pictures)
  assert found.made_by["resize"] == "clean"
  for picture in pictures:
    expected = images.resize(np.float32(picture), (299, 299)).clip(0, 255)
    np.testing.assert_array_equal(resized(picture, "clean"), expected)
    assert (expected % 1).any()
  shown = [resized(picture, "clean") for picture in pictures]
  # The network of clean-fid is shown (x - 128) / 128, the other x / 127.5 - 1.
  as_plain = [(x - 128) / 128 * 127.5 + 127.5 for x in shown]
  np.testing.assert_allclose(
    found.values, plain(as_plain), rtol=1e-4, atol=1e-5
  )


def test_pictures_are_counted_while_they_are_done(extractor):
  done = []
  extractor.features(noise(6), progress=done.append)
  assert done == [4, 2]


def test_what_cannot_be_used_is_refused(network, extractor, tmp_path):
  with pytest.raises(ValueError, match="dims is 100; expected one of 64"):
    FeatureExtractor(*network, dims=100)
  with pytest.raises(ValueError, match="resize is 'bicubic'"):
    FeatureExtractor(*network, dims=DIMS, resize="bicubic")
  for nothing in ([], iter(())):
    with pytest.raises(ValueError, match="no pictures"):
      extractor.features(nothing)
  with pytest.raises(ValueError, match=r"picture 1 is an array of float64"):
    extractor.features(iter([*noise(1), np.zeros((4, 4, 3))]))
  tiny.write_pictures(tmp_path, {"a.png": (8, 8), "b.png": (8, 8)})
  (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
  with pytest.raises(images.ImageError, match=r"b\.png"):
    extractor.features(picture_sets.open(tmp_path))
