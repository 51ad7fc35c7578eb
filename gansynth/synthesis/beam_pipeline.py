"""Makes a data set as an Apache Beam pipeline: Dataflow, Flink, Spark.

The files are those of `generation.generate`, byte for byte, and each of the
two goes on where the other was killed.

All workers, and the process that starts the pipeline, must see the sources,
the weights and the output at the same absolute paths: a network file system,
or an object store that is mounted. Files are written aside and renamed, so a
bundle that is tried again does no harm. Workers need this package and JAX with
its device. A worker process loads the networks once and makes one batch at a
time; its other threads compose meanwhile. Start one process for each GPU (on
Dataflow: `--experiments=no_use_multiple_sdk_containers`).
"""

import concurrent.futures
import datetime
import functools
import os
import pathlib
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from gansynth import files
from gansynth.synthesis import journal
from gansynth.synthesis.generation import Run
from gansynth.synthesis.run_folder import RunFolder
from gansynth.synthesis.run_report import Counts, Result

try:
  import apache_beam as beam
  from apache_beam.metrics import Metrics, MetricsFilter
  from apache_beam.options.pipeline_options import PipelineOptions
  from apache_beam.runners.runner import PipelineState
  from apache_beam.utils.shared import Shared
except ModuleNotFoundError as error:
  raise ModuleNotFoundError(
    "Apache Beam is not installed; pip install 'gansynth[beam]'",
    name=error.name,
  ) from error

# Pictures of unlike groups are made apart, and a short batch takes as long
# as a full one: several batches travel together where there are many.
_MOST_BATCHES = 8
_CHUNKS = 256  # at least, before a chunk is more than one batch
_NOTE_SECONDS = 60  # a killed worker leaves this much that is not noted
_SEEN_SECONDS = 120  # until all machines see a new file; on NFS up to 60
_POLL_SECONDS = 5
_NAMESPACE, _MADE = "gansynth", "pictures made"  # of Beam's counters


class PipelineError(ValueError):
  """Beam's workers could not go on; says what the first of them ran into."""


def generate(
  create_folder: Callable[[pathlib.Path], RunFolder],
  create_run: Callable[[pathlib.Path], Run],
  root: str | os.PathLike[str],
  *,
  batch_size: int,
  beam_options: "PipelineOptions | Sequence[str] | None" = None,
) -> Result:
  """Makes the pictures of a run on the workers of a Beam runner.

  Example:
    values = options.to_dict()
    beam_pipeline.generate(
      functools.partial(detection_run.create_folder, values),
      functools.partial(detection.create_run, values),
      "/mnt/data",
      batch_size=options.blending.batch_size,
      beam_options=["--runner=DataflowRunner", "--region=europe-west4", ...],
    )

  Args:
    create_folder: opens the folder of the run. Workers import this and the
      next by name, and get what they are to hold.
    create_run: loads the run, once in each worker process.
    root: folder to write to.
    batch_size: that of the run.
    beam_options: Beam's own, or its flags; None: its local runner.

  Returns:
    What was done, and what could not be.

  Raises:
    ValueError: inputs with problems, or an output of another run; no worker
      is started then.
    PipelineError: the workers could not go on; the pictures until then are
      there.
  """
  root = pathlib.Path(root).absolute()
  folder = create_folder(root)
  folder.check_inputs()
  folder.check()
  done, _ = folder.noted()
  waiting = [p for p in range(len(folder)) if p not in done]
  if not isinstance(beam_options, PipelineOptions):
    beam_options = PipelineOptions(list(beam_options or ()))
  pipeline = beam.Pipeline(options=beam_options)
  size = _chunk_size(len(waiting), batch_size)
  start = _announce(root)
  (
    pipeline
    | "Chunks" >> beam.Create(list(_chunks(waiting, size)))
    | "Spread" >> beam.Reshuffle()
    | "Make" >> beam.ParDo(_Make(create_run, root, start))
    | "Wait for all" >> beam.combiners.Count.Globally()
    | "Finish" >> beam.Map(_finish, create_folder, root)
  )
  finished = _run(pipeline)
  done, problems = _wait_for_notes(folder)
  told = [done[position] for position in waiting if position in done]
  rejected = sum(bool(line.get("rejected")) for line in told)
  made = _made(finished, len(told) - rejected)
  return Result(
    made,
    len(done) - made - rejected,
    sorted(problems.values()),
    0,
    folder.sheets(),
    rejected,
  )


