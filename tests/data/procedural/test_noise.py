import numpy as np
import pytest

from gansynth.data.procedural import noise


def test_streams_are_repeatable_and_independent():
  first = noise.generator(1, 2, 3).random(4)
  np.testing.assert_array_equal(first, noise.generator(1, 2, 3).random(4))
  for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0)):
    assert not np.array_equal(first, noise.generator(*other).random(4))


# The second is longer than the table it comes from.
@pytest.mark.parametrize("shape", [(300, 301), (3, 700, 700)])
def test_bell_has_mean_0_and_deviation_1(shape):
  values = noise.bell(noise.generator(0, 0, 0), shape)
  assert values.shape == shape
  assert values.dtype == np.float32
  assert abs(values.mean()) < 0.01
  assert abs(values.std() - 1.0) < 0.01


@pytest.mark.parametrize("name", ["clouds", "leaves", "grain"])
def test_textures_fill_their_range_and_repeat(name):
  texture = noise.texture(name)
  assert texture.min() == 0.0
  assert texture.max() == 1.0
  # The step over the border is no larger than those inside.
  seam = np.abs(texture[:, 0] - texture[:, -1]).mean()
  inside = np.abs(np.diff(texture, axis=1)).mean()
  assert seam < 2.0 * inside
  u, v = np.array([3.0, 259.0, -253.0]), np.array([7.2, 7.2, 263.2])
  np.testing.assert_array_equal(noise.sample(name, u, v), texture[7, 3])


def test_smooth_lookup_interpolates():
  texture = noise.texture("clouds")
  half = noise.sample_smooth("clouds", np.array([10.5]), np.array([20.0]))
  expected = 0.5 * (texture[20, 10] + texture[20, 11])
  np.testing.assert_allclose(half, [expected], rtol=1e-6)


def test_pulse_is_the_exact_average_of_stripes():
  x = np.linspace(-3.0, 3.0, 50)
  width = 0.37
  fine = x[:, None] + width * (np.arange(4000) + 0.5) / 4000 - width / 2
  inside = (fine % 1.0 >= 0.2) & (fine % 1.0 < 0.6)
  pulse = noise.pulse(x, 0.2, 0.6, np.full(50, width))
  np.testing.assert_allclose(pulse, inside.mean(1), atol=2e-3)
  # A pixel as wide as many stripes sees their share.
  np.testing.assert_allclose(
    noise.pulse(np.array([0.3]), 0.2, 0.6, np.array([100.0])), 0.4, rtol=1e-6
  )


def test_coverage_is_the_share_of_the_pixel():
  x, width = np.array([0.0, 1.0, 1.9, 5.0]), np.ones(4)
  np.testing.assert_allclose(
    noise.coverage(x, 1.0, 2.0, width), [0.0, 0.5, 0.6, 0.0], atol=1e-6
  )


def test_cell_hash_is_even_and_uncorrelated():
  values = noise.cell_hash(np.arange(-100, 100)[:, None], np.arange(100), 5)
  counts = np.histogram(values, 10, (0.0, 1.0))[0]
  assert counts.min() > 0.9 * values.size / 10
  assert abs(np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]) < 0.03


def test_blur_keeps_the_sum():
  picture = noise.generator(0, 1, 2).random((3, 20, 30)).astype(np.float32)
  smooth = noise.blur(picture, 4, axes=(1, 2))
  np.testing.assert_allclose(
    smooth.sum(axis=(1, 2)), picture.sum(axis=(1, 2)), rtol=1e-5
  )
  assert smooth.std() < 0.5 * picture.std()


def test_shrink_averages_blocks():
  picture = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
  np.testing.assert_array_equal(
    noise.shrink(picture, 2), [[[2.5, 4.5], [10.5, 12.5]]]
  )
  assert noise.shrink(picture, 1) is picture
