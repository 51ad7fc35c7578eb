"""Two real processes on this machine, and what one process makes of it.

Two processes with two devices each read other items of a batch than one
process with four, in another order, which changes nothing but rounding: norms
are per picture here, and the pools are off, whose content is in order of the
devices. Adam would turn the rounding of gradients that should be nothing into
whole learning rates, so states are compared where gradients have a size.
"""

import signal
import socket
import time

import numpy as np
import pytest
import tiny

from gansynth import config as config_lib

CHANGES = {
  "batch_size": 4,
  "generator__use_dropout": False,
  "loss__pool_size": 0,
  "checkpoint_every": 1000,
  "best_metric": "cycle_A",
  "evaluate__batch_size": 2,
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
  return tiny.write_folders(tmp_path_factory.mktemp("pictures"))


def start_pair(workdir, pictures, logs, **changes):
  """Starts both processes of a run."""
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
  return [
    tiny.start(
      tiny.command(
        workdir,
        pictures,
        f"--coordinator={address}",
        "--num_processes=2",
        f"--process_id={number}",
        **{**CHANGES, **changes},
      ),
      logs[number],
      devices=2,
      optimize=False,
    )
    for number in range(2)
  ]


def wait(processes, logs, expected=0):
  """Waits for both to end with a status; returns what they printed."""
  try:
    statuses = [process.wait(timeout=240) for process in processes]
  finally:
    for process in processes:
      process.kill()
  texts = [log.read_text() for log in logs]
  assert statuses == [expected] * 2, "\n".join(texts)
  return texts


def steps_of(workdir):
  """Steps whose losses were logged; scores have lines of their own."""
  return [line["step"] for line in tiny.metrics(workdir) if "G" in line]


@pytest.fixture
def logs(tmp_path):
  return [tmp_path / f"{number}.log" for number in range(2)]


@pytest.mark.slow
def test_two_processes_do_what_one_does(tmp_path, pictures, logs):
  pair, single = tmp_path / "pair", tmp_path / "single"
  texts = wait(start_pair(pair, pictures, logs, max_steps=6), logs)
  assert "finished; look at the pictures" in texts[0]
  assert "finished" not in texts[1]  # said once
  tiny.finish(
    tiny.command(single, pictures, max_steps=6, **CHANGES),
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
  texts = wait(start_pair(tmp_path / "run", pictures, logs), logs, expected=1)
  assert "belongs to another config" in texts[0]
  assert "error: process 0 cannot go on; its log says why" in texts[1]
  assert "Traceback" not in texts[0] + texts[1]


@pytest.mark.slow
def test_sigterm_stops_both_at_one_step_and_they_go_on(
  tmp_path, pictures, logs
):
  workdir = tmp_path / "run"
  processes = start_pair(workdir, pictures, logs, max_steps=0)
  metrics = workdir / "metrics.jsonl"
  deadline = time.monotonic() + 240
  while not metrics.exists() or metrics.read_text().count("\n") < 3:
    for process, log in zip(processes, logs, strict=True):
      assert process.poll() is None, log.read_text()
    assert time.monotonic() < deadline
    time.sleep(0.01)
  for process in processes:
    process.send_signal(signal.SIGTERM)
  texts = wait(processes, logs)
  (saved,) = [path.name for path in (workdir / "checkpoints").iterdir()]
  for text in texts:
    assert f"asked to stop: saved step {saved}" in text
  assert steps_of(workdir) == list(range(1, int(saved) + 1))
  more = int(saved) + 3
  texts = wait(start_pair(workdir, pictures, logs, max_steps=more), logs)
  for text in texts:
    assert f"resuming after step {saved}" in text
  state, data = tiny.final_state(workdir)
  assert state["step"] == more
  assert data["position"] == 4 * more
  assert steps_of(workdir) == list(range(1, more + 1))
