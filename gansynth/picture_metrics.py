"""Numbers that tell how close generated pictures are to real ones.

>>> from gansynth import picture_metrics, picture_sets
>>> metrics = picture_metrics.PictureMetrics("fid,kid")  # doctest: +SKIP
>>> real = metrics.reference(picture_sets.open("real"))  # doctest: +SKIP
>>> made = picture_sets.open("synthetic")  # doctest: +SKIP
>>> metrics.compare(real, made).scores["fid"]  # doctest: +SKIP
"""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gansynth.evaluation.moments import Statistics
from gansynth.feature_extractor import Features

OF_FEATURES = ("fid", "kid", "precision", "recall", "density", "coverage")
OF_PAIRS = ("lpips", "psnr", "ssim")
METRICS = (*OF_FEATURES, *OF_PAIRS, "diversity")


@dataclasses.dataclass(frozen=True)
class Reference:
  """Real pictures, as far as generated ones are compared with them.

  Attributes:
    place: where they are from.
    statistics: of their features; None where no metric asks for features.
    features: None where only the statistics are known.
    notes: what a reader must know of them.
  """

  place: str
  statistics: Statistics | None = None
  features: Features | None = None
  notes: tuple[str, ...] = ()


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
    names: of the scores that `compare` returns, the same on every host; those
      that random weights make begin with `random_features_`.
  """

  def __init__(
    self,
    names: str | Iterable[str],
    *,
    networks: str | os.PathLike[str] = "networks",
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

  def reference(
    self,
    real: Iterable[np.ndarray] | str | os.PathLike[str],
    *,
    names: Iterable[str] = (),
    split_hosts: bool = True,
    cache: str | os.PathLike[str] | None = None,
    progress: Callable[[int], Any] | None = None,
  ) -> Reference:
    """Looks at the real pictures, once for any number of comparisons.

    Args:
      real: pictures, see `FeatureExtractor.features`; or the path of a file
        of statistics (`.npz`), with which only `fid` can be computed.
      names: see `FeatureExtractor.features`.
      split_hosts: see `FeatureExtractor.features`.
      cache: a file that features are kept in; those in it are taken if they
        are of the same pictures, as far as `PictureSet.identity` tells, and
        made the same way.
      progress: see `FeatureExtractor.features`.

    Raises:
      ValueError: pictures cannot be read, or the statistics are of another
        network, resizing or width, or metrics need pictures.
    """

  def compare(
    self,
    reference: Reference,
    generated: Iterable[np.ndarray] = (),
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
      generated: pictures, see `FeatureExtractor.features`; or the path of a
        file of statistics. Not looked at unless a metric is of features.
      names: of the generated pictures.
      pairs: generated and true picture, uint8 of one size, for LPIPS, PSNR
        and SSIM; they are asked for in threads.
      pair_names: of the pairs; None: their numbers.
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
