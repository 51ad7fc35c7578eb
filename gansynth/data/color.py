"""sRGB to CIE L*a*b* (D65, 2 degrees) and back, for colorization.

The constants are those of scikit-image's `rgb2lab`, which the original uses:
IEC 61966-2-1 for sRGB, CIE 15 for L*a*b*.
"""

import numpy as np

_XYZ_FROM_RGB = np.array(
  [
    [0.412453, 0.357580, 0.180423],
    [0.212671, 0.715160, 0.072169],
    [0.019334, 0.119193, 0.950227],
  ]
)
_RGB_FROM_XYZ = np.linalg.inv(_XYZ_FROM_RGB)
_WHITE = np.array([0.95047, 1.0, 1.08883])


def _linear(srgb: np.ndarray) -> np.ndarray:
  """Removes sRGB's gamma from values in [0, 1]."""
  return np.where(srgb > 0.04045, ((srgb + 0.055) / 1.055) ** 2.4, srgb / 12.92)


_LINEAR_OF_BYTE = _linear(np.arange(256) / 255)


def rgb_to_lab(image: np.ndarray) -> np.ndarray:
  """Converts uint8 sRGB (..., 3) to float64 L* 0..100, a* and b* (..., 3)."""
  xyz = _LINEAR_OF_BYTE[image] @ _XYZ_FROM_RGB.T / _WHITE
  f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
  x, y, z = np.moveaxis(f, -1, 0)
  return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def lab_to_rgb(lab: np.ndarray) -> np.ndarray:
  """Converts L*a*b* (..., 3) to uint8 sRGB, clipped, rounded."""
  lightness, a, b = np.moveaxis(np.asarray(lab, np.float64), -1, 0)
  y = (lightness + 16) / 116
  f = np.stack([a / 500 + y, y, np.maximum(y - b / 200, 0)], axis=-1)
  xyz = np.where(f > 0.2068966, f**3, (f - 16 / 116) / 7.787) * _WHITE
  linear = np.clip(xyz @ _RGB_FROM_XYZ.T, 0, 1)
  srgb = np.where(
    linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear
  )
  return np.round(np.clip(srgb, 0, 1) * 255).astype(np.uint8)


def to_lightness_and_color(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Splits uint8 RGB (..., H, W, 3) into the two sides of colorization.

  Returns:
    L* / 50 - 1 as float32 (..., H, W, 1) and a*, b* / 110 as float32
    (..., H, W, 2), both about [-1, 1].
  """
  lab = rgb_to_lab(image)
  lightness = lab[..., :1] / 50 - 1
  return lightness.astype(np.float32), (lab[..., 1:] / 110).astype(np.float32)


def from_lightness_and_color(
  lightness: np.ndarray, color: np.ndarray
) -> np.ndarray:
  """Joins what `to_lightness_and_color` split, or a network predicted.

  Args:
    lightness: (..., H, W, 1), L* / 50 - 1.
    color: (..., H, W, 2), a*, b* / 110.

  Returns:
    uint8 RGB (..., H, W, 3).
  """
  return lab_to_rgb(
    np.concatenate([(lightness + 1) * 50, color * 110], axis=-1)
  )
