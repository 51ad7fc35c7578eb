"""Nearest and bilinear resizing against hand, brute force and torch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth import resampling


@pytest.mark.parametrize(
  ("size", "rows", "columns"),
  [
    ((2, 4), [0, 2], [0, 1, 3, 4]),  # jax.image takes rows 1 and 3
    ((8, 12), [0, 0, 1, 1, 2, 2, 3, 3], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
    ((3, 6), [0, 1, 2], [0, 1, 2, 3, 4, 5]),
  ],
)
def test_nearest_pixels(size, rows, columns):
  x = np.arange(4 * 6).reshape(1, 4, 6)
  np.testing.assert_array_equal(
    resampling.resize_nearest(jnp.asarray(x), size), x[:, rows][:, :, columns]
  )


def test_nearest_pixels_are_torch_s():
  torch = pytest.importorskip("torch")
  # Rounding in float32 decides at the last four.
  for old, new in [
    (5, 3),
    (3, 5),
    (97, 64),
    (64, 97),
    (112, 96),
    (276, 224),
    (336, 160),
    (62, 14),
  ]:
    x = np.arange(old, dtype=np.float32)[None, None]
    expected = torch.nn.functional.interpolate(
      torch.from_numpy(x)[None], size=(1, new), mode="nearest"
    )
    np.testing.assert_array_equal(
      resampling.resize_nearest(jnp.asarray(x), (1, new)), expected[0].numpy()
    )


def test_bilinear_by_hand():
  row = jnp.asarray([0.0, 4.0, 8.0]).reshape(1, 1, 3, 1)
  twice = resampling.resize_bilinear(row, (1, 6))
  np.testing.assert_allclose(twice.ravel(), [0, 1, 3, 5, 7, 8], atol=1e-6)
  # Shrinking takes the middle of two neighbours, and no others: no smoothing.
  wide = jnp.asarray([1.0, 9, 9, 9, 9, 9, 9, 1]).reshape(1, 8, 1, 1)
  np.testing.assert_allclose(
    resampling.resize_bilinear(wide, (2, 1)).ravel(), [9, 9], atol=1e-6
  )


def test_bilinear_keeps_the_size_and_the_type():
  x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 3, 4, 2)))
  np.testing.assert_array_equal(resampling.resize_bilinear(x, (3, 4)), x)
  halves = resampling.resize_bilinear(x.astype(jnp.bfloat16), (6, 5))
  assert (halves.dtype, halves.shape) == (jnp.bfloat16, (1, 6, 5, 2))


def interpolated(x, size):
  """Pixel by pixel in float64."""
  result = np.empty((len(x), *size, x.shape[-1]))
  for i, j in np.ndindex(*size):
    value = 0
    y, y_last = (i + 0.5) * x.shape[1] / size[0] - 0.5, x.shape[1] - 1
    z, z_last = (j + 0.5) * x.shape[2] / size[1] - 0.5, x.shape[2] - 1
    y, z = np.clip(y, 0, y_last), np.clip(z, 0, z_last)
    for row, share in ((int(y), 1 - y % 1), (int(y) + 1, y % 1)):
      for column, part in ((int(z), 1 - z % 1), (int(z) + 1, z % 1)):
        corner = x[:, min(row, y_last), min(column, z_last)]
        value = value + share * part * np.float64(corner)
    result[:, i, j] = value
  return result


@pytest.mark.parametrize("size", [(16, 29), (3, 11), (5, 7), (1, 2)])
def test_bilinear_pixel_by_pixel(size):
  x = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype(np.float32)
  found, gradient = jax.vjp(
    lambda a: resampling.resize_bilinear(a, size), jnp.asarray(x)
  )
  np.testing.assert_allclose(found, interpolated(x, size), atol=1e-6)
  # Resizing is linear: <U x, g> = <x, U' g> for every x, here all units.
  g = np.random.default_rng(1).normal(size=found.shape).astype(np.float32)
  units = np.eye(5 * 7).reshape(-1, 5, 7, 1)
  products = np.einsum("uhwc,nhwd->nud", interpolated(units, size), g)
  np.testing.assert_allclose(
    gradient(jnp.asarray(g))[0], products.reshape(x.shape), atol=1e-5
  )


def test_bilinear_is_torch_s():
  torch = pytest.importorskip("torch")
  for old, new in [
    ((35, 67), (128, 256)),
    ((19, 19), (64, 64)),
    ((9, 8), (4, 3)),
  ]:
    x = np.random.default_rng(0).normal(size=(1, *old, 2)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
      torch.from_numpy(x).permute(0, 3, 1, 2),
      size=new,
      mode="bilinear",
      align_corners=False,
    )
    np.testing.assert_allclose(
      resampling.resize_bilinear(jnp.asarray(x), new),
      expected.permute(0, 2, 3, 1).numpy(),
      atol=2e-5,
    )


@pytest.mark.parametrize("size", [(256, 256), (7, 500), (40, 33), (1, 1)])
def test_bilinear_on_the_host_and_on_devices_is_torch_s(size):
  # With positions in float64 it would be off by 3e-3 at 256 pixels.
  torch = pytest.importorskip("torch")
  picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
  expected = torch.nn.functional.interpolate(
    torch.from_numpy(np.float32(picture)).permute(2, 0, 1)[None],
    size=(299, 33),
    mode="bilinear",
    align_corners=False,
  )[0].permute(1, 2, 0)
  on_host = resampling.sample_bilinear_on_host(picture, (299, 33))
  assert on_host.dtype == np.float32
  np.testing.assert_allclose(on_host, expected, atol=6e-4)
  sampled = resampling.sample_bilinear(jnp.asarray(picture[None]), (299, 33))
  assert sampled.dtype == jnp.float32
  np.testing.assert_allclose(sampled[0], expected, atol=6e-4)
  resized = resampling.resize_bilinear(
    jnp.asarray(picture[None], jnp.float32), (299, 33)
  )
  np.testing.assert_allclose(resized[0], expected, atol=6e-4)
