"""Puts runs of the same label maps side by side, in a table and in pictures.

python tools/compare_label_runs.py RUN RUN ... --judge RUN --output FOLDER

RUN is the work directory of a run that makes pictures of label maps. What the
pictures show is read by the segmentation head of the judge's discriminator
(one trained with semantic.mode c2f_sem or c2f_sem_rec), which must be none of
the runs that are compared. FOLDER gets table.md, which is also printed, and
comparison.png.
"""

import argparse
import pathlib
import sys


def main(arguments: list[str] | None = None) -> int:
  """Compares the runs, prints the table, returns the exit status."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("runs", nargs="+", type=pathlib.Path, metavar="RUN")
  parser.add_argument(
    "--judge", required=True, type=pathlib.Path, metavar="RUN"
  )
  parser.add_argument(
    "--output", required=True, type=pathlib.Path, metavar="FOLDER"
  )
  parser.add_argument(
    "--max-items",
    type=int,
    default=0,
    metavar="N",
    help="measure the first N test scenes (all)",
  )
  parser.add_argument(
    "--batch-size",
    type=int,
    default=4,
    metavar="N",
    help="pictures at once (4)",
  )
  parser.add_argument(
    "--step",
    type=int,
    default=0,
    metavar="N",
    help="checkpoint of each run (the best one, else the latest)",
  )
  options = parser.parse_args(arguments)
  # After the parsing, so that --help does not wait for it.
  from gansynth import command_line, label_comparison

  command_line.start()
  try:
    table = label_comparison.compare(
      options.runs,
      options.judge,
      options.output,
      max_items=options.max_items,
      batch_size=options.batch_size,
      step=options.step,
    )
  except (ValueError, OSError) as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  print(table)
  print(f"the table and the pictures are in {options.output}")
  return 0


if __name__ == "__main__":
  sys.exit(main())
