"""Generators of pix2pixHD: sizes, parameters, norms and how parts fit."""

import functools

import drawn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gansynth.models import pix2pixhd, pooling, semantics

LABELS = 4

jit = functools.partial(jax.jit, compiler_options=tiny.FAST_COMPILE)


def scene(*shape):
  rng = np.random.default_rng(0)
  labels = rng.integers(0, LABELS, shape)
  return semantics.LabelMap(
    jnp.asarray(labels, jnp.uint8),
    jnp.asarray(rng.normal(size=(*shape, 1)), jnp.float32),
    LABELS,
  )


def shapes(network, channels, size):
  x = jax.ShapeDtypeStruct((1, *size, channels), jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  return jax.eval_shape(network.apply, variables, x), variables


def count(variables):
  return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def small_global(**fields):
  return pix2pixhd.GlobalGenerator(
    **{"features": 4, "num_downsampling": 2, "num_blocks": 1, **fields}
  )


def small_local(**fields):
  return pix2pixhd.LocalEnhancer(
    **{
      "features": 2,
      "num_downsampling": 1,
      "num_blocks": 1,
      "num_enhancer_blocks": 1,
      **fields,
    }
  )


@pytest.mark.parametrize("size", [(512, 1024), (256, 256)])
@pytest.mark.parametrize(
  ("network", "channels", "parameters"),
  [
    (pix2pixhd.GlobalGenerator(), 36, 182_546_755),
    (pix2pixhd.GlobalGenerator(norm="batch"), 36, 182_589_507),
    (pix2pixhd.GlobalGenerator(), 3, 182_443_267),
    (pix2pixhd.GlobalGenerator(norm="spectralinstance"), 151, 182_886_019),
    (pix2pixhd.LocalEnhancer(), 36, 182_857_059),
  ],
)
def test_published_networks(network, channels, parameters, size):
  output, variables = shapes(network, channels, size)
  assert output.shape == (1, *size, 3)
  assert output.dtype == jnp.float32
  assert count(variables) == parameters


@pytest.mark.parametrize("network", [small_global(), small_local()])
def test_a_label_map_is_its_channels(network):
  x = scene(2, 16, 20)
  variables = drawn.variables(network, x)
  apply = jit(network.apply)
  pictures = apply(variables, x)
  assert pictures.std() > 0.01
  np.testing.assert_allclose(apply(variables, x.dense()), pictures, atol=2e-5)


@pytest.mark.parametrize(
  ("network", "multiple"),
  [(small_global(), 4), (small_local(), 4), (small_local(num_enhancers=2), 8)],
)
def test_sides_that_cannot_be_halved_are_refused(network, multiple):
  assert network.multiple == multiple
  with pytest.raises(ValueError, match=rf"multiples of {multiple}, got 16 x "):
    shapes(network, LABELS, (16, 16 + multiple // 2))


@pytest.mark.parametrize("num_enhancers", [0, 1, 2])
def test_the_global_part_is_a_global_generator_without_its_head(num_enhancers):
  local = small_local(num_enhancers=num_enhancers)
  _, variables = shapes(local, 5, (16, 24))
  parts = dict(variables["params"])
  whole = small_global(features=2 * 2**num_enhancers, num_downsampling=1)
  expected = dict(shapes(whole, 5, (16, 24))[1]["params"])
  if num_enhancers:
    del expected["head"]
  given = parts.pop("global")
  assert jax.tree.map(jnp.shape, given) == jax.tree.map(jnp.shape, expected)
  names = [f"enhancer_{n}" for n in range(1, num_enhancers + 1)]
  assert sorted(parts) == names
  assert [n for n in names if "head" in parts[n]] == names[-1:]
  stems = [parts[n]["stem"]["kernel"].shape for n in names]
  assert stems == [
    (7, 7, 5, 2 * 2 ** (num_enhancers - n)) for n in range(1, num_enhancers + 1)
  ]


def test_an_enhancer_adds_the_coarse_features_at_half_size():
  local = small_local()
  x = scene(1, 16, 24)
  variables = drawn.variables(local, x)
  params = variables["params"]
  part = small_global(output_channels=0, num_downsampling=1)
  coarse = jit(part.apply)(
    {"params": params["global"]}, pooling.average_pool(x)
  )
  assert coarse.shape == (1, 8, 12, 4)
  part = small_global(features=2, num_downsampling=1)
  expected = jit(part.apply)({"params": params["enhancer_1"]}, x, coarse=coarse)
  np.testing.assert_allclose(
    jit(local.apply)(variables, x), expected, atol=1e-5
  )


@pytest.mark.parametrize(
  ("norm", "statistics", "has_bias"),
  [
    ("instance", set(), True),
    ("batch", {"mean", "var"}, True),
    ("none", set(), True),
    ("spectralinstance", {"u", "v"}, False),
    ("spectralsync_batch", {"u", "v", "mean", "var"}, False),
    ("spectral", {"u", "v"}, True),
    ("spectralnone", {"u", "v"}, True),
  ],
)
def test_norms(norm, statistics, has_bias):
  network = small_global(norm=norm)
  _, variables = shapes(network, 5, (16, 16))
  paths = jax.tree_util.tree_leaves_with_path(variables.get("batch_stats", {}))
  assert {path[-1].key for path, _ in paths} == statistics
  params = variables["params"]
  for layer in (params["stem"], params["up_0"], params["block_0"]["conv_0"]):
    assert ("bias" in layer) == has_bias
  assert "bias" in params["head"]
  if "u" in statistics:
    normalised = variables["batch_stats"]
    assert "head" not in normalised
    for name in ("stem", "down_1", "up_1"):
      assert "spectral" in normalised[name]


def test_use_bias_decides_against_the_norm():
  for norm, use_bias in (("instance", False), ("spectralinstance", True)):
    network = small_global(norm=norm, use_bias=use_bias)
    params = shapes(network, 5, (16, 16))[1]["params"]
    assert ("bias" in params["stem"]) == use_bias


def test_initial_values_of_both_repositories():
  x = scene(1, 16, 16)
  # pix2pixHD: kernels N(0, 0.02), biases as torch's.
  network = small_global(features=16)
  params = jit(network.init)(jax.random.key(0), x)["params"]
  np.testing.assert_allclose(params["up_0"]["kernel"].std(), 0.02, rtol=0.05)
  fan_in = 3 * 3 * 32
  for layer, bound in (
    (params["down_1"], fan_in**-0.5),
    (params["up_0"], fan_in**-0.5),
    (params["head"], (49 * 16) ** -0.5),
  ):
    largest = np.abs(layer["bias"]).max()
    assert 0.3 * bound < largest <= bound
  # SPADE: spectrally normalised kernels as torch's, the last one Xavier.
  network = small_global(
    features=16, norm="spectralinstance", use_bias=True, init_type="xavier"
  )
  params = jit(network.init)(jax.random.key(0), x)["params"]
  kernel = params["down_1"]["kernel"]
  assert np.abs(kernel).max() <= fan_in**-0.5
  np.testing.assert_allclose(kernel.std(), (3 * fan_in) ** -0.5, rtol=0.05)
  deviation = 0.02 * (2 / (49 * (16 + 3))) ** 0.5
  np.testing.assert_allclose(
    params["head"]["kernel"].std(), deviation, rtol=0.1
  )
  for layer in (params["down_1"], params["up_0"], params["head"]):
    assert not np.any(layer["bias"])


def test_training_moves_spectral_vectors_and_running_statistics():
  network = small_global(norm="spectralbatch")
  x = scene(2, 16, 16)
  variables = drawn.variables(network, x)
  train = functools.partial(network.apply, train=True, mutable=["batch_stats"])
  _, moved = jit(train)(variables, x)
  changes = jax.tree.map(
    lambda a, b: np.abs(a - b).max(),
    variables["batch_stats"],
    moved["batch_stats"],
  )
  assert min(jax.tree.leaves(changes)) > 0


def test_remat_changes_nothing():
  x = scene(1, 16, 16)
  variables = drawn.variables(small_global(), x)

  def gradient(network):
    return jit(
      jax.grad(lambda params: jnp.square(network.apply(params, x) - 1).sum())
    )(variables)

  plain, again = gradient(small_global()), gradient(small_global(remat=True))
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
    plain,
    again,
  )


def test_bfloat16_is_close_to_float32():
  x = scene(1, 16, 16)
  network = small_global()
  variables = drawn.variables(network, x)
  half = jit(small_global(dtype=jnp.bfloat16).apply)(variables, x)
  assert half.dtype == jnp.float32
  exact = jit(network.apply)(variables, x)
  assert exact.std() > 0.1
  np.testing.assert_allclose(half, exact, atol=0.1)
