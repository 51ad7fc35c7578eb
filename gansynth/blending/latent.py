"""The unsupervised GP-GAN: a generator's input fitted to a pasted picture.

Reference: Wu et al., "GP-GAN: Towards Realistic High-Resolution Image
Blending", ACM Multimedia 2019, section 3.2.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import lax

from gansynth.blending import networks
from gansynth.models import layers

# SciPy's L-BFGS-B stops by these.
_MEMORY = 10
_LINE_SEARCH_STEPS = 20
_SMALLEST_DECREASE = 2.2e-9
_SMALLEST_GRADIENT = 1e-5


class Fit(NamedTuple):
  """The result of `fit`."""

  z: jax.Array  # (N, latent)
  loss: jax.Array  # (N,)
  iterations: jax.Array  # (N,)


def loss(
  network: nn.Module, variables: Any, z: jax.Array, target: jax.Array
) -> jax.Array:
  """Mean square of target - G(z), over all pixels and channels.

  Args:
    network: `models.DcganGenerator`; its batch norms run in test mode.
    variables: its `params` and `batch_stats`.
    z: (latent,).
    target: (C, S, S) in [-1, 1].
  """
  return jnp.mean(jnp.square(target - generate(network, variables, z)))


def generate(network: nn.Module, variables: Any, z: jax.Array) -> jax.Array:
  """G(z), (C, S, S) in [-1, 1], with transposed convolutions as products.

  XLA runs convolutions inside of loops on a CPU up to a hundred times slower
  than outside.
  """
  z = z.astype(network.dtype)[None]
  with nn.intercept_methods(_as_products):
    picture = network.apply(variables, z)
  return jnp.moveaxis(picture[0], -1, 0)


def fit(
  network: nn.Module,
  variables: Any,
  composite: jax.Array,
  z: jax.Array,
  n_iteration: int = 1000,
) -> Fit:
  """Finds the input whose picture is nearest to a pasted one, by L-BFGS.

  Stops as SciPy does: after `n_iteration` iterations, where the loss falls by
  less than 2.2e-9 of the larger of it and 1, or where no element of the
  gradient exceeds 1e-5.

  Args:
    network: `models.DcganGenerator`.
    variables: its `params` and `batch_stats`.
    composite: (N, C, S, S) in [0, 1].
    z: where to start, (N, latent).
    n_iteration: iterations at most.
  """

  def one(target, z):
    return _minimize(
      lambda z: loss(network, variables, z, target), z, n_iteration
    )

  return jax.vmap(one)(composite * 2 - 1, z)


def colorize(
  network: nn.Module,
  variables: Any,
  composite: jax.Array,
  seed: int = 0,
  n_iteration: int = 1000,
) -> jax.Array:
  """The picture of the input found from a start of N(0, 1).

  Every picture starts from the same draw, so what it gives depends on no other
  picture of its batch.

  Args:
    network: see `fit`, like the next two.
    variables: see there.
    composite: see there.
    seed: of the start.
    n_iteration: see `fit`.

  Returns:
    (N, C, S, S) in [0, 1].
  """
  z = jax.random.normal(
    jax.random.key(seed), (network.latent_size,), composite.dtype
  )
  z = jnp.broadcast_to(z, (composite.shape[0], *z.shape))
  found = fit(network, variables, composite, z, n_iteration)
  pictures = jax.vmap(lambda z: generate(network, variables, z))(found.z)
  return networks.to_unit(pictures)


def _minimize(
  function: Callable[[jax.Array], jax.Array], z: jax.Array, n_iteration: int
) -> Fit:
  solver = optax.lbfgs(
    memory_size=_MEMORY,
    linesearch=optax.scale_by_zoom_linesearch(
      max_linesearch_steps=_LINE_SEARCH_STEPS, initial_guess_strategy="one"
    ),
  )
  evaluate = optax.value_and_grad_from_state(function)

  def goes_on(carry):
    _, state, before, steps = carry
    value = optax.tree.get(state, "value")
    gradient = optax.tree.get(state, "grad")
    scale = jnp.maximum(jnp.maximum(jnp.abs(before), jnp.abs(value)), 1)
    falls = before - value > _SMALLEST_DECREASE * scale
    steep = jnp.abs(gradient).max() > _SMALLEST_GRADIENT
    return (steps == 0) | ((steps < n_iteration) & falls & steep)

  def step(carry):
    z, state, _, steps = carry
    value, gradient = evaluate(z, state=state)
    updates, state = solver.update(
      gradient, state, z, value=value, grad=gradient, value_fn=function
    )
    return optax.apply_updates(z, updates), state, value, steps + 1

  before = jnp.asarray(jnp.inf, z.dtype)
  start = (z, solver.init(z), before, jnp.zeros((), int))
  z, _, _, steps = lax.while_loop(goes_on, step, start)
  return Fit(z, function(z), steps)


def _as_products(call, arguments, keywords, context):
  """Computes a transposed convolution without a convolution."""
  module = context.module
  if context.method_name != "__call__" or not (
    isinstance(module, layers.ConvTranspose) and _doubles(module)
  ):
    return call(*arguments, **keywords)
  x = arguments[0].astype(module.dtype)
  kernel = module.get_variable("params", "kernel").astype(module.dtype)
  return _double(x, kernel)


def _doubles(module):
  return (
    (module.kernel_size, module.strides, module.padding) == (4, 2, 1)
    and not module.output_padding
    and not module.use_bias
  )


def _double(x, kernel):
  """Spreads each pixel over 4 x 4 ones, 2 apart, and crops one all around."""
  batch, height, width, _ = x.shape
  features = kernel.shape[2]
  # Row a of a pixel's square lies 2 * block + phase below its own.
  kernel = kernel.reshape(2, 2, 2, 2, *kernel.shape[2:])
  parts = jnp.einsum("nhwi,apbqoi->abnhpwqo", x, kernel)
  rows = _shifted(parts[0], 1 + 1) + _shifted(parts[1], 1 + 1, down=True)
  whole = _shifted(rows[0], 3) + _shifted(rows[1], 3, down=True)
  whole = whole.reshape(batch, 2 * height + 2, 2 * width + 2, features)
  return whole[:, 1:-1, 1:-1]


def _shifted(x, axis, down=False):
  padding = [(0, 0)] * x.ndim
  padding[axis] = (1, 0) if down else (0, 1)
  return jnp.pad(x, padding)
