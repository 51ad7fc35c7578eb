"""Where the maps of an item, and points in its picture, end up."""

import dataclasses

import numpy as np

from gansynth import images
from gansynth.data import preprocess as pictures


@dataclasses.dataclass(frozen=True)
class Placement:
  """Resizing, then cutting, then mirroring; the same for all of an item.

  Attributes:
    resized: (height, width) before the cut.
    crop: side of the square that is cut out; 0: nothing is.
    corner: (x, y) where it begins.
    flip: whether the result is mirrored.
  """

  resized: tuple[int, int]
  crop: int = 0
  corner: tuple[int, int] = (0, 0)
  flip: bool = False

  @property
  def size(self) -> tuple[int, int]:
    """(height, width) of what comes out."""
    return (self.crop, self.crop) if self.crop else self.resized

  def place(self, value: np.ndarray) -> np.ndarray:
    """Moves a map.

    Args:
      value: (height, width), resized nearest; or (height, width, channels),
        resized bicubic.
    """
    if value.shape[:2] != self.resized:
      method = "bicubic" if value.ndim == 3 else "nearest"
      value = images.resize(value, self.resized, method)
    if self.crop:
      value = pictures.crop(value, self.corner, self.crop)
    return np.ascontiguousarray(value[:, ::-1] if self.flip else value)

  def place_points(
    self, points: np.ndarray, stored: tuple[int, int]
  ) -> np.ndarray:
    """Moves points along with the picture that they are in.

    Args:
      points: (..., 2): x and y in pixels, where (0, 0) is the centre of the
        first one.
      stored: (height, width) of the picture.

    Returns:
      float64 of the same shape, in pixels of what comes out.
    """
    scale = np.array(self.resized[::-1]) / stored[::-1]
    moved = (points + 0.5) * scale - 0.5
    if self.crop:
      moved = moved - self.corner
    if self.flip:
      moved[..., 0] = self.size[1] - 1 - moved[..., 0]
    return moved
