"""FID's Inception: sizes, where it ends, and what folding leaves the same."""

import drawn
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from gansynth.models import inception

WIDTHS = (64, 192, 768, 2048)
NO_OPTIMIZATION = {"xla_backend_optimization_level": 0}


def shapes(network, *size, **options):
  x = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  return variables, jax.eval_shape(
    lambda variables, x: network.apply(variables, x, **options), variables, x
  )


@pytest.mark.parametrize(
  ("size", "sides"),
  [
    ((299, 299), [(73, 73), (35, 35), (17, 17), (8, 8)]),
    ((75, 139), [(17, 33), (7, 15), (3, 7), (1, 3)]),
  ],
)
def test_sizes_of_the_taps(size, sides):
  network = inception.FidInception()
  variables, taps = shapes(network, *size, pooled=False)
  expected = [(2, *s, c) for s, c in zip(sides, WIDTHS, strict=True)]
  assert [tap.shape for tap in taps] == expected
  _, taps = shapes(network, *size)
  assert [tap.shape for tap in taps] == [(2, c) for c in WIDTHS]
  assert {c: i for i, c in enumerate(WIDTHS)} == inception.DIMS
  assert len(variables["batch_stats"]) == 5 + 11


def test_it_ends_behind_the_last_tap_and_keeps_the_order_asked_for():
  variables, taps = shapes(inception.FidInception(taps=(0,)), 75, 75)
  assert [tap.shape for tap in taps] == [(2, 64)]
  assert set(variables["params"]) == {
    "Conv2d_1a_3x3",
    "Conv2d_2a_3x3",
    "Conv2d_2b_3x3",
  }
  variables, taps = shapes(inception.FidInception(taps=(2, 0)), 75, 75)
  assert [tap.shape for tap in taps] == [(2, 768), (2, 64)]
  assert "Mixed_6e" in variables["params"]
  assert "Mixed_7a" not in variables["params"]


def test_taps_are_float32_in_half_precision_too():
  network = inception.FidInception(taps=(1,), dtype=jnp.bfloat16)
  variables, taps = shapes(network, 75, 75)
  leaves = [*jax.tree.leaves(variables), *taps]
  assert {leaf.dtype for leaf in leaves} == {jnp.dtype(jnp.float32)}


def test_folding_changes_nothing_but_the_cost():
  network = inception.FidInception()
  x = np.random.default_rng(0).uniform(-1, 1, (1, 91, 75, 3))
  x = jnp.asarray(x, jnp.float32)
  variables = drawn.variables(network, x)
  expected = plain_features(variables, x)
  folded = inception.fold(variables)
  network = network.clone(folded=True)
  apply = jax.jit(network.apply, compiler_options=NO_OPTIMIZATION)
  for found, wanted in zip(apply(folded, x), expected, strict=True):
    assert np.abs(wanted).max() > 0.1
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
  needed = jax.eval_shape(network.init, jax.random.key(0), x)
  assert jax.tree.map(np.shape, folded) == jax.tree.map(np.shape, needed)
  types = {leaf.dtype for leaf in jax.tree.leaves(folded)}
  assert types == {jnp.dtype(jnp.float32)}


def plain_features(variables, x):
  network = inception.FidInception()
  apply = jax.jit(network.apply, compiler_options=NO_OPTIMIZATION)
  return apply(variables, x)


def test_folding_of_the_first_layers_alone():
  network = inception.FidInception(taps=(0,))
  x = jnp.ones((1, 75, 75, 3))
  variables = drawn.variables(network, x)
  folded = inception.fold(variables)["params"]
  assert set(folded) == set(variables["params"])
  layer, stats = (
    variables[name]["Conv2d_1a_3x3"] for name in ("params", "batch_stats")
  )
  norm = nn.BatchNorm(use_running_average=True, epsilon=1e-3)
  kernel = layer["conv"]["kernel"].reshape(27, 32)
  expected = norm.apply(
    {"params": layer["bn"], "batch_stats": stats["bn"]}, kernel
  )
  found = folded["Conv2d_1a_3x3"]
  np.testing.assert_allclose(
    found["kernel"].reshape(27, 32) + found["bias"], expected, atol=1e-5
  )


def test_blocks_of_one_product():
  network = inception.FidInception(folded=True)
  variables, _ = shapes(network, 75, 75)
  flat = traverse_util.flatten_dict(variables["params"])
  widths = {
    path[0]: leaf.shape[-1]
    for path, leaf in flat.items()
    if path[1:] == ("entry", "kernel")
  }
  assert widths["Mixed_5b"] == 64 + 64 + 48 + 32
  assert widths["Mixed_6c"] == 192 + 160 + 160 + 192
  assert widths["Mixed_7b"] == 320 + 384 + 448 + 192
  # A maximum over pixels cannot change places with a mix of channels.
  assert widths["Mixed_7c"] == 320 + 384 + 448
  assert ("Mixed_7c", "branch_pool", "kernel") in flat


@pytest.mark.parametrize("size", [(74, 299), (299, 74)])
def test_pictures_that_are_too_small(size):
  with pytest.raises(ValueError, match=f"{size[0]} x {size[1]} .* 299 x 299"):
    shapes(inception.FidInception(), *size)


@pytest.mark.parametrize("taps", [(), (4,), (0, -1)])
def test_taps_that_there_are_not(taps):
  with pytest.raises(ValueError, match="choose of 0, 1, 2, 3"):
    shapes(inception.FidInception(taps=taps), 75, 75)


def test_pools_of_the_blocks_look_at_the_picture_only():
  x = jnp.full((1, 5, 4, 2), -3.0)
  for pool in ("average", "max"):
    y = inception._pooled(x, pool)
    np.testing.assert_allclose(y, x, rtol=1e-6)
