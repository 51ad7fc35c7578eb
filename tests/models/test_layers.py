"""Initialisers, borders, extents and the layers of the networks."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.models import layers, semantics


def draw(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
  ("name", "std"),
  [
    ("normal", 0.02),
    # torch: gain * sqrt(2 / (fan in + fan out)), fans 9 * 32 and 9 * 64
    ("xavier", 0.02 * np.sqrt(2 / (9 * 96))),
    ("kaiming", np.sqrt(2 / (9 * 32))),
  ],
)
def test_initialiser_spread(name, std):
  kernel = layers.kernel_initializer(name, 0.02)(
    jax.random.key(0), (3, 3, 32, 64), jnp.float32
  )
  np.testing.assert_allclose(kernel.std(), std, rtol=0.03)
  np.testing.assert_allclose(kernel.mean(), 0, atol=0.05 * std)


def test_orthogonal_initialiser():
  kernel = layers.kernel_initializer("orthogonal", 0.5)(
    jax.random.key(0), (3, 3, 4, 8), jnp.float32
  )
  rows = kernel.reshape(-1, 8)
  np.testing.assert_allclose(rows.T @ rows, 0.25 * np.eye(8), atol=1e-5)


def test_unknown_initialiser():
  with pytest.raises(ValueError, match=r"unknown initialiser 'he'.*xavier"):
    layers.kernel_initializer("he")


@pytest.mark.parametrize("mode", layers.PADDING_MODES)
def test_pad2d_with_extents_equals_padding_the_picture_alone(mode):
  canvas = draw(0, 2, 9, 8, 3)
  extents = np.int32([[6, 8], [9, 5]])
  mask = np.zeros((2, 9, 8, 1), np.float32)
  for i, (height, width) in enumerate(extents):
    mask[i, :height, :width] = 1
  padded = layers.pad2d(
    jnp.asarray(canvas * mask), 3, mode, jnp.asarray(extents)
  )
  numpy_mode = {"zeros": "constant", "replicate": "edge"}.get(mode, mode)
  for i, (height, width) in enumerate(extents):
    alone = np.pad(
      canvas[i, :height, :width], ((3, 3), (3, 3), (0, 0)), numpy_mode
    )
    np.testing.assert_array_equal(padded[i, : height + 6, : width + 6], alone)


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_pad2d_of_a_label_map_is_that_of_its_channels(mode):
  rng = np.random.default_rng(0)
  x = semantics.LabelMap(
    jnp.asarray(rng.integers(0, 5, (2, 6, 7)), jnp.uint8),
    jnp.asarray(rng.normal(size=(2, 6, 7, 2)), jnp.float32),
    5,
  )
  padded = layers.pad2d(x, 3, mode)
  np.testing.assert_array_equal(
    padded.dense(), layers.pad2d(x.dense(), 3, mode)
  )
  conv = layers.Conv(4, 7, padding=3, padding_mode=mode)
  variables = conv.init(jax.random.key(0), x)
  np.testing.assert_allclose(
    conv.apply(variables, x), conv.apply(variables, x.dense()), atol=1e-6
  )


def test_pad2d_refuses_pictures_smaller_than_their_reflection():
  with pytest.raises(ValueError, match=r"3 x 9 .* reflection padding of 3"):
    layers.pad2d(jnp.zeros((1, 3, 9, 1)), 3, "reflect")


def test_resize_conv_enlarges_by_nearest_neighbours():
  x = draw(0, 1, 3, 4, 2)
  layer = layers.ResizeConv(5)
  variables = layer.init(jax.random.key(0), x)
  enlarged = x.repeat(2, 1).repeat(2, 2)
  conv = layers.Conv(5, 3, padding=1, padding_mode="reflect")
  expected = conv.apply({"params": variables["params"]["conv"]}, enlarged)
  np.testing.assert_allclose(layer.apply(variables, x), expected, atol=1e-6)
  assert expected.shape == (1, 6, 8, 5)


@pytest.mark.parametrize(
  "layer",
  [
    layers.Conv(4, 3, padding=1),
    layers.ConvTranspose(4, 3, output_padding=1),
    layers.ResizeConv(4),
  ],
)
def test_compute_type_and_parameter_type_are_apart(layer):
  layer = layer.clone(dtype=jnp.bfloat16)
  x = draw(0, 1, 4, 4, 2)
  variables = layer.init(jax.random.key(0), x)
  assert layer.apply(variables, x).dtype == jnp.bfloat16
  kinds = {leaf.dtype for leaf in jax.tree.leaves(variables)}
  assert kinds == {jnp.dtype(jnp.float32)}


def test_bias_is_added_where_wanted():
  x = draw(0, 1, 4, 4, 2)
  for kind in (
    functools.partial(layers.Conv, kernel_size=3),
    functools.partial(layers.ConvTranspose, kernel_size=3),
  ):
    without = kind(features=3, use_bias=False)
    params = without.init(jax.random.key(0), x)["params"]
    assert set(params) == {"kernel"}
    bias = jnp.float32([1, 2, 3])
    y = kind(features=3).apply({"params": {**params, "bias": bias}}, x)
    plain = without.apply({"params": params}, x)
    np.testing.assert_allclose(
      y - plain, np.broadcast_to(bias, y.shape), atol=1e-5
    )


def test_check_multiple():
  layers.check_multiple("network", (8, 16), 8)
  with pytest.raises(ValueError, match="multiples of 8, got 8 x 12"):
    layers.check_multiple("network", (8, 12), 8)


def test_every_parameter_of_a_layer_is_named():
  class Two(nn.Module):
    @nn.compact
    def __call__(self, x):
      return layers.ConvTranspose(4, 4, name="up")(x)

  params = Two().init(jax.random.key(0), jnp.zeros((1, 2, 2, 6)))["params"]
  # (height, width, output, input): the strided convolution's kernel.
  assert params["up"]["kernel"].shape == (4, 4, 4, 6)
  assert params["up"]["bias"].shape == (4,)
