import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.blending import resize


def blur_by_hand(x, sigma, mode):
  """Blurs the first axis of (n, m), pixel by pixel."""
  radius = int(4 * sigma + 0.5)
  variance = max(sigma, 1e-9) ** 2
  weights = [math.exp(-(t**2) / (2 * variance)) for t in range(-radius, 1)]
  weights = np.array(weights + weights[-2::-1]) if radius else np.ones(1)
  weights /= weights.sum()
  options = {"constant_values": 0} if mode == "constant" else {}
  padded = np.pad(x, ((radius, radius), (0, 0)), mode, **options)
  return sum(w * padded[t : t + len(x)] for t, w in enumerate(weights))


def keys(distance):
  """Keys' cubic kernel with a = -0.5."""
  d = abs(distance)
  if d < 1:
    return 1.5 * d**3 - 2.5 * d**2 + 1
  return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0


def sample_by_hand(x, size, order):
  """Samples the first axis at half-pixel centres, 0 outside."""
  factor = len(x) / size
  rows = []
  for i in range(size):
    u = factor * (i + 0.5) - 0.5
    if order == 0:
      rows.append(x[math.floor(u + 0.5)])
      continue
    kernel = keys if order == 3 else (lambda d: max(0, 1 - abs(d)))
    rows.append(sum(kernel(u - j) * row for j, row in enumerate(x)))
  return np.stack(rows)


def resize_by_hand(x, size, order):
  """The specification, (C, H, W) in float64."""
  sigmas = [max(0, (n / size[i] - 1) / 2) for i, n in enumerate(x.shape[1:])]
  blurred = np.stack(
    [
      blur_by_hand(
        blur_by_hand(c, sigmas[0], "constant").T, sigmas[1], "constant"
      ).T
      for c in x
    ]
  )
  y = np.stack(
    [
      sample_by_hand(sample_by_hand(c, size[0], order).T, size[1], order).T
      for c in blurred
    ]
  )
  return np.clip(y, blurred.min(), blurred.max()) if order else y


def tables(size, new_size, **options):
  return [
    resize.axis(old, new, **options)
    for old, new in zip(size, new_size, strict=True)
  ]


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("new_size", [(9, 31), (40, 5)])
def test_matches_the_formulas(order, new_size):
  x = np.random.default_rng(0).random((2, 23, 17)) * 2 - 1
  with jax.enable_x64(True):
    y = resize.resize(
      jnp.asarray(x),
      *tables((23, 17), new_size, order=order, dtype="float64"),
      clip=order > 0,
    )
  expected = resize_by_hand(x, new_size, order)
  np.testing.assert_allclose(y, expected, atol=1e-13)


def test_clips_to_the_range_of_each_picture_and_not_of_the_batch():
  steps = np.zeros((2, 1, 8, 8), np.float32)
  steps[:, :, :, 4:] = 1
  steps[1] *= 2
  y = np.asarray(resize.resize(jnp.asarray(steps), *tables((8, 8), (16, 16))))
  free = resize.resize(
    jnp.asarray(steps), *tables((8, 8), (16, 16)), clip=False
  )
  assert free[0].max() > 1.01  # a cubic overshoots at a step
  assert y[0].max() == 1
  assert y[1].max() == 2
  assert y.min() == 0


def test_borders_darken_by_the_published_figure_or_not_at_all():
  flat = jnp.ones((1, 8, 8))
  y = resize.resize(flat, *tables((8, 8), (16, 16)), clip=False)
  assert float(y[0, 0, 8]) == pytest.approx(0.797, abs=1e-3)
  for new in ((16, 16), (3, 5)):
    y = resize.resize(flat, *tables((8, 8), new, edge=True))
    np.testing.assert_allclose(y, 1, atol=1e-6)


def test_samples_that_are_zero_stay_zero():
  """Beyond the true size of a canvas, here; the range is 0.5 to 1."""
  x = jnp.linspace(0.5, 1, 64).reshape(1, 8, 8)
  y = resize.resize(x, *tables((8, 8), (4, 4), new_canvas=6))
  assert float(jnp.abs(y[:, 4:]).max()) == 0
  assert float(y[:, :4, :4].min()) > 0.2


@pytest.mark.parametrize("order", [0, 1])
def test_bands_are_the_same(order):
  x = np.random.default_rng(1).random((1, 90, 70)).astype(np.float32)
  bands = [
    resize.bands(old, 8, order=order, canvas=old + 6) for old in (90, 70)
  ]
  canvas = np.pad(x, ((0, 0), (0, 6), (0, 6)), constant_values=9)
  y = resize.resize_bands(jnp.asarray(canvas), *bands)
  axes = tables((90, 70), (8, 8), order=order)
  expected = resize.resize(jnp.asarray(x), *axes, clip=False)
  np.testing.assert_allclose(y, expected, atol=1e-6)


def test_a_wide_blur_is_a_matrix_product_with_the_same_result():
  x = np.random.default_rng(2).random((1, 80, 3))
  table = resize.axis(80, 4, dtype="float64")
  assert table.dense
  with jax.enable_x64(True):
    y = resize.resize(
      jnp.asarray(x), table, resize.axis(3, 3, dtype="float64"), clip=False
    )
  sigma = (80 / 4 - 1) / 2
  blurred = blur_by_hand(x[0], sigma, "constant")
  np.testing.assert_allclose(y[0], sample_by_hand(blurred, 4, 3), atol=1e-12)


def test_halves_are_rounded_up_whatever_the_size():
  """256 -> 64 has its samples half way between pixels."""
  for old, new in ((256, 64), (128, 64), (768, 64)):
    index = resize.axis(old, new, order=0).index[0]
    np.testing.assert_array_equal(
      index, old // new // 2 + old // new * np.arange(new)
    )


def test_smooth_repeats_the_border():
  x = np.random.default_rng(3).random((9, 7)).astype(np.float32)
  y = resize.smooth(jnp.asarray(x), 1.3)
  expected = blur_by_hand(blur_by_hand(x, 1.3, "edge").T, 1.3, "edge").T
  np.testing.assert_allclose(y, expected, atol=1e-6)


def test_unknown_orders_are_refused():
  with pytest.raises(ValueError, match="order is 2"):
    resize.axis(4, 4, order=2)
