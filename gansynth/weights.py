"""Networks with their weights, from wherever these are kept."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn

from gansynth import checkpoints, convert, models, systems
from gansynth import config as config_lib
from gansynth.convert import original_folder, torch_options
from gansynth.models import semantics
from gansynth.systems import common

# What the originals, and so `tools/convert_checkpoint.py`, call networks.
GENERATOR, ENCODER, DISCRIMINATOR = NAMES = ("G", "E", "D")


class LabelNetworks(NamedTuple):
  """A generator of pictures from label maps, and what goes with it."""

  generator: nn.Module
  variables: Any
  encoder: nn.Module | None
  encoder_variables: Any
  conditioning: semantics.Conditioning


def load(
  place: str | os.PathLike[str], direction: str | None = None, step: int = 0
) -> tuple[nn.Module, Any]:
  """Loads one generator.

  Args:
    place: a file of an original program, what `tools/convert_checkpoint.py`
      wrote, or the work directory of a run.
    direction: `AtoB` or `BtoA`; of a run. None: its first.
    step: checkpoint of a run; 0: the best one, else the latest.

  Returns:
    The network and its variables.

  Raises:
    ValueError: the place holds no network, or has no such direction.
  """
  place = pathlib.Path(place)
  if place.is_file():
    description, variables = convert.from_original(place)
    return models.create(**description), variables
  if checkpoints.is_network(place):
    record, variables = checkpoints.load_network(place)
    return models.create(**record["network"]), variables
  if not place.is_dir():
    raise ValueError(
      f"{place} does not exist; give a file of the original program, a "
      "converted network or a work directory. Where weights can be had is "
      "told in checkpoints/README.md"
    )
  _, generators = load_generators(place, step)
  direction = direction or next(iter(generators))
  if direction not in generators:
    raise ValueError(
      f"{place} translates {' and '.join(generators)}, not {direction!r}"
    )
  return generators[direction]


def load_generators(
  workdir: str | os.PathLike[str], step: int = 0
) -> tuple[int, dict[str, tuple[nn.Module, Any]]]:
  """Loads the generators of a run.

  Args:
    workdir: the run's work directory.
    step: which checkpoint; 0: the best one, else the latest.

  Returns:
    The step, and (network, variables) by direction; averaged weights where
    the run averages.

  Raises:
    ValueError: there is no run, or no such checkpoint.
  """
  step, state = load_state(workdir, step)
  system = load_system(workdir)
  return step, {
    direction: (network, system.generator_variables(state, direction))
    for direction, network in system.generators().items()
  }


def load_system(workdir: str | os.PathLike[str]) -> Any:
  """Returns the system that a run trains; see `systems.create`."""
  config = config_lib.load_record(pathlib.Path(workdir))
  return systems.create(config, steps_per_epoch=1)


def load_state(
  workdir: str | os.PathLike[str], step: int = 0
) -> tuple[int, common.GanState]:
  """Loads a run's state, in NumPy.

  Args:
    workdir: the run's work directory.
    step: which checkpoint; 0: the best one, else the latest.

  Returns:
    The step and the state.

  Raises:
    ValueError: there is no run, or no such checkpoint.
  """
  workdir = pathlib.Path(workdir)
  config = config_lib.load_record(workdir)
  with checkpoints.Checkpointer(
    workdir / checkpoints.FOLDER,
    best_metric=config.best_metric,
    best_mode=config.best_mode,
    read_only=True,
  ) as checkpointer:
    step = step or checkpointer.best_step() or 0
    raw, _ = checkpointer.restore(step=step)
  kind = common.GuidedState if "frozen" in raw else common.GanState
  state = kind(**raw)
  return step or int(state.step), state


def load_label_networks(
  place: str | os.PathLike[str],
  step: int = 0,
  original: Mapping[str, Any] | None = None,
  epoch: str = "latest",
) -> LabelNetworks:
  """Loads networks that make pictures of label maps.

  Args:
    place: a generator's file of SPADE, pix2pixHD, SemDisc, ASAP-Nets or
      Geoseg-GAN, or the folder of such a run; what
      `tools/convert_checkpoint.py` made of either; or the work directory of a
      run. An encoder is looked for beside the generator.
    step: checkpoint of a run; 0: the best one, else the latest.
    original: what is known of the original's run, where no opt.txt or opt.pkl
      tells: arguments of `torch_options.gather`, such as `num_labels`.
    epoch: which files of an original's folder; Geoseg-GAN's, which has none
      called latest, are then those of the last epoch.

  Returns:
    The networks with their variables, averaged ones where a run averages; no
    encoder where the generator needs none or there is none.

  Raises:
    ValueError: there are no such networks, or it is not known what the
      generator is shown.
  """
  place = pathlib.Path(place)
  if (place / config_lib.RECORD).exists():
    return _of_run(place, step)
  files = find_networks(place, epoch)
  description, variables, conditioning = _described(
    files[GENERATOR], original or {}
  )
  if description["name"] in convert.DISCRIMINATORS:
    raise ValueError(
      f"{files[GENERATOR]} holds a discriminator ({description['name']}), "
      "which makes no pictures; give the generator's file"
    )
  if conditioning is None:
    raise ValueError(
      f"{files[GENERATOR]}: it is not known how many labels the generator is "
      "shown; convert it with --num-labels (and --dont-care, --instances, "
      "--features), or give original={'num_labels': ...}"
    )
  encoder, encoder_variables = None, None
  if ENCODER in files and (
    description.get("use_vae") or conditioning.features != "none"
  ):
    encoder_description, encoder_variables, _ = _described(files[ENCODER], {})
    encoder = models.create(**encoder_description)
  return LabelNetworks(
    models.create(**description),
    variables,
    encoder,
    encoder_variables,
    conditioning,
  )


def find_networks(
  place: str | os.PathLike[str], epoch: str = "latest"
) -> dict[str, pathlib.Path]:
  """Finds the networks of label maps that lie together.

  Args:
    place: a generator's file or a converted generator, beside which the others
      are looked for; or a folder of either.
    epoch: which files of an original's folder.

  Returns:
    Files, or folders of converted networks, by `NAMES`; a generator always.

  Raises:
    ValueError: there is no such place, or no generator in it.
  """
  place = pathlib.Path(place)
  if place.is_file():
    files = {GENERATOR: place, **original_folder.beside(place, NAMES)}
  elif checkpoints.is_network(place):
    files = {name: place.with_name(name) for name in NAMES} | {GENERATOR: place}
  elif checkpoints.is_network(place / GENERATOR):
    files = {name: place / name for name in NAMES}
  elif place.is_dir():
    files = original_folder.find_networks(place, epoch)
    if GENERATOR not in files:
      raise ValueError(
        f"{place} holds {', '.join(files)} of epoch {epoch}, and no generator "
        f"{GENERATOR}"
      )
  else:
    raise ValueError(
      f"{place} does not exist; give a file or folder of SPADE, pix2pixHD, "
      "SemDisc, ASAP-Nets or Geoseg-GAN, a converted network or a work "
      "directory. Where weights can be had is told in checkpoints/README.md"
    )
  return {name: path for name, path in files.items() if path.exists()}


def load_variables(place: pathlib.Path) -> Any:
  """Loads the variables of one of `find_networks`."""
  if place.is_dir():
    return checkpoints.load_network(place)[1]
  return convert.from_original(place)[1]


def _described(
  place: pathlib.Path, original: Mapping[str, Any]
) -> tuple[dict[str, Any], Any, semantics.Conditioning | None]:
  """Description, variables and, where known, conditioning of a network."""
  if place.is_dir():
    record, variables = checkpoints.load_network(place)
    description = record["network"]
    if record.get("conditioning"):
      conditioning = semantics.Conditioning(**record["conditioning"])
      return description, variables, conditioning
    options = torch_options.gather(place, **original)
  else:
    options = torch_options.gather(place, **original)
    description, variables = convert.from_original(place, original=options)
  conditioning = convert.conditioning_of(
    options, description, variables, str(place)
  )
  return description, variables, conditioning


def _of_run(workdir: pathlib.Path, step: int) -> LabelNetworks:
  system = load_system(workdir)
  if common.LABELS not in system.generators():
    raise ValueError(
      f"{workdir} is a run that makes pictures of "
      f"{' and '.join(system.generators())}, not of label maps"
    )
  _, state = load_state(workdir, step)
  has_encoder = system.encoder is not None
  return LabelNetworks(
    system.generator,
    system.generator_variables(state),
    system.encoder,
    system.encoder_variables(state) if has_encoder else None,
    system.conditioning,
  )


def load_perceptual(
  place: str | os.PathLike[str], dtype: Any = "float32"
) -> tuple[nn.Module, Any]:
  """Loads the network of a perceptual loss.

  Args:
    place: torchvision's file of VGG19, or the folder it was converted to.
    dtype: of the computation.

  Raises:
    ValueError: it is another network, or none.
  """
  network, variables = load(place)
  if not isinstance(network, models.Vgg19Features):
    raise ValueError(
      f"{place} holds a {type(network).__name__}; a perceptual loss wants "
      "VGG19's weights, which checkpoints/README.md tells how to get"
    )
  return network.clone(dtype=dtype), variables
