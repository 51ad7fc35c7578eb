"""How cut-outs are laid on a background: the options of `composition`."""

import dataclasses
import math
from typing import Any

ROTATIONS = ("auto", "none", "right_angles", "any")
REGIONS = ("auto", "mask", "box")
COLOR_MATCHES = ("none", "mean", "mean_std", "histogram")
REAL = ("count", "size", "place")
_COUNTS = (
  "min_objects",
  "max_objects",
  "min_distractors",
  "max_distractors",
  "offset_ctr",
  "blend_offset",
  "spacing",
)
_FRACTIONS = ("max_overlap", "max_truncation", "min_visible", "color_strength")


@dataclasses.dataclass(frozen=True)
class Rules:
  """What is placed, how often, how large, how turned, and how near.

  Lengths are in pixels of the background. Lists, as JSON has them, are taken
  for the pairs and for `use_real`.

  Attributes:
    min_objects: the fewest cut-outs asked for on a picture.
    max_objects: the most; between the two each number is as likely.
    min_distractors: the fewest cut-outs that carry no label.
    max_distractors: the most.
    scale: the least and the largest factor of a cut-out's size. Between them
      halving is as likely as doubling.
    rotation: "none"; "right_angles", exact without scaling; "any" angle;
      "auto" for any where every label of the cut-out has a mask, of which the
      new box is made, else right angles.
    flip: every other cut-out is mirrored left to right.
    offset_ctr: least distance of a cut-out's centre from the picture's border,
      or half the picture where that is less.
    blend_offset: of a cut-out without a mask, the width of the rim that only
      gives the blending context, narrower where a label needs the place; of
      one with a mask, the most that is blended of the object's surroundings.
      0 suits methods that paste, for which surroundings would be a fringe.
    spacing: pixels left free between what is blended in, while `max_overlap`
      is 0.
    max_overlap: the largest part of a cut-out's blended region, or of an
      earlier one's, that the two may have in common.
    max_truncation: the largest part of a cut-out's blended region that may lie
      outside the picture. At 0 a cut-out without a mask lies inside with its
      rim.
    min_visible: labels of which a smaller part is seen are dropped. No place
      is taken that would leave a cut-out no label, or an earlier label less.
    color_match: whether colours are brought towards those of the background
      around the place, see `color_matching`.
    color_strength: how far, from 0 to 1.
    attempts: places tried for each object before the picture has one less.
    region: what is blended: "mask", the cut-out's mask, else its labels;
      "box", all of it but the rim; "auto", the mask where it has one, else
      all. A cut-out with nothing around its mask is never blended by box.
    keep_colors: objects whose outlines are known keep their colours: the ground
      around them is first made as bright as the scene's. Blending would else
      move them along with it, and bleach them where the scene is brighter.
    use_real: what is drawn from the labels of real pictures: "count" instead
      of min_objects to max_objects, "size" (times `scale`), "place" (of the
      labels' centre).

  Raises:
    ValueError: an option is of another type or out of range.
  """

  min_objects: int = 3
  max_objects: int = 3
  min_distractors: int = 0
  max_distractors: int = 0
  scale: tuple[float, float] = (1.0, 1.0)
  rotation: str = "auto"
  flip: bool = False
  offset_ctr: int = 20
  blend_offset: int = 20
  spacing: int = 2
  max_overlap: float = 0.0
  max_truncation: float = 0.0
  min_visible: float = 0.25
  color_match: str = "none"
  color_strength: float = 1.0
  attempts: int = 100
  region: str = "auto"
  keep_colors: bool = True
  use_real: tuple[str, ...] = ()

  def __post_init__(self) -> None:
    for name in _COUNTS:
      self._check_count(name, 0)
    self._check_count("attempts", 1)
    for name in ("objects", "distractors"):
      low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
      if low > high:
        raise ValueError(
          f"min_{name} is {low} and max_{name} {high}; expected at most as many"
        )
    for name in _FRACTIONS:
      value = getattr(self, name)
      if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}; expected a number from 0 to 1")
    for name in ("flip", "keep_colors"):
      value = getattr(self, name)
      if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}; expected True or False")
    self._check_choice("rotation", ROTATIONS)
    self._check_choice("region", REGIONS)
    self._check_choice("color_match", COLOR_MATCHES)
    self._check_scale()
    self._check_use_real()

  def to_dict(self) -> dict[str, Any]:
    """The options as JSON has them; `Rules(**rules.to_dict())` is equal."""
    return {
      name: list(value) if isinstance(value, tuple) else value
      for name, value in vars(self).items()
    }

  def _check_count(self, name: str, least: int) -> None:
    value = getattr(self, name)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
      raise ValueError(
        f"{name} is {value!r}; expected a whole number of at least {least}"
      )

  def _check_choice(self, name: str, known: tuple[str, ...]) -> None:
    value = getattr(self, name)
    if value not in known:
      raise ValueError(
        f"{name} is {value!r}; expected one of {', '.join(known)}"
      )

  def _check_scale(self) -> None:
    value = self.scale
    if (
      not isinstance(value, list | tuple)
      or len(value) != 2
      or not all(_is_number(x) for x in value)
      or not 0 < value[0] <= value[1]
    ):
      raise ValueError(
        f"scale is {value!r}; expected the least and the largest factor, above "
        "0, such as (0.8, 1.25)"
      )
    object.__setattr__(self, "scale", (float(value[0]), float(value[1])))

  def _check_use_real(self) -> None:
    value = self.use_real
    if not isinstance(value, list | tuple) or any(x not in REAL for x in value):
      raise ValueError(
        f"use_real is {value!r}; expected any of {', '.join(REAL)} in a list"
      )
    object.__setattr__(self, "use_real", tuple(value))


def _is_number(value: Any) -> bool:
  return (
    isinstance(value, int | float)
    and not isinstance(value, bool)
    and math.isfinite(value)
  )
