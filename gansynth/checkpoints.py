"""Checkpoints of runs and of single networks: the only file that knows Orbax.

A run's checkpoint holds the state and, beside it, the position in the data.
States are equal on all devices and hosts, so they are handed over as numpy
arrays, which the primary host writes and every host reads: a checkpoint knows
nothing of the number of devices.
"""

import errno
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

PyTree = Any

FOLDER = "checkpoints"  # of a run, in its work directory

_NETWORK_FORMAT = 1
_DESCRIPTION = "network.json"
_VARIABLES = "variables"


class CheckpointError(ValueError):
  """A checkpoint that is missing, foreign, damaged or cannot be written."""


class Checkpointer:
  """Keeps the last checkpoints of a run, and the best by a metric.

  Saving is asynchronous: `save` returns once the state is on the host.
  A checkpoint appears under its name only when it is whole.
  """

  def __init__(
    self,
    folder: str | os.PathLike[str],
    *,
    keep_last: int = 2,
    keep_best: int = 1,
    best_metric: str | None = None,
    best_mode: str = "min",
    read_only: bool = False,
  ) -> None:
    """Opens or makes the folder.

    Args:
      folder: where the checkpoints are, one folder a step.
      keep_last: how many of the latest to keep.
      keep_best: how many of the best to keep, where `best_metric` is given.
      best_metric: name of a metric handed to `save`.
      best_mode: whether a `min` or a `max` of it is best.
      read_only: change nothing, not even what a killed run left half-done.

    Raises:
      ValueError: a mode that is not known.
      CheckpointError: read only, and there is no such folder.
    """
    if best_mode not in ("min", "max"):
      raise ValueError(f"unknown best_mode {best_mode!r}; choose min or max")
    self.folder = pathlib.Path(folder).absolute()
    if read_only and not self.folder.is_dir():
      raise CheckpointError(f"{self.folder}: there are no checkpoints")
    policies = [checkpoint_managers.LatestN(keep_last)]
    if best_metric:
      policies.append(
        checkpoint_managers.BestN(
          get_metric_fn=lambda metrics: metrics[best_metric],
          reverse=best_mode == "min",
          n=keep_best,
          keep_checkpoints_without_metrics=False,
        )
      )
    self._manager = ocp.CheckpointManager(
      self.folder,
      options=ocp.CheckpointManagerOptions(
        preservation_policy=checkpoint_managers.AnyPreservationPolicy(policies),
        # Without it Orbax would not write the metrics to disk.
        best_fn=(lambda metrics: metrics[best_metric]) if best_metric else None,
        best_mode=best_mode,
        # Not Orbax's own `read_only`, which warns of what it implies.
        create=not read_only,
        cleanup_tmp_directories=not read_only,
        save_root_metadata=not read_only,
      ),
    )

  def latest_step(self) -> int | None:
    """Step of the newest whole checkpoint, None if there is none."""
    return self._manager.latest_step()

  def best_step(self) -> int | None:
    """Step of the best checkpoint that is kept, else of the newest."""
    return self._manager.best_step()

  def steps(self) -> list[int]:
    """Steps of all whole checkpoints, in order."""
    return sorted(self._manager.all_steps())

  def save(
    self,
    step: int,
    state: PyTree,
    data_state: Mapping[str, Any],
    metrics: Mapping[str, float] | None = None,
  ) -> None:
    """Starts to save; the state may be donated as soon as this returns.

    Args:
      step: steps done.
      state: pytree of arrays, the same on all hosts.
      data_state: position in the data, JSON.
      metrics: scores of this state.

    Raises:
      CheckpointError: an earlier save failed, or the disk has no room.
    """
    state = jax.device_get(state)
    size = sum(np.asarray(x).nbytes for x in jax.tree.leaves(state))
    free = shutil.disk_usage(self.folder).free
    if free < size:
      raise CheckpointError(
        f"{self.folder}: a checkpoint of step {step} needs {size / 1e6:.0f} MB "
        f"and the disk has {free / 1e6:.0f} MB left; make room and start again "
        "to resume from the last checkpoint"
      )
    with self._explained(f"saving step {step}"):
      self._manager.save(
        step,
        args=ocp.args.Composite(
          state=ocp.args.StandardSave(state),
          data=ocp.args.JsonSave(dict(data_state)),
        ),
        metrics=None if metrics is None else dict(metrics),
      )

  def restore(
    self, template: PyTree | None = None, step: int | None = None
  ) -> tuple[PyTree, dict[str, Any]]:
    """Reads a checkpoint.

    Args:
      template: pytree of arrays or shapes, as the state will be; without it
        the state comes as nested dicts, whatever it holds.
      step: which one; the newest by default.

    Returns:
      The state in numpy arrays, and the position in the data.

    Raises:
      CheckpointError: there is none, or it holds something else.
    """
    step = self.latest_step() if step is None else step
    if step is None or step not in self.steps():
      raise CheckpointError(
        f"{self.folder}: no checkpoint of step {step}; there are "
        f"{self.steps() or 'none'}"
      )
    shapes = None
    if template is not None:
      shapes = jax.tree.map(lambda x: np.empty(x.shape, x.dtype), template)
    damaged = self.folder / str(step)
    advice = (
      f"; if its files are damaged, delete the folder {damaged}, or name other "
      "steps with --config.evaluate.steps"
    )
    with self._explained(f"reading step {step}", advice):
      restored = self._manager.restore(
        step,
        args=ocp.args.Composite(
          state=ocp.args.StandardRestore(shapes),
          data=ocp.args.JsonRestore(),
        ),
      )
    if shapes is not None:
      self._check_shapes(step, shapes, restored["state"])
    return restored["state"], restored["data"]

  def _check_shapes(self, step: int, expected: PyTree, found: PyTree) -> None:
    """Orbax compares names only, and hands arrays over as they are stored."""
    pairs = zip(
      jax.tree_util.tree_leaves_with_path(expected),
      jax.tree.leaves(found),
      strict=True,
    )
    differing = [
      f"  {jax.tree_util.keystr(path)}: {np.shape(leaf)} there, {x.shape} "
      "wanted"
      for (path, x), leaf in pairs
      if np.shape(leaf) != x.shape
    ]
    if differing:
      raise CheckpointError(
        f"{self.folder}: the checkpoint of step {step} is of other networks:\n"
        + "\n".join(differing)
      )

  def wait(self) -> None:
    """Waits until all that was saved is on disk."""
    with self._explained("saving"):
      self._manager.wait_until_finished()

  def close(self) -> None:
    """Waits and closes."""
    self.wait()
    self._manager.close()

  def __enter__(self) -> "Checkpointer":
    return self

  def __exit__(self, *exception: object) -> None:
    self.close()

  def _explained(self, action: str, advice: str = "") -> "_Explained":
    return _Explained(self.folder, action, advice)


