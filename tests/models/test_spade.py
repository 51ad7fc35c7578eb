"""SPADE's generator: sizes, counts, modulation, statistics, modes and types."""

import dataclasses
import functools
import re

import drawn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gansynth import models
from gansynth.models import norms, spade, spectral
from gansynth.models.semantics import LabelMap, instance_edges

create = functools.partial(models.create, "spade")
KEYS = {"params": jax.random.key(0), "latent": jax.random.key(1)}
small = functools.partial(create, features=2, norm="spectralspadesyncbatch1x1")


def label_map(batch=2, height=32, width=32, num_labels=4, planes=1, seed=0):
  rng = np.random.default_rng(seed)
  labels = rng.integers(0, num_labels, (batch, height, width))
  edges = rng.random((batch, height, width, planes)) < 0.3
  return LabelMap(
    jnp.asarray(labels),
    jnp.asarray(edges, jnp.float32) if planes else None,
    num_labels,
  )


def traced(network, variables, semantics, z=None, train=False):
  return network.apply(
    variables, semantics, z, train=train, mutable=["batch_stats"]
  )


apply = jax.jit(
  traced,
  static_argnums=0,
  static_argnames="train",
  compiler_options=tiny.FAST_COMPILE,
)


def described(network, *sizes, channels=3):
  """Shapes of a label map and of the variables, without computing."""
  labels = jax.ShapeDtypeStruct((2, *sizes), jnp.uint8)
  semantics = LabelMap(labels, None, channels)
  return semantics, jax.eval_shape(network.init, KEYS, semantics)


@pytest.mark.parametrize(
  ("channels", "fields", "parameters"),
  [
    (184, {}, 97_480_899),  # COCO-Stuff
    (151, {}, 96_492_483),  # ADE20K
    (36, {"upsampling": "more"}, 93_048_003),  # Cityscapes
    (13, {}, 92_359_107),  # facades
    (184, {"use_vae": True, "height": 256, "width": 256}, 112_626_883),
  ],
)
def test_parameter_counts(channels, fields, parameters):
  _, variables = described(create(**fields), 256, 256, channels=channels)
  counts = [leaf.size for leaf in jax.tree.leaves(variables["params"])]
  assert sum(counts) == parameters


# A doubling too few hides where only one size is tried.
@pytest.mark.parametrize("upsampling", spade.UPSAMPLINGS)
def test_pictures_have_the_label_map_s_size(upsampling):
  network = create(features=4, upsampling=upsampling)
  assert network.multiple == 2 ** spade.UPSAMPLINGS[upsampling]
  for size in ((128, 128), (256, 128)):
    semantics, variables = described(network, *size)
    output, _ = jax.eval_shape(
      lambda v, x: traced(network, v, x), variables, semantics
    )
    assert output.shape == (2, *size, 3)
    assert output.dtype == jnp.float32
    assert network.first_size(size) == tuple(
      length // network.multiple for length in size
    )
  last = "up_4" if upsampling == "most" else "up_3"
  width = 2 if upsampling == "most" else 4
  blocks = [name for name in variables["params"] if name.startswith("up_")]
  assert max(blocks) == last
  assert variables["params"][last]["conv_1"]["kernel"].shape[-1] == width


@pytest.mark.parametrize(
  ("name", "parsed"),
  [
    ("spectralspadesyncbatch3x3", (True, "batch", 3)),
    ("spadebatch1x1", (False, "batch", 1)),
    ("spectralspadebatch5x5", (True, "batch", 5)),
    ("spadeinstance3x3", (False, "instance", 3)),
    ("spadesyncbatch7x7", (False, "batch", 7)),
  ],
)
def test_norms(name, parsed):
  assert spade.parse_norm(name) == parsed
  _, variables = described(create(features=2, norm=name), 64, 64)
  block = variables["params"]["up_0"]
  size = parsed[2]
  assert block["norm_s"]["shared"]["kernel"].shape == (size, size, 3, 128)
  assert block["norm_s"]["gamma"]["kernel"].shape == (size, size, 128, 32)
  assert block["norm_1"]["beta"]["kernel"].shape == (size, size, 128, 16)
  assert "bias" not in block["conv_s"]
  stats = variables.get("batch_stats", {}).get("up_0", {})
  assert ("spectral" in stats.get("conv_s", {})) == parsed[0]
  assert ("norm_s" in stats) == (parsed[1] == "batch")
  kinds = {"spectral"} if parsed[0] else set()
  assert set(stats.get("conv_0", {})) == kinds


@pytest.mark.parametrize(
  "name",
  [
    "spectralinstance",
    "spectralspadegroup3x3",
    "spadebatch2x2",
    "spadebatch3x5",
    "spadebatch",
    "spade_syncbatch3x3",
  ],
)
def test_refuses_norms(name):
  with pytest.raises(ValueError, match=name):
    described(create(norm=name), 64, 64)


