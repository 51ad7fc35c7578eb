"""Files through a network into a folder: names, the loop, what came of it."""

import collections
import concurrent.futures
import dataclasses
import os
import pathlib
from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np

from gansynth.progress import Progress
from gansynth.synthesis import background
from gansynth.synthesis.background import Item, Value

RECORD = "translation.json"  # what made the pictures of a folder


@dataclasses.dataclass(frozen=True)
class Result:
  """What was done with a folder, on this host."""

  translated: int
  already_there: int
  skipped: list[str]  # names of pictures that could not be read


def run(
  items: Sequence[Item],
  *,
  read: Callable[[Item], Value],
  group: Callable[[Value], Hashable],
  batch_size: int,
  make: Callable[
    [list[tuple[Item, Value]]], Iterable[tuple[pathlib.Path, np.ndarray]]
  ],
  goes_on: Callable[[Item, Exception], bool],
  progress: Progress,
) -> int:
  """Reads ahead, makes pictures in batches and writes them in the background.

  Args:
    items: what is read, in order.
    read: reads one, in a thread.
    group: see `background.batches`.
    batch_size: the most items of a batch.
    make: makes the pictures of a batch, and says where each is written.
    goes_on: see `background.batches`.
    progress: is told of every item that is done.

  Returns:
    How many items were done.
  """
  done = 0
  with (
    concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as readers,
    background.Writer() as writer,
  ):
    queue = background.ahead(readers, read, items, 4 * batch_size)
    for batch in background.batches(queue, group, batch_size, goes_on):
      for path, picture in make(batch):
        writer.write(path, picture)
      done += len(batch)
      progress.update(len(batch))
  return done


def output_names(names: list[str], file_format: str) -> dict[str, str]:
  """Chooses the file that each picture is written to.

  The suffix is replaced; where two pictures would then have one name (a.jpg
  and a.png), theirs is appended instead (a.jpg.png, a.png.png).
  """
  chosen = {
    name: f"{os.path.splitext(name)[0]}.{file_format}" for name in names
  }
  while True:
    counts = collections.Counter(chosen.values())
    meeting = {
      name: f"{name}.{file_format}"
      for name, output in chosen.items()
      if counts[output] > 1 and output != f"{name}.{file_format}"
    }
    if not meeting:
      return chosen
    chosen.update(meeting)
