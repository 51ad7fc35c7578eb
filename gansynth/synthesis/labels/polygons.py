"""Outlines of masks as polygons, and back without loss.

Outlines run along the edges of pixels, so that a polygon's inside is exactly
its pixels: rasterised by `rle.from_polygons` (pycocotools' rule) they give the
same mask again. Pixels that touch by a corner only belong to different parts.

>>> from_mask(np.array([[0, 1, 1]]))
[[1, 0, 3, 0, 3, 1, 1, 1]]
"""

from collections.abc import Sequence

import numpy as np

_BIT_TOP_LEFT, _BIT_TOP_RIGHT, _BIT_BOTTOM_LEFT, _BIT_BOTTOM_RIGHT = 1, 2, 4, 8
_RISING = _BIT_TOP_RIGHT + _BIT_BOTTOM_LEFT  # two pixels of a diagonal


def from_mask(mask: np.ndarray) -> list[list[int]]:
  """Returns the outlines of the parts of a mask.

  A polygon cannot have holes, and a list of polygons means their union. So a
  hole is joined to the outline around it by a line there and back, which
  encloses nothing; whether filled by the even-odd rule or by the sense of
  rotation, the polygon leaves the hole out.

  Args:
    mask: (height, width); nonzero is set.

  Returns:
    For each connected part x0, y0, x1, y1, ... in pixels, (0, 0) being the
    picture's top left corner; from the top down. None of an empty mask.
  """
  mask = np.asarray(mask, bool)
  rings = _trace(mask)
  owners = _owners(mask, rings)
  parts = {}
  for number, (ring, owner) in enumerate(zip(rings, owners, strict=True)):
    # Holes run the other way, so that formulas of the area subtract them.
    parts.setdefault(owner, []).append(ring if owner == number else ring[::-1])
  return [_join(part).ravel().tolist() for part in parts.values()]


def join(polygons: Sequence[Sequence[float]]) -> list[float]:
  """Makes one polygon of several, for formats that know one an object.

  Each is joined to those before it by a line there and back, which encloses
  nothing. The polygons must not overlap.
  """
  rings = [np.asarray(each).reshape(-1, 2) for each in polygons]
  return _join(rings).ravel().tolist()


def _join(rings):
  joined = rings[0]
  for ring in rings[1:]:
    # The shortest line: some programs draw it a pixel wide.
    squares = ((joined[:, None] - ring[None]) ** 2).sum(-1)
    here, there = divmod(int(squares.argmin()), len(ring))
    detour = np.concatenate([ring[there:], ring[: there + 1]])
    joined = np.concatenate([joined[: here + 1], detour, joined[here:]])
  return joined


def _trace(mask) -> list[np.ndarray]:
  """Returns closed outlines, (vertices, 2) of x and y; holes have their own.

  Each begins at its top left corner; they are in the order of these, from the
  top down.
  """
  rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
  if not len(rows):
    return []
  top, left = rows[0], columns[0]
  inside = mask[top : rows[-1] + 1, left : columns[-1] + 1]
  y, x, along_row, along_column = _corners(np.pad(inside, 1))
  vertices = np.stack([x + left, y + top], -1)
  along_row, along_column = along_row.tolist(), along_column.tolist()
  rings = []
  done = bytearray(len(vertices))
  for start in range(len(vertices)):
    if done[start]:
      continue
    ring = []
    at = start
    while not done[at]:
      other = along_row[at]
      done[at] = done[other] = True
      ring += (at, other)
      at = along_column[other]
    rings.append(vertices[ring])
  return rings


def _corners(padded):
  """Finds where outlines turn, and what is next along row and column.

  Between corners an outline runs straight, so in each row of corners they are
  the ends of lines in turn, and in each column, too. Where two pixels touch by
  a corner there are two corners, one for each pixel.

  Returns:
    y, x of the corners, by rows; the index of the other end of each corner's
    horizontal line, and of its vertical one.
  """
  code = (
    _BIT_TOP_LEFT * padded[:-1, :-1]
    + _BIT_TOP_RIGHT * padded[:-1, 1:]
    + _BIT_BOTTOM_LEFT * padded[1:, :-1]
    + _BIT_BOTTOM_RIGHT * padded[1:, 1:]
  )
  # By code: how many corners there are.
  number = np.array([0, 1, 1, 0, 1, 0, 2, 1, 1, 2, 0, 1, 0, 1, 1, 0])[code]
  y, x = np.nonzero(number)
  y, x = (np.repeat(each, number[y, x]) for each in (y, x))
  kind = code[y, x]
  second = np.zeros(len(y), np.int64)
  second[1:] = (y[1:] == y[:-1]) & (x[1:] == x[:-1])
  # Along the row, the first of two corners ends the line from the left. It is
  # the upper one, too, where its pixel is the top left one.
  order = np.where(kind == _RISING, 1 - second, second)
  return y, x, _pair(np.arange(len(y))), _pair(np.lexsort((order, y, x)))


def _pair(order):
  """Pairs the entries 0 and 1, 2 and 3, ... of an order; index of the other."""
  other = np.empty_like(order)
  other[order[::2]], other[order[1::2]] = order[1::2], order[::2]
  return other


def _owners(mask, rings) -> list[int]:
  """Returns for each outline which outer one it belongs to: itself, or a hole.

  Left of a hole's top left corner, in the row above it, the part around it
  ends at an outline of its own: the outer one, or a hole that began earlier.
  """
  starts = np.full((mask.shape[0], mask.shape[1] + 1), -1, np.int32)
  owners = []
  for number, ring in enumerate(rings):
    following = np.roll(ring, -1, 0)
    for (x0, y0), (x1, y1) in zip(
      ring[1::2].tolist(), following[1::2].tolist(), strict=True
    ):
      if x0 == x1:
        starts[min(y0, y1) : max(y0, y1), x0] = number
  for number, ring in enumerate(rings):
    x, y = ring[0].tolist()
    if mask[y, x]:
      owners.append(number)
      continue
    row = mask[y - 1, :x]
    gap = np.flatnonzero(~row)
    run = int(gap[-1]) + 1 if len(gap) else 0
    owners.append(owners[starts[y - 1, run]])
  return owners
