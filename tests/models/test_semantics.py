"""Label maps on the device: arrays, nearest pixels, edges, conditions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.models.semantics import (
  Conditioning,
  LabelMap,
  instance_edges,
  resize_semantics,
)


def test_array_of_label_map():
  labels = jnp.asarray([[[0, 2], [3, -1]]])  # the last two have no channel
  planes = jnp.asarray([0.5, 1, 2, 3]).reshape(1, 2, 2, 1)
  x = LabelMap(labels, planes, 3)
  assert x.shape == (1, 2, 2, 4)
  np.testing.assert_array_equal(
    x.dense()[0],
    [[[1, 0, 0, 0.5], [0, 0, 1, 1]], [[0, 0, 0, 2], [0, 0, 0, 3]]],
  )
  assert x.replace(planes=None).dense(jnp.bfloat16).dtype == jnp.bfloat16
  assert x.replace(planes=None).shape == (1, 2, 2, 3)


def test_label_map_is_a_tree_of_its_arrays():
  x = LabelMap(jnp.zeros((1, 2, 2), int), None, 3)
  doubled = jax.tree.map(lambda a: jnp.concatenate([a, a]), x)
  assert doubled.shape == (2, 2, 2, 3)


def test_labels_and_planes_are_resized_alike():
  labels = jnp.arange(4 * 6).reshape(1, 4, 6)
  x = LabelMap(labels, labels[..., None] / 2, 24)
  resized = x.resize((2, 3))
  np.testing.assert_array_equal(resized.labels[0], [[0, 2, 4], [12, 14, 16]])
  np.testing.assert_array_equal(resized.planes[..., 0], resized.labels / 2)
  np.testing.assert_array_equal(
    resize_semantics(x.dense(), (2, 3)), resized.dense()
  )


def test_edges_of_instances():
  instances = jnp.asarray(
    [[[7, 7, 7, 7], [7, 7, 7, 7], [7, 7, 7, 26001], [7, 7, 7, 7]]]
  )
  expected = [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1]]
  np.testing.assert_array_equal(instance_edges(instances)[0], expected)


@pytest.mark.parametrize(
  ("conditioning", "generator", "discriminator"),
  [
    (Conditioning(6), 6, 6),
    (Conditioning(182, dont_care=True, edges=True), 184, 184),
    (Conditioning(35, edges=True, features="instance"), 39, 36),
    (Conditioning(0, edges=True), 4, 4),
  ],
)
def test_channels(conditioning, generator, discriminator):
  assert conditioning.channels == generator
  assert conditioning.discriminator_channels == discriminator
  labels = jnp.zeros((1, 4, 4) if conditioning.num_labels else (1, 4, 4, 3))
  instances = jnp.zeros((1, 4, 4), int)
  features = None
  if conditioning.features != "none":
    features = jnp.ones((1, 4, 4, conditioning.num_features))
  labels = labels.astype(int) if conditioning.num_labels else labels
  shown = conditioning(labels, instances, features)
  assert shown.shape == (1, 4, 4, generator)
  assert conditioning(labels, instances).shape == (1, 4, 4, discriminator)


def test_planes_in_order():
  conditioning = Conditioning(2, edges=True, features="label", num_features=1)
  shown = conditioning(
    jnp.asarray([[[1, 1]]]), jnp.asarray([[[4, 5]]]), jnp.full((1, 1, 2, 1), 9)
  )
  np.testing.assert_array_equal(shown.dense()[0, 0], [[0, 1, 1, 9]] * 2)


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"num_labels": -1}, "num_labels is -1"),
    ({"num_labels": 0, "dont_care": True}, "no don't-care label"),
    ({"num_labels": 3, "features": "class"}, "'class'"),
  ],
)
def test_refuses(fields, message):
  with pytest.raises(ValueError, match=message):
    Conditioning(**fields)


def test_needs_instances_for_edges():
  with pytest.raises(ValueError, match="no instance map"):
    Conditioning(3, edges=True)(jnp.zeros((1, 2, 2), int))
