"""The half of a measurement that both sides share: the talk with `compare`."""

import json
import resource
import sys
import time
from collections.abc import Callable


def serve(
  build: Callable[[dict], tuple[Callable[[], None], float, str]],
  accelerator_peak: Callable[[], float | None],
) -> None:
  """Builds what the command line's task asks for and runs it on demand.

  Args:
    build: task -> (a function that runs once and waits for its end, seconds
      of compilation, versions). It is called once more before it is timed.
    accelerator_peak: peak MiB of device memory, None on a CPU, where the
      process' own peak counts.
  """
  try:
    run, compile_s, versions = build(json.loads(sys.argv[1]))
    run()
  except (ImportError, ValueError) as error:
    _say({"error": str(error)})
    return
  _say({"compile_s": compile_s, "versions": versions})
  for line in sys.stdin:
    if line.strip() == "end":
      break
    start, busy = time.perf_counter(), time.process_time()
    run()
    _say(
      {
        "ms": 1000 * (time.perf_counter() - start),
        "cpu_ms": 1000 * (time.process_time() - busy),
      }
    )
  peak = accelerator_peak()
  if peak is None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  _say({"peak_mib": peak})


def _say(message):
  print(json.dumps(message), flush=True)
