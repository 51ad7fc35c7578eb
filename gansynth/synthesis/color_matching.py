"""A cut-out's colours brought towards those of the place it goes to.

Each channel gets a table of 256 values, made from two samples of pixels: the
cut-out's surroundings and the background's. The object itself is moved by the
same table, so that it keeps its contrast with what is around it.
"""

import numpy as np

_LARGEST_GAIN = 2.0  # of contrast: a flat sample would turn noise into texture
_TAIL = 0.01  # of a sample on either side, too few pixels to trust


def match(
  pixels: np.ndarray,
  reference: np.ndarray,
  target: np.ndarray,
  method: str,
  strength: float = 1.0,
) -> np.ndarray:
  """Moves colours as `reference` would have to be moved to look like `target`.

  Args:
    pixels: uint8 (..., 3), what is changed.
    reference: uint8 (n, 3), n >= 1: pixels of the same picture that show what
      `target` shows.
    target: uint8 (m, 3), m >= 1.
    method: `mean` shifts each channel; `mean_std` gives it the target's mean
      and standard deviation (Reinhard et al., 2001, in sRGB), the contrast
      changed by at most 2; `histogram` maps quantile to quantile, and what is
      beyond the reference's goes along with its last, so that an object
      brighter than all its surroundings stays brighter.
    strength: 0 leaves the colours, 1 applies the whole change.

  Returns:
    uint8, the shape of `pixels`.
  """
  tables = _TABLES[method](reference, target)
  identity = np.arange(256.0)
  return _look_up(identity + strength * (tables - identity), pixels)


def adjust(
  pixels: np.ndarray, own: np.ndarray, target: np.ndarray
) -> np.ndarray:
  """Moves one colour to another, and what is around it along.

  Black and white stay where they are, so that shadows stay dark and of no
  colour, and nothing is clipped; contrast grows by at most 2.

  Args:
    pixels: uint8 (..., 3).
    own: the colour to be moved, (3,) in 0..255.
    target: where to, likewise.

  Returns:
    uint8, the shape of `pixels`.
  """
  own, target = np.clip(own, 1, 254)[:, None], target[:, None]
  below = np.minimum(target / own, _LARGEST_GAIN)
  above = np.minimum((255 - target) / (255 - own), _LARGEST_GAIN)
  centred = np.arange(256.0) - own
  return _look_up(
    centred * np.where(centred < 0, below, above) + target, pixels
  )


def _look_up(tables, pixels):
  tables = np.clip(np.rint(tables), 0, 255).astype(np.uint8)
  return np.stack(
    [table[pixels[..., c]] for c, table in enumerate(tables)], axis=-1
  )


def _mean(reference, target):
  shift = target.mean(axis=0) - reference.mean(axis=0)
  return np.arange(256.0) + shift[:, None]


def _mean_std(reference, target):
  gain = target.std(axis=0) / np.maximum(reference.std(axis=0), 1e-6)
  gain = np.clip(gain, 1 / _LARGEST_GAIN, _LARGEST_GAIN)
  centred = np.arange(256.0) - reference.mean(axis=0)[:, None]
  return centred * gain[:, None] + target.mean(axis=0)[:, None]


def _histogram(reference, target):
  steps = np.linspace(_TAIL, 1 - _TAIL, 99)
  levels = np.arange(256.0)
  tables = []
  for channel in range(3):
    own = _quantiles(reference[:, channel], steps)
    other = _quantiles(target[:, channel], steps)
    # Equal quantiles of the reference are one level: it gets their average.
    level, group = np.unique(own, return_inverse=True)
    value = np.bincount(group, other) / np.bincount(group)
    table = np.interp(levels, level, value)
    below, above = levels < level[0], levels > level[-1]
    table[below] = levels[below] + value[0] - level[0]
    table[above] = levels[above] + value[-1] - level[-1]
    tables.append(table)
  return np.stack(tables)


def _quantiles(levels, steps):
  """Of bytes, by counting, which is faster than sorting."""
  counts = np.cumsum(np.bincount(levels, minlength=256))
  return np.searchsorted(counts, steps * counts[-1])


_TABLES = {"mean": _mean, "mean_std": _mean_std, "histogram": _histogram}
