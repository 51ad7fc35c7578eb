"""Connected parts of masks."""

import numpy as np


def component(mask: np.ndarray, row: int, column: int) -> np.ndarray:
  """The part of a mask that hangs together with one of its pixels.

  Neighbours share an edge; a corner is not enough.

  Args:
    mask: bool (height, width).
    row: of a pixel that is set.
    column: of that pixel.

  Returns:
    bool of the same shape.

  Raises:
    ValueError: the pixel is not set.
  """
  if not mask[row, column]:
    raise ValueError(f"the pixel ({row}, {column}) of the mask is not set")
  # A column of nothing between rows: a run ends with its row.
  padded = np.pad(mask, ((0, 0), (1, 1)))
  stride = padded.shape[1]
  changes = np.flatnonzero(np.diff(padded.ravel())) + 1
  starts, ends = changes[::2], changes[1::2]
  # Runs are sorted, so those that touch one of the next row are in a row too.
  neighbours = [
    (
      np.searchsorted(ends, starts + step, "right").tolist(),
      np.searchsorted(starts, ends + step, "left").tolist(),
    )
    for step in (-stride, stride)
  ]
  pixel = row * stride + column + 1
  first = int(np.searchsorted(starts, pixel, "right")) - 1
  reached = bytearray(len(starts))
  reached[first] = 1
  waiting = [first]
  while waiting:
    run = waiting.pop()
    for low, high in neighbours:
      for near in range(low[run], high[run]):
        if not reached[near]:
          reached[near] = 1
          waiting.append(near)
  kept = np.frombuffer(reached, bool)
  steps = np.zeros(padded.size + 1, np.int8)
  steps[starts[kept]] = 1
  steps[ends[kept]] = -1
  filled = np.cumsum(steps[:-1], dtype=np.int8).astype(bool)
  return filled.reshape(padded.shape)[:, 1:-1]
