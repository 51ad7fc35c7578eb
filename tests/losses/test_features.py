"""Losses of features against their formulas, written out in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth import losses

# (batch, height, width, channels) of two scales; the last are logits.
SHAPES = (
  ((2, 5, 4, 3), (2, 3, 2, 6), (2, 4, 3, 1)),
  ((2, 3, 2, 3), (2, 2, 2, 6), (2, 3, 3, 1)),
)


def outputs(seed):
  rng = np.random.default_rng(seed)
  return [
    [rng.normal(size=shape).astype(np.float32) for shape in scale]
    for scale in SHAPES
  ]


def test_feature_matching_leaves_logits_out():
  fake, real = outputs(0), outputs(1)
  expected = 0.0
  for scale in range(2):
    for layer in range(2):
      difference = np.float64(fake[scale][layer]) - real[scale][layer]
      expected += np.abs(difference).mean() / 2
  found = losses.feature_matching(fake, real)
  assert found == pytest.approx(expected, rel=1e-6)


def test_feature_matching_moves_the_fake_side_alone():
  fake, real = outputs(0), outputs(1)
  to_fake, to_real = jax.grad(losses.feature_matching, (0, 1))(fake, real)
  assert not any(np.any(leaf) for leaf in jax.tree.leaves(to_real))
  for scale in range(2):
    for layer in range(2):
      sign = np.sign(fake[scale][layer] - real[scale][layer])
      np.testing.assert_allclose(
        to_fake[scale][layer], sign / sign.size / 2, rtol=1e-6
      )
    assert not np.any(to_fake[scale][-1])


def test_perceptual_weights_grow_with_depth():
  rng = np.random.default_rng(2)
  fake, real = rng.normal(size=(2, 5, 2, 4, 4, 3)).astype(np.float32)
  weights = (0.03125, 0.0625, 0.125, 0.25, 1.0)
  expected = sum(
    weight * np.abs(np.float64(one) - other).mean()
    for weight, one, other in zip(weights, fake, real, strict=True)
  )
  found = losses.perceptual(list(fake), list(real))
  assert found == pytest.approx(expected, rel=1e-6)
  to_real = jax.grad(losses.perceptual, 1)(list(fake), list(real))
  assert not any(np.any(leaf) for leaf in to_real)
  with pytest.raises(ValueError, match="zip"):
    losses.perceptual(list(fake[:4]), list(real[:4]))


def test_kl_divergence_is_summed():
  rng = np.random.default_rng(3)
  mean, log_variance = rng.normal(size=(2, 3, 8)).astype(np.float32)
  m, v = np.float64(mean), np.float64(log_variance)
  # Of N(m, s) from N(0, 1), dimension by dimension.
  expected = (0.5 * (np.exp(v) + m**2 - 1 - v)).sum()
  found = losses.kl_divergence(mean, log_variance)
  assert found == pytest.approx(expected, rel=1e-6)
  assert losses.kl_divergence(jnp.zeros((2, 4)), jnp.zeros((2, 4))) == 0


def test_bfloat16_features_are_summed_in_float32():
  fake = [[jnp.full((1, 100, 100, 1), 0.01, jnp.bfloat16)] * 2]
  real = [[jnp.zeros((1, 100, 100, 1), jnp.bfloat16)] * 2]
  for value in (
    losses.feature_matching(fake, real),
    losses.perceptual(fake[0], real[0], (0.5, 0.5)),
  ):
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(0.01, rel=1e-3)
  assert losses.kl_divergence(fake[0][0], fake[0][0]).dtype == jnp.float32
