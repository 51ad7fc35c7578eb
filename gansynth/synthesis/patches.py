"""Cut-outs as they are pasted: scaled, mirrored, turned, and what is blended.

There are three kinds. A cut-out without a mask is a rectangle whose rim gives
the blending its context. One with a mask on a photograph has context around
the object, of which a little is blended too, so that the object's edge is not
part of the seam. One with a mask and nothing around it (one colour, as below
the transparent parts of a cut-out file) has no context: it is pasted by its
opacity, and its edge against the new scene is what the blending keeps.
"""

import dataclasses
import math

import numpy as np

from gansynth import images
from gansynth.synthesis import masks
from gansynth.synthesis.cutouts import Annotation, Box, Cutout
from gansynth.synthesis.rules import Rules

_PADDING = 4  # pixels of continued border around what is turned
_UNTRUSTED = 2  # of them, that turning mixes with what is not there
_EDGE = 2  # pixels around an object without context that are blended
_FAINT = 0.1  # opacity from which on a pixel belongs to the object
_SOFTNESS = 3  # pixels: edges of objects on photographs are that wide
_SURROUNDINGS = 0.06  # of an object's size, what of its context is blended


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


@dataclasses.dataclass(frozen=True, eq=False)
class Patch:
  """A cut-out ready to be pasted; all arrays are of one size.

  Attributes:
    image: uint8 (height, width, 3).
    context: bool, where `image` shows the object or its surroundings; nowhere
      if the cut-out has none.
    opacity: uint8, of what is pasted over what is behind it.
    own: uint8, of `image`, how much is the labelled objects' own and not
      ground, shadow or background; 0 everywhere where that is not known.
    faded: uint8, 255 in the object, from there on less and less, 0 outside
      the region; 255 wherever there is context if all of it is blended.
    region: uint8, 0..255, what is blended; covers every label.
    core: left, top, right, bottom, as edges, of what has to lie within the
      picture if nothing may be truncated.
    labels: in the order of the cut-out's annotations.
  """

  image: np.ndarray
  context: np.ndarray
  opacity: np.ndarray
  own: np.ndarray
  faded: np.ndarray
  region: np.ndarray
  core: tuple[int, int, int, int]
  labels: tuple[Label, ...]


def can_turn(cutout: Cutout) -> bool:
  """Whether any angle leaves the cut-out's labels exact."""
  if cutout.mask is not None:
    return True
  labels = cutout.annotations
  return bool(labels) and all(x.mask is not None for x in labels)


def span(cutout: Cutout, rules: Rules) -> tuple[int, int]:
  """Height and width, unscaled, of what has to lie within the picture."""
  outline = _outline(cutout, rules)
  if outline is None:
    return cutout.size
  left, top, right, bottom = masks.edges(outline)
  return bottom - top, right - left


def label_size(cutout: Cutout) -> float | None:
  """Side of a square of the labels' mean box area; None without labels."""
  areas = [
    (right - left) * (bottom - top)
    for left, top, right, bottom in (x.box for x in cutout.annotations)
  ]
  return math.sqrt(sum(areas) / len(areas)) if areas else None


def make(cutout: Cutout, pose: Pose, rules: Rules) -> Patch:
  """Changes a cut-out as `pose` says.

  Args:
    cutout: what is pasted.
    pose: how.
    rules: of which `blend_offset`, `region` and `keep_colors` count.

  Raises:
    ValueError: the cut-out's parts do not fit together; names it.
  """
  _check(cutout)
  cutout = _with_masks(cutout)
  if pose.flip:
    cutout = _flipped(cutout)
  outline = _outline(cutout, rules)
  if outline is None:
    return _rectangle(cutout, pose, rules.blend_offset)
  has_context = _has_context(cutout, outline)
  margin = math.ceil((rules.blend_offset + _PADDING) / pose.scale)
  cutout, outline = _cropped(cutout, outline, margin)
  if has_context:
    return _object(cutout, outline, pose, rules)
  return _tight(cutout, outline, pose)


def _check(cutout):
  name, size = cutout.name, cutout.size
  if cutout.image.dtype != np.uint8 or cutout.image.shape != (*size, 3):
    raise ValueError(
      f"{name}: the picture is {cutout.image.dtype} {cutout.image.shape}; "
      "expected uint8 (height, width, 3)"
    )
  for what, mask in [
    ("mask", cutout.mask),
    *(("label's mask", x.mask) for x in cutout.annotations),
  ]:
    if mask is None:
      continue
    if mask.shape != size:
      raise ValueError(
        f"{name}: the {what} is {mask.shape} and the picture {size} (height, "
        "width); expected one size"
      )
    if not mask.any():
      raise ValueError(
        f"{name}: the {what} is empty; expected at least a pixel. Remove it"
      )
  height, width = size
  for left, top, right, bottom in (x.box for x in cutout.annotations):
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
      raise ValueError(
        f"{name}: a label's box is {left:g}, {top:g}, {right:g}, {bottom:g} "
        "(left, top, right, bottom); expected some area within the picture's "
        f"{width} x {height} pixels. Correct the label or remove it"
      )


