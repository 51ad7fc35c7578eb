r"""Draws people's joints as the stick pictures that networks are shown.

For `--mode=synthesize` of a generator that was trained on poses (data source
"poses"), whose `--config.synthesize.input` is the folder written here:

python tools/draw_poses.py --joints JSON_FILES --output STICKS \
    --height 256 --width 256

Joints are pixels of these 256 x 256; where they are of pictures of other
sizes, `--pictures FOLDER` says so and they are scaled. The format of the files
is in gansynth.data.labels.pose_files.read; one in COCO's format serves, too.
"""

import argparse
import sys


def main(argv: list[str] | None = None) -> int:
  """Parses the flags, draws, prints how many."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    "--joints", required=True, help="folder of JSON files, or COCO's file"
  )
  parser.add_argument("--pictures", default="", help="what joints belong to")
  parser.add_argument(
    "--output", required=True, help="folder of stick pictures"
  )
  parser.add_argument("--height", type=int, required=True, help="of these")
  parser.add_argument("--width", type=int, required=True, help="of these")
  options = parser.parse_args(argv)

  # After the parsing, so that --help does not wait for it.
  from gansynth.data.labels import pose_sources

  size = options.height, options.width
  if min(size) < 1:
    parser.error("--height and --width are at least 1")
  try:
    written = pose_sources.draw_all(
      options.joints, options.output, size, options.pictures
    )
  except (ValueError, OSError) as error:
    print(f"draw_poses: {error}", file=sys.stderr)
    return 1
  print(f"{options.output}: {len(written)} stick pictures")
  return 0


if __name__ == "__main__":
  sys.exit(main())
