"""Metrics of sets, pairs and groups, against their functions by hand."""

import numpy as np
import pytest
import small_lpips

from gansynth import published
from gansynth.evaluation import (
  frechet,
  kernel_distance,
  moments,
  neighbors,
  pixels,
  statistics_file,
)
from gansynth.metrics import picture_metrics, picture_sets
from gansynth.metrics.feature_extractor import FeatureExtractor
from gansynth.metrics.perceptual_distance import PerceptualDistance
from gansynth.metrics.picture_metrics import METRICS, PictureMetrics

DIMS = 64
RANDOM = "random_features_"


@pytest.fixture(scope="module")
def inception():
  return published.load("fid_inception", random_features=True)


@pytest.fixture
def lpips(monkeypatch):
  return small_lpips.create(monkeypatch)


@pytest.fixture
def create(inception, lpips, monkeypatch):
  """Makes metrics of networks that compile fast."""

  def load(name, folder, random_features):
    weights = published.RANDOM if random_features else "0123"
    if name == "fid_inception":
      return (*inception[:2], {"network": name, "weights": weights})
    return (*lpips, {"network": name, "weights": weights})

  monkeypatch.setattr(published, "load", load)
  monkeypatch.setattr(published, "find", lambda name, folder: folder)

  def metrics(names, **options):
    defaults = {"dims": DIMS, "batch_size": 4, "neighbors": 2}
    return PictureMetrics(names, **{**defaults, **options})

  return metrics


def about(value):
  """The same up to float32, which XLA's threads may sum in another order."""
  return pytest.approx(value, rel=1e-4, abs=1e-6)


def noise(count, seed=0):
  """Pictures of coarse patches, whose features differ."""
  rng = np.random.default_rng(seed)
  patches = rng.integers(0, 256, (count, 4, 4, 3), np.uint8)
  return list(patches.repeat(4, 1).repeat(3, 2))


def sets():
  real, made = (
    picture_sets.of_arrays(noise(count, seed), place=place)
    for count, seed, place in ((9, 0, "real"), (7, 1, "made"))
  )
  return real, made


def test_every_number_is_that_of_its_function(create, inception, lpips):
  metrics = create(METRICS, kid_subsets=5, kid_subset_size=6, seed=3)
  real, made = sets()
  pairs = list(zip(made, noise(7, 2), strict=True))
  groups = [noise(3, 3), noise(2, 4)]
  result = metrics.compare(
    metrics.reference(real), made, pairs=pairs, groups=groups
  )
  assert set(result.scores) == set(metrics.names) == {*METRICS, "kid_std"}
  extractor = FeatureExtractor(*inception, dims=DIMS, batch_size=4)
  x, y = (extractor.features(each).values for each in (real, made))
  assert result.scores["fid"] == about(frechet.distance_of_features(x, y))
  kid = kernel_distance.kid(x, y, subsets=5, subset_size=6, seed=3)
  assert result.scores["kid"] == about(kid.mean)
  assert result.scores["kid_std"] == about(kid.std)
  prdc = neighbors.prdc(x, y, 2)
  for name in ("precision", "recall", "density", "coverage"):
    assert result.scores[name] == getattr(prdc, name)
  distance = PerceptualDistance(*lpips)
  for name, values in {
    "lpips": distance.distances(pairs),
    "psnr": [pixels.psnr(*pair) for pair in pairs],
    "ssim": [pixels.ssim(*pair) for pair in pairs],
  }.items():
    found = result.per_picture[name]
    assert list(found) == [f"{i:06d}" for i in range(7)]
    np.testing.assert_allclose(list(found.values()), values, rtol=1e-5)
    np.testing.assert_allclose(result.scores[name], np.mean(values), rtol=1e-5)
  np.testing.assert_allclose(
    result.scores["diversity"], distance.diversity(groups), rtol=1e-5
  )
  realism = list(result.per_picture["realism"].values())
  assert realism == about(neighbors.realism(x, y, 3).tolist())
  assert result.made_by == {
    "real": "real",
    "generated": "made",
    "real_count": 9,
    "generated_count": 7,
    "network": "fid_inception",
    "weights": "0123",
    "resize": "legacy",
    "dims": DIMS,
    "pairs": 7,
    "groups": 2,
    "lpips": {"network": "lpips_alex", "weights": "0123"},
  }
  assert metrics.networks == {"fid_inception": "0123", "lpips_alex": "0123"}
  words = ("singular", "depend on the numbers of pictures, here 9 real and 7")
  assert len(result.notes) == len(words)
  for note, word in zip(result.notes, words, strict=True):
    assert word in note


