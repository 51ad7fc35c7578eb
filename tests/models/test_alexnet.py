"""Features of AlexNet: names, sizes, and that plain layers give the same."""

import drawn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gansynth.models import alexnet

WIDTHS = (64, 192, 384, 256, 256)


@pytest.mark.parametrize(
  ("size", "sides"),
  [
    ((31, 31), [(7, 7), (3, 3), (1, 1), (1, 1), (1, 1)]),
    ((64, 70), [(15, 16), (7, 7), (3, 3), (3, 3), (3, 3)]),
  ],
)
def test_sizes_and_names(size, sides):
  network = alexnet.AlexNetFeatures(dtype=jnp.bfloat16)
  x = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  features = jax.eval_shape(network.apply, variables, x)
  assert [f.shape for f in features] == [
    (2, *side, width) for side, width in zip(sides, WIDTHS, strict=True)
  ]
  assert {f.dtype for f in features} == {jnp.dtype(jnp.bfloat16)}
  assert set(variables["params"]) == {f"conv_{i}" for i in (0, 3, 6, 8, 10)}
  leaves = jax.tree.leaves(variables["params"])
  assert {leaf.dtype for leaf in leaves} == {jnp.dtype(jnp.float32)}
  assert sum(leaf.size for leaf in leaves) == 2_469_696


def test_features_are_those_of_plain_layers():
  network = alexnet.AlexNetFeatures()
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.standard_normal((1, 31, 33, 3)), jnp.float32)
  variables = drawn.variables(network, x)

  def conv(x, name, step, padding):
    layer = variables["params"][name]
    y = lax.conv_general_dilated(
      x,
      layer["kernel"],
      (step, step),
      ((padding, padding),) * 2,
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return jnp.maximum(y + layer["bias"][None, None, None], 0)

  def pool(x):
    sides, steps = (1, 3, 3, 1), (1, 2, 2, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, sides, steps, "VALID")

  features = jax.jit(network.apply)(variables, x)
  expected = [conv(x, "conv_0", 4, 2)]
  expected.append(conv(pool(expected[-1]), "conv_3", 1, 2))
  expected.append(conv(pool(expected[-1]), "conv_6", 1, 1))
  expected.append(conv(expected[-1], "conv_8", 1, 1))
  expected.append(conv(expected[-1], "conv_10", 1, 1))
  for ours, theirs in zip(features, expected, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    assert ours.max() > 0.1
