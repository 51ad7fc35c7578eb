"""Gradients of pictures that a kink moved, which float64 judges."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.parity import kinks
from gansynth.parity.case import Case


@pytest.mark.parametrize(
  ("moved", "exact_error", "ok"),
  [
    (0, 1.0, True),  # float32 suffices
    (5, 0.0, True),
    (5, 0.02, False),  # and float64 is off too
    (6, 0.0, False),  # more than a kink can have moved
  ],
)
def test_gradients_beyond_a_kink(tmp_path, moved, exact_error, ok):
  expected = np.linspace(-1, 1, 100, dtype=np.float32)
  meta = {
    "system": "lpips",
    "check": "lpips",
    "suggested_tolerance": "value 1e-6; grad_x: atol 1% of its max",
  }
  (tmp_path / "case.json").write_text(json.dumps(meta))
  np.savez(tmp_path / "outputs.npz", grad_x=expected)
  found = expected.copy()
  found[:moved] += 0.05

  def evaluate(case):
    assert case.dtype == jnp.float64
    return expected + exact_error

  line = kinks.compare_gradient(Case(tmp_path), "grad_x", found, evaluate)
  assert line.ok == ok
  assert ("at kinks; in float64" in line.note) == (moved > 0)