@pytest.mark.parametrize(
  ("counts", "options", "words"),
  [
    ((7, 7), {}, ["of all 7 pictures of both sets at once"]),
    ((7, 7), {"kid_subset_size": 7}, ["has no deviation"]),
    ((9, 7), {"kid_subsets": 1, "kid_subset_size": 4}, []),
  ],
)
def test_one_subset_of_kid_has_no_deviation(create, counts, options, words):
  metrics = create("kid", **options)
  real, made = (noise(count, seed) for seed, count in enumerate(counts))
  result = metrics.compare(metrics.reference(real), made)
  assert set(result.scores) == {"kid"}
  assert len(result.notes) == len(words)
  for note, word in zip(result.notes, words, strict=True):
    assert word in note


def test_random_weights_mark_every_number_they_make(create):
  metrics = create("psnr,kid,lpips", random_features=True)
  assert metrics.names == (
    "psnr",
    RANDOM + "kid",
    RANDOM + "kid_std",
    RANDOM + "lpips",
  )
  real, made = sets()
  pairs = [(made[0], real[0])]
  result = metrics.compare(
    metrics.reference(real), made, pairs=pairs, pair_names=["x"]
  )
  assert set(result.scores) == set(metrics.names)
  assert set(result.per_picture) == {
    "psnr",
    RANDOM + "realism",
    RANDOM + "lpips",
  }
  assert list(result.per_picture["psnr"]) == ["x"]
  assert result.notes[0].startswith("RANDOM FEATURES")
  assert "subsets of 7 pictures, not 1000" in result.notes[1]


def test_more_pictures_than_dimensions_go_by_moments(create, monkeypatch):
  monkeypatch.setattr(frechet, "distance_of_features", None)
  metrics = create("fid")
  real = metrics.reference(noise(DIMS + 1))
  result = metrics.compare(real, noise(3, 1))
  made = metrics.reference(noise(3, 1))
  expected = frechet.distance(real.statistics, made.statistics)
  assert result.scores == {"fid": about(expected)}


def test_statistics_stand_in_for_either_side(create, tmp_path):
  metrics = create("fid")
  real, made = sets()
  references = [metrics.reference(each) for each in (real, made)]
  paths = [tmp_path / name for name in ("real.npz", "made.npz")]
  for path, reference in zip(paths, references, strict=True):
    statistics_file.write(path, reference.statistics)
  expected = metrics.compare(references[0], made).scores["fid"]
  for first, second in ((paths[0], made), (real, paths[1]), paths):
    result = metrics.compare(metrics.reference(first), second)
    np.testing.assert_allclose(result.scores["fid"], expected, rtol=1e-6)
    assert not result.per_picture or second is made
  assert result.made_by["real_count"] == 9
  with pytest.raises(ValueError, match="only fid can be computed; kid need"):
    create("fid,kid").reference(paths[0])
  with pytest.raises(ValueError, match=r"resize 'legacy', to be compared with"):
    create("fid", resize="clean").reference(paths[0])
  statistics = moments.Statistics(np.zeros(DIMS), np.eye(DIMS))
  statistics_file.write(tmp_path / "theirs.npz", statistics, plain=True)
  result = metrics.compare(metrics.reference(tmp_path / "theirs.npz"), made)
  assert "does not say by which network" in result.notes[0]