@pytest.mark.parametrize(
  ("fields", "size", "message"),
  [
    ({"upsampling": "least"}, (64, 64), "normal, more, most"),
    ({}, (64, 80), "multiples of 32, got 64 x 80"),
    ({"upsampling": "more"}, (96, 64), "multiples of 64, got 96 x 64"),
    ({"height": 64, "width": 80}, (64, 64), "got 64 x 80"),
    ({"height": 64}, (64, 64), "height is 64 and width 0"),
    ({"use_vae": True}, (64, 64), "one size"),
    ({"norm": "spadeinstance3x3"}, (32, 32), "single pixel"),
  ],
)
def test_refuses_sizes(fields, size, message):
  with pytest.raises(ValueError, match=message):
    described(create(features=2, **fields), *size)


def test_refuses_latent_vectors_of_another_size():
  network = small(use_vae=True, height=32, width=32, latent_size=6)
  with pytest.raises(ValueError, match=r"\(2, 5\)"):
    jax.eval_shape(
      network.init, jax.random.key(0), label_map(), jnp.zeros((2, 5))
    )


def test_modulates_by_the_definition():
  semantics = label_map(2, 5, 6)
  x = jnp.asarray(
    np.random.default_rng(2).normal(3, 2, (2, 5, 6, 3)), jnp.float32
  )
  layer = spade.Spade(norm=norms.InstanceNorm)
  variables = drawn.variables(layer, x, semantics)
  y = layer.apply(variables, x, semantics)

  def conv(x, weights):
    kernel, bias = (np.asarray(weights[k], float) for k in ("kernel", "bias"))
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return bias + sum(
      x[:, i : i + 5, j : j + 6] @ kernel[i, j]
      for i in range(3)
      for j in range(3)
    )

  x = np.asarray(x, float)
  normalized = x - x.mean((1, 2), keepdims=True)
  normalized /= np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
  params = variables["params"]
  hidden = np.maximum(conv(np.asarray(semantics.dense()), params["shared"]), 0)
  expected = normalized * (1 + conv(hidden, params["gamma"]))
  expected += conv(hidden, params["beta"])
  np.testing.assert_allclose(y, expected, atol=2e-5)


# From here on one network and one size as far as that goes: every other one is
# compiled for seconds.
def test_label_map_equals_its_array():
  semantics = label_map()
  variables = drawn.variables(small(), semantics)
  found, _ = apply(small(), variables, semantics)
  expected, _ = apply(small(), variables, semantics.dense())
  assert np.ptp(found) > 0.3
  np.testing.assert_allclose(found, expected, atol=2e-5)


def test_label_map_of_another_size_is_seen_by_its_nearest_pixels():
  semantics = label_map(2, 80, 48)
  network = small(height=32, width=32)
  variables = drawn.variables(network, semantics)
  y, _ = apply(network, variables, semantics)
  rows, columns = np.arange(32) * 80 // 32, np.arange(32) * 48 // 32
  seen = jax.tree.map(lambda x: x[:, rows][:, :, columns], semantics)
  expected, _ = apply(small(), variables, seen)
  np.testing.assert_allclose(y, expected, atol=1e-5)


def test_statistics_of_training():
  network = small()
  semantics = label_map()
  variables = drawn.variables(network, semantics)
  _, moved = apply(network, variables, semantics, train=True)
  _, kept = apply(network, variables, semantics)
  jax.tree.map(
    np.testing.assert_array_equal, kept["batch_stats"], variables["batch_stats"]
  )
  # The first norm sees the first layer: one pixel of each of two pictures.
  params = variables["params"]["fc"]
  channels = np.asarray(semantics.dense())[:, 0, 0]
  x = channels @ np.asarray(params["kernel"])[1, 1] + np.asarray(params["bias"])
  before = variables["batch_stats"]["head_0"]["norm_0"]["norm"]
  after = moved["batch_stats"]["head_0"]["norm_0"]["norm"]
  np.testing.assert_allclose(
    after["mean"], 0.9 * before["mean"] + 0.1 * x.mean(0), atol=1e-6
  )
  np.testing.assert_allclose(
    after["var"], 0.9 * before["var"] + 0.1 * x.var(0, ddof=1), atol=1e-6
  )
  old, new = (
    tree["batch_stats"]["up_0"]["conv_s"]["spectral"]["u"]
    for tree in (variables, moved)
  )
  assert not np.allclose(old, new)


def test_remat_equals_plain():
  semantics = label_map()
  network = small(remat=True)
  variables = drawn.variables(network, semantics)
  expected = apply(small(), variables, semantics, train=True)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
    apply(network, variables, semantics, train=True),
    expected,
  )

  def loss(params):
    y, _ = network.apply(
      {**variables, "params": params},
      semantics,
      train=True,
      mutable=["batch_stats"],
    )
    return y.sum()

  text = str(jax.make_jaxpr(jax.grad(loss))(variables["params"]))
  assert len(re.findall(r"\bremat2?\[|\bcheckpoint\[", text)) >= 7  # blocks


