"""Stick pictures of people."""

import numpy as np
import pytest

from gansynth.data.labels import poses

# A person who is seen from the front, so that the right is on the left.
STANDING = {
  "rankle": (40, 120),
  "rknee": (42, 95),
  "rhip": (50, 70),
  "rshoulder": (46, 36),
  "relbow": (34, 50),
  "rwrist": (20, 30),
  "lankle": (86, 120),
  "lknee": (80, 95),
  "lhip": (74, 70),
  "lshoulder": (78, 36),
  "lelbow": (92, 52),
  "lwrist": (98, 70),
  "cnose": (62, 16),
  "reye": (57, 11),
  "leye": (67, 11),
}
SIZE = (128, 128)


def person(**changes):
  """Joints of the standing person; None takes one away."""
  joints = {**STANDING, **changes}
  missing = (np.nan, np.nan)
  return np.array([joints[name] or missing for name in poses.JOINTS], float)


def at(picture, *point):
  x, y = np.round(point).astype(int)
  return picture[y, x].tolist()


def midway(first, second):
  return np.mean([STANDING[first], STANDING[second]], axis=0)


def test_limbs_torso_and_face_have_their_channels():
  picture = poses.draw(person()[None], SIZE)
  assert picture.shape == (128, 128, 3)
  assert picture.dtype == np.uint8
  for first, second in (
    ("ankle", "knee"),
    ("knee", "hip"),
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
  ):
    assert at(picture, *midway(f"r{first}", f"r{second}")) == [255, 0, 0]
    assert at(picture, *midway(f"l{first}", f"l{second}")) == [0, 255, 0]
  # The sides of the torso are limbs too.
  assert at(picture, *midway("rhip", "rshoulder")) == [255, 0, 255]
  assert at(picture, *midway("lhip", "lshoulder")) == [0, 255, 255]
  assert at(picture, 62, 55) == [0, 0, 255]
  assert at(picture, 62, 26) == [127, 127, 0]
  assert at(picture, *STANDING["reye"]) == [255, 0, 0]
  assert at(picture, *STANDING["leye"]) == [0, 255, 0]
  assert at(picture, 62, 100) == [0, 0, 0]
  assert set(np.unique(picture)) == {0, 127, 255}


@pytest.mark.parametrize(
  ("width", "thickness"), [(20, 1), (128, 3), (150, 3), (300, 7)]
)
def test_lines_grow_with_the_width(width, thickness):
  none = dict.fromkeys(STANDING)
  lower_leg = person(**{**none, "rankle": (15, 10), "rknee": (5, 10)})
  picture = poses.draw(lower_leg[None], (40, width))
  assert np.count_nonzero(picture[:, 10, 0]) == thickness


@pytest.mark.parametrize(
  ("gone", "kept"),
  [
    ("rknee", ("lknee", "lhip")),
    ("cnose", ("rankle", "rknee")),
    ("lshoulder", ("lelbow", "lwrist")),
  ],
)
def test_what_lacks_a_joint_is_left_out(gone, kept):
  whole = poses.draw(person()[None], SIZE)
  picture = poses.draw(person(**{gone: None})[None], SIZE)
  assert picture.any()
  assert (picture <= whole).all()
  assert at(picture, *STANDING[gone])[:2] == [0, 0]
  assert at(picture, *midway(*kept)) == at(whole, *midway(*kept)) != [0, 0, 0]
  # The torso needs its four corners, the neck both shoulders.
  assert at(picture, 62, 55)[2] == (0 if gone == "lshoulder" else 255)
  assert at(picture, 62, 26)[0] == (127 if gone == "rknee" else 0)


def test_nobody_is_black():
  assert not poses.draw(np.zeros((0, 15, 2)), SIZE).any()
  assert not poses.draw(np.full((1, 15, 2), np.nan), SIZE).any()


def test_several_people_are_drawn_together_in_any_order():
  people = [person(), person() * 0.5 + 30, person() * [0.7, 0.8] + [50, 0]]
  together = poses.draw(np.stack(people), SIZE)
  reversed_order = poses.draw(np.stack(people[::-1]), SIZE)
  np.testing.assert_array_equal(reversed_order, together)
  alone = [poses.draw(joints[None], SIZE) for joints in people]
  np.testing.assert_array_equal(together, np.max(alone, axis=0))


def test_parts_outside_are_cut_off():
  picture = poses.draw(person()[None] - [40, 60], (48, 48))
  whole = poses.draw(person()[None], (128, 48 + 40))
  # Lines are of other widths there; the torso has none.
  np.testing.assert_array_equal(picture[:, :, 2], whole[60:108, 40:, 2])


def test_who_is_mirrored_has_right_and_left_exchanged():
  joints = person()
  other = poses.exchange_sides(joints)
  index = poses.JOINTS.index
  np.testing.assert_array_equal(other[index("rwrist")], STANDING["lwrist"])
  np.testing.assert_array_equal(other[index("leye")], STANDING["reye"])
  np.testing.assert_array_equal(other[index("cnose")], STANDING["cnose"])
  np.testing.assert_array_equal(poses.exchange_sides(other), joints)
  other[:, 0] = 127 - other[:, 0]
  plain = poses.draw(joints[None], SIZE)
  mirrored = poses.draw(other[None], SIZE)
  np.testing.assert_array_equal(mirrored[..., 0], plain[:, ::-1, 1])
  np.testing.assert_array_equal(mirrored[..., 1], plain[:, ::-1, 0])
