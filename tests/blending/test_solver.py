import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from gansynth.blending import buckets, solver


@pytest.fixture
def x64():
  with jax.enable_x64(True):
    yield


def pictures(height, width, batch=(), seed=0, dtype=np.float64):
  rng = np.random.default_rng(seed)
  source, destination, color = rng.random((3, *batch, 3, height, width))
  mask = (rng.random((*batch, 1, height, width)) > 0.5).astype(dtype)
  return tuple(x.astype(dtype) for x in (source, destination, mask, color))


def residual(y, rhs, color_weight, sigma):
  """Of the linear system, by mirrored stencils instead of transforms."""
  radius = int(4 * sigma + 0.5)
  weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
  taps = (weights / weights.sum())[max(radius - 1, 0) : radius + 2]
  laplacian = blurred = np.asarray(y)
  laplacian = sum(
    scipy.ndimage.correlate1d(y, [-1.0, 2.0, -1.0], axis, mode="reflect")
    for axis in (-2, -1)
  )
  for axis in (-2, -1):
    blurred = scipy.ndimage.correlate1d(blurred, taps, axis, mode="reflect")
  return laplacian + color_weight * blurred - rhs


@pytest.mark.parametrize(
  ("size", "color_weight", "sigma"),
  [((6, 9), 1.0, 0.5), ((130, 71), 0.1, 1.0), ((20, 20), 3.0, 0.1)],
)
@pytest.mark.usefixtures("x64")
def test_solves_the_linear_system(size, color_weight, sigma):
  rhs = np.random.default_rng(0).normal(size=(2, *size))
  y = np.asarray(solver.solve_system(jnp.asarray(rhs), color_weight, sigma))
  np.testing.assert_allclose(
    residual(y, rhs, color_weight, sigma), 0, atol=1e-12
  )


@pytest.mark.parametrize(
  ("sigma", "center", "side"),
  [
    (0.1, 1, 0),
    (0.2, 0.99999255, 0.00000373),
    (0.5, 0.78657073, 0.10645077),
    (1.5, 0.26596426, 0.21296753),
  ],
)
def test_gaussian_taps(sigma, center, side):
  taps = solver.gaussian_taps(jnp.float32(sigma))
  np.testing.assert_allclose(taps, (center, side), atol=1e-7)


def test_flat_pictures_keep_their_color_up_to_the_gain():
  flat = np.full((3, 8, 9), 0.4, np.float32)
  mask = np.ones((1, 8, 9), np.float32)
  for sigma, gain in ((0.1, 1.0), (0.7, 1.0399), (1.0, 1.2829)):
    y = solver.solve(flat, 1 - flat, mask, flat, sigma=sigma)
    np.testing.assert_allclose(y, 0.4 * gain, rtol=1e-4)


@pytest.mark.parametrize("color_weight", [1.0, 0.1, 0.01])
def test_float32_and_batches(color_weight):
  # By Fourier transforms; the pictures of a batch do not mix.
  batch = pictures(80, 66, (2,), dtype=np.float32)
  y = solver.solve(*batch, color_weight=color_weight)
  assert y.dtype == jnp.float32
  assert float(y.min()) >= 0
  assert float(y.max()) <= 1
  with jax.enable_x64(True):
    for n in range(2):
      exact = solver.solve(
        *(x[n].astype(np.float64) for x in batch), color_weight=color_weight
      )
      np.testing.assert_allclose(y[n], exact, atol=3e-6)


@pytest.mark.parametrize("kernel", solver.KERNELS)
@pytest.mark.parametrize("border", solver.BORDERS)
@pytest.mark.usefixtures("x64")
def test_canvas_beyond_reach_changes_nothing(kernel, border):
  height, width, tolerance = 50, 45, 1e-9
  inputs = pictures(height, width)
  options = {"kernel": kernel, "border": border}
  canvas = buckets.bucket(height, width, 3.0, 0.5, tolerance)
  assert canvas[0] > height
  assert canvas[1] > width
  padding = [(0, n - m) for n, m in zip(canvas, (height, width), strict=True)]
  padded = [np.pad(x, ((0, 0), *padding)) for x in inputs]
  solve = functools.partial(solver.solve, color_weight=3.0, **options)
  y = solve(*padded, size=np.asarray((height, width)))
  found = y[..., :height, :width]
  np.testing.assert_allclose(found, solve(*inputs), atol=tolerance, rtol=0)
  assert not np.any(y[..., height:, :])
  assert not np.any(y[..., width:])


