"""Makes detection data sets: labelled objects blended into backgrounds.

python tools/synthetic_dataset_generation.py --output data
python tools/synthetic_dataset_generation.py --objects CROPS --backgrounds TILES
  --output data --images 1000 --rotation any --scale 0.7 1.4 --flip
python tools/synthetic_dataset_generation.py ... --shard 0/4
python tools/synthetic_dataset_generation.py ... --beam --runner=FlinkRunner ...
python tools/synthetic_dataset_generation.py --remake NAME.jpg --output data

Every ordered pair of domains becomes a data set of its own. Without --objects
and --backgrounds: procedural wind turbines in procedural tiles. CROPS is a
folder of `images` and `labels` (YOLO), a COCO json, or a folder of transparent
PNGs for each class; TILES a folder of pictures, or of a folder for each domain.
Killed and started again it goes on. All after --beam is for Apache Beam, whose
workers must see all folders at the same paths. The flags of the original
climate program are known, too; --mode original also places and names as that
does. The exit status is 1 if anything could not be made.
"""

import argparse
import sys

from gansynth import detection_flags


def main(arguments: list[str] | None = None) -> int:
  """Makes the data sets, prints what was done, returns the exit status."""
  parser = _parser()
  options = vars(parser.parse_args(arguments))
  output = options.pop("output")
  remake = options.pop("remake", None)
  beam_flags = options.pop("beam", None)
  if beam_flags is not None and (remake or {"shard", "workers"} & set(options)):
    parser.error("--beam goes without --remake, --shard and --workers")
  shard = options.pop("shard", "0/1")
  workers = options.pop("workers", None)
  # After the parsing, so that --help does not wait for it.
  from gansynth import command_line, detection

  command_line.start()
  try:
    if remake:
      if options:
        parser.error("--remake takes its options from the run")
      detection.remake(output, remake, remake)
      print(f"{remake} is made again")
      return 0
    chosen = detection_flags.options(options)
    if beam_flags is None:
      result = detection.generate(
        chosen, output, shard=command_line.shard(shard), workers=workers
      )
    else:
      result = detection.generate_on_beam(chosen, output, beam_flags)
  except (ValueError, OSError, ModuleNotFoundError) as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  print(detection.report(result, output))
  return 1 if result.problems else 0


def _parser():
  parser = argparse.ArgumentParser(
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    argument_default=argparse.SUPPRESS,
  )

  def add(*names, to=None, **settings):
    if to:
      settings["dest"] = to
    parser.add_argument(*names, **settings)

  add("--output", "--final-results-dir", required=True, metavar="FOLDER")
  add("--remake", metavar="FILE", help="make this one picture of a run again")
  add("--shard", metavar="i/n", help="make every n-th picture from the i-th on")
  add(
    "--workers",
    type=int,
    metavar="N",
    help="processes that compose; 0: threads",
  )
  add("--mode", choices=("fixed", "original"), help="of placing (fixed)")
  add("--seed", "--random-seed", type=int, metavar="N", help="(42)")
  add(
    "--images",
    "--num-synthetic-images-per-domain",
    type=int,
    metavar="N",
    help="for each pair of domains (100)",
  )
  add("--domains", nargs="+", help="which to use (all)")
  add("--pairs", choices=("all", "cross", "within"), help="of domains (all)")
  add(
    "--objects",
    "--implantable-objects-dir",
    to="objects.path",
    metavar="PLACE",
    help="what to place",
  )
  add(
    "--object-kind",
    to="objects.kind",
    metavar="KIND",
    help="yolo, coco, rgba, unlabelled, procedural (told from PLACE)",
  )
  add(
    "--object-images",
    to="objects.images",
    metavar="FOLDER",
    help="photographs of a COCO json",
  )
  add(
    "--class-names",
    to="objects.class_names",
    nargs="+",
    metavar="NAME",
    help="where the labels do not come with them; of COCO: which to take",
  )
  add(
    "--num-crops",
    "--objects-augmenter-has-access-to",
    to="objects.limit",
    metavar="N",
    type=detection_flags.count_or_all,
    help="distinct cut-outs to use (all)",
  )
  add(
    "--distractors",
    to="distractors.path",
    metavar="PLACE",
    help="what to place without a label; say --num-distractors, too",
  )
  add(
    "--distractor-kind",
    to="distractors.kind",
    metavar="KIND",
    help="as --object-kind; unlabelled: a folder of any pictures",
  )
  add(
    "--backgrounds",
    "--root",
    to="backgrounds.path",
    metavar="FOLDER",
    help="what to place it into",
  )
  add(
    "--domain-dict-path",
    to="backgrounds.domain_dict",
    metavar="FILE",
    help="the original's json of a domain's pictures",
  )
  add(
    "--num-backgrounds",
    "--num-target-background-images",
    type=detection_flags.count_or_all,
    to="backgrounds.limit",
    metavar="N",
    help="of a domain (all)",
  )
  add(
    "--size",
    "--out-shape",
    to="backgrounds.size",
    nargs=2,
    type=int,
    metavar=("HEIGHT", "WIDTH"),
    help="cut backgrounds to it",
  )
  add(
    "--window",
    to="backgrounds.window",
    choices=("random", "tiles"),
    help="how they are cut (random)",
  )
  add(
    "--real-labels",
    "--real-label-dir",
    to="real_labels",
    metavar="PLACE",
    help="YOLO folder or COCO json, for --use-real and the plots",
  )
  add(
    "--percentile",
    "--num-objects-to-sample-per-image-percentile",
    to="objects_percentile",
    type=float,
    metavar="P",
    help="objects on a picture: this percentile of the real",
  )
  detection_flags.add_rules(parser)
  detection_flags.add_blending(parser)
  add(
    "--formats",
    to="output.formats",
    nargs="+",
    metavar="FORMAT",
    help="of labels: yolo coco voc tfds (yolo coco)",
  )
  add("--picture", to="output.picture", choices=("jpg", "png"), help="(jpg)")
  add(
    "--quality", to="output.quality", type=int, metavar="Q", help="of JPEG (95)"
  )
  add(
    "--naming",
    to="output.naming",
    choices=("plain", "original"),
    help="of files (that of the mode)",
  )
  add(
    "--segmentation",
    to="output.segmentation",
    choices=("rle", "polygon"),
    help="of COCO json (rle)",
  )
  add(
    "--canvases",
    "--augmented-images-results-dir",
    to="output.canvases",
    metavar="FOLDER",
    help="keep what goes into the blending",
  )
  add(
    "--no-preview",
    to="output.preview",
    action="store_false",
    help="no contact sheets",
  )
  add(
    "--beam",
    nargs=argparse.REMAINDER,
    metavar="FLAG",
    help="run on Apache Beam, with all that follows as Beam's own flags "
    "(--runner=DataflowRunner --region=...; none: its local runner)",
  )
  detection_flags.add_not_needed(parser)
  return parser


if __name__ == "__main__":
  sys.exit(main())
