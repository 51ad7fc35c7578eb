"""Geoseg-GAN's networks: shapes, what they refuse, what they see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gansynth import models
from gansynth.models import semantics

LABELS = 4


def label_map(height, width, batch=2, seed=0):
  drawn = np.random.default_rng(seed).integers(LABELS, size=(batch, 8, 8))
  labels = drawn.repeat(height // 8, 1).repeat(width // 8, 2)
  return semantics.LabelMap(jnp.asarray(labels), None, LABELS)


def make(name, *inputs, **fields):
  network = models.create(name, features=2, **fields)
  init = jax.jit(network.init, compiler_options=tiny.FAST_COMPILE)
  return network, init(jax.random.PRNGKey(3), *inputs)


# Sides differ, so that an exchange of axes would show.
@pytest.mark.parametrize(("height", "width"), [(32, 48), (64, 32)])
def test_shapes(height, width):
  scenes = label_map(height, width)
  generator = models.create("geoseg_unet", features=2, output_channels=5)
  variables = jax.eval_shape(generator.init, jax.random.PRNGKey(0), scenes)
  made = jax.eval_shape(generator.apply, variables, scenes)
  assert (made.shape, made.dtype) == ((2, height, width, 5), jnp.float32)

  discriminator = models.create("geoseg_patch", features=2)
  pictures = jnp.zeros((4, height, width, 3))
  variables = jax.eval_shape(
    discriminator.init, jax.random.PRNGKey(0), scenes, pictures
  )
  (scale,) = jax.eval_shape(discriminator.apply, variables, scenes, pictures)
  assert [x.shape for x in scale] == [
    (4, height // 2, width // 2, 2),
    (4, height // 4, width // 4, 4),
    (4, height // 8, width // 8, 8),
    (4, height // 8, width // 8, 16),
    (4, height // 8, width // 8, 1),
  ]


def test_default_sizes_are_the_published_ones():
  scenes = semantics.LabelMap(jnp.zeros((1, 32, 32), jnp.int32), None, 6)
  counts = []
  for name, inputs in (
    ("geoseg_unet", (scenes,)),
    ("geoseg_patch", (scenes, jnp.zeros((1, 32, 32, 3)))),
  ):
    network = models.create(name)
    variables = jax.eval_shape(network.init, jax.random.PRNGKey(0), *inputs)
    counts.append(sum(x.size for x in jax.tree.leaves(variables)))
  assert counts == [9_377_539, 1_556_737]


def test_sides_must_be_multiples():
  generator = models.create("geoseg_unet", features=2)
  with pytest.raises(ValueError, match=r"multiples of 16.*40 x 48"):
    jax.eval_shape(
      generator.init, jax.random.PRNGKey(0), jnp.zeros((1, 40, 48, 3))
    )


def test_label_maps_are_one_hot_channels():
  scenes = label_map(32, 32)
  pictures = jnp.asarray(
    np.random.default_rng(1).uniform(-1, 1, (4, 32, 32, 3)), jnp.float32
  )
  for name, more in (("geoseg_unet", ()), ("geoseg_patch", (pictures,))):
    network, variables = make(name, scenes, *more)
    apply = jax.jit(network.apply)
    tiny.assert_close(
      apply(variables, scenes.dense(), *more),
      apply(variables, scenes, *more),
      1e-4,
    )


def test_black_is_what_lies_beyond_the_border():
  """The original pads pictures in [0, 1], where black is 0."""
  scenes = label_map(32, 32, batch=1)
  network, variables = make(
    "geoseg_patch", scenes, jnp.zeros((1, 32, 32, 3)), norm="none"
  )
  inner = jnp.asarray(
    np.random.default_rng(2).uniform(-1, 1, (1, 16, 32, 3)), jnp.float32
  )

  def first(picture, labels):
    ((feature, *_),) = network.apply(variables, labels, picture)
    return feature

  # The lower half black, and no label there: as if the picture ended above.
  labels = scenes.labels[:, :16]
  cut = first(inner, semantics.LabelMap(labels, None, LABELS))
  nothing = jnp.full((1, 16, 32), LABELS)
  whole = first(
    jnp.concatenate([inner, -jnp.ones((1, 16, 32, 3))], 1),
    semantics.LabelMap(
      jnp.concatenate([labels, nothing], 1), None, LABELS
    ).dense(),
  )
  np.testing.assert_allclose(cut, whole[:, :8], atol=1e-6)


def test_recomputing_changes_nothing():
  scenes = label_map(32, 32, batch=1)
  network, variables = make("geoseg_unet", scenes)

  def gradients(network):
    loss = lambda v: jnp.square(network.apply(v, scenes)).sum()  # noqa: E731
    compiled = jax.jit(jax.grad(loss), compiler_options=tiny.FAST_COMPILE)
    return compiled(variables)

  # Of biases in front of a norm there is only rounding.
  tiny.assert_close(
    gradients(network), gradients(network.clone(remat=True)), 1e-4
  )


def test_bfloat16_computes_in_it_and_answers_in_float32():
  scenes = label_map(32, 32, batch=1)
  network, variables = make("geoseg_unet", scenes)
  coarse = network.clone(dtype=jnp.bfloat16)
  made = jax.jit(coarse.apply)(variables, scenes)
  assert made.dtype == jnp.float32
  exact = jax.jit(network.apply)(variables, scenes)
  assert 0 < np.abs(made - exact).max() < 0.2
