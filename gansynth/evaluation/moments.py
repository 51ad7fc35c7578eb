"""Means and covariances of features, which add up over batches and hosts."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

# Rows that wait for one another: a product of few rows costs as much in
# memory traffic as one of many.
_ROWS = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class Statistics:
  """A Gaussian that was fitted to features.

  Attributes:
    mean: float64 (dims,).
    covariance: float64 (dims, dims), with the divisor count - 1.
    count: features it was made from; None where nobody knows.
    made_by: how the features were made, by name: network, resize, dims, ...;
      None where nobody knows.
  """

  mean: np.ndarray
  covariance: np.ndarray
  count: int | None = None
  made_by: Mapping[str, Any] | None = None

  def __post_init__(self):
    for name in ("mean", "covariance"):
      array = np.asarray(getattr(self, name), np.float64)
      object.__setattr__(self, name, array)

  @property
  def dims(self) -> int:
    """Width of the features."""
    return self.mean.shape[0]


class Moments:
  """Mean and covariance of features that come in batches.

  Sums are float64 and of differences from a mean, so that nothing is lost
  where means are large against deviations. How features are split over
  batches does not change a bit of the result; how they are split over hosts,
  and their order, only the last ones.

  Reference: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm
  for computing sample variances", 1979.
  """

  def __init__(self, dims: int):
    """Takes the width of the features."""
    self.dims = dims
    self._count = 0
    self._mean = np.zeros(dims)
    self._scatter = np.zeros((dims, dims))
    self._waiting = np.empty((_ROWS, dims))
    self._number_waiting = 0

  @property
  def count(self) -> int:
    """Features added so far."""
    return self._count + self._number_waiting

  def add(self, features: np.ndarray) -> None:
    """Adds a batch.

    Args:
      features: real (count, dims), of any type and count.

    Raises:
      ValueError: the shape is another, or a feature is not finite.
    """
    features = checked_features(features, "features", self.dims)
    while len(features):
      end = min(_ROWS, self._number_waiting + len(features))
      number = end - self._number_waiting
      self._waiting[self._number_waiting : end] = features[:number]
      self._number_waiting = end
      features = features[number:]
      if end == _ROWS:
        self._flush()

  def merge(self, other: "Moments") -> None:
    """Adds all that another has seen; the other stays as it is.

    Raises:
      ValueError: its features have another width.
    """
    if other.dims != self.dims:
      raise ValueError(
        f"features of {other.dims} dimensions cannot be added to features of "
        f"{self.dims}; take the same layer of the same network for both"
      )
    count, mean, scatter = other.to_arrays()
    self._flush()
    self._add(int(count), mean, scatter)

  def statistics(self, made_by: Mapping[str, Any] | None = None) -> Statistics:
    """Returns mean and covariance of what was added.

    Args:
      made_by: kept with them.

    Raises:
      ValueError: fewer than two features were added.
    """
    if self.count < 2:
      raise ValueError(
        f"a covariance needs 2 features or more, found {self.count}; evaluate "
        "more pictures"
      )
    self._flush()
    return Statistics(
      self._mean.copy(),
      self._scatter / (self._count - 1),
      self._count,
      made_by,
    )

  def to_arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns all that was seen, to be sent to other hosts.

    Returns:
      float64 count (), mean (dims,) and summed products of differences from
      the mean (dims, dims). They are not to be added up: `from_arrays` and
      `merge` put together what several hosts have seen.
    """
    self._flush()
    return np.float64(self._count), self._mean.copy(), self._scatter.copy()

  @classmethod
  def from_arrays(
    cls, count: np.ndarray, mean: np.ndarray, scatter: np.ndarray
  ) -> "Moments":
    """Returns what `to_arrays` gave."""
    moments = cls(len(mean))
    moments._add(int(count), np.asarray(mean), np.asarray(scatter))
    return moments

  def _flush(self):
    """Adds the rows that wait."""
    rows = self._waiting[: self._number_waiting]
    if len(rows):
      mean = rows.mean(0)
      rows -= mean
      self._add(len(rows), mean, rows.T @ rows)  # BLAS computes one half
      self._number_waiting = 0

  def _add(self, count, mean, scatter):
    total = self._count + count
    if not count:
      return
    delta = mean - self._mean
    self._scatter += scatter
    if self._count:
      weight = self._count * count / total
      self._scatter += np.outer(weight * delta, delta)
    self._mean = self._mean + delta * (count / total)
    self._count = total


def checked_features(
  features: np.ndarray, name: str, dims: int | None = None
) -> np.ndarray:
  """Returns features as an array of their own type, after a look at them.

  Args:
    features: real (count, dims).
    name: what to call them in errors.
    dims: width that they must have, if any.

  Raises:
    ValueError: they have another shape or are not finite.
  """
  features = np.asarray(features)
  if features.ndim != 2 or dims not in (None, features.shape[1]):
    raise ValueError(
      f"{name}: expected the shape (count, {dims or 'dims'}), found "
      f"{features.shape}"
    )
  finite = np.isfinite(features).all(1)
  if not finite.all():
    rows = np.flatnonzero(~finite)
    raise ValueError(
      f"{name}: {len(rows)} of {len(features)} features are not finite, the "
      f"first is number {rows[0]}; look at the picture that it is of, and at "
      "the weights of the network"
    )
  return features
