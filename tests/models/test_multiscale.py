"""The discriminator at several scales: sizes, parameters, parts, norms."""

import functools

import drawn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.models import layers, multiscale, pooling, semantics

LABELS = 4


def draw(seed, *shape):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.uniform(-1, 1, shape), jnp.float32)


def scene(*shape):
  labels = np.random.default_rng(0).integers(0, LABELS, shape)
  return semantics.LabelMap(
    jnp.asarray(labels, jnp.int32), draw(1, *shape, 1), LABELS
  )


def small(**fields):
  return multiscale.MultiscaleDiscriminator(
    **{"features": 4, "num_layers": 3, **fields}
  )


def shapes(network, channels, size, parts=1):
  conditions = jax.ShapeDtypeStruct((2, *size, channels), jnp.float32)
  pictures = jax.ShapeDtypeStruct((2 * parts, *size, 3), jnp.float32)
  variables = jax.eval_shape(
    network.init, jax.random.key(0), conditions, pictures
  )
  output = jax.eval_shape(network.apply, variables, conditions, pictures)
  return jax.tree.map(jnp.shape, output), variables


@pytest.mark.parametrize("size", [(64, 64), (61, 94)])
@pytest.mark.parametrize(
  ("fields", "channels", "parameters"),
  [
    ({}, 184, 5_904_514),
    ({}, 36, 5_601_410),
    ({"norm": "instance"}, 36, 5_603_202),
    ({"norm": "batch"}, 36, 5_606_786),
    ({"norm": "instance", "num_scales": 3}, 36, 8_404_803),
  ],
)
def test_published_networks(fields, channels, parameters, size):
  network = multiscale.MultiscaleDiscriminator(**fields)
  output, variables = shapes(network, channels, size, parts=2)
  expected = []
  for _ in range(network.num_scales):
    scale, sides = [], size
    for width, stride in ((64, 2), (128, 2), (256, 2), (512, 1), (1, 1)):
      sides = tuple(n // stride + 1 for n in sides)
      scale.append((4, *sides, width))
    expected.append(scale)
    size = tuple((n + 1) // 2 for n in size)
  assert output == expected
  leaves = jax.tree.leaves(variables["params"])
  assert sum(leaf.size for leaf in leaves) == parameters


@pytest.mark.parametrize(
  ("fields", "logit_channels", "parameters"),
  [
    ({"adversarial_channels": 36}, 36, 6_174_920),
    ({"adversarial_channels": 35}, 35, 6_158_534),
    (
      {"adversarial_channels": 36, "num_classes": 19, "conditional": False},
      55,
      6_412_526,
    ),
    (
      {
        "adversarial_channels": 36,
        "num_classes": 19,
        "reconstruction_channels": 3,
        "conditional": False,
      },
      58,
      6_461_684,
    ),
  ],
)
def test_published_semantic_aware_networks(fields, logit_channels, parameters):
  network = multiscale.MultiscaleDiscriminator(**fields)
  output, variables = shapes(network, 36, (256, 512), parts=2)
  assert [scale[-1] for scale in output] == [
    (4, 35, 67, logit_channels),
    (4, 19, 35, logit_channels),
  ]
  leaves = jax.tree.leaves(variables["params"])
  assert sum(leaf.size for leaf in leaves) == parameters


def test_unconditional_networks_do_not_look_at_conditions():
  network = small(conditional=False)
  pictures = draw(2, 2, 16, 16, 3)
  variables = drawn.variables(network, scene(1, 16, 16), pictures)
  kernel = variables["params"]["scale_0"]["conv_0"]["kernel"]
  assert kernel.shape == (4, 4, 3, 4)
  apply = jax.jit(network.apply)
  # Not even at their size.
  shown = apply(variables, scene(1, 8, 8), pictures)
  jax.tree.map(
    np.testing.assert_array_equal, shown, apply(variables, None, pictures)
  )


def test_logits_are_split_in_order():
  network = small(
    adversarial_channels=5, num_classes=3, reconstruction_channels=2
  )
  channels = jnp.arange(10.0).reshape(1, 1, 1, 10)
  parts = network.split_logits(channels)
  np.testing.assert_array_equal(parts.adversarial.ravel(), range(5))
  np.testing.assert_array_equal(parts.classes.ravel(), range(5, 8))
  np.testing.assert_array_equal(parts.reconstruction.ravel(), range(8, 10))
  alone = small().split_logits(channels[..., :1])
  assert [part.shape[-1] for part in alone] == [1, 0, 0]


def test_widths_stop_where_they_are_told():
  network = small(features=4, num_layers=4, num_scales=1, max_features=12)
  ((*features, _),), _ = shapes(network, 3, (32, 32))
  assert [shape[-1] for shape in features] == [4, 8, 12, 12]


def test_widths_stop_at_512_and_early_networks_stride_to_the_end():
  network = small(features=256, num_layers=4, num_scales=1, last_stride=2)
  ((*features, logits),), _ = shapes(network, 3, (32, 32))
  assert [shape[-1] for shape in features] == [256, 512, 512, 512]
  assert [shape[1] for shape in features] == [17, 9, 5, 3]
  assert logits == (2, 4, 4, 1)
  ((feature, logits),), _ = shapes(
    small(num_layers=1, num_scales=1), 3, (32, 32)
  )
  assert (feature, logits) == ((2, 17, 17, 4), (2, 18, 18, 1))


def test_the_first_convolution_is_that_of_joined_channels_at_every_scale():
  network = small(num_scales=3)
  x, pictures = scene(2, 20, 23), draw(2, 2, 20, 23, 3)
  variables = drawn.variables(network, x, pictures)
  joined = jnp.concatenate([x.dense(), pictures], -1)
  conv = layers.Conv(4, 4, strides=2, padding=2)
  output = jax.jit(network.apply)(variables, x, pictures)
  for i, scale in enumerate(output):
    params = variables["params"][f"scale_{i}"]["conv_0"]
    expected = jax.nn.leaky_relu(conv.apply({"params": params}, joined), 0.2)
    np.testing.assert_allclose(scale[0], expected, atol=1e-5)
    joined = pooling.average_pool(joined)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("norm", ["spectralinstance", "instance", "batch"])
def test_parts_are_judged_as_a_batch_of_repeated_conditions(norm, dense):
  network = small(norm=norm)
  x, pictures = scene(2, 16, 19), draw(2, 6, 16, 19, 3)
  variables = drawn.variables(network, x, pictures)
  apply = jax.jit(
    functools.partial(network.apply, train=True, mutable=["batch_stats"])
  )
  repeated = jax.tree.map(lambda a: jnp.concatenate([a] * 3), x)
  parts = apply(variables, x.dense() if dense else x, pictures)
  whole = apply(variables, repeated.dense(), pictures)
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=2e-5),
    parts,
    whole,
  )


