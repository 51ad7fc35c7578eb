"""Geometry of masks, against counting pixel by pixel."""

import numpy as np
import pytest

from gansynth.synthesis import masks


@pytest.mark.parametrize("radius", [0, 1, 2, 5])
@pytest.mark.parametrize("square", [False, True])
def test_dilation_grows_straight_edges_by_the_radius(radius, square):
  mask = np.zeros((40, 50), bool)
  mask[15:25, 20:32] = True
  before = mask.copy()
  grown = masks.dilate(mask, radius, square)
  np.testing.assert_array_equal(mask, before)
  assert masks.edges(grown) == (
    20 - radius,
    15 - radius,
    32 + radius,
    25 + radius,
  )
  assert grown[15 - radius, 20]
  assert grown[24 + radius, 31]
  assert grown[mask].all()


def test_squares_reach_every_pixel_within_the_radius():
  rng = np.random.default_rng(0)
  mask = rng.random((30, 30)) < 0.01
  rows, columns = np.nonzero(mask)
  y, x = np.indices(mask.shape)
  far = np.maximum(abs(y[..., None] - rows), abs(x[..., None] - columns))
  for radius in (1, 3):
    np.testing.assert_array_equal(
      masks.dilate(mask, radius, square=True), far.min(-1) <= radius
    )


def test_octagons_are_nearly_round():
  mask = np.zeros((41, 41), bool)
  mask[20, 20] = True
  y, x = np.indices(mask.shape) - 20
  distance = np.hypot(x, y)
  grown = masks.dilate(mask, 16)
  assert grown[distance <= 15].all()
  assert not grown[distance > 18].any()


def test_edges_go_round_what_is_set():
  mask = np.zeros((6, 9), bool)
  assert masks.edges(mask) is None
  mask[2, 7] = mask[4, 3] = True
  assert masks.edges(mask) == (3, 2, 8, 5)


def test_overlap_is_what_both_cover():
  rng = np.random.default_rng(1)
  for _ in range(200):
    top, left = rng.integers(-12, 12, 2)
    patch = np.arange(1, 31).reshape(5, 6)
    picture = np.zeros((8, 7), int)
    expected = picture.copy()
    for row in range(5):
      for column in range(6):
        if 0 <= top + row < 8 and 0 <= left + column < 7:
          expected[top + row, left + column] = patch[row, column]
    inner, outer = masks.overlap(top, left, patch.shape, picture.shape)
    picture[outer] = patch[inner]
    np.testing.assert_array_equal(picture, expected)


def test_common_windows_show_the_same_pixels():
  rng = np.random.default_rng(2)
  numbers = np.arange(400).reshape(20, 20)
  for _ in range(200):
    starts = rng.integers(0, 15, (2, 2))
    ends = starts + rng.integers(1, 6, (2, 2))
    first, second = (
      tuple(slice(a, b) for a, b in zip(s, e, strict=True))
      for s, e in zip(starts, ends, strict=True)
    )
    here, there = masks.common(first, second)
    both = np.intersect1d(numbers[first], numbers[second])
    np.testing.assert_array_equal(numbers[first][here].ravel(), both)
    np.testing.assert_array_equal(numbers[second][there].ravel(), both)
