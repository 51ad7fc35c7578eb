"""Labels as the generators know them, before any format."""

import dataclasses

from gansynth.synthesis.cutouts import Box
from gansynth.synthesis.labels.rle import Rle


class LabelError(ValueError):
  """A label that cannot be used; the message names file, line and value."""


@dataclasses.dataclass(frozen=True)
class LabelledObject:
  """One object on a picture.

  Attributes:
    class_id: index into the data set's class names, from 0.
    box: left, top, right, bottom in pixels, as edges: (0, 0, width, height)
      is the whole picture.
    mask: its visible pixels; None where only the box is known.
    difficult: whether it can hardly be made out, and scores pass over it; only
      Pascal VOC says so.
  """

  class_id: int
  box: Box
  mask: Rle | None = None
  difficult: bool = False


@dataclasses.dataclass(frozen=True)
class LabelledImage:
  """A picture's size and what is on it.

  Attributes:
    name: file name of the picture, relative to the data set's pictures.
    height: in pixels.
    width: in pixels.
    objects: in the order they were placed.
  """

  name: str
  height: int
  width: int
  objects: tuple[LabelledObject, ...]
