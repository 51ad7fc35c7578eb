"""The networks: sizes, parameter counts, extents, modes and types."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth import models


def draw(seed, *shape):
  return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def shapes(network, *shape):
  """(shape of the output, number of parameters), without computing."""
  x = jax.ShapeDtypeStruct(shape, jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  output = jax.eval_shape(network.apply, variables, x)
  counts = [leaf.size for leaf in jax.tree.leaves(variables["params"])]
  return output, sum(counts)


# Published sizes and a second, not square one: a stride, a padding or a
# level too few can hide behind a single size.
@pytest.mark.parametrize(
  ("name", "norm", "parameters"),
  [
    ("resnet_9blocks", "instance", 11_378_179),
    ("resnet_6blocks", "instance", 7_837_699),
    ("resnet_9blocks", "batch", 11_383_427),
    ("unet_256", "batch", 54_413_955),
    ("unet_128", "batch", 41_828_995),
  ],
)
@pytest.mark.parametrize("size", [(256, 256), (256, 512)])
def test_generators(name, norm, parameters, size):
  output, count = shapes(models.create(name, norm=norm), 1, *size, 3)
  assert output.shape == (1, *size, 3)
  assert count == parameters


@pytest.mark.parametrize(
  ("name", "norm", "channels", "parameters"),
  [
    ("basic", "instance", 3, 2_764_737),
    ("basic", "batch", 6, 2_768_705),
    ("pixel", "instance", 3, 8_705),
  ],
)
def test_discriminators(name, norm, channels, parameters):
  network = models.create(name, norm=norm)
  for size in ((256, 256), (128, 192)):
    (features,), count = shapes(network, 2, *size, channels)
    side = (lambda n: n // 8 - 2) if name == "basic" else (lambda n: n)
    assert features[-1].shape == (2, *map(side, size), 1)
    assert count == parameters


@pytest.mark.parametrize(
  ("layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286)]
)
def test_receptive_fields(layers, field):
  # By the gradient of one logit; the norm, which looks everywhere, left out.
  network = models.create(f"patch_{layers}layers", features=1, norm="none")
  x = draw(0, 1, 320, 320, 1)
  variables = network.init(jax.random.key(0), x)

  @jax.jit
  @jax.grad
  def gradient(x):
    logits = network.apply(variables, x)[0][-1]
    return logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]

  rows, columns = np.nonzero(np.asarray(gradient(x))[0, :, :, 0])
  assert np.ptp(rows) + 1 == field
  assert np.ptp(columns) + 1 == field


@pytest.mark.parametrize("size", [(9, 10), (12, 8), (15, 13)])
def test_resnet_rounds_sizes_up_to_multiples_of_four(size):
  network = models.create("resnet", features=2, num_blocks=1)
  output, _ = shapes(network, 1, *size, 3)
  assert output.shape == (1, *(-(-n // 4) * 4 for n in size), 3)


@pytest.mark.parametrize("upsample", ["transpose", "resize"])
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_a_padded_canvas_gives_the_result_of_the_picture(norm, upsample):
  network = models.create(
    "resnet",
    features=4,
    num_blocks=1,
    norm=norm,
    upsample=upsample,
    init_gain=0.2,
  )
  apply = jax.jit(network.apply)
  extents = np.int32([[13, 18], [11, 9], [20, 20]])
  pictures = [
    draw(i, 1, height, width, 3) for i, (height, width) in enumerate(extents)
  ]
  canvas = np.zeros((3, 20, 20, 3), np.float32)
  for i, (height, width) in enumerate(extents):
    canvas[i, :height, :width] = pictures[i]
  variables = network.init(jax.random.key(0), canvas[:1])
  if norm == "batch":
    variables["batch_stats"] = jax.tree.map(
      lambda x: x + 0.3, variables["batch_stats"]
    )
  together = apply(variables, canvas, extents=jnp.asarray(extents))
  for i, (height, width) in enumerate(extents):
    alone = apply(variables, pictures[i])[0]
    assert alone.std() > 0.01
    # Beyond the picture the network alone sees its own rounded-up border.
    np.testing.assert_allclose(
      together[i, :height, :width], alone[:height, :width], atol=2e-5
    )


def test_dropout_only_while_training():
  network = models.create("resnet", features=2, num_blocks=1, use_dropout=True)
  x = draw(0, 1, 16, 16, 3)
  variables = network.init(jax.random.key(0), x)
  evaluated = network.apply(variables, x)
  plain = models.create("resnet", features=2, num_blocks=1)
  np.testing.assert_array_equal(evaluated, plain.apply(variables, x))
  first, again, second = (
    network.apply(
      variables, x, train=True, rngs={"dropout": jax.random.key(seed)}
    )
    for seed in (1, 1, 2)
  )
  np.testing.assert_array_equal(first, again)
  assert np.abs(first - second).max() > 1e-4
  assert np.abs(first - evaluated).max() > 1e-4


def test_unet_drops_units_on_its_inner_levels_only():
  def differs(levels):
    size = 2**levels
    network = models.UnetGenerator(
      features=2, num_levels=levels, norm="instance"
    )
    x = draw(0, 1, size, size, 3)
    variables = network.init(jax.random.key(0), x)
    outputs = [
      network.apply(
        variables, x, train=True, rngs={"dropout": jax.random.key(seed)}
      )
      for seed in (1, 2)
    ]
    return bool(np.abs(outputs[0] - outputs[1]).max())

  assert not differs(5)
  assert differs(6)


def test_rematerialised_gradients_are_the_same():
  x = draw(0, 1, 12, 16, 3)
  network = models.create("resnet", features=2, num_blocks=2)
  variables = network.init(jax.random.key(0), x)

  def gradient(network):
    return jax.jit(jax.grad(lambda v: jnp.square(network.apply(v, x)).sum()))(
      variables
    )

  jax.tree.map(
    functools.partial(np.testing.assert_allclose, atol=1e-4),
    gradient(network),
    gradient(network.clone(remat=True)),
  )


@pytest.mark.parametrize(
  ("name", "size"), [("resnet_1blocks", 16), ("unet_8", 16), ("basic", 32)]
)
def test_bfloat16_networks_answer_in_float32_near_the_exact_result(name, size):
  x = draw(0, 1, size, size, 3)
  exact = models.create(name, features=4, norm="instance", init_gain=0.2)
  network = exact.clone(dtype=jnp.bfloat16)
  variables = network.init(jax.random.key(0), x)
  results = []
  for each in (exact, network):
    output = each.apply(variables, x)
    results.append(output if name != "basic" else output[0][-1])
  assert results[1].dtype == jnp.float32
  error = np.abs(results[1] - results[0]).max()
  assert 0 < error < 0.1 * np.abs(results[0]).max()


def test_unet_names_the_size_it_needs():
  with pytest.raises(ValueError, match="multiples of 8, got 8 x 12"):
    models.create("unet_8").init(jax.random.key(0), jnp.zeros((1, 8, 12, 3)))


def test_unknown_names_and_fields_are_refused_with_the_known_ones():
  with pytest.raises(ValueError, match=r"unknown network 'resnet50'.*unet"):
    models.create("resnet50")
  with pytest.raises(ValueError, match=r"no field ngf; it has .*features"):
    models.create("resnet", ngf=64)
  with pytest.raises(ValueError, match="unknown upsample 'bilinear'"):
    models.create("resnet", upsample="bilinear").init(
      jax.random.key(0), jnp.zeros((1, 16, 16, 3))
    )


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_inner_convolutions_have_a_bias_where_the_norm_is_instance(norm):
  for name, first, inner, last in (
    ("resnet_1blocks", None, "down_0", "head"),
    ("unet_8", "down_0", "down_1", "up_0"),
    ("basic", "conv_0", "conv_1", "logits"),
    ("pixel", "conv_0", "conv_1", "logits"),
  ):
    network = models.create(name, features=2, norm=norm)
    x = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    params = jax.eval_shape(network.init, jax.random.key(0), x)["params"]
    has = {layer: "bias" in params[layer] for layer in params}
    follows = norm == "instance"
    assert has[inner] == follows
    if name == "unet_8":
      assert has[first] == follows
      assert has[last]
    elif name == "pixel":
      assert has[first]
      assert has[last] == follows
    else:
      assert has[last]
