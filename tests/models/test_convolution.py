"""Convolutions and their gradients equal the plain ones, in every form."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.models import convolution, cpu_convolution, winograd
from gansynth.models.convolution import Geometry

# Each names what it drives through: few and many channels, odd sizes, taps
# that divide by the step and that do not, more kernel than picture.
GEOMETRIES = {
  "stem": (Geometry((11, 10), (7, 7), 1, 0), 3, 9),
  "head": (Geometry((11, 10), (7, 7), 1, 0), 9, 3),
  "padded_head": (Geometry((9, 8), (5, 5), 1, 2), 9, 1),
  "same": (Geometry((7, 6), (3, 3), 1, 1), 9, 10),
  "valid": (Geometry((8, 9), (3, 3), 1, 0), 9, 10),
  "pixel": (Geometry((5, 6), (1, 1), 1, 0), 9, 2),
  "halving_3": (Geometry((9, 8), (3, 3), 2, 1), 4, 6),
  "halving_4": (Geometry((8, 6), (4, 4), 2, 1), 4, 6),
  "halving_bare": (Geometry((9, 8), (3, 3), 2, 0), 4, 6),
  "thirds": (Geometry((12, 10), (2, 2), 3, 0), 3, 4),
  "patch": (Geometry((7, 6), (4, 4), 1, 1), 9, 1),
  "even": (Geometry((7, 6), (4, 4), 1, 2), 9, 10),
  "small": (Geometry((3, 4), (3, 3), 1, 1), 4, 30),
  "wide": (Geometry((6, 9), (1, 7), 1, (0, 3)), 9, 10),
  "tall": (Geometry((8, 5), (5, 3), 1, (2, 0)), 5, 3),
  "flat": (Geometry((9, 8), (3, 3), 1, (0, 1)), 9, 10),
  "halving_wide": (Geometry((8, 9), (1, 3), 2, (0, 1)), 4, 6),
  "whole": (Geometry((4, 3), (4, 3), 1, 0), 5, 6),
}
FORMS = {
  "as_is": {},
  "winograd": {
    "winograd._MIN_CHANNELS": 1,
    "winograd._MIN_CHANNELS_IN_CACHE": 1,
    "winograd._MIN_POSITIONS": 1,
  },
  "out_of_cache": {
    "winograd._MIN_CHANNELS": 1,
    "winograd._MIN_CHANNELS_IN_CACHE": 1,
    "winograd._MIN_POSITIONS": 1,
    "winograd.CACHE_BYTES": 0,
    "cpu_convolution._FEW_POSITIONS": 0,
    "cpu_convolution._SOME_POSITIONS": 0,
  },
  "products": {
    "cpu_convolution._FEW_POSITIONS": 0,
    "cpu_convolution._MANY_CHANNELS": 1,
    "cpu_convolution._DEEP_CHANNELS": 1,
  },
}


def draw(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape)


def operands(geometry, inputs, outputs, dtype=np.float32):
  x = draw(0, 2, *geometry.size, inputs)
  kernel = draw(1, *geometry.kernel, inputs, outputs)
  g = draw(2, 2, *geometry.output, outputs)
  return [jnp.asarray(a, dtype) for a in (x, kernel, g)]


def in_numpy(geometry, x, kernel):
  """The definition, in float64."""
  x, kernel = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
  step = geometry.strides
  x = np.pad(x, ((0, 0), *((pad, pad) for pad in geometry.pads), (0, 0)))
  y = np.zeros((len(x), *geometry.output, kernel.shape[-1]))
  for row in range(y.shape[1]):
    for column in range(y.shape[2]):
      patch = x[
        :,
        row * step : row * step + kernel.shape[0],
        column * step : column * step + kernel.shape[1],
      ]
      y[:, row, column] = np.tensordot(patch, kernel, 3)
  return y


def assert_near(actual, desired, tolerance):
  desired = np.asarray(desired, np.float64)
  assert actual.shape == desired.shape
  scale = np.abs(desired).max()
  np.testing.assert_allclose(
    np.asarray(actual, np.float64) / scale, desired / scale, atol=tolerance
  )


@pytest.fixture(params=FORMS)
def form(request, monkeypatch):
  """Drives small arrays through the forms meant for large ones."""
  for name, value in FORMS[request.param].items():
    monkeypatch.setattr(f"gansynth.models.{name}", value)
  # What was traced with other limits must not be found again.
  jax.clear_caches()
  yield request.param
  jax.clear_caches()


@pytest.mark.parametrize("name", GEOMETRIES)
def test_cpu_forms_equal_the_plain_ones(name, form):
  geometry, inputs, outputs = GEOMETRIES[name]
  x, kernel, g = operands(geometry, inputs, outputs)
  expected = in_numpy(geometry, x, kernel)
  assert_near(convolution._plain_correlate(geometry, x, kernel), expected, 2e-6)
  for function, plain, arguments in (
    (
      cpu_convolution.correlate,
      convolution._plain_correlate,
      (x, kernel),
    ),
    (cpu_convolution.spread, convolution._plain_spread, (g, kernel)),
    (
      cpu_convolution.correlate_all,
      convolution._plain_correlate_all,
      (x, g),
    ),
  ):
    assert_near(
      jax.jit(functools.partial(function, geometry))(*arguments),
      plain(geometry, *arguments),
      1e-5,
    )


@pytest.mark.parametrize(
  "name", ["head", "same", "halving_3", "halving_4", "halving_wide"]
)
def test_plain_adjoints_are_the_gradients_of_the_plain_convolution(name):
  geometry, inputs, outputs = GEOMETRIES[name]
  x, kernel, g = operands(geometry, inputs, outputs)
  _, pull_back = jax.vjp(
    functools.partial(convolution._plain_correlate, geometry), x, kernel
  )
  dx, dkernel = pull_back(g)
  assert_near(convolution._plain_spread(geometry, g, kernel), dx, 2e-6)
  assert_near(convolution._plain_correlate_all(geometry, x, g), dkernel, 2e-6)


@pytest.mark.parametrize("name", ["stem", "same", "halving_4"])
def test_float64_is_exact(name, form):
  geometry, inputs, outputs = GEOMETRIES[name]
  with jax.enable_x64(True):
    x, kernel, g = operands(geometry, inputs, outputs, np.float64)
    y, pull_back = jax.vjp(
      functools.partial(
        convolution.conv2d, strides=geometry.strides, padding=geometry.padding
      ),
      x,
      kernel,
    )
    dx, dkernel = pull_back(g)
    plain = functools.partial(convolution._plain_correlate, geometry)
    plain_dx, plain_dkernel = jax.vjp(plain, x, kernel)[1](g)
    assert y.dtype == dx.dtype == dkernel.dtype == np.float64
    assert_near(y, in_numpy(geometry, x, kernel), 1e-13)
    assert_near(dx, plain_dx, 1e-13)
    assert_near(dkernel, plain_dkernel, 1e-13)


@pytest.mark.parametrize("first", [np.inf, -np.inf, np.nan, -0.0, -1e-45])
def test_kernels_that_wait_take_nothing_from_the_picture(first, monkeypatch):
  monkeypatch.setattr("gansynth.models.winograd.CACHE_BYTES", 0)
  x, kernel, _ = operands(*GEOMETRIES["same"])
  expected = winograd.transform_kernel(kernel, jnp.ones_like(x))
  found = winograd.transform_kernel(kernel, x.at[0, 0, 0, 0].set(first))
  np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("form", ["out_of_cache"], indirect=True)
@pytest.mark.parametrize("adjoint", [False, True])
def test_one_large_transformed_kernel_is_held_at_a_time(form, adjoint):
  channels, depth = 64, 12
  x = jax.ShapeDtypeStruct((1, 8, 8, channels), np.float32)
  kernels = [jax.ShapeDtypeStruct((3, 3, channels, channels), np.float32)]

  def network(x, kernels):
    for kernel in kernels:
      if adjoint:
        x = convolution.conv_transpose2d(x, kernel, strides=1, padding=1)
      else:
        x = convolution.conv2d(x, kernel, padding=1)
    return x

  compiled = jax.jit(network).lower(x, kernels * depth).compile()
  transformed = 16 * channels**2 * 4
  held = compiled.memory_analysis().temp_size_in_bytes
  assert held < 3 * transformed


@pytest.mark.parametrize("name", ["head", "same", "halving_3"])
def test_bfloat16_is_the_float32_result_rounded(name):
  geometry, inputs, outputs = GEOMETRIES[name]
  x, kernel, g = operands(geometry, inputs, outputs, jnp.bfloat16)
  conv = functools.partial(
    convolution.conv2d, strides=geometry.strides, padding=geometry.padding
  )
  y, pull_back = jax.vjp(conv, x, kernel)
  precise = [a.astype(jnp.float32) for a in (x, kernel, g)]
  y32, pull_back32 = jax.vjp(conv, *precise[:2])
  results = y, *pull_back(g)
  for result, exact in zip(
    results, (y32, *pull_back32(precise[2])), strict=True
  ):
    assert result.dtype == jnp.bfloat16
    assert_near(result, exact, 4e-3)


@pytest.mark.parametrize("output_padding", [0, 1])
@pytest.mark.parametrize("taps", [3, 4])
def test_transposed_is_the_adjoint(taps, output_padding, form):
  # <conv(x), g> = <x, conv_transpose(g)> with one kernel for both.
  g, kernel = draw(0, 2, 5, 4, 6), draw(1, taps, taps, 3, 6)
  options = {"strides": 2, "padding": 1}
  spread = convolution.conv_transpose2d(
    jnp.float32(g),
    jnp.float32(kernel),
    output_padding=output_padding,
    **options,
  )
  height = (5 - 1) * 2 - 2 + taps + output_padding
  assert spread.shape == (2, height, height - 2, 3)
  x = draw(2, *spread.shape)
  y = convolution.conv2d(jnp.float32(x), jnp.float32(kernel), **options)
  np.testing.assert_allclose(
    np.vdot(y, g), np.vdot(x, spread), rtol=1e-4, atol=1e-3
  )


@pytest.mark.parametrize("name", ["same", "halving_4", "patch"])
def test_second_order_gradients(name, form):
  # A gradient penalty: the norm of the gradient in x, differentiated.
  geometry, inputs, outputs = GEOMETRIES[name]
  x, kernel, _ = operands(geometry, inputs, outputs)

  def penalty(correlate, x, kernel):
    def total(x):
      return jnp.tanh(correlate(x, kernel)).sum()

    return jnp.square(jax.grad(total)(x)).sum()

  def ours(x, kernel):
    return convolution.conv2d(
      x, kernel, strides=geometry.strides, padding=geometry.padding
    )

  plain = functools.partial(convolution._plain_correlate, geometry)
  results = [
    jax.jit(jax.grad(functools.partial(penalty, f), argnums=(0, 1)))(x, kernel)
    for f in (ours, plain)
  ]
  for actual, desired in zip(*results, strict=True):
    assert_near(actual, desired, 2e-5)


def test_transposed_second_order_gradients():
  x, kernel = jnp.float32(draw(0, 1, 4, 3, 5)), draw(1, 3, 3, 2, 5)

  def penalty(spread, kernel):
    gradient = jax.grad(lambda x: jnp.tanh(spread(x, kernel)).sum())(x)
    return jnp.square(gradient).sum()

  ours = functools.partial(
    convolution.conv_transpose2d, strides=2, padding=1, output_padding=1
  )
  plain = functools.partial(
    convolution._plain_spread, Geometry((8, 6), (3, 3), 2, 1)
  )
  kernel = jnp.float32(kernel)
  assert_near(
    jax.grad(functools.partial(penalty, ours))(kernel),
    jax.grad(functools.partial(penalty, plain))(kernel),
    2e-5,
  )


def test_mapped_vectorised_and_rematerialised():
  geometry, inputs, outputs = GEOMETRIES["same"]
  x, kernel, _ = operands(geometry, inputs, outputs)
  xs = jnp.stack([x, 2 * x, -x, x + 1])

  def loss(x, kernel):
    return jnp.square(convolution.conv2d(x, kernel, padding=1)).sum()

  gradient = jax.grad(loss, argnums=1)
  expected = jnp.stack([gradient(x, kernel) for x in xs])
  for transformed in (
    jax.pmap(gradient, in_axes=(0, None)),
    jax.vmap(gradient, in_axes=(0, None)),
    jax.vmap(jax.grad(jax.remat(loss), argnums=1), in_axes=(0, None)),
  ):
    assert_near(transformed(xs, kernel), expected, 1e-5)


def test_only_the_branch_of_the_platform_is_compiled():
  geometry, inputs, outputs = GEOMETRIES["halving_3"]
  x, kernel, _ = operands(geometry, inputs, outputs)
  text = (
    jax.jit(lambda x, k: convolution.conv2d(x, k, strides=2, padding=1))
    .lower(x, kernel)
    .compile()
    .as_text()
  )
  assert "conditional" not in text
  assert text.count(" convolution(") + text.count("__onednn") <= 1


@pytest.mark.parametrize("size", [(8, 9), (4, 5), (7, 4)])
def test_reflect_pad_and_its_gradient(size):
  widths = ((0, 0), (3, 3), (3, 3), (0, 0))
  x = jnp.float32(draw(0, 2, *size, 3))
  plain = functools.partial(jnp.pad, pad_width=widths, mode="reflect")
  y, pull_back = jax.vjp(lambda x: convolution.reflect_pad(x, 3), x)
  expected, plain_pull_back = jax.vjp(plain, x)
  np.testing.assert_array_equal(y, expected)
  g = jnp.float32(draw(1, *y.shape))
  assert_near(pull_back(g)[0], plain_pull_back(g)[0], 1e-6)

  def bent(pad, x):
    return jnp.square(jax.grad(lambda x: jnp.square(pad(x)).sum())(x)).sum()

  assert_near(
    jax.grad(functools.partial(bent, lambda x: convolution.reflect_pad(x, 3)))(
      x
    ),
    jax.grad(functools.partial(bent, plain))(x),
    1e-6,
  )


def test_where_products_are_saved():
  def suits(channels, side, in_cache=True):
    x = jax.ShapeDtypeStruct((2, side, side, channels), jnp.float32)
    pair = channels, 2 * channels
    return winograd.suits((3, 3), pair, x, (side, side), in_cache)

  # 64 channels pay where a picture's tiles stay in the cache.
  assert suits(64, 64)
  assert not suits(64, 64, in_cache=False)
  assert not suits(64, 256)
  assert not suits(32, 64)
  assert suits(128, 256)


def test_sizes_that_cannot_be():
  x, kernel = jnp.zeros((1, 3, 3, 2)), jnp.zeros((7, 7, 2, 2))
  with pytest.raises(
    ValueError, match=r"3 x 3 .* smaller than the kernel of 7"
  ):
    convolution.conv2d(x, kernel)
  with pytest.raises(ValueError, match="output_padding is 2"):
    convolution.conv_transpose2d(
      x, kernel, strides=2, padding=1, output_padding=2
    )
