"""Numbers that tell how close generated pictures are to real ones.

>>> from gansynth import picture_metrics, picture_sets
>>> metrics = picture_metrics.PictureMetrics("fid,kid")  # doctest: +SKIP
>>> real = metrics.reference(picture_sets.open("real"))  # doctest: +SKIP
>>> made = picture_sets.open("synthetic")  # doctest: +SKIP
>>> metrics.compare(real, made).scores["fid"]  # doctest: +SKIP
"""

import dataclasses
import functools
import os
import pathlib
import zipfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from gansynth import (
  feature_cache,
  parallel,
  picture_pairs,
  picture_sets,
  published,
)
from gansynth.evaluation import (
  frechet,
  kernel_distance,
  neighbors,
  pixels,
  statistics_file,
)
from gansynth.evaluation.moments import Statistics
from gansynth.evaluation_record import RANDOM_FEATURES
from gansynth.feature_extractor import FeatureExtractor, Features
from gansynth.perceptual_distance import PerceptualDistance

OF_FEATURES = ("fid", "kid", "precision", "recall", "density", "coverage")
OF_PAIRS = ("lpips", *picture_pairs.PIXEL_METRICS)
METRICS = (*OF_FEATURES, *OF_PAIRS, "diversity")

_OF_NEIGHBORS = OF_FEATURES[2:]
_OF_LPIPS = ("lpips", "diversity")
_INCEPTION = "fid_inception"
_BACKBONES = ("alex", "vgg", "squeeze")
_REALISM_NEIGHBORS = 3


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


@dataclasses.dataclass(frozen=True)
class Result:
  """What was measured.

  Attributes:
    scores: by `PictureMetrics.names`.
    per_picture: scores of single generated pictures, by metric and name:
      `realism` where features are compared, and those of pairs.
    notes: what a reader must know, such as too few pictures.
    made_by: networks, weights, resizing and counts; JSON.
  """

  scores: dict[str, float]
  per_picture: dict[str, dict[str, float]]
  notes: list[str]
  made_by: dict[str, Any]


