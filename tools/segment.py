r"""Tells the classes of pictures' pixels, and how well they fit label maps.

  python tools/segment.py pictures --segmenter networks/drn_d_105 \
    --output predictions
  python tools/segment.py generated --segmenter networks/drn_d_105 \
    --labels gtFine/val --protocol semdisc --output predictions \
    --report report.html
  python tools/segment.py cityscapes/val_images.txt \
    --labels cityscapes/val_labels.txt --protocol drn \
    --segmenter networks/drn_d_22 --output predictions
  python tools/segment.py pictures --segmenter runs/segmenter \
    --palette geoseg --output predictions

`predictions` gets a grey PNG of classes for each picture and, in `color/`, one
to look at; with --labels also scores.json, and with --report=FILE a page of
them. A run that was interrupted goes on where it stopped. Networks of DRN are
imported with tools/convert_checkpoint.py; checkpoints/README.md tells where
they are from. A program is compiled for every size of pictures, so resize
those of a folder that has hundreds.

Protocols move scores by several points, so say which one a number is of:
picture (labels shrunk to the pictures), full (pictures enlarged to the labels),
semdisc, oasis, clade (512 x 256, each in its own way), and drn (nothing is
resized, sides are multiples of 8). More is said in
gansynth/metrics/segmentation_protocols.py.
"""

import argparse
import sys


def main(argv: list[str] | None = None) -> int:
  """Parses the flags, tells classes, prints scores and where all is."""
  parser = _parser()
  options = parser.parse_args(argv)
  if options.report and not options.labels:
    parser.error("--report is of scores, which need --labels")
  # After the parsing, so that --help does not wait for it.
  from gansynth import command_line, files, segmenters
  from gansynth.data.labels import palettes
  from gansynth.metrics import picture_sets, segmentation_run
  from gansynth.metrics import segmentation_protocols as protocols
  from gansynth.reports import evaluation_report

  command_line.start()
  try:
    if options.report:
      files.check_writable(options.report)
    pictures = picture_sets.open(options.pictures)
    paths = ()
    if options.labels:
      protocol = protocols.find(options.protocol)
      paths = segmentation_run.find_labels(options.labels, pictures)
    segmenter = segmenters.load(
      options.segmenter,
      batch_size=options.batch_size,
      random_features=options.random_features,
    )
    truth = None
    if options.labels:
      kind = options.label_ids or segmentation_run.label_kind(
        paths, segmenter.num_classes or options.num_classes
      )
      truth = segmentation_run.Truth(paths, kind, protocol)
    palette = options.palette
    run = segmentation_run.segment(
      segmenter,
      pictures,
      options.output,
      truth,
      num_classes=options.num_classes,
      class_names=palettes.names(palette) if palette else (),
      colors=palettes.load(palette) if palette else None,
      multi_scale=options.multi_scale,
      shown=options.shown if options.report else 0,
    )
    if options.report:
      places = {
        "pictures": options.pictures,
        "labels": options.labels,
        "protocol": run.evaluation.about["protocol"],
      }
      evaluation_report.write(
        options.report, [run.evaluation], "Pictures and their labels", places
      )
  except (ValueError, OSError, ModuleNotFoundError) as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  print(
    f"classes of {run.told} pictures were told, of {run.already_there} they "
    f"were there already; look in {options.output}/color"
  )
  if run.evaluation:
    for name, value in run.evaluation.scores.items():
      print(f"{name:32} {value:.4f}")
    for name in ("protocol", "as SemDisc prints it"):
      if name in run.evaluation.about:
        print(f"{name}: {run.evaluation.about[name]}")
    for note in run.evaluation.notes:
      print(f"note: {note}")
  return 0


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add = parser.add_argument
  add(
    "pictures",
    metavar="PICTURES",
    help="a folder, a .zip, a .txt list of paths (as DRN's val_images.txt), or "
    "tfds:name:split",
  )
  add(
    "--segmenter",
    required=True,
    metavar="PLACE",
    help="networks/drn_d_105 (or _38, _22), a run of configs/segmenter.py, a "
    "TorchScript file, or file.py:function",
  )
  add("--output", required=True, metavar="FOLDER")
  add(
    "--labels",
    default="",
    metavar="PATH",
    help="label maps to compare with: a folder, or a list as DRN's "
    "val_labels.txt",
  )
  add("--protocol", default="picture", help="see above (picture)")
  add(
    "--label-ids",
    choices=("ids", "train_ids", "classes"),
    help="what label maps hold: ids of Cityscapes, its train ids, or the "
    "segmenter's own classes; 255 is never counted (told from their names)",
  )
  add(
    "--multi-scale",
    action=argparse.BooleanOptionalAction,
    default=None,
    help="look at six sizes of each picture, with DRN (as the protocol says)",
  )
  add(
    "--palette",
    default="",
    help="colours and names of the classes, see gansynth.data.labels.palettes "
    "(Cityscapes' of 19 classes)",
  )
  add("--num-classes", type=int, help="of a segmenter that does not tell")
  add("--batch-size", type=int, default=0, metavar="N", help="(8)")
  add(
    "--report",
    default="",
    metavar="FILE",
    help="one HTML file of scores, classes and the best and worst pictures",
  )
  add(
    "--shown",
    type=int,
    default=8,
    metavar="N",
    help="in the report, of the best and of the worst (8)",
  )
  add(
    "--random-features",
    action="store_true",
    help="draw DRN's weights: a smoke test, whose numbers mean nothing",
  )
  return parser


if __name__ == "__main__":
  sys.exit(main())
