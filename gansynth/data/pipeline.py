"""Order, shuffling, batching and workers, with Grain.

The training data is one endless sequence of items, a function of the seed:
epoch after epoch, each with its own permutation of the data set, joined
without a gap. A batch is the next `batch_size` items, so it may span two
epochs; nothing is dropped and nothing is seen twice in an epoch. What is
random inside an item (partner, crop, flip) depends on the seed and the item's
position in this sequence only. Threads, worker processes, the number of hosts
and a stop in between therefore change nothing: not the order, not a byte.
"""

import gc
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence

import grain
import numpy as np
from absl import flags

from gansynth import images

_PREFETCH_BATCHES = 2
# Items of an endless sequence. Grain computes lengths of batched data in
# floating point, where its own endless length overflows.
_FOREVER = 2**48


class _Sample(grain.transforms.RandomMap):
  """Index to training item."""

  def __init__(self, dataset):
    self.dataset = dataset

  def random_map(self, index: int, rng: np.random.Generator) -> dict:
    """Called by Grain with a generator of the position."""
    return self.dataset.sample(int(index), rng)


def _stack(items: Sequence[dict]) -> dict:
  """Makes a batch of items."""
  batch = {}
  for key in items[0]:
    values = [item[key] for item in items]
    shapes = sorted({np.shape(value) for value in values})
    if len(shapes) > 1:
      raise images.ImageError(
        f"the pictures {key!r} of one batch have different shapes: "
        f"{shapes[:4]}. Use a preprocess mode that crops or resizes to one "
        "size, or a batch of 1 per host."
      )
    batch[key] = np.stack(values)
  return batch


def _check_batch(batch_size: int, host_index: int, host_count: int) -> None:
  if batch_size < 1 or batch_size % host_count:
    raise ValueError(
      f"batch_size {batch_size} (of all hosts together) cannot be divided "
      f"among {host_count} hosts; use a multiple of {host_count}."
    )
  if not 0 <= host_index < host_count:
    raise ValueError(
      f"host_index is {host_index}; expected 0 to {host_count - 1}."
    )


class BatchIterator:
  """Endless training batches whose position can be saved and restored.

  The state is a small dict for JSON: the position in the sequence of items,
  which every host shares, beside what it is a position in. Restored with
  another number of hosts, workers or another batch size, it goes on with the
  next item.
  """

  def __init__(
    self,
    start: Callable[[int], Iterator[dict]],
    *,
    batch_size: int,
    identity: dict,
  ):
    self._start = start
    self._batch_size = batch_size
    self._identity = identity
    self._position = 0
    self._iterator = None
    self._finalizer = None

  def __iter__(self) -> "BatchIterator":
    return self

  def __next__(self) -> dict:
    """Returns this host's share of the next batch: arrays (local batch, ...).

    Raises:
      images.ImageError: a picture of it cannot be used; the position stays.
    """
    if self._iterator is None:
      self._iterator = self._start(self._position)
      # Workers are stopped even if nobody calls `close`.
      self._finalizer = weakref.finalize(self, self._iterator.close)
    try:
      batch = next(self._iterator)
    except BaseException:
      # What was read ahead is lost; the next call begins at the position.
      self.close()
      raise
    self._position += self._batch_size
    return batch

  def get_state(self) -> dict:
    """Returns the position of the next batch, to be stored as JSON."""
    return {"position": self._position, **self._identity}

  def set_state(self, state: dict) -> None:
    """Continues from a stored position.

    Raises:
      ValueError: the state belongs to other data or another seed.
    """
    for key, value in self._identity.items():
      if state.get(key) != value:
        raise ValueError(
          f"the stored data position was taken with {key} "
          f"{state.get(key)!r}, but it is {value!r} now, so the run cannot go "
          "on with the items it has not seen. Restore the data and the "
          "configuration, or start a new run in another work directory."
        )
    self.close()
    self._position = int(state["position"])

  def close(self) -> None:
    """Stops threads and workers; the next batch starts them again."""
    if self._finalizer is not None:
      self._finalizer()
    self._iterator = self._finalizer = None