class PictureMetrics:
  """Chosen metrics, with their networks.

  Attributes:
    metrics: those that were asked for, of `METRICS`.
  """

  def __init__(
    self,
    names: str | Iterable[str],
    *,
    networks: str | os.PathLike[str] = published.FOLDER,
    random_features: bool = False,
    resize: str = "legacy",
    dims: int = 2048,
    kid_subsets: int = 100,
    kid_subset_size: int = 1000,
    neighbors: int = 5,
    lpips: str = "alex",
    batch_size: int = 32,
    seed: int = 0,
  ) -> None:
    """Loads the networks.

    Args:
      names: some of `METRICS`, also as one text with commas. `kid` gives
        `kid_std` too.
      networks: folder of networks, see `published.find`.
      random_features: draw the networks' weights instead, for smoke tests.
      resize: `legacy` or `clean`, see `FeatureExtractor`.
      dims: width of the features, see `FeatureExtractor`.
      kid_subsets: of the kernel distance.
      kid_subset_size: at most; fewer pictures make it smaller.
      neighbors: k of precision, recall, density and coverage.
      lpips: network of LPIPS, `alex`, `vgg` or `squeeze`.
      batch_size: pictures at a time, on all local devices together.
      seed: of the kernel distance's subsets.

    Raises:
      published.MissingWeightsError: weights are not there; the message holds
        the commands that import them.
      ValueError: a metric or an option is none.
    """
    self.metrics = parse_names(names)
    self._random = random_features
    self._kid = {
      "subsets": kid_subsets,
      "subset_size": kid_subset_size,
      "seed": seed,
    }
    self._neighbors = neighbors
    if lpips not in _BACKBONES:
      raise ValueError(
        f"lpips is {lpips!r}; expected one of {', '.join(_BACKBONES)}"
      )
    needed = {
      _INCEPTION: self._asked(OF_FEATURES),
      f"lpips_{lpips}": self._asked(_OF_LPIPS),
    }
    if not random_features:
      for name in needed:
        if needed[name]:  # All must be there before one is loaded.
          published.find(name, networks)
    inception, perceptual = (
      published.load(name, networks, random_features) if needed[name] else None
      for name in needed
    )
    self._extractor = self._distance = None
    if inception:
      self._extractor = FeatureExtractor(
        *inception, dims=dims, resize=resize, batch_size=batch_size
      )
    if perceptual:
      *network, self._lpips_made_by = perceptual
      self._distance = PerceptualDistance(*network, batch_size=batch_size)

  @property
  def names(self) -> tuple[str, ...]:
    """Names of the scores that `compare` returns, the same on every host.

    Those that random weights make begin with `random_features_`.
    """
    found = []
    for metric in self.metrics:
      found.append(self._name(metric))
      if metric == "kid":
        found.append(self._name("kid_std"))
    return tuple(found)

  def reference(
    self,
    pictures: Iterable[np.ndarray] | str | os.PathLike[str],
    *,
    names: Iterable[str] = (),
    split_hosts: bool = True,
    cache: str | os.PathLike[str] | None = None,
    progress: Callable[[int], Any] | None = None,
  ) -> Reference:
    """Looks at the real pictures, once for any number of comparisons.

    Args:
      pictures: see `FeatureExtractor.features`; or a path, as
        `picture_sets.open` takes it, or of a file of statistics (`.npz`), with
        which only `fid` can be computed.
      names: see `FeatureExtractor.features`.
      split_hosts: see `FeatureExtractor.features`.
      cache: a file that features are kept in; those in it are taken if they
        are of the same pictures, as far as `PictureSet.identity` tells, and
        made the same way. Needs a sequence that is the same on every host.
      progress: see `FeatureExtractor.features`.

    Raises:
      ValueError: pictures cannot be read, or the statistics are of another
        network, resizing or width, or metrics need pictures, or more.
    """
    if isinstance(pictures, str | os.PathLike) and not is_statistics(pictures):
      pictures = picture_sets.open(pictures)
    place = _place_of(pictures)
    if self._extractor is None:
      return Reference(place)
    if isinstance(pictures, str | os.PathLike):
      return self._of_statistics(pictures)
    features = None
    if cache is not None:
      pictures = picture_sets.of_arrays(pictures, names)
      features = feature_cache.load(cache, pictures, self._extractor.made_by)
    if features is None:
      features = self._extractor.features(
        pictures, names, split_hosts=split_hosts, progress=progress
      )
      if cache is not None:
        feature_cache.save(cache, pictures, features)
    self._check_count(features.count, place)
    return Reference(place, features)

  def compare(
    self,
    reference: Reference,
    generated: Iterable[np.ndarray] | str | os.PathLike[str] = (),
    *,
    names: Iterable[str] = (),
    pairs: Sequence[tuple[np.ndarray, np.ndarray]] | None = None,
    pair_names: Sequence[str] | None = None,
    groups: Sequence[Sequence[np.ndarray]] | None = None,
    group_names: Sequence[str] | None = None,
    split_hosts: bool = True,
    progress: Callable[[int], Any] | None = None,
  ) -> Result:
    """Measures generated pictures.

    Args:
      reference: what `reference` returned.
      generated: pictures, or a path, as `reference` takes them. Not looked at
        unless a metric is of features.
      names: of the generated pictures.
      pairs: generated and true picture, uint8 of one size, for LPIPS, PSNR
        and SSIM; they are asked for in threads, by LPIPS and the others once
        each.
      pair_names: of the pairs; None: `pairs.names`, else their numbers.
      groups: pictures made of one input each, for `diversity`.
      group_names: of the groups, for messages.
      split_hosts: every host is given the same pictures, pairs and groups,
        and looks at a share. False: they are this host's own, h, h + n, ...
        of all on host h of n.
      progress: see `FeatureExtractor.features`.

    Raises:
      ValueError: pictures cannot be read, there are too few for a metric, the
        pictures of a pair differ in size, or a metric lacks pairs or groups.
    """
    self._check_given(pairs, groups)
    scores, per_picture, notes = {}, {}, []
    made_by: dict[str, Any] = {"real": reference.place}
    if self._random:
      notes.append(
        "RANDOM FEATURES: the weights of networks are random, so numbers "
        f"called {RANDOM_FEATURES}... say nothing about the pictures"
      )
    if self._extractor is not None:
      made = self.reference(
        generated, names=names, split_hosts=split_hosts, progress=progress
      )
      self._compare_features(reference, made, scores, per_picture, notes)
      made_by |= {
        "generated": made.place,
        "real_count": reference.count,
        "generated_count": made.count,
        **self._extractor.made_by,
      }
    if self._asked(OF_PAIRS):
      found, pair_names = self._compare_pairs(pairs, pair_names, split_hosts)
      for metric, values in found.items():
        mean = pixels.mean_psnr if metric == "psnr" else np.mean
        scores[metric] = float(mean(values))
        values = zip(pair_names, values.tolist(), strict=True)
        per_picture[metric] = dict(values)
      made_by["pairs"] = len(pair_names)
      notes += getattr(pairs, "notes", ())
    if self._asked(("diversity",)):
      values = self._distance.within_groups(
        groups, group_names, split_hosts=split_hosts
      )
      if not split_hosts:
        values = parallel.join_shares(values)
      scores["diversity"] = float(values.mean())
      made_by["groups"] = len(values)
    if self._distance is not None:
      made_by["lpips"] = self._lpips_made_by
    return Result(
      {self._name(name): value for name, value in scores.items()},
      {self._name(name): values for name, values in per_picture.items()},
      notes,
      made_by,
    )

  def _asked(self, metrics):
    return any(metric in self.metrics for metric in metrics)

  def _name(self, metric):
    """The name of a score, which tells if random weights made it."""
    if self._random and metric not in picture_pairs.PIXEL_METRICS:
      return RANDOM_FEATURES + metric
    return metric

  def _check_given(self, pairs, groups):
    """Refuses before any work what cannot be measured."""
    for metrics, given, what in (
      (OF_PAIRS, pairs, "pairs of a generated and a true picture"),
      (("diversity",), groups, "groups of pictures made of the same input"),
    ):
      missing = [name for name in metrics if name in self.metrics]
      if missing and given is None:
        raise ValueError(
          f"{', '.join(missing)} are measured of {what}, and none are given"
        )

  def _check_count(self, count, place):
    """Refuses what is too little for the metrics that were asked for."""
    least = self._neighbors + 1 if self._asked(_OF_NEIGHBORS) else 2
    if count < least:
      metrics = [name for name in self.metrics if name in OF_FEATURES]
      raise ValueError(
        f"{place}: found {count} pictures, and {', '.join(metrics)} need at "
        f"least {least}; give more pictures, or ask for other metrics"
      )

  def _of_statistics(self, path):
    rest = [name for name in self.metrics if name in OF_FEATURES[1:]]
    if rest:
      raise ValueError(
        f"{path} holds statistics, of which only fid can be computed; "
        f"{', '.join(rest)} need the pictures themselves"
      )
    found = statistics_file.read(path, self._extractor.made_by)
    note = statistics_file.origin_note(path, found)
    return Reference(str(path), known=found, notes=(note,) if note else ())

  def _compare_features(self, real, made, scores, per_picture, notes):
    """Fills in what is computed of features."""
    notes += [*real.notes, *made.notes]
    if "fid" in self.metrics:
      counts = [each.count or 0 for each in (real, made)]
      dims = self._extractor.dims
      if all(counts):
        notes += filter(None, [frechet.bias_note(*counts, dims)])
      few = real.features and made.features and max(counts) <= dims
      if few:
        scores["fid"] = frechet.distance_of_features(
          real.features.values, made.features.values
        )
      else:
        scores["fid"] = frechet.distance(real.statistics, made.statistics)
    if not (real.features and made.features):
      return
    x, y = real.features.values, made.features.values
    if self._asked(OF_FEATURES[1:]) and not (
      real.features.complete and made.features.complete
    ):
      notes.append(
        f"All metrics of features but fid are of the first {len(x)} real and "
        f"{len(y)} generated pictures"
      )
    if "kid" in self.metrics:
      kid = kernel_distance.kid(x, y, **self._kid)
      scores |= {"kid": kid.mean, "kid_std": kid.std}
      if kid.subset_size < self._kid["subset_size"]:
        notes.append(
          f"KID is of subsets of {kid.subset_size} pictures, not "
          f"{self._kid['subset_size']}: one of the sets has no more"
        )
    if self._asked(_OF_NEIGHBORS):
      found = neighbors.prdc(x, y, self._neighbors)
      for metric in _OF_NEIGHBORS:
        if metric in self.metrics:
          scores[metric] = getattr(found, metric)
      if len(x) != len(y):
        notes.append(
          "Precision, recall, density and coverage depend on the numbers of "
          f"pictures, here {len(x)} real and {len(y)} generated; compare them "
          "only with those of as many"
        )
    if len(x) > _REALISM_NEIGHBORS:
      values = neighbors.realism(x, y, _REALISM_NEIGHBORS).tolist()
      values = zip(made.features.names, values, strict=True)
      per_picture["realism"] = dict(values)

  def _compare_pairs(self, pairs, names, split_hosts):
    """Scores of all hosts' pairs by metric, and the names of the pairs."""
    if names is None:
      names = getattr(pairs, "names", None)
    if names is None:
      names = [f"{number:06d}" for number in range(len(pairs))]
    found = {}
    if "lpips" in self.metrics:
      found["lpips"] = np.zeros(0)
      if split_hosts or len(pairs):
        found["lpips"] = self._distance.distances(
          pairs, names, split_hosts=split_hosts
        )
      if not split_hosts:
        found["lpips"] = parallel.join_shares(found["lpips"])
    if metrics := [m for m in self.metrics if m in picture_pairs.PIXEL_METRICS]:
      found |= picture_pairs.pixel_scores(
        pairs, metrics, names, split_hosts=split_hosts
      )
    if not split_hosts:
      names = parallel.join_shares(names)
    return found, names


def parse_names(names: str | Iterable[str]) -> tuple[str, ...]:
  """Names of metrics, each once.

  Args:
    names: some of `METRICS`, also as one text with commas.

  Raises:
    ValueError: one is no metric.
  """
  if isinstance(names, str):
    names = [name.strip() for name in names.split(",")]
  names = tuple(dict.fromkeys(name for name in names if name))
  unknown = [name for name in names if name not in METRICS]
  if unknown:
    raise ValueError(
      f"{', '.join(unknown)}: no such metric; known are {', '.join(METRICS)}"
    )
  return names


def is_statistics(place: str | os.PathLike[str]) -> bool:
  """Whether a path is that of a file of statistics, not of pictures."""
  path = pathlib.Path(place)
  if path.suffix != statistics_file.SUFFIX or not path.is_file():
    return False
  try:
    with np.load(path, allow_pickle=False) as arrays:
      return not {"mu", "sigma"}.isdisjoint(arrays.files)
  except (ValueError, OSError, zipfile.BadZipFile):
    return False


def _place_of(pictures):
  if isinstance(pictures, str | os.PathLike):
    return str(pictures)
  return getattr(pictures, "place", "pictures in memory")
