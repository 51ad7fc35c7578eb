"""Likeness of two pictures, pixel by pixel: PSNR and SSIM."""

from collections.abc import Iterable

import numpy as np

_WHITE = 255.0
_WINDOW = 11  # pixels across
_SIGMA = 1.5  # pixels
_C1 = (0.01 * _WHITE) ** 2
_C2 = (0.03 * _WHITE) ** 2
_STRIP = 64  # outputs of one product with a band matrix


def psnr(a: np.ndarray, b: np.ndarray) -> float:
  """Peak signal-to-noise ratio, 10 log₁₀(255² / mean squared difference).

  Args:
    a: uint8 (height, width, 3) or (height, width).
    b: uint8 of that shape.

  Returns:
    dB, over all pixels and channels; infinite for equal pictures.

  Raises:
    ValueError: shapes differ, or the type is another.
  """
  _check(a, b)
  difference = a.astype(np.float64) - b
  error = np.square(difference).mean()
  return float(10 * np.log10(_WHITE**2 / error)) if error else float("inf")


def mean_psnr(values: Iterable[float]) -> float:
  """Returns the mean of ratios in dB, without those of equal pictures.

  One of those would make any mean infinite. Where all are equal it is
  infinite, and of no pictures nan.
  """
  values = np.array(list(values), np.float64)
  finite = values[np.isfinite(values)]
  if finite.size:
    return float(finite.mean())
  return float("inf") if values.size else float("nan")


def ssim(a: np.ndarray, b: np.ndarray) -> float:
  """Structural similarity.

  With a Gaussian window of 11 x 11 pixels and a deviation of 1.5, K₁ = 0.01,
  K₂ = 0.03, over windows that lie in the picture, of each channel by itself;
  as in the authors' code, and scikit-image's with `gaussian_weights=True,
  use_sample_covariance=False, data_range=255`.

  Args:
    a: uint8 (height, width, 3) or (height, width), sides 11 or more.
    b: uint8 of that shape.

  Returns:
    The mean over windows and channels, at most 1, which is for equal pictures.

  Raises:
    ValueError: shapes differ, the type is another, or a picture is too small.

  Reference: Wang et al., "Image Quality Assessment: From Error Visibility to
  Structural Similarity", 2004.
  """
  _check(a, b)
  if min(a.shape[:2]) < _WINDOW:
    raise ValueError(
      f"SSIM needs pictures of {_WINDOW} x {_WINDOW} pixels or more, found "
      f"{a.shape[1]} x {a.shape[0]}"
    )
  x, y = (
    np.moveaxis(np.atleast_3d(part).astype(np.float64), -1, 0)
    for part in (a, b)
  )
  mean_x, mean_y, squares, products = _blurred(
    np.stack([x, y, x * x + y * y, x * y])
  )
  means = mean_x * mean_y
  mean_squares = mean_x * mean_x + mean_y * mean_y
  # Variances are needed only as their sum.
  similarity = (2 * means + _C1) * (2 * (products - means) + _C2)
  similarity /= (mean_squares + _C1) * (squares - mean_squares + _C2)
  return float(similarity.mean())


def _check(a, b):
  if a.shape != b.shape:
    raise ValueError(
      f"pictures have the shapes {a.shape} and {b.shape}; resize one of them"
    )
  if a.dtype != np.uint8 or b.dtype != np.uint8:
    raise ValueError(f"pictures must be uint8, found {a.dtype} and {b.dtype}")
  if a.ndim not in (2, 3) or not a.size:
    raise ValueError(
      f"expected pictures (height, width, 3) or (height, width), found "
      f"{a.shape}"
    )


def _blurred(pictures):
  """Gaussian means over the windows in (..., height, width)."""
  height, width = (side - _WINDOW + 1 for side in pictures.shape[-2:])
  offsets = np.arange(_WINDOW) - _WINDOW // 2
  weights = np.exp(-np.square(offsets) / (2 * _SIGMA**2))
  weights /= weights.sum()
  # Products with narrow strips are a multiple of the sums that are needed,
  # and still several times faster than eleven passes over the pictures.
  band = np.zeros((_STRIP, _STRIP + _WINDOW - 1))
  for row in range(_STRIP):
    band[row, row : row + _WINDOW] = weights
  rows = np.empty((*pictures.shape[:-2], height, pictures.shape[-1]))
  for start in range(0, height, _STRIP):
    number = min(_STRIP, height - start)
    reach = number + _WINDOW - 1
    part = pictures[..., start : start + reach, :]
    rows[..., start : start + number, :] = band[:number, :reach] @ part
  result = np.empty((*rows.shape[:-1], width))
  for start in range(0, width, _STRIP):
    number = min(_STRIP, width - start)
    reach = number + _WINDOW - 1
    part = rows[..., start : start + reach]
    result[..., start : start + number] = part @ band[:number, :reach].T
  return result
