r"""Measures whether synthetic pairs help a segmenter that has few real ones.

python tools/augmentation_gain.py --output gain
python tools/augmentation_gain.py --real ROOT --output gain
python tools/augmentation_gain.py --real ROOT --synthetic PAIRS --output gain

The first does it on procedural land cover, of which there are 1000 scenes. ROOT
holds `train` and `val`, each with `images` and `masks`. Of the training pairs a
--fraction is used. Without PAIRS (of tools/generate_pairs.py) a generator is
trained on that fraction alone and makes them, and a segmenter that was trained
on it alone filters them. Then small segmenters are trained at each of --ratios,
with several seeds and for the same number of steps. `gain/gain.md`, which is
also printed, tells their mean IoU on the validation pairs with its spread, the
gain against no synthetic pairs with its standard error, and the IoU by class;
`gain/gain.json` has each run.

Killed and started again with the same command it goes on. More --seeds and
--ratios can be asked for later.
"""

import argparse
import pathlib
import sys

from gansynth import pair_flags

_CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs"


def main(arguments: list[str] | None = None) -> int:
  """Measures, prints the table, returns the exit status."""
  parser = _parser()
  given = vars(parser.parse_args(arguments))
  # After the parsing, so that --help does not wait for it.
  from gansynth import augmentation_gain, command_line

  command_line.start()
  try:
    configs = [
      _load(name, given) for name in ("segmenter_config", "gan_config")
    ]
    names = vars(augmentation_gain.Options()).keys() & given.keys()
    chosen = {name: given[name] for name in names}
    if "ratios" in chosen:
      chosen["ratios"] = tuple(chosen["ratios"])
    options = augmentation_gain.Options(**chosen)
    text = augmentation_gain.measure(
      *configs,
      options,
      given["output"],
      given.get("synthetic", ()),
      _pair_options(given),
    )
  except (ValueError, OSError) as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  print(text)
  print(f"this table and the numbers of each run are in {given['output']}")
  return 0


def _load(name, given):
  """Loads a config and applies what the command line says of its data."""
  from gansynth import config as config_lib

  variant = "folders" if "real" in given else ""
  default = f"{_CONFIGS / name.removesuffix('_config')}.py:{variant}"
  if name == "gan_config":
    default = default.replace("gan.py", "geoseg.py")
  config = config_lib.load(given.get(name, default))
  if "real" in given:
    config.data.root = given["real"]
  elif name not in given:
    config.data.num_train = 1000
  if name == "gan_config" and name not in given:
    # Of some dozen pairs a generator's weights swing widely, which their mean
    # does not, and mirrored ones are as many again.
    config.ema_decay = 0.995
    config.data.flip = True
  for field in ("palette", "palette_rule", "num_labels"):
    if field in given:
      config.data[field] = given[field]
  if "size" in given:
    if config.data.preprocess == "none":
      raise ValueError("--size is for --real; land cover is 64 x 64")
    config.data.load_size = config.data.crop_size = given["size"]
  return config


def _pair_options(given):
  """How masks are drawn and changed."""
  # Nothing is up or down in what is seen from above.
  usual = {"changes.vertical_flip": True, "changes.right_angles": True}
  flags = {} if "real" in given else usual
  for name, value in given.items():
    if "." in name or name.startswith("elastic"):
      flags[name] = value
  return pair_flags.options(flags)


def _parser():
  parser = argparse.ArgumentParser(
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    argument_default=argparse.SUPPRESS,
  )
  parser.add_argument("--output", required=True, metavar="FOLDER")
  parser.add_argument(
    "--real", metavar="ROOT", help="real pairs (procedural land cover)"
  )
  parser.add_argument(
    "--synthetic", nargs="+", metavar="PAIRS", help="pairs made before"
  )
  parser.add_argument(
    "--fraction", type=float, help="of the real training pairs (0.1)"
  )
  parser.add_argument(
    "--ratios",
    type=float,
    nargs="+",
    help="shares of synthetic pairs in training, with 0 (0 0.2 0.3 0.5)",
  )
  parser.add_argument(
    "--seeds", type=int, metavar="N", help="runs of each ratio (3)"
  )
  parser.add_argument(
    "--steps", type=int, metavar="N", help="of each segmenter (600)"
  )
  parser.add_argument(
    "--no-all-real",
    dest="all_real",
    action="store_false",
    help="leave out the runs with all real pairs",
  )
  parser.add_argument(
    "--subset-seed",
    type=int,
    metavar="N",
    help="which real pairs are drawn (0)",
  )
  parser.add_argument(
    "--gan-steps", type=int, metavar="N", help="of the generator (1200)"
  )
  parser.add_argument(
    "--pairs",
    type=int,
    dest="num_pairs",
    metavar="N",
    help="that are generated; the filter keeps fewer (500)",
  )
  parser.add_argument(
    "--tau",
    type=float,
    help="mean IoU from which on the filter keeps a pair (the median, so that "
    "about half are kept)",
  )
  parser.add_argument(
    "--keep-networks",
    action="store_true",
    help="keep the compared segmenters' checkpoints",
  )
  parser.add_argument(
    "--segmenter-config",
    metavar="FILE",
    help="config file, and after a colon its variant (configs/segmenter.py)",
  )
  parser.add_argument(
    "--gan-config", metavar="FILE", help="the same (configs/geoseg.py)"
  )
  parser.add_argument("--palette", help="of coloured masks, see configs/geoseg")
  parser.add_argument("--palette-rule", help="for other colours (exact)")
  parser.add_argument("--num-labels", type=int, metavar="N", help="6")
  parser.add_argument(
    "--size",
    type=int,
    metavar="N",
    help="pictures of ROOT are resized to N x N (256)",
  )
  made = parser.add_argument_group(
    "what is generated", "as of tools/generate_pairs.py"
  )
  pair_flags.add_changes(made)
  made.add_argument(
    "--oversample",
    dest="masks.oversample",
    nargs="+",
    metavar="LABEL",
    help="labels whose masks are drawn more often, or rare",
  )
  made.add_argument(
    "--oversample-factor",
    dest="masks.oversample_factor",
    type=float,
    metavar="X",
    help="how much more often (2)",
  )
  return parser


if __name__ == "__main__":
  sys.exit(main())
