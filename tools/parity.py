"""Runs recorded cases of the original programs and prints how far we are.

  python tools/parity.py CASE_DIR...

One line an array: its name, the largest absolute error, the largest relative
to the greatest magnitude expected, the tolerance, ok or FAILED. The exit
status is 1 if any falls short, and 2 if a case cannot be run.

Where gradients fall short in float32 and agree with --dtype float64, one kink
of a loss fell on the other side by rounding, and nothing is wrong.
"""

import argparse
import sys
import time

import jax.numpy as jnp

from gansynth import parity


def main(arguments: list[str] | None = None) -> int:
  """Runs the cases and returns the exit status."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("cases", nargs="+", metavar="CASE_DIR")
  parser.add_argument(
    "--dtype", choices=("float32", "float64"), default="float32"
  )
  parser.add_argument(
    "--quiet", action="store_true", help="print failures and totals only"
  )
  options = parser.parse_args(arguments)
  status = 0
  for folder in options.cases:
    start = time.monotonic()
    count = failed = 0
    try:
      for line in parity.run_case(folder, jnp.dtype(options.dtype)):
        count += 1
        failed += not line.ok
        if not (options.quiet and line.ok):
          print(f"{folder}: {line}", flush=True)
    except parity.CaseError as e:
      print(f"{folder}: cannot be run: {e}", file=sys.stderr)
      status = 2
      continue
    print(
      f"{folder}: {count - failed} of {count} ok, "
      f"{time.monotonic() - start:.1f} s",
      flush=True,
    )
    status = max(status, int(failed > 0))
  return status


if __name__ == "__main__":
  sys.exit(main())
