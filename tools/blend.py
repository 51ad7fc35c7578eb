"""Pastes objects into scenes without a seam (Gaussian-Poisson, GP-GAN).

python tools/blend.py --source S.jpg --target T.jpg --mask M.png --output O.png
python tools/blend.py --list LIST.txt --output FOLDER --weights gan.npz
python tools/blend.py --source FOLDER --target T.jpg --mask FOLDER --output OUT

A list has the lines `source;destination;mask` of the original program, and
perhaps `;row,column`. Folders are matched by name; one target or mask may serve
for all. Results that are there are not made again. Without --weights it blends
all the same, and says how. Options not given have the defaults of
`gansynth.Blender`. The exit status is 1 if anything could not be blended.
"""

import argparse
import os
import pathlib
import sys

_NUMBERS = {
  "color_weight": (float, "pull towards the colour picture (1)"),
  "sigma": (float, "Gaussian of that pull, in pixels (0.5)"),
  "smooth_sigma": (float, "Gaussian of the pyramid, in pixels (1)"),
  "feather": (float, "soft edge of method feather, in pixels (8)"),
  "margin": (int, "pixels around the mask, of --local"),
  "image_size": (int, "side of the coarsest level, the network's (64)"),
  "n_iteration": (int, "of the search of gp_gan_unsupervised (1000)"),
  "seed": (int, "of that search (0)"),
  "batch_size": (int, "triples at a time (1)"),
}


def main(arguments: list[str] | None = None) -> int:
  """Blends, prints what was done, and returns the exit status."""
  parser = argparse.ArgumentParser(
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    argument_default=argparse.SUPPRESS,
  )
  add = parser.add_argument
  add("--source", help="picture of the object, or a folder")
  add("--target", help="picture of the scene, or a folder")
  add("--mask", help="where the object is; else the source's transparency")
  add(
    "--position",
    metavar="ROW,COLUMN",
    help="of the source on the target, --position=-3,40 where negative",
  )
  add("--list", help="file of lines source;destination;mask")
  add("--output", required=True, help="picture, or folder for several")
  add("--naming", choices=("original", "source"), help="of results in a folder")
  add("--format", choices=("png", "jpg"), default="png", help="in a folder")
  add("--weights", help=".npz, converted network, or work directory of a run")
  add("--method", help="gp_gan, gaussian_poisson, poisson, feather, paste")
  add("--kernel", help="of gradients: normal, sobel, scharr, roberts, prewitt")
  add("--border", help="of those gradients: zero or reflect")
  add("--behavior", help="exact, as the original, or fixed")
  add("--transfer", help="of method poisson: normal, mixed or monochrome")
  add("--local", action="store_true", help="solve only around the mask")
  for name, (kind, text) in _NUMBERS.items():
    add(f"--{name.replace('_', '-')}", type=kind, help=text)
  options = vars(parser.parse_args(arguments))
  inputs = {
    name: options.pop(name, None)
    for name in ("source", "target", "mask", "position", "list", "naming")
  }
  output, file_format = options.pop("output"), options.pop("format")
  if (inputs["list"] is None) == (inputs["source"] is None):
    parser.error("give either --list, or --source and --target")
  if inputs["list"] is None and inputs["target"] is None:
    parser.error("--source needs a --target")
  if inputs["list"] and any(
    inputs[name] for name in ("target", "mask", "position")
  ):
    parser.error("--list names its own targets, masks and positions")
  try:
    return _blend(inputs, output, file_format, options)
  except (ValueError, OSError) as error:
    print(f"error: {error}", file=sys.stderr)
    return 1


def _blend(inputs, output, file_format, options):
  # After the parsing, so that --help does not wait for it.
  from gansynth import command_line, images
  from gansynth.blender import Blender
  from gansynth.synthesis import background, blend_files, triples

  command_line.start()
  position = inputs["position"] and triples.parse_position(inputs["position"])
  places = [inputs[name] for name in ("source", "target", "mask")]
  folders = [place for place in places if place and os.path.isdir(place)]
  for folder in folders:
    background.refuse_inside(output, folder)
  problems = []
  if inputs["list"]:
    files, problems = triples.read_list(inputs["list"])
  elif folders:
    files, problems = triples.pair_folders(*places, position)
  else:
    files = [triples.single(*places, position)]
  blender = Blender.load(options.pop("weights", None), **options)
  print(blender.describe(), flush=True)
  several = inputs["list"] or folders
  if not several and pathlib.Path(output).suffix[1:] in images.EXTENSIONS:
    triple = blend_files.load(blender, files[0])
    images.write(output, blender.blend([triple])[0])
    return 0
  result = blend_files.blend_files(
    blender,
    files,
    output,
    naming=inputs["naming"] or ("source" if folders else "original"),
    file_format=file_format,
  )
  problems = sorted(problems + result.problems)
  for problem in problems:
    print(problem, file=sys.stderr)
  print(
    f"{result.blended} pictures blended, {result.already_there} were there "
    f"already, {len(problems)} could not be; look in {output}"
  )
  return 1 if problems else 0


if __name__ == "__main__":
  sys.exit(main())
