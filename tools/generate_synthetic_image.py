"""Makes one labelled picture: objects blended into a background.

python tools/generate_synthetic_image.py --output picture.png
python tools/generate_synthetic_image.py --object-images crops/*.jpg
  --object-labels crops/*.txt --background tile.jpg --output picture.jpg

The YOLO labels go beside the picture, with the ending .txt. Without crops and
background: procedural wind turbines in a procedural tile. The flags of the
original climate program are known, too; --mode original also places as that
does.
"""

import argparse
import sys

from gansynth import detection_flags


def main(arguments: list[str] | None = None) -> int:
  """Makes the picture, prints where it is, returns the exit status."""
  options = vars(_parser().parse_args(arguments))
  output = options.pop("output")
  pictures = options.pop("object_images", None)
  labels = options.pop("object_labels", None)
  background = options.pop("background", None)
  canvas_name = options.pop("canvas_name", "")
  # After the parsing, so that --help does not wait for it.
  from gansynth import command_line, detection
  from gansynth.synthesis import listed_files

  command_line.start()
  try:
    if (pictures is None) != (background is None):
      raise ValueError(
        "--object-images and --background go together; give both, or neither "
        "for procedural ones"
      )
    crops = backgrounds = None
    if pictures:
      names = options.pop("objects.class_names", None)
      one_class = options.get("mode") == "original"
      crops = listed_files.ListedCrops(pictures, labels, names, one_class)
      backgrounds = listed_files.ListedBackgrounds([background])
      listed_files.refuse_overwriting(output, crops, background)
    chosen = detection_flags.options({"pairs": "all", "images": 1, **options})
    composed = detection.generate_image(
      chosen,
      output,
      crops=crops,
      backgrounds=backgrounds,
      canvas_name=canvas_name,
    )
  except (ValueError, OSError) as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  print(f"{len(composed.objects)} objects; look at {output}")
  return 0


def _parser():
  parser = argparse.ArgumentParser(
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    argument_default=argparse.SUPPRESS,
  )
  add = parser.add_argument
  add(
    "--output",
    "--blended-img-out-path",
    required=True,
    metavar="FILE",
    help="picture to write, png or jpg",
  )
  add(
    "--object-images",
    "--objects-to-implant-img-fpaths",
    nargs="+",
    metavar="FILE",
    help="crops",
  )
  add(
    "--object-labels",
    "--objects-to-implant-lbl-fpaths",
    nargs="+",
    metavar="FILE",
    help="their YOLO labels, in the same order (beside the crops)",
  )
  add(
    "--class-names",
    dest="objects.class_names",
    nargs="+",
    metavar="NAME",
    help="where the labels do not come with them",
  )
  add("--background", "--dst-img", metavar="FILE", help="picture")
  add("--mode", choices=("fixed", "original"), help="of placing (fixed)")
  add("--seed", "--random-seed", type=int, metavar="N", help="(42)")
  add(
    "--size",
    "--out-shape",
    dest="backgrounds.size",
    nargs=2,
    type=int,
    metavar=("HEIGHT", "WIDTH"),
    help="cut the background to it",
  )
  add(
    "--canvases",
    "--augmented-images-results-dir",
    dest="output.canvases",
    metavar="FOLDER",
    help="keep what goes into the blending",
  )
  add(
    "--canvas-name",
    "--out-fname",
    metavar="NAME",
    help="of these (the output's)",
  )
  detection_flags.add_rules(parser)
  detection_flags.add_blending(parser)
  detection_flags.add_not_needed(parser)
  return parser


if __name__ == "__main__":
  sys.exit(main())
