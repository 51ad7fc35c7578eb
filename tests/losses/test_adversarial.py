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


def scales(seed=0):
  rng = np.random.default_rng(seed)
  # Maps of different sizes: the mean of means is not the mean of all.
  return [
    [
      rng.normal(size=(2, side, side, 4)).astype(np.float32),
      rng.normal(scale=2, size=(2, side, side, 1)).astype(np.float32),
    ]
    for side in (6, 3, 2)
  ]


def bce(logits, target):
  return np.logaddexp(0, -logits if target else logits)


FORMULAS = {
  # (mode, target, for_discriminator): of one logit
  ("hinge", True, True): lambda x: np.maximum(0, 1 - x),
  ("hinge", False, True): lambda x: np.maximum(0, 1 + x),
  ("hinge", True, False): lambda x: -x,
  ("lsgan", True, True): lambda x: (x - 1) ** 2,
  ("lsgan", False, True): lambda x: x**2,
  ("lsgan", True, False): lambda x: (x - 1) ** 2,
  ("vanilla", True, True): lambda x: bce(x, True),
  ("vanilla", False, True): lambda x: bce(x, False),
  ("vanilla", True, False): lambda x: bce(x, True),
  ("wgan", True, True): lambda x: -x,
  ("wgan", False, True): lambda x: x,
  ("wgan", True, False): lambda x: -x,
}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("kind", FORMULAS, ids=str)
def test_multiscale(kind, reduction):
  outputs = scales()
  means = [FORMULAS[kind](np.float64(scale[-1])).mean() for scale in outputs]
  expected = np.sum(means) / (3 if reduction == "mean" else 1)
  mode, real, for_discriminator = kind
  found = losses.multiscale_gan_loss(
    outputs, real, mode, for_discriminator, reduction
  )
  assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("kind", FORMULAS, ids=str)
def test_weights_of_verdicts(kind, reduction):
  outputs = scales()
  rng = np.random.default_rng(1)
  weights = [
    rng.uniform(0, 2, scale[-1].shape).astype(np.float32) for scale in outputs
  ]
  mode, real, for_discriminator = kind
  means = [
    (FORMULAS[kind](np.float64(scale[-1])) * weight).mean()
    if mode in ("hinge", "lsgan")  # the others have no weights
    else FORMULAS[kind](np.float64(scale[-1])).mean()
    for scale, weight in zip(outputs, weights, strict=True)
  ]
  expected = np.sum(means) / (3 if reduction == "mean" else 1)
  found = losses.multiscale_gan_loss(
    outputs, real, mode, for_discriminator, reduction, weights
  )
  assert found == pytest.approx(expected, rel=1e-5)


def test_verdicts_without_weight_teach_nothing():
  logits = [[jnp.asarray([[0.5, -0.5], [0.25, 0.0]])]]
  weights = [jnp.asarray([[0.0, 2.0], [1.0, 0.0]])]
  ((gradient,),) = jax.grad(losses.multiscale_gan_loss)(
    logits, False, "hinge", weights=weights
  )
  np.testing.assert_allclose(gradient, np.array([[0, 2], [1, 0]]) / 4)


def test_weights_of_another_size_are_refused():
  weights = [np.ones((2, 6, 6, 1))] * 3
  with pytest.raises(ValueError, match=r"\(2, 3, 3, 1\).*one weight for each"):
    losses.multiscale_gan_loss(scales(), True, weights=weights)


def test_hinge_is_satisfied_beyond_its_margin():
  logits = [[jnp.array([-3.0, -1.5, 0.5, 1.5, 4.0])]]
  gradient = jax.grad(losses.multiscale_gan_loss)
  ((real,),) = gradient(logits, True, "hinge")
  ((fake,),) = gradient(logits, False, "hinge")
  np.testing.assert_allclose(real, np.array([-1, -1, -1, 0, 0]) / 5)
  np.testing.assert_allclose(fake, np.array([0, 0, 1, 1, 1]) / 5)


@pytest.mark.parametrize("mode", losses.MULTISCALE_MODES)
def test_multiscale_bfloat16_is_summed_in_float32(mode):
  logits = jnp.full((4000,), 0.01, jnp.bfloat16)
  value = losses.multiscale_gan_loss([[logits]], False, mode)
  assert value.dtype == jnp.float32
  expected = losses.multiscale_gan_loss(
    [[logits.astype(jnp.float32)]], False, mode
  )
  assert float(value) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((True, "ls"), "'ls'.*hinge, lsgan, vanilla, wgan"),
    ((True, "hinge", True, "max"), "'max'.*mean or sum"),
    ((False, "hinge", False), "should look real"),
  ],
)
def test_wrong_multiscale_arguments_are_explained(arguments, message):
  with pytest.raises(ValueError, match=message):
    losses.multiscale_gan_loss(scales(), *arguments)
