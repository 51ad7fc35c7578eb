"""Command-line flags of the programs that make detection data.

Flags that are not given are absent, so that defaults are the library's. Where
the original climate programs had a flag, its name is taken, too.
"""

import argparse
from typing import Any

from gansynth import config
from gansynth.synthesis.detection_options import Options

# Dotted name of the option: its further names, and what argparse wants.
_RULES = {
  "rules.scale": {
    "type": float,
    "nargs": 2,
    "metavar": ("LEAST", "MOST"),
    "help": "factor of the size (1 1)",
  },
  "rules.rotation": {"help": "none, right_angles, any, auto (auto)"},
  "rules.flip": {
    "action": argparse.BooleanOptionalAction,
    "help": "mirror every other",
  },
  "rules.offset_ctr": {
    "type": int,
    "help": "least distance of centres from the border (20)",
  },
  "rules.blend_offset": {
    "names": ["--gp-gan-blend-offset"],
    "type": int,
    "help": "rim of a crop without mask that is context, not blended in; of a "
    "cut-out with a mask, the most of its surroundings that is: 0 with "
    "--blending none and feather, where they are a fringe (20)",
  },
  "rules.spacing": {"type": int, "help": "pixels between objects (2)"},
  "rules.max_overlap": {
    "type": float,
    "help": "of an object that another may cover (0)",
  },
  "rules.max_truncation": {
    "type": float,
    "help": "of an object that may lie outside (0)",
  },
  "rules.min_visible": {
    "type": float,
    "help": "labels of which less is seen are dropped (0.25)",
  },
  "rules.color_match": {
    "help": "to the background: none, mean, mean_std, histogram (none)"
  },
  "rules.color_strength": {"type": float, "help": "of --color-match (1)"},
  "rules.attempts": {
    "type": int,
    "help": "places that are tried for an object (100)",
  },
  "rules.region": {"help": "what is blended: auto, mask, box (auto)"},
  "rules.keep_colors": {
    "action": argparse.BooleanOptionalAction,
    "help": "of objects with masks, against bleaching by the scene (kept)",
  },
  "rules.use_real": {
    "nargs": "+",
    "help": "what is drawn from --real-labels: count, size, place",
  },
}
_BLENDING = {
  "blending.method": {
    "names": ["--blending"],
    "help": "gp_gan, gp_gan_unsupervised, gaussian_poisson, poisson, feather, "
    "none (gp_gan with weights, gaussian_poisson without)",
  },
  "blending.weights": {"names": ["--g-path"], "help": "of GP-GAN"},
  "blending.color_weight": {"type": float, "help": "of GP-GAN (1)"},
  "blending.sigma": {"type": float, "help": "of GP-GAN (0.5)"},
  "blending.feather": {
    "type": float,
    "help": "width of the soft edge in pixels (8)",
  },
  "blending.batch_size": {
    "type": int,
    "help": "pictures that are blended together (8)",
  },
}
_NUM_OBJECTS = (
  "--num-objects-to-sample-per-image-constant",
  "--num-objects-to-sample-per-image",
)
_SEED = 42  # of the original programs
# Of the original programs; what they said goes without saying here.
_SWITCHES = (
  "--generate-src-augmentations",
  "--generate-unique-src-augmentations",
  "--generate-all-augmentations-first",
  "--verbose",
)
_SETTINGS = ("--gp-gan-dir", "--experiment-name")


def add_rules(parser: argparse.ArgumentParser) -> None:
  """Adds the flags of `synthesis.rules.Rules`."""
  for kind, most, names in (
    ("objects", 3, _NUM_OBJECTS),
    ("distractors", 0, ()),
  ):
    parser.add_argument(
      f"--num-{kind}",
      *names,
      dest=f"num_{kind}",
      type=int,
      nargs="+",
      metavar="N",
      default=argparse.SUPPRESS,
      help=f"on a picture: N, or from N to M ({most})",
    )
  _add(parser, _RULES)


def add_blending(parser: argparse.ArgumentParser) -> None:
  """Adds the flags of `detection_options.BlendingOptions`."""
  _add(parser, _BLENDING)


def add_not_needed(parser: argparse.ArgumentParser) -> None:
  """Adds the original's flags that say nothing here; `options` drops them."""
  for name in _SWITCHES:
    parser.add_argument(
      name, dest="not_needed", action="store_true", help=argparse.SUPPRESS
    )
  for name in _SETTINGS:
    parser.add_argument(name, dest="not_needed", help=argparse.SUPPRESS)


def options(given: dict[str, Any]) -> Options:
  """Makes options of the flags that were given, by dotted name.

  In mode original what was not given is as in the original programs.

  Raises:
    ValueError: a value that cannot be.
  """
  given = {"seed": _SEED, **given}
  given.pop("not_needed", None)
  for kind in ("objects", "distractors"):
    counts = given.pop(f"num_{kind}", None)
    if counts is None:
      continue
    if len(counts) > 2:
      raise ValueError(
        f"--num-{kind} is {counts}; expected one number, or the least and the "
        "most"
      )
    given[f"rules.min_{kind}"] = counts[0]
    given[f"rules.max_{kind}"] = counts[-1]
  if given.get("mode") == "original":
    given = {
      "output.naming": "original",
      "output.quality": 100,
      "output.formats": ("yolo",),
      **given,
    }
  return Options.from_dict(config.unflatten(given))


def count_or_all(text: str) -> int:
  """Reads a number, or `all`, which is 0."""
  return 0 if text == "all" else int(text)


def _add(parser, flags):
  for name, settings in flags.items():
    settings = dict(settings)
    names = settings.pop("names", [])
    own = "--" + name.partition(".")[2].replace("_", "-")
    if "action" not in settings:
      settings.setdefault("metavar", "X")
    parser.add_argument(
      own, *names, dest=name, default=argparse.SUPPRESS, **settings
    )
