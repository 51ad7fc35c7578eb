"""Distances between sets of pictures, computed of their features."""

import dataclasses
import functools
import os
import pathlib
import zipfile
from collections.abc import Callable, Iterable, Sequence, Sized
from typing import Any

import numpy as np

from gansynth.evaluation import (
  frechet,
  kernel_distance,
  neighbors,
  statistics_file,
)
from gansynth.evaluation.moments import Statistics
from gansynth.metrics import feature_cache, picture_sets
from gansynth.metrics.feature_extractor import FeatureExtractor, Features

METRICS = ("fid", "kid", "precision", "recall", "density", "coverage")

_OF_NEIGHBORS = METRICS[2:]
_REALISM_NEIGHBORS = 3  # of Kynkäänniemi et al.


@dataclasses.dataclass(frozen=True)
class Reference:
  """Pictures, as far as distances between sets of them are concerned.

  Attributes:
    place: where they are from.
    features: None where only the statistics are known, or where no metric
      asks for features.
    known: statistics that were read, in place of features.
    notes: what a reader must know of them.
  """

  place: str
  features: Features | None = None
  known: Statistics | None = None
  notes: tuple[str, ...] = ()

  @functools.cached_property
  def statistics(self) -> Statistics:
    """Of the features."""
    return self.features.statistics() if self.known is None else self.known

  @property
  def count(self) -> int | None:
    """How many pictures there are; None where nobody knows."""
    if self.features is not None:
      return self.features.count
    return None if self.known is None else self.known.count


class FeatureMetrics:
  """Some of `METRICS`, of features of one kind."""

  def __init__(
    self,
    metrics: Sequence[str],
    extractor: FeatureExtractor,
    *,
    kid_subsets: int = 100,
    kid_subset_size: int = 1000,
    neighbors: int = 5,
    seed: int = 0,
  ) -> None:
    """Takes what makes the features; options as of `PictureMetrics`."""
    self._metrics = tuple(metrics)
    self._extractor = extractor
    self._subsets = {
      "subsets": kid_subsets,
      "subset_size": kid_subset_size,
      "seed": seed,
    }
    self._neighbors = neighbors

  def reference(
    self,
    pictures: Iterable[np.ndarray] | str | os.PathLike[str],
    *,
    names: Iterable[str] = (),
    split_hosts: bool = True,
    cache: str | os.PathLike[str] | None = None,
    progress: Callable[[int], Any] | None = None,
  ) -> Reference:
    """Looks at pictures, or reads statistics; see `PictureMetrics`."""
    place = place_of(pictures)
    if isinstance(pictures, str | os.PathLike):
      return self._of_statistics(place)
    features = None
    if cache is not None:
      pictures = picture_sets.of_arrays(pictures, names)
      features = feature_cache.load(cache, pictures, self._extractor.made_by)
    if features is None:
      if split_hosts and isinstance(pictures, Sized):
        self.check_count(len(pictures), place)
      features = self._extractor.features(
        pictures, names, split_hosts=split_hosts, progress=progress
      )
      if cache is not None:
        feature_cache.save(cache, pictures, features)
    self.check_count(features.count, place)
    return Reference(place, features)

  def compare(
    self, real: Reference, made: Reference
  ) -> tuple[dict[str, float], dict[str, float], list[str]]:
    """Measures generated pictures.

    Returns:
      Scores by metric, with the deviation of KID if its subsets differ; the
      realism of single generated pictures; and what a reader must know.
    """
    scores, notes = {}, [*real.notes, *made.notes]
    if "fid" in self._metrics:
      scores["fid"] = self._fid(real, made, notes)
    if not (real.features and made.features):
      return scores, {}, notes
    x, y = real.features.values, made.features.values
    complete = real.features.complete and made.features.complete
    if not complete and self._metrics != ("fid",):
      notes.append(
        f"All metrics of features but fid are of the first {len(x)} real and "
        f"{len(y)} generated pictures"
      )
    if "kid" in self._metrics:
      kid = kernel_distance.kid(x, y, **self._subsets)
      scores["kid"] = kid.mean
      whole = len(x) == len(y) == kid.subset_size
      if kid.subsets > 1 and not whole:
        scores["kid_std"] = kid.std
      if whole:
        notes.append(
          f"KID is of all {len(x)} pictures of both sets at once, for a subset "
          "holds them all; so it has no deviation over subsets"
        )
      elif kid.subset_size < self._subsets["subset_size"]:
        notes.append(
          f"KID is of subsets of {kid.subset_size} pictures, not "
          f"{self._subsets['subset_size']}: one of the sets has no more, so "
          "subsets overlap and their deviation is too small"
        )
    if self._asks_neighbors():
      found = neighbors.prdc(x, y, self._neighbors)
      for metric in _OF_NEIGHBORS:
        if metric in self._metrics:
          scores[metric] = getattr(found, metric)
      if len(x) != len(y):
        notes.append(
          "Precision, recall, density and coverage depend on the numbers of "
          f"pictures, here {len(x)} real and {len(y)} generated; compare them "
          "only with those of as many"
        )
    realism = {}
    if len(x) > _REALISM_NEIGHBORS:
      values = neighbors.realism(x, y, _REALISM_NEIGHBORS).tolist()
      realism = dict(zip(made.features.names, values, strict=True))
    return scores, realism, notes

  def _fid(self, real, made, notes):
    counts = [each.count or 0 for each in (real, made)]
    dims = self._extractor.dims
    notes += filter(None, [frechet.bias_note(*counts, dims)])
    sets = real.features, made.features
    if max(counts) <= dims and all(each and each.complete for each in sets):
      return frechet.distance_of_features(*(each.values for each in sets))
    return frechet.distance(real.statistics, made.statistics)

  def _asks_neighbors(self):
    return not set(self._metrics).isdisjoint(_OF_NEIGHBORS)

  def check_count(self, count: int, place: str) -> None:
    """Refuses what is too little for the metrics that were asked for.

    Args:
      count: of pictures, over all hosts.
      place: where they are, for the message.

    Raises:
      ValueError: there are too few.
    """
    least = {
      name: self._neighbors + 1 if name in _OF_NEIGHBORS else 2
      for name in self._metrics
    }
    lacking = [name for name in self._metrics if count < least[name]]
    if lacking:
      needed = max(least[name] for name in lacking)
      raise ValueError(
        f"{place}: found {count} picture{'s'[: count != 1]}, too few for "
        f"{', '.join(lacking)}: at least {needed} are needed. Give "
        "more pictures, or ask for other metrics"
      )

  def _of_statistics(self, path):
    rest = [name for name in self._metrics if name != "fid"]
    if rest:
      raise ValueError(
        f"{path} holds statistics, of which only fid can be computed; "
        f"{', '.join(rest)} need the pictures themselves"
      )
    found = statistics_file.read(path, self._extractor.made_by)
    note = statistics_file.origin_note(path, found)
    return Reference(path, known=found, notes=(note,) if note else ())


def is_statistics(place: str | os.PathLike[str]) -> bool:
  """Whether a path is that of a file of statistics, not of pictures."""
  path = pathlib.Path(place)
  if path.suffix != statistics_file.SUFFIX or not path.is_file():
    return False
  try:
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
      return not {"mu", "sigma"}.isdisjoint(arrays.files)
  except (ValueError, OSError, EOFError, zipfile.BadZipFile):
    return False


def place_of(pictures: Any) -> str:
  """What to call a set of pictures."""
  if isinstance(pictures, str | os.PathLike):
    return os.fspath(pictures)
  return getattr(pictures, "place", "pictures in memory")
