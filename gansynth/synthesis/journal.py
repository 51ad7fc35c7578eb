"""What a run has done, in lines that are appended as it is done.

Each process of a run appends to a journal of its own, so any number of them
may work in one folder. What was killed leaves at most one broken line, which is
passed over.
"""

import contextlib
import fcntl
import json
import pathlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

FOLDER = "journal"
_BLOCK = 1 << 16


class Journal:
  """Appends lines of JSON; a context manager, safe with threads."""

  def __init__(self, path: pathlib.Path) -> None:
    """Opens the journal, and cuts off a line that was not finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    self._lock = threading.Lock()
    self._file = path.open("a+b")
    self._file.truncate(_end_of_lines(self._file))

  def append(self, line: Mapping[str, Any]) -> None:
    """Appends a line, which other processes can read from now on."""
    data = dump(line).encode()
    with self._lock:
      self._file.write(data)
      self._file.flush()

  def __enter__(self) -> "Journal":
    return self

  def __exit__(self, *error: object) -> None:
    self._file.close()


@contextlib.contextmanager
def alone(root: pathlib.Path) -> Iterator[None]:
  """Waits until no other process is in this block for the folder `root`."""
  (root / FOLDER).mkdir(parents=True, exist_ok=True)
  with (root / FOLDER / "lock").open("w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)  # The system releases it at the end.
    yield


def _end_of_lines(file):
  """Where the last whole line ends."""
  end = file.seek(0, 2)
  while end > 0:
    start = max(0, end - _BLOCK)
    file.seek(start)
    newline = file.read(end - start).rfind(b"\n")
    if newline >= 0:
      return start + newline + 1
    end = start
  return 0


def dump(line: Mapping[str, Any]) -> str:
  """Returns a line as text, the same on every machine."""
  return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def read(root: pathlib.Path) -> Iterator[dict[str, Any]]:
  """Yields the whole lines of all journals below `root`.

  Raises:
    ValueError: a journal is damaged.
  """
  for path in sorted((root / FOLDER).glob("*.jsonl")):
    with path.open("rb") as file:
      for number, data in enumerate(file, 1):
        if not data.endswith(b"\n"):
          break
        try:
          yield json.loads(data)
        except ValueError as error:
          raise ValueError(
            f"{path}, line {number}: is damaged ({error}); remove that line, "
            "and its picture is noted again"
          ) from error
