"""Canvas sizes that pictures of many sizes share, so that few are compiled.

A picture lies in the top left corner of a canvas, and the right-hand side of
its equation is continued beyond by mirroring, which is what the picture's own
border stands for. The canvas's border is another one; what it changes is
damped with the distance, as the colour term ties each pixel to its colour.

The bound: both right-hand sides, continued over the whole plane, differ only
further away than the picture's margin p, by at most twice their largest
magnitude M. The answer to one row of the plane, 1, is exp(-kappa n) / (2 a
sinh kappa) at distance n, where s = g0 + 2 g1 is the Gaussian's sum,
a = 1 - color_weight s g1 and cosh kappa = 1 + color_weight s^2 / (2 a). Four
half planes change, so the error is at most

  8 M exp(-kappa (p + 1)) / ((1 - exp(-kappa)) 2 a sinh kappa)

and the constant is sharp for half planes of one sign. That holds while
Green's function is nowhere negative: up to a color_weight of 1 in all cases
tried (sigma 0.1 to 2). Where another frequency than the constant decays the
slowest, its magnitudes are summed numerically.
"""

import functools
import math

import numpy as np

# Products of 2, 3 and 5, for which Fourier transforms are fast.
_STEPS = (64, 72, 80, 90, 96, 108)
_GRID = 1024
# Values of fields: central differences reach 2, and four of them are added.
_LARGEST_DIVERGENCE = 8.0


def bucket(
  height: int,
  width: int,
  color_weight: float = 1.0,
  sigma: float = 0.5,
  tolerance: float = 1e-6,
) -> tuple[int, int]:
  """Returns the height and width of the canvas for a picture.

  Each length is one of a short list, six for each doubling: the picture's own
  if it is in the list, which is exact, or else the next that leaves `reach`
  pixels. Where that is more than half the picture's length, which takes a
  small color_weight or a small picture, a canvas would cost more than it
  saves; then it is the picture's own length, exact, and a program of its own.

  Args:
    height: of the picture, in pixels.
    width: likewise.
    color_weight: of the solver.
    sigma: likewise.
    tolerance: largest error for pictures in [0, 1].
  """
  margin = reach(color_weight, sigma, tolerance)
  return _canvas(height, margin), _canvas(width, margin)


@functools.lru_cache(maxsize=256)
def reach(
  color_weight: float = 1.0, sigma: float = 0.5, tolerance: float = 1e-6
) -> float:
  """Returns after how many pixels changes are damped below a tolerance.

  Whatever right-hand sides of pictures in [0, 1] are replaced by, further
  away than this on any of the four sides, the result changes less than the
  tolerance. 17 pixels for the defaults, 63 with a color_weight of 0.1, 223
  with 0.01.

  Args:
    color_weight: of the solver.
    sigma: likewise.
    tolerance: for pictures in [0, 1].

  Returns:
    A whole number, or infinity if nothing damps: with a color_weight of 0,
    or one so large with a wide Gaussian that the system is indefinite.
  """
  if not color_weight > 0 or not math.isfinite(color_weight):
    return math.inf
  center, side = _gaussian_taps(sigma)
  tail = tolerance / (8 * (_LARGEST_DIVERGENCE + color_weight))
  # kappa for each frequency across; the slowest decay is the constant's.
  angle = np.linspace(0, np.pi, _GRID)
  across = center + 2 * side * np.cos(angle)
  diagonal = 4 - 2 * np.cos(angle) + color_weight * center * across
  beside = 1 - color_weight * side * across
  decay = np.arccosh(
    np.maximum(diagonal / (2 * np.maximum(abs(beside), 1e-300)), 1)
  )
  if beside[0] > 0 and decay.min() >= decay[0] * (1 - 1e-9) > 0:
    kappa = decay[0]
    scale = -math.expm1(-kappa) * 2 * beside[0] * math.sinh(kappa)
    return float(max(0, math.ceil(-math.log(tail * scale) / kappa - 1)))
  return _numeric_reach(color_weight, center, side, tail)


def _numeric_reach(color_weight, center, side, tail):
  angle = 2 * np.pi * np.arange(_GRID) / _GRID
  laplacian, gaussian = 2 - 2 * np.cos(angle), center + 2 * side * np.cos(angle)
  symbol = np.add.outer(laplacian, laplacian)
  symbol += color_weight * np.multiply.outer(gaussian, gaussian)
  if symbol.min() <= 0:
    return math.inf
  green = np.abs(np.fft.irfft2(1 / symbol[:, : _GRID // 2 + 1])).sum(1)
  # Sums over all places further away, as far as the grid holds one side.
  tails = green[: _GRID // 2][::-1].cumsum()[::-1][1:]
  enough = np.flatnonzero(tails <= tail)
  return float(enough[0]) if len(enough) else math.inf


def _gaussian_taps(sigma: float) -> tuple[float, float]:
  """Returns the solver's Gaussian in the middle and one pixel beside."""
  radius = int(4 * sigma + 0.5)
  if radius == 0:
    return 1.0, 0.0
  weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
  weights /= 2 * weights.sum() - 1
  return float(weights[0]), float(weights[1])


def _canvas(length, margin):
  if length == listed_length(length):
    return length
  if margin > length / 2:
    return length
  return listed_length(length + int(margin))


def listed_length(length: int) -> int:
  """Returns the smallest length of the list that is not below one."""
  power = (
    1 if length <= _STEPS[0] else 2 ** math.floor(math.log2(length / _STEPS[0]))
  )
  candidates = [step * power for step in (*_STEPS, 2 * _STEPS[0])]
  return next(c for c in candidates if c >= length)
