"""Training that starts from networks that were trained before."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import optax
from absl import logging
from flax import traverse_util

from gansynth import checkpoints, weights
from gansynth import config as config_lib
from gansynth.systems import common

# The networks of a label-to-image state, by what the originals call them.
_PLACES = {
  weights.GENERATOR: ("generator", "g"),
  weights.ENCODER: ("generator", "e"),
  weights.DISCRIMINATOR: ("discriminator", "d"),
}
_COLLECTIONS = {"params": "params", "stats": "batch_stats"}


def check(place: str | os.PathLike[str]) -> None:
  """Raises ValueError where there is nothing to start from."""
  place = pathlib.Path(place)
  if not (place / config_lib.RECORD).exists():
    weights.find_networks(place)


def go_on_from(
  state: common.GanState, place: str | os.PathLike[str]
) -> common.GanState:
  """Takes the newest networks of a run, and all that its training had come to.

  That are the optimisers, averaged parameters and pools. What the new run
  counts starts anew: steps, and the epochs of its rates.

  Args:
    state: before its first step, of the networks that the run trained.
    place: the run's work directory. Elsewhere there are networks alone, and
      they are taken as by `start_from`, which is said.

  Raises:
    ValueError: there is no such run, or it trained something else.
  """
  place = pathlib.Path(place)
  if not (place / config_lib.RECORD).exists():
    logging.warning(
      "%s is no run, so it has no optimisers to go on with; they start anew",
      place,
    )
    return start_from(state, place)
  with checkpoints.Checkpointer(
    place / checkpoints.FOLDER, read_only=True
  ) as checkpointer:
    try:
      earlier, _ = checkpointer.restore(state)
    except checkpoints.CheckpointError as error:
      raise ValueError(
        f"{error}\nto go on with a run's optimisers, train the same networks "
        "with the same losses and averages; or set init_optimizers to False, "
        "and take what fits of the networks alone"
      ) from error
  logging.info("%s: going on from step %d", place, earlier.step)

  def from_the_start(part):
    if isinstance(part, optax.ScaleByScheduleState):
      return jax.tree.map(np.zeros_like, part)
    return part

  opt_state = jax.tree.map(
    from_the_start,
    earlier.opt_state,
    is_leaf=lambda x: isinstance(x, optax.ScaleByScheduleState),
  )
  return earlier.replace(
    step=state.step, rng=state.rng, opt_state=opt_state, frozen=state.frozen
  )


def start_from(
  state: common.GanState, place: str | os.PathLike[str]
) -> common.GanState:
  """Fills a fresh state with what fits it of earlier networks.

  An array is taken where its name and its shape are those of the state's. A
  global generator goes into the inside of a local enhancer, which has other
  last layers; whatever is not taken stays as it was drawn, and is listed.

  Args:
    state: of a label-to-image system, before its first step.
    place: a run's work directory, a folder of converted networks (G, D, E), or
      one network; also an original's folder or file.

  Returns:
    The state; averaged parameters follow.

  Raises:
    ValueError: there are no networks, or nothing of them fits.
  """
  place = pathlib.Path(place)
  found = _networks(place)
  flat = {
    part: traverse_util.flatten_dict(jax.device_get(getattr(state, part)))
    for part in _COLLECTIONS
  }
  kernels = 0  # a bias that fits by chance is no start
  for name, variables in found.items():
    root = _PLACES[name]
    fresh, number = [], 0
    for part, collection in _COLLECTIONS.items():
      arrays = traverse_util.flatten_dict(dict(variables.get(collection, {})))
      for path in list(flat[part]):
        if path[:2] != root:
          continue
        inner = path[2:]
        array = arrays.get(inner)
        if array is None and inner[0] == "global":
          array = arrays.get(inner[1:])
        if array is None or array.shape != flat[part][path].shape:
          fresh.append("/".join(inner))
          continue
        flat[part][path] = np.asarray(array, flat[part][path].dtype)
        number += 1
        kernels += array.ndim > 1
    if number + len(fresh):
      logging.info(
        "%s: %d of %d arrays of %s taken%s",
        place,
        number,
        number + len(fresh),
        name,
        f"; drawn at random: {_some(fresh)}" if fresh else "",
      )
  if not kernels:
    raise ValueError(
      f"{place}: no kernel of its networks ({', '.join(found)}) fits the ones "
      "to be trained; init_from wants networks of the same kind and width"
    )
  parts = {
    part: traverse_util.unflatten_dict(arrays) for part, arrays in flat.items()
  }
  params = {**state.params, **parts["params"]}
  # Networks without statistics have no arrays to be unflattened.
  stats = {
    side: {name: parts["stats"].get(side, {}).get(name, {}) for name in entries}
    for side, entries in state.stats.items()
  }
  ema = jax.tree.map(np.copy, params["generator"]) if state.ema else {}
  return state.replace(params=params, stats=stats, ema=ema)


def _networks(place: pathlib.Path) -> Mapping[str, Any]:
  """Variables by the names of `_PLACES`."""
  if (place / config_lib.RECORD).exists():
    _, state = weights.load_state(place)
    return {
      name: {
        collection: getattr(state, part)[side].get(key, {})
        for part, collection in _COLLECTIONS.items()
      }
      for name, (side, key) in _PLACES.items()
      if key in state.params[side]
    }
  return {
    name: weights.load_variables(path)
    for name, path in weights.find_networks(place).items()
  }


def _some(names: list[str]) -> str:
  shown = ", ".join(names[:6])
  return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown
