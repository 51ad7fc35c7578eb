"""Two real processes on this machine, and what one process makes of it.

Adam would turn the rounding of gradients that should be nothing into
whole learning rates, so states are compared where gradients have a size.
"""

import signal
import time

import numpy as np
import process_pair
import pytest
import tiny

from gansynth import config as config_lib


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
  return tiny.write_folders(tmp_path_factory.mktemp("pictures"))


def steps_of(workdir):
  """Steps whose losses were logged; scores have lines of their own."""
  return [line["step"] for line in tiny.metrics(workdir) if "G" in line]


@pytest.fixture
def logs(tmp_path):
  return [tmp_path / f"{number}.log" for number in range(2)]


@pytest.mark.slow
def test_two_processes_do_what_one_does(tmp_path, pictures, logs):
  pair, single = tmp_path / "pair", tmp_path / "single"
  texts = process_pair.wait(
    process_pair.start(pair, pictures, logs, max_steps=6), logs
  )
  assert "finished; look at the pictures" in texts[0]
  assert "finished" not in texts[1]  # said once
  tiny.finish(
    tiny.command(single, pictures, max_steps=6, **process_pair.CHANGES),
    tmp_path / "single.log",
    devices=4,
    optimize=False,
  )
  for one, other in zip(tiny.metrics(pair), tiny.metrics(single), strict=True):
    assert one.keys() == other.keys()
    for name in one:
      assert one[name] == pytest.approx(other[name], rel=2e-3), name
  (state, data), (expected, expected_data) = (
    tiny.final_state(path) for path in (pair, single)
  )
  assert data == expected_data
  assert [p.name for p in (pair / "checkpoints").iterdir()] == ["6"]
  assert not list((pair / "checkpoints").rglob("*process_1*"))
  assert len(list(pair.glob("*tfevents*"))) == 1
  assert len(list((pair / "samples").iterdir())) == 1
  for side in ("generator", "discriminator"):
    for name, layers in expected["params"][side].items():
      for layer, leaves in layers.items():
        if "kernel" not in leaves:
          continue
        found = state["params"][side][name][layer]["kernel"]
        # Six steps of 2e-4 move a weight by at most 1.2e-3.
        moved = np.abs(found - leaves["kernel"])
        assert np.mean(moved) < 2e-5, (side, name, layer)


def test_what_the_primary_refuses_ends_both(tmp_path, pictures, logs):
  config_lib.record(tiny.config(), tmp_path / "run")
  texts = process_pair.wait(
    process_pair.start(tmp_path / "run", pictures, logs), logs, expected=1
  )
  assert "belongs to another config" in texts[0]
  assert "error: process 0 cannot go on; its log says why" in texts[1]
  assert "Traceback" not in texts[0] + texts[1]


@pytest.mark.slow
def test_sigterm_stops_both_at_one_step_and_they_go_on(
  tmp_path, pictures, logs
):
  workdir = tmp_path / "run"
  processes = process_pair.start(workdir, pictures, logs, max_steps=0)
  metrics = workdir / "metrics.jsonl"
  deadline = time.monotonic() + 240
  while not metrics.exists() or metrics.read_text().count("\n") < 3:
    for process, log in zip(processes, logs, strict=True):
      assert process.poll() is None, log.read_text()
    assert time.monotonic() < deadline
    time.sleep(0.01)
  for process in processes:
    process.send_signal(signal.SIGTERM)
  texts = process_pair.wait(processes, logs)
  (saved,) = [path.name for path in (workdir / "checkpoints").iterdir()]
  for text in texts:
    assert f"asked to stop: saved step {saved}" in text
  assert steps_of(workdir) == list(range(1, int(saved) + 1))
  more = int(saved) + 3
  texts = process_pair.wait(
    process_pair.start(workdir, pictures, logs, max_steps=more), logs
  )
  for text in texts:
    assert f"resuming after step {saved}" in text
  state, data = tiny.final_state(workdir)
  assert state["step"] == more
  assert data["position"] == 4 * more
  assert steps_of(workdir) == list(range(1, more + 1))