def _with_masks(cutout):
  """Masks for labels that are boxes around what the cut-out's mask shows."""
  if cutout.mask is None:
    return cutout
  annotations = []
  for each in cutout.annotations:
    if each.mask is None:
      mask = _filled(each.box, cutout.size) & (cutout.mask >= 0.5)
      if mask.any():
        each = dataclasses.replace(each, mask=mask)
    annotations.append(each)
  return dataclasses.replace(cutout, annotations=tuple(annotations))


def _flipped(cutout):
  width = cutout.size[1]
  return Cutout(
    cutout.name,
    cutout.image[:, ::-1],
    tuple(
      Annotation(
        x.class_id,
        (width - x.box[2], x.box[1], width - x.box[0], x.box[3]),
        None if x.mask is None else x.mask[:, ::-1],
      )
      for x in cutout.annotations
    ),
    None if cutout.mask is None else cutout.mask[:, ::-1],
  )


def _outline(cutout, rules):
  """What is blended of a cut-out, in [0, 1]; None: its rectangle."""
  outline = cutout.mask
  if outline is None:
    if rules.region != "mask" or not cutout.annotations:
      return None
    outline = np.zeros(cutout.size, np.float32)
  elif rules.region == "box" and _has_context(cutout, outline):
    return None
  for each in cutout.annotations:
    mask = _filled(each.box, cutout.size) if each.mask is None else each.mask
    outline = _joined(outline, mask)
  return outline


def _has_context(cutout, outline):
  """Whether the picture shows anything around the outline."""
  around = cutout.image[outline == 0]
  return len(around) > 0 and bool((around != around[0]).any())


def _cropped(cutout, outline, margin):
  """Cuts off what is farther than `margin` from the outline."""
  left, top, right, bottom = masks.edges(outline > 0)
  rows = slice(max(0, top - margin), bottom + margin)
  columns = slice(max(0, left - margin), right + margin)
  cut = Cutout(
    cutout.name,
    cutout.image[rows, columns],
    tuple(
      Annotation(
        x.class_id,
        (
          x.box[0] - columns.start,
          x.box[1] - rows.start,
          x.box[2] - columns.start,
          x.box[3] - rows.start,
        ),
        None if x.mask is None else x.mask[rows, columns],
      )
      for x in cutout.annotations
    ),
  )
  return cut, outline[rows, columns]


def _rectangle(cutout, pose, blend_offset):
  """A patch that is blended as a whole but for its rim."""
  warp = _Warp(cutout.size, pose)
  labels = tuple(warp.label(x) for x in cutout.annotations)
  boxes = [warp.scaled(x.box) for x in cutout.annotations]
  height, width = warp.scaled_size
  left = _rim(blend_offset, width, [x[0] for x in boxes])
  top = _rim(blend_offset, height, [x[1] for x in boxes])
  right = width - _rim(blend_offset, width, [width - x[2] for x in boxes])
  bottom = height - _rim(blend_offset, height, [height - x[3] for x in boxes])
  inside = np.zeros(warp.scaled_size, bool)
  inside[top:bottom, left:right] = True
  region = warp.turned_mask(inside)
  region = _to_bytes(_joined(region, *(x.mask for x in labels)))
  return Patch(
    warp.picture(cutout.image),
    warp.context,
    region,
    warp.own(cutout),
    _to_bytes(warp.context),
    region,
    masks.edges(warp.inside),
    labels,
  )


