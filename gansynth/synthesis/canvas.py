"""A background that cut-outs are put on, and what is seen of their labels."""

import dataclasses

import numpy as np

from gansynth.synthesis import color_matching, masks
from gansynth.synthesis.cutouts import Box
from gansynth.synthesis.labels import rle
from gansynth.synthesis.labels.objects import LabelledObject
from gansynth.synthesis.patches import Patch
from gansynth.synthesis.rules import Rules

_MOST_CONTEXT = 2  # pixels beyond its region that the blending reads
_RIM = 2  # pixels around a region by which its ground is adjusted
_FEW = 50  # pixels, too few to know a cut-out's surroundings by


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


class Canvas:
  """A picture that grows by one patch at a time.

  Attributes:
    picture: uint8 (height, width, 3), the background with what was put on it.
    mask: uint8 (height, width), 0..255, what is blended.
  """

  def __init__(self, background: np.ndarray, rules: Rules) -> None:
    """Starts with a background, uint8 (height, width, 3), left as it is."""
    size = background.shape[:2]
    self.picture = background.copy()
    self.mask = np.zeros(size, np.uint8)
    self._background = background
    self._rules = rules
    self._size = size
    self._taken = np.zeros(size, bool)  # regions and the space around them
    self._needed = np.zeros(size, bool)  # what earlier blending reads
    self._regions = []
    self._seen = []

  @property
  def num_objects(self) -> int:
    """Labels on the picture."""
    return len(self._seen)

  def objects(self) -> tuple[LabelledObject, ...]:
    """The labels, of what is seen of them now."""
    return tuple(self._to_object(x) for x in self._seen)

  def put(self, patch: Patch, row: int, column: int) -> bool:
    """Pastes a patch, its top left pixel at (row, column).

    Returns:
      Whether the rules allow it there; if not, nothing has changed.
    """
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
    for label in labels:  # No pixel belongs to two objects.
      solid = solid | label.mask
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
      here, there = masks.common(window, earlier.window)
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
    surroundings = np.uint8(255)
    if self._rules.keep_colors and context.any() and patch.own.any():
      image = self._adjusted(patch, image, inner, outer)
      surroundings = patch.faded[inner]
    # Where an earlier object needs its surroundings, only the object goes on
    # top; without context that is everywhere.
    free = context & ~self._needed[outer]
    weight = np.where(free, surroundings, opacity)
    over = weight > 0
    weight = weight[over][:, None].astype(np.float32) / np.float32(255)
    canvas = self.picture[outer]
    behind = canvas[over].astype(np.float32)
    mixed = behind + weight * (image[over] - behind)
    canvas[over] = np.rint(mixed).astype(np.uint8)

  def _adjusted(self, patch, image, inner, outer):
    """The pixels with the ground around known objects as bright as here.

    Blending moves a whole region by what its rim differs from the scene's; an
    object would be bleached where the ground is brighter, and lost.
    """
    region = patch.region > 0
    rim = masks.dilate(region, _RIM) & ~region & patch.context
    rim = rim[inner]
    if not rim.any():
      return image
    adjusted = color_matching.adjust(
      image,
      image[rim].mean(axis=0),
      self._background[outer][rim].mean(axis=0),
    )
    own = patch.own[inner][..., None] / np.float32(255)
    return np.rint(
      adjusted + own * (image.astype(np.float32) - adjusted)
    ).astype(np.uint8)

  def _matched(self, patch, image, outer):
    """The pixels in the colours of the background around the place."""
    around = patch.context.copy()
    for label in patch.labels:
      around &= ~label.mask
    if np.count_nonzero(around) < _FEW:
      around = patch.opacity >= patch.opacity.max() / 2
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
    mask = self.mask[outer]
    np.maximum(mask, values, out=mask)
    self._regions.append(_Blended(outer, region, area))
    spacing = self._rules.spacing
    # Of a narrow space between two regions each needs its half.
    needed = min(_MOST_CONTEXT, max(1, spacing // 2))
    self._mark(self._needed, region, outer, needed)
    self._mark(self._taken, region, outer, spacing)

  def _mark(self, plane, region, outer, radius):
    """Sets a region and what is up to `radius` pixels off, on the picture."""
    grown = masks.dilate(np.pad(region, radius), radius, square=True)
    top, left = outer[0].start - radius, outer[1].start - radius
    inner, window = masks.overlap(top, left, grown.shape, self._size)
    plane[window] |= grown[inner]

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


def _without(seen, window, solid):
  """What is left of a label behind something solid; None: all of it."""
  here, there = masks.common(window, seen.window)
  if not (solid[here] & seen.mask[there]).any():
    return None
  remaining = seen.mask.copy()
  remaining[there] &= ~solid[here]
  return remaining
