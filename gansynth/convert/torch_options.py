"""The options that SPADE's family and pix2pixHD leave beside checkpoints.

Shapes tell nearly all of a network. What they do not, such as which channels
are labels and where the doublings stand, is in `opt.txt`, the table that these
programs print, and in `opt.pkl`, a pickled `argparse.Namespace` of SPADE and of
what began as copies of it, SemDisc and ASAP-Nets.
"""

import ast
import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from gansynth.convert import pickle_machine
from gansynth.convert.errors import CheckpointError, UnsafeCheckpointError

TEXT, PICKLE = "opt.txt", "opt.pkl"
_LINE = re.compile(r"\s*([A-Za-z]\w*): ?(.*?)(?:\s*\[default: (.*)\])?\s*")
_NAMESPACE = "argparse.Namespace"
_PICTURE_CHANNELS = 3  # what networks are shown where there are no labels
_PLAIN = (str, bool, int, float, type(None))

# What SPADE's data sets set: label_nc, contain_dontcare_label, no_instance,
# crop_size, aspect_ratio, num_upsampling_layers.
DATASET_MODES = {
  "coco": (182, True, False, 256, 1.0, "normal"),
  "ade20k": (150, True, True, 256, 1.0, "normal"),
  "cityscapes": (35, False, False, 512, 2.0, "more"),
  "facades": (13, False, True, 256, 1.0, "normal"),
}
_SET_BY_MODE = (
  "label_nc",
  "contain_dontcare_label",
  "no_instance",
  "crop_size",
  "aspect_ratio",
  "num_upsampling_layers",
)
# Flags of SemDisc that say what its discriminator does; the first one holds.
_MODES = ("c2f", "c2f_sem", "c2f_sem_rec", "added_capacity")
# How SemDisc's first version called them, and weights of losses.
_RENAMED = {
  "semantic": "c2f",
  "semantic_disc": "c2f_sem",
  "self_supervised": "c2f_sem_rec",
  "lambda_S": "lambda_seg",
  "lambda_Self": "lambda_rec",
}


@dataclasses.dataclass(frozen=True)
class Options:
  """Options of an original program, under its own names."""

  source: str  # for messages
  values: Mapping[str, Any]
  defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  @property
  def program(self) -> str | None:
    """`spade`, `semdisc`, `asapnets` or `pix2pixhd`; None: of none of them."""
    if "n_downsample_global" in self.values:
      return "pix2pixhd"
    if "norm_G" not in self.values:
      return None
    if "c2f" in self.values:
      return "semdisc"
    return "asapnets" if "hr_width" in self.values else "spade"

  @property
  def discriminator_mode(self) -> str | None:
    """Mode of SemDisc's discriminator, or None where no option tells.

    One of `spade_discriminators.MODES`.
    """
    if not any(name in self.values for name in _MODES):
      return None
    chosen = (name for name in _MODES if self.get(name, bool))
    return next(chosen, "original")

  def get(self, name: str, kind: type) -> Any:
    """The value of an option, or None where it is not given.

    Args:
      name: of the option.
      kind: str, bool, int or float.

    Raises:
      CheckpointError: it is of another kind.
    """
    value = self.values.get(name)
    if kind is float and type(value) is int:
      value = float(value)
    if value is not None and type(value) is not kind:
      raise CheckpointError(
        f"{self.source}: {name} is {value!r}, expected a value of type "
        f"{kind.__name__}; correct the file or move it away and give options"
      )
    return value


