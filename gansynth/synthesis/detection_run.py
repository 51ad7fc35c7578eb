"""Makes detection data: composes ahead, blends in batches, writes behind."""

import concurrent.futures
import contextlib
import dataclasses
import importlib.metadata
import json
import multiprocessing
import os
import pathlib
import platform
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import gansynth
from gansynth import config as config_lib
from gansynth.progress import Progress
from gansynth.synthesis import background, detection_checks, journal, record
from gansynth.synthesis.composer import (
  Composed,
  Composer,
  compose_in_worker,
  start_worker,
)
from gansynth.synthesis.dataset_folder import DatasetFolder
from gansynth.synthesis.detection_options import Options
from gansynth.synthesis.detection_plan import Item, Plan

if TYPE_CHECKING:
  from gansynth.blender import Blender

RECORD = "generation.json"
# What may differ between two starts, because no picture depends on it.
_FREE = (
  "options.images",
  "options.output.preview",
  "options.output.segmentation",
)
_STALE_SECONDS = 3600  # a file takes far less to write


@dataclasses.dataclass(frozen=True)
class Result:
  """What `generate` did, in this process.

  Attributes:
    made: pictures.
    already_there: pictures of this shard that were made before.
    problems: of the pictures that could not be made, a line each.
    missing: how many pictures of the whole run are still to be made by other
      shards; 0: all is there, and so are the files about all of it.
    sheets: contact sheets, when all is there.
  """

  made: int
  already_there: int
  problems: list[str]
  missing: int
  sheets: list[pathlib.Path]


def generate(
  plan: Plan,
  blender: "Blender",
  root: str | os.PathLike[str],
  *,
  shard: tuple[int, int] = (0, 1),
  workers: int = 0,
) -> Result:
  """Makes the pictures of a plan, or a shard of them.

  Every picture is the same whatever the shard, the workers and the number of
  starts. Killed at any moment and started again, it goes on where it was. A
  picture that cannot be made does not keep the others from it; the next start
  tries it again.

  Args:
    plan: what to make.
    blender: what blends; `steady`.
    root: folder to write to.
    shard: (i, n): every n-th picture from the i-th on; whichever of the n
      processes ends last writes the files about all pictures.
    workers: processes that compose; 0: threads of this one.

  Returns:
    What was done, and what could not be.

  Raises:
    ValueError: sources with problems, or an output of another run; nothing is
      written then.
    OSError: results cannot be written; those until then are there.
  """
  root = pathlib.Path(root)
  number, count = shard
  if not 0 <= number < count:
    raise ValueError(
      f"the shard is {number}/{count}; expected i/n with i from 0 to n - 1"
    )
  plan.check()
  run = Run(plan, blender, root)
  run.start()
  done, _ = run.noted()
  positions = range(number, len(plan), count)
  waiting = [p for p in positions if p not in done]
  problems = []
  made = 0
  with (
    Progress(
      len(positions), unit="picture", initial=len(positions) - len(waiting)
    ) as progress,
    _pool(run.composer, workers) as (pool, compose),
    journal.Journal(
      root / journal.FOLDER / f"{number:05d}-of-{count:05d}.jsonl"
    ) as lines,
    background.Writer() as writer,
  ):

    def goes_on(item: Item, error: Exception) -> bool:
      line = run.problem(item, error)
      problems.append(line["problem"])
      lines.append(line)
      progress.update(1)
      return True

    def write(composed: Composed, picture: np.ndarray | None) -> None:
      lines.append(run.write(composed, picture))

    ahead = background.ahead(
      pool,
      compose,
      [plan.item(position) for position in waiting],
      2 * blender.batch_size + workers,
    )
    for composed, picture in run.blended(ahead, goes_on):
      writer.submit(write, composed, picture)
      made += picture is not None
      progress.update(1)
  missing, sheets = run.finish()
  already = len(positions) - made - len(problems)
  return Result(made, already, sorted(problems), missing, sheets)


