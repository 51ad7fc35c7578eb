"""Normalisations with torch's conventions, statistics in at least float32."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

Dtype = Any

NORMS = ("instance", "instanceaffine", "batch", "none")


def at_least_float32(x: jax.Array) -> jax.Array:
  """bfloat16 to float32; float32 and float64 stay as they are."""
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def extents_mask(extents: jax.Array, height: int, width: int) -> jax.Array:
  """Returns a bool mask (batch, height, width, 1), true inside `extents`."""
  rows = jnp.arange(height)[None, :] < extents[:, :1]
  columns = jnp.arange(width)[None, :] < extents[:, 1:]
  return (rows[:, :, None] & columns[:, None, :])[..., None]


class InstanceNorm(nn.Module):
  """Instance normalisation, without parameters as torch's default.

  Statistics over height and width, per sample and channel, in float32 with
  the biased variance; the same in training and evaluation.
  """

  epsilon: float = 1e-5
  dtype: Dtype = jnp.float32
  affine: bool = False  # whether there are a scale and a bias to learn

  @nn.compact
  def __call__(
    self, x: jax.Array, extents: jax.Array | None = None
  ) -> jax.Array:
    x = at_least_float32(x)
    if extents is None:
      centred = x - x.mean((1, 2), keepdims=True)
      variance = jnp.square(centred).mean((1, 2), keepdims=True)
    else:
      mask = extents_mask(extents, *x.shape[1:3])
      count = extents.prod(1).astype(x.dtype)[:, None, None, None]
      total = jnp.where(mask, x, 0).sum((1, 2), keepdims=True)
      centred = jnp.where(mask, x - total / count, 0)
      variance = jnp.square(centred).sum((1, 2), keepdims=True) / count
    factor = lax.rsqrt(variance + self.epsilon)
    if not self.affine:
      return (centred * factor).astype(self.dtype)
    shape = (x.shape[-1],)
    scale = self.param("scale", nn.initializers.ones, shape)
    bias = self.param("bias", nn.initializers.zeros, shape)
    y = centred * (factor * scale[None, None, None]) + bias[None, None, None]
    if extents is not None:
      y = jnp.where(mask, y, 0)
    return y.astype(self.dtype)


class BatchNorm(nn.Module):
  """Batch normalisation with torch's running statistics.

  Normalises with the biased variance and moves the running variance with the
  unbiased one (which is why Flax's own layer does not serve). With
  `axis_name` the statistics are those of all devices' samples together.
  """

  use_running_average: bool
  momentum: float = 0.9  # of the old value; torch's momentum is 1 - this
  epsilon: float = 1e-5
  axis_name: str | None = None
  dtype: Dtype = jnp.float32
  scale_init: nn.initializers.Initializer = nn.initializers.ones
  affine: bool = True  # whether there are a scale and a bias to learn

  @nn.compact
  def __call__(
    self, x: jax.Array, extents: jax.Array | None = None
  ) -> jax.Array:
    shape = (x.shape[-1],)
    running_mean = self.variable(
      "batch_stats", "mean", jnp.zeros, shape, jnp.float32
    )
    running_variance = self.variable(
      "batch_stats", "var", jnp.ones, shape, jnp.float32
    )
    x = at_least_float32(x)
    if self.use_running_average:
      mean, variance = running_mean.value, running_variance.value
    elif extents is not None:
      raise ValueError(
        "statistics of a batch cannot be taken over padded pictures; use "
        "running averages, or pictures of one size"
      )
    else:
      mean, variance, count = self._batch_statistics(x)
      if not self.is_initializing():
        running_mean.value = self._move(running_mean.value, mean)
        running_variance.value = self._move(
          running_variance.value, variance * (count / max(count - 1, 1))
        )
    factor = lax.rsqrt(variance + self.epsilon)
    if self.affine:
      factor *= self.param("scale", self.scale_init, shape)
    x = (x - mean[None, None, None]) * factor[None, None, None]
    if self.affine:
      bias = self.param("bias", nn.initializers.zeros, shape)
      x = x + bias[None, None, None]
    if extents is not None:
      x = jnp.where(extents_mask(extents, *x.shape[1:3]), x, 0)
    return x.astype(self.dtype)

  def _batch_statistics(self, x):
    count = x.size // x.shape[-1]
    synchronise = self.axis_name is not None and not self.is_initializing()
    mean = x.mean((0, 1, 2))
    if synchronise:
      mean = lax.pmean(mean, self.axis_name)
      count *= lax.axis_size(self.axis_name)
    variance = jnp.square(x - mean[None, None, None]).mean((0, 1, 2))
    if synchronise:
      variance = lax.pmean(variance, self.axis_name)
    return mean, variance, count

  def _move(self, old, new):
    return self.momentum * old + (1 - self.momentum) * lax.stop_gradient(new)


class NoNorm(nn.Module):
  """The identity, where the others normalise."""

  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(
    self, x: jax.Array, extents: jax.Array | None = None
  ) -> jax.Array:
    if extents is not None:
      x = jnp.where(extents_mask(extents, *x.shape[1:3]), x, 0)
    return x.astype(self.dtype)


def parse(name: str) -> tuple[bool, str]:
  """Splits a name as SPADE and pix2pixHD write it.

  Args:
    name: one of `NORMS` or `sync_batch`, perhaps after `spectral`, which alone
      means no other norm. Batch statistics are synchronised in any case where
      there are several devices.

  Returns:
    Whether kernels are spectrally normalised, and one of `NORMS`.

  Raises:
    ValueError: it is none of these.
  """
  spectral = name.startswith("spectral")
  norm = name.removeprefix("spectral").replace("sync_batch", "batch")
  if spectral and not norm:
    norm = "none"
  if norm not in NORMS:
    raise ValueError(
      f"unknown norm {name!r}; choose one of {', '.join(NORMS)}, sync_batch, "
      "each with or without spectral before it, or spectral alone"
    )
  return spectral, norm


def norm_layer(
  name: str,
  *,
  train: bool,
  axis_name: str | None = None,
  dtype: Dtype = jnp.float32,
  gain: float = 0.02,
) -> Callable[..., nn.Module]:
  """Returns a constructor of the named normalisation.

  Args:
    name: one of `NORMS`.
    train: whether batch normalisation uses and records the batch's own
      statistics.
    axis_name: mapped axis over which batch statistics are synchronised.
    dtype: type of the result; statistics are always float32.
    gain: spread of batch normalisation's initial scale, N(1, gain).

  Raises:
    ValueError: the name is none of `NORMS`.
  """
  if name in ("instance", "instanceaffine"):
    affine = name == "instanceaffine"
    return lambda **kw: InstanceNorm(dtype=dtype, affine=affine, **kw)
  if name == "batch":

    def scale_init(key, shape, dtype=jnp.float32):
      return 1 + gain * jax.random.normal(key, shape, dtype)

    return lambda **kw: BatchNorm(
      use_running_average=not train,
      axis_name=axis_name,
      dtype=dtype,
      scale_init=scale_init,
      **kw,
    )
  if name == "none":
    return lambda **kw: NoNorm(dtype=dtype, **kw)
  raise ValueError(f"unknown norm {name!r}; choose one of {', '.join(NORMS)}")