@pytest.mark.parametrize("color_weight", [1.0, 0.1, 0.01])
@pytest.mark.usefixtures("x64")
def test_error_of_a_canvas_is_bounded_and_the_bound_is_not_idle(color_weight):
  # The worst there is: all rows of a half plane change by the most they can.
  tolerance, largest = 1e-5, 8 + color_weight
  margin = int(buckets.reach(color_weight, 0.5, tolerance))
  change = np.zeros((1, 1200))
  change[:, 600 + margin + 1 :] = 2 * largest
  y = solver.solve_system(jnp.asarray(change), color_weight, 0.5)
  one_of_four_sides = float(y[0, 600])
  assert tolerance / 3 < 4 * one_of_four_sides <= tolerance


def test_reach():
  assert buckets.reach(1.0, 0.5, 1e-6) == 17
  assert buckets.reach(0.1, 0.5, 1e-6) > 3 * buckets.reach(1.0, 0.5, 1e-6)
  assert math.isinf(buckets.reach(0.0))
  # Green's function oscillates; then the system becomes indefinite.
  assert 8 <= buckets.reach(10.0, 1.0) <= 20
  assert math.isinf(buckets.reach(100.0, 1.0))


def test_bucket():
  assert buckets.bucket(640, 864) == (640, 864)
  assert buckets.bucket(608, 865) == (640, 1024)
  assert buckets.bucket(1023, 40) == (1152, 64)
  # Own lengths, where a canvas would be much larger than the picture.
  assert buckets.bucket(600, 300, 0.001) == (600, 300)
  assert buckets.bucket(10, 20) == (10, 20)
  few = {buckets.bucket(n, n) for n in range(512, 1025)}
  assert len(few) <= 8


def test_nothing_is_compiled_again():
  small = pictures(24, 30, dtype=np.float32)
  solver.solve.clear_cache()
  for size in ((20, 21), (24, 30), (7, 30)):
    for color_weight, sigma in ((1.0, 0.5), (0.3, 1.2)):
      solver.solve(
        *small,
        color_weight=color_weight,
        sigma=sigma,
        size=np.asarray(size, np.int32),
      )
  assert solver.solve._cache_size() == 1


@pytest.mark.usefixtures("x64")
def test_gradients():
  # A canvas as wide as it must be for the system to be symmetric.
  inputs = pictures(5, 24)
  weights = np.random.default_rng(1).normal(size=(3, 5, 24))

  @jax.jit
  def loss(color_weight, sigma, *inputs):
    size = jnp.asarray((5, 6))
    rhs = solver.right_hand_side(*inputs, color_weight, size=size)
    y = solver.solve_system(rhs, color_weight, sigma, size)
    return jnp.sum(weights * jnp.sin(y))

  arguments = (3.0, 0.45, *inputs)
  rng = np.random.default_rng(2)
  direction = [rng.normal(size=np.shape(x)) for x in arguments]
  gradients = jax.grad(loss, argnums=range(6))(*arguments)
  found = sum(np.sum(g * d) for g, d in zip(gradients, direction, strict=True))
  step = 1e-5

  def moved(step):
    return loss(
      *(x + step * d for x, d in zip(arguments, direction, strict=True))
    )

  expected = (moved(step) - moved(-step)) / (2 * step)
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_wrong_shapes_are_named():
  source, destination, mask, color = pictures(6, 8)
  with pytest.raises(ValueError, match=r"found \(3, 6, 8\).*and \(6, 8\)"):
    solver.solve(source, destination, mask[0], color)


@pytest.mark.parametrize("border", solver.BORDERS)
def test_pictures_of_several_sizes_in_one_batch(border):
  # On a canvas beyond 64 pixels, where Fourier transforms are taken.
  batch = pictures(66, 50, (2,), dtype=np.float32)
  sizes = np.asarray(((40, 30), (35, 33)), np.int32)
  options = {"color_weight": 3.0, "kernel": "sobel", "border": border}

  @jax.vmap
  def solve(size, *planes):
    return solver.solve(*planes, size=size, **options)

  found = solve(sizes, *batch)
  for n, (height, width) in enumerate(sizes):
    alone = [x[n, :, :height, :width] for x in batch]
    np.testing.assert_allclose(
      found[n, :, :height, :width], solver.solve(*alone, **options), atol=3e-6
    )
