"""A picture to be blended: cut-outs laid on a background, and their labels.

The canvas starts as the background, so that what is blended meets the scene
itself where its surroundings end. Each cut-out is pasted with its context, and
never over what an earlier one's blending needs. Boxes and masks are made of
what is seen in the end.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from gansynth.synthesis import color_matching, masks, patches
from gansynth.synthesis.cutouts import Box, Cutout
from gansynth.synthesis.labels import rle
from gansynth.synthesis.labels.objects import LabelledObject
from gansynth.synthesis.rules import Rules

_PLACES = 10  # tried for one cut-out before another is drawn
_MOST_CONTEXT = 2  # pixels beyond its region that the blending reads
_FEW = 50  # pixels, too few to know a cut-out's surroundings by


class Distribution(Protocol):
  """What labels of real pictures say; see `statistics.Distribution`."""

  def draw_count(self, rng: np.random.Generator) -> int:
    """Objects on a picture."""

  def draw_size(self, rng: np.random.Generator) -> float:
    """Square root of a box's area, in that of the picture's."""

  def draw_center(self, rng: np.random.Generator) -> tuple[float, float]:
    """A box's centre: x in widths and y in heights of the picture."""


@dataclasses.dataclass(frozen=True, eq=False)
class Composition:
  """What is blended, and the labels of the result.

  Attributes:
    canvas: uint8 (height, width, 3), the source of the blending.
    mask: uint8 (height, width), 0..255, what is blended; 0 everywhere if
      nothing was placed.
    objects: the labels, in the order they were placed; each with its mask.
    placements: of each cut-out that was placed, in this order: `cutout` its
      name, `x` and `y` the centre in pixels, `scale`, `angle` in degrees
      counter-clockwise, `flip`, `distractor`, `objects` the numbers of its
      labels in `objects`.
    asked: cut-outs asked for, distractors too.
  """

  canvas: np.ndarray
  mask: np.ndarray
  objects: tuple[LabelledObject, ...]
  placements: tuple[dict[str, Any], ...]
  asked: int


def compose(
  rng: np.random.Generator,
  background: np.ndarray,
  draw_object: Callable[[np.random.Generator], Cutout],
  rules: Rules,
  *,
  draw_distractor: Callable[[np.random.Generator], Cutout] | None = None,
  real: Distribution | None = None,
) -> Composition:
  """Lays cut-outs on a background.

  A cut-out that finds no place is drawn anew; a picture on which one of the
  `rules.attempts` finds a place has one object more, else one less.

  Args:
    rng: decides everything; the same state gives the same picture.
    background: uint8 (height, width, 3), of any size.
    draw_object: draws a cut-out.
    rules: how it is placed.
    draw_distractor: draws a cut-out whose labels are left out; needed where
      the rules ask for any.
    real: what the rules' `use_real` is drawn from.

  Raises:
    ValueError: a part of the rules has nothing to draw from, the background
      is no picture, or a cut-out's parts do not fit together.
  """
  if background.dtype != np.uint8 or background.shape[2:] != (3,):
    raise ValueError(
      f"the background is {background.dtype} {background.shape}; expected "
      "uint8 (height, width, 3)"
    )
  if rules.use_real and real is None:
    raise ValueError(
      f"use_real is {rules.use_real}, and no labels of real pictures are given"
    )
  if rules.max_distractors and draw_distractor is None:
    raise ValueError(
      f"max_distractors is {rules.max_distractors}, and there is nothing to "
      "draw distractors from"
    )
  if "count" in rules.use_real:
    num_objects = real.draw_count(rng)
  else:
    num_objects = int(rng.integers(rules.min_objects, rules.max_objects + 1))
  num_distractors = int(
    rng.integers(rules.min_distractors, rules.max_distractors + 1)
  )
  scene = _Scene(background, rules, real)
  for _ in range(num_objects):
    scene.add(rng, draw_object)
  for _ in range(num_distractors):
    scene.add(rng, draw_distractor, distractor=True)
  return scene.finished(num_objects + num_distractors)


@dataclasses.dataclass(eq=False)
class _Seen:
  """A label on the picture: what is seen of it."""

  class_id: int
  box: Box  # of all of it
  area: int  # of all of it
  window: masks.Window
  mask: np.ndarray  # of the window


@dataclasses.dataclass(frozen=True, eq=False)
class _Blended:
  """The region of an earlier cut-out."""

  window: masks.Window
  region: np.ndarray  # bool, of the window
  area: int


