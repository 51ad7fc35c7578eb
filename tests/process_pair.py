"""Two processes on this machine that are hosts of one run."""

import socket

import tiny

# Two processes with two devices each read other items of a batch than one
# process with four, which changes nothing but rounding: norms are per picture
# here, and the pools are off, whose content is in order of the devices.
CHANGES = {
  "batch_size": 4,
  "generator__use_dropout": False,
  "loss__pool_size": 0,
  "checkpoint_every": 1000,
  "best_metric": "cycle_A",
  "evaluate__batch_size": 2,
}


def start(workdir, pictures, logs, *arguments, **changes):
  """Starts both processes of a run; `changes` as of `tiny.command`."""
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
        *arguments,
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
      process.wait()
  texts = [log.read_text() for log in logs]
  assert statuses == [expected] * 2, "\n".join(texts)
  return texts
