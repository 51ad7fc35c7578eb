"""Modulation at the pixels that vary, against a plain convolution of all."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gansynth.models import semantics as semantics_lib
from gansynth.models import sparse_modulation

_LABELS = 7


@pytest.fixture
def rng():
  return np.random.default_rng(0)


def _rectangles(rng, shape, count=5):
  """Large uniform regions, a few of them down to one pixel."""
  labels = np.zeros(shape, np.int32)
  for picture in labels:
    for _ in range(count):
      top, left = (rng.integers(0, n) for n in picture.shape)
      height, width = rng.integers(1, 40, 2)
      picture[top : top + height, left : left + width] = rng.integers(_LABELS)
  return labels


def _label_map(labels, edges, num_labels=_LABELS):
  planes = None
  if edges:
    planes = semantics_lib.instance_edges(jnp.asarray(labels))
    planes = planes[..., None].astype(jnp.float32)
  return semantics_lib.LabelMap(jnp.asarray(labels), planes, num_labels)


def _weights(rng, semantics, kernel_size, hidden=8, channels=3):
  def convolution(inputs, outputs):
    shape = (kernel_size, kernel_size, inputs, outputs)
    scale = (kernel_size**2 * min(inputs, 20)) ** -0.5
    return {
      "kernel": jnp.asarray(rng.normal(0, scale, shape), jnp.float32),
      "bias": jnp.asarray(rng.normal(0, 0.3, outputs), jnp.float32),
    }

  return {
    "shared": convolution(semantics.shape[-1], hidden),
    "gamma": convolution(hidden, channels),
    "beta": convolution(hidden, channels),
  }


def _normalized(rng, semantics, weights):
  shape = (*semantics.shape[:3], len(weights["beta"]["bias"]))
  return jnp.asarray(rng.normal(size=shape), jnp.float32)


@jax.jit
def _reference(normalized, semantics, weights):
  def convolve(x, convolution):
    y = lax.conv_general_dilated(
      x,
      convolution["kernel"],
      (1, 1),
      "SAME",
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return y + jnp.broadcast_to(convolution["bias"], y.shape)

  hidden = jnp.maximum(convolve(semantics.dense(), weights["shared"]), 0)
  gamma = convolve(hidden, weights["gamma"])
  return normalized * (1 + gamma) + convolve(hidden, weights["beta"])


_plan = jax.jit(sparse_modulation.plan, static_argnums=1)


@functools.partial(jax.jit, static_argnames="dtype")
def _modulate(normalized, semantics, weights, dtype=jnp.float32):
  kernel_size = len(weights["shared"]["kernel"])
  plan = sparse_modulation.plan(semantics, kernel_size)
  assert plan is not None
  return sparse_modulation.modulate(
    normalized, semantics, **weights, dtype=dtype, plan=plan
  )


def _check(rng, semantics, kernel_size, **widths):
  weights = _weights(rng, semantics, kernel_size, **widths)
  normalized = _normalized(rng, semantics, weights)
  actual = _modulate(normalized, semantics, weights)
  expected = _reference(normalized, semantics, weights)
  np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("edges", [False, True])
def test_equals_the_dense_form(rng, kernel_size, edges):
  labels = _rectangles(rng, (2, 65, 83))
  _check(rng, _label_map(labels, edges), kernel_size)


def test_equals_the_dense_form_in_winograds_tiles(rng):
  labels = _rectangles(rng, (1, 64, 96))
  _check(rng, _label_map(labels, True, 184), 3, hidden=128, channels=64)


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_takes_maps_that_vary_everywhere(rng, kernel_size):
  labels = rng.integers(0, _LABELS, (2, 64, 66)).astype(np.int32)
  semantics = _label_map(labels, True)
  if kernel_size == 3:
    assert _plan(semantics, 3).count == 2 * 32 * 33
  _check(rng, semantics, kernel_size)


# Two rings of tiles reach beyond the picture for k = 5: 24 kinds.
@pytest.mark.parametrize(("kernel_size", "count"), [(1, 0), (3, 8), (5, 24)])
def test_a_uniform_map_is_computed_at_its_border_alone(rng, kernel_size, count):
  semantics = _label_map(np.full((2, 64, 128), 3, np.int32), False)
  assert _plan(semantics, kernel_size).count == count
  _check(rng, semantics, kernel_size)


@pytest.mark.parametrize("factor", [0x9E3779B1, 0])  # 0: most keys collide
def test_computes_each_kind_of_surroundings_once(rng, factor, monkeypatch):
  monkeypatch.setattr(sparse_modulation, "_FACTOR", factor)
  labels = _rectangles(rng, (2, 70, 80))
  semantics = _label_map(labels, True)
  classes = labels + _LABELS * np.asarray(semantics.planes[..., 0], np.int32)
  padded = np.pad(classes, ((0, 0), (2, 2), (2, 2)), constant_values=-1)
  windows = np.lib.stride_tricks.sliding_window_view(padded, (6, 6), (1, 2))
  windows = windows[:, ::2, ::2].reshape(-1, 36)
  varies = (windows != windows[:, :1]).any(1)
  assert 0.1 < varies.mean() < 0.9
  plan = jax.jit(lambda x: sparse_modulation.plan(x, 3))(semantics)
  kinds = np.unique(windows[varies], axis=0)
  assert len(kinds) < 0.9 * varies.sum()
  if factor:
    assert plan.count == len(kinds)
  else:
    assert len(kinds) <= plan.count <= varies.sum()
  computed = windows[np.asarray(plan.tiles[: plan.count])]
  np.testing.assert_array_equal(np.unique(computed, axis=0), kinds)
  weights = _weights(rng, semantics, 3)
  normalized = _normalized(rng, semantics, weights)
  actual = sparse_modulation.modulate(
    normalized, semantics, **weights, dtype=jnp.float32, plan=plan
  )
  expected = _reference(normalized, semantics, weights)
  np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5)


def test_labels_without_a_channel_and_values_between_are_exact(rng):
  labels = np.zeros((1, 64, 64), np.int32)
  labels[:, 10:40, 10:40] = 255
  planes = np.zeros((1, 64, 64, 1), np.float32)
  planes[:, 30:60, 30:60] = 0.3
  semantics = semantics_lib.LabelMap(
    jnp.asarray(labels), jnp.asarray(planes), _LABELS
  )
  for kernel_size in (1, 3):
    _check(rng, semantics, kernel_size)


def test_one_program_takes_every_map(rng):
  semantics = _label_map(np.zeros((2, 64, 64), np.int32), True)
  weights = _weights(rng, semantics, 3)
  normalized = _normalized(rng, semantics, weights)
  _modulate.clear_cache()
  for labels in (
    np.zeros((2, 64, 64), np.int32),
    _rectangles(rng, (2, 64, 64)),
    rng.integers(0, _LABELS, (2, 64, 64)).astype(np.int32),
  ):
    semantics = _label_map(labels, True)
    actual = _modulate(normalized, semantics, weights)
    expected = _reference(normalized, semantics, weights)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5)
  assert _modulate._cache_size() == 1


def test_half_precision_is_as_near_as_the_dense_form(rng):
  semantics = _label_map(_rectangles(rng, (1, 64, 64)), True)
  weights = _weights(rng, semantics, 3)
  normalized = _normalized(rng, semantics, weights)
  expected = _reference(normalized, semantics, weights)
  normalized = normalized.astype(jnp.bfloat16)
  actual = _modulate(normalized, semantics, weights, jnp.bfloat16)
  dense = sparse_modulation.modulate(
    normalized, semantics, **weights, dtype=jnp.bfloat16
  )
  assert actual.dtype == dense.dtype == jnp.bfloat16
  error, dense_error = (
    jnp.abs(y.astype(jnp.float32) - expected).mean() for y in (actual, dense)
  )
  assert error < 1.5 * dense_error < 0.02


def test_without_a_plan_it_is_dense(rng):
  semantics = _label_map(_rectangles(rng, (2, 9, 12)), True)
  assert sparse_modulation.plan(semantics, 3) is None  # small
  assert sparse_modulation.plan(jnp.zeros((1, 64, 64, 5)), 3) is None
  planes = jnp.zeros((1, 64, 64, 2))
  labels = jnp.zeros((1, 64, 64), jnp.int32)
  several = semantics_lib.LabelMap(labels, planes, _LABELS)
  assert sparse_modulation.plan(several, 3) is None
  weights = _weights(rng, semantics, 3)
  normalized = _normalized(rng, semantics, weights)
  expected = _reference(normalized, semantics, weights)
  for x in (semantics, semantics.dense()):
    actual = sparse_modulation.modulate(
      normalized, x, **weights, dtype=jnp.float32
    )
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5)
