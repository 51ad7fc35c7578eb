"""Colours brought towards those of a place."""

import numpy as np
import pytest

from gansynth.synthesis import color_matching

METHODS = ("mean", "mean_std", "histogram")


def sample(mean, std, count=4000, seed=0):
  rng = np.random.default_rng(seed)
  values = np.asarray(mean) + np.asarray(std) * rng.normal(size=(count, 3))
  return np.clip(values, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("method", METHODS)
def test_surroundings_get_the_means_of_the_place(method):
  own = sample((90, 140, 60), (10, 12, 8))
  scene = sample((180, 120, 80), (14, 9, 8), seed=1)
  matched = color_matching.match(own, own, scene, method)
  np.testing.assert_allclose(matched.mean(0), scene.mean(0), atol=0.7)
  assert matched.dtype == np.uint8


@pytest.mark.parametrize("method", ["mean_std", "histogram"])
def test_contrast_is_that_of_the_place(method):
  own = sample((90, 140, 60), (10, 12, 8))
  scene = sample((110, 120, 80), (14, 9, 12), seed=1)
  matched = color_matching.match(own, own, scene, method)
  np.testing.assert_allclose(matched.std(0), scene.std(0), rtol=0.04)


def test_histogram_takes_two_colours_apart():
  own = np.repeat(np.uint8([[50, 50, 50], [100, 100, 100]]), 500, axis=0)
  scene = np.repeat(np.uint8([[20, 40, 60], [200, 180, 160]]), 500, axis=0)
  matched = color_matching.match(own, own, scene, "histogram")
  np.testing.assert_allclose(matched[:500], scene[:500], atol=1)
  np.testing.assert_allclose(matched[500:], scene[500:], atol=3)


@pytest.mark.parametrize("method", METHODS)
def test_an_object_brighter_than_all_around_stays_so(method):
  own = sample((90, 140, 60), (10, 12, 8))
  scene = sample((60, 50, 40), (10, 12, 8), seed=1)
  turbine = np.full((5, 5, 3), 235, np.uint8)
  matched = color_matching.match(turbine, own, scene, method)
  assert matched.shape == (5, 5, 3)
  brightest = color_matching.match(own, own, scene, method).max(axis=(0, 1))
  contrast = 235 - own.mean(0)
  kept = matched[0, 0] - scene.mean(0)
  assert (matched[0, 0] > brightest).all()
  np.testing.assert_allclose(kept, contrast, rtol=0.2)


def test_strength_goes_from_nothing_to_everything():
  own, scene = sample((90, 90, 90), 5), sample((130, 130, 130), 5, seed=1)
  means = [
    color_matching.match(own, own, scene, "mean", strength).mean()
    for strength in (0, 0.25, 1)
  ]
  shift = means[2] - means[0]
  assert means[0] == own.mean()
  assert shift == pytest.approx(40, abs=1)
  assert means[1] - means[0] == pytest.approx(shift / 4, abs=0.6)


@pytest.mark.parametrize("method", METHODS)
def test_samples_without_contrast_make_no_noise(method):
  flat = np.full((100, 3), 120, np.uint8)
  noisy = sample((60, 60, 60), 20)
  for own, scene in ((flat, noisy), (noisy, flat), (flat, flat)):
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    matched = color_matching.match(levels, own, scene, method).astype(int)
    assert (np.diff(matched, axis=0) >= 0).all()  # never inverted
    assert np.diff(matched, axis=0).max() <= 3


class TestAdjust:
  """One colour moved to another."""

  def test_the_colour_arrives(self):
    own, target = np.array([40.0, 120.0, 200.0]), np.array([70.0, 90.0, 220.0])
    moved = color_matching.adjust(np.uint8(own)[None], own, target)
    np.testing.assert_allclose(moved[0], target, atol=0.5)

  def test_black_stays_black_and_white_white(self):
    ends = np.uint8([[0, 0, 0], [255, 255, 255]])
    own, target = np.array([80.0, 120.0, 100.0]), np.array([120.0, 60.0, 110.0])
    np.testing.assert_array_equal(
      color_matching.adjust(ends, own, target), ends
    )

  @pytest.mark.parametrize("own", [0, 5, 128, 250, 255])
  @pytest.mark.parametrize("target", [0, 60, 128, 255])
  def test_order_is_kept_and_contrast_at_most_doubled(self, own, target):
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    moved = color_matching.adjust(
      levels, np.full(3, float(own)), np.full(3, float(target))
    )
    steps = np.diff(moved.astype(int), axis=0)
    assert steps.min() >= 0
    assert steps.max() <= 3  # 2, and rounding
    assert abs(int(moved[own, 0]) - target) <= 2
