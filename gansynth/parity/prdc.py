"""Checks of precision, recall, density and coverage of features."""

import dataclasses
from collections.abc import Iterator

from gansynth.evaluation import neighbors
from gansynth.parity.case import Case
from gansynth.parity.comparison import Comparison, Tolerance, compare

_SHARE = Tolerance(1e-12)  # one feature more or less is far more
_RADIUS = Tolerance(relative=1e-6)  # the originals' are float32


def prdc(case: Case) -> Iterator[Comparison]:
  """The four shares, and the radii of both sets' balls."""
  k = case.require("nearest_k")
  sets = {name: case.inputs[name] for name in ("real", "fake")}
  found = neighbors.prdc(sets["real"], sets["fake"], k)
  for name, share in dataclasses.asdict(found).items():
    yield compare(name, share, case.outputs[name], _SHARE)
  for name, features in sets.items():
    radii = neighbors.radii(features, k)
    yield compare(
      f"{name}_radii", radii, case.outputs[f"{name}_radii"], _RADIUS
    )


CHECKS = {"prdc": prdc}
