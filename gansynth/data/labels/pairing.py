"""What belongs together: files of label maps, pictures and instances."""

import dataclasses
import pathlib
import re
from collections.abc import Callable, Sequence

from gansynth import images


@dataclasses.dataclass(frozen=True)
class Entry:
  """The files of one item."""

  label: str
  image: str
  instance: str | None = None

  @property
  def name(self) -> str:
    """The picture's name without folder and ending."""
    return pathlib.PurePath(self.image).stem


def natural_key(path: str) -> list:
  """A key for sorting that compares runs of digits as numbers."""
  parts = re.split(r"([0-9]+)", path)
  return [int(part) if part.isdecimal() else part for part in parts]


def pair(
  labels: dict[str, str],
  pictures: dict[str, str],
  instances: dict[str, str] | None = None,
  kind: str = "label map",
) -> list[Entry]:
  """Joins label maps, pictures and instance maps of the same key.

  Args:
    labels: paths of label maps, or of what stands for them, by key.
    pictures: paths of pictures.
    instances: paths of instance maps; None: there are none.
    kind: what to call the first in errors.

  Returns:
    Entries, in natural order of the label maps' paths.

  Raises:
    images.ImageError: one lacks its partner.
  """
  others = {"picture": pictures}
  if instances is not None:
    others["instance map"] = instances
  for other, found in others.items():
    missing = sorted(set(labels) - set(found), key=natural_key)
    left = sorted(set(found) - set(labels), key=natural_key)
    if missing or left:
      raise images.ImageError(
        _unpaired(labels, found, missing, left, kind, other)
      )
  return [
    Entry(path, *(found[name] for found in others.values()))
    for name, path in sorted(
      labels.items(), key=lambda item: natural_key(item[1])
    )
  ]


def by_key(paths: Sequence[str], key: Callable[[str], str]) -> dict[str, str]:
  """Returns paths by their keys.

  Raises:
    images.ImageError: two have the same.
  """
  result = {}
  for path in paths:
    name = key(path)
    if name in result:
      raise images.ImageError(
        f"{result[name]!r} and {path!r} have the same name {name!r}, so what "
        "belongs to it is not certain. Rename one, or remove it."
      )
    result[name] = path
  return result


def _unpaired(labels, found, missing, left, kind, other) -> str:
  """What to say of label maps without partners, or partners without them."""
  if missing and left:
    what = (
      f"{kind} {labels[missing[0]]!r} has no {other} of its name, and {other} "
      f"{found[left[0]]!r} no {kind}"
    )
  elif missing:
    what = f"{kind} {labels[missing[0]]!r} has no {other}"
  else:
    what = f"{other} {found[left[0]]!r} has no {kind}"
  return (
    f"{what} ({len(missing)} of {len(labels)} lack one, {len(left)} of "
    f"{len(found)} are left). What belongs together has the same name up to "
    "the ending; rename, add or remove files."
  )
