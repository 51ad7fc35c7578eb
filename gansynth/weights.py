"""Networks with their weights, from wherever these are kept."""

import os
import pathlib
from typing import Any

import flax.linen as nn

from gansynth import checkpoints, convert, models, systems
from gansynth import config as config_lib
from gansynth.systems import common


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
  state = common.GanState(**raw)
  return step or int(state.step), state


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
