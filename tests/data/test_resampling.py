"""The resize of GP-GAN's training pictures against a plain one."""

import math

import numpy as np
import pytest

from gansynth.data import resampling


def plain_resize(picture, size):
  """Pixel by pixel, as the specification says it."""
  factors = [a / b for a, b in zip(picture.shape[:2], size, strict=True)]
  blurred = picture
  for axis, factor in enumerate(factors):
    sigma = (factor - 1) / 2
    if sigma <= 0:
      continue
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    lines = np.moveaxis(blurred, axis, 0).astype(float)
    summed = np.zeros_like(lines)
    for i in range(len(lines)):
      for k, weight in enumerate(weights, -radius):
        if 0 <= i + k < len(lines):
          summed[i] += weight * lines[i + k]
    # Rounding must not decide: whole numbers are meant to be whole.
    blurred = np.moveaxis(np.floor(summed + 1e-9), 0, axis)
  result = np.zeros((*size, picture.shape[2]))
  for i in range(size[0]):
    for j in range(size[1]):
      u = factors[0] * (i + 0.5) - 0.5
      v = factors[1] * (j + 0.5) - 0.5
      for a in (math.floor(u), math.floor(u) + 1):
        for b in (math.floor(v), math.floor(v) + 1):
          if 0 <= a < picture.shape[0] and 0 <= b < picture.shape[1]:
            weight = (1 - abs(u - a)) * (1 - abs(v - b))
            result[i, j] += weight * blurred[a, b]
  clipped = np.clip(result, blurred.min(), blurred.max())
  return np.where((result == 0) & (blurred.min() > 0), 0, clipped)


@pytest.mark.parametrize(
  ("old", "new"),
  [
    ((30, 41), (9, 13)),  # both shrink
    ((12, 14), (25, 30)),  # both grow
    ((30, 11), (12, 20)),  # one of each
    ((16, 20), (16, 20)),
    ((32, 16), (16, 8)),
  ],
)
def test_equals_the_plain_one(old, new):
  rng = np.random.default_rng(0)
  picture = rng.integers(40, 256, size=(*old, 3), dtype=np.uint8)
  picture[: old[0] // 2, : old[1] // 2] = 200
  found = resampling.resize(picture, new)
  # A sum that is a whole number may fall either way before it is truncated.
  error = np.abs(found - plain_resize(picture, new))
  assert error.max() <= 1.0 + 1e-9
  assert np.mean(error > 1e-9) < 0.12


def test_borders_darken_when_pictures_grow():
  picture = np.full((8, 8, 1), 100, np.uint8)
  picture[4, 4] = 10
  found = resampling.resize(picture, (16, 16))[..., 0]
  assert found[0, 0] == pytest.approx(0.75**2 * 100)
  assert found[0, 1] == pytest.approx(75)
  assert found[3, 3] == pytest.approx(100)


def test_values_stay_in_the_range_of_the_picture():
  picture = np.full((8, 8, 1), 100, np.uint8)
  found = resampling.resize(picture, (16, 16))
  assert (found == 100).all()  # darker borders are clipped up to the least


def test_the_blur_truncates_after_each_axis():
  picture = np.zeros((9, 9, 1), np.uint8)
  picture[4, 4] = 255
  found = resampling.resize(picture, (3, 3))
  weights = np.exp(-0.5 * np.arange(-4, 5) ** 2.0)
  weights /= weights.sum()
  peak = int(int(255 * weights[4]) * weights[4])
  assert found[1, 1, 0] == peak < 255 * weights[4] ** 2


def test_sizes_are_rounded_up():
  assert resampling.scaled_size((90, 131), 48) == (48, 70)
  assert resampling.scaled_size((131, 90), 48) == (70, 48)
  assert resampling.scaled_size((64, 64), 64) == (64, 64)
  # Floating point: 49 * (64 / 49) is a little above 64.
  assert resampling.scaled_size((49, 49), 64) == tuple(
    [math.ceil(49 * (64 / 49))] * 2
  )