def gather(
  path: str | os.PathLike[str],
  *,
  dataset_mode: str | None = None,
  num_labels: int | None = None,
  dont_care: bool | None = None,
  instances: bool | None = None,
  features: str | None = None,
  upsampling: str | None = None,
  crop_size: int | None = None,
  aspect_ratio: float | None = None,
  discriminator_mode: str | None = None,
  num_classes: int | None = None,
  pixel_features: int | None = None,
  pixel_layers: int | None = None,
) -> Options | None:
  """Collects what is known of how a checkpoint was made.

  What is given here holds whatever the files say; None: not given.

  Args:
    path: the checkpoint; options are looked for beside it.
    dataset_mode: one of `DATASET_MODES`, whose settings hold where neither the
      files nor the arguments below say otherwise.
    num_labels: see `models.semantics.Conditioning`, as the next three.
    dont_care: whether there is a label "don't care".
    instances: whether networks are shown edges of instances.
    features: `none`, `instance` or `label`: what features are pooled over.
    upsampling: SPADE's `normal`, `more` or `most`.
    crop_size: width of SPADE's pictures.
    aspect_ratio: their width / height.
    discriminator_mode: of SemDisc, see `spade_discriminators.MODES`.
    num_classes: that SemDisc's discriminator tells apart, which the original
      has no option for.
    pixel_features: width of ASAP-Nets' layers per pixel.
    pixel_layers: how many of these there are.

  Returns:
    The options, or None where nothing is known.

  Raises:
    CheckpointError: a file cannot be read, or the mode is not known.
    UnsafeCheckpointError: `opt.pkl` holds anything but options.
  """
  given = {
    "label_nc": num_labels,
    "contain_dontcare_label": dont_care,
    "no_instance": None if instances is None else not instances,
    "instance_feat": None if features is None else features == "instance",
    "label_feat": None if features is None else features == "label",
    "num_upsampling_layers": upsampling,
    "crop_size": crop_size,
    "aspect_ratio": aspect_ratio,
    "num_classes": num_classes,
    "hr_width": pixel_features,
    "hr_depth": pixel_layers,
  }
  if discriminator_mode is not None:
    given |= {name: name == discriminator_mode for name in _MODES}
  values = {}
  if dataset_mode is not None:
    if dataset_mode not in DATASET_MODES:
      raise CheckpointError(
        f"unknown dataset mode {dataset_mode!r}; choose one of "
        f"{', '.join(DATASET_MODES)}"
      )
    settings = DATASET_MODES[dataset_mode]
    values.update(zip(_SET_BY_MODE, settings, strict=True))
  found = find(pathlib.Path(path).parent)
  if found is not None:
    values.update(found.values)
  values.update({k: v for k, v in given.items() if v is not None})
  if found is not None:
    return dataclasses.replace(found, values=values)
  return Options("the options given", values) if values else None


def find(folder: str | os.PathLike[str]) -> Options | None:
  """Reads the options in a folder of checkpoints.

  The values of `opt.pkl` hold where both files are there, as they do for
  SPADE itself; only `opt.txt` tells defaults.

  Args:
    folder: of an experiment.

  Returns:
    The options, or None where there are none of these programs.

  Raises:
    CheckpointError: a file cannot be read.
    UnsafeCheckpointError: `opt.pkl` holds anything but options.
  """
  folder = pathlib.Path(folder)
  text, pickled = folder / TEXT, folder / PICKLE
  options = read_text(text) if text.is_file() else None
  if pickled.is_file():
    defaults = options.defaults if options else {}
    options = dataclasses.replace(read_pickle(pickled), defaults=defaults)
  return options if options is not None and options.program else None


def read_text(path: str | os.PathLike[str]) -> Options:
  """Reads an `opt.txt`: lines `name: value`, perhaps `[default: value]`.

  Values become numbers, bools, None or lists where they read as such.

  Raises:
    CheckpointError: it cannot be read.
  """
  try:
    text = pathlib.Path(path).read_text("utf-8", errors="replace")
  except OSError as e:
    raise CheckpointError(f"{path}: cannot be read ({e})") from e
  values, defaults = {}, {}
  for line in text.splitlines():
    match = _LINE.fullmatch(line)
    if match:
      name, value, default = match.groups()
      values[name] = _parse(value)
      defaults[name] = _parse(value if default is None else default)
  return Options(str(path), _renamed(values), _renamed(defaults))


