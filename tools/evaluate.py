r"""How close generated pictures are to real ones: FID, KID, LPIPS and others.

python tools/evaluate.py REAL SYNTHETIC --metrics=fid,kid
python tools/evaluate.py REAL SYNTHETIC --metrics=lpips,psnr,ssim \
    --output scores.json --report report.html
python tools/evaluate.py --save-stats REAL statistics.npz
python tools/evaluate.py statistics.npz SYNTHETIC

REAL and SYNTHETIC are folders of pictures, .zip archives of them, .npy or .npz
arrays, .txt lists, or data sets of TensorFlow Datasets (tfds:name:split); for
FID also statistics (.npz) of this program, pytorch-fid or clean-fid. FID is
that of pytorch-fid, with --resize=clean that of clean-fid. lpips, psnr and
ssim compare pictures of the same name, diversity those in one folder.

The networks' weights are imported once; where they are missing, the message
says how.
"""

import argparse
import pathlib
import sys


def main(arguments: list[str] | None = None) -> int:
  """Parses the flags, measures, prints and writes; returns the exit status."""
  options = _parser().parse_args(arguments)
  # After the parsing, so that --help does not wait for it.
  from gansynth import command_line, files, parallel
  from gansynth.metrics import picture_evaluation
  from gansynth.progress import Progress
  from gansynth.reports import evaluation_report

  try:
    parallel.initialize(
      options.coordinator, options.num_processes, options.process_id
    )
  except ValueError as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  command_line.start()

  def progress(total):
    return Progress(total, unit="picture").update

  shared = {
    "listing": options.listing,
    "size": options.size,
    "progress": progress,
    "networks": options.networks,
    "random_features": options.random_features,
    "resize": options.resize,
    "dims": options.dims,
    "batch_size": options.batch_size,
  }
  outputs = [options.output, options.report]
  if options.save_stats:
    outputs = [options.synthetic]

  def check_outputs():
    for path in filter(None, outputs):
      files.check_writable(path)

  try:
    parallel.on_primary(check_outputs)
    if options.save_stats:
      picture_evaluation.save_statistics(
        options.real, options.synthetic, **shared
      )
      if parallel.is_primary():
        print(f"the statistics are in {options.synthetic}")
      return 0
    found = picture_evaluation.evaluate(
      options.real,
      options.synthetic,
      options.metrics,
      group_by=options.group_by,
      shown=options.pictures if options.report else 0,
      kid_subsets=options.subsets,
      kid_subset_size=options.subset_size,
      neighbors=options.neighbors,
      lpips=options.lpips,
      seed=options.seed,
      **shared,
    )
    if not parallel.is_primary():
      return 0
    for note in found.notes:
      print(f"note: {note}", file=sys.stderr)
    print(picture_evaluation.report(found))
    if options.output:
      picture_evaluation.write_json(options.output, found)
      print(f"the numbers are in {options.output}")
    if options.report:
      places = {"real": options.real, "synthetic": options.synthetic}
      evaluation_report.write(
        options.report, [found], "Synthetic and real pictures", places
      )
      print(f"the report is in {options.report}")
  except (ValueError, OSError) as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  return 0


def _parser():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("real", metavar="REAL")
  parser.add_argument("synthetic", metavar="SYNTHETIC")
  parser.add_argument(
    "--metrics",
    default="fid",
    help="fid, kid, precision, recall, density, coverage; lpips, psnr, ssim; "
    "diversity; with commas between (fid)",
  )
  parser.add_argument(
    "--save-stats",
    action="store_true",
    help="write statistics of the pictures REAL to the file SYNTHETIC, which "
    "must not exist",
  )
  parser.add_argument(
    "--output", type=pathlib.Path, metavar="FILE", help="JSON of the numbers"
  )
  parser.add_argument(
    "--report",
    type=pathlib.Path,
    metavar="FILE",
    help="HTML of the numbers, with the best and the worst pictures",
  )
  parser.add_argument(
    "--pictures",
    type=int,
    default=8,
    metavar="N",
    help="in the report, of the best and of the worst by each score (8)",
  )
  _add_networks(parser.add_argument_group("networks"))
  _add_pictures(parser.add_argument_group("pictures"))
  _add_metrics(parser.add_argument_group("single metrics"))
  _add_hosts(
    parser.add_argument_group(
      "several hosts", "of no cluster that JAX finds out about by itself"
    )
  )
  return parser


def _add_networks(group):
  group.add_argument(
    "--networks",
    default="networks",
    metavar="FOLDER",
    help="where imported networks lie (networks)",
  )
  group.add_argument(
    "--random-features",
    action="store_true",
    help="random weights, for smoke tests; the numbers' names say so",
  )
  group.add_argument(
    "--batch-size",
    type=int,
    default=32,
    metavar="N",
    help="pictures at once, on all devices together (32)",
  )


def _add_pictures(group):
  group.add_argument(
    "--listing",
    choices=("all", "pytorch_fid", "cleanfid"),
    default="all",
    help="which pictures of a folder count: all in it and below it, or those "
    "that the named program sees (all)",
  )
  group.add_argument(
    "--size",
    type=int,
    nargs=2,
    default=(),
    metavar=("HEIGHT", "WIDTH"),
    help="bring all pictures to this size first, by a bicubic filter",
  )
  group.add_argument(
    "--resize",
    choices=("legacy", "clean"),
    default="legacy",
    help="to what Inception is shown: as pytorch-fid, or as clean-fid (legacy)",
  )


def _add_metrics(group):
  group.add_argument(
    "--dims",
    type=int,
    choices=(64, 192, 768, 2048),
    default=2048,
    help="of the features, which tells Inception's layer (2048)",
  )
  group.add_argument(
    "--subsets", type=int, default=100, metavar="N", help="of KID (100)"
  )
  group.add_argument(
    "--subset-size",
    type=int,
    default=1000,
    metavar="N",
    help="pictures in a subset of KID, at most (1000)",
  )
  group.add_argument(
    "--seed", type=int, default=0, help="of the subsets of KID (0)"
  )
  group.add_argument(
    "--neighbors",
    type=int,
    default=5,
    metavar="K",
    help="k of precision, recall, density and coverage (5)",
  )
  group.add_argument(
    "--lpips",
    choices=("alex", "vgg", "squeeze"),
    default="alex",
    help="network of lpips and diversity (alex)",
  )
  group.add_argument(
    "--group-by",
    default="",
    metavar="REGEX",
    help="which names were made of the same input, for diversity: those in "
    "which it finds the same text, or the same first group",
  )


def _add_hosts(group):
  group.add_argument(
    "--coordinator", metavar="HOST:PORT", help="address of process 0"
  )
  group.add_argument(
    "--num-processes", type=int, metavar="N", help="how many there are"
  )
  group.add_argument(
    "--process-id", type=int, metavar="I", help="this one, from 0"
  )


if __name__ == "__main__":
  sys.exit(main())