def train_iterator(
  dataset,
  *,
  batch_size: int,
  seed: int,
  host_index: int = 0,
  host_count: int = 1,
  num_workers: int = 0,
  num_threads: int | None = None,
  prefetch: int = _PREFETCH_BATCHES,
  shuffle: bool | None = None,
) -> BatchIterator:
  """Returns this host's endless training batches.

  The rules are at the top of this file. Hosts take turns item by item: host h
  of n reads the items h, h + n, ... of the sequence, and the k-th batches of
  all hosts together are the k-th batch of a single host.

  Decoding and resizing run in threads beside the caller (Pillow lets go of
  Python's lock there) or, with `num_workers`, in processes, which also helps
  where Python itself is busy, as in procedural data. Workers are started
  afresh (spawned), so a program that uses them needs the usual
  `if __name__ == "__main__":`.

  Args:
    dataset: offers `len()` and `sample(index, rng)`.
    batch_size: items of a batch over all hosts together.
    seed: 0 to 2**32 - 1.
    host_index: this host, `jax.process_index()`.
    host_count: hosts, `jax.process_count()`.
    num_workers: processes; 0 uses threads only.
    num_threads: threads of each process; None takes one for each core (one
      in all with workers), at most 16.
    prefetch: batches that are made ahead (by each worker).
    shuffle: False keeps the order of the data set in every epoch. None
      shuffles unless the data set says it is `serial`.

  Returns:
    An iterator of dicts of arrays (batch_size / host_count, ...), with
    `get_state`, `set_state` and `close`.

  Raises:
    ValueError: the data set is empty, or the batch cannot be divided.
  """
  _check_batch(batch_size, host_index, host_count)
  if len(dataset) == 0:
    raise ValueError("the data set is empty; nothing to train on.")
  if not 0 <= seed < 2**32:
    raise ValueError(f"seed is {seed}; expected 0 to {2**32 - 1}.")
  if num_threads is None:
    num_threads = 1 if num_workers else min(16, os.cpu_count() or 1)
  if shuffle is None:
    shuffle = not getattr(dataset, "serial", False)
  local_batch = batch_size // host_count

  items = grain.MapDataset.range(len(dataset))
  if shuffle:
    items = items.shuffle(seed=seed)
  items = items.repeat().random_map(_Sample(dataset), seed=seed)

  def start(position: int) -> Iterator[dict]:
    first = position + host_index
    mine = items[first : first + _FOREVER : host_count]
    if not num_workers:
      options = grain.ReadOptions(
        num_threads=num_threads,
        prefetch_buffer_size=max(num_threads, prefetch * local_batch),
      )
      stream = mine.to_iter_dataset(options)
      return iter(stream.batch(local_batch, batch_fn=_stack))
    # Workers share the elements out among themselves. Whole batches must be
    # those elements, or the batches would depend on the number of workers.
    stream = mine.batch(local_batch, batch_fn=_stack).to_iter_dataset(
      grain.ReadOptions(
        num_threads=num_threads, prefetch_buffer_size=num_threads
      )
    )
    # Semaphores of workers that were stopped lie about in reference cycles.
    # Collected while new ones are being registered, Python 3.12 complains.
    gc.collect()
    if not flags.FLAGS.is_parsed():
      # Grain reads a flag of its own when it starts workers, and in a
      # notebook or a test nobody has parsed any.
      flags.FLAGS.mark_as_parsed()
    stream = stream.mp_prefetch(
      grain.MultiprocessingOptions(
        num_workers=num_workers, per_worker_buffer_size=prefetch
      ),
      worker_init_fn=_start_worker,
    )
    # Copied out of the memory shared with the worker, which is scarce
    # (/dev/shm) and must not outlive it.
    return iter(stream.map(_own))

  identity = {"seed": seed, "items": len(dataset), "shuffle": shuffle}
  return BatchIterator(start, batch_size=batch_size, identity=identity)


def _own(batch: dict) -> dict:
  """Copies a batch to memory of this process."""
  return {key: np.array(value) for key, value in batch.items()}


def _start_worker(worker_index: int, worker_count: int) -> None:
  """Prepares a worker process for how a run can end."""
  del worker_index, worker_count
  # Signals to the whole group (Ctrl-C, a cluster's notice) are the main
  # process's to answer: it may still want batches while it saves.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  signal.signal(signal.SIGTERM, lambda *_: signal.alarm(60))
  parent = multiprocessing.parent_process()

  def leave_with_parent():
    # Nobody tells the workers of a process that was killed to stop.
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)

  threading.Thread(target=leave_with_parent, daemon=True).start()


def eval_items(
  dataset,
  *,
  max_items: int = 0,
  host_index: int = 0,
  host_count: int = 1,
  num_threads: int | None = None,
) -> Iterator[dict]:
  """Yields this host's share of the evaluation items, in order, once.

  Every item comes on exactly one host, whatever divides what: batches are
  made by who consumes them, since evaluated pictures keep their sizes.

  Args:
    dataset: offers `len()` and `dataset[index]`.
    max_items: the first ones only; 0: all.
    host_index: this host; it gets items h, h + n, ...
    host_count: number of hosts n.
    num_threads: threads that read ahead; None takes one for each core.

  Yields:
    What the data set returns: arrays (height, width, channels) and names.

  Raises:
    ValueError: the data set is empty.
    images.ImageError: a picture of it cannot be used.
  """
  length = min(len(dataset), max_items or len(dataset))
  if length == 0:
    raise ValueError("the data set is empty; nothing to evaluate.")
  if host_index >= length:
    return
  num_threads = num_threads or min(16, os.cpu_count() or 1)
  options = grain.ReadOptions(
    num_threads=num_threads, prefetch_buffer_size=2 * num_threads
  )
  iterator = iter(
    grain.MapDataset.range(host_index, length, host_count)
    .map(lambda index: dataset[int(index)])
    .to_iter_dataset(options)
  )
  try:
    yield from iterator
  finally:
    iterator.close()
