"""Makes image-mask pairs: training masks changed, and pictures of them.

python tools/generate_pairs.py --run runs/geoseg --output pairs --pairs 500
python tools/generate_pairs.py --run runs/geoseg --output pairs
  --segmenter runs/segmenter --tau 0.6 --rotation 180 --scale 0.8 1.25
  --paste 0.5 --oversample rare
python tools/generate_pairs.py --run G_e050.pt --masks data --palette geoseg ...
python tools/generate_pairs.py ... --shard 0/4
python tools/generate_pairs.py ... --beam --runner=FlinkRunner ...
python tools/generate_pairs.py --output pairs --remake pair_00012 --into look

Masks are those that the run was trained with, or of a folder. With a segmenter
only those pairs are kept of which its prediction agrees with the mask. Killed
and started again it goes on. All after --beam is for Apache Beam, whose
workers must see all folders at the same paths. The flags of Geoseg-GAN's
program are known, too; --mode original also draws, moves and names as that
does. --remake makes pairs of a run again, also those that were not kept. The
exit status is 1 if anything could not be made.
"""

import argparse
import sys

from gansynth import pair_flags


def main(arguments: list[str] | None = None) -> int:
  """Makes the pairs, prints what was done, returns the exit status."""
  parser = _parser()
  options = vars(parser.parse_args(arguments))
  output = options.pop("output")
  beam_flags = options.pop("beam", None)
  if beam_flags is not None and {"shard", "workers"} & set(options):
    parser.error("--beam goes without --shard and --workers")
  remake, into = options.pop("remake", []), options.pop("into", None)
  if bool(remake) != bool(into) or (remake and options):
    parser.error(
      "--remake and --into go together, and with --output alone: the run tells "
      "the rest"
    )
  shard = options.pop("shard", "0/1")
  workers = options.pop("workers", None)
  # After the parsing, so that --help does not wait for it.
  from gansynth import command_line, pairs

  command_line.start()
  try:
    if remake:
      scores = pairs.remake(output, remake, into)
      for name, iou in zip(remake, scores, strict=True):
        print(name if iou is None else f"{name}: mean IoU {iou:.3f}")
      return 0
    chosen = pair_flags.options(options)
    if beam_flags is None:
      result = pairs.generate(
        chosen, output, shard=command_line.shard(shard), workers=workers
      )
    else:
      result = pairs.generate_on_beam(chosen, output, beam_flags)
    print(pairs.report(result, output))
  except (ValueError, OSError, ModuleNotFoundError) as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  return 1 if result.problems else 0


def _parser():
  parser = argparse.ArgumentParser(
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    argument_default=argparse.SUPPRESS,
  )
  add = parser.add_argument
  add(
    "--output",
    "--save_dir",
    default="synthetic",
    metavar="FOLDER",
    help="(synthetic)",
  )
  add(
    "--pairs",
    "--num_samples",
    type=int,
    metavar="N",
    help="how many are made; a filter may keep fewer (200)",
  )
  add("--mode", choices=("fixed", "original"), help="of drawing (fixed)")
  add("--seed", type=int, metavar="N", help="(0)")
  add(
    "--remake",
    nargs="+",
    metavar="NAME",
    help="make these pairs of the run in --output again",
  )
  add("--into", metavar="FOLDER", help="where --remake writes to")
  add("--shard", metavar="i/n", help="make every n-th pair from the i-th on")
  add(
    "--workers",
    type=int,
    metavar="N",
    help="processes that change masks; 0: threads",
  )
  pair_flags.add_generator(parser)
  pair_flags.add_masks(parser)
  pair_flags.add_changes(parser)
  pair_flags.add_filter(parser)
  pair_flags.add_output(parser)
  add(
    "--beam",
    nargs=argparse.REMAINDER,
    metavar="FLAG",
    help="run on Apache Beam, with all that follows as Beam's own flags "
    "(--runner=DataflowRunner --region=...; none: its local runner)",
  )
  return parser


if __name__ == "__main__":
  sys.exit(main())
