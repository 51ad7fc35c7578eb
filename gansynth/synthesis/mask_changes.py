"""Label maps changed into others that could be true.

A map is looked up once, at the nearest pixel, so nothing is blurred and no
label is made up; beyond the border it goes on mirrored, so it stays full.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gansynth.synthesis import connected, mask_jitter, masks, option_values
from gansynth.synthesis.warping import Pose

_LARGEST = 0.25  # of the picture; what is pasted leaves most of it
_ATTEMPTS = 8  # to find a label map with something to paste
_TIE = 2.0**-20  # pixels; halves are rounded alike, and not to even
# Rows down and columns to the right; those that share an edge come first.
_NEIGHBOURS = (
  *((-1, 0), (0, -1), (0, 1), (1, 0)),
  *((-1, -1), (-1, 1), (1, -1), (1, 1)),
)


@dataclasses.dataclass(frozen=True)
class Changes:
  """Ranges that changes are drawn from.

  Attributes:
    dilate: largest side of the box that a label grows by, in pixels. A box of
      side 1 changes nothing, one of side 2 reaches a pixel to one side. What is
      thinner than the box (roads, fences) stays as it is, here and in `erode`.
    erode: the same of the box that a label shrinks by; what it leaves goes to
      the nearest other label.
    elastic_alpha: pixels that one unit of smoothed noise displaces by; the
      displacement's standard deviation is about a twentieth of it for a
      `elastic_sigma` of 3, and falls as that rises.
    elastic_sigma: of the Gaussian that smooths the noise, in pixels.
    rotation: largest angle either way, in degrees.
    scale: smallest and largest factor; above 1 less is seen, and larger.
    flip: mirrored left to right, half of the time.
    vertical_flip: mirrored top to bottom, half of the time.
    right_angles: turned by 0, 90, 180 or 270 degrees.
    paste: probability that regions of other label maps are pasted.
    paste_regions: largest number of them.
    paste_labels: whose regions are pasted; none: any label's, each that is
      there as likely, so that rare ones are favoured.
  """

  dilate: int = 2
  erode: int = 2
  elastic_alpha: float = 15.0
  elastic_sigma: float = 3.0
  rotation: float = 0.0
  scale: tuple[float, float] = (1.0, 1.0)
  flip: bool = True
  vertical_flip: bool = False
  right_angles: bool = False
  paste: float = 0.0
  paste_regions: int = 1
  paste_labels: tuple[int, ...] = ()

  def __post_init__(self):
    option_values.at_least("dilate", self.dilate, 0)
    option_values.at_least("erode", self.erode, 0)
    option_values.at_least("paste_regions", self.paste_regions, 1)
    mask_jitter.check_elastic(self.elastic_alpha, self.elastic_sigma)
    if not 0 <= self.rotation <= 180:
      raise ValueError(
        f"rotation is {self.rotation}; expected 0 to 180 degrees"
      )
    scale = self.scale
    if len(scale) != 2 or not 0 < scale[0] <= scale[1] < math.inf:
      raise ValueError(
        f"scale is {scale}; expected the smallest and the largest factor, "
        "both above 0"
      )
    if not 0 <= self.paste <= 1:
      raise ValueError(f"paste is {self.paste}; expected a probability")
    if min(self.paste_labels, default=0) < 0:
      raise ValueError(f"paste_labels are {self.paste_labels}; expected labels")


def change(
  labels: np.ndarray,
  changes: Changes,
  rng: np.random.Generator,
  other: Callable[[], np.ndarray] | None = None,
) -> tuple[np.ndarray, dict[str, Any]]:
  """Changes a label map.

  It is mirrored, scaled, turned about its middle and displaced; then regions
  are pasted, mirrored, scaled and turned within the same ranges; then labels
  grow and shrink, in random order.

  Args:
    labels: integers (height, width), 0 to 65535.
    changes: the ranges.
    rng: all draws are from it.
    other: gives the label map that a region is cut from, of any size; called
      once for each region, and up to eight times for one while there are none
      of `paste_labels`, after which nothing is pasted.

  Returns:
    A new label map of the same shape and type, and what was drawn, in values
    of JSON: `scale`, `angle` (degrees counter-clockwise) and `flip` (left to
    right, before the turn); `pasted`, where `paste` is above 0: the regions
    with their label, pixels, place and pose; `dilate` and `erode`: the sides
    of boxes above 1, by label.

  Raises:
    ValueError: these are no such labels, or regions are to be pasted and there
      is no `other`.
  """
  mask_jitter.check_labels(labels)
  if changes.paste and other is None:
    raise ValueError(
      f"paste is {changes.paste}, and there are no other label maps to cut "
      "regions from"
    )
  pose = _draw_pose(changes, rng)
  drawn = dataclasses.asdict(pose)
  x, y = _displaced_pixels(labels.shape, changes, rng)
  result = _look_up(labels, pose, x, y)
  if changes.paste:
    drawn["pasted"] = []
    if rng.random() < changes.paste:
      for _ in range(rng.integers(1, changes.paste_regions + 1)):
        pasted = _paste(result, other, changes, rng, x, y)
        drawn["pasted"] += [pasted] if pasted else []
  drawn["dilate"], drawn["erode"] = _grow_and_shrink(result, changes, rng)
  return result, drawn


def _draw_pose(changes, rng):
  """Both flips and turns by right angles are one flip and an angle."""
  low, high = changes.scale
  scale = low if low == high else low * (high / low) ** rng.random()
  angle = 0.0
  if changes.rotation:
    angle = rng.uniform(-changes.rotation, changes.rotation)
  if changes.right_angles:
    angle += 90 * int(rng.integers(4))
  flip = bool(changes.flip and rng.random() < 0.5)
  if changes.vertical_flip and rng.random() < 0.5:
    flip = not flip
    angle += 180
  return Pose(float(scale), float(angle % 360), flip)


def _displaced_pixels(size, changes, rng):
  """Columns and rows (height, width) that the pixels look at."""
  rows, columns = size
  x = np.broadcast_to(np.arange(columns, dtype=np.float64), size)
  y = np.broadcast_to(np.arange(rows, dtype=np.float64)[:, None], size)
  if not changes.elastic_alpha:
    return x, y
  dx, dy = (
    mask_jitter.displacement(
      noise, changes.elastic_alpha, changes.elastic_sigma
    )
    for noise in rng.random((2, *size))
  )
  return x + dx, y + dy


def _look_up(labels, pose, x, y):
  """The labels of a map that is moved about its middle."""
  middle_y, middle_x = ((side - 1) / 2 for side in labels.shape)
  x, y = _before(pose, x - middle_x, y - middle_y)
  x += middle_x + _TIE
  y += middle_y + _TIE
  return mask_jitter.sample(labels, x, y)


def _before(pose, x, y):
  """Where points were before a pose, relative to what it turns about."""
  quarters, rest = divmod(pose.angle, 90)
  cosine, sine = math.cos(math.radians(rest)), math.sin(math.radians(rest))
  for _ in range(int(quarters)):  # exact, where the cosine of 90 is not 0
    cosine, sine = -sine, cosine
  cosine, sine = cosine / pose.scale, sine / pose.scale
  # Rows go down: counter-clockwise is from right to up.
  x, y = cosine * x - sine * y, sine * x + cosine * y
  return (-x if pose.flip else x), y


def _paste(result, other, changes, rng, x, y):
  """Pastes one region in place; returns what was drawn, None for nothing."""
  found = _draw_region(other, changes.paste_labels, rng)
  if found is None:
    return None
  label, region = found
  pose = _draw_pose(changes, rng)
  rows, columns = result.shape
  middle_x, middle_y = rng.random(2) * (columns, rows) - 0.5
  region_x, region_y = _before(pose, x - middle_x, y - middle_y)
  height, width = region.shape
  region_x = np.rint(region_x + ((width - 1) / 2 + _TIE)).astype(np.int64)
  region_y = np.rint(region_y + ((height - 1) / 2 + _TIE)).astype(np.int64)
  inside = (region_x >= 0) & (region_x < width)
  inside &= (region_y >= 0) & (region_y < height)
  inside[inside] = region[region_y[inside], region_x[inside]]
  result[inside] = label
  return {
    "label": label,
    "pixels": int(np.count_nonzero(inside)),
    "column": round(float(middle_x), 2),
    "row": round(float(middle_y), 2),
    **dataclasses.asdict(pose),
  }


def _draw_region(other, paste_labels, rng):
  """A label and one of its regions, bool without what is around it."""
  for _ in range(_ATTEMPTS):
    labels = other()
    mask_jitter.check_labels(labels)
    there = np.flatnonzero(np.bincount(labels.ravel()))
    if paste_labels:
      there = there[np.isin(there, paste_labels)]
    if there.size:
      break
  else:
    return None
  label = int(rng.choice(there))
  mask = labels == label
  pixels = np.flatnonzero(mask)
  seed = divmod(int(pixels[rng.integers(pixels.size)]), mask.shape[1])
  region = connected.component(mask, *seed)
  limit = _LARGEST * mask.size
  if np.count_nonzero(region) > limit:
    blob = _blob(mask.shape, seed, limit * rng.uniform(0.3, 1), rng)
    region = connected.component(region & blob, *seed)
  left, top, right, bottom = masks.edges(region)
  return label, region[top:bottom, left:right]


def _blob(size, middle, area, rng):
  """A round shape with a wavy edge around a pixel, about `area` pixels."""
  rows, columns = (
    np.arange(side) - at for side, at in zip(size, middle, strict=True)
  )
  angle = np.arctan2(rows[:, None], columns)
  radius = np.ones(size)
  for waves in (2, 3, 5):
    height, phase = rng.uniform(0, 0.5 / waves), rng.uniform(0, 2 * math.pi)
    radius += height * np.cos(waves * angle + phase)
  squares = rows[:, None] ** 2 + columns**2
  return squares <= area / math.pi * radius**2


def _grow_and_shrink(labels, changes, rng):
  """Changes labels in place; returns the boxes' sides by label."""
  dilated, eroded = {}, {}
  if max(changes.dilate, changes.erode) < 2:
    return dilated, eroded
  there = np.flatnonzero(np.bincount(labels.ravel()))
  alone = _alone(labels)
  # The last one grows over the others: not always that of the highest number.
  for label in rng.permutation(there).tolist():
    size = int(rng.integers(changes.dilate + 1))
    if size > 1:
      _grow(labels, label, size, _draw_box(size, rng))
      dilated[str(label)] = size
    size = int(rng.integers(changes.erode + 1))
    if size > 1:
      _shrink(labels, label, size, _draw_box(size, rng))
      eroded[str(label)] = size
  # Single pixels of ragged edges are thin and stay; what they hung on is gone.
  rows, columns = np.nonzero(_alone(labels) & ~alone)
  labels[rows, columns] = _neighbour(labels, rows, columns, 0, -1)
  return dilated, eroded