class RunFolder:
  """What the folder of a run holds, for who does not blend; without JAX."""

  def __init__(self, plan: Plan, root: str | os.PathLike[str]) -> None:
    """Looks at what was made of `plan` in the folder `root`."""
    self.plan = plan
    self.root = pathlib.Path(root)
    self.folder = DatasetFolder(self.root, plan)

  def check(self) -> None:
    """Raises ValueError if the folder cannot be used.

    See `detection_checks.check_output`; or it holds something else's results.
    """
    detection_checks.check_output(self.plan, self.root)
    path = self.root / RECORD
    if path.exists():
      record.compare(path, self._fixed())
    else:
      record.refuse_foreign(self.root, self._folders())

  def noted(self) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    """Returns what the journals tell, by the pictures' positions.

    Returns:
      Manifest lines of the pictures that are there, and what kept those that
      are not from it when they were last tried.

    Raises:
      ValueError: there are pictures that the plan has not.
    """
    done, problems = {}, {}
    for line in journal.read(self.root):
      item = self.plan.find(line["source"], line["target"], line["index"])
      beyond = item.index >= self.plan.options.images
      if "problem" in line:
        if not beyond:
          problems[self.plan.position(item)] = line["problem"]
        continue
      if beyond:
        raise ValueError(
          f"{self.root} holds picture {item.index} of a data set that is to "
          f"have {self.plan.options.images}; ask for as many as there are, or "
          "choose another output folder"
        )
      if self.folder.picture(item).exists():  # Nobody has removed it since.
        done[self.plan.position(item)] = line
    problems = {p: text for p, text in problems.items() if p not in done}
    return done, problems

  def finish(self) -> tuple[int, list[pathlib.Path]]:
    """Writes the files about all pictures, if all have had their turn.

    Returns:
      How many have not, and the contact sheets.
    """
    done, problems = self.noted()
    missing = len(self.plan) - len(done) - len(problems)
    if missing:
      return missing, []
    with journal.alone(self.root):  # Two shards may end at once.
      for unfinished in self.root.rglob(".*.tmp"):  # of processes that are gone
        if time.time() - unfinished.stat().st_mtime > _STALE_SECONDS:
          unfinished.unlink(missing_ok=True)
      return 0, self.folder.finish([done[key] for key in sorted(done)])

  def _fixed(self):
    """What makes the pictures, without what may change between two starts."""
    # The original draws over the whole run.
    free = _FREE[1:] if self.plan.options.mode == "original" else _FREE
    return {
      name: value for name, value in self._made_by().items() if name not in free
    }

  def _folders(self):
    return [pair.folder or "images" for pair in self.plan.pairs]

  def _made_by(self):
    made_by = {
      "options": self.plan.options.to_dict(),
      "objects": self.plan.objects.described(),
      "backgrounds": self.plan.backgrounds.described(),
    }
    if self.plan.distractors is not None:
      made_by["distractors"] = self.plan.distractors.described()
    if self.plan.real is not None:  # Objects may be drawn from them.
      text = json.dumps(self.plan.real.to_dict())
      made_by["real_labels_crc32"] = zlib.crc32(text.encode())
    return json.loads(json.dumps(config_lib.flatten(made_by)))


