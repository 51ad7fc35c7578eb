"""GP-GAN's networks: sizes, counts, initial values, parts and errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth import Translator, models


def draw(seed, *shape):
  return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def shapes(network, *shape):
  """(shapes of the output, numbers in all variables), without computing."""
  x = jax.ShapeDtypeStruct(shape, jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  output = jax.eval_shape(network.apply, variables, x)
  return output, sum(leaf.size for leaf in jax.tree.leaves(variables))


# The published networks' counts, without the original's 8, 4 and 3 counters.
def test_published_sizes():
  output, count = shapes(models.create("encoder_decoder"), 2, 64, 64, 3)
  assert output.shape == (2, 64, 64, 3)
  assert count == 71_070_600 - 8
  output, count = shapes(models.create("dcgan_generator"), 2, 100)
  assert output.shape == (2, 64, 64, 3)
  assert count == 3_578_628 - 4
  output, count = shapes(models.create("dcgan_critic"), 2, 64, 64, 3)
  sides = [features.shape[1:] for features in output[0]]
  widths = [(32, 64), (16, 128), (8, 256), (4, 512), (1, 1)]
  assert sides == [(side, side, width) for side, width in widths]
  assert count == 2_767_363 - 3


@pytest.mark.parametrize("size", [8, 16, 256])
def test_sizes_are_powers_of_two(size):
  network = models.create(
    "encoder_decoder",
    image_size=size,
    encoder_features=2,
    decoder_features=4,
    bottleneck=6,
    output_channels=1,
  )
  output, _ = shapes(network, 3, size, size, 2)
  assert output.shape == (3, size, size, 1)
  output, _ = shapes(
    models.create("dcgan_critic", image_size=size, outputs=5), 3, size, size, 2
  )
  assert output[0][-1].shape == (3, 1, 1, 5)


def test_an_odd_width_of_the_generator_is_one_less():
  # As the original, which halves it first.
  odd, even = (
    shapes(models.create("dcgan_generator", features=features), 1, 100)
    for features in (9, 8)
  )
  assert odd[1] == even[1]


@pytest.mark.parametrize("size", [4, 48, 0, 100])
def test_other_sizes_are_refused(size):
  network = models.create("dcgan_critic", image_size=size)
  with pytest.raises(ValueError, match=f"image_size is {size}; .* power of"):
    shapes(network, 1, 64, 64, 3)


def test_wrong_inputs_are_refused():
  network = models.create("encoder_decoder", image_size=32, bottleneck=4)
  with pytest.raises(ValueError, match=r"32 x 32 pixels, got .*\(1, 32, 64, 3"):
    shapes(network, 1, 32, 64, 3)
  generator = models.create("dcgan_generator", latent_size=7)
  with pytest.raises(ValueError, match=r"vectors of 7 numbers, got .*\(2, 8\)"):
    shapes(generator, 2, 8)
  with pytest.raises(ValueError, match=r"features is 1; .* at least 2"):
    shapes(models.create("dcgan_generator", features=1), 1, 100)


@pytest.fixture(scope="module")
def tiny():
  """An encoder-decoder of 16 pixels and variables, drawn without compiling."""
  network = models.create(
    "encoder_decoder",
    image_size=16,
    encoder_features=4,
    decoder_features=4,
    bottleneck=10,
  )
  x = jax.ShapeDtypeStruct((1, 16, 16, 3), jnp.float32)
  expected = jax.eval_shape(network.init, jax.random.key(0), x)
  rng = np.random.default_rng(0)
  variables = jax.tree.map(
    lambda leaf: rng.uniform(-0.3, 0.3, leaf.shape).astype(np.float32), expected
  )
  variables["batch_stats"] = jax.tree.map(np.abs, variables["batch_stats"])
  return network, variables


def test_encodes_then_decodes(tiny):
  network, variables = tiny
  x = draw(1, 2, 16, 16, 3)

  @jax.jit
  def parts(variables, x):
    code = network.apply(variables, x, method="encode")
    picture = network.apply(variables, code, method="decode")
    return code, picture, network.apply(variables, x)

  code, picture, whole = parts(variables, x)
  assert code.shape == (2, 10)
  np.testing.assert_allclose(picture, whole, atol=1e-6)
  assert np.abs(whole).max() <= 1
  assert np.asarray(whole).std() > 1e-3


def test_initial_values():
  network = models.create("dcgan_critic", image_size=32, features=32)
  variables = jax.jit(network.init)(jax.random.key(0), draw(0, 1, 32, 32, 3))
  params, stats = variables["params"], variables["batch_stats"]
  assert set(params) == {
    "conv_0",
    "conv_1",
    "conv_2",
    "norm_1",
    "norm_2",
    "logits",
  }
  for name in ("conv_1", "conv_2", "logits"):
    assert set(params[name]) == {"kernel"}  # no biases
    kernel = np.asarray(params[name]["kernel"])
    assert abs(kernel.std() - 0.02) < 0.002
    assert abs(kernel.mean()) < 0.002
  scale = np.asarray(params["norm_2"]["scale"])
  assert abs(scale.mean() - 1) < 0.01
  assert abs(scale.std() - 0.02) < 0.006
  np.testing.assert_array_equal(params["norm_2"]["bias"], 0)
  np.testing.assert_array_equal(stats["norm_2"]["mean"], 0)
  np.testing.assert_array_equal(stats["norm_2"]["var"], 1)


def test_statistics_of_the_code(tiny):
  """Chainer's epsilon, and its unbiased running variance over the batch."""
  network, variables = tiny
  x = draw(2, 5, 16, 16, 3)

  @jax.jit
  def apply(variables, x):
    def run(network, x):
      encoded = network.encoder(x, True)[-1][-1]
      return encoded, network.code(encoded, True)

    return network.apply(variables, x, method=run, mutable=["batch_stats"])

  (encoded, code), after = apply(variables, x)
  encoded = np.asarray(encoded, np.float64)[:, 0, 0]
  mean, variance = encoded.mean(0), encoded.var(0)
  params = variables["params"]["code"]["norm"]
  expected = (encoded - mean) / np.sqrt(variance + 2e-5)
  expected = expected * params["scale"] + params["bias"]
  expected = np.where(expected > 0, expected, 0.2 * expected)
  np.testing.assert_allclose(code[:, 0, 0], expected, atol=2e-5)
  old = variables["batch_stats"]["code"]["norm"]
  new = after["batch_stats"]["code"]["norm"]
  for name, value in (("mean", mean), ("var", variance * 5 / 4)):
    np.testing.assert_allclose(
      new[name], 0.9 * old[name] + 0.1 * value, atol=1e-6
    )


