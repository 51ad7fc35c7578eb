"""Spectral normalisation with torch's semantics."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

_EPSILON = 1e-12


def _normalize(x: jax.Array) -> jax.Array:
  return x / jnp.maximum(jnp.linalg.norm(x), _EPSILON)


class SpectralNorm(nn.Module):
  """Divides a kernel by an estimate of its largest singular value.

  The kernel is seen as a matrix M, outputs by everything else. The estimate is
  sigma = u . (M v) with vectors that move by one power iteration a call in
  training (v to M^T u, u to M v, both normalised) and stay in evaluation.
  Gradients flow through M, not through u and v. Sigma is computed in every
  call, so it fits the kernel also after the optimiser moved it; Flax's own
  layer keeps sigma instead of v, and is behind by a step in evaluation.

  The vectors are `u` (outputs,) and `v` (height, width, inputs) of the
  collection `batch_stats`.

  Reference: Miyato et al., "Spectral Normalization for Generative Adversarial
  Networks", ICLR 2018; `torch.nn.utils.spectral_norm`.
  """

  update: bool  # whether calls move the vectors
  output_axis: int = -1  # of the kernel

  @nn.compact
  def __call__(self, kernel: jax.Array) -> jax.Array:
    """Returns kernel / sigma, of the same shape and type.

    Args:
      kernel: (height, width, inputs, outputs), or as `output_axis` says.
    """
    moved = jnp.moveaxis(kernel, self.output_axis, -1)

    def direction(shape):
      return _normalize(jax.random.normal(self.make_rng("params"), shape))

    u = self.variable("batch_stats", "u", direction, moved.shape[-1:])
    v = self.variable("batch_stats", "v", direction, moved.shape[:-1])
    matrix = moved.reshape(-1, moved.shape[-1])
    matrix = matrix.astype(jnp.promote_types(matrix.dtype, jnp.float32))
    left, right = u.value, v.value.reshape(-1)
    if self.update and not self.is_initializing():
      constant = lax.stop_gradient(matrix)
      right = _normalize(_product(constant, left))
      left = _normalize(_product(right, constant))
      u.value, v.value = left, right.reshape(moved.shape[:-1])
    sigma = jnp.vdot(_product(right, matrix), left)
    return (kernel / sigma).astype(kernel.dtype)


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
  return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)


def fold(variables: Any) -> Any:
  """Divides the kernels once and for all.

  Args:
    variables: of a network with spectral normalisation.

  Returns:
    Variables of the same network without it, which computes the same in
    evaluation.
  """
  params, stats = dict(variables["params"]), variables.get("batch_stats", {})
  kept = {}
  for name, value in stats.items():
    if name == "spectral":
      kernel = params["kernel"]
      # A transposed convolution's kernel has its outputs before its inputs.
      axis = -1 if kernel.shape[:-1] == value["v"].shape else -2
      layer = SpectralNorm(update=False, output_axis=axis)
      params["kernel"] = layer.apply({"batch_stats": value}, kernel)
    elif isinstance(value, dict):
      folded = fold({"params": params.get(name, {}), "batch_stats": value})
      if name in params:
        params[name] = folded["params"]
      if folded["batch_stats"]:
        kept[name] = folded["batch_stats"]
    else:
      kept[name] = value
  return {"params": params, "batch_stats": kept}
