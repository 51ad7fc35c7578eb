"""How a step is spread over devices and hosts: the only file that knows.

A system's `train_step` is one device's share and speaks to the others through
the axis `AXIS_NAME`. Here it is mapped with `jax.pmap` over all devices of
all hosts. The state is the same everywhere; the batch is split.
"""

import contextlib
import importlib.util
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

PyTree = Any
T = TypeVar("T")

AXIS_NAME = "devices"

# Variables that a launcher of several processes sets for each of them.
_CLUSTER_SIZES = ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


def initialize(
  coordinator: str | None = None,
  num_processes: int | None = None,
  process_id: int | None = None,
) -> None:
  """Joins the hosts of a run; must come before any other use of JAX.

  Without arguments the hosts are found where a TPU pod, SLURM, Open MPI or
  `JAX_COORDINATOR_ADDRESS` names them, and a machine alone stays alone.

  Args:
    coordinator: `host:port` of process 0, given on every host.
    num_processes: number of processes of the run.
    process_id: this process' number, from 0.

  Raises:
    ValueError: some of the three are given and some are not.
  """
  given = [x is not None for x in (coordinator, num_processes, process_id)]
  if any(given) and not all(given):
    raise ValueError(
      "--coordinator, --num_processes and --process_id go together, got "
      f"{coordinator}, {num_processes} and {process_id}; give all or none"
    )
  if jax.distributed.is_initialized():
    return
  if all(given):
    jax.distributed.initialize(coordinator, num_processes, process_id)
  elif _in_cluster(os.environ):
    jax.distributed.initialize()


def _in_cluster(environment: Mapping[str, str]) -> bool:
  if "JAX_COORDINATOR_ADDRESS" in environment:
    return True
  if any(int(environment.get(name) or 1) > 1 for name in _CLUSTER_SIZES):
    return True
  on_cpu = environment.get("JAX_PLATFORMS", "") == "cpu"
  return not on_cpu and importlib.util.find_spec("libtpu") is not None


def is_primary() -> bool:
  """Whether this is the process that writes what is written once."""
  return jax.process_index() == 0


