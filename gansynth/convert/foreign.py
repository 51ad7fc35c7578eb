"""Files that are no checkpoints, told by their first bytes and their sizes."""

import pathlib
import tarfile

from gansynth.convert.errors import CheckpointError

HEAD_BYTES = 512  # of a file, that its format is told by
# How much more than its own size a file may unfold to: tensors may share
# storage and archives are compressed, so a little file could otherwise ask
# for all memory.
_UNFOLD_BYTES = 64 * 2**20
_UNFOLD_FACTOR = 4


def refuse(path: pathlib.Path, head: bytes, expected: str) -> None:
  """Refuses an empty file and files of known other formats.

  Args:
    path: of the file.
    head: its first `HEAD_BYTES` bytes, or all there are.
    expected: what it should be, for the message.

  Raises:
    CheckpointError: it is one of those.
  """
  if not head:
    raise CheckpointError(f"{path}: the file is empty")
  found = None
  if len(head) > 8 and head[8:9] == b"{":
    found = "safetensors"
  elif head.startswith(b"\x89HDF"):
    found = "HDF5"
  elif head.startswith(b"\x93NUMPY"):
    found = "NumPy"
  elif head.lstrip()[:1] == b"<":
    found = "HTML or XML (a page of the download's site, perhaps)"
  elif head.startswith(b"version https://git-lfs"):
    found = "a Git LFS pointer"
  elif tarfile.is_tarfile(path):
    found = "a tar archive (PyTorch before 0.1.10, or an archive of files)"
  if found:
    raise CheckpointError(
      f"{path}: expected {expected}, found {found}; "
      "convert it with the program it comes from, or download it again"
    )


def check_unfolding(source: str, wanted: int, size: int) -> None:
  """Refuses files that ask for far more memory than they are long.

  Args:
    source: name of the file, for the message.
    wanted: bytes it would take.
    size: bytes that it has.

  Raises:
    CheckpointError: no checkpoint unfolds that much.
  """
  if wanted > _UNFOLD_BYTES + _UNFOLD_FACTOR * size:
    raise CheckpointError(
      f"{source}: {size} bytes of file would unfold to {wanted} bytes; no "
      "checkpoint does that"
    )
