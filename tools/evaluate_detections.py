r"""Average precision of detections, by COCO's rule or Pascal VOC's.

python tools/evaluate_detections.py --labels data/data.yaml \
    --predictions runs/detect/predict --output scores.json

Labels are COCO's .json, a data.yaml or a folder of YOLO's, or a folder of
Pascal VOC's; detections are COCO's results (.json), or a folder of YOLO's text
files with a confidence behind each box (Ultralytics: save_txt=True
save_conf=True). Pictures are matched by name. COCO's rule is computed by
pycocotools: pip install pycocotools.
"""

import argparse
import os
import sys


def main(argv: list[str] | None = None) -> int:
  """Parses the flags, scores, prints and writes."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("--labels", required=True, metavar="PATH")
  parser.add_argument("--predictions", required=True, metavar="PATH")
  parser.add_argument(
    "--images",
    default="",
    metavar="FOLDER",
    help="the pictures, where YOLO's labels are not laid out as usual; of "
    "other labels their sizes are compared with what these say",
  )
  parser.add_argument(
    "--classes",
    nargs="+",
    default=[],
    metavar="NAME",
    help="what the numbers of YOLO's classes stand for, or a data.yaml or "
    "classes.txt (a file of names beside labels or detections)",
  )
  parser.add_argument(
    "--split",
    default="",
    help="of a data.yaml (val), or of VOC's ImageSets (all pictures)",
  )
  parser.add_argument(
    "--first-category",
    type=int,
    choices=(0, 1),
    default=1,
    help="number of the first class in COCO's results for labels that are not "
    "COCO's (1)",
  )
  parser.add_argument(
    "--rule",
    default="coco",
    help="coco; voc (overlap of 0.5, all points); voc2007 (11 points)",
  )
  parser.add_argument(
    "--output", default="", metavar="FILE", help="JSON of the scores"
  )
  options = parser.parse_args(argv)
  # After the parsing, so that --help does not wait for it.
  from gansynth import files
  from gansynth.metrics import detection_scores
  from gansynth.synthesis.labels import yolo

  names = options.classes
  try:
    if options.output:
      files.check_writable(options.output)
    if len(names) == 1 and (os.path.isfile(names[0]) or "." in names[0]):
      names = yolo.read_classes(names[0])
    result = detection_scores.evaluate(
      options.labels,
      options.predictions,
      pictures=options.images,
      class_names=names,
      split=options.split,
      first_category=options.first_category,
      rule=options.rule,
    )
    print(detection_scores.report(result))
    if options.output:
      detection_scores.write(options.output, result)
  except (ValueError, OSError, ModuleNotFoundError) as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  return 0


if __name__ == "__main__":
  sys.exit(main())