class _Explained:
  """Turns what goes wrong inside into a `CheckpointError` naming the place."""

  def __init__(
    self, folder: pathlib.Path, action: str, advice: str = ""
  ) -> None:
    self._folder = folder
    self._action = action
    self._advice = advice

  def __enter__(self) -> None:
    pass

  def __exit__(
    self, kind: Any, error: BaseException | None, trace: Any
  ) -> None:
    if not isinstance(error, Exception) or isinstance(error, CheckpointError):
      return
    full = getattr(error, "errno", None) == errno.ENOSPC
    if full or "No space left" in str(error):
      raise CheckpointError(
        f"{self._folder}: the disk is full ({self._action}); make room and "
        "start again to resume from the last checkpoint"
      ) from error
    raise CheckpointError(
      f"{self._folder}: {self._action} failed: {error}{self._advice}"
    ) from error


def save_network(
  folder: str | os.PathLike[str],
  variables: PyTree,
  description: Mapping[str, Any],
  *,
  overwrite: bool = False,
) -> None:
  """Saves one network, with what is needed to build it again.

  Args:
    folder: appears when it is whole.
    variables: `params` and perhaps `batch_stats`, as Flax applies them.
    description: `network`: the arguments of `models.create`; and whatever
      else a reader wants to know, in JSON.
    overwrite: replace a network that is there.

  Raises:
    CheckpointError: the folder exists, or cannot be written.
  """
  folder = pathlib.Path(folder).absolute()
  if folder.exists() and not (overwrite and (folder / _DESCRIPTION).exists()):
    raise CheckpointError(
      f"{folder} exists already; choose another folder, or allow to overwrite "
      "a network"
    )
  aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
  shutil.rmtree(aside, ignore_errors=True)
  with _Explained(folder, "saving a network"):
    aside.mkdir(parents=True)
    with ocp.StandardCheckpointer() as checkpointer:
      checkpointer.save(aside / _VARIABLES, jax.device_get(variables))
    text = json.dumps({"format": _NETWORK_FORMAT, **description}, indent=2)
    (aside / _DESCRIPTION).write_text(text + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)


def is_network(folder: str | os.PathLike[str]) -> bool:
  """Whether a folder looks like one that `save_network` wrote."""
  return (pathlib.Path(folder) / _DESCRIPTION).exists()


def load_network(
  folder: str | os.PathLike[str],
) -> tuple[dict[str, Any], PyTree]:
  """Reads what `save_network` wrote: (description, variables in numpy).

  Raises:
    CheckpointError: the folder holds no network of this format.
  """
  folder = pathlib.Path(folder).absolute()
  path = folder / _DESCRIPTION
  try:
    description = json.loads(path.read_text())
    version = description.pop("format")
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise CheckpointError(
      f"{folder} holds no network: {path.name} is missing or damaged; make one "
      "with `python tools/convert_checkpoint.py FILE.pth --output FOLDER`"
    ) from error
  if version != _NETWORK_FORMAT:
    raise CheckpointError(
      f"{path}: format {version}, this version reads {_NETWORK_FORMAT}; "
      "convert the original again"
    )
  with _Explained(folder, "reading a network"):
    checkpointer = ocp.PyTreeCheckpointer()
    variables = checkpointer.restore(
      folder / _VARIABLES,
      restore_args=None,
    )
  return description, jax.tree.map(np.asarray, variables)


def digest(variables: Any) -> str:
  """Returns a short fingerprint of a network's weights."""
  sha = hashlib.sha256()
  for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
    sha.update(jax.tree_util.keystr(path).encode())
    sha.update(np.ascontiguousarray(leaf).tobytes())
  return sha.hexdigest()[:16]
