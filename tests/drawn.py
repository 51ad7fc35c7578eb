"""Variables of networks drawn by NumPy.

XLA compiles a network's `init` for seconds, most of them for random numbers.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np


def variables(network, *inputs, seed=0):
  """Variables under which no layer is trivial and no activation explodes."""
  rng = np.random.default_rng(seed)

  def draw(path, leaf):
    x = rng.standard_normal(leaf.shape)
    match path[-1].key:
      case "kernel":
        x *= math.sqrt(2 / math.prod(leaf.shape[:-1]))
      case "scale" | "var":
        x = np.exp(0.1 * x)
      case "u" | "v":
        x /= np.linalg.norm(x)
      case _:
        x *= 0.1
    return jnp.asarray(x, leaf.dtype)

  described = jax.eval_shape(network.init, jax.random.key(0), *inputs)
  return jax.tree_util.tree_map_with_path(draw, described)
