"""Files that are there whole or not at all."""

import errno
import os
import tempfile
from pathlib import Path

# Of a generated data set: a line of JSON for each of its pictures, in order.
MANIFEST = "manifest.jsonl"


def write_whole(
  path: str | os.PathLike, data: bytes, kind: str = "file"
) -> None:
  """Writes a file aside, which then takes its name.

  Args:
    path: where to; an existing file is replaced, missing folders are made.
    data: what is in it.
    kind: what to call it in errors.

  Raises:
    OSError: it could not be stored; the message names the path, and nothing
      is left behind.
  """
  path = Path(path)
  temporary = None
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
      dir=path.parent, prefix=f".{path.stem[:50]}.", suffix=".tmp", delete=False
    ) as file:
      temporary = file.name
      file.write(data)
    # A temporary file is private; this one gets the usual permissions.
    os.chmod(temporary, 0o666 & ~_UMASK)
    os.replace(temporary, path)
  except OSError as e:
    if temporary is not None:
      Path(temporary).unlink(missing_ok=True)
    advice = "check the folder's permissions and that it can be reached"
    if e.errno in (errno.ENOSPC, errno.EDQUOT):
      advice = "the disk is full: free some space or write elsewhere"
    raise OSError(
      e.errno, f"{kind} not written ({e.strerror}); {advice}", str(path)
    ) from e


def check_writable(path: str | os.PathLike) -> None:
  """Refuses a file that `write_whole` could not write, before long work.

  Args:
    path: of the file; nothing is written or made.

  Raises:
    ValueError: it is a folder, or lies where no file can be made; the message
      names what is in the way.
  """
  path = Path(path)
  if path.is_dir():
    raise ValueError(
      f"{path} is a folder; expected a file to be written, name one in it"
    )
  # Missing folders are made, so the first that is there decides.
  above = next(each for each in path.absolute().parents if os.path.exists(each))
  if not above.is_dir():
    raise ValueError(
      f"{path} cannot be written: {above} is a file, expected a folder; choose "
      "another place"
    )
  if not os.access(above, os.W_OK | os.X_OK):
    raise ValueError(
      f"{path} cannot be written: the folder {above} may not be "
      "written to; change its permissions, or choose another place"
    )


def _umask() -> int:
  """The process's umask, which can only be read by setting it."""
  mask = os.umask(0o077)
  os.umask(mask)
  return mask


_UMASK = _umask()  # Read once on import: setting it is not safe with threads.
