"""Shows what was measured of a run, on one page of HTML.

python tools/report.py RUN [--output FILE]

RUN is a work directory with evaluations (of --mode=evaluate, or of training
that measures), or any other folder that has some. The page holds the scores
and their course over the steps, real and synthetic pictures with the best and
the worst of them, classes, losses, configuration and versions. It needs no
network, and can be mailed.
"""

import argparse
import pathlib
import sys


def main(arguments: list[str] | None = None) -> int:
  """Writes the page, says where it is, returns the exit status."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("run", type=pathlib.Path, metavar="RUN")
  parser.add_argument(
    "--output",
    type=pathlib.Path,
    metavar="FILE",
    help="where to write it (RUN/report.html)",
  )
  options = parser.parse_args(arguments)
  # After the parsing, so that --help does not wait for it.
  from gansynth.reports import evaluation_report

  try:
    path = evaluation_report.write_of_run(options.run, options.output)
  except (ValueError, OSError) as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  print(f"the report is in {path}")
  return 0


if __name__ == "__main__":
  sys.exit(main())
