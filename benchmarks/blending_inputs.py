"""The pictures that all sides of a blending measurement get."""

import numpy as np


def triples(task):
  """Returns uint8 (source, destination, mask of 0 and 1) for each picture.

  The mask of the plain Poisson is a rectangle of 90 % of each side, the
  others' an ellipse of half of it.
  """
  height, width = task["size"]
  rng = np.random.default_rng(0)
  y, x = ((np.arange(n) + 0.5) / n * 2 - 1 for n in (height, width))
  if task["what"] == "poisson":
    mask = (np.abs(y)[:, None] < 0.9) & (np.abs(x) < 0.9)
  else:
    mask = np.square(y)[:, None] + np.square(x) < 0.25
  return [
    (_picture(rng, height, width), _picture(rng, height, width), np.uint8(mask))
    for _ in range(task["batch"])
  ]


def _picture(rng, height, width):
  coarse = rng.integers(32, 208, (-(-height // 16), -(-width // 16), 3))
  smooth = coarse.repeat(16, 0).repeat(16, 1)[:height, :width]
  return np.uint8(smooth + rng.integers(0, 32, (height, width, 3)))
