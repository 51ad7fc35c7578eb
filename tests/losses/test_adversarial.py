"""Adversarial losses against their formulas in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth import losses

LOGITS = np.array([[-30, -1.5], [0, 0.25], [2, 40]], np.float32)


@pytest.mark.parametrize("real", [True, False])
def test_lsgan(real):
  expected = np.mean((LOGITS - real) ** 2)
  assert losses.gan_loss(LOGITS, real) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("real", [True, False])
def test_vanilla_is_stable_cross_entropy(real):
  expected = np.mean(np.logaddexp(0, -LOGITS if real else LOGITS))
  found = losses.gan_loss(LOGITS, real, "vanilla")
  assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("real", "sign"), [(True, -1), (False, 1)])
def test_wgangp(real, sign):
  found = losses.gan_loss(LOGITS, real, "wgangp")
  assert found == pytest.approx(sign * LOGITS.mean(), rel=1e-6)


@pytest.mark.parametrize("mode", losses.GAN_MODES)
def test_bfloat16_logits_are_summed_in_float32(mode):
  logits = jnp.full((4000,), 0.01, jnp.bfloat16)
  value = losses.gan_loss(logits, False, mode)
  assert value.dtype == jnp.float32
  expected = losses.gan_loss(logits.astype(jnp.float32), False, mode)
  assert float(value) == pytest.approx(float(expected), rel=1e-6)


def test_unknown_mode_lists_the_known_ones():
  with pytest.raises(ValueError, match=r"'hinge'.*lsgan, vanilla, wgangp"):
    losses.gan_loss(LOGITS, True, "hinge")


def linear(weight):
  # Twice each pixel's weight: the gradient is known.
  return lambda x: jnp.stack([(x * weight).sum((1, 2, 3)) for _ in range(2)])


def test_penalty_of_a_linear_critic():
  rng = np.random.default_rng(0)
  weight = rng.normal(size=(1, 4, 4, 3)).astype(np.float32)
  real, fake = rng.normal(size=(2, 5, 4, 4, 3)).astype(np.float32)
  value, gradients = losses.gradient_penalty(
    linear(weight), real, fake, np.linspace(0, 0.9, 5, dtype=np.float32)
  )
  norm = np.linalg.norm(2 * weight)
  assert value == pytest.approx(10 * (norm - 1) ** 2, rel=1e-5)
  np.testing.assert_allclose(
    gradients, np.repeat(2 * weight.reshape(1, -1), 5, 0), rtol=1e-6
  )


def test_penalty_takes_the_gradient_at_the_mixture():
  real, fake = jnp.full((2, 1, 1, 1), 3.0), jnp.full((2, 1, 1, 1), -1.0)
  alpha = jnp.array([0.25, 0.75])

  def square(x):
    return jnp.square(x) / 2  # its gradient is the point itself

  kinds = {
    "mixed": [[0.0], [2.0]],
    "real": [[3.0], [3.0]],
    "fake": [[-1.0], [-1.0]],
  }
  for kind, expected in kinds.items():
    value, gradients = losses.gradient_penalty(
      square, real, fake, alpha, kind=kind, constant=2.0, weight=4.0
    )
    np.testing.assert_allclose(gradients, expected)
    norms = np.abs(np.array(expected)[:, 0])
    assert float(value) == pytest.approx(4 * np.mean((norms - 2) ** 2))


def test_penalty_has_a_gradient_where_the_critic_is_flat():
  picture = jnp.zeros((1, 2, 2, 1))

  def loss(scale):
    return losses.gradient_penalty(
      lambda x: scale * x.sum((1, 2, 3)), picture, picture, jnp.zeros(1)
    )[0]

  assert np.isfinite(jax.grad(loss)(0.0))


@pytest.mark.parametrize(("kind", "alpha"), [("mixed", None), ("middle", 1)])
def test_penalty_refuses_what_it_cannot_do(kind, alpha):
  picture = np.zeros((1, 2, 2, 1), np.float32)
  with pytest.raises(ValueError, match="choose real, fake, or mixed"):
    losses.gradient_penalty(jnp.sum, picture, picture, alpha, kind=kind)
