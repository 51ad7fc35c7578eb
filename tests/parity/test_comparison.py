import numpy as np
import pytest

from gansynth.parity import comparison
from gansynth.parity.comparison import EXACT, Outliers, Tolerance, compare

STEPS = (
  "losses rel 1e-4 (every step); gradients of step 1: max abs diff <= 2e-3 * "
  "max|grad| of that tensor; gradients of later steps: <= 0.1 * max|grad| (one "
  "L1 or ReLU kink; moves 1 to 4 %); parameters: all but 0.5% of elements "
  "within 1e-5, none beyond 2*lr*steps; zero-gradient biases excluded"
)
DEFAULT = Tolerance(123.0)


@pytest.mark.parametrize(
  ("text", "expected"),
  [
    ("max abs 2e-5 (float32)", Tolerance(2e-5)),
    ("max abs 2e-5", Tolerance(2e-5)),
    ("1e-6", Tolerance(1e-6)),
    ("0.5", Tolerance(0.5)),
    ("PNG within 1 level (truncation)", Tolerance(1.0)),
    ("rel 1e-5", Tolerance(relative=1e-5)),
    ("relative 3e-4", Tolerance(relative=3e-4)),
    ("max abs 1e-6, rel 1e-4", Tolerance(1e-6, 1e-4)),
    ("<= 0.1 * max|grad|", Tolerance(relative=0.1)),
    ("exact", EXACT),
    ("loss: 1e-4 relative", Tolerance(relative=1e-4)),
    ("1e-5 relative + 1e-6 absolute", Tolerance(1e-6, 1e-5)),
    ("fake 5e-5 absolute", Tolerance(5e-5)),
    ("atol 2e-4 rtol 3e-4", Tolerance(2e-4, 3e-4)),
    ("gradients rtol 1e-3 of their max", Tolerance(relative=1e-3)),
    ("grad_x: 1e-4 of its max", Tolerance(relative=1e-4)),
    ("grad_x: atol 1% of its max", Tolerance(relative=0.01)),
    ("values atol 1e-6 + rtol 5e-4", Tolerance(1e-6, 5e-4)),
    ({"atol": 2e-5, "rtol": 1e-4}, Tolerance(2e-5, 1e-4)),
    ({"exact": True}, EXACT),
    ({"note": "none"}, DEFAULT),
    ("as above", DEFAULT),
    (None, DEFAULT),
  ],
)
def test_parse(text, expected):
  assert comparison.parse(text, DEFAULT) == expected


def test_clauses_of_training_steps():
  assert len(comparison.clauses(STEPS)) == 5
  losses = comparison.clause(STEPS, "loss")
  assert comparison.parse(losses, DEFAULT) == Tolerance(relative=1e-4)
  first = comparison.clause(STEPS, "gradients of step 1")
  assert comparison.parse(first, DEFAULT) == Tolerance(relative=2e-3)
  later = comparison.clause(STEPS, "gradients of later")
  assert comparison.parse(later, DEFAULT) == Tolerance(relative=0.1)
  parameters = comparison.clause(STEPS, "parameter")
  assert comparison.parse_outliers(parameters, Outliers(1, 1, 1)) == Outliers(
    within=1e-5, share=0.005, limit_in_steps=2.0
  )
  assert comparison.clause(STEPS, "pool") is None
  assert comparison.parse_outliers(None, Outliers(1, 1, 1)) == Outliers(1, 1, 1)


def test_relative_errors_are_of_the_largest_magnitude():
  expected = np.array([1e-9, -200.0, 3.0])
  found = expected + np.array([0.1, 0.0, -0.15])
  line = compare("x", found, expected, Tolerance(relative=1e-3))
  assert line.ok
  assert line.absolute == pytest.approx(0.15)
  assert line.relative == pytest.approx(0.15 / 200)
  assert not compare("x", found, expected, Tolerance(relative=7e-4)).ok
  elementwise = Tolerance(relative=1e-3, elementwise=True)
  assert not compare("x", found, expected, elementwise).ok


def test_floor_and_absolute():
  assert compare("x", 1e-7, 0.0, Tolerance(relative=1e-4, floor=1e-6)).ok
  assert not compare("x", 1e-5, 0.0, Tolerance(relative=1e-4, floor=1e-6)).ok
  assert compare("x", 1e-5, 0.0, Tolerance(2e-5)).ok


def test_exact():
  x = np.array([0, 255], np.uint8)
  assert compare("x", x, x.copy(), EXACT).ok
  line = compare("x", x, np.array([1, 255], np.uint8), EXACT)
  assert not line.ok
  assert line.absolute == 1  # and not 255, by wrapping around


def test_shapes_and_nan_fail():
  assert not compare("x", np.zeros((2, 1)), np.zeros(2), Tolerance(1.0)).ok
  assert not compare("x", np.nan, 0.0, Tolerance(1.0)).ok
  assert not compare("x", 0.0, np.nan, Tolerance(1.0)).ok