def _run(pipeline):
  """Waits for the end of a pipeline; runners tell of errors in many ways."""
  try:
    result = pipeline.run()
    state = result.wait_until_finish()
  except Exception as error:
    *_, last = str(error).strip().splitlines() or [repr(error)]
    raise PipelineError(f"the Beam pipeline has failed: {last}") from error
  if state != PipelineState.DONE:
    raise PipelineError(
      f"the Beam pipeline has ended as {state}; see what its runner logged, "
      "and start again"
    )
  return result


def _made(result, most):
  """How many pictures were not there; `most` where the runner cannot tell."""
  found = result.metrics().query(MetricsFilter().with_name(_MADE))
  counters = [counter.result for counter in found["counters"]]
  # Runners may count a bundle again that was tried again.
  return min(sum(counters), most) if counters else most


class _Make(beam.DoFn):
  """Composes, makes, writes and notes chunks of pictures."""

  def __init__(self, create_run, root, start):
    self._root = root
    self._create_worker = functools.partial(_Worker, create_run, root, start)
    self._start = start
    self._shared = Shared()

  def start_bundle(self):
    self._lines = []
    self._noted = time.monotonic()

  def process(self, ranges: Iterable[tuple[int, int]]) -> Iterator[int]:
    positions = [position for each in ranges for position in range(*each)]
    # One for all threads of a process, and none for an empty bundle.
    worker = self._shared.acquire(self._create_worker)
    before = len(self._lines)
    counts = worker.make(positions, self._lines.append)
    Metrics.counter(_NAMESPACE, _MADE).inc(counts.made)
    Metrics.counter(_NAMESPACE, "pictures rejected").inc(counts.rejected)
    Metrics.counter(_NAMESPACE, "problems").inc(len(counts.problems))
    made = len(self._lines) - before
    if time.monotonic() - self._noted > _NOTE_SECONDS:
      self._note()
    yield made

  def finish_bundle(self):
    self._note()

  def _note(self):
    """Writes a journal of its own: appending is not for object stores."""
    if self._lines:
      name = f"{self._start}-{secrets.token_hex(8)}.jsonl"
      text = "".join(map(journal.dump, self._lines))
      files.write_whole(self._root / journal.FOLDER / name, text.encode())
    self.start_bundle()


class _Worker:
  """What the threads of a worker process share."""

  def __init__(self, create_run, root, start):
    if not _announcement(root, start).exists():
      raise OSError(
        f"{root} on this worker is not the folder that the pipeline was "
        "started with; give a folder that all workers see at this path, on a "
        "network file system or a mounted object store"
      )
    self._run = create_run(root)
    self._run.start()
    self._pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())

  def make(
    self, positions: Sequence[int], note: Callable[[dict], None]
  ) -> Counts:
    """Makes pictures; `note` gets a line of each, see `Run.process`."""
    run = self._run
    return run.process(
      self._pool, run.composer, positions, note, depth=2 * run.batch_size
    )


def _finish(
  chunks: int,
  create_folder: Callable[[pathlib.Path], RunFolder],
  root: pathlib.Path,
) -> None:
  """Writes the files about all pictures; once all `chunks` are noted."""
  del chunks  # what it waited for
  folder = create_folder(root)
  _wait_for_notes(folder)
  folder.finish()


def _wait_for_notes(folder):
  """Returns what is there, and the problems, of the whole run.

  Machines see what others wrote on a network file system a little later.
  """
  end = time.monotonic() + _SEEN_SECONDS
  while True:
    done, problems = folder.noted()
    missing = len(folder) - len(done) - len(problems)
    if not missing:
      return done, problems
    if time.monotonic() > end:
      raise OSError(
        f"{missing} pictures were made that {folder.root / journal.FOLDER} "
        "does not tell of on this machine; give a folder that all workers "
        "see at this path, and start again"
      )
    time.sleep(_POLL_SECONDS)


def _announce(root):
  """Lets workers recognize the folder; returns the name of this start."""
  now = datetime.datetime.now(datetime.UTC)
  start = f"beam-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
  files.write_whole(_announcement(root, start), b"")
  return start


def _announcement(root, start):
  return root / journal.FOLDER / f"{start}.jsonl"


def _chunk_size(num_pictures, batch_size):
  batches = num_pictures // (_CHUNKS * batch_size)
  return batch_size * min(max(1, batches), _MOST_BATCHES)


def _chunks(positions, size):
  """Splits positions; yields ranges (first, end) of neighbours.

  Runners refuse a pipeline of many megabytes, so it has not each position.
  """
  for start in range(0, len(positions), size):
    ranges = []
    for position in positions[start : start + size]:
      if ranges and ranges[-1][1] == position:
        ranges[-1] = (ranges[-1][0], position + 1)
      else:
        ranges.append((position, position + 1))
    yield tuple(ranges)
