"""Labels made visible: colours of classes, masks and boxes on pictures."""

import numpy as np

from gansynth import images
from gansynth.pages.style import COLORS
from gansynth.synthesis.labels import rle
from gansynth.synthesis.labels.objects import LabelledImage


def color(class_id: int) -> tuple[int, int, int]:
  """RGB of a class, 0..255; beyond the palette they come again."""
  return COLORS[class_id % len(COLORS)]


def mask_layer(labelled: LabelledImage, height: int, width: int) -> np.ndarray:
  """Masks in the colours of their classes, to be laid over the picture.

  Half transparent, so that what is below can be judged, with an opaque outline
  just outside, so that thin objects are not hidden. Later objects are above.

  Args:
    labelled: the picture's objects; those without mask are left out.
    height: of the layer, which may be smaller than the picture.
    width: of the layer.

  Returns:
    uint8 RGBA (height, width, 4), transparent where there is no mask.
  """
  layer = np.zeros((height, width, 4), np.uint8)
  for each in labelled.objects:
    if each.mask is None:
      continue
    mask = np.where(rle.decode(each.mask), 255, 0).astype(np.uint8)
    if mask.shape != (height, width):
      # Thin objects would fall below a half when a picture is shrunk.
      mask = images.resize(mask, (height, width), "box")
    inside = mask >= 64
    outline = _dilated(inside) & ~inside
    layer[inside] = (*color(each.class_id), 128)
    layer[outline] = (*color(each.class_id), 255)
  return layer


def draw(
  image: np.ndarray,
  labelled: LabelledImage,
  boxes: bool = True,
  masks: bool = True,
) -> np.ndarray:
  """Burns labels into a picture, to be looked at.

  Args:
    image: uint8 (height, width, 3).
    labelled: its objects.
    boxes: whether boxes are drawn, just outside of their edges.
    masks: whether masks are drawn, see `mask_layer`.

  Returns:
    uint8 (height, width, 3), a copy.
  """
  height, width = image.shape[:2]
  drawn = image.copy()
  if masks:
    layer = mask_layer(labelled, height, width).astype(np.uint16)
    alpha = layer[..., 3:]
    mixed = layer[..., :3] * alpha + drawn * (255 - alpha)
    drawn = ((mixed + 127) // 255).astype(np.uint8)
  if boxes:
    line = max(1, round(min(height, width) / 300))
    for each in labelled.objects:
      left, top, right, bottom = (round(edge) for edge in each.box)
      # At the picture's border the line is drawn inside, to be seen at all.
      left = min(max(left - line, 0), width - line)
      top = min(max(top - line, 0), height - line)
      right = max(min(right + line, width), left + line)
      bottom = max(min(bottom + line, height), top + line)
      ring = np.zeros((height, width), bool)
      ring[top:bottom, left:right] = True
      ring[top + line : bottom - line, left + line : right - line] = False
      drawn[ring] = color(each.class_id)
  return drawn


def _dilated(mask):
  """The mask and its four neighbours."""
  grown = mask.copy()
  grown[1:] |= mask[:-1]
  grown[:-1] |= mask[1:]
  grown[:, 1:] |= mask[:, :-1]
  grown[:, :-1] |= mask[:, 1:]
  return grown
