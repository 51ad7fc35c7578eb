"""Losses of a semantic-aware discriminator against hand and brute force."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth import losses, resampling

# Of 12 pixels 6, 3, 2 and 1 are labels 0, 2, 3 and 1; label 4 is absent.
LABELS = np.array([[[0, 0, 2, 3], [0, 0, 2, 3], [0, 0, 2, 1]]])


def test_weights_are_one_where_a_label_is():
  found = losses.class_weights(jnp.asarray(LABELS), (3, 4), 5, fine_scale=7.0)
  assert found.shape == (1, 3, 4, 6)
  for label in range(5):
    np.testing.assert_array_equal(found[..., label], label == LABELS)
  np.testing.assert_array_equal(found[..., 5], 1)


def test_balanced_labels_weigh_the_same():
  found = losses.class_weights(
    jnp.asarray(LABELS), (3, 4), 5, balanced=True, fine_scale=0.5
  )
  # 0.5 / 5 for each label, over its share of the pixels.
  expected = {0: 0.2, 2: 0.4, 3: 0.6, 1: 1.2, 4: 0}
  for label, weight in expected.items():
    np.testing.assert_allclose(
      found[..., label], weight * (label == LABELS), rtol=1e-6
    )
  np.testing.assert_array_equal(found[..., 5], 1)


def test_scenes_are_balanced_one_by_one():
  labels = jnp.asarray([[[0, 0], [0, 1]], [[1, 1], [1, 0]]])
  weights = functools.partial(
    losses.class_weights, size=(2, 2), num_labels=2, balanced=True
  )
  both = weights(labels)
  np.testing.assert_array_equal(both[1:], weights(labels[1:]))
  np.testing.assert_allclose(both[0, ..., 0], [[2 / 3, 2 / 3], [2 / 3, 0]])


@pytest.mark.parametrize("balanced", [False, True])
def test_weights_have_the_size_of_verdicts(balanced):
  rng = np.random.default_rng(0)
  labels = jnp.asarray(rng.integers(0, 3, (2, 12, 20)))
  weights = functools.partial(
    losses.class_weights, num_labels=3, balanced=balanced
  )
  small = labels[:, ::4][:, :, [0, 2, 5, 7, 10, 12, 15, 17]]  # 20 / 8 apart
  np.testing.assert_array_equal(weights(labels, (3, 8)), weights(small, (3, 8)))
  # One map for each label says the same as integers.
  maps = jax.nn.one_hot(labels, 3, dtype=jnp.bool)
  np.testing.assert_array_equal(weights(maps, (3, 8)), weights(labels, (3, 8)))


def test_maps_may_have_shares_and_overlap():
  maps = jnp.asarray([[[[0.5, 0.0], [0.5, 1.0]]]])
  found = losses.class_weights(maps, (1, 2), 2)
  np.testing.assert_array_equal(found[0, 0], [[0.5, 0, 1], [0.5, 1, 1]])
  found = losses.class_weights(maps, (1, 2), 2, balanced=True)
  np.testing.assert_allclose(found[0, 0], [[0.5, 0, 1], [0.5, 1, 1]])


def test_labels_without_a_map_weigh_in_the_whole_alone():
  labels = jnp.asarray([[[0, 255, 2]]], jnp.uint8)
  found = losses.class_weights(labels, (1, 3), 2, dtype=jnp.bfloat16)
  assert found.dtype == jnp.bfloat16
  np.testing.assert_array_equal(found[0, 0], [[1, 0, 1], [0, 0, 1], [0, 0, 1]])


def test_number_of_maps_is_checked():
  with pytest.raises(ValueError, match="are 3 maps of labels, not 35"):
    losses.class_weights(jnp.zeros((1, 2, 2, 3)), (2, 2), 35)


def scene(seed=0, batch=3, size=(8, 9), classes=4):
  rng = np.random.default_rng(seed)
  scores = rng.normal(scale=3, size=(batch, 4, 5, classes))
  truth = rng.integers(0, classes, (batch, *size))
  truth[0, :3] = -1  # pictures have different numbers of counted pixels
  truth[1, :, 0] = -7
  return jnp.asarray(scores, jnp.float32), jnp.asarray(truth, jnp.int32)


def enlarged(scores, truth):
  """Full-size scores, whose own test is that of resampling."""
  return np.float64(resampling.resize_bilinear(scores, truth.shape[1:]))


def test_cross_entropy_pixel_by_pixel():
  scores, truth = scene()
  full = enlarged(scores, truth)
  entropies = [
    np.log(np.exp(full[i]).sum()) - full[i][truth[i]]
    for i in np.ndindex(truth.shape)
    if truth[i] >= 0
  ]
  assert len(entropies) == 3 * 72 - 27 - 8
  found = losses.segmentation_loss(scores, truth)
  assert found == pytest.approx(np.mean(entropies), rel=1e-6)


def test_gradient_of_cross_entropy_is_softmax_less_truth():
  scores, truth = scene()
  full = enlarged(scores, truth)
  odds = np.exp(full)
  expected = odds / odds.sum(-1, keepdims=True) - np.asarray(
    jax.nn.one_hot(truth, 4)
  )
  expected[np.asarray(truth) < 0] = 0
  expected /= (np.asarray(truth) >= 0).sum()
  _, transposed = jax.vjp(
    lambda x: resampling.resize_bilinear(x, truth.shape[1:]), scores
  )
  np.testing.assert_allclose(
    jax.grad(losses.segmentation_loss)(scores, truth),
    transposed(jnp.asarray(expected, jnp.float32))[0],
    atol=1e-8,
  )


def test_accuracy_is_the_share_of_right_classes():
  scores, truth = scene()
  right = enlarged(scores, truth).argmax(-1) == np.asarray(truth)
  expected = right[np.asarray(truth) >= 0].mean()
  found = losses.class_accuracy(scores, truth)
  assert found == pytest.approx(expected, rel=1e-6)
  # Perfect scores at full size, then each of the next class.
  perfect = jax.nn.one_hot(truth, 4)
  assert losses.class_accuracy(perfect, truth) == pytest.approx(1)
  assert losses.class_accuracy(jnp.roll(perfect, 1, -1), truth) == 0


@pytest.mark.parametrize(
  "measure", [losses.segmentation_loss, losses.class_accuracy]
)
def test_slices_and_devices_average_to_the_whole(measure):
  scores, truth = scene(batch=4)
  truth = truth.at[2].set(-1)
  whole = measure(scores, truth)
  weights = losses.image_weights(truth)
  parts = [
    measure(scores[part], truth[part], weights[part])
    for part in (slice(0, 2), slice(2, 4))
  ]
  assert np.mean(parts) == pytest.approx(float(whole), rel=1e-6)

  @functools.partial(jax.pmap, axis_name="batch", in_axes=0)
  def on_device(scores, truth):
    weights = losses.image_weights(truth, "batch")
    return jax.lax.pmean(measure(scores, truth, weights), "batch")

  shared = on_device(scores[:, None], truth[:, None])
  np.testing.assert_allclose(shared, np.repeat(whole, 4), rtol=1e-6)


def test_image_weights_are_over_the_mean_count():
  classes = jnp.asarray([[[0, 1, -1, 3]], [[2, -1, -1, -1]]])
  np.testing.assert_allclose(losses.image_weights(classes), [0.5, 0.5])


def test_nothing_counted_is_zero_not_nan():
  scores, truth = scene()
  none = jnp.full_like(truth, -1)
  np.testing.assert_array_equal(losses.image_weights(none), np.zeros(3))
  value, gradient = jax.value_and_grad(losses.segmentation_loss)(scores, none)
  assert value == 0
  assert not np.any(gradient)  # NaN is true
  assert losses.class_accuracy(scores, none) == 0


def test_large_scores_do_not_overflow():
  scores = jnp.asarray([[[[1e4, -1e4]]]])
  found = losses.segmentation_loss(scores, jnp.asarray([[[1]]]))
  assert found == pytest.approx(2e4)


def test_classes_need_a_sign():
  scores, truth = scene()
  for measure in (losses.segmentation_loss, losses.class_accuracy):
    with pytest.raises(ValueError, match="are uint8; give signed integers"):
      measure(scores, truth.astype(jnp.uint8))


def test_reconstruction_is_compared_at_the_size_of_pictures():
  rng = np.random.default_rng(0)
  small = jnp.asarray(rng.normal(size=(2, 3, 5, 3)), jnp.float32)
  pictures = jnp.asarray(rng.uniform(-1, 1, (2, 8, 12, 3)), jnp.float32)
  full = np.float64(resampling.resize_bilinear(small, (8, 12)))
  expected = np.abs(full - pictures).mean()
  found = losses.reconstruction_loss(small, pictures)
  assert found == pytest.approx(expected, rel=1e-6)


def test_bfloat16_is_enlarged_and_summed_in_float32():
  scores, truth = scene()
  halves = scores.astype(jnp.bfloat16)
  for value, expected in (
    (
      losses.segmentation_loss(halves, truth),
      losses.segmentation_loss(halves.astype(jnp.float32), truth),
    ),
    (
      losses.reconstruction_loss(halves, jnp.ones((3, 8, 9, 4), jnp.bfloat16)),
      losses.reconstruction_loss(
        halves.astype(jnp.float32), jnp.ones((3, 8, 9, 4))
      ),
    ),
  ):
    assert value.dtype == jnp.float32
    assert float(value) == float(expected)
