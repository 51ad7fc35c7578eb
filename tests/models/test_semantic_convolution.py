"""Convolutions of label maps against those of their arrays."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.models import convolution, layers, semantic_convolution
from gansynth.models.semantics import LabelMap


def draw(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), "float32")


def label_map(seed, *shape, num_labels=5, planes=0, dtype=np.int32):
  """Labels of which some have no channel."""
  rng = np.random.default_rng(seed)
  labels = rng.integers(0, num_labels + 2, shape).astype(dtype)
  if np.issubdtype(dtype, np.signedinteger):
    labels[:, 0, 0] = -1
  drawn = draw(seed, *shape, planes) if planes else None
  return LabelMap(jnp.asarray(labels), drawn, num_labels)


# A stride, padding or even kernel can hide behind the usual ones.
GEOMETRIES = [(3, 1, 1), (1, 1, 0), (4, 2, 2), (5, 1, 0), (3, 2, 1)]


@pytest.mark.parametrize("planes", [0, 2])
@pytest.mark.parametrize(("size", "strides", "padding"), GEOMETRIES)
def test_equals_convolution_of_array(
  monkeypatch, size, strides, padding, planes
):
  monkeypatch.setattr(semantic_convolution, "_FEW_POSITIONS", 0)
  x = label_map(1, 2, 9, 12, planes=planes)
  kernel = draw(2, size, size, 5 + planes, 6)
  options = {"strides": strides, "padding": padding}
  expected = convolution.conv2d(x.dense(), kernel, **options)

  @jax.jit
  def conv(x, kernel):
    return semantic_convolution.conv2d(x, kernel, **options, dtype=jnp.float32)

  np.testing.assert_allclose(conv(x, kernel), expected, atol=1e-5)

  weights = draw(3, *expected.shape)

  def loss(function, planes, kernel):
    y = function(x.replace(planes=planes), kernel)
    return jnp.sum(weights * y * y)

  def dense(x, kernel):
    return convolution.conv2d(x.dense(), kernel, **options)

  found, wanted = (
    jax.jit(jax.grad(loss, argnums=(1, 2)), static_argnums=0)(
      function, x.planes, kernel
    )
    for function in (conv, dense)
  )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4),
    found,
    wanted,
  )


def test_looks_rows_up():
  # A single pixel of label 1 spreads that label's taps, flipped.
  kernel = np.arange(2 * 9.0, dtype=np.float32).reshape(3, 3, 2, 1)
  labels = np.full((1, 3, 3), 7)
  labels[0, 1, 1] = 1
  y = semantic_convolution.conv2d(
    LabelMap(jnp.asarray(labels), None, 2),
    jnp.asarray(kernel),
    padding=1,
    dtype=jnp.float32,
  )
  np.testing.assert_array_equal(
    np.asarray(y)[0, :, :, 0], kernel[::-1, ::-1, 1, 0]
  )


# One block of rows, several, and several whose last one is not full.
@pytest.mark.parametrize("block_bytes", [2**20, 2 * 12 * 6 * 4, 4 * 12 * 6 * 4])
@pytest.mark.parametrize(("size", "strides", "padding"), [(3, 1, 1), (4, 2, 2)])
def test_forms_of_platforms_are_equal(
  monkeypatch, size, strides, padding, block_bytes
):
  monkeypatch.setattr(semantic_convolution, "_BLOCK_BYTES", block_bytes)
  monkeypatch.setattr(semantic_convolution, "_LOOK_UP_BYTES", block_bytes)
  monkeypatch.setattr(semantic_convolution, "_FEW_TAPS", 0)
  x = label_map(4, 2, 9, 12, planes=1)
  kernel = draw(5, size, size, 6, 6)
  geometry = convolution.Geometry.of(x.shape, kernel.shape, strides, padding)
  operands = (x.labels, x.planes, kernel)

  def form(name):
    function = getattr(semantic_convolution, name)
    return jax.jit(functools.partial(function, geometry, 5))

  y = form("_multiply")(*operands)
  np.testing.assert_allclose(form("_look_up")(*operands), y, atol=1e-5)
  g = draw(6, *y.shape)
  for found, expected in zip(
    form("_summed_gradients")(*operands, g),
    form("_dense_gradients")(*operands, g),
    strict=True,
  ):
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_holds_no_rows_of_all_taps_where_the_result_is_used_thrice():
  x = label_map(7, 1, 70, 134)
  kernel = draw(8, 7, 7, 5, 64)

  @jax.jit
  def network(kernel):
    y = semantic_convolution.conv2d(x, kernel, dtype=jnp.float32)
    y = y - y.mean((1, 2), keepdims=True)
    return jnp.tanh(y / jnp.square(y).mean((1, 2), keepdims=True))

  held = network.lower(kernel).compile().memory_analysis().temp_size_in_bytes
  result_bytes = 64 * 128 * 64 * 4
  assert held < 3 * result_bytes


def test_keeps_no_one_hot_channels_for_the_gradient():
  x = label_map(7, 1, 16, 16, num_labels=50)
  kernel = draw(8, 3, 3, 50, 2)

  def conv(kernel):
    return semantic_convolution.conv2d(x, kernel, padding=1, dtype=jnp.float32)

  _, transpose = jax.vjp(conv, kernel)
  kept = sum(leaf.size for leaf in jax.tree.leaves(transpose))
  assert kept <= x.labels.size + kernel.size


def test_takes_as_many_labels_as_bytes_have():
  x = label_map(9, 1, 4, 4, num_labels=200, dtype=np.uint8)
  x = x.replace(num_labels=256)
  kernel = draw(10, 1, 1, 256, 3)
  y = semantic_convolution.conv2d(x, kernel, dtype=jnp.float32)
  np.testing.assert_array_equal(y, kernel[0, 0][x.labels.astype(int)])


def test_half_precision_rounds_once():
  x = label_map(11, 1, 6, 6, planes=1)
  kernel = draw(12, 3, 3, 6, 4).astype(jnp.bfloat16)
  y = semantic_convolution.conv2d(x, kernel, padding=1, dtype=jnp.bfloat16)
  assert y.dtype == jnp.bfloat16
  expected = convolution.conv2d(
    x.dense().astype(jnp.bfloat16).astype(jnp.float32),
    kernel.astype(jnp.float32),
    padding=1,
  )
  np.testing.assert_allclose(y.astype(np.float32), expected, rtol=0.005)


@pytest.mark.parametrize("mode", layers.PADDING_MODES)
def test_layer_takes_label_map(mode):
  x = label_map(13, 2, 6, 7, planes=1)
  conv = layers.Conv(3, kernel_size=3, padding=1, padding_mode=mode)
  if mode == "zeros":
    dense = x.dense()
  else:
    # Around the picture lie labels, not zeros.
    dense = jnp.pad(
      x.dense(),
      ((0, 0), (1, 1), (1, 1), (0, 0)),
      mode={"reflect": "reflect", "replicate": "edge"}[mode],
    )
  variables = conv.init(jax.random.key(0), x)
  params = variables["params"]
  expected = convolution.conv2d(
    dense, params["kernel"], padding=int(mode == "zeros")
  )
  np.testing.assert_allclose(conv.apply(variables, x), expected, atol=1e-6)


def test_refuses_pictures_smaller_than_the_kernel():
  with pytest.raises(ValueError, match=r"2 x 3 .* smaller than the kernel"):
    semantic_convolution.conv2d(
      label_map(14, 1, 2, 3), draw(15, 5, 5, 5, 2), dtype=jnp.float32
    )
