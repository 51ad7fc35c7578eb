"""A DRN whose layers are narrow, and what the original computes with it."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gansynth.models import drn

FIRST_WIDTH, WIDTHS = 3, (3, 4, 4, 5, 6, 5, 6, 4)


def narrow(monkeypatch):
  """Makes all networks of DRN narrow, so that they compile in a moment."""
  monkeypatch.setattr(drn, "_FIRST_WIDTH", FIRST_WIDTH)
  monkeypatch.setattr(drn, "_WIDTHS", WIDTHS)


def shallow(monkeypatch, bottleneck: bool = False, name: str = "drn_d_22"):
  """Makes one of the networks narrow and shallow; returns its depths."""
  narrow(monkeypatch)
  depths = (1, 1, 1, 2, 1, 1, 1, 1) if bottleneck else (1, 2, 2, 1, 1, 2, 1, 2)
  architecture = drn.Architecture(depths, bottleneck)
  monkeypatch.setitem(drn.ARCHITECTURES, name, architecture)
  return depths


def draw(shapes, seed: int = 0):
  """A state dict by the original's keys that keeps activations in range."""
  rng = np.random.default_rng(seed)
  state = {}
  for key, shape in shapes.items():
    if key.endswith("num_batches_tracked"):
      state[key] = np.zeros(shape, np.int64)
    elif key.endswith("running_var"):
      state[key] = rng.uniform(0.5, 2, shape).astype(np.float32)
    elif len(shape) == 1:
      state[key] = rng.uniform(0.3, 1, shape).astype(np.float32)
    else:
      scale = np.sqrt(2 / np.prod(shape[1:]))
      state[key] = (scale * rng.normal(size=shape)).astype(np.float32)
  return state


def forward(state, depths, x):
  """The original's layers, one after the other, by the keys of its file.

  Args:
    state: arrays by key.
    depths: of the levels 1 to 8.
    x: (batch, 3, height, width), normalised.

  Returns:
    Logits of low resolution, and enlarged ones, (batch, classes, ...).
  """

  def conv(x, key, stride=1, dilation=1):
    kernel = jnp.asarray(state[f"{key}.weight"])
    pad = kernel.shape[-1] // 2 * dilation
    return lax.conv_general_dilated(
      x, kernel, (stride,) * 2, ((pad, pad),) * 2, rhs_dilation=(dilation,) * 2
    )

  def norm(x, key):
    mean, variance, scale, bias = (
      jnp.asarray(state[f"{key}.{name}"])[None, :, None, None]
      for name in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / jnp.sqrt(variance + 1e-5) * scale + bias

  relu = jax.nn.relu
  strides = (1, 1, 2, 2, 2, 1, 1, 1, 1)
  dilations = (1, 1, 1, 1, 1, 2, 4, 2, 1)
  for level, depth in enumerate((1, *depths)):
    dilation = dilations[level]
    for i in range(depth):
      stride = strides[level] if i == 0 else 1
      key = f"base.{level}"
      if level not in (3, 4, 5, 6):
        x = conv(x, f"{key}.{3 * i}", stride, dilation)
        x = relu(norm(x, f"{key}.{3 * i + 1}"))
        continue
      key = f"{key}.{i}"
      shortcut = x
      if i == 0:
        shortcut = norm(
          conv(x, f"{key}.downsample.0", stride), f"{key}.downsample.1"
        )
      if f"{key}.conv3.weight" in state:
        x = relu(norm(conv(x, f"{key}.conv1"), f"{key}.bn1"))
        x = relu(norm(conv(x, f"{key}.conv2", stride, dilation), f"{key}.bn2"))
        x = norm(conv(x, f"{key}.conv3"), f"{key}.bn3")
      else:
        y = conv(x, f"{key}.conv1", stride, dilation)
        y = relu(norm(y, f"{key}.bn1"))
        x = norm(conv(y, f"{key}.conv2", 1, dilation), f"{key}.bn2")
      x = relu(x + shortcut)
  low = conv(x, "seg") + jnp.asarray(state["seg.bias"])[None, :, None, None]
  up = lax.conv_general_dilated(
    low,
    jnp.flip(jnp.asarray(state["up.weight"]), (2, 3)),
    (1, 1),
    ((11, 11),) * 2,
    lhs_dilation=(8, 8),
    feature_group_count=low.shape[1],
  )
  return low, up
