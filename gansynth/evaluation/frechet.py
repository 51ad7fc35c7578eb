"""Fréchet distance between Gaussians (FID, where features are Inception's).

  d² = |μ₁ - μ₂|² + tr C₁ + tr C₂ - 2 tr (C₁ C₂)^½

With C₁ = A Aᵀ the last trace is the sum of the roots of the eigenvalues of the
symmetric Aᵀ C₂ A, and with C₂ = B Bᵀ that of the singular values of Aᵀ B. All
of it is in float64, since float32 is off in the fifth digit.

Reference: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule
Converge to a Local Nash Equilibrium", 2017, https://arxiv.org/abs/1706.08500
"""

import numpy as np

from gansynth.evaluation.moments import Moments, Statistics, checked_features

_EPS = np.finfo(np.float64).eps
# Eigenvalues of covariances that are 0 come out at a few times this rounding.
_ZERO = 64 * _EPS
# Below this share of the largest, the root of an eigenvalue is mostly rounding.
_SMALL = 1e-13
# A Cholesky factor is as good as any down to this ratio of its diagonal.
_CHOLESKY_RATIO = 1e-5


def distance(a: Statistics, b: Statistics) -> float:
  """Returns the squared Fréchet distance, as everybody reports it.

  It is not cut off at 0: of equal statistics it is some rounding, of either
  sign.

  Args:
    a: of one set. Covariances may be singular.
    b: of the other.

  Raises:
    ValueError: the widths differ, or something is not finite.
  """
  _check(a, b)
  if b.count is not None and (a.count is None or b.count < a.count):
    a, b = b, a  # The one of lower rank comes first, where that is known.
  root = _trace_of_root(a.covariance, b.covariance)
  return float(_traces(a, b) - 2 * root)


def distance_with_offset(
  a: Statistics, b: Statistics, eps: float = 1e-6
) -> float:
  """Returns what pytorch-fid does where its matrix root is not finite.

  That happens to it where a feature is constant, with some versions of SciPy:
  `eps` is added to the diagonals of both covariances inside the root, and not
  in the other traces, which makes the distance smaller.

  Args:
    a: of one set.
    b: of the other.
    eps: what is added.

  Raises:
    ValueError: as `distance`.
  """
  _check(a, b)
  offset = eps * np.eye(a.dims)
  root = _trace_of_root(a.covariance + offset, b.covariance + offset)
  return float(_traces(a, b) - 2 * root)


def distance_of_features(x: np.ndarray, y: np.ndarray) -> float:
  """Returns `distance` of two sets of features.

  Where both are no more than their dimensions it is exact to the last digits:
  the trace of the root is the sum of the singular values of X Yᵀ, of centred
  features over the roots of their counts less 1.

  Args:
    x: real (count, dims).
    y: real (other count, dims).

  Raises:
    ValueError: widths differ, something is not finite, or there are fewer
      than two features in a set.
  """
  x = checked_features(x, "features of the first set")
  y = checked_features(y, "features of the second set")
  _check_dims(x.shape[1], y.shape[1])
  for name, features in (("first", x), ("second", y)):
    if len(features) < 2:
      raise ValueError(
        f"the {name} set has {len(features)} features; a covariance needs 2 "
        "or more: evaluate more pictures"
      )
  if max(len(x), len(y)) > x.shape[1]:
    found = []
    for features in (x, y):
      moments = Moments(features.shape[1])
      moments.add(features)
      found.append(moments.statistics())
    return distance(*found)
  means = [features.mean(0, dtype=np.float64) for features in (x, y)]
  centred = [
    (features - mean) / np.sqrt(len(features) - 1)
    for features, mean in zip((x, y), means, strict=True)
  ]
  singular = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False)
  traces = sum(np.square(features).sum() for features in centred)
  delta = means[0] - means[1]
  return float(delta @ delta + traces - 2 * singular.sum())


def bias_note(count_a: int, count_b: int, dims: int) -> str:
  """Says what few pictures do to the distance.

  Args:
    count_a: pictures of one set; 0: not known, as of others' statistics.
    count_b: pictures of the other; 0: not known.
    dims: width of the features.

  Returns:
    A warning, or "" where both sets have more pictures than dimensions, as far
    as is known.
  """
  counts = [count_a, count_b]
  if all(count > dims for count in counts if count):
    return ""
  told = " and ".join(str(count or "an unknown number") for count in counts)
  return (
    f"FID of {told} pictures in {dims} dimensions: a "
    "covariance of no more pictures than dimensions is singular, and the "
    "distance is far too high, by an amount that falls about as 1/count. "
    "Compare it only with distances of as many pictures, or use KID, which "
    f"has no such bias; FID wants more than {dims} pictures on both sides"
  )


def _check(a, b):
  _check_dims(a.dims, b.dims)
  for name, part in (("first", a), ("second", b)):
    for kind in ("mean", "covariance"):
      array = getattr(part, kind)
      wrong = array.size - np.count_nonzero(np.isfinite(array))
      if wrong:
        raise ValueError(
          f"{wrong} of {array.size} numbers of the {kind} of the {name} set "
          "are not finite; make its statistics again"
        )


def _check_dims(first, second):
  if first != second:
    raise ValueError(
      f"the first set has features of {first} dimensions, the second of "
      f"{second}; take the same layer of the same network for both"
    )


def _traces(a, b):
  delta = a.mean - b.mean
  return float(delta @ delta + np.trace(a.covariance) + np.trace(b.covariance))


def _trace_of_root(first, second):
  """Trace of the root of the product of two covariances.

  A product of singular matrices has eigenvalues 0, which come out as some
  rounding whose root is not small. So either side is cut down to its rank
  before, and where that does not help, no squares are taken.
  """
  a = _factor(first)
  squares = _eigenvalues(a, second)
  if _well_conditioned(squares):
    return np.sqrt(squares).sum()
  b = _eigen_factor(second)
  if b.shape[1] < a.shape[1]:
    squares = _eigenvalues(b, first)
    if _well_conditioned(squares):
      return np.sqrt(squares).sum()
  return np.linalg.svd(a.T @ b, compute_uv=False).sum()


def _eigenvalues(factor, covariance):
  product = factor.T @ covariance @ factor
  return np.linalg.eigvalsh((product + product.T) / 2)


def _well_conditioned(squares):
  """Whether the roots of ascending eigenvalues are more than rounding."""
  return not squares.size or squares[0] > _SMALL * squares[-1]


def _factor(covariance):
  """Returns A (dims, rank) with A Aᵀ = covariance."""
  try:
    factor = np.linalg.cholesky(covariance)  # A tenth of the time of `eigh`.
  except np.linalg.LinAlgError:
    return _eigen_factor(covariance)
  diagonal = np.diag(factor)
  if diagonal.min() < _CHOLESKY_RATIO * diagonal.max():
    return _eigen_factor(covariance)
  return factor


def _eigen_factor(covariance):
  values, vectors = np.linalg.eigh(covariance)
  kept = values > _ZERO * max(values[-1], 0)
  return vectors[:, kept] * np.sqrt(values[kept])
