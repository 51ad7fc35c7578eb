"""Times gansynth against eager PyTorch, side by side, and prints a table.

Every measurement has two fresh processes that stay alive together and take
turns, so that whatever else the machine does meets both. The ratio is that of
the medians; the spread of the single turns' ratios is printed beside it. On a
busy machine `cpu ms`, the time of all cores together, says more.

Both sides hold their input on the device and wait for the device to finish.
gansynth's step is the one that training runs, mapped over one device. The
other side is `torch_reference.py` or `torch_label_reference.py`: plain PyTorch
with its default settings (cuDNN convolutions may use TF32), eager unless
`--compile` is given, and for bfloat16 with autocast.
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
from collections.abc import Sequence

_HERE = pathlib.Path(__file__).resolve().parent
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


def parser(description: str, things: Sequence[str]) -> argparse.ArgumentParser:
  """Returns a parser of the options that all comparisons have.

  Args:
    description: the program's docstring.
    things: what it can measure.
  """
  made = argparse.ArgumentParser(
    description=description,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )

  def known(names):
    names = names.split(",")
    if unknown := set(names) - set(things):
      raise argparse.ArgumentTypeError(
        f"{sorted(unknown)} is none of {', '.join(things)}"
      )
    return names

  made.add_argument(
    "--what",
    type=known,
    default=",".join(things),
    help=f"commas between, of {', '.join(things)}",
  )
  made.add_argument("--size", type=int, default=256, help="pixels a side")
  made.add_argument("--batch", type=int, default=1)
  made.add_argument(
    "--dtype", default="float32", choices=("float32", "bfloat16")
  )
  made.add_argument("--device", default="cpu", choices=("cpu", "gpu"))
  made.add_argument(
    "--compile", action="store_true", help="PyTorch's networks, torch.compile"
  )
  made.add_argument("--repeats", type=int, default=10)
  made.add_argument(
    "--torch-python",
    default=sys.executable,
    help="a Python that has PyTorch, if this one has not",
  )
  return made


def translators(system: str, description: str) -> None:
  """Parses the command line of a translator and prints the table."""
  options = parser(description, ("translate", "train_step"))
  options.add_argument("--generator", help="if not the published one")
  run(system, options.parse_args())


def run(
  system: str,
  arguments: argparse.Namespace,
  scripts: tuple[str, str] = ("jax_worker.py", "torch_worker.py"),
) -> None:
  """Measures and prints the table.

  Args:
    system: name that the workers know.
    arguments: of `parser` and of parsers made from it; the workers get them
      as their task, `system` and `what` beside.
    scripts: the worker of gansynth and that of PyTorch.
  """
  print(machine())
  for i, what in enumerate(arguments.what):
    task = {**vars(arguments), "system": system, "what": what}
    _measure(task, scripts, header=not i)


def _measure(task, scripts, header):
  sides = {"gansynth": Worker(sys.executable, scripts[0], task)}
  try:
    sides["torch"] = Worker(task["torch_python"], scripts[1], task)
  except WorkerError as error:
    print(f"nothing to compare with: {error}", file=sys.stderr)
  if header:
    print_header(
      sides,
      "{system}, {size} x {size} pixels, batch {batch}, {dtype}".format(**task),
    )
  batches = dict.fromkeys(sides, task["batch"])
  times = measure(task["what"], sides, task["repeats"], batches)
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
  turns = take_turns(sides, repeats, seconds)
  for name, worker in sides.items():
    print_turns(what, name, worker, turns[name], pictures[name])
  return {
    name: [turn["ms"] / pictures[name] for turn in turns[name]]
    for name in sides
  }


def take_turns(
  sides: dict[str, Worker], repeats: int, seconds: float = float("inf")
) -> dict[str, list[dict]]:
  """Returns what `Worker.run` said in each turn, by side; see `measure`."""
  turns = {name: [] for name in sides}
  start = time.monotonic()
  for turn in range(repeats):
    if turn >= 3 and time.monotonic() - start > seconds:
      break
    for name, worker in sides.items():
      time.sleep(0.2)  # until the other side's threads are asleep
      turns[name].append(_turn(worker))
  return turns


def print_turns(
  what: str, name: str, worker: Worker, turns: list[dict], pictures: int
) -> None:
  """Prints the line of a side and ends it.

  Args:
    what: was measured.
    name: of the side.
    worker: of the side.
    turns: what `take_turns` returned for it.
    pictures: how many a turn makes.
  """
  times = [turn["ms"] for turn in turns]
  median = statistics.median(times)
  print(
    _COLUMNS.format(
      what,
      name,
      f"{median:.1f}",
      f"{min(times):.1f}",
      f"{statistics.median(turn['cpu_ms'] for turn in turns):.1f}",
      f"{1000 * pictures / median:.2f}",
      f"{worker.about['compile_s']:.1f}",
      f"{worker.close()['peak_mib']:.0f}",
    ),
    flush=True,
  )


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
