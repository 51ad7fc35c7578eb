"""Statistics of features as files, which pytorch-fid and clean-fid share.

A compressed `.npz` of `mu` (dims,) and `sigma` (dims, dims), float64. What
they were made from and by is in a third array, `gansynth`, of UTF-8 bytes of
JSON; others' programs ask for the two by name and do not see it.
"""

import io
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansynth import files
from gansynth.evaluation.moments import Statistics

SUFFIX = ".npz"
_ABOUT = "gansynth"
_ASYMMETRY = 1e-6  # of the largest number; some files went through float32


def write(
  path: str | os.PathLike[str], statistics: Statistics, *, plain: bool = False
) -> None:
  """Writes statistics; an existing file is replaced.

  Args:
    path: ends in `.npz`.
    statistics: what to write.
    plain: whether to leave out what they were made by.

  Raises:
    ValueError: the path has another ending, which no reader would take for
      statistics.
    OSError: the file could not be stored.
  """
  if not os.fspath(path).endswith(SUFFIX):
    raise ValueError(
      f"{path}: statistics are told by the ending {SUFFIX}; write to "
      f"{path}{SUFFIX}"
    )
  arrays = {
    "mu": np.asarray(statistics.mean, np.float64),
    "sigma": np.asarray(statistics.covariance, np.float64),
  }
  if not plain:
    made_by = statistics.made_by
    text = json.dumps(
      {
        "count": statistics.count,
        "made_by": None if made_by is None else dict(made_by),
      }
    )
    arrays[_ABOUT] = np.frombuffer(text.encode(), np.uint8)
  buffer = io.BytesIO()
  np.savez_compressed(buffer, **arrays)
  files.write_whole(path, buffer.getvalue(), "statistics file")


def read(
  path: str | os.PathLike[str], expected: Mapping[str, Any] | None = None
) -> Statistics:
  """Reads statistics that this or another program wrote.

  Args:
    path: of the file.
    expected: how the features were made that they are to be compared with;
      see `Statistics.made_by`.

  Raises:
    ValueError: the file is missing, damaged or no statistics, or of features
      that were made otherwise than `expected`.
  """
  arrays = _load(path)
  missing = [name for name in ("mu", "sigma") if name not in arrays]
  if missing:
    raise ValueError(
      f"{path}: expected the arrays mu and sigma, found "
      f"{', '.join(sorted(arrays)) or 'none'}; this is no file of statistics"
    )
  for name in ("mu", "sigma"):
    if arrays[name].dtype.kind != "f":
      raise ValueError(
        f"{path}: {name} holds {arrays[name].dtype}, expected floating point "
        "numbers; this is no file of statistics"
      )
  mean, covariance = (
    arrays[name].astype(np.float64) for name in ("mu", "sigma")
  )
  if mean.ndim != 1 or covariance.shape != (mean.size, mean.size):
    raise ValueError(
      f"{path}: expected mu (dims,) and sigma (dims, dims), found "
      f"{mean.shape} and {covariance.shape}; make the statistics again"
    )
  for name, array in (("mu", mean), ("sigma", covariance)):
    wrong = array.size - np.count_nonzero(np.isfinite(array))
    if wrong:
      raise ValueError(
        f"{path}: {wrong} of {array.size} numbers of {name} are not finite; "
        "make the statistics again"
      )
  off = np.abs(covariance - covariance.T).max(initial=0)
  if off > _ASYMMETRY * np.abs(covariance).max(initial=0):
    raise ValueError(
      f"{path}: sigma is no covariance: it is off by {off:.3g} from its mirror "
      "image; make the statistics again"
    )
  if (np.diag(covariance) < 0).any():
    raise ValueError(
      f"{path}: sigma is no covariance: its diagonal has numbers below 0; "
      "make the statistics again"
    )
  count, made_by = _about(path, arrays)
  _check_origin(path, mean.size, made_by, expected or {})
  return Statistics(mean, (covariance + covariance.T) / 2, count, made_by)


def origin_note(path: str | os.PathLike[str], statistics: Statistics) -> str:
  """Says so where nobody knows how statistics were made, or returns ""."""
  if statistics.made_by is not None:
    return ""
  return (
    f"{path} does not say by which network and resizing it was made; its "
    "distances mean something only if both are the same as here"
  )


def _load(path):
  """Returns the arrays, those of other names as None."""
  try:
    data = pathlib.Path(path).read_bytes()
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
      return {
        name: archive[name] if name in ("mu", "sigma", _ABOUT) else None
        for name in archive.files
      }
  except FileNotFoundError:
    raise ValueError(
      f"{path}: there is no such file of statistics; make it of a folder of "
      "pictures"
    ) from None
  except Exception as e:
    # zipfile, zlib and numpy report damage by many types.
    raise ValueError(
      f"{path}: no readable file of statistics, a .npz of mu and sigma ({e}); "
      "make it again"
    ) from e


def _about(path, arrays):
  """Returns count and made_by, as far as they are known."""
  if _ABOUT not in arrays:
    return None, None
  try:
    about = json.loads(arrays[_ABOUT].tobytes())
    return about["count"], about["made_by"]
  except (ValueError, KeyError, TypeError) as e:
    raise ValueError(
      f"{path}: what it says about its origin is damaged ({e}); make the "
      "statistics again"
    ) from e


def _check_origin(path, dims, made_by, expected):
  found = {**(made_by or {}), "dims": dims}
  expected = json.loads(json.dumps(dict(expected)))  # as it was written
  wrong = [
    name
    for name, value in expected.items()
    if name in found and found[name] != value
  ]
  if wrong:
    raise ValueError(
      f"{path} is of features with "
      f"{', '.join(f'{name} {found[name]!r}' for name in wrong)}, to be "
      "compared with features with "
      f"{', '.join(f'{name} {expected[name]!r}' for name in wrong)}; make it "
      "again the same way"
    )