def test_features_are_kept_for_the_next_time(create, tmp_path, monkeypatch):
  cache = tmp_path / "kept" / "real.npz"
  real, made = sets()
  first = create("fid,kid")
  expected = first.compare(first.reference(real, cache=cache), made)
  calls = []
  compute = FeatureExtractor.features

  def count(self, pictures, *arguments, **options):
    calls.append(len(pictures))
    return compute(self, pictures, *arguments, **options)

  monkeypatch.setattr(FeatureExtractor, "features", count)
  second = create("fid,kid")
  found = second.compare(second.reference(real, cache=cache), made)
  assert calls == [7]
  assert found.scores == about(expected.scores)
  realism = expected.per_picture["realism"]
  assert found.per_picture == {"realism": about(realism)}
  calls.clear()
  other = picture_sets.of_arrays(noise(9, 5), place="real")
  second.reference(other, cache=cache)  # other pictures of the same names
  create("fid", resize="clean").reference(other, cache=cache)
  cache.write_bytes(cache.read_bytes()[:100])
  create("fid", resize="clean").reference(other, cache=cache)
  assert calls == [9, 9, 9]
  create("fid", resize="clean").reference(other, cache=cache)
  assert calls == [9, 9, 9]


def test_moments_are_kept_too(inception, tmp_path, monkeypatch):
  extractor = FeatureExtractor(*inception, dims=DIMS, batch_size=4, keep=5)
  monkeypatch.setattr(
    picture_metrics, "FeatureExtractor", lambda *_, **__: extractor
  )
  monkeypatch.setattr(published, "load", lambda *_: inception)
  metrics = PictureMetrics("fid,kid", random_features=True, dims=DIMS)
  real, made = sets()
  found = [
    metrics.compare(metrics.reference(real, cache=tmp_path / "a.npz"), made)
    for _ in range(2)
  ]
  assert found[0].scores == about(found[1].scores)
  assert "of the first 5 real and 5 generated pictures" in str(found[1].notes)
  whole = FeatureExtractor(*inception, dims=DIMS, batch_size=4)
  x, y = (whole.features(each).values for each in (real, made))
  np.testing.assert_allclose(
    found[1].scores[RANDOM + "fid"],
    frechet.distance_of_features(x, y),
    rtol=1e-6,
  )


def test_what_cannot_be_measured_is_refused_before_any_work(create, tmp_path):
  with pytest.raises(ValueError, match="fud: no such metric; known are fid"):
    create("fid,fud")
  with pytest.raises(ValueError, match="lpips is 'resnet'"):
    create("fid", lpips="resnet")
  for name in ("kid_subsets", "kid_subset_size", "neighbors", "batch_size"):
    with pytest.raises(ValueError, match=f"{name} is 0; expected [12] or more"):
      create("fid", **{name: 0})
  metrics = create("lpips,ssim,diversity")
  reference = metrics.reference(sets()[0])
  assert reference.features is None
  with pytest.raises(ValueError, match="lpips, ssim are measured of pairs"):
    metrics.compare(reference, groups=[noise(2)])
  with pytest.raises(ValueError, match="diversity are measured of groups"):
    metrics.compare(reference, pairs=[noise(2)])
  with pytest.raises(ValueError, match="found 1 picture, too few for fid:"):
    create("fid").reference(noise(1))
  few = r"found 2 pictures, too few for precision: at least 3 are needed\."
  with pytest.raises(ValueError, match=few):
    create("fid,precision").reference(noise(2))
  with pytest.raises(ValueError, match=r"gone does not exist"):
    create("fid").reference(tmp_path / "gone")


def test_missing_weights_are_told_before_anything_is_loaded(tmp_path):
  with pytest.raises(published.MissingWeightsError, match="fid_inception"):
    PictureMetrics("fid,lpips", networks=tmp_path)
  with pytest.raises(published.MissingWeightsError, match="lpips_vgg"):
    PictureMetrics("lpips", networks=tmp_path, lpips="vgg")
  PictureMetrics("psnr,ssim", networks=tmp_path)  # needs none
