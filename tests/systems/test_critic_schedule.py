"""Which batches the critic and the generator get."""

import itertools

import pytest

from gansynth.systems import CriticSchedule

SCHEDULES = [
  CriticSchedule(),
  CriticSchedule(2, 7, long_until=3, long_every=5),
  CriticSchedule(1, 4, long_until=0, long_every=0),
  CriticSchedule(3, 3, long_until=6, long_every=4),
]


def counted(schedule, generator_batches):
  """(iteration, number) of all batches, by counting as the original does."""
  for iteration in itertools.count():
    long = iteration < schedule.long_until or (
      schedule.long_every and iteration % schedule.long_every == 0
    )
    steps = schedule.long_critic_steps if long else schedule.critic_steps
    for number in range(steps + generator_batches):
      yield iteration, number


@pytest.mark.parametrize("generator_batches", [0, 1])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_batches_are_located_as_counted(schedule, generator_batches):
  expected = itertools.islice(counted(schedule, generator_batches), 6500)
  for step, place in enumerate(expected):
    if step < 3000 or step % 7 == 0:
      assert schedule.locate(step, generator_batches) == place


def test_the_published_one():
  schedule = CriticSchedule()
  # 25 iterations of 100 critic batches and one of the generator's.
  assert schedule.first_step(25, 1) == 2525
  assert schedule.critic_steps_in(24) == 100
  assert schedule.critic_steps_in(25) == schedule.critic_steps_in(499) == 5
  assert schedule.critic_steps_in(500) == schedule.critic_steps_in(1000) == 100
  assert schedule.first_step(500, 1) == 2525 + 475 * 6
  assert schedule.first_step(501, 1) == 2525 + 475 * 6 + 101


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"critic_steps": 0}, "critic_steps 0 .* at least 1"),
    ({"long_critic_steps": -1}, "long_critic_steps -1 must"),
    ({"long_every": -5}, "long_every -5 must"),
  ],
)
def test_schedules_in_which_nobody_moves_are_refused(fields, message):
  with pytest.raises(ValueError, match=message):
    CriticSchedule(**fields)
