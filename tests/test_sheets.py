import numpy as np
import pytest

from gansynth import images, sheets


def picture(height=6, width=8, channels=3, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, channels), np.uint8)


def test_sheet_places_every_picture():
  a, b, c = picture(4, 6), picture(8, 5, seed=1), picture(3, 3, 1, seed=2)
  grid = sheets.make([[a, b], [c]], separator=2)
  assert grid.shape == (2 + 8 + 2 + 3 + 2, 2 + 6 + 2 + 5 + 2, 3)
  np.testing.assert_array_equal(grid[2:6, 2:8], a)
  np.testing.assert_array_equal(grid[2:10, 10:15], b)
  np.testing.assert_array_equal(grid[12:15, 2:5], np.repeat(c, 3, -1))
  assert (grid[:2] == 255).all()
  assert (grid[6:12, 2:8] == 255).all()


def test_sheet_takes_floats_and_draws_titles():
  unit = images.to_unit_range(picture(20, 60))
  plain = sheets.make([[unit, unit]])
  titled = sheets.make([[unit, unit]], titles=["input", "too long" * 9])
  band = titled.shape[0] - plain.shape[0]
  assert band > 8
  assert (titled[:band] < 128).any()
  np.testing.assert_array_equal(titled[band:], plain)


@pytest.mark.parametrize(
  ("rows", "titles"), [([], []), ([[]], []), ([[picture()]], ["a", "b"])]
)
def test_sheet_refuses(rows, titles):
  with pytest.raises(ValueError, match=r"at least one|titles"):
    sheets.make(rows, titles)
