"""What the folder of a run holds: its record, journals and finished files.

A picture's line in a journal holds what the manifest says of it. Two keys mean
something here: `problem` says why it could not be made, and it is tried again
at the next start; `rejected`, where true, says that a filter has thrown it
away, so that there is nothing on disk, and it is not made again.
"""

import abc
import json
import os
import pathlib
import time
from collections.abc import Collection, Mapping
from typing import Any

from gansynth import config as config_lib
from gansynth import files
from gansynth.synthesis import journal, record

RECORD = "generation.json"
_STALE_SECONDS = 3600  # a file takes far less to write


class BeyondRunError(ValueError):
  """A journal tells of a picture that the run would not make."""

  def __init__(
    self, root: str | os.PathLike[str], index: int, count: int
  ) -> None:
    """Says that `root` holds picture `index` of `count`."""
    super().__init__(
      f"{root} holds picture {index} of a data set that is to have {count}; "
      "ask for as many as there are, or choose another output folder"
    )


class RunFolder(abc.ABC):
  """What the folder of a run holds, for who makes no pictures; without JAX.

  Attributes:
    root: the folder.
    free: names in the record, as "options.images", of what may differ between
      two starts, because no picture depends on it.
  """

  free: Collection[str] = ()

  def __init__(self, root: str | os.PathLike[str]) -> None:
    """Looks at the folder `root`, which need not be there."""
    self.root = pathlib.Path(root)

  @abc.abstractmethod
  def __len__(self) -> int:
    """Number of pictures of the whole run, rejected ones too."""

  @abc.abstractmethod
  def position(self, line: Mapping[str, Any]) -> int:
    """The place in the whole run, from 0, of a journal's line.

    Args:
      line: what `Run.write` or `Run.problem` returned, in any start.

    Raises:
      BeyondRunError: fewer pictures are asked for now.
      ValueError: it is not of this run.
    """

  @abc.abstractmethod
  def is_there(self, position: int) -> bool:
    """Whether the files of a picture are on disk, and whole."""

  @abc.abstractmethod
  def described(self) -> dict[str, Any]:
    """What the pictures are made of: options and inputs.

    Returns:
      What JSON keeps; dicts may be nested. The record has it flat, as
      "options.seed", and another start must agree, but for what is `free`.
    """

  @abc.abstractmethod
  def outputs(self) -> list[str]:
    """Names in `root` that show that something else has written there.

    Looked for where there is no record.
    """

  @abc.abstractmethod
  def check_inputs(self) -> None:
    """Looks for all that can be found wrong before any picture is made.

    Once for each start, before anything is written.

    Raises:
      ValueError: the message lists the problems.
    """

  @abc.abstractmethod
  def check_output(self) -> None:
    """Raises ValueError if results cannot be written to `root`.

    It is a file, say, or lies in the input. The record is checked elsewhere.
    """

  @abc.abstractmethod
  def complete(
    self, lines: list[dict[str, Any]], rejected: list[dict[str, Any]]
  ) -> None:
    """Writes the files about all pictures: manifest, contact sheet, ...

    No other process does at the same time. May come more than once, with the
    same lines or with more of them.

    Args:
      lines: of the pictures that are there, in the order of the positions.
      rejected: of those that were thrown away, likewise.
    """

  @abc.abstractmethod
  def sheets(self) -> list[pathlib.Path]:
    """The contact sheets that `complete` writes."""

  def check(self) -> None:
    """Raises ValueError if the folder cannot be used, or is another run's."""
    self.check_output()
    path = self.root / RECORD
    if path.exists():
      record.compare(path, self.fixed(self.described()))
    else:
      record.refuse_foreign(self.root, self.outputs())

  def fixed(self, described: Mapping[str, Any]) -> dict[str, Any]:
    """What another start must agree with, flat."""
    return {
      name: value
      for name, value in flat(described).items()
      if name not in self.free
    }

  def noted(self) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    """Returns what the journals tell, by the pictures' positions.

    Returns:
      Lines of the pictures that are there or were rejected, and what kept
      those that are not from it when they were last tried.

    Raises:
      ValueError: there are pictures that the run would not make.
    """
    done, problems = {}, {}
    for line in journal.read(self.root):
      try:
        position = self.position(line)
      except BeyondRunError:
        if "problem" in line:
          continue
        raise
      if "problem" in line:
        problems[position] = line["problem"]
      elif line.get("rejected") or self.is_there(position):
        done[position] = line  # Else somebody has removed it since.
    problems = {p: text for p, text in problems.items() if p not in done}
    return done, problems

  def finish(self) -> tuple[int, list[pathlib.Path]]:
    """Writes the files about all pictures, if all have had their turn.

    Returns:
      How many have not, and the contact sheets.
    """
    done, problems = self.noted()
    missing = len(self) - len(done) - len(problems)
    if missing:
      return missing, []
    with journal.alone(self.root):  # Two shards may end at once.
      for unfinished in self.root.rglob(".*.tmp"):  # of processes that are gone
        if time.time() - unfinished.stat().st_mtime > _STALE_SECONDS:
          unfinished.unlink(missing_ok=True)
      lines = [done[position] for position in sorted(done)]
      self.complete(
        [line for line in lines if not line.get("rejected")],
        [line for line in lines if line.get("rejected")],
      )
    return 0, self.sheets()


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
    f"{files.MANIFEST}"
  )


def recorded(root: str | os.PathLike[str]) -> dict[str, Any]:
  """Returns what a run was started with, as `described` told it.

  Raises:
    ValueError: there is no run, or its record is damaged.
  """
  path = pathlib.Path(root) / RECORD
  if not path.exists():
    raise ValueError(f"{root} holds no run ({RECORD} is missing)")
  return config_lib.unflatten(record.read(path))


def flat(described: Mapping[str, Any]) -> dict[str, Any]:
  """What `described` returned, as the record has it."""
  return json.loads(json.dumps(config_lib.flatten(described)))
