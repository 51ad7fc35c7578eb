"""What made the pictures of a folder, kept beside them.

A run that goes on takes the pictures that are there for its own only where the
same weights and options made them.
"""

import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from gansynth import files

_SHOWN = 6  # of what differs, in an error


def check(
  path: pathlib.Path,
  made_by: Mapping[str, Any],
  outputs: Iterable[str],
  *,
  alone: bool = True,
) -> None:
  """Writes what makes a folder's pictures, or checks that it is the same.

  Args:
    path: the record, in the folder of the results.
    made_by: what makes them; values that JSON keeps as they are.
    outputs: names of the pictures, in that folder.
    alone: no other process writes there, so what a killed one left
      half-written is removed.

  Raises:
    ValueError: the folder holds pictures that something else made.
  """
  folder = path.parent
  if not path.exists():
    refuse_foreign(folder, outputs)
    folder.mkdir(parents=True, exist_ok=True)
    write(path, made_by)
    return
  compare(path, made_by)
  if alone:
    for unfinished in folder.rglob(".*.tmp"):
      unfinished.unlink()


def refuse_foreign(folder: pathlib.Path, outputs: Iterable[str]) -> None:
  """Raises ValueError if a folder without a record holds any of `outputs`."""
  foreign = [name for name in outputs if (folder / name).exists()]
  if foreign:
    raise ValueError(
      f"{folder} holds pictures that were not made here ({foreign[0]}"
      + (f" and {len(foreign) - 1} more" if len(foreign) > 1 else "")
      + " in the way); choose another output folder"
    )


def compare(path: pathlib.Path, made_by: Mapping[str, Any]) -> None:
  """Raises ValueError unless a record says what `made_by` says."""
  recorded = read(path)
  differing = [k for k in made_by if recorded.get(k) != made_by[k]]
  if differing:
    more = len(differing) - _SHOWN
    raise ValueError(
      f"{path.parent} holds pictures made with "
      + ", with ".join(
        f"{k} {recorded.get(k)!r}, now it is {made_by[k]!r}"
        for k in differing[:_SHOWN]
      )
      + (f", and {more} more that differ" if more > 0 else "")
      + "; choose another output folder, or remove that one"
    )


def read(path: pathlib.Path) -> dict[str, Any]:
  """Reads a record; ValueError where it is damaged."""
  try:
    return dict(json.loads(path.read_text()))
  except (ValueError, TypeError) as error:
    raise ValueError(
      f"{path} is damaged ({error}); choose another output folder"
    ) from error


def write(path: pathlib.Path, values: Mapping[str, Any]) -> None:
  """Writes a record so that it is there whole or not at all."""
  files.write_whole(path, (json.dumps(values, indent=2) + "\n").encode())
