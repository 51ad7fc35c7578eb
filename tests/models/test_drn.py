"""DRN: sizes, and layers that are computed otherwise than they are defined."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import tiny_drn
from jax import lax

from gansynth import convert, models
from gansynth.convert import drn as convert_drn
from gansynth.models import dilated_convolution, drn


@pytest.mark.parametrize("size", [(64, 96), (60, 101), (9, 8)])
@pytest.mark.parametrize("arch", ["drn_d_22", "drn_d_54"])
def test_sizes_are_rounded_up_to_multiples_of_8(arch, size):
  network = drn.Drn(arch, num_classes=5)
  x = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  found, low = jax.eval_shape(network.apply, variables, x)
  rows, columns = (-(-side // 8) for side in size)
  assert low.shape == (2, rows, columns, 5)
  assert found.shape == (2, 8 * rows, 8 * columns, 5)
  assert found.dtype == low.dtype == jnp.float32


@pytest.mark.parametrize(
  ("arch", "count"),
  [
    ("drn_d_22", 15_890_499),
    ("drn_d_38", 25_998_659),
    ("drn_d_105", 54_298_051),
  ],
)
def test_numbers_of_parameters_are_the_published_ones(arch, count):
  x = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  variables = jax.eval_shape(drn.Drn(arch).init, jax.random.key(0), x)
  assert sum(x.size for x in jax.tree.leaves(variables["params"])) == count


def test_unknown_fields_are_refused():
  x = jnp.zeros((1, 16, 16, 3))
  for fields in ({"arch": "drn_c_26"}, {"upsampling": "nearest"}):
    with pytest.raises(ValueError, match="choose of drn_d_22"):
      drn.Drn(**fields).init(jax.random.key(0), x)


@pytest.mark.parametrize(
  ("bottleneck", "upsampling"), [(False, "bilinear"), (True, "stored")]
)
def test_network_computes_what_the_original_defines(
  monkeypatch, bottleneck, upsampling
):
  arch = "drn_d_22"
  depths = tiny_drn.shallow(monkeypatch, bottleneck, arch)
  state = tiny_drn.draw(convert_drn.state_shapes(arch, 4))
  state["up.weight"] *= 4
  if upsampling == "bilinear":
    state["up.weight"] = np.tile(drn.fixed_kernel(), (4, 1, 1, 1))
  description, variables = convert.convert_state_dict(state)
  assert description["upsampling"] == upsampling
  assert description["arch"] == arch
  network = drn.Drn(arch, num_classes=4, upsampling=upsampling)
  rng = np.random.default_rng(1)
  x = rng.normal(size=(2, 30, 41, 3)).astype(np.float32)
  forward = jax.jit(network.apply, compiler_options=tiny.FAST_COMPILE)
  found, low = forward(variables, x)
  expected_low, expected = jax.jit(
    functools.partial(tiny_drn.forward, state, depths),
    compiler_options=tiny.FAST_COMPILE,
  )(x.transpose(0, 3, 1, 2))
  expected = jax.nn.log_softmax(expected, axis=1)
  for ours, theirs in ((low, expected_low), (found, expected)):
    theirs = np.moveaxis(np.asarray(theirs), 1, -1)
    assert ours.shape == theirs.shape
    assert theirs.std() > 0.3
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_between_corners_pictures_are_interpolated():
  rng = np.random.default_rng(0)
  x = rng.normal(size=(1, 3, 5, 2)).astype(np.float32)
  found = drn._enlarge_between_corners(jnp.asarray(x))
  assert found.shape == (1, 24, 40, 2)
  rows, columns = np.linspace(0, 2, 24), np.linspace(0, 4, 40)
  for channel in range(2):
    wide = [np.interp(columns, range(5), row) for row in x[0, :, :, channel]]
    expected = [
      np.interp(rows, range(3), column) for column in np.transpose(wide)
    ]
    np.testing.assert_allclose(
      found[0, :, :, channel], np.transpose(expected), atol=1e-5
    )
  one = drn._enlarge_between_corners(jnp.ones((1, 1, 1, 1)))
  np.testing.assert_array_equal(one, np.ones((1, 8, 8, 1)))


@pytest.mark.parametrize("size", [(12, 8), (11, 5), (3, 7)])
@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize("taps", [1, 3])
def test_dilated_convolution_is_the_plain_one(size, dilation, taps):
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.normal(size=(2, *size, 3)), jnp.float32)
  kernel = jnp.asarray(rng.normal(size=(taps, taps, 3, 4)), jnp.float32)
  pad = taps // 2 * dilation
  expected = lax.conv_general_dilated(
    x,
    kernel,
    (1, 1),
    ((pad, pad),) * 2,
    rhs_dilation=(dilation, dilation),
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
  found = dilated_convolution.conv2d(x, kernel, dilation=dilation)
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_strides_and_dilation_do_not_go_together():
  x = jnp.zeros((1, 8, 8, 1))
  with pytest.raises(ValueError, match="strides 2 and dilation 2"):
    dilated_convolution.conv2d(
      x, jnp.zeros((3, 3, 1, 1)), strides=2, dilation=2
    )


def test_normalisation_by_hand():
  picture = np.array([[[0, 128, 255]]], np.uint8)
  found = drn.normalise(jnp.asarray(picture))
  expected = (np.array([0, 128 / 255, 1]) - drn.MEAN) / drn.DEVIATION
  np.testing.assert_allclose(found[0, 0], expected, rtol=1e-6)


def test_bfloat16_is_close_and_ends_in_float32(monkeypatch):
  arch = "drn_d_22"
  tiny_drn.shallow(monkeypatch, name=arch)
  state = tiny_drn.draw(convert_drn.state_shapes(arch, 4))
  description, variables = convert.convert_state_dict(state)
  x = np.random.default_rng(0).normal(size=(1, 16, 24, 3)).astype(np.float32)
  low = []
  for dtype in (jnp.float32, jnp.bfloat16):
    network = models.create(**description, dtype=dtype)
    forward = jax.jit(network.apply, compiler_options=tiny.FAST_COMPILE)
    low.append(forward(variables, x)[1])
    assert low[-1].dtype == jnp.float32
  difference = np.abs(low[0] - low[1])
  assert 0 < difference.max() < 0.1 * np.abs(low[0]).max()
