"""Features of VGG: names, sizes, and that pictures go in as they are."""

import drawn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.models import layers, pooling, vgg

CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)


@pytest.mark.parametrize("size", [(32, 48), (61, 50)])
def test_sizes_and_names(size):
  network = vgg.Vgg19Features()
  x = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  features = jax.eval_shape(network.apply, variables, x)
  assert [f.shape for f in features] == [
    (2, size[0] // s, size[1] // s, c)
    for s, c in zip((1, 2, 4, 8, 16), (64, 128, 256, 512, 512), strict=True)
  ]
  params = variables["params"]
  assert set(params) == {f"conv_{i}" for i in CONVOLUTIONS}
  leaves = jax.tree.leaves(params)
  assert sum(leaf.size for leaf in leaves) == 12_944_960


def test_features_are_those_of_plain_layers_on_the_picture_as_it_is():
  network = vgg.Vgg19Features()
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.uniform(-1, 1, (1, 16, 16, 3)), jnp.float32)
  variables = drawn.variables(network, x)
  features = jax.jit(network.apply)(variables, x)

  def step(x, index):
    params = variables["params"][f"conv_{index}"]
    width = params["kernel"].shape[-1]
    y = layers.Conv(width, 3, padding=1).apply({"params": params}, x)
    return jnp.maximum(y, 0)

  for index in CONVOLUTIONS[:5]:
    if index in (5, 10):
      x = pooling.max_pool(x)
    x = step(x, index)
    if index in (0, 5, 10):
      expected = features[(0, 5, 10).index(index)]
      np.testing.assert_allclose(x, expected, rtol=1e-4, atol=1e-4)
  for f in features:
    assert f.min() == 0
    assert f.max() > 0.1


def test_sizes_and_names_of_vgg16():
  network = vgg.Vgg16Features()
  x = jax.ShapeDtypeStruct((2, 61, 50, 3), jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  features = jax.eval_shape(network.apply, variables, x)
  assert [f.shape for f in features] == [
    (2, 61 // s, 50 // s, c)
    for s, c in zip((1, 2, 4, 8, 16), (64, 128, 256, 512, 512), strict=True)
  ]
  places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
  assert set(variables["params"]) == {f"conv_{i}" for i in places}
  leaves = jax.tree.leaves(variables["params"])
  assert sum(leaf.size for leaf in leaves) == 14_714_688


def test_vgg16_shows_each_block_s_last_activation():
  network = vgg.Vgg16Features()
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.standard_normal((1, 16, 16, 3)), jnp.float32)
  variables = drawn.variables(network, x)
  features = jax.jit(lambda *x: network.apply(*x)[:2])(variables, x)
  expected = []
  for block in ((0, 2), (5, 7)):
    x = pooling.max_pool(x) if expected else x
    for place in block:
      params = variables["params"][f"conv_{place}"]
      width = params["kernel"].shape[-1]
      x = layers.Conv(width, 3, padding=1).apply({"params": params}, x)
      x = jnp.maximum(x, 0)
    expected.append(x)
  for ours, theirs in zip(features, expected, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    assert ours.max() > 0.1


def test_features_have_the_type_of_the_computation():
  network = vgg.Vgg19Features(dtype=jnp.bfloat16)
  x = jax.ShapeDtypeStruct((1, 16, 16, 3), jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  features = jax.eval_shape(network.apply, variables, x)
  assert {f.dtype for f in features} == {jnp.dtype(jnp.bfloat16)}
  leaves = jax.tree.leaves(variables["params"])
  assert {leaf.dtype for leaf in leaves} == {jnp.dtype(jnp.float32)}
