"""The original's experiment folders: `<tag>_net_<network>.pth`."""

import os
import pathlib
import re

from gansynth.convert.errors import CheckpointError

_NAME = re.compile(r"(?P<tag>.+?)_net_(?P<network>.+)\.pth")


def network_name(path: str | os.PathLike[str]) -> str:
  """The network that a file holds, by its name: `G_A`, `D`, or its stem."""
  path = pathlib.Path(path)
  match = _NAME.fullmatch(path.name)
  return match["network"] if match else path.stem


def find_networks(
  folder: str | os.PathLike[str], tag: str = "latest"
) -> dict[str, pathlib.Path]:
  """Finds the networks that a folder holds at one epoch.

  Args:
    folder: an experiment's folder of checkpoints.
    tag: an epoch, `latest` or `iter_<n>`.

  Returns:
    Files by network, such as `G_A`.

  Raises:
    CheckpointError: there are none; the message lists the tags that are.
  """
  found = {}
  for path in sorted(pathlib.Path(folder).iterdir()):
    match = _NAME.fullmatch(path.name)
    if match:
      found.setdefault(match["tag"], {})[match["network"]] = path
  if tag not in found:
    raise CheckpointError(
      f"{folder}: no file {tag}_net_<network>.pth; the folder has "
      f"{', '.join(found) or 'no tag at all'}"
    )
  return found[tag]
