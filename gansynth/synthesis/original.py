"""Placing as the climate programs do it, with Python's generator and defects.

The numbers are theirs, for data sets that were made with them. What is known
to be wrong is kept:

- a crop whose surroundings begin beyond the top or left border is not tested
  for overlap, as a negative start of a slice counts from the end;
- a crop of twice the blend offset or less on a side is pasted and labelled,
  and nothing of it is blended in;
- the class and all but the first object of a crop are ignored.

`composition` has none of these.

Reference: Willard et al., "Closing the Domain Gap: Blended Synthetic Imagery
for Climate Object Detection", NeurIPS 2022 workshop Tackling Climate Change
with Machine Learning.
"""

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

_ATTEMPTS = 100  # for all objects of a canvas together
_SEPARATORS = "_/\\;:\0"


@dataclasses.dataclass(frozen=True, eq=False)
class Augmented:
  """A canvas with crops, before blending.

  Attributes:
    canvas: uint8 (side, side, 3), white where there is no crop.
    mask: bool (side, side), what is to be blended in.
    labels: (class, x and y of the centre, width, height) of each object, in
      parts of the side; the class is 0.
    label_text: the same as the lines of a label file.
    used: indices of the crops placed, in order.
    draws: every number drawn: crop, centre column, centre row and quarter
      turns of each attempt.
    placements: of each object `crop`, its index; `x0` and `y0`, column and row
      of its top left corner; `quarter_turns`, counter-clockwise.
  """

  canvas: np.ndarray
  mask: np.ndarray
  labels: tuple[tuple[int, float, float, float, float], ...]
  label_text: str
  used: tuple[int, ...]
  draws: tuple[int, ...]
  placements: tuple[dict[str, Any], ...]


def augment_image(
  crops: Sequence[np.ndarray],
  labels: Sequence[Sequence[float]],
  out_shape: int | Sequence[int],
  seed: int,
  num_objects: int,
  offset_ctr: int = 20,
  blend_offset: int = 20,
) -> Augmented:
  """Places crops on a white canvas, in at most 100 attempts.

  Args:
    crops: uint8 (height, width, 3) pictures of one object each.
    labels: for each crop its class, which is ignored, and x and y of the
      centre, width and height of the object, in parts of the crop's.
    out_shape: side of the canvas, or it twice.
    seed: of Python's generator.
    num_objects: to place; fewer are, where attempts run out.
    offset_ctr: least distance of a crop's centre from the border, in pixels.
    blend_offset: rim of a crop that is not blended in, and how far around it
      no other's blended part may be, in pixels.

  Raises:
    ValueError: crops, labels and options do not fit; the canvas is no square.
  """
  side = _side(out_shape, offset_ctr)
  _check(crops, labels, num_objects, offset_ctr, blend_offset)
  rng = random.Random(seed)
  canvas = np.full((side, side, 3), 255, np.uint8)
  mask = np.zeros((side, side), bool)
  rows, draws, placements = [], [], []
  for _ in range(_ATTEMPTS):
    if len(placements) == num_objects:
      break
    index = rng.randint(0, len(crops) - 1)
    x, y = (rng.randint(offset_ctr, side - offset_ctr) for _ in range(2))
    turns = rng.randint(0, 3)
    draws += [index, x, y, turns]
    crop = np.rot90(crops[index], turns)
    height, width = crop.shape[:2]
    x0, x1 = int(x - width / 2), int(x + width / 2)
    y0, y1 = int(y - height / 2), int(y + height / 2)
    if min(x0, x1, y0, y1) < 0 or max(x0, x1, y0, y1) > side:
      continue
    # Starts below 0 count from the end, here and in the mask: see above.
    near = np.s_[
      y0 - blend_offset : y1 + blend_offset,
      x0 - blend_offset : x1 + blend_offset,
    ]
    if mask[near].any():
      continue
    place = canvas[y0 : y0 + height, x0 : x0 + width]
    place[:] = crop[: place.shape[0], : place.shape[1]]
    mask[
      y0 + blend_offset : y1 - blend_offset,
      x0 + blend_offset : x1 - blend_offset,
    ] = True
    rows.append(_label(labels[index], (x0, y0), (width, height), turns, side))
    placements.append(
      {"crop": index, "x0": x0, "y0": y0, "quarter_turns": turns}
    )
  return Augmented(
    canvas,
    mask,
    tuple(rows),
    "".join(" ".join(map(str, row)) + "\n" for row in rows),
    tuple(each["crop"] for each in placements),
    tuple(draws),
    tuple(placements),
  )


