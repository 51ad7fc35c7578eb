"""Checks of the kernel distance between features that cases hold."""

from collections.abc import Iterator

import numpy as np

from gansynth.evaluation import kernel_distance
from gansynth.parity.case import Case
from gansynth.parity.comparison import EXACT, Comparison, compare
from gansynth.parity.label_cases import tolerance


def kid(case: Case) -> Iterator[Comparison]:
  """The draws of clean-fid, and the distance in both precisions."""
  x, y = case.inputs["act1"], case.inputs["act2"]
  indices = tuple(case.outputs[f"subset_idx_act{number}"] for number in (1, 2))
  drawn = kernel_distance.draw(
    len(x),
    len(y),
    case.require("num_subsets"),
    case.require("max_subset_size"),
    case.require("seed"),
    "cleanfid",
  )
  for number, found, expected in zip((1, 2), drawn, indices, strict=True):
    yield compare(f"subset_idx_act{number}", found, expected, EXACT)
  allowed = {
    name: tolerance(case, f"kid_{name}", name)
    for name in ("float32", "float64")
  }
  values = kernel_distance.subset_distances(x, y, *indices)
  name = "per_subset_mmd2"
  yield compare(name, values, case.outputs[name], allowed["float64"])
  for kind in ("float64", "float32"):
    found = kernel_distance.kid(x, y, indices=indices, dtype=np.dtype(kind))
    expected = case.outputs[f"kid_{kind}"]
    yield compare(f"kid_{kind}", found.mean, expected, allowed[kind])


CHECKS = {"kid": kid}
