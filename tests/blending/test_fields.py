import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from gansynth.blending import fields

# Correlation kernels of the derivative down the rows; scikit-image's, doubled.
DOWN = {
  name: np.outer([-1, 0, 1], smoothing)
  for name, smoothing in {
    "sobel": np.array([1, 2, 1]) / 4,
    "scharr": np.array([3, 10, 3]) / 16,
    "prewitt": np.array([1, 1, 1]) / 3,
  }.items()
}
CASES = [
  (kernel, border)
  for kernel in fields.KERNELS
  for border in fields.BORDERS
  if (kernel, border) != ("normal", "reflect")
]


@pytest.fixture(autouse=True)
def x64():
  with jax.enable_x64(True):
    yield


def original_gradients(plane, kernel, border):
  if kernel == "normal":
    h = np.diff(plane, axis=1, append=plane[:, -1:])
    return h, np.diff(plane, axis=0, append=plane[-1:])
  if kernel == "roberts":
    ahead = np.pad(plane, ((0, 1), (0, 1)), mode="edge")
    h = ahead[1:, 1:] - ahead[:-1, :-1]
    v = ahead[1:, :-1] - ahead[:-1, 1:]
  else:
    h, v = (
      scipy.ndimage.correlate(plane, k, mode="reflect")
      for k in (DOWN[kernel], DOWN[kernel].T)
    )
  if border == "zero":
    for field in (h, v):
      field[[0, -1]] = 0
      field[:, [0, -1]] = 0
  return h, v


def original_blend(source, destination, mask, kernel, border):
  weights = (mask + np.roll(mask, -1, 1)) / 2, (mask + np.roll(mask, -1, 0)) / 2
  h, v = (
    d * (1 - w) + s * w
    for s, d, w in zip(
      original_gradients(source, kernel, border),
      original_gradients(destination, kernel, border),
      weights,
      strict=True,
    )
  )
  return h, v, np.roll(h, 1, 1) + np.roll(v, 1, 0) - h - v


def pictures(height=7, width=10):
  rng = np.random.default_rng(1)
  source, destination = rng.random((2, 2, 3, height, width))
  return source, destination, rng.random((2, 1, height, width))


@pytest.mark.parametrize(("kernel", "border"), CASES)
def test_match_the_original(kernel, border):
  source, destination, mask = pictures()
  h, v = fields.gradients(jnp.asarray(source), kernel, border)
  blend = fields.blended(source, destination, mask, kernel, border)
  b = fields.negative_divergence(source, destination, mask, kernel, border)
  for n in range(2):
    for c in range(3):
      s, d, m = source[n, c], destination[n, c], mask[n, 0]
      expected = original_gradients(s, kernel, border)
      np.testing.assert_allclose((h[n, c], v[n, c]), expected, atol=1e-14)
      expected = original_blend(s, d, m, kernel, border)
      found = (blend[0][n, c], blend[1][n, c], b[n, c])
      np.testing.assert_allclose(found, expected, atol=1e-14)


@pytest.mark.parametrize(("kernel", "border"), CASES)
def test_true_extents_in_a_larger_canvas(kernel, border):
  inputs = pictures()
  canvas = [
    np.pad(x, ((0, 0), (0, 0), (0, 4), (0, 3)), constant_values=9.0)
    for x in inputs
  ]
  size = jnp.asarray(inputs[0].shape[-2:])
  found = jax.jit(fields.negative_divergence, static_argnums=(3, 4))(
    *canvas, kernel, border, size
  )
  expected = fields.negative_divergence(*inputs, kernel, border)
  np.testing.assert_allclose(found[..., :7, :10], expected, atol=1e-14)


def test_unknown_names_are_refused():
  x = jnp.zeros((1, 4, 4))
  with pytest.raises(ValueError, match=r"kernel 'laplace'.*scharr"):
    fields.gradients(x, "laplace")
  with pytest.raises(ValueError, match=r"border 'wrap'.*reflect"):
    fields.gradients(x, "sobel", "wrap")
