"""Encoders of styles and of instances, and the means over instances."""

import functools

import drawn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.models import encoders


def draw(seed, *shape):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.uniform(-1, 1, shape), jnp.float32)


def count(variables):
  return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def structure(network, *shape):
  x = jax.ShapeDtypeStruct(shape, jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  return jax.eval_shape(network.apply, variables, x), variables


@pytest.mark.parametrize("size", [(256, 256), (96, 130)])
def test_published_style_encoder(size):
  output, variables = structure(encoders.StyleEncoder(), 2, *size, 3)
  assert jax.tree.map(jnp.shape, output) == ((2, 256), (2, 256))
  assert count(variables) == 10_463_424


def test_a_shallow_style_encoder_has_a_layer_less():
  network = encoders.StyleEncoder(features=2, latent_size=5, deep=False)
  output, variables = structure(network, 1, 64, 64, 3)
  assert output[0].shape == (1, 5)
  assert "conv_5" not in variables["params"]
  assert variables["params"]["mean"]["kernel"].shape == (8, 8, 16, 5)


def resized(picture, side):
  """Bilinear, half-pixel centres, borders repeated, no smoothing."""
  for axis, length in enumerate(picture.shape[:2]):
    place = (np.arange(side) + 0.5) * length / side - 0.5
    place = np.clip(place, 0, length - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, length - 1)
    weight = np.expand_dims(place - low, (1, 2) if axis == 0 else (0, 2))
    picture = np.take(picture, low, axis) * (1 - weight) + (
      np.take(picture, high, axis) * weight
    )
  return picture


def test_the_style_of_a_picture_is_that_of_its_resized_one():
  network = encoders.StyleEncoder(features=2, latent_size=8, init_gain=1.0)
  small = draw(0, 1, 100, 600, 3)
  whole = jnp.asarray(resized(np.asarray(small[0]), 256), jnp.float32)[None]
  variables = drawn.variables(network, whole)
  apply = jax.jit(network.apply)
  mean, log_variance = apply(variables, small)
  assert mean.std() > 0.01
  assert np.abs(mean - log_variance).max() > 0.01
  for a, b in zip((mean, log_variance), apply(variables, whole), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_kernels_of_the_style_are_matrices_over_channels_rows_columns():
  network = encoders.StyleEncoder(features=1, latent_size=3)
  x = draw(0, 2, 256, 256, 3)
  variables = drawn.variables(network, x)
  apply = functools.partial(
    network.apply, capture_intermediates=True, mutable=["intermediates"]
  )
  (mean, _), inner = jax.jit(apply)(variables, x)
  last = jax.nn.leaky_relu(inner["intermediates"]["norm_5"]["__call__"][0], 0.2)
  flat = last.transpose(0, 3, 1, 2).reshape(2, -1)
  params = variables["params"]["mean"]
  matrix = params["kernel"].transpose(3, 2, 0, 1).reshape(3, -1)
  np.testing.assert_allclose(
    mean, flat @ matrix.T + params["bias"][None], atol=1e-5
  )


def test_initial_values_of_the_style_encoder():
  network = encoders.StyleEncoder(features=8)
  params = jax.jit(network.init)(jax.random.key(0), draw(0, 1, 8, 8, 3))[
    "params"
  ]
  np.testing.assert_allclose(
    params["mean"]["kernel"].std(),
    0.02 * (2 / (16 * 64 + 256)) ** 0.5,
    rtol=0.02,
  )
  np.testing.assert_allclose(
    params["conv_5"]["kernel"].std(), (3 * 9 * 64) ** -0.5, rtol=0.02
  )
  assert not np.any(params["log_variance"]["bias"])


@pytest.mark.parametrize("norm", ["spectralsync_batch", "batch", "spectral"])
def test_norms_of_the_style_encoder(norm):
  network = encoders.StyleEncoder(features=2, latent_size=4, norm=norm)
  variables = structure(network, 2, 64, 64, 3)[1]
  stats = variables["batch_stats"]
  assert ("norm_0" in stats) == ("batch" in norm)
  assert ("conv_0" in stats) == ("spectral" in norm)
  assert ("bias" in variables["params"]["conv_0"]) == (
    norm != "spectralsync_batch"
  )


@pytest.mark.parametrize("size", [(64, 96), (16, 32)])
def test_published_instance_encoder(size):
  output, variables = structure(encoders.InstanceEncoder(), 1, *size, 3)
  assert output.shape == (1, *size, 3)
  assert count(variables) == 788_803


def brute_means(features, instances):
  means = np.zeros(features.shape)
  for n, ids in enumerate(np.asarray(instances)):
    for value in np.unique(ids):
      means[n][ids == value] = np.asarray(features)[n][ids == value].mean(0)
  return means


@pytest.mark.parametrize(
  ("ids", "dtype"),
  [
    ([0, 7, 26_001, 2**31 - 1, -(2**31), -1], jnp.int32),
    ([0, 3, 255], jnp.uint8),
    ([5], jnp.int32),
  ],
)
def test_pool_instances(ids, dtype):
  rng = np.random.default_rng(0)
  instances = jnp.asarray(rng.choice(ids, (3, 9, 7)), dtype)
  features = draw(1, 3, 9, 7, 2)
  pooled = jax.jit(encoders.pool_instances)(features, instances)
  np.testing.assert_allclose(
    pooled, brute_means(features, instances), atol=1e-6
  )
  # The means are a projection, so a sum weighted by w has the gradient that
  # is w's means.
  weights = draw(2, *features.shape)
  gradient = jax.jit(
    jax.grad(lambda x: (encoders.pool_instances(x, instances) * weights).sum())
  )(features)
  np.testing.assert_allclose(
    gradient, brute_means(weights, instances), atol=1e-6
  )


def test_pool_instances_of_pixels_that_are_all_different():
  instances = jnp.arange(12).reshape(1, 3, 4)[:, ::-1]
  features = draw(0, 1, 3, 4, 2)
  np.testing.assert_array_equal(
    encoders.pool_instances(features, instances), features
  )


def test_pool_instances_sums_halves_in_float32():
  features = (1 + draw(0, 1, 64, 64, 1) / 50).astype(jnp.bfloat16)
  instances = jnp.zeros((1, 64, 64), jnp.int32)
  pooled = encoders.pool_instances(features, instances)
  assert pooled.dtype == jnp.bfloat16
  exact = np.asarray(features, np.float64).mean()
  np.testing.assert_allclose(
    np.asarray(pooled, np.float64), exact, rtol=2**-7.9
  )


def test_an_encoder_learns_through_the_means():
  network = encoders.InstanceEncoder(features=2, num_downsampling=1)
  x = draw(0, 1, 8, 8, 3)
  instances = jnp.asarray(np.arange(64).reshape(1, 8, 8) % 3)
  variables = drawn.variables(network, x)

  @jax.jit
  @jax.grad
  def gradient(variables):
    pooled = encoders.pool_instances(network.apply(variables, x), instances)
    return jnp.square(pooled - 0.3).sum()

  assert np.any(gradient(variables)["params"]["stem"]["kernel"])
