"""Features of SqueezeNet 1.1: names, sizes, and what its modules do."""

import drawn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gansynth.models import squeezenet

WIDTHS = (64, 128, 256, 384, 384, 512, 512)


@pytest.mark.parametrize(
  ("size", "sides"),
  [
    ((17, 17), [(8, 8), (4, 4), (2, 2), *4 * [(1, 1)]]),
    ((64, 50), [(31, 24), (15, 12), (7, 6), *4 * [(3, 3)]]),
  ],
)
def test_sizes_and_names(size, sides):
  network = squeezenet.SqueezeNetFeatures(dtype=jnp.bfloat16)
  x = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  features = jax.eval_shape(network.apply, variables, x)
  assert [f.shape for f in features] == [
    (2, *side, width) for side, width in zip(sides, WIDTHS, strict=True)
  ]
  assert {f.dtype for f in features} == {jnp.dtype(jnp.bfloat16)}
  fires = {f"fire_{i}" for i in (3, 4, 6, 7, 9, 10, 11, 12)}
  assert set(variables["params"]) == {"conv_0"} | fires
  leaves = jax.tree.leaves(variables["params"])
  assert sum(leaf.size for leaf in leaves) == 722_496


def test_features_are_those_of_plain_layers():
  network = squeezenet.SqueezeNetFeatures()
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.standard_normal((1, 21, 18, 3)), jnp.float32)
  variables = drawn.variables(network, x)

  def conv(x, layer, step=1, padding=0):
    y = lax.conv_general_dilated(
      x,
      layer["kernel"],
      (step, step),
      ((padding, padding),) * 2,
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return jnp.maximum(y + layer["bias"][None, None, None], 0)

  def fire(x, number):
    layer = variables["params"][f"fire_{number}"]
    x = conv(x, layer["squeeze"])
    one, three = conv(x, layer["expand1x1"]), conv(x, layer["expand3x3"], 1, 1)
    return jnp.concatenate([one, three], -1)

  def pool(x):
    """The last window may end behind the picture."""
    pads = [(0, 1 - side % 2) for side in x.shape[1:3]]
    sides, steps = (1, 3, 3, 1), (1, 2, 2, 1)
    pads = [(0, 0), *pads, (0, 0)]
    return lax.reduce_window(x, -jnp.inf, lax.max, sides, steps, pads)

  # The others are the same modules, and cost seconds to compile.
  features = jax.jit(lambda *x: network.apply(*x)[:3])(variables, x)
  expected = [conv(x, variables["params"]["conv_0"], 2)]
  for first in (3, 6):
    expected.append(fire(fire(pool(expected[-1]), first), first + 1))
  for ours, theirs in zip(features, expected, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    assert ours.max() > 0.1
