"""Small geometry of masks, bool (height, width)."""

import math

import numpy as np

Window = tuple[slice, slice]  # rows, columns


def dilate(mask: np.ndarray, radius: int, square: bool = False) -> np.ndarray:
  """Grows a mask by `radius` pixels, by octagons or squares.

  Straight edges move by exactly `radius`; what lies beyond the array is 0.
  """
  return dilations(mask, radius, square)[-1] if radius else mask


def dilations(
  mask: np.ndarray, radius: int, square: bool = False
) -> list[np.ndarray]:
  """A mask grown by 1 to `radius` pixels, see `dilate`."""
  steps = [mask]
  for step in range(radius):
    grown = steps[-1]
    wide = grown.copy()
    wide[:, 1:] |= grown[:, :-1]
    wide[:, :-1] |= grown[:, 1:]
    # Squares and diamonds in turn: either alone grows far from round.
    rows = wide if square or step % 2 == 0 else grown
    tall = wide.copy()
    tall[1:] |= rows[:-1]
    tall[:-1] |= rows[1:]
    steps.append(tall)
  return steps[1:]


def edges(mask: np.ndarray) -> tuple[int, int, int, int] | None:
  """Left, top, right, bottom of what is set, as edges; None if nothing is."""
  rows = np.flatnonzero(mask.any(axis=1))
  if not rows.size:
    return None
  columns = np.flatnonzero(mask.any(axis=0))
  return (
    int(columns[0]),
    int(rows[0]),
    int(columns[-1]) + 1,
    int(rows[-1]) + 1,
  )


def overlap(
  top: int, left: int, shape: tuple[int, int], size: tuple[int, int]
) -> tuple[Window, Window]:
  """Where an array of `shape` at (top, left) and one of `size` meet.

  Returns:
    The window of the array and that of the one of `size`; empty slices where
    they do not meet.
  """
  inner, outer = [], []
  for start, length, limit in zip((top, left), shape, size, strict=True):
    low, high = max(0, start), min(limit, start + length)
    high = max(low, high)
    inner.append(slice(low - start, high - start))
    outer.append(slice(low, high))
  return tuple(inner), tuple(outer)


def common(first: Window, second: Window) -> tuple[Window, Window]:
  """Where two windows of a picture meet, as a window of either."""
  here, there = [], []
  for a, b in zip(first, second, strict=True):
    low = max(a.start, b.start)
    high = max(low, min(a.stop, b.stop))
    here.append(slice(low - a.start, high - a.start))
    there.append(slice(low - b.start, high - b.start))
  return tuple(here), tuple(there)


def filled(
  box: tuple[float, float, float, float], size: tuple[int, int]
) -> np.ndarray:
  """All pixels of `size` (height, width) that a box (by edges) touches."""
  left, top, right, bottom = box
  mask = np.zeros(size, bool)
  mask[
    math.floor(top) : math.ceil(bottom), math.floor(left) : math.ceil(right)
  ] = True
  return mask
