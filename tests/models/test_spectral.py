"""Spectral normalisation against torch's and against its definition."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.models import layers, norms, spectral

LAYERS = {
  "conv": (layers.Conv, {"features": 6, "kernel_size": 3, "padding": 1}, -1),
  "transposed": (
    layers.ConvTranspose,
    {"features": 6, "kernel_size": 3, "output_padding": 1},
    -2,
  ),
}


def draw(seed, *shape):
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def build(name):
  """(module of `train`, variables, picture, axis of the outputs)."""
  layer, fields, axis = LAYERS[name]

  def module(train):
    norm = functools.partial(spectral.SpectralNorm, update=train)
    return layer(**fields, kernel_norm=norm)

  x = jnp.asarray(draw(1, 2, 5, 6, 4))
  variables = jax.jit(module(False).init)(jax.random.key(0), x)
  kernel = variables["params"]["kernel"]
  variables["params"]["kernel"] = jnp.asarray(draw(2, *kernel.shape))
  return functools.cache(module), variables, x, axis


def unit(x):
  return x / np.linalg.norm(x)


@functools.partial(jax.jit, static_argnums=0)
def _apply(module, variables, x):
  return module.apply(variables, x, mutable=["batch_stats"])


def call(module, variables, x):
  """Output, and the variables with the statistics that the call left."""
  y, moved = _apply(module, variables, x)
  return y, {**variables, **moved}


@pytest.mark.parametrize("name", LAYERS)
def test_follows_the_definition(name):
  module, variables, x, axis = build(name)
  plain = jax.jit(LAYERS[name][0](**LAYERS[name][1]).apply)

  def expected(variables, sigma):
    params = dict(variables["params"])
    params["kernel"] = params["kernel"] / sigma
    return plain({"params": params}, x)

  def matrix(variables):
    kernel = np.moveaxis(np.asarray(variables["params"]["kernel"]), axis, -1)
    return kernel.reshape(-1, kernel.shape[-1])

  def vectors(variables):
    stats = variables["batch_stats"]["spectral"]
    return np.asarray(stats["u"]), np.asarray(stats["v"]).reshape(-1)

  u, v = vectors(variables)
  np.testing.assert_allclose([u @ u, v @ v], 1, rtol=1e-5)
  for _ in range(2):
    y, variables = call(module(True), variables, x)
    v = unit(matrix(variables) @ u)
    u = unit(matrix(variables).T @ v)
    for found, wanted in zip(vectors(variables), (u, v), strict=True):
      np.testing.assert_allclose(found, wanted, atol=1e-6)
    sigma = v @ matrix(variables) @ u
    np.testing.assert_allclose(y, expected(variables, sigma), atol=1e-5)

  # As after a step of the optimiser: sigma is the new kernel's.
  params = variables["params"]
  params = {**params, "kernel": params["kernel"] * 2 + 0.1}
  variables = {**variables, "params": params}
  sigma = v @ matrix(variables) @ u
  y, kept = call(module(False), variables, x)
  np.testing.assert_allclose(y, expected(variables, sigma), atol=1e-5)
  jax.tree.map(np.testing.assert_array_equal, kept, variables)

  folded = spectral.fold(variables)
  assert "spectral" not in folded["batch_stats"]
  np.testing.assert_allclose(plain(folded, x), y, atol=1e-6)


def test_folds_inside_a_network():
  class Network(nn.Module):
    normed: bool

    @nn.compact
    def __call__(self, x, train=False):
      norm = functools.partial(spectral.SpectralNorm, update=train)
      norm = norm if self.normed else None
      for features in (4, 5):
        x = layers.Conv(features, 3, padding=1, kernel_norm=norm)(x)
        x = norms.BatchNorm(use_running_average=not train)(x)
      return layers.Conv(3, 1, name="last")(x)

  x = jnp.asarray(draw(3, 1, 6, 6, 2))
  network = Network(normed=True)
  variables = jax.jit(network.init)(jax.random.key(0), x)
  _, moved = jax.jit(
    lambda v: network.apply(v, x, train=True, mutable=["batch_stats"])
  )(variables)
  variables = {**variables, **moved}
  folded = spectral.fold(variables)
  assert set(folded["batch_stats"]) == {"BatchNorm_0", "BatchNorm_1"}
  np.testing.assert_allclose(
    jax.jit(Network(normed=False).apply)(folded, x),
    jax.jit(network.apply)(variables, x),
    atol=1e-6,
  )


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(name):
  torch = pytest.importorskip("torch")
  module, variables, x, _ = build(name)
  if name == "conv":
    original = torch.nn.Conv2d(4, 6, 3, padding=1)
  else:
    original = torch.nn.ConvTranspose2d(
      4, 6, 3, stride=2, padding=1, output_padding=1
    )
  original = torch.nn.utils.spectral_norm(
    original, dim=0 if name == "conv" else 1
  )
  stats = variables["batch_stats"]["spectral"]

  def tensor(array, *axes):
    return torch.from_numpy(np.array(jnp.transpose(array, axes or None)))

  with torch.no_grad():
    original.weight_orig.copy_(
      tensor(variables["params"]["kernel"], 3, 2, 0, 1)
    )
    original.bias.zero_()
    original.weight_u.copy_(tensor(stats["u"], 0))
    original.weight_v.copy_(tensor(stats["v"], 2, 0, 1).reshape(-1))

  pictures = tensor(x, 0, 3, 1, 2)
  weights = draw(4, *original(pictures).shape)  # moves its vectors once
  _, variables = call(module(True), variables, x)

  def loss(params):
    y, moved = module(True).apply(
      {**variables, "params": params}, x, mutable=["batch_stats"]
    )
    return jnp.sum(y * weights.transpose(0, 2, 3, 1)), moved

  gradients, moved = jax.jit(jax.grad(loss, has_aux=True))(variables["params"])
  (original(pictures) * torch.from_numpy(weights)).sum().backward()
  np.testing.assert_allclose(
    jnp.transpose(gradients["kernel"], (3, 2, 0, 1)),
    original.weight_orig.grad,
    atol=1e-4,
  )
  np.testing.assert_allclose(
    moved["batch_stats"]["spectral"]["u"], original.weight_u, atol=1e-6
  )

  with torch.no_grad():
    original.weight_orig.mul_(3).add_(0.2)
  kernel = variables["params"]["kernel"] * 3 + 0.2
  variables = {"params": {**variables["params"], "kernel": kernel}, **moved}
  expected = original.eval()(pictures).detach()
  np.testing.assert_allclose(
    _apply(module(False), variables, x)[0],
    expected.permute(0, 2, 3, 1),
    atol=1e-5,
  )
