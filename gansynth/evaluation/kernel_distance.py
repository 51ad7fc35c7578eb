"""Kernel distance (KID, where features are Inception's).

The unbiased squared maximum mean discrepancy of two subsets of m features with
the kernel k(x, y) = (x·y / dims + 1)³,

  Σ_{i≠j} (k(xᵢ, xⱼ) + k(yᵢ, yⱼ)) / (m (m - 1)) - 2 Σᵢⱼ k(xᵢ, yⱼ) / m²,

averaged over random subsets. It has no bias from small sets, and may be below
0.

Reference: Bińkowski et al., "Demystifying MMD GANs", 2018,
https://arxiv.org/abs/1801.01401
"""

import dataclasses
from typing import Any

import numpy as np

from gansynth.evaluation.moments import checked_features

_BLOCK = 1024  # rows of the kernel's matrix at a time

Indices = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Kid:
  """A kernel distance.

  Attributes:
    mean: over the subsets; often reported times 1000.
    std: over the subsets, with the divisor `subsets`.
    subsets: how many.
    subset_size: features of each set in a subset, which is less than asked
      for where a set has fewer.
  """

  mean: float
  std: float
  subsets: int
  subset_size: int


def kid(
  x: np.ndarray,
  y: np.ndarray,
  *,
  subsets: int = 100,
  subset_size: int = 1000,
  seed: int = 0,
  dtype: Any = np.float64,
  indices: Indices | None = None,
  draws: str = "philox",
) -> Kid:
  """Returns the kernel distance of two sets of features.

  Args:
    x: real (count, dims).
    y: real (other count, dims).
    subsets: how many are drawn.
    subset_size: features of each set in a subset, drawn without replacement;
      at most the smaller count.
    seed: of the draws.
    dtype: of the products; float32 is twice as fast and loses the fifth
      digit.
    indices: subsets to take in place of drawn ones, integers
      (subsets, subset_size) into `x` and into `y`.
    draws: `philox`, or `cleanfid` for the subsets that clean-fid draws after
      `numpy.random.seed(seed)` with `x` as its first set.

  Raises:
    ValueError: widths differ, something is not finite, a set or subset is too
      small, or the draws are none of these.
  """
  if indices is None:
    indices = draw(len(x), len(y), subsets, subset_size, seed, draws)
  values = subset_distances(x, y, *indices, dtype=dtype)
  return Kid(
    float(values.mean()), float(values.std()), len(values), indices[0].shape[1]
  )


def draw(
  count_x: int,
  count_y: int,
  subsets: int,
  subset_size: int,
  seed: int,
  draws: str = "philox",
) -> Indices:
  """Draws subsets of two sets; see `kid`.

  Returns:
    int64 (subsets, size) into the first set, and into the second.
  """
  size = min(subset_size, count_x, count_y)
  if size < 2 or subsets < 1:
    raise ValueError(
      f"KID needs a subset or more of 2 features or more, found {subsets} of "
      f"{size}, of sets of {count_x} and {count_y}; evaluate more pictures"
    )
  if draws == "philox":
    rng = np.random.Generator(np.random.Philox(seed))
    order = (0, 1)
  elif draws == "cleanfid":
    rng = np.random.RandomState(seed)
    order = (1, 0)
  else:
    raise ValueError(f"draws are philox or cleanfid, not {draws!r}")
  counts = (count_x, count_y)
  found = np.empty((2, subsets, size), np.int64)
  for subset in range(subsets):
    for side in order:
      found[side, subset] = rng.choice(counts[side], size, replace=False)
  return found[0], found[1]


def subset_distances(
  x: np.ndarray,
  y: np.ndarray,
  indices_x: np.ndarray,
  indices_y: np.ndarray,
  dtype: Any = np.float64,
) -> np.ndarray:
  """Returns the squared discrepancy of each pair of subsets.

  Args:
    x: real (count, dims).
    y: real (other count, dims).
    indices_x: integers (subsets, size) into `x`; none twice in a row.
    indices_y: integers (subsets, size) into `y`.
    dtype: of the products.

  Returns:
    float64 (subsets,).

  Raises:
    ValueError: widths differ, something is not finite, or subsets have
      different sizes or fewer than 2 features.
  """
  x = checked_features(x, "features of the first set")
  y = checked_features(y, "features of the second set", x.shape[1])
  if indices_x.shape != indices_y.shape or indices_x.shape[1] < 2:
    raise ValueError(
      "subsets of both sets must have the same shape (subsets, 2 or more), "
      f"found {indices_x.shape} and {indices_y.shape}"
    )
  size = indices_x.shape[1]
  # Scaled once, the products need not be.
  root = np.sqrt(x.shape[1]).astype(dtype)
  x, y = (part.astype(dtype) / root for part in (x, y))
  within = _sums(x, None, indices_x, None) + _sums(y, None, indices_y, None)
  between = _sums(x, y, indices_x, indices_y)
  return within / (size * (size - 1)) - 2 * between / size**2


def _sums(x, y, indices_x, indices_y):
  """Sums of kernels over pairs of each subset.

  Without `y` they are over pairs of two different features of `x`. Subsets
  overlap, so where they have more pairs together than the sets, each pair's
  kernel is computed once.
  """
  subsets, size = indices_x.shape
  if subsets * size**2 < len(x) * len(x if y is None else y):
    if y is None:
      kernels = (_pairs(x[rows]) for rows in indices_x)
    else:
      both = zip(indices_x, indices_y, strict=True)
      kernels = (_kernel(x[rows], y[columns]) for rows, columns in both)
    return np.array([kernel.sum() for kernel in kernels])
  chosen_x = _chosen(indices_x, len(x))
  chosen_y = chosen_x if y is None else _chosen(indices_y, len(y))
  sums = np.zeros(subsets)
  for start in range(0, len(x), _BLOCK):
    rows = slice(start, start + _BLOCK)
    if y is None:
      # Half of the pairs, twice.
      later = slice(start + _BLOCK, None)
      found = _pairs(x[rows]) @ chosen_x[rows]
      found += 2 * (_kernel(x[rows], x[later]) @ chosen_x[later])
    else:
      found = _kernel(x[rows], y) @ chosen_y
    sums += (chosen_x[rows] * found).sum(0)
  return sums


def _kernel(x, y):
  """float64 (count, other count) of features over the root of dims."""
  products = (x @ y.T).astype(np.float64, copy=False)
  products += 1
  return products * products * products


def _pairs(x):
  """`_kernel` of a set with itself, 0 for a feature with itself."""
  kernel = _kernel(x, x)
  np.fill_diagonal(kernel, 0)
  return kernel


def _chosen(indices, count):
  """float64 (count, subsets): 1 where a subset holds a feature."""
  chosen = np.zeros((count, len(indices)))
  np.put_along_axis(chosen, indices.T, 1, axis=0)
  return chosen
