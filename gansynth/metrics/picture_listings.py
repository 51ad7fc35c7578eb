"""Which files of a folder the programs that measure pictures look at."""

import os
import pathlib
from collections.abc import Iterable

from gansynth import images

LISTINGS = ("all", "pytorch_fid", "cleanfid")

_LOWER = ("bmp", "jpg", "jpeg", "pgm", "png", "ppm", "tif", "tiff", "webp")
_CLEANFID = (*_LOWER, "npy", "JPEG", "JPG", "PNG")


class PictureSetError(ValueError):
  """A set of pictures cannot be used; the message names it."""


def list_files(folder: pathlib.Path, listing: str) -> list[pathlib.Path]:
  """Paths of a folder's pictures.

  Args:
    folder: that is there.
    listing: one of `LISTINGS`; `all` as `images.list_images`.

  Raises:
    PictureSetError: the folder holds none that the program would see.
    images.ImageError: it holds none at all.
  """
  if listing == "all":
    return [pathlib.Path(path) for path in images.list_images(folder)]
  known, where = _LOWER, "directly in it"
  found = folder.iterdir()
  if listing == "cleanfid":
    known, where = _CLEANFID, "in it or below it"
    found = _below(folder)
  paths = sorted(path for path in found if path.name.endswith(endings(known)))
  if not paths:
    raise PictureSetError(
      f"{folder} holds no picture that {listing.replace('_', '-')} sees: "
      f"{where}, with an ending of {', '.join(known)}, in this case. List all "
      "pictures instead, or correct the path"
    )
  return paths


def _below(folder):
  """Yields paths of files at any depth, without hidden ones."""
  for parent, folders, names in os.walk(folder, followlinks=True):
    folders[:] = [name for name in folders if name[0] != "."]
    yield from (pathlib.Path(parent, name) for name in names if name[0] != ".")


def endings(known: Iterable[str]) -> tuple[str, ...]:
  """Ends of the names of files, of kinds without a dot."""
  return tuple(f".{ending}" for ending in known)
