"""A program that is measured from outside: time, processor time, memory."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time

_HERE = pathlib.Path(__file__).resolve().parent
_TICK = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Sample:
  """A program and all its worker processes at one moment.

  Attributes:
    seconds: since its start.
    cpu_s: seconds of all cores together until then.
    done: what `count` said.
    rss_mib: memory of the program itself that is resident.
    children_mib: the same of its worker processes.
    peak_mib: the most the program itself had.
  """

  seconds: float
  cpu_s: float
  done: int
  rss_mib: float
  children_mib: float
  peak_mib: float


class ProgramError(RuntimeError):
  """A program failed; the message ends with what it printed."""


def run(
  arguments, environment, count=lambda: 0, every=0.1, python=sys.executable
):
  """Runs a program of the repository to its end.

  Args:
    arguments: its path from the root of the repository, and what follows.
    environment: variables beside those of this process.
    count: how much it has done.
    every: seconds between samples.
    python: that runs it.

  Returns:
    Samples; the last one is of its end, without memory.

  Raises:
    ProgramError: it failed.
  """
  environment = {
    **os.environ,
    "PYTHONPATH": str(_HERE.parent),
    **environment,
  }
  samples = []
  with tempfile.TemporaryFile("w+") as output:
    start = time.perf_counter()
    process = subprocess.Popen(
      [python, str(_HERE.parent / arguments[0]), *arguments[1:]],
      stdout=output,
      stderr=subprocess.STDOUT,
      env=environment,
    )
    while True:
      pid, status, usage = os.wait4(process.pid, os.WNOHANG)
      seconds = time.perf_counter() - start
      if pid:
        break
      if sample := _sample(process.pid, seconds, count()):
        samples.append(sample)
      time.sleep(every)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
      output.seek(0)
      raise ProgramError(f"{arguments[0]} failed: {output.read()[-2000:]}")
  cpu_s = usage.ru_utime + usage.ru_stime
  return [*samples, Sample(seconds, cpu_s, count(), 0, 0, 0)]


def _sample(pid, seconds, done):
  """None if the process ends meanwhile."""
  try:
    own = _memory(pid)
    cpu_s, children_mib = _cpu_s(pid), 0.0
    for child in _descendants(pid):
      cpu_s += _cpu_s(child)
      children_mib += _memory(child)["VmRSS"]
    return Sample(
      seconds, cpu_s, done, own["VmRSS"], children_mib, own["VmHWM"]
    )
  except (OSError, KeyError, IndexError):
    return None


def _memory(pid):
  lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
  return {
    name: int(value.split()[0]) / 1024
    for name, _, value in (line.partition(":") for line in lines)
    if name in ("VmRSS", "VmHWM")
  }


def _cpu_s(pid):
  """Of a process and of those children that it has seen end."""
  text = pathlib.Path(f"/proc/{pid}/stat").read_text()
  fields = text.rpartition(")")[2].split()
  return sum(int(ticks) for ticks in fields[11:15]) / _TICK


def _descendants(pid):
  found = []
  for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
    for child in (task / "children").read_text().split():
      found += [int(child), *_descendants(int(child))]
  return found
