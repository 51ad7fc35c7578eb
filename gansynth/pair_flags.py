"""Command-line flags of the program that makes image-mask pairs.

Flags that are not given are absent, so that defaults are the library's. Where
Geoseg-GAN's program has a flag, its name is taken, too.
"""

import argparse
from typing import Any

from gansynth import config
from gansynth.synthesis.pair_options import Options

# Of what both modes have; which one it is, decides where the flag goes.
_ELASTIC = ("elastic_alpha", "elastic_sigma")


def add_masks(parser: argparse.ArgumentParser) -> None:
  """Adds the flags of `pair_options.MaskOptions`."""
  _add(
    parser,
    "masks.path",
    "--masks",
    "--data_root",
    metavar="FOLDER",
    help="of masks, of {train,val}/masks, or of pairs (the run's training "
    "masks)",
  )
  _add(
    parser,
    "masks.palette",
    metavar="X",
    help="geoseg, cityscapes, a file, or 'red green blue name; ...' (run's)",
  )
  _add(
    parser,
    "masks.palette_rule",
    choices=("exact", "nearest", "original"),
    help="for other colours (the run's)",
  )
  _add(
    parser,
    "masks.palette_tolerance",
    type=float,
    metavar="X",
    help="of nearest, distance in RGB (48)",
  )
  _add(
    parser,
    "masks.background",
    type=int,
    metavar="LABEL",
    help="what unknown colours become (0)",
  )
  _add(
    parser,
    "masks.size",
    type=int,
    nargs=2,
    metavar=("HEIGHT", "WIDTH"),
    help="of the pairs (the run's; without one 512 512)",
  )
  _add(
    parser,
    "masks.oversample",
    nargs="+",
    metavar="LABEL",
    help="labels whose masks are drawn more often, or rare",
  )
  _add(
    parser,
    "masks.oversample_factor",
    type=float,
    metavar="X",
    help="how much more often (2)",
  )


def add_changes(parser: argparse.ArgumentParser) -> None:
  """Adds the flags of `mask_changes.Changes` and `mask_jitter.Jitter`."""
  for name, kind, text in (
    ("changes.dilate", int, "most pixels of the box that labels grow by (2)"),
    ("changes.erode", int, "the same of labels that shrink (2)"),
    ("changes.rotation", float, "largest angle in degrees (0)"),
    ("changes.paste", float, "probability that regions are pasted (0)"),
    ("changes.paste_regions", int, "how many at most (1)"),
    ("jitter.max_dilate", int, "--dilate of mode original (2)"),
    ("jitter.max_erode", int, "--erode of mode original (2)"),
    ("elastic_alpha", float, "strength of the elastic displacement (15)"),
    ("elastic_sigma", float, "its smoothness in pixels (3)"),
  ):
    _add(parser, name, type=kind, metavar="X", help=text)
  _add(
    parser,
    "changes.paste_labels",
    type=int,
    nargs="+",
    metavar="LABEL",
    help="whose regions are pasted (all)",
  )
  _add(
    parser,
    "changes.scale",
    type=float,
    nargs=2,
    metavar=("LEAST", "MOST"),
    help="factor of the size (1 1)",
  )
  for name, text in (
    ("changes.flip", "mirror every other (yes)"),
    ("changes.vertical_flip", "also top to bottom (no)"),
    ("changes.right_angles", "turn square masks by 0, 90, 180 or 270 (no)"),
  ):
    _add(parser, name, action=argparse.BooleanOptionalAction, help=text)


