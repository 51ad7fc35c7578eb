"""Random other colours, as another light or camera would give."""

import numpy as np

_LUMA = np.array([0.299, 0.587, 0.114])


def recolor(
  picture: np.ndarray, rng: np.random.Generator, strength: float = 1.0
) -> np.ndarray:
  """Draws a gamma, a turn of the hue and gains, and applies them in this order.

  Args:
    picture: float (..., 3) in [0, 1].
    rng: draws the gamma in 2^-0.7..2^0.7, the turn of the colours around the
      gray axis in -0.5..0.5 (radians), a common gain in 2^-0.6..2^0.6 and one
      of each channel in 2^-0.3..2^0.3.
    strength: factor of all these exponents and angles; 0: nothing changes.

  Returns:
    An array like `picture`, clipped to [0, 1].
  """
  gamma, angle, gain, *channels = strength * rng.uniform(-1, 1, 6)
  picture = np.asarray(picture, np.float64) ** 2.0 ** (0.7 * gamma)
  luma = (picture @ _LUMA)[..., None]
  # Rodrigues' rotation of the colour, which is what is left beside the luma.
  color = picture - luma
  axis = np.full(3, 3**-0.5)
  cosine, sine = np.cos(0.5 * angle), np.sin(0.5 * angle)
  color = (
    color * cosine
    + np.cross(axis, color) * sine
    + (color @ axis)[..., None] * axis * (1 - cosine)
  )
  gains = 2.0 ** (0.6 * gain + 0.3 * np.array(channels))
  return np.clip((luma + color) * gains, 0, 1)
