"""L*a*b* against published values and its own inverse."""

import numpy as np
import pytest

from gansynth.data import color


@pytest.mark.parametrize(
  ("rgb", "lab"),
  [  # CIE L*a*b* of the sRGB primaries under D65, as scikit-image gives them.
    ((255, 255, 255), (100.0, 0.0, 0.0)),
    ((0, 0, 0), (0.0, 0.0, 0.0)),
    ((255, 0, 0), (53.24, 80.09, 67.20)),
    ((0, 255, 0), (87.73, -86.18, 83.18)),
    ((0, 0, 255), (32.30, 79.19, -107.86)),
    ((119, 119, 119), (50.03, 0.0, 0.0)),
  ],
)
def test_known_colours(rgb, lab):
  result = color.rgb_to_lab(np.array(rgb, np.uint8))
  np.testing.assert_allclose(result, lab, atol=0.02)


def test_there_and_back():
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, (20, 30, 3), np.uint8)
  lightness, ab = color.to_lightness_and_color(image)
  assert lightness.shape == (20, 30, 1)
  assert ab.shape == (20, 30, 2)
  assert lightness.dtype == ab.dtype == np.float32
  assert np.abs(lightness).max() <= 1
  back = color.from_lightness_and_color(lightness, ab)
  np.testing.assert_array_equal(back, image)


def test_impossible_colours_are_clipped():
  rgb = color.lab_to_rgb(np.array([[100.0, 100.0, 100.0], [0, -110, 110]]))
  assert rgb.dtype == np.uint8
  assert rgb[0, 0] == 255
