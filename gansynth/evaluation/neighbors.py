"""Precision and recall, density and coverage, realism: by nearest neighbours.

A set of features stands for the union of balls around them that reach to the
k-th nearest other feature of the set.

References: Kynkäänniemi et al., "Improved Precision and Recall Metric for
Assessing Generative Models", 2019, https://arxiv.org/abs/1904.06991; Naeem et
al., "Reliable Fidelity and Diversity Metrics for Generative Models", 2020,
https://arxiv.org/abs/2002.09797
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from gansynth.evaluation.moments import checked_features

_BLOCK = 1024  # rows and columns of the matrix of distances at a time
# Squared distances below this share of the squared lengths are of equal
# features, and rounding.
_EQUAL = 1e-13


@dataclasses.dataclass(frozen=True)
class Prdc:
  """How well two sets of features cover each other.

  Attributes:
    precision: share of generated features in a ball of the real ones.
    recall: share of real features in a ball of the generated ones.
    density: number of real balls that a generated feature is in, on average,
      over k; may exceed 1.
    coverage: share of real features whose ball holds a generated one.
  """

  precision: float
  recall: float
  density: float
  coverage: float


def prdc(
  real: np.ndarray,
  generated: np.ndarray,
  k: int = 5,
  *,
  inclusive: bool = False,
) -> Prdc:
  """Returns precision, recall, density and coverage.

  They depend on the counts; compare only sets of as many.

  Args:
    real: features, real numbers (count, dims).
    generated: features, real numbers (other count, dims).
    k: which neighbour a ball reaches to; 5 is usual, and 3 for precision and
      recall alone.
    inclusive: whether balls have their surface, as in torch-fidelity, or not,
      as in the authors' code of density and coverage.

  Raises:
    ValueError: widths differ, something is not finite, or a set has no k
      neighbours.
  """
  real, generated = _checked(real, generated)
  real_radii, generated_radii = (
    _squared_radii(features, k, name)
    for features, name in ((real, "real"), (generated, "generated"))
  )
  within = np.less_equal if inclusive else np.less
  balls = np.zeros(len(generated), np.int64)  # around each generated feature
  recalled = np.zeros(len(real), bool)
  covered = np.zeros(len(real), bool)
  for rows, columns, squares in _blocks(real, generated):
    inside = within(squares, real_radii[rows, None])
    balls[columns] += inside.sum(0)
    covered[rows] |= inside.any(1)
    recalled[rows] |= within(squares, generated_radii[columns]).any(1)
  return Prdc(
    float((balls > 0).mean()),
    float(recalled.mean()),
    float(balls.mean() / k),
    float(covered.mean()),
  )


def radii(x: np.ndarray, k: int) -> np.ndarray:
  """Returns the distance of each feature to its k-th nearest other.

  Args:
    x: real (count, dims).
    k: 1 is the nearest other.

  Returns:
    float64 (count,).

  Raises:
    ValueError: something is not finite, or there are fewer than k + 1.
  """
  return np.sqrt(_squared_radii(checked_features(x, "features"), k, "one"))


def realism(real: np.ndarray, generated: np.ndarray, k: int = 3) -> np.ndarray:
  """Returns how close each generated feature is to the real ones.

  The largest ratio of the radius of a real ball to the distance from its
  centre, of the half of the balls that are smallest: above 1 for a feature in
  one of them, the larger the better.

  Args:
    real: features, real numbers (count, dims).
    generated: features, real numbers (other count, dims).
    k: which neighbour a ball reaches to.

  Returns:
    float64 (other count,); infinite for a copy of a real feature.

  Raises:
    ValueError: as `prdc`.

  Reference: Kynkäänniemi et al. 2019, equation 5.
  """
  real, generated = _checked(real, generated)
  squared = _squared_radii(real, k, "real")
  kept = squared <= np.median(squared)
  squared = squared[kept]
  best = np.zeros(len(generated))
  for rows, columns, squares in _blocks(real[kept], generated):
    numerators = np.broadcast_to(squared[rows, None], squares.shape)
    ratios = np.divide(
      numerators, squares, out=np.full_like(squares, np.inf), where=squares > 0
    )
    best[columns] = np.maximum(best[columns], ratios.max(0))
  return np.sqrt(best)


def _checked(real, generated):
  real = checked_features(real, "real features")
  return real, checked_features(generated, "generated features", real.shape[1])


def _squared_radii(x, k, name):
  if not 1 <= k < len(x):
    raise ValueError(
      f"the {name} set has {len(x)} features, so k can be 1 to {len(x) - 1}, "
      f"not {k}; evaluate more pictures or set a smaller k"
    )
  nearest = np.full((len(x), k), np.inf)

  def update(rows, squares):
    found = np.concatenate([nearest[rows], squares], axis=1)
    nearest[rows] = np.partition(found, k - 1, axis=1)[:, :k]

  for rows, columns, squares in _blocks(x):
    if rows == columns:
      np.fill_diagonal(squares, np.inf)
    else:
      update(columns, squares.T)
    update(rows, squares)
  return nearest.max(1)


def _blocks(
  x: np.ndarray, y: np.ndarray | None = None
) -> Iterator[tuple[slice, slice, np.ndarray]]:
  """Yields rows, columns and the squared distances of their features.

  Without `y` they are of `x` with itself, and blocks below the diagonal,
  which mirror those above, are left out.
  """
  other = x if y is None else y
  # Near 0 squares lose less when they are taken apart.
  centre = x.mean(0, dtype=np.float64)
  for start in range(0, len(x), _BLOCK):
    rows = slice(start, start + _BLOCK)
    left = x[rows] - centre
    left_squares = np.square(left).sum(1)[:, None]
    for column in range(0 if y is not None else start, len(other), _BLOCK):
      columns = slice(column, column + _BLOCK)
      right = other[columns] - centre
      lengths = left_squares + np.square(right).sum(1)
      squares = lengths - 2 * (left @ right.T)
      squares[squares < _EQUAL * lengths] = 0
      yield rows, columns, squares
