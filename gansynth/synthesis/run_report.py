"""What a run did, in numbers and in words."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Result:
  """What was done by one process, or by all of a Beam pipeline.

  Attributes:
    made: pictures, without those that were rejected.
    already_there: pictures of this shard that were made, or rejected, before.
    problems: of the pictures that could not be made, a line each.
    missing: how many pictures of the whole run are still to be made by other
      shards; 0: all is there, and so are the files about all of it.
    sheets: contact sheets, when all is there.
    rejected: pictures that were made and thrown away.
  """

  made: int
  already_there: int
  problems: list[str]
  missing: int
  sheets: list[pathlib.Path]
  rejected: int = 0


@dataclasses.dataclass
class Counts:
  """Of what `Run.process` did.

  Attributes:
    made: pictures that were written.
    rejected: pictures that were made and thrown away.
    problems: of those that could not be made, a line each.
  """

  made: int = 0
  rejected: int = 0
  problems: list[str] = dataclasses.field(default_factory=list)

  def add(self, line: Mapping[str, Any], was_there: bool) -> None:
    """Counts a picture by its journal's line."""
    if "problem" in line:
      self.problems.append(line["problem"])
    elif line.get("rejected"):
      self.rejected += 1
    elif not was_there:
      self.made += 1


def report(result: Result, output: str | os.PathLike[str]) -> str:
  """Says what a run did, in a few lines."""
  reasons = {}
  for problem in result.problems:
    name, _, reason = problem.partition(": ")
    reasons.setdefault(reason, []).append(name)
  lines = [
    f"could not be made: {', '.join(names[:3])}"
    + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    + f": {reason}"
    for reason, names in reasons.items()
  ]
  lines.append(
    f"{result.made} pictures made, {result.already_there} were there already, "
    + (f"{result.rejected} were rejected, " if result.rejected else "")
    + f"{len(result.problems)} could not be made; look in {output}"
  )
  if result.missing:
    lines.append(
      f"{result.missing} pictures of other shards are still to come; the last "
      "shard to end writes the files about all of them"
    )
  lines += [f"contact sheet: {sheet}" for sheet in result.sheets[:20]]
  return "\n".join(lines)
