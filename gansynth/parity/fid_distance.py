"""Checks of the Fréchet distance between features that cases hold."""

from collections.abc import Iterator

import numpy as np

from gansynth.evaluation import frechet
from gansynth.evaluation.moments import Moments
from gansynth.parity.case import Case
from gansynth.parity.comparison import (
  Comparison,
  Tolerance,
  clause,
  compare,
  parse,
)
from gansynth.parity.label_cases import tolerance

# Of the traces: what the roots of the originals lose where covariances are
# singular, and all that is left of the distance of a set from itself.
_CANCELLED = 1e-7
_SINGULAR = Tolerance(relative=1e-5)


def fid_distance(case: Case) -> Iterator[Comparison]:
  """Means, covariances and the distance, by each way that was recorded.

  They are computed in float64, whatever the type of the check.
  """
  outputs = case.outputs
  features = [case.inputs[name] for name in ("act1", "act2")]
  a, b = (_statistics(x) for x in features)
  full = tolerance(case, "fid_original", "full")
  for number, statistics in (("1", a), ("2", b)):
    trace = np.trace(statistics.covariance)
    yield compare(f"trace{number}", trace, outputs[f"trace{number}"], full)
    for name, found in (
      (f"mu{number}", statistics.mean),
      (f"sigma{number}", statistics.covariance),
    ):
      if name in outputs:
        yield compare(name, found, outputs[name], full)
  delta = a.mean - b.mean
  yield compare("mean_diff_sq", delta @ delta, outputs["mean_diff_sq"], full)

  allowed = full
  if any(_is_singular(x) for x in features):
    # Only what stands before the name of an array says how far.
    stated = clause(case.meta.get("suggested_tolerance"), "singular") or ""
    relative = parse(stated.partition("against")[0], _SINGULAR).relative
    traces = float(outputs["trace1"] + outputs["trace2"])
    allowed = Tolerance(_CANCELLED * traces, relative)
  plain = frechet.distance(a, b)
  exact = frechet.distance_of_features(*features)
  if "fid_exact_nuclear" in outputs:
    expected = outputs["fid_exact_nuclear"]
    yield compare("fid_exact_nuclear", exact, expected, allowed)
  # It names eps where it adds it.
  is_offset = "eps" in str(case.meta.get("original_printed"))
  for name in (
    "fid_original",
    "fid_exact_nuclear",
    "fid_eigh",
    "fid_eps_branch",
    "fid_eps_branch_eigh",
  ):
    if name not in outputs:
      continue
    has_offset = "eps" in name or (name == "fid_original" and is_offset)
    found = frechet.distance_with_offset(a, b) if has_offset else plain
    line = f"{name} by statistics"
    if np.isnan(outputs[name]):
      note = f"the original raised an error; found {found:.9g}"
      yield Comparison(line, bool(np.isfinite(found)), note=note)
    else:
      yield compare(line, found, outputs[name], allowed)


def _statistics(features):
  moments = Moments(features.shape[1])
  moments.add(features)
  return moments.statistics()


def _is_singular(features):
  centred = features - features.mean(0, dtype=np.float64)
  return np.linalg.matrix_rank(centred) < features.shape[1]


CHECKS = {"fid_distance": fid_distance}
