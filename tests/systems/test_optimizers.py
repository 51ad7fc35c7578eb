"""Optimisers against their formulas, computed in NumPy's float64."""

import jax
import numpy as np
import optax
import pytest

from gansynth.systems import optimizers

STEPS = 6
ALPHA, BETA1, BETA2, EPSILON = 0.002, 0.5, 0.999, 1e-8
RNG = np.random.default_rng(0)
# From large gradients to so small ones that epsilon decides.
SCALES = np.array([1.0, 1e-3, 1e-6, 1e-8, 0.0])
GRADIENTS = RNG.normal(size=(STEPS, 5)) * SCALES
START = RNG.normal(size=5)


def run(optimizer):
  """All parameters on the way, from START."""
  params = {"w": START.astype(np.float32)}
  state = optimizer.init(params)
  found = []
  step = jax.jit(optimizer.update)
  for gradient in GRADIENTS:
    updates, state = step({"w": gradient.astype(np.float32)}, state, params)
    params = optax.apply_updates(params, updates)
    found.append(np.asarray(params["w"]))
  return np.array(found)


def test_adam_is_chainers():
  m = v = np.zeros(5)
  p, expected = START.copy(), []
  for t, g in enumerate(GRADIENTS, 1):
    m = m + (1 - BETA1) * (g - m)
    v = v + (1 - BETA2) * (g * g - v)
    rate = ALPHA * np.sqrt(1 - BETA2**t) / (1 - BETA1**t)
    p = p - rate * m / (np.sqrt(v) + EPSILON)
    expected.append(p)
  found = run(
    optimizers.chainer_adam(ALPHA, beta1=BETA1, beta2=BETA2, epsilon=EPSILON)
  )
  np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
  papers = run(optax.adam(ALPHA, b1=BETA1, b2=BETA2, eps=EPSILON))
  assert np.abs(found - papers)[:, 3].max() > 1e-4  # where epsilon decides
  np.testing.assert_array_equal(found[:, 4], START.astype(np.float32)[4])


def test_adam_corrects_its_bias_to_float32s_precision():
  found = optimizers._one_minus_power(0.999, np.arange(1, 9, dtype=np.int32))
  expected = 1 - 0.999 ** np.arange(1, 9, dtype=np.float64)
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  assert float(optimizers._one_minus_power(0.0, 3)) == 1.0


def test_rmsprop_has_epsilon_outside_the_root():
  s, p, expected = np.zeros(5), START.copy(), []
  for g in GRADIENTS:
    s = 0.99 * s + 0.01 * g * g
    p = p - 5e-3 * g / (np.sqrt(s) + EPSILON)
    expected.append(p)
  found = run(optimizers.rmsprop(5e-3, decay=0.99, epsilon=EPSILON))
  np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
  "optimizer", [optimizers.chainer_adam(0.1), optimizers.rmsprop(0.1)]
)
def test_bias_and_parameters_keep_their_type(optimizer):
  params = {"w": np.zeros(2, np.float32)}
  updates, _ = optimizer.update(params, optimizer.init(params), params)
  assert updates["w"].dtype == np.float32
