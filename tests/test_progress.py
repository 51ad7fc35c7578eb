"""Time left: a bar on a terminal, plain lines elsewhere."""

import io
import sys

import pytest
from absl import logging

from gansynth import progress
from gansynth.progress import Progress


class Clock:
  """A clock that moves when it is told to."""

  def __init__(self):
    self.now = 100.0

  def __call__(self):
    return self.now


@pytest.fixture
def clock(monkeypatch):
  made = Clock()
  monkeypatch.setattr(progress.time, "monotonic", made)
  return made


@pytest.fixture
def lines(monkeypatch):
  found = []
  monkeypatch.setattr(
    logging, "info", lambda text, *values: found.append(text % values)
  )
  return found


def test_lines_tell_rate_and_time_left(clock, lines):
  with Progress(1000, unit="step", seconds_between_lines=10) as bar:
    for _ in range(25):
      clock.now += 1
      bar.update(2, "loss 0.5")
  assert lines == [
    "step 20 of 1000, 2 a second, 8 min 10 s left: loss 0.5",
    "step 40 of 1000, 2 a second, 8 min 00 s left: loss 0.5",
  ]
  assert bar.done == 50


def test_the_end_is_always_told(clock, lines):
  with Progress(3, unit="picture", seconds_between_lines=1e6) as bar:
    clock.now += 1.5
    bar.update(3)
  assert lines == ["picture 3 of 3, 2 a second, 0 s left"]


def test_a_resumed_run_does_not_count_what_was_done(clock, lines):
  with Progress(100, unit="step", initial=90) as bar:
    clock.now += 10
    bar.update(2)
  assert lines == ["step 92 of 100, 0.2 a second, 40 s left"]


def test_compilation_is_left_out_of_the_rate(clock, lines):
  with Progress(11, unit="step") as bar:
    clock.now += 300
    bar.restart_clock(1)
    bar.line()
    clock.now += 10
    bar.update(5)
  assert lines == [
    "step 1 of 11, 0 a second, unknown left",
    "step 6 of 11, 0.5 a second, 10 s left",
  ]


def test_long_times_are_in_hours(clock, lines):
  with Progress(7201, unit="step") as bar:
    clock.now += 10
    bar.update(10)
  assert lines == ["step 10 of 7201, 1 a second, 1 h 59 min left"]


def test_a_terminal_gets_one_bar(monkeypatch, lines):
  terminal = io.StringIO()
  terminal.isatty = lambda: True
  monkeypatch.setattr(sys, "stderr", terminal)
  with Progress(10, unit="step", initial=4) as bar:
    bar.restart_clock(1)
    bar.update(5, "loss 0.25")
  shown = terminal.getvalue()
  assert "4/10" in shown
  assert "10/10" in shown
  assert "loss 0.25" in shown
  assert not lines
