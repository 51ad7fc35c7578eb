"""Optimisers as the original programs' frameworks compute them."""

import math

import jax
import jax.numpy as jnp
import ml_collections
import optax

from gansynth.systems import schedules


def scheduled_adam(
  config: ml_collections.ConfigDict,
  steps_per_epoch: int,
  rate: float | None = None,
) -> optax.GradientTransformation:
  """Adam by a config's schedule.

  Args:
    config: `config.optimizer`, see `config_defaults`.
    steps_per_epoch: over which the rate stays.
    rate: to start from; None: the config's.
  """
  factors = schedules.learning_rate_factors(
    config.policy,
    config.num_epochs,
    config.num_epochs_decay,
    decay_every=config.decay_every,
    step_at=config.step_at,
  )
  return optax.adam(
    schedules.per_epoch(
      config.learning_rate if rate is None else rate, factors, steps_per_epoch
    ),
    b1=config.beta1,
    b2=config.beta2,
    eps=1e-8,
  )


def chainer_adam(
  learning_rate: float,
  *,
  beta1: float = 0.9,
  beta2: float = 0.999,
  epsilon: float = 1e-8,
) -> optax.GradientTransformation:
  """Adam as Chainer computes it.

  m += (1 - beta1)(g - m), v += (1 - beta2)(g^2 - v), and parameters move by
  -learning_rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon).

  Epsilon is added to the root before its bias is corrected, so in early steps
  it weighs up to sqrt(1 / (1 - beta2)) times more than in the paper's form,
  which `optax.adam` has. It shows where gradients are small, as a clamped
  critic's are.

  Args:
    learning_rate: alpha, above 0.
    beta1: decay of the mean m of gradients, in [0, 1).
    beta2: decay of the mean v of their squares, in [0, 1).
    epsilon: see above.

  Reference: Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR
  2015: epsilon hat of section 2.
  """

  def init(params):
    zeros = jax.tree.map(jnp.zeros_like, params)
    return optax.ScaleByAdamState(
      count=jnp.zeros((), jnp.int32), mu=zeros, nu=zeros
    )

  def update(gradients, state, params=None):
    del params
    count = state.count + 1
    mu = jax.tree.map(
      lambda m, g: m + (1 - beta1) * (g - m), state.mu, gradients
    )
    nu = jax.tree.map(
      lambda v, g: v + (1 - beta2) * (g * g - v), state.nu, gradients
    )
    rate = learning_rate * jnp.sqrt(_one_minus_power(beta2, count))
    rate /= _one_minus_power(beta1, count)
    updates = jax.tree.map(
      lambda m, v: -(rate * m / (jnp.sqrt(v) + epsilon)).astype(m.dtype), mu, nu
    )
    return updates, optax.ScaleByAdamState(count=count, mu=mu, nu=nu)

  return optax.GradientTransformation(init, update)


def _one_minus_power(beta, count):
  """1 - beta^count, without the cancellation that float32 shows near 1."""
  if beta == 0:
    return jnp.ones(())
  return -jnp.expm1(count * math.log(beta))


def rmsprop(
  learning_rate: float, *, decay: float = 0.99, epsilon: float = 1e-8
) -> optax.GradientTransformation:
  """RMSprop as Chainer computes it.

  s += (1 - decay)(g^2 - s) from 0, and parameters move by
  -learning_rate g / (sqrt(s) + epsilon).

  Args:
    learning_rate: above 0.
    decay: of the mean s of the gradients' squares, in [0, 1).
    epsilon: added outside the root.

  Reference: Tieleman & Hinton, Coursera lecture 6.5, 2012.
  """
  return optax.rmsprop(
    learning_rate, decay=decay, eps=epsilon, eps_in_sqrt=False
  )
