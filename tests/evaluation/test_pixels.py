import math

import numpy as np
import pytest

from gansynth.evaluation import pixels


def pair(height, width, channels=(3,), noise=30):
  rng = np.random.Generator(np.random.Philox(4))
  rows, columns = np.mgrid[:height, :width]
  smooth = 120 + 80 * np.sin(rows / 9) * np.cos(columns / 7)
  a = smooth.reshape(height, width, *(1 for _ in channels))
  a = np.broadcast_to(a, (height, width, *channels))
  b = a + rng.integers(-noise, noise + 1, a.shape)
  return a.astype(np.uint8), np.clip(b, 0, 255).astype(np.uint8)


def brute_ssim(a, b):
  """The paper's equations 13 to 16, a window at a time, of one channel."""
  offsets = range(-5, 6)
  weights = {
    (i, j): math.exp(-(i * i + j * j) / (2 * 1.5**2))
    for i in offsets
    for j in offsets
  }
  total = sum(weights.values())
  a, b = a.astype(float), b.astype(float)

  def mean(values, row, column):
    return (
      sum(w * values[row + i, column + j] for (i, j), w in weights.items())
      / total
    )

  scores = []
  for row in range(5, a.shape[0] - 5):
    for column in range(5, a.shape[1] - 5):
      mean_a, mean_b = mean(a, row, column), mean(b, row, column)
      var_a = mean((a - mean_a) ** 2, row, column)
      var_b = mean((b - mean_b) ** 2, row, column)
      both = mean((a - mean_a) * (b - mean_b), row, column)
      c1, c2 = 2.55**2, 7.65**2
      scores.append(
        (2 * mean_a * mean_b + c1)
        * (2 * both + c2)
        / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
      )
  return np.mean(scores)


def test_ssim_by_brute_force():
  a, b = pair(17, 23)
  expected = np.mean([brute_ssim(a[..., c], b[..., c]) for c in range(3)])
  assert pixels.ssim(a, b) == pytest.approx(expected, rel=1e-9)
  grey = pixels.ssim(a[..., 1], b[..., 1])
  assert grey == pytest.approx(brute_ssim(a[..., 1], b[..., 1]), rel=1e-9)


def test_ssim_of_large_pictures_is_that_of_their_parts(monkeypatch):
  a, b = pair(150, 203)
  found = pixels.ssim(a, b)
  # With one strip that holds the picture.
  monkeypatch.setattr(pixels, "_STRIP", 256)
  assert found == pytest.approx(pixels.ssim(a, b), rel=1e-12)
  # Means of windows: the upper and the lower ones, by their number.
  upper, lower = pixels.ssim(a[:80], b[:80]), pixels.ssim(a[70:], b[70:])
  assert found == pytest.approx((upper + lower) / 2, rel=1e-12)


def test_ssim_knows_equal_and_opposite():
  a, _ = pair(30, 30)
  assert pixels.ssim(a, a) == pytest.approx(1, abs=1e-12)
  assert pixels.ssim(a, 255 - a) < 0.3
  black, white = np.zeros((11, 11, 3), np.uint8), np.full((11, 11, 3), 255)
  # Only the first factor, of the means, is left, with C₁.
  found = pixels.ssim(black, white.astype(np.uint8))
  assert found == pytest.approx(2.55**2 / (255**2 + 2.55**2), rel=1e-9)


def test_psnr_by_hand():
  a = np.full((4, 5, 3), 100, np.uint8)
  b = a.copy()
  b[0, 0, 0] = 90
  b[1, 2, 2] = 130
  expected = 10 * math.log10(255**2 / ((100 + 900) / 60))
  assert pixels.psnr(a, b) == pytest.approx(expected, rel=1e-12)
  assert pixels.psnr(b, a) == pytest.approx(expected, rel=1e-12)
  assert pixels.psnr(a, a) == math.inf
  assert pixels.psnr(a * 0, a * 0 + 255) == pytest.approx(0)


def test_means_of_psnr_leave_out_equal_pictures():
  assert pixels.mean_psnr([20, math.inf, 30]) == 25
  assert pixels.mean_psnr(iter([math.inf] * 2)) == math.inf
  assert math.isnan(pixels.mean_psnr([]))


@pytest.mark.parametrize("measure", [pixels.psnr, pixels.ssim])
def test_wrong_pictures_are_refused(measure):
  a, b = pair(20, 30)
  with pytest.raises(ValueError, match=r"\(20, 30, 3\) and \(20, 29, 3\); res"):
    measure(a, b[:, 1:])
  with pytest.raises(ValueError, match="must be uint8, found uint8 and float6"):
    measure(a, b / 255)
  with pytest.raises(ValueError, match=r"found \(600, 0, 3\)"):
    measure(a.reshape(600, 1, 3)[:, 1:], b.reshape(600, 1, 3)[:, 1:])


def test_ssim_needs_a_window():
  a, b = pair(10, 30)
  with pytest.raises(ValueError, match="11 x 11 pixels or more, found 30 x 10"):
    pixels.ssim(a, b)
