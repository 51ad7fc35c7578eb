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

from gansynth.synthesis import masks
from gansynth.synthesis.cutouts import Annotation, Cutout
from gansynth.synthesis.rules import Rules
from gansynth.synthesis.warping import PADDING, Label, Pose, Warp

_EDGE = 2  # pixels around an object without context that are blended
_FAINT = 0.1  # opacity from which on a pixel belongs to the object
_SOFTNESS = 3  # pixels: edges of objects on photographs are that wide
_SURROUNDINGS = 0.06  # of an object's size, what of its context is blended


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


def check(cutout: Cutout) -> None:
  """Raises ValueError, which names the cut-out, unless its parts fit."""
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
  check(cutout)
  cutout = _with_masks(cutout)
  if pose.flip:
    cutout = _flipped(cutout)
  outline = _outline(cutout, rules)
  if outline is None:
    return _rectangle(cutout, pose, rules.blend_offset)
  has_context = _has_context(cutout, outline)
  margin = math.ceil((rules.blend_offset + PADDING) / pose.scale)
  cutout, outline = _cropped(cutout, outline, margin)
  if has_context:
    return _object(cutout, outline, pose, rules)
  return _tight(cutout, outline, pose)


def _with_masks(cutout):
  """Masks for labels that are boxes around what the cut-out's mask shows."""
  if cutout.mask is None:
    return cutout
  annotations = []
  for each in cutout.annotations:
    if each.mask is None:
      mask = masks.filled(each.box, cutout.size) & (cutout.mask >= 0.5)
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
    mask = (
      masks.filled(each.box, cutout.size) if each.mask is None else each.mask
    )
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
  warp = Warp(cutout.size, pose)
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
    _own(warp, cutout),
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
  warp = Warp(cutout.size, pose)
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
    _own(warp, cutout) if labels else _to_bytes(opacity),
    _to_bytes(_joined(faded, *outlines)),
    region,
    masks.edges(region > 0),
    labels,
  )


def _tight(cutout, outline, pose):
  """A patch of an object with nothing around it."""
  warp = Warp(cutout.size, pose)
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


def _own(warp, cutout):
  """How much of each pixel is an object's whose outline is known."""
  known = np.zeros(cutout.size, bool)
  for each in cutout.annotations:
    if each.mask is not None:
      known |= each.mask
  return _to_bytes(warp.plane(known))


def _visible(opacity):
  """What belongs to an object, of the faintest some of it."""
  return opacity >= min(_FAINT, opacity.max())


def _to_bytes(values):
  return np.rint(np.float32(255) * values).astype(np.uint8)