def test_statistics_are_those_of_all_devices(tiny):
  network, variables = tiny
  x = draw(3, 8, 16, 16, 3)

  def apply(network, variables, x):
    return network.apply(variables, x, train=True, mutable=["batch_stats"])

  expected, after = jax.jit(lambda v, x: apply(network, v, x))(variables, x)
  together = network.clone(axis_name="batch")
  found, after_each = jax.pmap(
    lambda v, x: apply(together, v, x), "batch", in_axes=(None, 0)
  )(variables, x.reshape(4, 2, 16, 16, 3))
  np.testing.assert_allclose(
    np.reshape(found, expected.shape), expected, atol=2e-5
  )
  jax.tree.map(
    lambda each, one: np.testing.assert_allclose(each[1], one, atol=1e-5),
    after_each,
    after,
  )


def test_half_precision_is_close(tiny):
  network, variables = tiny
  x = draw(4, 2, 16, 16, 3)
  half = network.clone(dtype=jnp.bfloat16)
  expected, found = jax.jit(
    lambda v, x: (network.apply(v, x), half.apply(v, x))
  )(variables, x)
  assert found.dtype == jnp.float32
  np.testing.assert_allclose(found, expected, atol=0.05)
  assert np.abs(found - expected).max() > 0  # it was half precision


def test_the_translator_takes_it(tiny):
  network, variables = tiny
  translate = Translator(network, variables, bucket=1)
  assert translate.input_channels == 3
  picture = np.random.default_rng(5).integers(0, 256, (16, 16, 3), np.uint8)
  expected = jax.jit(network.apply)(
    variables, picture[None] / np.float32(127.5) - 1
  )
  found = translate(picture)
  assert found.shape == (16, 16, 3)
  exact = (np.asarray(expected[0]) + 1) * 127.5
  assert np.abs(found - exact).max() <= 1
