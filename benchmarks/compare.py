"""Times gansynth against eager PyTorch, side by side, and prints a table.

Every measurement has two fresh processes that stay alive together and take
turns, so that whatever else the machine does meets both. The ratio is that of
the medians; the spread of the single turns' ratios is printed beside it. On a
busy machine `cpu ms`, the time of all cores together, says more.

Both sides hold their input on the device and wait for the device to finish.
gansynth's step is the one that training runs, mapped over one device. The
other side is `torch_reference.py`: plain eager PyTorch with its default
settings (cuDNN convolutions may use TF32), and for bfloat16 with autocast.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

_HERE = pathlib.Path(__file__).resolve().parent
_THINGS = ("translate", "train_step")
_TURN_MS = 500
_COLUMNS = "{:<18} {:<9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}"


class WorkerError(RuntimeError):
  """A worker could not be started or stopped early."""


class Worker:
  """A process that holds one side of one measurement."""

  def __init__(self, python: str, script: str, task: dict) -> None:
    """Starts the process and waits until it is warm."""
    environment = {**os.environ, "PYTHONPATH": str(_HERE.parent)}
    # Idle threads that spin would steal the other side's turn.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    self._process = subprocess.Popen(
      [python, str(_HERE / script), json.dumps(task)],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
      env=environment,
    )
    self.about = self._read()

  def _read(self) -> dict:
    line = self._process.stdout.readline()
    answer = json.loads(line) if line else {"error": "it stopped early"}
    if "error" in answer:
      self._process.wait()
      raise WorkerError(answer["error"])
    return answer

  def _ask(self, what: str) -> dict:
    self._process.stdin.write(what + "\n")
    self._process.stdin.flush()
    return self._read()

  def run(self) -> dict:
    """Runs once; returns milliseconds, and those of all cores together."""
    return self._ask("run")

  def close(self) -> dict:
    """Ends the process; returns its peak memory in MiB."""
    answer = self._ask("end")
    self._process.wait()
    return answer


def main(system: str, description: str) -> None:
  """Parses the command line and prints the table."""
  parser = argparse.ArgumentParser(
    description=description,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument(
    "--what", default=",".join(_THINGS), help="commas between, of those two"
  )
  parser.add_argument("--size", type=int, default=256, help="pixels a side")
  parser.add_argument("--batch", type=int, default=1)
  parser.add_argument(
    "--dtype", default="float32", choices=("float32", "bfloat16")
  )
  parser.add_argument("--device", default="cpu", choices=("cpu", "gpu"))
  parser.add_argument("--repeats", type=int, default=10)
  parser.add_argument("--generator", help="if not the published one")
  parser.add_argument(
    "--torch-python",
    default=sys.executable,
    help="a Python that has PyTorch, if this one has not",
  )
  arguments = parser.parse_args()
  things = arguments.what.split(",")
  if unknown := set(things) - set(_THINGS):
    parser.error(f"--what knows {_THINGS}, not {sorted(unknown)}")
  print(machine())
  for i, what in enumerate(things):
    task = {
      "system": system,
      "what": what,
      "size": arguments.size,
      "batch": arguments.batch,
      "dtype": arguments.dtype,
      "device": arguments.device,
      "generator": arguments.generator,
    }
    _measure(task, arguments.torch_python, arguments.repeats, header=not i)


def _measure(task, torch_python, repeats, header):
  sides = {"gansynth": Worker(sys.executable, "jax_worker.py", task)}
  try:
    sides["torch"] = Worker(torch_python, "torch_worker.py", task)
  except WorkerError as error:
    print(f"nothing to compare with: {error}", file=sys.stderr)
  if header:
    print_header(
      sides,
      "{system}, {size} x {size} pixels, batch {batch}, {dtype}".format(**task),
    )
  batches = dict.fromkeys(sides, task["batch"])
  times = measure(task["what"], sides, repeats, batches)
  if len(sides) == 2:
    ours, theirs = times.values()
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    print(
      f"{task['what']}: gansynth takes "
      f"{statistics.median(ours) / statistics.median(theirs):.2f} of PyTorch's "
      f"time (single turns {ratios[0]:.2f} to {ratios[-1]:.2f}, best against "
      f"best {min(ours) / min(theirs):.2f})",
      flush=True,
    )


def print_header(sides: dict[str, Worker], title: str) -> None:
  """Prints the versions of the sides and the names of the columns."""
  for name, worker in sides.items():
    print(f"{name}: {worker.about['versions']}")
  print(title)
  print(
    _COLUMNS.format(
      "", "", "ms", "best", "cpu ms", "images/s", "compile s", "peak MiB"
    )
  )


def measure(
  what: str,
  sides: dict[str, Worker],
  repeats: int,
  pictures: dict[str, int],
  seconds: float = float("inf"),
) -> dict[str, list[float]]:
  """Lets the sides take turns, prints a line for each, and ends them.

  Args:
    what: is measured; begins the lines.
    sides: warm workers by name.
    repeats: turns of each side.
    pictures: how many a turn of each side makes.
    seconds: start no turn after these, unless it is one of the first three.

  Returns:
    Milliseconds a picture of each turn, by side.
  """
  turns = {name: [] for name in sides}
  start = time.monotonic()
  for turn in range(repeats):
    if turn >= 3 and time.monotonic() - start > seconds:
      break
    for name, worker in sides.items():
      time.sleep(0.2)  # until the other side's threads are asleep
      turns[name].append(_turn(worker))
  times = {name: [t["ms"] for t in turns[name]] for name in sides}
  for name, worker in sides.items():
    median = statistics.median(times[name])
    print(
      _COLUMNS.format(
        what,
        name,
        f"{median:.1f}",
        f"{min(times[name]):.1f}",
        f"{statistics.median(t['cpu_ms'] for t in turns[name]):.1f}",
        f"{1000 * pictures[name] / median:.2f}",
        f"{worker.about['compile_s']:.1f}",
        f"{worker.close()['peak_mib']:.0f}",
      ),
      flush=True,
    )
  return {name: [ms / pictures[name] for ms in times[name]] for name in sides}


def _turn(worker: Worker) -> dict:
  """Runs for half a second or once; returns the median's run.

  A core that has just been idle is slow for the first milliseconds, which
  would count for much in a short run.
  """
  runs = [worker.run()]
  while sum(run["ms"] for run in runs) < _TURN_MS:
    runs.append(worker.run())
  return sorted(runs, key=lambda run: run["ms"])[len(runs) // 2]


def machine() -> str:
  """Names the processor, its cores and how busy they are."""
  model = platform.processor() or platform.machine()
  cpuinfo = pathlib.Path("/proc/cpuinfo")
  if cpuinfo.exists():
    for line in cpuinfo.read_text().splitlines():
      if line.startswith("model name"):
        model = line.split(":", 1)[1].strip()
        break
  cores = len(os.sched_getaffinity(0))
  return f"{model}, {cores} cores, load {os.getloadavg()[0]:.1f}"