def check_batch_size(batch_size: int) -> None:
  """Raises ValueError where devices would not get equal shares."""
  devices = jax.device_count()
  if batch_size < 1 or batch_size % devices:
    nearest = max(devices, batch_size // devices * devices)
    raise ValueError(
      f"batch_size {batch_size} cannot be divided among {devices} devices on "
      f"{jax.process_count()} hosts; use a multiple of {devices}, for example "
      f"--config.batch_size={nearest}, or fewer devices (for GPUs: "
      "CUDA_VISIBLE_DEVICES)"
    )


def split_batch(batch: PyTree) -> PyTree:
  """Reshapes a host's batch to (local devices, share of each, ...)."""
  devices = jax.local_device_count()
  return jax.tree.map(
    lambda x: np.reshape(x, (devices, len(x) // devices, *x.shape[1:])), batch
  )


def replicate(state: PyTree) -> PyTree:
  """Puts a state on all local devices, placed as the mapped step returns it.

  So the first step and the second are one compilation.
  """
  mesh = jax.sharding.Mesh(np.array(jax.local_devices()), (AXIS_NAME,))
  return jax.device_put(
    state, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
  )


def map_step(
  step: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]],
) -> Callable[[PyTree, PyTree], tuple[PyTree, PyTree]]:
  """Maps a step over all devices of all hosts.

  Args:
    step: (state, batch) -> (state, metrics), both equal on all devices
      because it averages over `AXIS_NAME`.

  Returns:
    A function of the state, which is donated, and a batch from `split_batch`.
  """
  return jax.pmap(
    step,
    axis_name=AXIS_NAME,
    in_axes=(None, 0),
    out_axes=None,
    donate_argnums=0,
  )


def map_shares(
  function: Callable[..., jax.Array],
) -> Callable[[PyTree, PyTree], jax.Array]:
  """Maps (variables, *arrays) -> array over the local devices, as shares.

  Args:
    function: see `map_apply`.

  Returns:
    A function of the variables and of a tuple of what `split_batch` or such
    a function returned, which returns (local devices, share of each, ...). It
    does not wait for the devices, nor take results from them.
  """
  return jax.pmap(
    lambda variables, arrays: function(variables, *arrays),
    in_axes=(None, 0),
    devices=jax.local_devices(),
  )


def map_apply(
  function: Callable[..., jax.Array],
) -> Callable[..., np.ndarray]:
  """Maps (variables, *arrays) -> array over the local devices.

  Args:
    function: the first argument is the same on all devices, the others and
      the result are split along their first axis.

  Returns:
    A function of the same arguments for a whole batch, numpy to numpy; its
    length must be a multiple of the number of local devices.
  """
  mapped = map_shares(function)

  def run(variables: PyTree, *arrays: np.ndarray) -> np.ndarray:
    output = np.asarray(mapped(variables, split_batch(arrays)))
    return output.reshape(-1, *output.shape[2:])

  return run


def sum_over_hosts(tree: PyTree) -> PyTree:
  """Adds numpy arrays of all hosts; every host gets the sum, in their type."""
  if jax.process_count() == 1:
    return tree
  tree = jax.tree.map(np.asarray, tree)
  # As bytes, since JAX makes 64 bits 32.
  gathered = multihost_utils.process_allgather(
    jax.tree.map(lambda x: np.frombuffer(x.tobytes(), np.uint8), tree)
  )
  return jax.tree.map(
    lambda x, all_bytes: (
      np.frombuffer(np.asarray(all_bytes).tobytes(), x.dtype)
      .reshape(-1, *x.shape)
      .sum(0)
    ),
    tree,
    gathered,
  )


def gather_over_hosts(data: bytes) -> list[bytes]:
  """Hands every host the bytes of all of them, in their order.

  Args:
    data: this host's, of any length.
  """
  if jax.process_count() == 1:
    return [data]
  sizes = np.zeros(jax.process_count(), np.int64)
  sizes[jax.process_index()] = len(data)
  sizes = sum_over_hosts(sizes)
  padded = np.zeros(max(sizes.max(), 1), np.uint8)
  padded[: len(data)] = np.frombuffer(data, np.uint8)
  gathered = np.asarray(multihost_utils.process_allgather(padded))
  return [
    row[:size].tobytes() for row, size in zip(gathered, sizes, strict=True)
  ]


def join_shares(items: np.ndarray | Sequence[str]) -> np.ndarray | list[str]:
  """Puts together items of which host h of n has numbers h, h + n, ....

  Args:
    items: this host's, an array (items, ...) or words.

  Returns:
    All hosts' items in their order, on every host. Hosts that have more than
    their share follow.
  """
  if jax.process_count() == 1:
    return items
  if isinstance(items, np.ndarray):
    parts = [
      np.frombuffer(data, items.dtype).reshape(-1, *items.shape[1:])
      for data in gather_over_hosts(items.tobytes())
    ]
  else:
    data = json.dumps(list(items)).encode()
    parts = [json.loads(data) for data in gather_over_hosts(data)]
  counts = [len(part) for part in parts]
  turns = np.concatenate([np.arange(count) for count in counts])
  order = np.lexsort((np.repeat(np.arange(len(counts)), counts), turns))
  if isinstance(items, np.ndarray):
    return np.concatenate(parts)[order]
  words = [word for part in parts for word in part]
  return [words[i] for i in order]


def on_every_host(action: Callable[[], T]) -> T:
  """Runs an action that speaks to no other host, on every host.

  Returns:
    What it returns here.

  Raises:
    ValueError: it raised anything on another host, which raises that; so no
      host is left waiting.
  """
  with apart():
    return action()


@contextlib.contextmanager
def apart() -> Iterator[None]:
  """A part of a program, run on every host, that speaks to no other host.

  Raises:
    ValueError: another host raised anything in it; so no host is left waiting.
  """
  if jax.process_count() == 1:
    yield
    return
  error = None
  try:
    yield
  except Exception as found:
    error = found
  marks = gather_over_hosts(b"" if error is None else b"failed")
  if error is not None:
    raise error
  if any(marks):
    failed = next(process for process, mark in enumerate(marks) if mark)
    raise ValueError(f"process {failed} cannot go on; its log says why")


def on_primary(action: Callable[[], None]) -> None:
  """Runs an action on the primary host, while the others wait for it.

  Raises:
    ValueError: on the others, if it raised anything on the primary, which
      raises that; so no host is left waiting.
  """
  on_every_host(action if is_primary() else lambda: None)


class Preemption:
  """Tells when SIGTERM asks the run to stop, to all hosts at the same step.

  Used as a context manager around the loop. A second SIGTERM ends the process
  at once, as without it.
  """

  def __init__(self) -> None:
    """Listens from `__enter__` to `__exit__`."""
    self._asked = False
    self._previous = None

  def __enter__(self) -> "Preemption":
    # With several hosts JAX's own service listens, and agrees on a step.
    if jax.process_count() == 1:
      self._previous = signal.signal(signal.SIGTERM, self._ask)
    return self

  def __exit__(self, *exception: object) -> None:
    if jax.process_count() == 1:
      signal.signal(signal.SIGTERM, self._previous)

  def _ask(self, signum: int, frame: object) -> None:
    del signum, frame
    self._asked = True
    signal.signal(signal.SIGTERM, self._previous)

  def reached(self, step: int) -> bool:
    """Whether to save and stop after `step`; called at every step."""
    if jax.process_count() == 1:
      return self._asked
    return multihost_utils.reached_preemption_sync_point(step)