def choose_crops(names: Sequence[str], count: int, seed: int) -> list[str]:
  """Returns which crops of a domain a run may use, each once.

  Args:
    names: of all, in a fixed order.
    count: how many.
    seed: of the run.

  Raises:
    ValueError: there are fewer.
  """
  if not 0 <= count <= len(names):
    raise ValueError(
      f"{count} crops are to be chosen, and there are {len(names)}; choose at "
      "most as many, or add crops"
    )
  return random.Random(seed).sample(list(names), count)


def choose_backgrounds(
  names: Sequence[str], count: int, seed: int
) -> list[str]:
  """Returns the background of each picture of a pair of domains.

  A sample without replacement; where there are too few, all of them in random
  order, and further samples until there are enough.

  Args:
    names: of all, in a fixed order.
    count: how many.
    seed: of the run.

  Raises:
    ValueError: there are none.
  """
  names = list(names)
  if not names:
    raise ValueError("there are no backgrounds to choose from; add some")
  rng = random.Random(seed)
  chosen = []
  while len(chosen) < count:
    chosen += rng.sample(names, min(len(names), count - len(chosen)))
  return chosen


def canvas_seed(random_seed: int, counter: int) -> int:
  """Returns the seed of a canvas; the counter goes from 1 over a whole run."""
  return random_seed + counter


def output_name(source: str, target: str, index: int, background: str) -> str:
  """Returns the name of a picture and of its label, without an ending.

  Args:
    source: domain of the objects.
    target: domain of the background.
    index: of the picture among those of the two domains.
    background: name of its file, without the ending.
  """
  return f"src_{source}_dst_{target}_mask{index}_bg_{background}"


def check_domain(name: str) -> None:
  """Raises ValueError on a domain that cannot be read back from file names."""
  found = sorted(set(name) & set(_SEPARATORS))
  if found or name in ("", ".", ".."):
    what = f"holds {found[0]!r}" if found else "is no name"
    raise ValueError(
      f"the domain {name!r} {what}, and original file names are split at "
      "underscores into their domains; rename it to letters, digits and "
      "hyphens, or choose the plain naming"
    )


def check_canvas(
  out_shape: int | Sequence[int],
  background: tuple[int, int],
  offset_ctr: int = 20,
) -> None:
  """Raises ValueError on a canvas that cannot be, or fits no background.

  Args:
    out_shape: see `augment_image`.
    background: its height and width.
    offset_ctr: see `augment_image`.
  """
  side = _side(out_shape, offset_ctr)
  if tuple(background) != (side, side):
    raise ValueError(
      f"the background is {background[1]} x {background[0]} pixels (width x "
      f"height), and the canvas {side} x {side}; in mode original both must "
      "agree, mode fixed takes any"
    )


def _side(out_shape, offset_ctr):
  sides = np.ravel(out_shape).tolist()
  if len(sides) not in (1, 2) or len(set(sides)) != 1:
    raise ValueError(
      f"out_shape is {out_shape!r}; the original is broken for canvases that "
      "are no squares: its mask is transposed and its labels are wrong. Give "
      "one side, or choose mode fixed, which takes any size"
    )
  if sides[0] < max(1, 2 * offset_ctr):
    raise ValueError(
      f"a side of {sides[0]} pixels leaves no place {offset_ctr} pixels from "
      f"its borders; expected at least {max(1, 2 * offset_ctr)}"
    )
  return sides[0]


def _check(crops, labels, num_objects, offset_ctr, blend_offset):
  for name, value in (
    ("num_objects", num_objects),
    ("offset_ctr", offset_ctr),
    ("blend_offset", blend_offset),
  ):
    if value < 0:
      raise ValueError(f"{name} is {value}; expected 0 or more")
  if not len(crops) or len(crops) != len(labels):
    raise ValueError(
      f"there are {len(crops)} crops and {len(labels)} labels; expected one "
      "label for each crop, and at least one crop"
    )
  for index, crop in enumerate(crops):
    if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8:
      raise ValueError(
        f"crop {index} is {crop.dtype} of shape {crop.shape}; expected uint8 "
        "(height, width, 3)"
      )


def _label(label, corner, size, turns, side):
  """A crop's label on the canvas, each number rounded as the original's."""
  _, x, y, width, height = (float(value) for value in label)
  center = [(x, y), (y, 1 - x), (1 - x, 1 - y), (1 - y, x)][turns]
  x, y = (
    (start + part * length) / side
    for start, part, length in zip(corner, center, size, strict=True)
  )
  if turns % 2:
    width, height = height, width
  return 0, x, y, width * size[0] / side, height * size[1] / side
