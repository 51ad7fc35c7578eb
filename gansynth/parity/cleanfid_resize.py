"""Checks of how pictures are resized before features are computed."""

import re
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from gansynth import resampling
from gansynth.metrics.feature_extractor import resized
from gansynth.models import inception
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare

_NAME = re.compile(r"(.+)_(clean|legacy_pytorch)_(ch0|rows)")
_STEP = 23  # of the rows that are recorded
_BILINEAR = Tolerance(absolute=5e-3)


def resize(case: Case) -> Iterator[Comparison]:
  """Both resizings; the bilinear one on the host and on devices."""
  for name, expected in case.outputs.items():
    match = _NAME.fullmatch(name)
    if match is None or match[1] not in case.inputs:
      raise CaseError(f"{case.folder}: unknown array {name!r}")
    case.outputs.used.add(name)
    picture = case.inputs[match[1]]
    if match[2] == "clean":
      yield _compare(name, match[3], resized(picture, "clean"), expected, EXACT)
      continue
    found = resized(picture, "legacy")
    yield _compare(name, match[3], found, expected, _BILINEAR)
    batch = jnp.asarray(picture[None], case.dtype)
    size = inception.SIZE, inception.SIZE
    for kind in (resampling.resize_bilinear, resampling.sample_bilinear):
      found = np.asarray(kind(batch, size))[0]
      line = f"{name} by {kind.__name__}"
      yield _compare(line, match[3], found, expected, _BILINEAR)


def _compare(name, part, found, expected, allowed):
  found = found[..., 0] if part == "ch0" else found[::_STEP]
  return compare(name, found, expected, allowed)


CHECKS = {"resize": resize}
