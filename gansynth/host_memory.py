"""How the C library hands out host memory, for programs on a CPU."""

import ctypes
import sys

# Of glibc's malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_MAX = -4
_ARENA_MAX = -8
_NEVER = -1  # the largest number would be 2 GiB, which programs exceed


def keep_freed() -> bool:
  """Makes this process keep freed memory for itself instead of returning it.

  XLA's CPU back end allocates what a program needs anew in every run. From
  32 MB on glibc asks the system for it each time, which clears it page by
  page: up to half of the time of a picture that is blended. Kept memory is
  used again as it is. The price is that the process stays as large as it once
  was, which is for a program to decide and not for a library: `tools/` do,
  notebooks may. Call it before JAX computes anything.

  Returns:
    Whether it is done; False where the C library is not glibc.
  """
  if not sys.platform.startswith("linux"):
    return False
  try:
    mallopt = ctypes.CDLL(None).mallopt
  except AttributeError:
    return False
  settings = {_ARENA_MAX: 1, _MMAP_MAX: 0, _TRIM_THRESHOLD: _NEVER}
  done = [mallopt(*setting) for setting in settings.items()]
  return all(done)