class Run(RunFolder):
  """The parts of a run that its shards, and other ways to run it, share."""

  def __init__(
    self, plan: Plan, blender: "Blender", root: str | os.PathLike[str]
  ) -> None:
    """Makes `plan` with `blender` in the folder `root`."""
    super().__init__(plan, root)
    self.blender = blender
    self.composer = Composer(plan)
    self._device = threading.Lock()
    self._about = {
      "blending": blender.made_by,
      "versions": versions(),
    }

  def start(self) -> None:
    """Records what makes the pictures, or checks that it is the same.

    Raises:
      ValueError: the folder cannot be used, see `check`.
    """
    detection_checks.check_output(self.plan, self.root)
    path = self.root / RECORD
    record.check(path, self._fixed(), self._folders(), alone=False)
    made_by = self._made_by()
    if (recorded := record.read(path)) | made_by != recorded:
      record.write(path, recorded | made_by)

  def compare(self) -> None:
    """Raises ValueError unless the record in the folder is of this run."""
    record.compare(self.root / RECORD, self._made_by())

  def blended(
    self,
    ahead: Iterable[tuple[Item, "concurrent.futures.Future[Composed]"]],
    goes_on: Callable[[Item, Exception], bool],
  ) -> Iterator[tuple[Composed, np.ndarray | None]]:
    """Yields pictures blended in batches, in any order.

    Args:
      ahead: pictures that are being composed, see `background.ahead`.
      goes_on: is told what could not be composed, see `background.batches`.

    Yields:
      What was composed and the picture, None where it is there.
    """
    queue = (
      (item, background.Later(future, self.prepare)) for item, future in ahead
    )
    for batch in background.batches(
      queue, lambda value: value[2], self.blender.batch_size, goes_on
    ):
      values = [value for _, value in batch]
      pictures = self.blend(values)
      for (composed, *_), picture in zip(values, pictures, strict=True):
        yield composed, picture

  def prepare(
    self, composed: Composed, again: bool = False
  ) -> tuple[Composed, Any, Any]:
    """Returns a picture, its triple, and what may share a batch with it.

    The triple is None where nothing is to be blended: nothing found a place,
    or the picture was made by a run that was killed before it was noted. The
    latter does not count with `again`.
    """
    if not again and self.folder.picture(composed.item).exists():
      return composed, None, "there"
    if not composed.mask.any():
      return composed, None, "empty"
    triple = self.blender.prepare(
      composed.canvas, composed.background, composed.mask
    )
    return composed, triple, self.blender.group(triple)

  def blend(
    self, values: Sequence[tuple[Composed, Any, Any]]
  ) -> list[np.ndarray | None]:
    """Blends a batch of what `prepare` returned; None where it is there."""
    kind = values[0][2]
    if kind == "there":
      return [None] * len(values)
    if kind == "empty":
      return [composed.background for composed, *_ in values]
    with self._device:  # has memory for one batch
      return self.blender.blend([triple for _, triple, _ in values])

  def write(
    self, composed: Composed, picture: np.ndarray | None
  ) -> dict[str, Any]:
    """Writes a picture, unless it is there, and returns its manifest line."""
    if picture is not None:
      self.folder.write(composed, picture)
    return self.folder.line(composed, self._about)

  def problem(self, item: Item, error: Exception) -> dict[str, Any]:
    """What a journal says of a picture that could not be made."""
    pair = self.plan.pairs[item.pair]
    return {
      "source": pair.source,
      "target": pair.target,
      "index": item.index,
      "problem": f"{self.plan.name(item)}: {error}",
    }

  def _made_by(self):
    return super()._made_by() | json.loads(
      json.dumps(config_lib.flatten({"blender": self._about["blending"]}))
    )


def find(root: str | os.PathLike[str], name: str) -> dict[str, Any]:
  """Returns the manifest line of a picture.

  Args:
    root: folder of a run.
    name: of the picture; its ending and folders do not count.

  Raises:
    ValueError: there is no run, or it has no such picture.
  """
  root = pathlib.Path(root)
  wanted = pathlib.PurePath(name)
  for line in journal.read(root):
    if line.get("name") in (wanted.name, wanted.stem):
      return line
  raise ValueError(
    f"{root} has no picture {wanted.stem!r}; the names are in its "
    f"{journal.MANIFEST}"
  )


def recorded_options(root: str | os.PathLike[str]) -> Options:
  """Returns the options that a run was started with.

  Raises:
    ValueError: there is no run, or its record is damaged.
  """
  path = pathlib.Path(root) / RECORD
  if not path.exists():
    raise ValueError(f"{root} holds no run ({RECORD} is missing)")
  return Options.from_dict(config_lib.unflatten(record.read(path))["options"])


def versions() -> dict[str, str]:
  """Returns the versions that bytes may depend on."""
  return {
    "gansynth": gansynth.__version__,
    "python": platform.python_version(),
    **{
      package: importlib.metadata.version(package)
      for package in ("jax", "jaxlib", "numpy", "pillow")
    },
  }


@contextlib.contextmanager
def _pool(composer, workers):
  """Yields threads or processes that compose, and the function for them."""
  if not workers:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
      yield pool, composer
    return
  # Forked processes would inherit the locks of JAX's threads.
  with concurrent.futures.ProcessPoolExecutor(
    workers,
    multiprocessing.get_context("spawn"),
    initializer=start_worker,
    initargs=(composer,),
  ) as pool:
    yield pool, compose_in_worker