def test_half_precision():
  semantics = label_map()
  half = small(dtype=jnp.bfloat16)
  variables = drawn.variables(half, semantics)
  assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(variables))
  y, _ = apply(half, variables, semantics)
  assert y.dtype == jnp.float32
  expected, _ = apply(small(), variables, semantics)
  error = np.abs(np.asarray(y - expected)).mean()
  assert 0 < error < 0.02


def test_styles():
  network = small(use_vae=True, height=32, width=64, latent_size=6)
  semantics = label_map()
  variables = drawn.variables(network, semantics)
  assert variables["params"]["fc"]["kernel"].shape == (6, 32 * 1 * 2)
  z = jnp.asarray(np.random.default_rng(3).normal(size=(2, 6)), jnp.float32)
  first, _ = apply(network, variables, semantics, z)
  assert first.shape == (2, 32, 64, 3)
  other, _ = apply(network, variables, semantics, -z)
  assert not np.allclose(first, other, atol=0.01)

  @jax.jit
  def of_prior(seed):
    key = {"latent": jax.random.key(seed)}
    return network.apply(variables, semantics, rngs=key)

  np.testing.assert_array_equal(of_prior(0), of_prior(0))
  assert not np.allclose(of_prior(0), of_prior(1), atol=0.01)


def test_starts_as_published():
  network = create(features=8, norm="spectralspadebatch1x1")
  # XLA leaves out what is not returned; a whole `init` takes it long.
  block = jax.jit(
    lambda keys: network.init(keys, label_map(1, 32, 32))["params"]["head_0"]
  )(KEYS)
  # Normalised kernels: uniform within 1 / sqrt(9 * 128); others: Xavier.
  bound = (9 * 128) ** -0.5
  assert 0.99 * bound < jnp.abs(block["conv_0"]["kernel"]).max() <= bound
  xavier = 0.02 * (2 / (128 + 128)) ** 0.5
  spread = jnp.std(block["norm_0"]["gamma"]["kernel"])
  np.testing.assert_allclose(spread, xavier, rtol=0.03)
  biases = (block["conv_0"], block["norm_0"]["shared"], block["norm_0"]["beta"])
  assert not any(layer["bias"].any() for layer in biases)


def test_folded_generator_draws_the_same():
  semantics = label_map()
  network = small()
  variables = drawn.variables(network, semantics)
  plain = small(norm="spadesyncbatch1x1")
  expected, _ = apply(network, variables, semantics)
  found, _ = apply(plain, spectral.fold(variables), semantics)
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sparse_equals_dense():
  labels = jnp.zeros((1, 64, 64), int).at[:, 20:50, 10:30].set(2)
  edges = instance_edges(labels)[..., None]
  semantics = LabelMap(labels, edges.astype(float), 3)
  network = small(norm="spadesyncbatch3x3")
  sparse = dataclasses.replace(network, sparse=True)
  variables = drawn.variables(network, semantics)
  expected, _ = apply(network, variables, semantics)
  found, _ = apply(sparse, variables, semantics)
  np.testing.assert_allclose(found, expected, atol=2e-4)
  # Loops of unknown length have no gradient; training takes the dense form.
  text = {
    train: str(
      jax.make_jaxpr(
        lambda v, train=train: traced(sparse, v, semantics, train=train)
      )(variables)
    )
    for train in (False, True)
  }
  assert "while[" in text[False]
  assert "while[" not in text[True]


def test_resizes_a_label_map_once_for_each_resolution(monkeypatch):
  sizes = []

  def resize(semantics, size):
    sizes.append(size)
    return semantics.resize(size)

  monkeypatch.setattr(spade.semantics_lib, "resize_semantics", resize)
  described(small(upsampling="more"), 64, 128)
  distinct = {(2**i, 2 ** (i + 1)) for i in range(7)}
  assert set(sizes) == distinct
  assert len(sizes) == len(distinct)


def test_synchronises_statistics_over_devices():
  network = small()
  semantics = label_map()
  variables = drawn.variables(network, semantics)
  _, whole = apply(network, variables, semantics, train=True)
  mapped = dataclasses.replace(network, axis_name="devices")

  def each(part):
    return mapped.apply(variables, part, train=True, mutable=["batch_stats"])

  parts = jax.tree.map(lambda x: x[:, None], semantics)
  _, parts = jax.pmap(each, axis_name="devices")(parts)
  for i in range(2):
    jax.tree.map(
      lambda a, b, i=i: np.testing.assert_allclose(a[i], b, atol=1e-4),
      parts,
      whole,
    )
