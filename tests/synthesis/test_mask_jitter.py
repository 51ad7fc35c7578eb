import numpy as np
import pytest
from scipy import ndimage

from gansynth.synthesis import mask_jitter
from gansynth.synthesis.mask_jitter import Jitter


def _labels(seed=0, size=(20, 31), count=5):
  rng = np.random.Generator(np.random.Philox(seed))
  coarse = rng.integers(0, count, (4, 5))
  rows, columns = (
    np.sort(rng.integers(0, n, side))
    for n, side in zip(coarse.shape, size, strict=True)
  )
  return coarse[np.ix_(rows, columns)].astype(np.uint8)


def test_boxes_lean_to_the_right_and_down():
  labels = np.zeros((6, 7), int)
  labels[2, 3] = 1
  for size, rows, columns in [
    (1, (2, 3), (3, 4)),
    (2, (2, 4), (3, 5)),
    (3, (1, 4), (2, 5)),
    (4, (1, 5), (2, 6)),
  ]:
    expected = np.zeros_like(labels)
    expected[slice(*rows), slice(*columns)] = 1
    grown = mask_jitter.dilate(labels, {1: size})
    np.testing.assert_array_equal(grown, expected)
  assert labels.sum() == 1  # what was given stays


def test_later_labels_grow_over_earlier_ones():
  labels = np.array([[2, 0, 1, 0, 0]])
  grown = mask_jitter.dilate(labels, {0: 0, 1: 3, 2: 2})
  np.testing.assert_array_equal(grown, [[2, 2, 1, 1, 0]])


def test_a_box_larger_than_the_map_fills_it():
  labels = np.array([[0, 0], [0, 3]])
  assert (mask_jitter.dilate(labels, {3: 9}) == 3).all()
  assert (mask_jitter.dilate(labels, {0: 0, 3: 2}) == labels).all()


@pytest.mark.parametrize("sigma", [0.6, 2.5, 3.0])
@pytest.mark.parametrize("size", [(5, 40), (70, 33), (1, 6)])
def test_displacement_is_a_mirrored_gaussian(sigma, size):
  rng = np.random.RandomState(1)
  noise = rng.rand(*size)
  found = mask_jitter.displacement(noise, 15.0, sigma)
  radius = len(mask_jitter.gaussian_taps(sigma)) - 1
  expected = 2 * noise - 1
  for axis in (0, 1):
    # A border that is not repeated does not exist along a single pixel.
    if size[axis] > 1:
      expected = ndimage.gaussian_filter1d(
        expected, sigma, axis, mode="mirror", radius=radius
      )
  np.testing.assert_allclose(found, 15 * expected, rtol=0, atol=1e-12)


def test_taps_reach_as_far_as_opencv_s():
  for sigma, count in [(3.0, 25), (2.5, 21), (1.0, 9), (0.6, 7), (4.1, 35)]:
    taps = mask_jitter.gaussian_taps(sigma)
    assert 2 * len(taps) - 1 == count
    assert taps[0] + 2 * taps[1:].sum() == pytest.approx(1, abs=1e-15)


def test_displacement_of_the_defaults_is_under_a_pixel():
  noise = np.random.RandomState(0).rand(256, 256)
  assert 0.7 < mask_jitter.displacement(noise, 15.0, 3.0).std() < 0.9


def test_sampling_is_nearest_with_halves_to_even_and_a_repeated_border():
  labels = np.arange(4, dtype=np.uint8)[None]
  x = np.array([[0.5, 1.5, 2.5, -0.6, -1.7, 3.6, 4.9, -5.0, 12.0]])
  found = mask_jitter.sample(labels, x, np.zeros_like(x))
  np.testing.assert_array_equal(found, [[0, 2, 2, 0, 1, 3, 2, 3, 3]])


def test_displacement_moves_what_is_looked_at():
  labels = _labels()
  ones, zeros = np.ones(labels.shape), np.zeros(labels.shape)
  moved = mask_jitter.displace(labels, ones, zeros)
  np.testing.assert_array_equal(moved[:, :-1], labels[:, 1:])
  moved = mask_jitter.displace(labels, zeros, 2 * ones)
  np.testing.assert_array_equal(moved[:-2], labels[2:])


@pytest.mark.parametrize(
  "jitter", [Jitter(), Jitter(4, 3, 40.0, 2.0), Jitter(0, 0)]
)
def test_original_draws_in_its_order(jitter):
  labels = _labels(3)
  first, second, third = (np.random.RandomState(7) for _ in range(3))
  made = mask_jitter.original(labels, jitter, first)
  assert made.shape == labels.shape
  assert made.dtype == labels.dtype
  mask_jitter.draws_only(labels, jitter, second)
  # What the original calls, one by one.
  dilated, eroded = {}, {}
  for label in np.unique(labels):
    dilated[label] = third.randint(0, jitter.max_dilate + 1)
    eroded[label] = third.randint(0, jitter.max_erode + 1)
  noise_x = third.rand(*labels.shape)
  noise_y = third.rand(*labels.shape)
  assert first.rand() == second.rand() == third.rand()
  drawn = mask_jitter.draw(labels, jitter, np.random.RandomState(7))
  assert drawn.dilate == dilated
  assert drawn.erode == eroded
  np.testing.assert_array_equal(drawn.noise_x, noise_x)
  np.testing.assert_array_equal(drawn.noise_y, noise_y)
  expected = mask_jitter.displace(
    mask_jitter.dilate(labels, dilated),
    *(
      mask_jitter.displacement(n, jitter.elastic_alpha, jitter.elastic_sigma)
      for n in (noise_x, noise_y)
    ),
  )
  np.testing.assert_array_equal(made, expected)


def test_jitter_without_changes_is_none():
  labels = _labels(5)
  jitter = Jitter(1, 2, 0.0)
  made = mask_jitter.original(labels, jitter, np.random.RandomState(0))
  np.testing.assert_array_equal(made, labels)


@pytest.mark.parametrize(
  ("options", "words"),
  [
    ({"max_dilate": -1}, "max_dilate is -1"),
    ({"max_erode": -2}, "max_erode is -2"),
    ({"elastic_alpha": -1.0}, "elastic_alpha is -1"),
    ({"elastic_alpha": float("nan")}, "elastic_alpha is nan"),
    ({"elastic_sigma": 0.0}, "elastic_sigma is 0"),
  ],
)
def test_wrong_ranges_are_refused(options, words):
  with pytest.raises(ValueError, match=words):
    Jitter(**options)


@pytest.mark.parametrize(
  ("labels", "words"),
  [
    (np.zeros((2, 2, 3), np.uint8), r"uint8 of shape \(2, 2, 3\)"),
    (np.zeros((2, 2)), r"float64 of shape \(2, 2\)"),
    (np.zeros((0, 2), int), r"int64 of shape \(0, 2\)"),
    (np.array([[0, -1]]), "labels are -1 to 0"),
    (np.array([[70000, 1]]), "labels are 1 to 70000"),
  ],
)
def test_wrong_labels_are_refused(labels, words):
  with pytest.raises(ValueError, match=words):
    mask_jitter.original(labels, Jitter(), np.random.RandomState(0))
