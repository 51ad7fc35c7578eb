import numpy as np
import pytest

from gansynth.blending import pyramid, windows


def test_windows_hold_the_mask_and_its_margin():
  window = windows.choose((100, 120, 5, 30), (300, 400), (320, 400), 40)
  (top, left), (height, width) = window.origin, window.shape
  assert top <= 60
  assert top + height >= 160
  assert left == 0  # cut off by the picture's border
  assert left + width >= 70
  assert height < 320
  assert window.size == (height, width)
  again = windows.choose((101, 120, 4, 30), (300, 400), (320, 400), 40)
  assert again.shape == window.shape  # few shapes for many masks


def test_weights_fade_on_borders_that_are_not_the_pictures():
  window = windows.choose((280, 295, 5, 30), (300, 400), (320, 400), 40)
  height, width = window.size
  assert window.origin[0] + height == 300  # and not the canvas's 320
  weights = window.weights
  assert weights.shape == (height, width)
  assert weights[0, 0] == pytest.approx(1 / 21)
  assert weights[-1, 0] == 1
  assert weights[-1, -1] == pytest.approx(1 / 21)
  row = weights[:, 0]
  assert (np.diff(row) >= 0).all()
  assert (row[20:] == 1).all()


def test_the_whole_picture_needs_no_window():
  assert windows.choose((0, 300, 0, 400), (300, 400), (300, 400), 8) is None


def test_default_margins():
  assert windows.default_margin() == 64
  assert windows.default_margin(0.1) > 64
  assert windows.default_margin(1e9, 9.0) > 10**5  # nothing damps: all of it


def test_cut_takes_the_tables_of_the_window():
  plan = pyramid.plan((40, 60), 16)
  window = windows.Window((5, 7), (20, 30), (20, 30), np.ones((20, 30)))
  cut = windows.cut(plan, window)
  np.testing.assert_array_equal(
    cut.up[-1][0].index, plan.up[-1][0].index[:, 5:25]
  )
  np.testing.assert_array_equal(
    cut.up[-1][1].weights, plan.up[-1][1].weights[:, 7:37]
  )
  assert cut.window == (20, 30)


def test_merge_leaves_everything_else():
  rng = np.random.default_rng(0)
  target = rng.integers(0, 256, (12, 14, 3), dtype=np.uint8)
  picture = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
  weights = np.ones((5, 8), np.float32)
  weights[0] = 0.25
  window = windows.Window((7, 2), (6, 8), (5, 8), weights)
  merged = windows.merge(target, picture, window)
  np.testing.assert_array_equal(merged[8:, 2:10], picture[1:5])
  mixed = 0.75 * target[7, 2:10] + 0.25 * picture[0]
  assert np.abs(merged[7, 2:10] - mixed).max() <= 0.5
  merged[7:, 2:10] = target[7:, 2:10]
  np.testing.assert_array_equal(merged, target)
