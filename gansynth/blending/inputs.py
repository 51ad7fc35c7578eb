"""Pictures and masks as users have them, to what the blending takes.

Everything that cannot be blended is refused here, before any work, by a
`BlendError` that says what was found and what to do.
"""

import dataclasses

import numpy as np

# Of scikit-image, which the original reads colour masks with.
_LUMINANCE = (0.2125, 0.7154, 0.0721)
_MOST_LABELS = 16  # Integers up to here are labels, not shades.


class BlendError(ValueError):
  """Pictures that cannot be blended; the message says why."""


@dataclasses.dataclass(frozen=True, eq=False)
class Triple:
  """An object, the scene it goes into, and where: arrays of one size.

  Attributes:
    source: (height, width, 3), uint8 or float32 in [0, 1].
    target: the same for the scene.
    mask: (height, width) float32 in [0, 1], 1 where the object is.
  """

  source: np.ndarray
  target: np.ndarray
  mask: np.ndarray

  @property
  def size(self) -> tuple[int, int]:
    """Height and width."""
    return self.mask.shape

  @property
  def box(self) -> tuple[int, int, int, int]:
    """Rows first..last + 1 and columns first..last + 1 of the mask."""
    rows = np.flatnonzero(self.mask.any(axis=1))
    columns = np.flatnonzero(self.mask.any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def prepare(
  source: np.ndarray,
  target: np.ndarray,
  mask: np.ndarray | None = None,
  position: tuple[int, int] | None = None,
) -> Triple:
  """Checks a triple and brings it to one size.

  Pictures are uint8, uint16, or floating point in [0, 1]; grey (height, width)
  or (height, width, 1), RGB or RGBA. A target's transparency is dropped, and
  the colour below it is kept. An object's is the mask where none is given.

  Masks are bool, integers 0/1 or 0..255 (or 0..65535), floating point in
  [0, 1] or, where the largest value exceeds 1, 0..255. Of three channels the
  luminance counts; of four the alpha, unless it is the same everywhere, as in
  a mask that was merely saved with one. Fractions mix the gradients.

  A mask that covers everything means: all gradients are the object's, and the
  scene only speaks through the colour picture.

  Args:
    source: the object's picture, as large as the target, or any size with
      `position`.
    target: the scene.
    mask: where the object is on its picture, and as large as that.
    position: (row, column) on the target of the source's top left pixel; may
      be negative, and parts outside the target are cut off.

  Raises:
    BlendError: sizes, types, values or channels do not fit; the mask is empty
      or the object wholly outside.
  """
  source = np.asarray(source)
  alpha = source[..., 3] if source.ndim == 3 and source.shape[2] == 4 else None
  source = _picture(source, "source")
  target = _picture(target, "target")
  if mask is None:
    if alpha is None:
      raise BlendError(
        "there is no mask; give one, or a source with an alpha channel "
        "(height, width, 4)"
      )
    mask = alpha
  mask = _mask(np.asarray(mask))
  if mask.shape != source.shape[:2]:
    raise BlendError(
      f"the mask is {_size(mask)} and the source {_size(source)} (height x "
      "width); the mask must be as large as the source"
    )
  if position is None and source.shape != target.shape:
    raise BlendError(
      f"the source is {_size(source)} and the target {_size(target)} (height "
      "x width); give pictures of one size, or position=(row, column), where "
      "the source's top left pixel goes on the target"
    )
  if not mask.any():
    raise BlendError(
      "the mask is empty: it is 0 everywhere, and nothing would be blended"
    )
  if position is not None:
    source, mask = _place(source, mask, position, target.shape[:2])
  if source.dtype != target.dtype:
    source, target = _to_float(source), _to_float(target)
  return Triple(source, target, mask)


def _picture(array, name):
  array = np.asarray(array)
  if array.ndim == 2:
    array = array[..., None]
  if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
    raise BlendError(
      f"the {name} has shape {array.shape}; expected (height, width) or "
      "(height, width, channels) of 1, 3 or 4 channels"
    )
  if min(array.shape[:2]) < 2:
    raise BlendError(
      f"the {name} is {_size(array)} pixels (height x width); a picture has "
      "at least 2 x 2, or there are no gradients"
    )
  if array.dtype not in (np.uint8, np.uint16) and not _is_float(array):
    raise BlendError(
      f"the {name} is of type {array.dtype}; expected uint8, uint16, or "
      "floating point in [0, 1]"
    )
  if _is_float(array):
    _check_values(array, name, 1)
  if array.dtype != np.uint8:
    array = _to_float(array)
  array = array[..., :3]
  return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array


def _mask(mask):
  if mask.ndim == 3 and mask.shape[2] == 4:
    alpha = mask[..., 3]
    mask = mask[..., :3] if np.ptp(alpha) == 0 else alpha
  if mask.ndim == 3 and mask.shape[2] == 1:
    mask = mask[..., 0]
  if mask.ndim != 2 and (mask.ndim != 3 or mask.shape[2] != 3):
    raise BlendError(
      f"the mask has shape {mask.shape}; expected (height, width) or (height, "
      "width, channels) of 1, 3 or 4 channels"
    )
  if mask.dtype != bool and mask.dtype.kind not in "iuf":
    raise BlendError(
      f"the mask is of type {mask.dtype}; expected bool, integers or floating "
      "point"
    )
  if mask.dtype != bool:
    _check_values(mask, "mask", 65535 if mask.dtype.kind in "iu" else 255)
  largest = mask.max(initial=0)
  if mask.dtype.kind in "iu" and 1 < largest < _MOST_LABELS:
    raise BlendError(
      f"the mask's largest value is {largest}, which is neither of 0/1 nor of "
      "0..255; of a label map give the comparison, mask == label"
    )
  scale = 1 if largest <= 1 else 255 if largest <= 255 else 65535
  mask = mask.astype(np.float32) / np.float32(scale)
  if mask.ndim == 3:
    mask = np.minimum(mask @ np.asarray(_LUMINANCE, np.float32), 1)
  return mask


def _place(source, mask, position, size):
  """Lays an object on a canvas of `size`, its border continued outwards."""
  try:
    top, left = (int(x) for x in position)
  except (TypeError, ValueError):
    raise BlendError(
      f"position is {position!r}; expected (row, column) of the source's top "
      "left pixel on the target"
    ) from None
  height, width = mask.shape
  rows = slice(max(0, top), min(size[0], top + height))
  columns = slice(max(0, left), min(size[1], left + width))
  if rows.start >= rows.stop or columns.start >= columns.stop:
    raise BlendError(
      f"the source of {height} x {width} pixels (height x width) at position "
      f"({top}, {left}) lies wholly outside the target of {size[0]} x "
      f"{size[1]}"
    )
  canvas = np.zeros(size, np.float32)
  canvas[rows, columns] = mask[
    rows.start - top : rows.stop - top,
    columns.start - left : columns.stop - left,
  ]
  if not canvas.any():
    raise BlendError(
      f"all that the mask covers lies outside the target at position ({top}, "
      f"{left}); nothing would be blended"
    )
  # Zeros around the object would be an edge that the blending keeps.
  inside = (
    np.clip(np.arange(size[0]) - top, 0, height - 1)[:, None],
    np.clip(np.arange(size[1]) - left, 0, width - 1),
  )
  return source[inside], canvas


def _check_values(array, name, largest):
  """Refuses what is not a number, or outside 0..largest."""
  if _is_float(array):
    bad = ~np.isfinite(array)
    if bad.any():
      first = tuple(int(i) for i in np.argwhere(bad)[0])
      raise BlendError(
        f"{int(bad.sum())} values of the {name} are NaN or infinite, the first "
        f"in row {first[0]}, column {first[1]}; repair or replace them"
      )
  low, high = array.min(initial=0), array.max(initial=0)
  if low < 0 or high > largest:
    raise BlendError(
      f"the {name} ({array.dtype}) has values from {low:.6g} to {high:.6g}; "
      f"expected 0 to {largest}"
    )


def _to_float(array):
  if array.dtype.kind == "u":
    return array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max)
  return array.astype(np.float32)


def _is_float(array):
  return array.dtype.kind == "f"


def _size(array):
  return f"{array.shape[0]} x {array.shape[1]}"
