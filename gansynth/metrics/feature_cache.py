"""Features of sets of pictures, kept on disk for the next time."""

import io
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging

from gansynth import files, parallel
from gansynth.evaluation.moments import Moments
from gansynth.metrics.feature_extractor import Features
from gansynth.metrics.picture_sets import PictureSet

_FORMAT = 1
_MOMENTS = ("count", "mean", "scatter")


def save(
  path: str | os.PathLike[str], pictures: PictureSet, features: Features
) -> None:
  """Keeps the features of a set, written by the primary host.

  Args:
    path: of the file; one that is there is replaced.
    pictures: which the features are of.
    features: of `FeatureExtractor`.

  Raises:
    OSError: it could not be stored.
  """
  parallel.on_primary(lambda: _write(path, pictures, features))


def load(
  path: str | os.PathLike[str],
  pictures: PictureSet,
  made_by: Mapping[str, Any],
) -> Features | None:
  """Returns features that were kept, the same on every host.

  Args:
    path: of the file.
    pictures: which the features must be of, see `PictureSet.identity`.
    made_by: how they must have been made.

  Returns:
    None where there are none, or of other pictures, or made otherwise.
  """
  found = _read(path, _origin(pictures, made_by))
  # A host without the file cannot go on alone.
  missing = parallel.sum_over_hosts(np.array(found is None, np.int32))
  return None if missing else found


def _origin(pictures, made_by):
  return {
    "format": _FORMAT,
    "pictures": pictures.identity,
    "made_by": dict(made_by),
  }


def _write(path, pictures, features):
  about = {
    "origin": _origin(pictures, features.made_by),
    "names": features.names,
    "count": features.count,
  }
  arrays = {
    "values": features.values,
    "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
  }
  if features.moments is not None:
    arrays |= zip(_MOMENTS, features.moments.to_arrays(), strict=True)
  buffer = io.BytesIO()
  np.savez(buffer, **arrays)
  files.write_whole(path, buffer.getvalue(), "features")


def _read(path, origin):
  """Returns features of that origin; None where there are none."""
  if not os.path.exists(path):
    return None
  try:
    # NumPy leaves a damaged file open that it opened itself.
    with (
      open(path, "rb") as file,
      np.load(file, allow_pickle=False) as arrays,
    ):
      about = json.loads(arrays["about"].tobytes())
      if about["origin"] != origin:
        return None
      moments = None
      if "count" in arrays:
        moments = Moments.from_arrays(*(arrays[name] for name in _MOMENTS))
      return Features(
        arrays["values"],
        tuple(about["names"]),
        about["count"],
        origin["made_by"],
        moments,
      )
  # zipfile, zlib and numpy report damage by many types.
  except Exception as error:
    logging.warning(
      "%s cannot be read (%s); features are computed anew", path, error
    )
    return None
