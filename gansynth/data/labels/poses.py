"""People as stick pictures, for networks that are shown poses.

Three channels as VUNet (Esser et al., CVPR 2018) draws them: right limbs, left
limbs, torso. Right and left are the person's own.
"""

import itertools

import numpy as np

from gansynth import images

_LIMBS = ("ankle", "knee", "hip", "shoulder", "elbow", "wrist")
JOINTS = (
  *(f"r{name}" for name in _LIMBS),
  *(f"l{name}" for name in _LIMBS),
  *("cnose", "reye", "leye"),
)
INDEX = {name: index for index, name in enumerate(JOINTS)}
_SIDES = ("r", "l")  # of the first two channels
_TORSO = tuple(
  INDEX[name] for name in ("lhip", "lshoulder", "rshoulder", "rhip")
)
_NECK = 127  # what the line from neck to nose is drawn in; all else is 255


def exchange_sides(joints: np.ndarray) -> np.ndarray:
  """Right joints become left ones: what a mirrored picture shows.

  Args:
    joints: (..., 15, 2), in the order of `JOINTS`.

  Returns:
    The same with other places in it; points are not moved.
  """
  others = {"r": "l", "l": "r", "c": "c"}
  order = [INDEX[others[name[0]] + name[1:]] for name in JOINTS]
  return joints[..., order, :]


def draw(people: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Draws people, each pixel the largest value of any of them.

  Limbs run from ankle to knee, hip, shoulder, elbow and wrist, and from nose
  to eye. The line from neck (midway between the shoulders) to nose is in both
  channels of limbs. Lines are int(3 * width / 128) pixels thick, at least 1.
  What has a joint missing is left out.

  Args:
    people: (people, 15, 2): x and y of each of `JOINTS`, in pixels, where
      (0, 0) is the centre of the first; NaN if it is missing. They may lie
      outside the picture.
    size: (height, width).

  Returns:
    uint8 (height, width, 3).
  """
  picture = np.zeros((*size, 3), np.uint8)
  for joints in people:
    picture = np.maximum(picture, _draw_person(joints, size))
  return picture


def _draw_person(joints: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Draws one person in the original's order, later over earlier."""
  channels = [np.zeros(size, np.uint8) for _ in range(3)]
  thickness = max(1, 3 * size[1] // 128)

  def line(channel, start, end, value=255):
    if np.isfinite(start).all() and np.isfinite(end).all():
      images.draw_line(channels[channel], start, end, thickness, value)

  if np.isfinite(joints[list(_TORSO)]).all():
    torso = images.fill_polygons(size, [joints[list(_TORSO)].tolist()])
    channels[2][torso >= 0] = 255
  nose = joints[INDEX["cnose"]]
  neck = (joints[INDEX["rshoulder"]] + joints[INDEX["lshoulder"]]) / 2
  for channel, side in enumerate(_SIDES):
    limb = [joints[INDEX[side + name]] for name in _LIMBS]
    for start, end in itertools.pairwise(limb):
      line(channel, start, end)
    line(channel, neck, nose, _NECK)
    line(channel, nose, joints[INDEX[f"{side}eye"]])
  return np.stack(channels, -1)
