"""Runs that are killed, stopped or damaged, as processes of their own."""

import json
import pathlib
import signal
import time

import numpy as np
import pytest
import tiny

from gansynth import checkpoints

STEPS = 40
CHANGES = {"max_steps": STEPS}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
  return tiny.write_folders(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, pictures):
  """A run that nobody disturbed."""
  workdir = tmp_path_factory.mktemp("uninterrupted") / "run"
  tiny.finish(
    tiny.command(workdir, pictures, **CHANGES), workdir.with_suffix(".log")
  )
  return workdir


def interrupt(command, log, ready, signum=signal.SIGKILL) -> int:
  """Starts a run and sends it a signal once `ready(log)` holds."""
  before = len(log.read_text()) if log.exists() else 0
  process = tiny.start(command, log)
  try:
    deadline = time.monotonic() + 240
    while not ready(log.read_text()[before:]):
      assert process.poll() is None, log.read_text()[before:]
      assert time.monotonic() < deadline, log.read_text()[before:]
      time.sleep(0.002)
    process.send_signal(signum)
    return process.wait(timeout=120)
  finally:
    process.kill()


def saving(workdir):
  """Whether a checkpoint is being written at this moment."""
  return any((workdir / "checkpoints").glob("*.orbax-checkpoint-tmp*"))


def steps_logged(workdir):
  path = workdir / "metrics.jsonl"
  return path.read_text().count("\n") if path.exists() else 0


def assert_same_run(workdir, other):
  """Asserts equal states, positions in the data and metrics."""
  (state, data), (other_state, other_data) = (
    tiny.final_state(path) for path in (workdir, other)
  )
  tiny.assert_same(state, other_state)
  assert {"params", "opt_state", "ema", "pool", "rng", "step"} <= set(state)
  assert state["step"] == STEPS
  assert state["pool"]["a"]["count"] == 3
  assert data == other_data
  assert tiny.metrics(workdir) == tiny.metrics(other)
  steps = [line["step"] for line in tiny.metrics(workdir)]
  assert steps == list(range(1, STEPS + 1))  # each once, in order


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_the_same(
  tmp_path, pictures, uninterrupted
):
  workdir, log = tmp_path / "run", tmp_path / "log"
  command = tiny.command(workdir, pictures, **CHANGES)
  kills = (
    lambda text: "compiling the step" in text,  # in the first step
    lambda text: saving(workdir),
    lambda text: steps_logged(workdir) >= 14,
    lambda text: "resuming" in text and saving(workdir),
  )
  for ready in kills:
    assert interrupt(command, log, ready) == -signal.SIGKILL
  text = tiny.finish(command, log)
  assert "resuming after step" in text
  assert_same_run(workdir, uninterrupted)
  leftovers = {path.name for path in workdir.rglob("*tmp*")}
  assert not leftovers


@pytest.mark.slow
def test_sigterm_saves_and_leaves(tmp_path, pictures, uninterrupted):
  # Workers get the signal's consequences too, and must change no number.
  workdir, log = tmp_path / "run", tmp_path / "log"
  command = tiny.command(
    workdir, pictures, checkpoint_every=1000, num_workers=1, **CHANGES
  )
  status = interrupt(
    command, log, lambda _: steps_logged(workdir) >= 7, signal.SIGTERM
  )
  text = log.read_text()
  assert status == 0, text
  (saved,) = [p.name for p in (workdir / "checkpoints").iterdir()]
  assert f"asked to stop: saved step {saved}" in text
  assert "stopped; look at the pictures" in text
  assert tiny.metrics(workdir)[-1]["step"] == int(saved)
  text = tiny.finish(command, log)
  assert f"resuming after step {saved}" in text
  assert_same_run(workdir, uninterrupted)
  # And once more: all is done, nothing changes.
  before = sorted(p for p in workdir.rglob("*") if "tfevents" not in p.name)
  assert f"all {STEPS} steps are done already" in tiny.finish(command, log)
  after = sorted(p for p in workdir.rglob("*") if "tfevents" not in p.name)
  assert before == after
  assert_same_run(workdir, uninterrupted)


def fail(command, log, **options) -> str:
  """Runs to a bad end; returns its one line."""
  process = tiny.start(command, log, **options)
  status = process.wait(timeout=240)
  text = log.read_text()
  assert status == 1, text
  assert "Traceback" not in text
  errors = text.split("error: ")
  assert len(errors) == 2, text
  return errors[1]


def test_a_run_that_diverges_stops_and_keeps_the_last_good(tmp_path, pictures):
  workdir = tmp_path / "run"
  good = tiny.command(workdir, pictures, max_steps=4, seed=3)
  tiny.finish(good, tmp_path / "log")
  before, position = tiny.final_state(workdir)
  # The same run with one poisoned parameter, as bad memory would.
  before["params"]["generator"]["a"]["head"]["bias"][0] = float("nan")
  before["step"] = np.int32(6)
  with checkpoints.Checkpointer(workdir / "checkpoints") as checkpointer:
    checkpointer.save(6, before, position)
  message = fail(
    tiny.command(workdir, pictures, max_steps=0, seed=3),
    tmp_path / "bad.log",
  )
  assert "infinite or not a number (" in message
  assert "step 7" in message
  for name in ("D_A", "G_A", "cycle_B", "idt_A", "gradient_norm_G"):
    assert f"{name} nan" in message, message
  assert "learning_rate" in message
  kept = sorted(int(p.name) for p in (workdir / "checkpoints").iterdir())
  assert kept == [4, 6]


def test_an_update_that_overflows_is_not_saved(tmp_path, pictures):
  workdir = tmp_path / "run"
  command = tiny.command(
    workdir,
    pictures,
    max_steps=40,
    checkpoint_every=1,
    optimizer__learning_rate=1e39,
  )
  message = fail(command, tmp_path / "log", optimize=False)
  assert message.startswith("step 1: the update made")
  assert "params" in message
  assert not list((workdir / "checkpoints").iterdir())


def test_an_unreadable_picture_is_named(tmp_path):
  root = tiny.write_folders(tmp_path / "data")
  bad = root / "trainB" / "3.png"
  bad.write_bytes(bad.read_bytes()[:100])
  workdir = tmp_path / "run"
  message = fail(tiny.command(workdir, root, max_steps=40), tmp_path / "log")
  assert str(bad) in message
  assert "truncated" in message


def test_other_configs_and_damaged_records_are_refused(
  uninterrupted, pictures, tmp_path
):
  before = json.loads((uninterrupted / "config.json").read_text())
  message = fail(
    tiny.command(
      uninterrupted, pictures, seed=5, loss__lambda_a=2.0, **CHANGES
    ),
    tmp_path / "log",
  )
  assert "seed: 0 there, 5 now" in message
  assert "loss.lambda_a: 10.0 there, 2.0 now" in message
  assert message.count(" there, ") == 2
  assert json.loads((uninterrupted / "config.json").read_text()) == before


def test_files_that_a_run_leaves(uninterrupted):
  names = {path.name for path in uninterrupted.iterdir()}
  events = {name for name in names if "tfevents" in name}
  assert len(events) == 1
  assert names - events == {
    "checkpoints",
    "config.json",
    "metrics.jsonl",
    "samples",
  }
  assert [p.name for p in (uninterrupted / "samples").iterdir()] == [
    f"step_{STEPS:07d}.png"
  ]
  log = pathlib.Path(f"{uninterrupted}.log").read_text()
  closing = log.strip().splitlines()[-1]
  assert closing.startswith("finished; look at the pictures in ")
  assert str(uninterrupted / "samples") in closing
