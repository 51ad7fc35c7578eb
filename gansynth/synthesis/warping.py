"""A cut-out's planes scaled and turned alike."""

import dataclasses

import numpy as np

from gansynth import images
from gansynth.synthesis import masks
from gansynth.synthesis.cutouts import Annotation, Box

PADDING = 4  # pixels of continued border around what is turned
_UNTRUSTED = 2  # of them, that turning mixes with what is not there


@dataclasses.dataclass(frozen=True)
class Pose:
  """How a cut-out is changed: mirrored first, then scaled, then turned.

  Attributes:
    scale: factor of its size.
    angle: degrees counter-clockwise.
    flip: mirrored left to right.
  """

  scale: float = 1.0
  angle: float = 0.0
  flip: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class Label:
  """One labelled object on a patch.

  Attributes:
    class_id: of the annotation.
    mask: bool, the patch's size, never empty.
    box: its edges on the patch, at most one pixel within those of the mask:
      fractions of pixels are kept where the annotation has only a box and
      the turn is by right angles.
  """

  class_id: int
  mask: np.ndarray
  box: Box


class Warp:
  """Scales, then continues the border by some pixels, then turns.

  Attributes:
    scaled_size: height and width before the border and the turn.
    inside: bool, where the cut-out is on the patch.
    context: bool, where its pixels or its continued border are.
  """

  def __init__(self, size: tuple[int, int], pose: Pose) -> None:
    """Takes the cut-out's height and width; mirroring is left to others."""
    self._size = size
    self.scaled_size = tuple(max(1, round(x * pose.scale)) for x in size)
    self._quarters, remainder = divmod(pose.angle, 90)
    self._angle = pose.angle if remainder else None
    # A thin part that shrinks or turns is nowhere more than half covered.
    self._least = 0.5 if pose.scale >= 1 else max(0.25, 0.5 * pose.scale)
    self.inside = self.turned_mask(np.ones(self.scaled_size, bool))
    grown = np.ones([x + 2 * (PADDING - _UNTRUSTED) for x in self.scaled_size])
    self.context = self._turned(grown.astype(np.float32), _UNTRUSTED) >= 0.999

  def picture(self, image: np.ndarray) -> np.ndarray:
    """A picture, uint8 (height, width, 3), its border continued."""
    if self.scaled_size != self._size:
      image = images.resize(image, self.scaled_size, "bicubic")
    return self._turned(image, PADDING, "edge")

  def weighted_picture(
    self, image: np.ndarray, weight: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """A picture without colours of weight 0, and the weight in [0, 1]."""
    if self.scaled_size == self._size and self._angle is None:
      return self.picture(image), self.plane(weight)
    weight = weight[..., None].astype(np.float32)
    stack = np.concatenate([image * weight, weight], axis=-1)
    if self.scaled_size != self._size:
      stack = images.resize(stack, self.scaled_size, "bicubic")
    stack = self._turned(stack, PADDING)
    weight = np.clip(stack[..., 3], 0, 1)
    colours = stack[..., :3] / np.maximum(stack[..., 3:], 1e-3)
    return np.rint(np.clip(colours, 0, 255)).astype(np.uint8), weight

  def plane(self, plane: np.ndarray) -> np.ndarray:
    """Values in [0, 1], float32, 0 beyond the border."""
    plane = plane.astype(np.float32)
    if self.scaled_size != self._size:
      plane = images.resize(plane, self.scaled_size, "bilinear")
    return self._turned(plane, PADDING)

  def turned_mask(self, mask: np.ndarray) -> np.ndarray:
    """A mask of the scaled size, turned."""
    values = self._turned(mask.astype(np.float32), PADDING)
    return values >= min(0.5, values.max())

  def scaled(self, box: Box) -> Box:
    """A box on the scaled cut-out."""
    (old_height, old_width), (height, width) = self._size, self.scaled_size
    x, y = width / old_width, height / old_height
    return box[0] * x, box[1] * y, box[2] * x, box[3] * y

  def label(self, annotation: Annotation) -> Label:
    """An annotation on the patch."""
    if annotation.mask is not None:
      values = self.plane(annotation.mask)
      mask = values >= min(self._least, values.max())
      return Label(annotation.class_id, mask, masks.edges(mask))
    box = self.scaled(annotation.box)
    mask = self.turned_mask(masks.filled(box, self.scaled_size))
    if self._angle is not None:
      return Label(annotation.class_id, mask, masks.edges(mask))
    height, width = self.scaled_size
    for _ in range(int(self._quarters) % 4):
      box = box[1], width - box[2], box[3], width - box[0]
      height, width = width, height
    return Label(annotation.class_id, mask, tuple(x + PADDING for x in box))

  def _turned(self, array, border, mode="constant"):
    widths = [(border, border)] * 2 + [(0, 0)] * (array.ndim - 2)
    array = np.pad(array, widths, mode)
    if self._angle is None:
      return np.rot90(array, int(self._quarters) % 4)
    method = "bilinear" if array.ndim == 2 else "bicubic"
    return images.rotate(array, self._angle, method)
