"""Reading ahead, grouping and writing, so that the device never waits."""

import collections
import concurrent.futures
import os
import pathlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

from gansynth import images

FORMATS = ("png", "jpg")  # that results are written as
Item = TypeVar("Item")
Value = TypeVar("Value")


def check_format(file_format: str) -> None:
  """Raises ValueError unless results can be written as `file_format`."""
  if file_format not in FORMATS:
    raise ValueError(
      f"unknown format {file_format!r}; choose one of {', '.join(FORMATS)}"
    )


def refuse_inside(
  output: str | os.PathLike[str], source: str | os.PathLike[str]
) -> None:
  """Raises ValueError if results would be taken for input the next time."""
  if (
    pathlib.Path(output)
    .absolute()
    .is_relative_to(pathlib.Path(source).absolute())
  ):
    raise ValueError(
      f"the output {output} lies in the input {source}, where it would be "
      "taken for input; choose a folder outside"
    )


def ahead(
  pool: concurrent.futures.Executor,
  read: Callable[[Item], Value],
  items: Iterable[Item],
  depth: int,
) -> Iterator[tuple[Item, "concurrent.futures.Future[Value]"]]:
  """Yields (item, future of `read(item)`) in order, reading `depth` ahead."""
  window = collections.deque()
  for item in items:
    window.append((item, pool.submit(read, item)))
    if len(window) > depth:
      yield window.popleft()
  yield from window


def batches(
  queue: Iterable[tuple[Item, "concurrent.futures.Future[Value]"]],
  group: Callable[[Value], Hashable],
  batch_size: int,
  goes_on: Callable[[Item, Exception], bool],
) -> Iterator[list[tuple[Item, Value]]]:
  """Groups what was read into batches that share a compilation.

  At most eight batches' worth of values wait for company.

  Args:
    queue: of `ahead`.
    group: values of which it is equal may share a batch.
    batch_size: the most of one batch.
    goes_on: is told the item and what went wrong (a ValueError or OSError) and
      returns whether to pass it over; else the error is raised, after what was
      waiting, so that no work is lost.
  """
  groups = collections.defaultdict(list)
  error = None
  for item, future in queue:
    try:
      value = future.result()
    except (ValueError, OSError) as found:
      if goes_on(item, found):
        continue
      error = found
      break
    groups[group(value)].append((item, value))
    waiting = sum(map(len, groups.values()))
    fullest = max(groups, key=lambda key: len(groups[key]))
    if len(groups[fullest]) == batch_size or waiting >= 8 * batch_size:
      yield groups.pop(fullest)
  yield from groups.values()
  if error is not None:
    raise error


class Later:
  """A future whose result goes through a function when it is asked for."""

  def __init__(
    self,
    future: "concurrent.futures.Future[Item]",
    function: Callable[[Item], Value],
  ) -> None:
    """Applies `function` to the result of `future`."""
    self._future = future
    self._function = function

  def result(self) -> Value:
    """Waits for the future; raises what it or the function raises."""
    return self._function(self._future.result())


class Writer:
  """Writes pictures in the background, a bounded number at a time.

  A context manager: at its end all is on disk. Each picture is written aside
  and renamed, so what is there is whole.
  """

  def __init__(self) -> None:
    """Starts a thread for each core."""
    threads = os.cpu_count() or 1
    self._pool = concurrent.futures.ThreadPoolExecutor(threads)
    self._pending = collections.deque()
    self._depth = 8 * threads

  def write(self, path: pathlib.Path, picture: np.ndarray) -> None:
    """Starts to write; raises what an earlier write ran into."""
    self.submit(images.write, path, picture)

  def submit(self, function: Callable[..., Any], *arguments: Any) -> None:
    """Starts a function that writes; raises what an earlier one ran into."""
    self._pending.append(self._pool.submit(function, *arguments))
    if len(self._pending) > self._depth:
      self._pending.popleft().result()

  def __enter__(self) -> "Writer":
    return self

  def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
    self._pool.shutdown(wait=True)
    if error is None:
      for future in self._pending:
        future.result()
