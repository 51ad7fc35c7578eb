"""The originals' experiment folders, and what they call their files.

CycleGAN, pix2pix and what came of them write `<tag>_net_<network>.pth`, GP-GAN
`g_epoch_<n>.npz`, `d_epoch_<n>.npz` and a snapshot of both, Geoseg-GAN
`G_e<n>.pt` and `D_e<n>.pt`.
"""

import os
import pathlib
import re
from collections.abc import Iterable

from gansynth.convert import gpgan
from gansynth.convert.errors import CheckpointError

ALL = "all"  # key of every network in a file

_NAME = re.compile(
  r"(?P<tag>.+?)_net_(?P<network>.+)\.pth|"
  r"(?P<letter>[gd])_epoch_(?P<epoch>\d+)\.npz|"
  r"(?P<bare>[GD])_e(?P<number>\d+)\.pt"
)
_GPGAN = {"g": "generator", "d": "critic"}
# The letter in the name of a generator's file, beside which others lie.
_GENERATOR = re.compile(r"(?<=_net_)G(?=\.)|^G(?=_[^.]+\.pt$)")


def network_name(path: str | os.PathLike[str]) -> str:
  """The network that a file holds, by its name: `G_A`, `D`, or its stem."""
  path = pathlib.Path(path)
  match = _NAME.fullmatch(path.name)
  return _parse(match)[1] if match else path.stem


def beside(
  path: pathlib.Path, letters: Iterable[str]
) -> dict[str, pathlib.Path]:
  """What the networks' files beside a generator's are called.

  Args:
    path: of the generator.
    letters: of the networks, such as `D`.

  Returns:
    Paths by letter, whether there are such files or not; none where the name
    does not tell.
  """
  if not _GENERATOR.search(path.name):
    return {}
  return {
    letter: path.with_name(_GENERATOR.sub(letter, path.name))
    for letter in letters
  }


def networks_in(
  path: str | os.PathLike[str], key: str | None = None
) -> dict[str, str | None]:
  """Lists the networks to take from a file.

  Args:
    path: a checkpoint.
    key: entry of a training state; `all` for all that a trainer's snapshot
      holds.

  Returns:
    Keys for `from_original`, by the networks' names.

  Raises:
    CheckpointError: all are asked for, and it is no snapshot or unreadable.
  """
  if key != ALL:
    return {network_name(path): key}
  snapshot = pathlib.Path(path).suffix.lower() == ".npz"
  held = gpgan.networks_of(path) if snapshot else {}
  if not held:
    raise CheckpointError(
      f"{path}: no snapshot of several networks; leave --key {ALL} away"
    )
  return {name: name for name in held}


def find_networks(
  folder: str | os.PathLike[str], tag: str = "latest"
) -> dict[str, pathlib.Path]:
  """Finds the networks that a folder holds at one epoch.

  Args:
    folder: an experiment's folder of checkpoints.
    tag: an epoch, `latest` or `iter_<n>`. GP-GAN and Geoseg-GAN write no
      latest files, so there it means the last epoch.

  Returns:
    Files by network, such as `G_A`, or `generator` of GP-GAN.

  Raises:
    CheckpointError: there are none; the message lists the tags that are.
  """
  found, epochs = {}, []
  for path in sorted(pathlib.Path(folder).iterdir()):
    match = _NAME.fullmatch(path.name)
    if match:
      found_tag, network = _parse(match)
      found.setdefault(found_tag, {})[network] = path
      epoch = match["epoch"] or match["number"]
      epochs += [int(epoch)] if epoch else []
  if tag == "latest" and tag not in found and epochs:
    tag = str(max(epochs))
  if tag not in found and tag.isdecimal():
    tag = str(int(tag))
  if tag not in found:
    raise CheckpointError(
      f"{folder}: no file [gd]_epoch_{tag}.npz, [GD]_e{tag:0>3}.pt or "
      f"{tag}_net_<network>.pth; the folder has "
      f"{', '.join(found) or 'no tag at all'}"
    )
  return found[tag]


def _parse(match: re.Match[str]) -> tuple[str, str]:
  """Returns the tag and the network of a file's name."""
  if match["letter"]:
    return match["epoch"], _GPGAN[match["letter"]]
  if match["bare"]:
    return str(int(match["number"])), match["bare"]
  return match["tag"], match["network"]
