"""Makes data sets of any kind: composes ahead, makes in batches, writes behind.

What a data set is made of is told by a `RunFolder` (what is on disk, what its
record says) and a `Run` (what composes, makes and writes its pictures). What
every kind needs is there and here: positions and shards, journals, the record
of what made the pictures, problems, going on after a kill, and the files about
all pictures, which the last shard to end writes.
"""

import abc
import concurrent.futures
import contextlib
import multiprocessing
import os
import threading
from collections.abc import (
  Callable,
  Hashable,
  Iterable,
  Iterator,
  Sequence,
)
from typing import Any, NamedTuple

from gansynth.progress import Progress
from gansynth.synthesis import background, journal, record
from gansynth.synthesis.run_folder import RECORD, RunFolder, flat
from gansynth.synthesis.run_report import Counts, Result

_MOST_WORKERS = 8  # where nobody says how many


class Prepared(NamedTuple):
  """A picture that waits for its batch.

  Attributes:
    composed: what `Run.composer` returned.
    payload: what `Run.make` needs of it.
    group: pictures of which it is equal may share a batch. None: the picture
      is there already, made by a run that was killed before it was noted, and
      is only to be noted; `Run.make` does not see it.
  """

  composed: Any
  payload: Any
  group: Hashable


class Run(abc.ABC):
  """What makes the pictures of a run: with networks and devices.

  Attributes:
    folder: what is on disk.
    batch_size: the most pictures of one batch.
  """

  def __init__(self, folder: RunFolder, batch_size: int) -> None:
    """Makes the pictures of `folder`."""
    self.folder = folder
    self.batch_size = batch_size
    self._device = threading.Lock()

  @property
  @abc.abstractmethod
  def composer(self) -> Callable[[int], Any]:
    """Composes the picture at a position, up to what only the device can do.

    Picklable, and so is what it returns; without JAX, because processes that
    only compose start with it. Called by several threads at once, in about the
    order of the positions. It raises ValueError or OSError for a picture that
    cannot be made; the others are made all the same.
    """

  @abc.abstractmethod
  def described(self) -> dict[str, Any]:
    """What makes the pictures beyond the folder's own: weights, a filter.

    As `RunFolder.described`.
    """

  @abc.abstractmethod
  def prepare(self, composed: Any, again: bool = False) -> Prepared:
    """Makes what was composed ready for the device.

    Args:
      composed: what `composer` returned.
      again: make it even if it is there.

    Raises:
      ValueError, OSError: the picture cannot be made; the others are.
    """

  @abc.abstractmethod
  def make(self, batch: Sequence[Prepared]) -> Sequence[Any]:
    """Makes pictures of one group, at most `batch_size`.

    One thread at a time: devices have memory for one batch.

    Returns:
      For each what `write` needs; not None. What is the same whatever the
      batch's other pictures.
    """

  @abc.abstractmethod
  def write(self, composed: Any, result: Any | None) -> dict[str, Any]:
    """Writes a picture with its labels; called by several threads at once.

    Every file is written aside and renamed (`images.write`,
    `files.write_whole`), and that which `RunFolder.is_there` looks for comes
    last.

    Args:
      composed: what `composer` returned.
      result: what `make` returned; None: it is on disk already.

    Returns:
      Its line in the journal and the manifest: what JSON keeps, the same on
      every machine, with what `RunFolder.position` needs, "name" (see `find`),
      "index", and "rejected": True where nothing was written.
    """

  @abc.abstractmethod
  def problem(self, position: int, error: Exception) -> dict[str, Any]:
    """The journal's line of a picture that could not be made.

    Returns:
      What `RunFolder.position` needs, and "problem": "name: reason".
    """

  def start(self) -> None:
    """Records what makes the pictures, or checks that it is the same.

    Raises:
      ValueError: the folder cannot be used, or is another run's.
    """
    self.folder.check_output()
    path = self.folder.root / RECORD
    described = self._described()
    record.check(
      path, self.folder.fixed(described), self.folder.outputs(), alone=False
    )
    made_by = flat(described)
    if (recorded := record.read(path)) | made_by != recorded:
      record.write(path, recorded | made_by)

  def compare(self) -> None:
    """Raises ValueError unless the record in the folder is of this run."""
    record.compare(self.folder.root / RECORD, flat(self._described()))

  def again(self, position: int) -> Any:
    """Makes one picture, even if it is there; writes nothing.

    Returns:
      What `make` does.
    """
    return self._make([self.prepare(self.composer(position), again=True)])[0]

  def process(
    self,
    pool: concurrent.futures.Executor,
    compose: Callable[[int], Any],
    positions: Iterable[int],
    note: Callable[[dict[str, Any]], None],
    *,
    depth: int,
  ) -> Counts:
    """Makes pictures and notes them as they are written.

    Args:
      pool: composes.
      compose: what it is to call with each position.
      positions: of the pictures.
      note: takes the line of each, also of those that could not be made;
        several threads call it.
      depth: how many pictures are composed ahead.

    Raises:
      OSError: results cannot be written.
    """
    counts = Counts()
    lock = threading.Lock()

    def tell(line: dict[str, Any], was_there: bool = False) -> None:
      note(line)
      with lock:
        counts.add(line, was_there)

    def goes_on(position: int, error: Exception) -> bool:
      tell(self.problem(position, error))
      return True

    def write(composed: Any, result: Any | None) -> None:
      tell(self.write(composed, result), was_there=result is None)

    ahead = background.ahead(pool, compose, positions, depth)
    with background.Writer() as writer:
      for composed, result in self._results(ahead, goes_on):
        writer.submit(write, composed, result)
    return counts

  def _results(self, ahead, goes_on):
    """Yields (composed, result) in any order, results made in batches."""
    queue = (
      (position, background.Later(future, self.prepare))
      for position, future in ahead
    )
    for batch in background.batches(
      queue, lambda prepared: prepared.group, self.batch_size, goes_on
    ):
      prepared = [value for _, value in batch]
      if prepared[0].group is None:
        results = [None] * len(prepared)
      else:
        results = self._make(prepared)
      for (composed, *_), result in zip(prepared, results, strict=True):
        yield composed, result

  def _make(self, batch):
    with self._device:
      return self.make(batch)

  def _described(self):
    return {**self.folder.described(), **self.described()}