def test_gradients_of_parts_reach_pictures_and_conditions():
  network = small()
  x, pictures = scene(1, 16, 16), draw(2, 2, 16, 16, 3)
  variables = drawn.variables(network, x, pictures)

  def score(planes, pictures, part):
    output = network.apply(variables, x.replace(planes=planes), pictures)
    return sum(jnp.square(scale[-1][part]).sum() for scale in output)

  gradient = jax.jit(jax.grad(score, (0, 1)), static_argnums=2)
  planes_0, pictures_0 = gradient(x.planes, pictures, 0)
  planes_1, pictures_1 = gradient(x.planes, pictures, 1)
  assert np.any(pictures_0[0])
  assert not np.any(pictures_0[1])
  assert not np.any(pictures_1[0])
  assert np.abs(planes_0 - planes_1).max() > 0


def test_pictures_are_judged_without_conditions_too():
  network = small()
  pictures = draw(2, 3, 16, 16, 3)
  variables = drawn.variables(network, None, pictures)
  kernel = variables["params"]["scale_0"]["conv_0"]["kernel"]
  assert kernel.shape == (4, 4, 3, 4)
  logits = jax.jit(network.apply)(variables, None, pictures)[0][-1]
  assert logits.shape[0] == 3
  assert logits.std() > 0


@pytest.mark.parametrize(
  "shape", [(3, 16, 16, 3), (2, 16, 15, 3), (1, 16, 16, 3)]
)
def test_pictures_that_do_not_fit_their_conditions_are_refused(shape):
  network = small()
  with pytest.raises(ValueError, match=r"conditions \(2, 16, 16\); give"):
    network.init(jax.random.key(0), scene(2, 16, 16), jnp.zeros(shape))


def test_only_inner_convolutions_are_spectrally_normalised():
  _, variables = shapes(small(), 5, (16, 16))
  for scale in ("scale_0", "scale_1"):
    assert sorted(variables["batch_stats"][scale]) == ["conv_1", "conv_2"]
    params = variables["params"][scale]
    assert [name for name in params if "bias" in params[name]] == [
      "conv_0",
      "logits",
    ]


def test_initial_values_are_those_of_spades_published_models():
  network = small(features=32, num_layers=2, num_scales=1)
  x, pictures = scene(1, 8, 8), draw(2, 1, 8, 8, 3)
  variables = jax.jit(network.init)(jax.random.key(0), x, pictures)
  params = variables["params"]["scale_0"]
  fan_in = 16 * 32
  np.testing.assert_allclose(
    params["conv_1"]["kernel"].std(), (3 * fan_in) ** -0.5, rtol=0.05
  )
  np.testing.assert_allclose(
    params["conv_0"]["kernel"].std(),
    0.02 * (2 / (16 * (8 + 32))) ** 0.5,
    rtol=0.05,
  )
  assert not np.any(params["conv_0"]["bias"])


def test_bfloat16_gives_float32_logits():
  x, pictures = scene(1, 16, 16), draw(2, 1, 16, 16, 3)
  network = small(dtype=jnp.bfloat16)
  variables = drawn.variables(network, x, pictures)
  for scale in jax.jit(network.apply)(variables, x, pictures):
    assert [a.dtype for a in scale] == [jnp.bfloat16] * 3 + [jnp.float32]
