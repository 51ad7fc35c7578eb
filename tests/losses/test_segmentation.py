"""Losses of segmenters against hand, optax and brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gansynth import losses

# 6 pixels of class 0, 3 of class 2, 1 of class 1, none of class 3; 6 that do
# not count.
CLASSES = np.array(
  [
    [[0, 0, 0, -1], [0, 2, -1, -1]],
    [[0, 0, 2, 2], [1, -1, -1, -1]],
  ]
)


def logits(seed=0, classes=4):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.normal(size=(2, 2, 4, classes)), jnp.float32)


def test_counted_pixels_weigh_the_same():
  found = losses.pixel_weights(jnp.asarray(CLASSES), 4)
  np.testing.assert_allclose(found, 0.2 * (CLASSES >= 0), rtol=1e-6)


def test_balanced_classes_weigh_the_same():
  found = losses.pixel_weights(jnp.asarray(CLASSES), 4, balanced=True)
  # A third of two pictures' weight for each class, over its pixels.
  for number, weight in ((0, 2 / 18), (1, 2 / 3), (2, 2 / 9), (-1, 0)):
    np.testing.assert_allclose(found[number == CLASSES], weight, rtol=1e-6)


@pytest.mark.parametrize("balanced", [False, True])
def test_nothing_counted_weighs_nothing(balanced):
  classes = jnp.full((2, 2, 2), -1)
  found = losses.pixel_weights(classes, 3, balanced=balanced)
  np.testing.assert_array_equal(found, 0)


@pytest.mark.parametrize("balanced", [False, True])
def test_devices_share_the_weights(balanced):
  whole = losses.pixel_weights(jnp.asarray(CLASSES), 4, balanced=balanced)
  shares = jax.vmap(
    lambda x: losses.pixel_weights(
      x, 4, balanced=balanced, axis_name="devices"
    ),
    axis_name="devices",
  )(jnp.asarray(CLASSES)[:, None])
  np.testing.assert_allclose(shares[:, 0], whole, rtol=1e-6)


def test_cross_entropy_is_that_of_optax():
  classes = jnp.asarray(np.maximum(CLASSES, 0))
  np.testing.assert_allclose(
    losses.cross_entropy(logits(), classes),
    optax.softmax_cross_entropy_with_integer_labels(logits(), classes),
    rtol=1e-5,
  )


def test_weighted_means():
  each = losses.cross_entropy(logits(), jnp.asarray(CLASSES))
  means = {c: each[c == CLASSES].mean() for c in (0, 1, 2)}
  for balanced, expected in (
    (False, each[CLASSES >= 0].mean()),
    (True, sum(means.values()) / 3),
  ):
    weights = losses.pixel_weights(jnp.asarray(CLASSES), 4, balanced=balanced)
    found = losses.weighted_mean(each, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_dice_by_brute_force():
  shares = np.asarray(jax.nn.softmax(logits(), -1), np.float64)
  pictures = []
  for share, classes in zip(shares, CLASSES, strict=True):
    missed = []
    for c in np.unique(classes[classes >= 0]):
      p = share[classes >= 0, c]
      t = classes[classes >= 0] == c
      missed.append(1 - 2 * (p * t).sum() / (p.sum() + t.sum()))
    pictures.append(np.mean(missed))
  found = losses.dice_loss(logits(), jnp.asarray(CLASSES))
  np.testing.assert_allclose(found, np.mean(pictures), rtol=1e-5)


def test_dice_of_what_is_right_and_of_nothing():
  classes = jnp.asarray(CLASSES)
  right = 100.0 * jax.nn.one_hot(classes, 4)
  assert losses.dice_loss(right, classes) == pytest.approx(0, abs=1e-6)
  nothing = jnp.full_like(classes, -1)
  value, gradient = jax.value_and_grad(losses.dice_loss)(right, nothing)
  assert value == 0
  np.testing.assert_array_equal(gradient, 0)