def _rim(blend_offset, side, distances):
  """Width of the context on one side, which leaves the labels whole.

  And a little around them, if a pixel of context is left.
  """
  if not distances:
    return min(blend_offset, (side - 1) // 3)
  room = math.floor(min(distances))
  return min(blend_offset, max(room - _SOFTNESS, min(room, 1)))


def _object(cutout, outline, pose, rules):
  """A patch of a masked object and a little of what is around it."""
  warp = _Warp(cutout.size, pose)
  labels = tuple(warp.label(x) for x in cutout.annotations)
  opacity = warp.plane(outline)
  region, faded = opacity, warp.context  # Pasting by a soft region fades too.
  if rules.blend_offset:
    seen = _visible(opacity)
    reach = round(_SOFTNESS * pose.scale)
    if not rules.keep_colors:
      left, top, right, bottom = masks.edges(seen)
      side = math.sqrt((right - left) * (bottom - top))
      reach = max(reach, round(_SURROUNDINGS * side))
    reach = min(rules.blend_offset, max(_EDGE, reach))
    steps = masks.dilations(seen, reach)
    region = steps[-1] & warp.inside
    faded = np.mean([seen, *steps[:-1]], axis=0) * region
  outlines = [x.mask for x in labels]
  region = _to_bytes(_joined(region, *outlines))
  return Patch(
    warp.picture(cutout.image),
    warp.context,
    _to_bytes(opacity),
    warp.own(cutout) if cutout.annotations else _to_bytes(opacity),
    _to_bytes(_joined(faded, *outlines)),
    region,
    masks.edges(region > 0),
    labels,
  )


def _tight(cutout, outline, pose):
  """A patch of an object with nothing around it."""
  warp = _Warp(cutout.size, pose)
  labels = tuple(warp.label(x) for x in cutout.annotations)
  image, opacity = warp.weighted_picture(cutout.image, outline)
  region = masks.dilate(_visible(opacity), _EDGE)
  region = _to_bytes(_joined(region, *(x.mask for x in labels)))
  return Patch(
    image,
    np.zeros(region.shape, bool),
    _to_bytes(opacity),
    _to_bytes(opacity),
    _to_bytes(opacity),
    region,
    masks.edges(region > 0),
    labels,
  )


def _joined(region, *others):
  """A region, bool or in [0, 1], and all of other masks."""
  for other in others:
    region = np.where(other & (region == 0), region.dtype.type(1), region)
  return region


def _visible(opacity):
  """What belongs to an object, of the faintest some of it."""
  return opacity >= min(_FAINT, opacity.max())


def _to_bytes(values):
  return np.rint(np.float32(255) * values).astype(np.uint8)


class _Warp:
  """Scales, then continues the border by some pixels, then turns.

  Attributes:
    scaled_size: height and width before the border and the turn.
    inside: bool, where the cut-out is on the patch.
    context: bool, where its pixels or its continued border are.
  """

  def __init__(self, size, pose):
    self._size = size
    self.scaled_size = tuple(max(1, round(x * pose.scale)) for x in size)
    self._quarters, remainder = divmod(pose.angle, 90)
    self._angle = pose.angle if remainder else None
    # A thin part that shrinks or turns is nowhere more than half covered.
    self._least = 0.5 if pose.scale >= 1 else max(0.25, 0.5 * pose.scale)
    self.inside = self.turned_mask(np.ones(self.scaled_size, bool))
    grown = np.ones([x + 2 * (_PADDING - _UNTRUSTED) for x in self.scaled_size])
    self.context = self._turned(grown.astype(np.float32), _UNTRUSTED) >= 0.999

  def picture(self, image):
    """The picture, uint8, its border continued."""
    if self.scaled_size != self._size:
      image = images.resize(image, self.scaled_size, "bicubic")
    return self._turned(image, _PADDING, "edge")

  def weighted_picture(self, image, weight):
    """The picture without colours of weight 0, and the weight in [0, 1]."""
    if self.scaled_size == self._size and self._angle is None:
      return self.picture(image), self.plane(weight)
    weight = weight[..., None].astype(np.float32)
    stack = np.concatenate([image * weight, weight], axis=-1)
    if self.scaled_size != self._size:
      stack = images.resize(stack, self.scaled_size, "bicubic")
    stack = self._turned(stack, _PADDING)
    weight = np.clip(stack[..., 3], 0, 1)
    colours = stack[..., :3] / np.maximum(stack[..., 3:], 1e-3)
    return np.rint(np.clip(colours, 0, 255)).astype(np.uint8), weight

  def plane(self, plane):
    """Values in [0, 1], float32, 0 beyond the border."""
    plane = plane.astype(np.float32)
    if self.scaled_size != self._size:
      plane = images.resize(plane, self.scaled_size, "bilinear")
    return self._turned(plane, _PADDING)

  def own(self, cutout):
    """How much of each pixel is an object's whose outline is known."""
    known = np.zeros(self._size, bool)
    for each in cutout.annotations:
      if each.mask is not None:
        known |= each.mask
    return _to_bytes(self.plane(known))

  def turned_mask(self, mask):
    """A mask of the scaled size, turned."""
    values = self._turned(mask.astype(np.float32), _PADDING)
    return values >= min(0.5, values.max())

  def scaled(self, box):
    """A box on the scaled cut-out."""
    (old_height, old_width), (height, width) = self._size, self.scaled_size
    x, y = width / old_width, height / old_height
    return box[0] * x, box[1] * y, box[2] * x, box[3] * y

  def label(self, annotation):
    """An annotation on the patch."""
    if annotation.mask is not None:
      values = self.plane(annotation.mask)
      mask = values >= min(self._least, values.max())
      return Label(annotation.class_id, mask, masks.edges(mask))
    box = self.scaled(annotation.box)
    mask = self.turned_mask(_filled(box, self.scaled_size))
    if self._angle is not None:
      return Label(annotation.class_id, mask, masks.edges(mask))
    height, width = self.scaled_size
    for _ in range(int(self._quarters) % 4):
      box = box[1], width - box[2], box[3], width - box[0]
      height, width = width, height
    return Label(annotation.class_id, mask, tuple(x + _PADDING for x in box))

  def _turned(self, array, border, mode="constant"):
    widths = [(border, border)] * 2 + [(0, 0)] * (array.ndim - 2)
    array = np.pad(array, widths, mode)
    if self._angle is None:
      return np.rot90(array, int(self._quarters) % 4)
    method = "bilinear" if array.ndim == 2 else "bicubic"
    return images.rotate(array, self._angle, method)


def _filled(box, size):
  """All pixels that a box touches, as a mask."""
  left, top, right, bottom = box
  mask = np.zeros(size, bool)
  mask[
    math.floor(top) : math.ceil(bottom), math.floor(left) : math.ceil(right)
  ] = True
  return mask