def add_generator(parser: argparse.ArgumentParser) -> None:
  """Adds the flags of `pair_options.GeneratorOptions`."""
  _add(
    parser,
    "generator.weights",
    "--run",
    "--gen_ckpt",
    metavar="PLACE",
    help="a run, a converted network, or G_e###.pt",
  )
  _add(
    parser,
    "generator.step",
    type=int,
    metavar="N",
    help="checkpoint of the run (the best, else the latest)",
  )
  _add(
    parser,
    "generator.batch_size",
    type=int,
    metavar="N",
    help="pictures that a device makes together (8)",
  )
  _add(
    parser,
    "generator.mode",
    "--generator-mode",
    choices=("eval", "batch"),
    help="of batch norm (eval)",
  )
  _add(
    parser,
    "generator.seed",
    "--style-seed",
    type=int,
    metavar="N",
    help="of styles, where the generator draws any (0)",
  )
  _add(
    parser,
    "generator.instances",
    choices=("labels",),
    help="labels: every label is one instance, where the generator sees any",
  )
  _add(
    parser,
    "generator.features",
    metavar="FILE",
    help="table that instances' features are drawn from",
  )


def add_filter(parser: argparse.ArgumentParser) -> None:
  """Adds the flags of `pair_options.FilterOptions`."""
  _add(
    parser,
    "filter.segmenter",
    "--segmenter",
    "--segmenter_ckpt",
    metavar="PLACE",
    help="keep what it agrees with: a run of configs/segmenter.py, a run with "
    "SemDisc's discriminator, a TorchScript file, or module:function",
  )
  _add(
    parser,
    "filter.kind",
    "--segmenter-kind",
    metavar="KIND",
    help="of segmenter (told from it)",
  )
  _add(
    parser,
    "filter.step",
    "--segmenter-step",
    type=int,
    metavar="N",
    help="its checkpoint (the best, else the latest)",
  )
  _add(
    parser,
    "filter.tau",
    type=float,
    metavar="X",
    help="least mean IoU of what is kept (0.6)",
  )
  _add(
    parser,
    "filter.size",
    "--segmenter-size",
    type=int,
    nargs=2,
    metavar=("HEIGHT", "WIDTH"),
    help="what pictures are resized to for it (they are not)",
  )


def add_output(parser: argparse.ArgumentParser) -> None:
  """Adds the flags of `pair_options.OutputOptions`."""
  _add(
    parser,
    "output.naming",
    choices=("plain", "original"),
    help="of files (that of the mode)",
  )
  _add(parser, "output.picture", choices=("jpg", "png"), help="(jpg)")
  _add(
    parser,
    "output.quality",
    type=int,
    metavar="Q",
    help="of JPEG (95; mode original 75)",
  )
  _add(
    parser,
    "output.masks",
    "--mask-values",
    choices=("ids", "colors"),
    help="what masks hold (ids)",
  )
  parser.add_argument(
    "--no-preview",
    dest="output.preview",
    action="store_false",
    help="no contact sheet",
  )


def options(given: dict[str, Any]) -> Options:
  """Makes options of the flags that were given, by dotted name.

  In mode original what was not given is as in the original program.

  Raises:
    ValueError: a value that cannot be.
  """
  given = dict(given)
  original = given.get("mode") == "original"
  for name in _ELASTIC:
    if name in given:
      section = "jitter" if original else "changes"
      given[f"{section}.{name}"] = given.pop(name)
  if "masks.oversample" in given:
    given["masks.oversample"] = _labels(given["masks.oversample"])
  if original:
    given = {"output.naming": "original", "output.quality": 75, **given}
  return Options.from_dict(config.unflatten(given))


def _labels(words):
  """Reads labels, or the one word that stands for some."""
  if len(words) == 1 and not words[0].isdigit():
    return words[0]
  try:
    return tuple(int(word) for word in words)
  except ValueError:
    raise ValueError(
      f"--oversample is {' '.join(words)}; expected numbers of labels, or rare"
    ) from None


def _add(parser, name, *names, **settings):
  """Adds a flag for an option, by its last part where no name is given."""
  own = "--" + name.rpartition(".")[2].replace("_", "-")
  parser.add_argument(
    *(names or (own,)), dest=name, default=argparse.SUPPRESS, **settings
  )
