import numpy as np
import pytest

from gansynth.data.labels import oversampling


def test_rare_labels_are_there_and_under_the_share():
  pixels = np.array([900, 0, 49, 51])  # of 1000
  assert oversampling.rare_labels(pixels) == (2,)
  assert oversampling.rare_labels(pixels, 0.2) == (2, 3)
  assert oversampling.rare_labels(np.zeros(3, int)) == ()
  with pytest.raises(ValueError, match="share of 5 of the pixels"):
    oversampling.rare_labels(pixels, 5)


def test_chosen_labels_are_numbers_or_the_rare():
  pixels = np.array([980, 5, 15])
  assert oversampling.chosen_labels("rare", pixels) == (1, 2)
  assert oversampling.chosen_labels([2, 0, 2], pixels) == (0, 2)
  assert oversampling.chosen_labels((), pixels) == ()
  with pytest.raises(ValueError, match="'seldom'; expected numbers, or 'rare'"):
    oversampling.chosen_labels("seldom", pixels)
  with pytest.raises(ValueError, match=r"label 3 .* labels are 0 to 2"):
    oversampling.chosen_labels([1, 3], pixels)


def test_maps_with_one_of_the_labels_weigh_the_factor():
  presence = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1]], bool)
  weights = oversampling.weights(presence, (1, 2), 3)
  assert weights.dtype == np.float64
  np.testing.assert_array_equal(weights, [1, 3, 3, 3])
  np.testing.assert_array_equal(
    oversampling.weights(presence, [2], 2.5), [1, 1, 2.5, 2.5]
  )
  np.testing.assert_array_equal(oversampling.weights(presence, (), 3), [1] * 4)


def test_weights_refuse_what_cannot_be():
  presence = np.array([[1, 0], [1, 0]], bool)
  with pytest.raises(ValueError, match=r"label 1 .* none of 2 holds it"):
    oversampling.weights(presence, (1,), 2)
  for label in (-1, 2):
    with pytest.raises(ValueError, match=rf"label {label} .* are 0 to 1"):
      oversampling.weights(presence, (label,), 2)
  for factor in (0, -1, float("nan"), float("inf")):
    with pytest.raises(ValueError, match="expected a number above 0"):
      oversampling.weights(presence, (0,), factor)
