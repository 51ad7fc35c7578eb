import numpy as np
import pytest
from scipy import ndimage

from gansynth.synthesis import connected


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (17, 12)])
def test_parts_are_those_of_scipy(size, share):
  rng = np.random.Generator(np.random.Philox(int(100 * share)))
  mask = rng.random(size) < share
  parts, _ = ndimage.label(mask)
  for row, column in np.argwhere(mask).tolist():
    found = connected.component(mask, row, column)
    np.testing.assert_array_equal(found, parts == parts[row, column])


def test_a_winding_part_is_found_whole():
  mask = np.zeros((31, 40), bool)
  mask[::2] = True
  mask[1::4, -1] = mask[3::4, 0] = True  # a snake
  assert connected.component(mask, 0, 0).sum() == mask.sum()
  mask[15] = False  # cut in two
  np.testing.assert_array_equal(
    np.flatnonzero(connected.component(mask, 30, 39).any(axis=1)),
    np.arange(16, 31),
  )


def test_a_pixel_that_is_not_set_has_no_part():
  with pytest.raises(ValueError, match=r"pixel \(0, 1\) of the mask"):
    connected.component(np.array([[True, False]]), 0, 1)
