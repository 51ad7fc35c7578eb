"""Numbers that tell how close generated pictures are to real ones.

>>> from gansynth import PictureMetrics
>>> metrics = PictureMetrics("fid,kid")  # doctest: +SKIP
>>> real = metrics.reference("real")  # doctest: +SKIP
>>> metrics.compare(real, "synthetic").scores["fid"]  # doctest: +SKIP
"""

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np

from gansynth import parallel, published
from gansynth.evaluation import pixels
from gansynth.metrics import feature_metrics, picture_pairs, picture_sets
from gansynth.metrics.feature_extractor import FeatureExtractor, Features
from gansynth.metrics.feature_metrics import FeatureMetrics, Reference
from gansynth.metrics.perceptual_distance import PerceptualDistance
from gansynth.reports.evaluation_record import RANDOM_FEATURES

OF_FEATURES = feature_metrics.METRICS
OF_PAIRS = ("lpips", *picture_pairs.PIXEL_METRICS)
METRICS = (*OF_FEATURES, *OF_PAIRS, "diversity")

_OF_LPIPS = ("lpips", "diversity")
_INCEPTION = "fid_inception"
_BACKBONES = ("alex", "vgg", "squeeze")


@dataclasses.dataclass(frozen=True)
class Result:
  """What was measured.

  Attributes:
    scores: by `PictureMetrics.names`.
    per_picture: scores of single generated pictures, by metric and name:
      `realism` where features are compared, and those of pairs.
    notes: what a reader must know, such as too few pictures.
    made_by: networks, weights, resizing and counts; JSON.
    features: of real and of generated pictures, where both are known.
  """

  scores: dict[str, float]
  per_picture: dict[str, dict[str, float]]
  notes: list[str]
  made_by: dict[str, Any]
  features: tuple[Features, Features] | None = None


class PictureMetrics:
  """Chosen metrics, with their networks.

  Attributes:
    metrics: those that were asked for, of `METRICS`.
    networks: the weights of those that measure, by name, as digests or
      `random_features`.
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
        `kid_std` too, unless all subsets are one and the same.
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
    for name, value, least in (
      ("kid_subsets", kid_subsets, 1),
      ("kid_subset_size", kid_subset_size, 2),
      ("neighbors", neighbors, 1),
      ("batch_size", batch_size, 1),
    ):
      if value < least:
        raise ValueError(f"{name} is {value}; expected {least} or more")
    if lpips not in _BACKBONES:
      raise ValueError(
        f"lpips is {lpips!r}; expected one of {', '.join(_BACKBONES)}"
      )
    needed = []
    if of_features := self._asked(OF_FEATURES):
      needed.append(_INCEPTION)
    if self._asked(_OF_LPIPS):
      needed.append(f"lpips_{lpips}")
    if not random_features:
      for name in needed:  # All must be there before one is loaded.
        published.find(name, networks)
    loaded = [
      published.load(name, networks, random_features) for name in needed
    ]
    self.networks = {
      made_by["network"]: made_by["weights"] for *_, made_by in loaded
    }
    self._extractor = self._features = self._distance = None
    if of_features:
      self._extractor = FeatureExtractor(
        *loaded[0], dims=dims, resize=resize, batch_size=batch_size
      )
      self._features = FeatureMetrics(
        of_features,
        self._extractor,
        kid_subsets=kid_subsets,
        kid_subset_size=kid_subset_size,
        neighbors=neighbors,
        seed=seed,
      )
    if self._asked(_OF_LPIPS):
      network, variables, self._lpips_made_by = loaded[-1]
      self._distance = PerceptualDistance(network, variables, batch_size)

  @property
  def names(self) -> tuple[str, ...]:
    """Names of the scores that `compare` returns, the same on every host.

    Those that random weights make begin with `random_features_`. `kid_std` is
    left out of what has one subset.
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
    if isinstance(
      pictures, str | os.PathLike
    ) and not feature_metrics.is_statistics(pictures):
      pictures = picture_sets.open(pictures)
    if self._features is None:
      return Reference(feature_metrics.place_of(pictures))
    return self._features.reference(
      pictures,
      names=names,
      split_hosts=split_hosts,
      cache=cache,
      progress=progress,
    )

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
    scores, per_picture, notes, features = {}, {}, [], None
    made_by: dict[str, Any] = {"real": reference.place}
    if self._random and self.networks:
      notes.append(
        "RANDOM FEATURES: the weights of networks are random, so numbers "
        f"called {RANDOM_FEATURES}... say nothing about the pictures"
      )
    if self._features is not None:
      made = self.reference(
        generated, names=names, split_hosts=split_hosts, progress=progress
      )
      scores, realism, more = self._features.compare(reference, made)
      notes += more
      if realism:
        per_picture["realism"] = realism
        features = reference.features, made.features
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
      values = self._perceptual(
        self._distance.within_groups, groups, group_names, split_hosts
      )
      scores["diversity"] = float(values.mean())
      made_by["groups"] = len(values)
    if self._distance is not None:
      made_by["lpips"] = self._lpips_made_by
    return Result(
      {self._name(name): value for name, value in scores.items()},
      {self._name(name): values for name, values in per_picture.items()},
      notes,
      made_by,
      features,
    )

  def check_count(self, count: int, place: str) -> None:
    """Refuses beforehand what is too little for metrics of features.

    Args:
      count: of pictures, over all hosts.
      place: where they are, for the message.

    Raises:
      ValueError: there are too few.
    """
    if self._features is not None:
      self._features.check_count(count, place)

  def _asked(self, metrics):
    return [name for name in self.metrics if name in metrics]

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
      missing = self._asked(metrics)
      if missing and given is None:
        raise ValueError(
          f"{', '.join(missing)} are measured of {what}, and none are given"
        )

  def _compare_pairs(self, pairs, names, split_hosts):
    """Scores of all hosts' pairs by metric, and the names of the pairs."""
    if names is None:
      names = getattr(pairs, "names", None)
    if names is None:
      names = [f"{number:06d}" for number in range(len(pairs))]
    found = {}
    if "lpips" in self.metrics:
      found["lpips"] = self._perceptual(
        self._distance.distances, pairs, names, split_hosts
      )
    if metrics := self._asked(picture_pairs.PIXEL_METRICS):
      found |= picture_pairs.pixel_scores(
        pairs, metrics, names, split_hosts=split_hosts
      )
    if not split_hosts:
      names = parallel.join_shares(names)
    return found, names

  def _perceptual(self, measure, items, names, split_hosts):
    """LPIPS of all hosts' pairs or groups."""
    if split_hosts:
      return measure(items, names)

    def measure_own():
      if not len(items) and jax.process_count() > 1:
        return np.zeros(0)  # There may be fewer than hosts.
      return measure(items, names, split_hosts=False)

    return parallel.join_shares(parallel.on_every_host(measure_own))


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
