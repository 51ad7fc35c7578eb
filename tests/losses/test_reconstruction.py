"""The mean absolute difference."""

import jax.numpy as jnp
import numpy as np
import pytest

from gansynth import losses


def test_l1_is_the_mean_over_all_elements():
  rng = np.random.default_rng(0)
  one, other = rng.normal(size=(2, 2, 3, 5, 3))
  expected = np.abs(one - other).mean()
  assert losses.l1_loss(one, other) == pytest.approx(expected, rel=1e-6)


def test_l1_of_bfloat16_is_summed_in_float32():
  ones = jnp.ones((3000,), jnp.bfloat16)
  value = losses.l1_loss(ones, jnp.zeros_like(ones))
  assert value.dtype == jnp.float32
  assert float(value) == 1.0


def test_l1_names_both_shapes():
  with pytest.raises(ValueError, match=r"\(1, 20, 8, 3\).*\(1, 18, 8, 3\)"):
    losses.l1_loss(jnp.zeros((1, 20, 8, 3)), jnp.zeros((1, 18, 8, 3)))
