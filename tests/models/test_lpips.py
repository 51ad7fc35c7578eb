"""LPIPS: its formula, maps, groups, and a gradient that is finite."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_lpips

from gansynth.models import lpips

SMALLEST = {"alex": 31, "vgg": 16, "squeeze": 17}


@pytest.fixture
def network(monkeypatch):
  """A network and its variables."""
  return small_lpips.create(monkeypatch)


def draw(*shape, seed=0):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.uniform(-1, 1, (*shape, 3)), jnp.float32)


def test_distances_are_those_of_the_formula(network):
  network, variables = network
  x, y = draw(2, 12, 16), draw(2, 12, 16, seed=1)
  mean = np.float32([-0.030, -0.088, -0.188])[None, None, None]
  deviation = np.float32([0.458, 0.448, 0.450])[None, None, None]
  params = variables["params"]
  taps = [
    small_lpips.Features().apply(
      {"params": params["features"]}, (each - mean) / deviation
    )
    for each in (x, y)
  ]
  totals = {True: 0, False: 0}
  for i, pair in enumerate(zip(*taps, strict=True)):
    a, b = (
      f / (np.sqrt((f**2).sum(-1, keepdims=True)) + 1e-10)
      for f in map(np.float64, pair)
    )
    scale = np.float64(params[f"lin_{i}"]["scale"])
    totals[True] += (((a - b) ** 2) @ scale).mean((1, 2))
    totals[False] += ((a - b) ** 2).sum(-1).mean((1, 2))
  for use_linear, expected in totals.items():
    found = network.apply(variables, x, y, use_linear=use_linear)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
  assert abs(totals[True] - totals[False]).min() > 1e-3
  assert totals[True].min() > 0.1


def test_maps_show_where_pictures_differ(network):
  network, variables = network
  x, y = draw(2, 12, 16), draw(2, 12, 16, seed=1)
  y = y.at[:, :, 4:].set(x[:, :, 4:])
  found = np.asarray(network.apply(variables, x, y, spatial=True))
  assert found.shape == (2, 12, 16)
  assert found[:, :, :4].min() > 0
  # A pixel of the last tap sees five to each side, and enlarging adds two.
  np.testing.assert_allclose(found[:, :, 12:], 0, atol=1e-12)
  # Of sides that the taps' divide, enlarging keeps the mean but at borders.
  distances = network.apply(variables, x, y)
  np.testing.assert_allclose(found.mean((1, 2)), distances, rtol=0.2)


def test_groups_are_compared_pair_by_pair(network):
  network, variables = network
  groups = draw(2, 4, 9, 8)
  found = network.apply(variables, groups, method="pairwise")
  expected = [
    network.apply(variables, groups[:, i], groups[:, j])
    for i, j in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
  ]
  np.testing.assert_allclose(found, np.stack(expected, 1), rtol=1e-5)


def test_gradient_is_finite_where_no_feature_is_active(network):
  network, variables = network
  features = variables["params"]["features"]
  features["Conv_0"]["bias"] -= 2
  x = draw(1, 16, 16).at[:, :, 8:].set(0)
  tap = np.asarray(network.apply(variables, x, method="taps")[0])
  assert 0.3 < (tap.max(-1) == 0).mean() < 1

  def loss(x):
    return network.apply(variables, x, draw(1, 16, 16, seed=1)).sum()

  gradient = jax.jit(jax.grad(loss))(x)
  assert np.isfinite(gradient).all()
  assert np.abs(gradient).max() > 0


def test_distances_are_float32_of_features_of_less(network):
  network, variables = network
  network = network.clone(dtype=jnp.bfloat16)
  x = draw(1, 8, 8)
  taps = network.apply(variables, x, method="taps")
  assert {tap.dtype for tap in taps} == {jnp.dtype(jnp.bfloat16)}
  distance = network.apply(variables, x, draw(1, 8, 8, seed=1))
  assert distance.dtype == jnp.float32


@pytest.mark.parametrize(("backbone", "smallest"), SMALLEST.items())
def test_smallest_pictures(backbone, smallest):
  network = lpips.Lpips(backbone)
  x = jax.ShapeDtypeStruct((1, smallest, smallest, 3), jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x, x)
  *_, last = jax.eval_shape(
    lambda *inputs: network.apply(*inputs, method="taps"), variables, x
  )
  assert min(last.shape) == 1
  scales = {k: v for k, v in variables["params"].items() if k != "features"}
  assert {name: scale["scale"].shape for name, scale in scales.items()} == {
    f"lin_{i}": (width,) for i, width in enumerate(lpips.CHANNELS[backbone])
  }
  with pytest.raises(ValueError, match=f"{smallest} x {smallest} pixels, foun"):
    network.check_size((90, smallest - 1))


def test_arguments_that_do_not_fit_are_refused(network):
  network, variables = network
  with pytest.raises(ValueError, match="one shape, found"):
    network.apply(variables, draw(1, 8, 8), draw(1, 8, 9))
  with pytest.raises(ValueError, match="alex, vgg, squeeze"):
    lpips.Lpips("resnet").init(jax.random.key(0), *2 * [draw(1, 8, 8)])
