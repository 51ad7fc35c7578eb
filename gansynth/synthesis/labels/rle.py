"""Masks as COCO's run lengths.

The numbers are those of pycocotools: runs go down the columns, columns from
left to right, and start with zeros.

>>> rle = encode(np.array([[0, 1], [0, 1]]))
>>> rle.counts, to_string(rle), box(rle)
((2, 2), '22', (1, 0, 2, 2))
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

_UPSAMPLING = 5  # of polygons' vertices, before their edges are drawn
_FARTHEST = 1e5  # pixels; an edge takes memory by its length
_LONGEST = 13  # characters of a number of 64 bits


@dataclasses.dataclass(frozen=True)
class Rle:
  """A mask as run lengths, column by column, zeros first.

  Attributes:
    height: in pixels.
    width: in pixels.
    counts: lengths of runs of 0, 1, 0, ...; they sum to height * width.
  """

  height: int
  width: int
  counts: tuple[int, ...]


def encode(mask: np.ndarray) -> Rle:
  """Returns the run lengths of a mask (height, width); nonzero is set."""
  if np.ndim(mask) != 2:
    raise ValueError(
      f"the mask has shape {np.shape(mask)}; expected (height, width)"
    )
  height, width = mask.shape
  flat = np.asarray(mask, bool).ravel(order="F")
  changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
  if flat[:1].any():
    changes = np.concatenate([[0], changes])
  return _from_changes(changes, height, width)


def decode(rle: Rle) -> np.ndarray:
  """Returns the mask, bool (height, width).

  Raises:
    ValueError: the runs do not make a mask of this size.
  """
  _check(rle)
  values = np.arange(len(rle.counts)) % 2 == 1
  flat = np.repeat(values, rle.counts)
  return np.ascontiguousarray(flat.reshape(rle.width, rle.height).T)


def from_counts(counts: Iterable[int], height: int, width: int) -> Rle:
  """Takes run lengths as COCO json lists them for crowds.

  Raises:
    ValueError: they are not whole numbers of at least 0 that sum to height *
      width.
  """
  counts = tuple(counts)
  for count in counts:
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
      raise ValueError(f"a run length is {count!r}; expected a whole number")
  rle = Rle(height, width, tuple(int(count) for count in counts))
  _check(rle)
  return rle


def to_string(rle: Rle) -> str:
  """Returns the runs in COCO's compressed form.

  From the fourth on, a run is written as the difference to the last but one;
  numbers go in pieces of 5 bits, the lowest first, in characters from `0`,
  with a sixth bit where more pieces follow.
  """
  characters = bytearray()
  for index, count in enumerate(rle.counts):
    number = count - rle.counts[index - 2] if index > 2 else count
    while True:
      piece = number & 31
      number >>= 5
      more = number != (-1 if piece & 16 else 0)
      characters.append(48 + piece + 32 * more)
      if not more:
        break
  return characters.decode("ascii")


def from_string(text: str | bytes, height: int, width: int) -> Rle:
  """Reads COCO's compressed form.

  Raises:
    ValueError: it is damaged, or of a mask of another size.
  """
  if isinstance(text, bytes):
    text = text.decode("latin-1")
  counts = []
  number = length = 0
  for position, character in enumerate(text):
    piece = ord(character) - 48
    if not 0 <= piece < 64:
      raise ValueError(
        f"character {position + 1} of the compressed run lengths is "
        f"{character!r}; expected '0' to 'o'"
      )
    number |= (piece & 31) << 5 * length
    length += 1
    if length > _LONGEST:
      raise ValueError(
        f"character {position + 1} of the compressed run lengths continues a "
        "number beyond 64 bits; they are damaged"
      )
    if piece & 32:
      continue
    if piece & 16:
      number -= 1 << 5 * length
    if len(counts) > 2:
      number += counts[-2]
    counts.append(number)
    number = length = 0
  if length:
    raise ValueError(
      f"the {len(text)} characters of compressed run lengths end within a "
      "number; they were cut off"
    )
  rle = Rle(height, width, tuple(counts))
  _check(rle)
  return rle


def area(rle: Rle) -> int:
  """Returns the number of pixels that are set."""
  return sum(rle.counts[1::2])


def box(rle: Rle) -> tuple[int, int, int, int]:
  """Returns left, top, right, bottom of the set pixels, as edges.

  Of an empty mask they are 0.
  """
  edges = np.cumsum(rle.counts)
  starts, ends = edges[:-1:2], edges[1::2]
  starts, ends = starts[starts < ends], ends[starts < ends]
  if not len(starts):
    return 0, 0, 0, 0
  left, top = np.divmod(starts, rle.height)
  right, bottom = np.divmod(ends - 1, rle.height)
  # A run over several columns has the foot of one and the head of the next.
  whole = bool((left < right).any())
  return (
    int(left.min()),
    0 if whole else int(top.min()),
    int(right.max()) + 1,
    rle.height if whole else int(bottom.max()) + 1,
  )


def from_polygons(
  polygons: Sequence[npt.ArrayLike], height: int, width: int
) -> Rle:
  """Returns the union of polygons, by pycocotools' rule of rasterisation.

  Vertices are rounded to fifths of a pixel and joined by straight lines of
  such fifths; where a line passes the middle of a column, the first pixel
  centre at or below it is where the column goes in or out.

  Args:
    polygons: each x0, y0, x1, y1, ... in pixels, of at least three vertices;
      (0, 0) is the top left corner of the picture. They may lie outside the
      picture.
    height: of the mask.
    width: of the mask.

  Raises:
    ValueError: there is no polygon, or one is none.
  """
  masks = [
    _from_changes(_column_changes(each, height, width), height, width)
    for each in polygons
  ]
  if not masks:
    raise ValueError("there are no polygons; expected at least one")
  if len(masks) == 1:
    return masks[0]
  union = decode(masks[0])
  for each in masks[1:]:  # one by one, as a picture may have very many
    union |= decode(each)
  return encode(union)


def _column_changes(polygon, height, width):
  """Returns where a column-wise walk enters or leaves, in order."""
  try:
    vertices = np.asarray(polygon, np.float64).ravel()
  except (TypeError, ValueError):
    raise ValueError(
      f"a polygon is {polygon!r:.60}; expected numbers x0, y0, x1, y1, ..."
    ) from None
  if len(vertices) < 6 or len(vertices) % 2:
    raise ValueError(
      f"a polygon has {len(vertices)} numbers; expected x and y of three or "
      "more vertices"
    )
  # Written so that NaN is refused, too.
  bad = vertices[~(np.abs(vertices) <= _FARTHEST)]
  if len(bad):
    raise ValueError(
      f"a polygon's vertex has a coordinate of {bad[0]:g} pixels; expected "
      f"{-_FARTHEST:g} to {_FARTHEST:g}"
    )
  x, y = _truncate(_UPSAMPLING * vertices.reshape(-1, 2).T + 0.5)
  x, y = _draw_lines(x, y)
  step = np.flatnonzero(x[1:] != x[:-1])
  column = np.minimum(x[step], x[step + 1])
  row = np.minimum(y[step], y[step + 1])
  middle = column % _UPSAMPLING == _UPSAMPLING // 2
  column, row = column[middle] // _UPSAMPLING, row[middle]
  inside = (column >= 0) & (column < width)
  row = np.ceil((row[inside] + 0.5) / _UPSAMPLING - 0.5)
  row = np.clip(row, 0, height).astype(np.int64)
  places, times = np.unique(column[inside] * height + row, return_counts=True)
  return places[(times % 2 == 1) & (places < height * width)]


def _draw_lines(x, y):
  """Returns the points of the closed line through vertices, one by one."""
  dx, dy = np.roll(x, -1) - x, np.roll(y, -1) - y
  long, short = np.maximum(abs(dx), abs(dy)), np.minimum(abs(dx), abs(dy))
  flat = abs(dx) >= abs(dy)
  # Lines run upwards along their long axis, whichever way they are walked, so
  # that neighbouring polygons share their border.
  back = np.where(flat, dx, dy) < 0
  slope = np.where(flat, dy, dx) * np.where(back, -1, 1)
  slope = np.sign(slope) * (short / np.maximum(long, 1))
  first_x, first_y = np.where(back, x + dx, x), np.where(back, y + dy, y)
  edge = np.repeat(np.arange(len(x)), long + 1)
  along = np.arange(len(edge)) - np.repeat(
    np.cumsum(long + 1) - (long + 1), long + 1
  )
  along = np.where(back[edge], long[edge] - along, along)
  start = np.where(flat, first_y, first_x)[edge]
  across = _truncate(start + slope[edge] * along + 0.5)
  along += np.where(flat, first_x, first_y)[edge]
  flat = flat[edge]
  return np.where(flat, along, across), np.where(flat, across, along)


def _truncate(values):
  return np.trunc(values).astype(np.int64)


def _from_changes(changes, height, width):
  """Makes run lengths of where the mask changes, in order, each once."""
  edges = np.concatenate([[0], changes, [height * width]]).astype(np.int64)
  return Rle(int(height), int(width), tuple(np.diff(edges).tolist()))


def _check(rle):
  total = 0
  for index, count in enumerate(rle.counts):
    if count < 0:
      raise ValueError(
        f"run {index + 1} has a length of {count}; expected 0 or more: the run "
        "lengths are damaged"
      )
    total += count
  if total != rle.height * rle.width:
    raise ValueError(
      f"the run lengths sum to {total}; expected {rle.height * rle.width}, for "
      f"a mask of {rle.height} x {rle.width} (height x width) pixels"
    )
