import numpy as np
import pytest

from gansynth.parity import runs
from gansynth.parity.case import CaseError
from gansynth.parity.steps import Draws


def test_draws_are_taken_as_the_original_took_them():
  """The pool fills first; then a slot is drawn only for an exchange."""
  draws = Draws(
    [
      [["uniform", 0.75], ["randint", 2]],
      [["uniform", 0.25], ["uniform", 0.50000000001], ["randint", 1]],
    ]
  )
  uniforms, slots = draws.take(0, batch=3, filled=1, size=3)
  np.testing.assert_array_equal(uniforms, [0, 0, 1])
  np.testing.assert_array_equal(slots, [0, 0, 2])
  uniforms, slots = draws.take(1, batch=2, filled=3, size=3)
  # In float32 the second draw would be 0.5, which exchanges nothing.
  np.testing.assert_array_equal(uniforms > 0.5, [False, True])
  np.testing.assert_array_equal(slots, [0, 1])
  with pytest.raises(CaseError, match="no draw is left in step 2"):
    draws.take(1, batch=1, filled=3, size=3)


def test_a_pool_of_nothing_draws_nothing():
  uniforms, slots = Draws([[]]).take(0, batch=2, filled=0, size=0)
  assert uniforms.shape == slots.shape == (2,)


def test_option_files():
  text = (
    "----------------- Options ---------------\n"
    "               batch_size: 1                             \n"
    "          checkpoints_dir: ../ck       \t[default: ./checkpoints]\n"
    "             model_suffix:                               \n"
    "----------------- End -------------------\n"
  )
  assert runs.read_options(text) == {
    "batch_size": "1",
    "checkpoints_dir": "../ck",
    "model_suffix": "",
  }
