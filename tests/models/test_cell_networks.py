"""Networks of cells against loops over pixels, and gradients of both."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.models import cell_networks, semantics

LABELS, FEATURES, LAYERS, OUTPUTS = 5, 6, 3, 2


def wave(pixel, i):
  """Channel i of the encoding at (row, column), in cells of 8 pixels."""
  period = 8 / 2 ** (i // 4)
  position = pixel[1 if i % 4 < 2 else 0]
  turn = 2 * math.pi * position / period
  return math.sin(turn) if i % 2 else math.cos(turn)


def test_positional_encoding():
  encoding = cell_networks.positional_encoding((16, 24), 8)
  assert encoding.shape == (16, 24, 12)
  expected = [
    [[wave((row, column), i) for i in range(12)] for column in range(24)]
    for row in range(16)
  ]
  np.testing.assert_allclose(encoding, expected, atol=1e-12)
  # The same in every cell, and different at all of a cell's pixels.
  np.testing.assert_array_equal(encoding[8:, 16:], encoding[:8, :8])
  assert len(np.unique(encoding[:8, :8].reshape(64, 12).round(6), axis=0)) == 64
  assert cell_networks.positional_encoding((3, 4), 1).shape == (3, 4, 0)


def scene(side, planes, *, known=True):
  """A label map of 2 x (3 x 4) cells, and parameters of these."""
  rng = np.random.default_rng(side)
  size = (2, 3 * side, 4 * side)
  labels = rng.integers(0 if known else -1, LABELS + (not known), size)
  shown = semantics.LabelMap(
    jnp.asarray(labels),
    jnp.asarray(rng.normal(size=(*size, planes)), jnp.float32)
    if planes
    else None,
    LABELS,
  )
  waves = 4 * (side.bit_length() - 1)
  widths = [LABELS + planes + waves, *[FEATURES] * (LAYERS - 1), OUTPUTS]
  number = sum((a + 1) * b for a, b in itertools.pairwise(widths))
  parameters = rng.normal(size=(2, 3, 4, number)) / 3
  return shown, jnp.asarray(parameters, jnp.float32)


pixelwise = jax.jit(
  functools.partial(
    cell_networks.pixelwise,
    features=FEATURES,
    num_layers=LAYERS,
    output_channels=OUTPUTS,
  ),
  static_argnames="dtype",
)


def plain(shown, parameters):
  """As the description says it, pixel by pixel, in NumPy."""
  shown, parameters = (np.asarray(x, np.float64) for x in (shown, parameters))
  batch, height, width, _ = shown.shape
  side = height // parameters.shape[1]
  encoding = cell_networks.positional_encoding((height, width), side)
  result = np.zeros((batch, height, width, OUTPUTS))
  for n, y, x in np.ndindex(batch, height, width):
    values = parameters[n, y // side, x // side]
    h = np.concatenate([shown[n, y, x], encoding[y, x]])
    for i in range(LAYERS):
      outputs = OUTPUTS if i == LAYERS - 1 else FEATURES
      bias, matrix, values = np.split(values, [outputs, outputs * (len(h) + 1)])
      h = h @ matrix.reshape(len(h), outputs) + bias
      if i < LAYERS - 1:
        h = np.where(h > 0, h, 0.01 * h)
    assert not len(values)
    result[n, y, x] = h
  return result


@pytest.mark.parametrize("group", [2**21, 5000, 1])  # 24, 13 and 1 cells
@pytest.mark.parametrize(("side", "planes"), [(4, 0), (4, 2), (1, 1)])
def test_every_pixel_is_computed_by_its_cell(monkeypatch, side, planes, group):
  monkeypatch.setattr(cell_networks, "_GROUP_BYTES", group)
  jax.clear_caches()
  shown, parameters = scene(side, planes, known=False)
  expected = plain(shown.dense(), parameters)
  assert expected.std() > 0.1
  for form in (shown, shown.dense()):
    np.testing.assert_allclose(pixelwise(form, parameters), expected, atol=1e-5)


@pytest.mark.parametrize("group", [2**21, 5000])
def test_gradients(monkeypatch, group):
  monkeypatch.setattr(cell_networks, "_GROUP_BYTES", group)
  jax.clear_caches()
  shown, parameters = scene(4, 2, known=False)

  def loss(draw, planes, parameters):
    pixels = draw(shown.replace(planes=planes), parameters)
    return jnp.sin(pixels).sum()

  def slow(shown, parameters):
    encoding = cell_networks.positional_encoding(shown.shape[1:3], 4)
    encoding = jnp.broadcast_to(encoding, (2, *encoding.shape))
    h = jnp.concatenate([shown.dense(), encoding], -1)
    values = jnp.repeat(jnp.repeat(parameters, 4, 1), 4, 2)
    for i in range(LAYERS):
      outputs = OUTPUTS if i == LAYERS - 1 else FEATURES
      bias, matrix, values = jnp.split(
        values, [outputs, outputs * (h.shape[-1] + 1)], -1
      )
      matrix = matrix.reshape(*matrix.shape[:3], -1, outputs)
      h = jnp.einsum("nyxi,nyxio->nyxo", h, matrix) + bias
      if i < LAYERS - 1:
        h = jnp.where(h > 0, h, 0.01 * h)
    return h

  def gradients(draw):
    grad = jax.grad(functools.partial(loss, draw), argnums=(0, 1))
    return jax.jit(grad)(shown.planes, parameters)

  for ours, expected in zip(gradients(pixelwise), gradients(slow), strict=True):
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(ours, expected, atol=2e-5)


def test_gradients_of_an_array_are_those_of_the_label_map():
  shown, parameters = scene(4, 1)

  def gradient(form):
    return jax.jit(
      jax.grad(lambda parameters: jnp.square(pixelwise(form, parameters)).sum())
    )(parameters)

  np.testing.assert_allclose(
    gradient(shown), gradient(shown.dense()), rtol=1e-4, atol=1e-4
  )


def test_bfloat16():
  shown, parameters = scene(4, 1)
  exact = pixelwise(shown, parameters)
  rounded = pixelwise(shown, parameters, dtype=jnp.bfloat16)
  assert rounded.dtype == jnp.bfloat16
  np.testing.assert_allclose(
    rounded.astype(jnp.float32), exact, atol=0.05 * exact.std()
  )
  gradient = jax.grad(
    lambda p: pixelwise(shown, p, dtype=jnp.bfloat16).astype(jnp.float32).sum()
  )(parameters)
  assert gradient.dtype == jnp.float32
