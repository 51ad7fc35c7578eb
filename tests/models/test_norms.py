"""Normalisations against NumPy, alone and over several devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.models import norms


def draw(seed, *shape):
  values = np.random.default_rng(seed).standard_normal(shape)
  return (3 * values + 5).astype(np.float32)


def test_instance_norm():
  x = draw(0, 2, 5, 4, 3)
  y = norms.InstanceNorm().apply({}, x)
  mean = x.mean((1, 2), keepdims=True, dtype=np.float64)
  variance = x.var((1, 2), keepdims=True, dtype=np.float64)
  np.testing.assert_allclose(
    y, (x - mean) / np.sqrt(variance + 1e-5), atol=1e-5
  )


def test_instance_norm_of_a_far_off_mean_stays_exact():
  # The mean of squares minus the squared mean would lose every digit here.
  x = draw(0, 1, 16, 16, 2)
  far = norms.InstanceNorm().apply({}, x + 4096)
  exact = x + np.float32(4096)
  exact = exact.astype(np.float64)
  exact = (exact - exact.mean((1, 2), keepdims=True)) / np.sqrt(
    exact.var((1, 2), keepdims=True) + 1e-5
  )
  np.testing.assert_allclose(far, exact, atol=2e-3)


def test_instance_norm_with_scale_and_bias():
  x = draw(0, 2, 5, 4, 3)
  layer = norms.norm_layer("instanceaffine", train=True)()
  start = layer.init(jax.random.key(0), x)["params"]
  np.testing.assert_array_equal(start["scale"], np.ones(3))
  np.testing.assert_array_equal(start["bias"], np.zeros(3))
  params = {"scale": np.float32([1, -2, 3]), "bias": np.float32([4, 5, 6])}
  y = layer.apply({"params": params}, x)
  plain = np.asarray(norms.InstanceNorm().apply({}, x))
  np.testing.assert_allclose(
    y, plain * params["scale"] + params["bias"], atol=1e-5
  )


@pytest.mark.parametrize("name", ["instance", "instanceaffine", "none"])
def test_extents_leave_zeros_outside(name):
  x = draw(0, 2, 6, 7, 3)
  extents = jnp.int32([[4, 7], [6, 3]])
  layer = norms.norm_layer(name, train=False)()
  params = jax.tree.map(lambda leaf: leaf + 1, layer.init(jax.random.key(0), x))
  y = layer.apply(params, x, extents)
  for i, (height, width) in enumerate(np.asarray(extents)):
    alone = layer.apply(params, x[i : i + 1, :height, :width])[0]
    np.testing.assert_allclose(y[i, :height, :width], alone, atol=1e-5)
    assert not y[i, height:].any()
    assert not y[i, :, width:].any()


def test_batch_norm_running_statistics():
  x = draw(0, 2, 3, 4, 5)
  layer = norms.BatchNorm(use_running_average=False)
  variables = layer.init(jax.random.key(0), x)
  # Initialising records nothing.
  np.testing.assert_array_equal(variables["batch_stats"]["mean"], 0)
  np.testing.assert_array_equal(variables["batch_stats"]["var"], 1)
  y, mutated = layer.apply(variables, x, mutable=["batch_stats"])
  mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
  np.testing.assert_allclose(
    y, (x - mean) / np.sqrt(variance + 1e-5), atol=1e-5
  )
  count = 2 * 3 * 4
  np.testing.assert_allclose(
    mutated["batch_stats"]["mean"], 0.1 * mean, rtol=1e-5
  )
  np.testing.assert_allclose(
    mutated["batch_stats"]["var"],
    0.9 + 0.1 * variance * count / (count - 1),
    rtol=1e-5,
  )

  params = {"scale": np.float32(range(1, 6)), "bias": np.float32(range(5))}
  evaluated = norms.BatchNorm(use_running_average=True).apply(
    {"params": params, **mutated}, x
  )
  moved = jax.device_get(mutated["batch_stats"])
  np.testing.assert_allclose(
    evaluated,
    (x - moved["mean"]) / np.sqrt(moved["var"] + 1e-5) * params["scale"]
    + params["bias"],
    rtol=1e-4,
    atol=1e-4,
  )


def test_batch_norm_over_devices_equals_one_device():
  devices = 4
  assert jax.local_device_count() >= devices
  x = (
    draw(0, 8, 3, 4, 2) * np.arange(1, 9, dtype=np.float32)[:, None, None, None]
  )
  alone = norms.BatchNorm(use_running_average=False)
  variables = alone.init(jax.random.key(0), x)
  together = alone.clone(axis_name="devices")

  def loss(layer, variables, x):
    y, mutated = layer.apply(variables, x, mutable=["batch_stats"])
    return jnp.square(jnp.sin(y)).sum(), (y, mutated)

  def run(layer, variables, x):
    return jax.grad(lambda x: loss(layer, variables, x), has_aux=True)(x)

  shards = x.reshape(devices, 2, *x.shape[1:])
  gradient, (y, mutated) = jax.pmap(
    lambda v, x: run(together, v, x), axis_name="devices", in_axes=(None, 0)
  )(variables, shards)
  gradient_1, (y_1, mutated_1) = run(alone, variables, x)
  np.testing.assert_allclose(y.reshape(x.shape), y_1, atol=1e-5)
  np.testing.assert_allclose(gradient.reshape(x.shape), gradient_1, atol=1e-5)
  for name in ("mean", "var"):
    for device in range(devices):
      np.testing.assert_allclose(
        mutated["batch_stats"][name][device],
        mutated_1["batch_stats"][name],
        rtol=1e-5,
      )


def test_batch_statistics_of_padded_pictures_are_refused():
  layer = norms.BatchNorm(use_running_average=False)
  x = draw(0, 1, 4, 4, 2)
  variables = layer.init(jax.random.key(0), x)
  with pytest.raises(ValueError, match="padded pictures"):
    layer.apply(variables, x, jnp.int32([[3, 3]]), mutable=["batch_stats"])


def test_results_in_bfloat16_come_from_float32_statistics():
  x = draw(0, 1, 64, 64, 2)
  exact = norms.InstanceNorm().apply({}, x)
  rounded = norms.InstanceNorm(dtype=jnp.bfloat16).apply({}, x)
  assert rounded.dtype == jnp.bfloat16
  np.testing.assert_array_equal(rounded, exact.astype(jnp.bfloat16))


def test_unknown_norm():
  with pytest.raises(ValueError, match=r"unknown norm 'layer'.*instance"):
    norms.norm_layer("layer", train=True)
