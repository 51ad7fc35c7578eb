"""Stand-ins for SPADE's networks with styles, that compile in no time."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gansynth.models import layers, norms, semantics, spectral


class Generator(nn.Module):
  """Two convolutions, a batch norm, and a style that shifts colours."""

  use_vae: bool = True
  latent_size: int = 5
  height: int = 16
  width: int = 32
  norm: str = "spectralbatch"
  axis_name: str | None = None
  dtype: layers.Dtype = jnp.float32

  multiple = 8

  @nn.compact
  def __call__(self, shown, z=None, train: bool = False):
    if self.height:
      shown = semantics.resize_semantics(shown, (self.height, self.width))
    if isinstance(shown, semantics.LabelMap):
      shown = shown.dense(self.dtype)
    conv = functools.partial(layers.Conv, kernel_size=3, padding=1)
    if self.norm.startswith("spectral"):
      conv = functools.partial(
        conv, kernel_norm=functools.partial(spectral.SpectralNorm, update=train)
      )
    conv = functools.partial(conv, dtype=self.dtype)
    x = conv(4, name="first")(shown)
    x = norms.BatchNorm(
      use_running_average=not train,
      axis_name=self.axis_name,
      dtype=self.dtype,
      name="norm",
    )(x)
    x = conv(3, name="last")(nn.relu(x))
    if self.use_vae:
      x = x + nn.Dense(3, name="style")(z)[:, None, None]
    return jnp.tanh(x.astype(jnp.float32))


class Encoder(nn.Module):
  """Means over the picture, and what a matrix makes of them."""

  latent_size: int = 5
  dtype: layers.Dtype = jnp.float32

  @nn.compact
  def __call__(self, pictures, train: bool = False):
    x = pictures[:, :8].mean((1, 2)) - pictures[:, 8:].mean((1, 2))
    return (
      nn.Dense(self.latent_size, name="mean")(x),
      nn.Dense(self.latent_size, name="log_variance")(x) - 1,
    )


def variables(network, *shapes, seed: int = 0):
  """Random variables, spectral vectors of length 1."""
  made = jax.eval_shape(
    network.init,
    jax.random.PRNGKey(0),
    *(jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes),
  )
  rng = np.random.default_rng(seed)

  def fill(path, leaf):
    drawn = rng.normal(scale=0.4, size=leaf.shape).astype(np.float32)
    name = path[-1].key
    if name in ("u", "v"):
      # Near the kernel's largest direction, sigma is not near 0.
      return np.abs(drawn) / np.linalg.norm(drawn)
    if name == "kernel":
      return np.abs(drawn) - 0.1
    return np.abs(drawn) + 0.5 if name in ("var", "scale") else drawn

  return jax.tree_util.tree_map_with_path(fill, dict(made))
