"""Learning rates against the formulas of the original's scheduler."""

import math

import numpy as np
import pytest

from gansynth.systems import schedules


def factors(*arguments, **options):
  return schedules.learning_rate_factors(*arguments, **options).tolist()


@pytest.mark.parametrize("first_epoch", [1, 3])
@pytest.mark.parametrize(("step_at", "ahead"), [("end", 0), ("start", 1)])
def test_linear(first_epoch, step_at, ahead):
  expected = [
    1 - max(0, epoch - first_epoch + ahead + first_epoch - 5) / (4 + 1)
    for epoch in range(first_epoch, 5 + 4 + 1)
  ]
  found = factors("linear", 5, 4, first_epoch=first_epoch, step_at=step_at)
  assert found == pytest.approx(expected)


def test_published_default():
  end = factors("linear", 100, 100)
  assert len(end) == 200
  assert end[:100] == [1.0] * 100
  assert end[-1] == pytest.approx(1 / 101)
  start = factors("linear", 100, 100, step_at="start")
  assert start[:99] == [1.0] * 99
  assert start[99] < 1
  assert start[-1] == 0


def test_step_counts_epochs():
  found = factors("step", 5, 2, decay_every=3)
  assert found == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01])


def test_plateau_equals_its_definition_on_a_constant_metric():
  # Patience 5: the sixth bad step in a row lowers the rate and starts anew.
  # The first step sets the best value and is not bad.
  expected, factor, bad, best = [], 1.0, 0, math.inf
  for _ in range(20):
    expected.append(factor)
    if best > 0:
      best = 0.0
      bad = 0
    else:
      bad += 1
    if bad > 5:
      factor *= 0.2
      bad = 0
  assert factors("plateau", 20, 0) == pytest.approx(expected)
  assert len(set(expected)) == 4


def test_cosine_rises_again():
  found = factors("cosine", 4, 4)
  assert found == pytest.approx(
    [(1 + math.cos(math.pi * s / 4)) / 2 for s in range(8)]
  )
  assert found[4] == pytest.approx(0)
  assert found[6] == pytest.approx(0.5)


@pytest.mark.parametrize("first_epoch", [1, 3, 6])
def test_linear_to_zero_lowers_after_the_epoch(first_epoch):
  # The originals' loop: after epoch e > niter the rate falls by base / decay.
  rate, expected = 1.0, []
  for epoch in range(1, 3 + 4 + 1):
    expected.append(rate)
    if epoch > 3:
      rate -= 1 / 4
  found = factors("linear_to_zero", 3, 4, first_epoch=first_epoch)
  assert found == pytest.approx(expected[first_epoch - 1 :])
  assert expected[3:] == [1.0, 0.75, 0.5, 0.25]


def test_linear_to_zero_without_decay_is_constant():
  assert factors("linear_to_zero", 3, 0) == [1, 1, 1]


def test_constant():
  assert factors("constant", 2, 1) == [1, 1, 1]


def test_rate_of_each_step():
  rates = schedules.per_epoch(2e-4, np.array([1.0, 0.5, 0.25]), 3)
  found = [float(rates(step)) for step in range(12)]
  expected = [2e-4] * 3 + [1e-4] * 3 + [5e-5] * 6  # stays after the last
  assert found == pytest.approx(expected)


@pytest.mark.parametrize(
  ("arguments", "options", "message"),
  [
    (("linea", 1, 1), {}, "linea.*linear, step, plateau, cosine, constant"),
    (("linear", 1, 1), {"step_at": "begin"}, "begin.*start or end"),
    (("linear", 0, 0), {}, "none; raise num_epochs"),
  ],
)
def test_wrong_arguments_are_explained(arguments, options, message):
  with pytest.raises(ValueError, match=message):
    factors(*arguments, **options)


def test_an_epoch_without_steps_is_refused():
  with pytest.raises(ValueError, match="epoch of 0 steps"):
    schedules.per_epoch(1.0, np.ones(1), 0)