class _Scene:
  """A picture that grows by one cut-out at a time."""

  def __init__(self, background, rules, real):
    size = background.shape[:2]
    self._background = background
    self._rules = rules
    self._real = real
    self._size = size
    self._canvas = background.copy()
    self._mask = np.zeros(size, np.uint8)
    self._taken = np.zeros(size, bool)  # regions and the space around them
    self._needed = np.zeros(size, bool)  # what earlier blending reads
    self._regions = []
    self._seen = []
    self._placements = []

  def finished(self, asked):
    """The composition as it is now."""
    return Composition(
      self._canvas,
      self._mask,
      tuple(self._to_object(x) for x in self._seen),
      tuple(self._placements),
      asked,
    )

  def add(self, rng, draw, distractor=False):
    """Places a cut-out if any finds a place."""
    left = self._rules.attempts
    while left > 0:
      cutout = draw(rng)
      if distractor:
        cutout = dataclasses.replace(cutout, annotations=())
      pose = self._draw_pose(rng, cutout)
      patch = None
      if self._may_fit(cutout, pose):
        patch = patches.make(cutout, pose, self._rules)
      if patch is None or not self._has_room(patch):
        left -= 1
        continue
      for _ in range(min(_PLACES, left)):
        left -= 1
        place = self._draw_place(rng, patch)
        if place is not None and self._put(patch, *place):
          self._record(cutout, pose, patch, place, distractor)
          return

  def _draw_pose(self, rng, cutout):
    rules = self._rules
    low, high = rules.scale
    scale = math.exp(rng.uniform(math.log(low), math.log(high)))
    own = patches.label_size(cutout)
    if "size" in rules.use_real and own is not None:
      height, width = self._size
      scale *= self._real.draw_size(rng) * math.sqrt(height * width) / own
    rotation = rules.rotation
    if rotation == "auto":
      rotation = "any" if patches.can_turn(cutout) else "right_angles"
    angle = 0.0
    if rotation == "right_angles":
      angle = 90.0 * int(rng.integers(4))
    elif rotation == "any":
      angle = round(rng.uniform(0, 360), 2) % 360
    flip = rules.flip and bool(rng.integers(2))
    return patches.Pose(scale, angle, flip)

  def _may_fit(self, cutout, pose):
    """Whether it is small enough to be worth resampling."""
    longest = pose.scale * max(patches.span(cutout, self._rules))
    factor = 2 if self._rules.max_truncation else 1
    return longest < factor * math.hypot(*self._size) + 1

  def _ranges(self, patch):
    """The least and the largest column and row of the core's top left."""
    left, top, right, bottom = patch.core
    ranges = []
    for length, limit in zip(
      (right - left, bottom - top), self._size[::-1], strict=True
    ):
      offset = min(self._rules.offset_ctr, (limit - 1) / 2)
      low = math.ceil(offset - length / 2)
      high = math.floor(limit - offset - length / 2)
      if not self._rules.max_truncation:
        low, high = max(low, 0), min(high, limit - length)
      ranges.append((low, high))
    return ranges

  def _has_room(self, patch):
    return all(low <= high for low, high in self._ranges(patch))

  def _draw_place(self, rng, patch):
    """Row and column of the patch; None: out of range."""
    ranges = self._ranges(patch)
    left, top = patch.core[:2]
    if "place" not in self._rules.use_real or not patch.labels:
      x, y = (int(rng.integers(low, high + 1)) for low, high in ranges)
      return y - top, x - left
    height, width = self._size
    x, y = self._real.draw_center(rng)
    boxes = np.array([label.box for label in patch.labels])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    column = round(x * width - (low[0] + high[0]) / 2)
    row = round(y * height - (low[1] + high[1]) / 2)
    for place, (least, largest) in zip(
      (column + left, row + top), ranges, strict=True
    ):
      if not least <= place <= largest:
        return None
    return row, column

  def _put(self, patch, row, column):
    """Pastes a patch if the rules allow it there."""
    rules = self._rules
    inner, outer = masks.overlap(row, column, patch.region.shape, self._size)
    region = patch.region[inner] > 0
    area = int(region.sum())
    whole = np.count_nonzero(patch.region)
    if area == 0 or area < (1 - rules.max_truncation) * whole:
      return False
    if not self._is_free(region, area, outer):
      return False
    labels = [_see(label, inner, outer) for label in patch.labels]
    labels = [label for label in labels if self._is_enough(label, label.mask)]
    if patch.labels and not labels:
      return False
    solid = patch.opacity[inner] > 127
    hidden = []
    if rules.max_overlap:
      for earlier in self._seen:
        remaining = _without(earlier, outer, solid)
        if remaining is not None:
          if not self._is_enough(earlier, remaining):
            return False
          hidden.append((earlier, remaining))
    for earlier, remaining in hidden:
      earlier.mask = remaining
    self._paste(patch, inner, outer)
    self._occupy(patch.region[inner], region, outer, area)
    self._seen.extend(labels)
    return True

  def _is_free(self, region, area, window):
    """Whether the region keeps off the earlier ones as the rules say."""
    rules = self._rules
    if not rules.max_overlap:
      return not (region & self._taken[window]).any()
    for earlier in self._regions:
      here, there = _common(window, earlier.window)
      common = np.count_nonzero(region[here] & earlier.region[there])
      if common > rules.max_overlap * min(area, earlier.area):
        return False
    return True

  def _is_enough(self, label, mask):
    """Whether a label of which `mask` is seen is worth keeping."""
    seen = np.count_nonzero(mask)
    return seen > 0 and seen >= self._rules.min_visible * label.area

  def _paste(self, patch, inner, outer):
    """Puts the pixels on the canvas."""
    image = patch.image[inner]
    context = patch.context[inner]
    opacity = patch.opacity[inner]
    if self._rules.color_match != "none":
      image = self._matched(patch, image, outer)
    free = context & ~self._needed[outer]
    canvas = self._canvas[outer]
    canvas[free] = image[free]
    # Where an earlier object needs its surroundings, only the object goes on
    # top; without context that is everywhere.
    over = (opacity > 0) & ~free
    weight = opacity[over][:, None].astype(np.float32) / np.float32(255)
    behind = canvas[over].astype(np.float32)
    mixed = behind + weight * (image[over] - behind)
    canvas[over] = np.rint(mixed).astype(np.uint8)

  def _matched(self, patch, image, outer):
    """The pixels in the colours of the background around the place."""
    around = patch.context.copy()
    for label in patch.labels:
      around &= ~label.mask
    if np.count_nonzero(around) < _FEW:
      around = patch.opacity > 127
    scene = self._background[outer].reshape(-1, 3)
    return color_matching.match(
      image,
      patch.image[around],
      scene,
      self._rules.color_match,
      self._rules.color_strength,
    )

  def _occupy(self, values, region, outer, area):
    """Notes what is blended, and what has to stay as it is for it."""
    mask = self._mask[outer]
    np.maximum(mask, values, out=mask)
    self._regions.append(_Blended(outer, region, area))
    spacing = self._rules.spacing
    # Of a narrow space between two regions each needs its half.
    needed = min(_MOST_CONTEXT, max(1, spacing // 2))
    self._mark(self._needed, region, outer, needed)
    self._mark(self._taken, region, outer, spacing)

  def _mark(self, plane, region, outer, radius):
    grown = np.pad(region, radius)
    for _ in range(radius):
      tall = grown.copy()
      tall[1:] |= grown[:-1]
      tall[:-1] |= grown[1:]
      grown = tall.copy()
      grown[:, 1:] |= tall[:, :-1]
      grown[:, :-1] |= tall[:, 1:]
    inner, window = masks.overlap(
      outer[0].start - radius,
      outer[1].start - radius,
      grown.shape,
      self._size,
    )
    plane[window] |= grown[inner]

  def _record(self, cutout, pose, patch, place, distractor):
    left, top, right, bottom = patch.core
    row, column = place
    first = sum(len(x["objects"]) for x in self._placements)
    self._placements.append(
      {
        "cutout": cutout.name,
        "x": column + (left + right) / 2,
        "y": row + (top + bottom) / 2,
        "scale": pose.scale,
        "angle": pose.angle,
        "flip": pose.flip,
        "distractor": distractor,
        "objects": list(range(first, len(self._seen))),
      }
    )

  def _to_object(self, seen):
    whole = np.zeros(self._size, bool)
    whole[seen.window] = seen.mask
    left, top, right, bottom = masks.edges(seen.mask)
    row, column = seen.window[0].start, seen.window[1].start
    box = (
      max(left + column, seen.box[0]),
      max(top + row, seen.box[1]),
      min(right + column, seen.box[2]),
      min(bottom + row, seen.box[3]),
    )
    return LabelledObject(seen.class_id, box, rle.encode(whole))


def _see(label, inner, outer):
  """A patch's label on the picture."""
  row = outer[0].start - inner[0].start
  column = outer[1].start - inner[1].start
  left, top, right, bottom = label.box
  return _Seen(
    label.class_id,
    (left + column, top + row, right + column, bottom + row),
    np.count_nonzero(label.mask),
    outer,
    label.mask[inner],
  )


def _common(first, second):
  """Where two windows meet, in coordinates of the one and of the other."""
  here, there = [], []
  for a, b in zip(first, second, strict=True):
    low = max(a.start, b.start)
    high = max(low, min(a.stop, b.stop))
    here.append(slice(low - a.start, high - a.start))
    there.append(slice(low - b.start, high - b.start))
  return tuple(here), tuple(there)


def _without(seen, window, solid):
  """What is left of a label behind something solid; None: all of it."""
  here, there = _common(window, seen.window)
  if not (solid[here] & seen.mask[there]).any():
    return None
  remaining = seen.mask.copy()
  remaining[there] &= ~solid[here]
  return remaining