def read_pickle(path: str | os.PathLike[str]) -> Options:
  """Reads an `opt.pkl` without running anything in it.

  Raises:
    UnsafeCheckpointError: it holds anything but an `argparse.Namespace` of
      strings, numbers, bools, None and lists of these.
    CheckpointError: it cannot be read, or is damaged.
  """
  expected = f"a file of options is an {_NAMESPACE} of plain values"

  def persistent(identity):
    raise ValueError(f"a persistent id {identity!r}")

  try:
    with pathlib.Path(path).open("rb") as file:
      content = pickle_machine.load(
        file,
        str(path),
        constructors={},
        values={},
        persistent=persistent,
        objects={_NAMESPACE},
        expected=expected,
      )
  except OSError as e:
    raise CheckpointError(f"{path}: cannot be read ({e})") from e
  if not isinstance(content, pickle_machine.Attributes):
    raise UnsafeCheckpointError(
      f"{path}: refused, it holds a {type(content).__name__}, and {expected}"
    )
  for name, value in content.items():
    items = value if isinstance(value, list | tuple) else [value]
    if not isinstance(name, str) or not all(type(x) in _PLAIN for x in items):
      raise UnsafeCheckpointError(
        f"{path}: refused, the option {name!r} holds a "
        f"{type(value).__name__} of other things, and {expected}"
      )
  return Options(str(path), _renamed(content))


def network_arguments(options: Options, network: str) -> dict[str, Any]:
  """What options say of one network, as converters take it.

  Args:
    options: of the run that wrote it.
    network: its name, as `models.create` takes it.

  Returns:
    Arguments of `convert_state_dict` of the network's family; only what the
    options tell.

  Raises:
    CheckpointError: an option has another type than the program's.
  """
  side = {"multiscale": "D", "style_encoder": "E"}.get(network, "G")
  norm = "norm" if options.program == "pix2pixhd" else f"norm_{side}"
  arguments = {"norm": options.get(norm, str)}
  if network == "spade":
    arguments |= {
      "upsampling": options.get("num_upsampling_layers", str),
      "crop_size": options.get("crop_size", int),
      "aspect_ratio": options.get("aspect_ratio", float),
    }
  if network == "asapnets":
    encoding = options.get("hr_coor", str)
    if encoding not in (None, "cosine"):
      raise CheckpointError(
        f"{options.source}: hr_coor is {encoding!r}; the only positional "
        "encoding known is 'cosine'"
      )
    hides = options.get("lr_instance", bool)
    arguments |= {
      "crop_size": options.get("crop_size", int),
      "aspect_ratio": options.get("aspect_ratio", float),
      "pixel_features": options.get("hr_width", int),
      "pixel_layers": options.get("hr_depth", int),
      "unseen_channels": None if hides is None else int(hides),
    }
  if network == "multiscale":
    # The default was 3, and all strides 2, until May 2019.
    old = options.program == "spade" and options.defaults.get("n_layers_D") == 3
    arguments |= {
      "last_stride": 2 if old else None,
      "mode": options.discriminator_mode,
      "num_classes": options.get("num_classes", int),
    }
    # SemDisc's own channels are Cityscapes' whatever its labels are.
    if options.program != "semdisc":
      arguments["num_labels"] = _label_channels(options)
  return {k: v for k, v in arguments.items() if v is not None}


def _label_channels(options: Options) -> int | None:
  labels = options.get("label_nc", int)
  if not labels:
    return _PICTURE_CHANNELS if labels == 0 else None
  return labels + bool(options.get("contain_dontcare_label", bool))


def _renamed(values: Mapping[str, Any]) -> dict[str, Any]:
  return {_RENAMED.get(name, name): value for name, value in values.items()}


def _parse(text: str) -> Any:
  try:
    value = ast.literal_eval(text)
  except (ValueError, SyntaxError, MemoryError, RecursionError):
    return text
  return value if isinstance(value, (*_PLAIN, list)) else text
