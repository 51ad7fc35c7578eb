"""What is pasted: a picture of objects, with what is known of them."""

import dataclasses

import numpy as np

Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True, eq=False)
class Annotation:
  """One labelled object on a cut-out.

  Attributes:
    class_id: index into the class names of the cut-out's source.
    box: left, top, right, bottom in pixels of the cut-out, as edges: a box
      around pixel (0, 0) alone is (0, 0, 1, 1).
    mask: bool (height, width) of the cut-out, the object's own pixels; None
      where only the box is known.
  """

  class_id: int
  box: Box
  mask: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Cutout:
  """A picture that holds one or more objects.

  Attributes:
    name: unique in its source and domain, the same on every machine; what
      manifests and errors call it.
    image: uint8 (height, width, 3).
    annotations: its labelled objects; none of a distractor.
    mask: float32 (height, width) in [0, 1]: what of the picture is to be
      blended in, such as an object with its shadow; None: all of it but a rim
      that gives the blending context.
  """

  name: str
  image: np.ndarray
  annotations: tuple[Annotation, ...]
  mask: np.ndarray | None = None

  @property
  def size(self) -> tuple[int, int]:
    """Height and width."""
    return self.image.shape[:2]