def _draw_box(size, rng):
  """Reach of a box in rows and columns; one of even side leans somewhere."""
  reach = (size // 2, (size - 1) // 2)
  return [reach[:: 1 - 2 * int(way)] for way in rng.integers(2, size=2)]


def _grow(labels, label, size, box):
  """Dilates a label in place."""
  thick = _thick(labels, size)
  grown = mask_jitter.box_any(thick & (labels == label), *box)
  labels[grown & thick] = label


def _shrink(labels, label, size, box):
  """Erodes a label in place."""
  mask = labels == label
  # Beyond the border nothing is set, so nothing is taken there.
  lost = mask_jitter.box_any(~mask, *box)
  lost &= mask
  lost &= _thick(labels, size)
  rows, columns = np.nonzero(lost)
  count = -1
  # Nearest first: each round reaches one pixel further into what is lost. What
  # is shut in by thin parts stays.
  while rows.size not in (0, count):
    count = rows.size
    found = np.full(count, label, labels.dtype)
    for down, right in _NEIGHBOURS:
      near = _neighbour(labels, rows, columns, down, right)
      np.copyto(found, near, where=(found == label) & (near != label))
    labels[rows, columns] = found
    left = found == label
    rows, columns = rows[left], columns[left]


def _thick(labels, size):
  """Which pixels lie in a square of one label, of that side or larger."""
  rows, columns = (max(0, side - size + 1) for side in labels.shape)
  same = labels[:, :-1] == labels[:, 1:]
  strips = np.ones((labels.shape[0], columns), bool)
  for right in range(size - 1 if columns else 0):
    strips &= same[:, right : right + columns]
  same = labels[:-1] == labels[1:]
  squares = strips[:rows].copy()
  for down in range(size - 1 if rows else 0):
    squares &= strips[down + 1 : down + 1 + rows]
    squares &= same[down : down + rows, :columns]
  strips[:] = False
  for down in range(size if rows else 0):
    strips[down : down + rows] |= squares
  thick = np.zeros(labels.shape, bool)
  for right in range(size if columns else 0):
    thick[:, right : right + columns] |= strips
  return thick


def _alone(labels):
  """Which pixels have none of their label among the eight around them."""
  alone = np.ones(labels.shape, bool)
  upper, lower, flags, below = labels[:-1], labels[1:], alone[:-1], alone[1:]
  pairs = (
    (labels[:, :-1], labels[:, 1:], alone[:, :-1], alone[:, 1:]),
    (upper, lower, flags, below),
    (upper[:, :-1], lower[:, 1:], flags[:, :-1], below[:, 1:]),
    (upper[:, 1:], lower[:, :-1], flags[:, 1:], below[:, :-1]),
  )
  for first, second, first_alone, second_alone in pairs:
    differ = first != second
    first_alone &= differ
    second_alone &= differ
  return alone


def _neighbour(labels, rows, columns, down, right):
  """Labels beside some pixels; at the border their own."""
  return labels[
    np.clip(rows + down, 0, labels.shape[0] - 1),
    np.clip(columns + right, 0, labels.shape[1] - 1),
  ]