def generate(
  run: Run,
  *,
  shard: tuple[int, int] = (0, 1),
  workers: int | None = 0,
) -> Result:
  """Makes the pictures of a run, or a shard of them.

  Every picture is the same whatever the shard, the workers and the number of
  starts. Killed at any moment and started again, it goes on where it was. A
  picture that cannot be made does not keep the others from it; the next start
  tries it again.

  Args:
    run: what to make.
    shard: (i, n): every n-th picture from the i-th on; whichever of the n
      processes ends last writes the files about all pictures.
    workers: processes that compose; 0: threads of this one; None: as many as
      there are cores to spare.

  Returns:
    What was done, and what could not be.

  Raises:
    ValueError: inputs with problems, or an output of another run; nothing is
      written then.
    OSError: results cannot be written; those until then are there.
  """
  number, count = shard
  if not 0 <= number < count:
    raise ValueError(
      f"the shard is {number}/{count}; expected i/n with i from 0 to n - 1"
    )
  workers = num_workers(workers)
  folder = run.folder
  folder.check_inputs()
  run.start()
  done, _ = folder.noted()
  positions = range(number, len(folder), count)
  waiting = [p for p in positions if p not in done]
  already = len(positions) - len(waiting)
  name = f"{number:05d}-of-{count:05d}.jsonl"
  with (
    Progress(len(positions), unit="picture", initial=already) as progress,
    _pool(run.composer, workers) as (pool, compose),
    journal.Journal(folder.root / journal.FOLDER / name) as lines,
  ):
    told = threading.Lock()

    def note(line: dict[str, Any]) -> None:
      lines.append(line)
      with told:
        progress.update(1)

    counts = run.process(
      pool, compose, waiting, note, depth=2 * run.batch_size + workers
    )
  missing, sheets = folder.finish()
  already = len(positions) - counts.made - counts.rejected
  return Result(
    counts.made,
    already - len(counts.problems),
    sorted(counts.problems),
    missing,
    sheets,
    counts.rejected,
  )


def num_workers(workers: int | None) -> int:
  """Returns how many processes compose; None: as cores are to spare.

  Raises:
    ValueError: fewer than none.
  """
  if workers is None:
    return min(_MOST_WORKERS, max(0, len(os.sched_getaffinity(0)) - 2))
  if workers < 0:
    raise ValueError(f"workers is {workers}; expected 0 (threads) or more")
  return workers


_compose: Callable[[int], Any] | None = None  # of a worker process


def _start_worker(composer):
  global _compose
  _compose = composer


def _compose_in_worker(position):
  return _compose(position)


@contextlib.contextmanager
def _pool(composer, workers) -> Iterator[tuple[Any, Callable[[int], Any]]]:
  """Yields threads or processes that compose, and the function for them."""
  if not workers:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
      yield pool, composer
    return
  # Forked processes would inherit the locks of JAX's threads.
  with concurrent.futures.ProcessPoolExecutor(
    workers,
    multiprocessing.get_context("spawn"),
    initializer=_start_worker,
    initargs=(composer,),
  ) as pool:
    yield pool, _compose_in_worker
