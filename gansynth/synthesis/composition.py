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

from gansynth.synthesis import patches
from gansynth.synthesis.canvas import Canvas
from gansynth.synthesis.cutouts import Cutout
from gansynth.synthesis.labels.objects import LabelledObject
from gansynth.synthesis.rules import Rules
from gansynth.synthesis.warping import Pose

_PLACES = 10  # tried for one cut-out before another is drawn


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

  A cut-out that is too large, or finds no place after some tries, is drawn
  anew. If none finds one in `rules.attempts`, the picture has one less.

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


class _Scene:
  """Draws cut-outs, poses and places for one canvas."""

  def __init__(self, background, rules, real):
    self._canvas = Canvas(background, rules)
    self._rules = rules
    self._real = real
    self._size = background.shape[:2]
    self._placements = []

  def finished(self, asked):
    """The composition as it is now."""
    return Composition(
      self._canvas.picture,
      self._canvas.mask,
      self._canvas.objects(),
      tuple(self._placements),
      asked,
    )

  def add(self, rng, draw, distractor=False):
    """Places a cut-out if any finds a place."""
    left = self._rules.attempts
    while left > 0:
      cutout = draw(rng)
      patches.check(cutout)
      pose = self._draw_pose(rng, cutout)
      patch = None
      if self._may_fit(cutout, pose):
        patch = patches.make(cutout, pose, self._rules)
      if patch is None or not self._has_room(patch):
        left -= 1
        continue
      if distractor:
        patch = dataclasses.replace(patch, labels=())
      for _ in range(min(_PLACES, left)):
        left -= 1
        place = self._draw_place(rng, patch)
        if place is not None and self._canvas.put(patch, *place):
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
    # Rounded, as logarithms differ in the last digit between machines.
    scale = max(round(scale, 4), 1e-4)
    angle = 0.0
    if rotation == "right_angles":
      angle = 90.0 * int(rng.integers(4))
    elif rotation == "any":
      angle = round(rng.uniform(0, 360), 2) % 360
    flip = rules.flip and bool(rng.integers(2))
    return Pose(scale, angle, flip)

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
        "objects": list(range(first, self._canvas.num_objects)),
      }
    )
