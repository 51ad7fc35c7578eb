"""ASAP-Nets: sizes, the fixed filter, what cells see, norms and fields."""

import functools

import drawn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gansynth import models
from gansynth.models import asapnets, cell_networks, semantics

jit = functools.partial(jax.jit, compiler_options=tiny.FAST_COMPILE)

LABELS = 4


def scene(*shape, planes=1):
  rng = np.random.default_rng(0)
  return semantics.LabelMap(
    jnp.asarray(rng.integers(0, LABELS, shape), jnp.uint8),
    jnp.asarray(rng.normal(size=(*shape, planes)), jnp.float32)
    if planes
    else None,
    LABELS,
  )


def small(**fields):
  return asapnets.AsapGenerator(
    **{
      "features": 4,
      "max_features": 8,
      "num_blocks": 2,
      "downsampling": 4,
      "learned_downsampling": 4,
      "pixel_features": 6,
      "pixel_layers": 3,
      **fields,
    }
  )


def shapes(network, channels, size):
  x = jax.ShapeDtypeStruct((1, *size, channels), jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  apply = functools.partial(network.apply, with_parameters=True)
  return jax.eval_shape(apply, variables, x), variables


@pytest.mark.parametrize(
  ("fields", "channels", "size", "of_a_cell", "parameters"),
  [
    ({"unseen_channels": 1}, 36, (256, 512), 16003, 83_201_411),
    ({"downsampling": 32}, 13, (512, 512), 14851, 82_007_363),
    ({"downsampling": 64}, 13, (1024, 1024), 15107, 82_269_763),
    ({"downsampling": 64}, 13, (64, 192), 15107, 82_269_763),
  ],
)
def test_published_networks(fields, channels, size, of_a_cell, parameters):
  network = models.create("asapnets", **fields)
  assert network.num_parameters(channels) == of_a_cell
  (picture, cells), variables = shapes(network, channels, size)
  assert picture.shape == (1, *size, 3)
  assert picture.dtype == cells.dtype == jnp.float32
  grid = [side // network.multiple for side in size]
  assert cells.shape == (1, *grid, of_a_cell)
  leaves = jax.tree.leaves(variables["params"])
  assert sum(leaf.size for leaf in leaves) == parameters
  stem = variables["params"][network.input_layer]["kernel"]
  assert stem.shape == (3, 3, channels, 64)


@pytest.mark.parametrize(
  ("factor", "tent"),
  [
    (2, [1 / 8, 3 / 8, 3 / 8, 1 / 8]),
    (4, [n / 32 for n in (1, 3, 5, 7, 7, 5, 3, 1)]),
  ],
)
def test_tent_downsample(factor, tent):
  x = scene(2, 8, 12, planes=2)
  dense = np.asarray(x.dense(), np.float64)
  border = factor // 2
  padded = np.pad(
    dense, ((0, 0), (border, border), (border, border), (0, 0)), "reflect"
  )
  weights = np.outer(tent, tent)
  expected = np.zeros((2, 8 // factor, 12 // factor, LABELS + 2))
  for i, j in np.ndindex(*expected.shape[1:3]):
    rows, columns = (slice(n * factor, n * factor + 2 * factor) for n in (i, j))
    seen = padded[:, rows, columns]
    expected[:, i, j] = np.einsum("nyxc,yx->nc", seen, weights)
  downsample = jax.jit(asapnets.tent_downsample, static_argnums=1)
  for form in (x, x.dense()):
    y = downsample(form, factor)
    assert y.dtype == jnp.float32
    np.testing.assert_allclose(y, expected, atol=1e-6)


@pytest.mark.parametrize(
  "fields",
  [
    {},
    {"downsampling": 8, "padding": "reflect"},
    {"unseen_channels": 1},
    {"learned_downsampling": 1, "downsampling": 2, "num_blocks": 1},
  ],
)
def test_a_label_map_is_its_channels(fields):
  network = small(**fields)
  x = scene(2, 16, 24)
  variables = drawn.variables(network, x)
  apply = jit(network.apply)
  pictures = apply(variables, x)
  assert 0.1 < pictures.std() < 0.9
  np.testing.assert_allclose(apply(variables, x.dense()), pictures, atol=5e-4)


@pytest.mark.parametrize(("planes", "unseen"), [(2, 1), (1, 1), (0, 1), (2, 3)])
def test_what_cells_see(planes, unseen):
  network = small(unseen_channels=unseen)
  x = scene(1, 8, 12, planes=planes)
  variables = drawn.variables(network, x)
  apply = jit(functools.partial(network.apply, with_parameters=True))
  channels = LABELS + planes - unseen
  for form in (x, x.dense()):
    picture, parameters = apply(variables, form)
    expected = cell_networks.pixelwise(
      x.dense()[..., :channels],
      parameters,
      features=6,
      num_layers=3,
      output_channels=3,
    )
    np.testing.assert_allclose(picture, jnp.tanh(expected), atol=1e-4)


def test_padding_is_what_borders_see():
  variables = drawn.variables(small(norm="none"), scene(1, 16, 16))
  # Of a constant picture a reflected border shows nothing but the constant.
  x = jnp.ones((1, 16, 16, LABELS + 1))

  def spread(padding):
    network = small(norm="none", padding=padding)
    apply = functools.partial(network.apply, with_parameters=True)
    return jnp.ptp(jit(apply)(variables, x)[1], (1, 2)).max()

  assert spread("reflect") < 1e-5
  assert spread("zero") > 0.1


@pytest.mark.parametrize(
  ("norm", "statistics", "parameters"),
  [
    ("instanceaffine", set(), {"kernel", "scale", "bias"}),
    ("instance", set(), {"kernel"}),
    ("batch", {"mean", "var"}, {"kernel", "scale", "bias"}),
    ("spectralbatch", {"u", "v", "mean", "var"}, {"kernel", "scale", "bias"}),
    ("spectralsync_batch", {"u", "v", "mean", "var"}, None),
    ("spectralinstanceaffine", {"u", "v"}, {"kernel", "scale", "bias"}),
    ("spectralinstance", {"u", "v"}, {"kernel"}),
    ("none", set(), {"kernel", "bias"}),
  ],
)
def test_norms(norm, statistics, parameters):
  _, variables = shapes(small(norm=norm), 5, (16, 16))
  paths = jax.tree_util.tree_leaves_with_path(variables.get("batch_stats", {}))
  assert {path[-1].key for path, _ in paths} == statistics
  params = dict(variables["params"])
  assert set(params.pop("head")) == {"kernel", "bias"}
  assert "head" not in variables.get("batch_stats", {})
  names = {f"down_{i}" for i in range(3)} | {"block_0", "block_1"}
  assert names <= set(params)
  if parameters:
    found = jax.tree_util.tree_leaves_with_path(params)
    assert {path[-1].key for path, _ in found} == parameters
    assert ("bias" in params["block_0"]) == (norm == "none")


@pytest.mark.parametrize("norm", ["batch", "spectralinstanceaffine"])
def test_initial_values(norm):
  network = small(norm=norm, features=16, max_features=32)
  params = jit(network.init)(jax.random.key(0), scene(1, 8, 8))["params"]
  for name, fans in (
    ("down_1", 9 * (16 + 16)),
    ("block_1", 9 * (32 + 32)),
    ("head", 32 + network.num_parameters(LABELS + 1)),
  ):
    kernel = params[name]["kernel"]
    np.testing.assert_allclose(
      kernel.std(), 0.02 * (2 / fans) ** 0.5, rtol=0.08
    )
  assert not np.any(params["head"]["bias"])
  scale = params["block_norm_0"]["scale"]
  if norm == "batch":
    assert 0.01 < scale.std() < 0.03
  else:
    np.testing.assert_array_equal(scale, 1)


def test_training_moves_spectral_vectors_and_running_statistics():
  network = small(norm="spectralbatch")
  x = scene(2, 8, 16)
  variables = drawn.variables(network, x)
  train = functools.partial(network.apply, train=True, mutable=["batch_stats"])
  _, moved = jit(train)(variables, x)
  changes = jax.tree.map(
    lambda a, b: np.abs(a - b).max(),
    variables["batch_stats"],
    moved["batch_stats"],
  )
  assert min(jax.tree.leaves(changes)) > 0


def test_batch_statistics_of_several_devices():
  x = scene(4, 8, 8)
  alone = small(norm="batch")
  variables = drawn.variables(alone, x)

  def gradient(network, x):
    def loss(params):
      pictures, moved = network.apply(
        {**variables, "params": params}, x, train=True, mutable=["batch_stats"]
      )
      return jnp.square(pictures - 0.5).mean(), moved

    return jax.grad(loss, has_aux=True)(variables["params"])

  expected = jax.jit(functools.partial(gradient, alone))(x)
  together = functools.partial(gradient, alone.clone(axis_name="devices"))
  parts = jax.tree.map(lambda a: a.reshape(4, 1, *a.shape[1:]), x)
  gradients, moved = jax.pmap(together, axis_name="devices")(parts)
  gradients = jax.tree.map(lambda g: g.mean(0), gradients)
  moved = jax.tree.map(lambda s: s[0], moved)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
    (gradients, moved),
    expected,
  )


def test_remat_changes_nothing():
  x = scene(1, 8, 12)
  variables = drawn.variables(small(norm="spectralbatch"), x)

  def gradient(network):
    def loss(params):
      pictures, moved = network.apply(
        {**variables, "params": params}, x, train=True, mutable=["batch_stats"]
      )
      return jnp.square(pictures - 1).sum(), moved

    return jax.jit(jax.grad(loss, has_aux=True))(variables["params"])

  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4),
    gradient(small(norm="spectralbatch", remat=True)),
    gradient(small(norm="spectralbatch")),
  )


def test_bfloat16_is_close_to_float32():
  x = scene(1, 16, 24)
  variables = drawn.variables(small(), x)
  half = small(dtype=jnp.bfloat16)
  pictures, parameters = jit(
    functools.partial(half.apply, with_parameters=True)
  )(variables, x)
  assert pictures.dtype == parameters.dtype == jnp.float32
  exact = jit(small().apply)(variables, x)
  # A picture is a network that was itself computed: errors meet twice.
  assert np.abs(pictures - exact).mean() < 0.05 * exact.std()


@pytest.mark.parametrize(
  ("fields", "size", "message"),
  [
    ({}, (16, 18), r"multiples of 4, got 16 x 18"),
    ({"downsampling": 8}, (12, 16), r"multiples of 8, got 12 x 16"),
    ({}, (4, 4), r"4 x 4 are a single cell.*'instanceaffine'"),
    ({"downsampling": 2}, (16, 16), r"downsampling is 2 and .* 4; both must"),
    ({"downsampling": 12}, (24, 24), r"downsampling is 12"),
    ({"learned_downsampling": 0}, (16, 16), r"learned_downsampling 0"),
    ({"padding": "replicate"}, (16, 16), r"'replicate'; .* zero, reflect"),
    ({"unseen_channels": 5}, (16, 16), r"unseen_channels is 5, of 5"),
    ({"norm": "layer"}, (16, 16), r"unknown norm 'layer'.*instanceaffine"),
  ],
)
def test_what_does_not_fit_is_refused(fields, size, message):
  with pytest.raises(ValueError, match=message):
    shapes(small(**fields), 5, size)
