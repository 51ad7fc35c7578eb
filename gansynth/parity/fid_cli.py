"""Checks of FID from folders of pictures to the number."""

import re
import tempfile
from collections.abc import Iterator

import numpy as np

from gansynth import convert, models
from gansynth.convert import inception as convert_inception
from gansynth.evaluation import frechet, statistics_file
from gansynth.evaluation.moments import Moments
from gansynth.metrics import picture_sets
from gansynth.metrics.feature_extractor import FeatureExtractor
from gansynth.metrics.feature_metrics import FeatureMetrics
from gansynth.parity.case import Case
from gansynth.parity.comparison import (
  Comparison,
  Tolerance,
  clause,
  compare,
  parse,
)
from gansynth.parity.label_cases import tolerance
from gansynth.parity.replayed import compare_weights, replay_weights

_ACTIVATIONS = re.compile(r"act_(.+)_(\d+)")
_STATISTICS = re.compile(r"stats_(.+)_(\d+)\.npz")
_BATCH_SIZE = re.compile(r"--batch-size (\d+)")
_NUMBER = re.compile(r"(\d+)(_from_npz)?")
_END_TO_END = Tolerance(relative=1e-3)
_FROM_ACTIVATIONS = Tolerance(relative=1e-5)


def fid_of_folders(case: Case) -> Iterator[Comparison]:
  """Listings, features, statistics files and distances of two folders."""
  state = replay_weights(case, convert_inception.state_shapes())
  yield from compare_weights(case, state)
  sets = {}
  for name, expected in case.require("files_used").items():
    sets[name] = picture_sets.open(
      case.folder / "images" / name, listing="pytorch_fid"
    )
    yield Comparison(
      f"files of {name}",
      sets[name].names == tuple(expected),
      note="" if sets[name].names == tuple(expected) else str(sets[name].names),
    )
  numbers = {
    key: (int(match[1]), bool(match[2]), value)
    for key, value in case.require("fid").items()
    if (match := _NUMBER.fullmatch(key))
  }
  for dims in sorted({dims for dims, _, _ in numbers.values()}):
    wanted = {
      key: (from_file, value)
      for key, (its_dims, from_file, value) in numbers.items()
      if its_dims == dims
    }
    yield from _at_width(case, state, dims, sets, wanted)


def _at_width(case, state, dims, sets, wanted):
  """Compares what is recorded of features of one width."""
  description, variables = convert.convert_state_dict(
    state, "replayed Inception", dtype=np.dtype(case.dtype)
  )
  batch_size = _BATCH_SIZE.search(str(case.meta.get("options")))
  extractor = FeatureExtractor(
    models.create(**description),
    variables,
    {"network": "fid_inception", "weights": "replayed"},
    dims=dims,
    batch_size=int(batch_size[1]) if batch_size else 32,
    dtype=case.dtype,
  )
  metrics = FeatureMetrics(("fid",), extractor)
  found = {name: metrics.reference(each) for name, each in sets.items()}
  recorded = {}
  for name, reference in found.items():
    key = f"act_{name}_{dims}"
    if key in case.outputs:
      recorded[name] = case.outputs[key]
      allowed = tolerance(case, key, "activation")
      yield compare(key, reference.features.values, recorded[name], allowed)
  stored = {}
  for path in sorted(case.folder.glob("stats_*.npz")):
    match = _STATISTICS.fullmatch(path.name)
    if match and int(match[2]) == dims and match[1] in found:
      stored[match[1]] = metrics.reference(path)
      yield from _statistics(path.name, found, stored, recorded, match[1])
  stated = case.meta.get("suggested_tolerance")
  end_to_end = parse(clause(stated, "end to end"), _END_TO_END)
  first, second = sets
  for key, (from_file, expected) in wanted.items():
    real = stored.get(first, found[first]) if from_file else found[first]
    scores, _, _ = metrics.compare(real, found[second])
    yield compare(f"fid {key}", scores["fid"], expected, end_to_end)
    if {first, second} <= set(recorded):
      distance = frechet.distance_of_features(recorded[first], recorded[second])
      name = f"fid {key} from the recorded activations"
      yield compare(name, distance, expected, _FROM_ACTIVATIONS)


def _statistics(name, found, stored, recorded, which):
  """A file of statistics, read and written."""
  expected = stored[which].known
  arrays = {"mu": expected.mean, "sigma": expected.covariance}
  written = _written(found[which].statistics)
  for key, array in arrays.items():
    allowed = Tolerance(2e-4, 1e-3)
    yield compare(f"{name} {key}", written[key], array, allowed)
  if which in recorded:
    moments = Moments(expected.dims)
    moments.add(recorded[which])
    written = _written(moments.statistics())
    for key, array in arrays.items():
      yield compare(
        f"{name} {key} from the recorded activations",
        written[key],
        array,
        Tolerance(relative=1e-10),
      )


def _written(statistics):
  """What others' readers find in a file that is written of statistics."""
  with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/statistics.npz"
    statistics_file.write(path, statistics)
    with np.load(path) as arrays:
      return {name: arrays[name] for name in ("mu", "sigma")}


CHECKS = {"fid_of_folders": fid_of_folders}
