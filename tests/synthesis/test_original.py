import collections

import numpy as np
import pytest

from gansynth.synthesis import original


def crop(height, width, box):
  """Grey, with a red object in the box, and its label."""
  left, top, right, bottom = box
  picture = np.full((height, width, 3), 90, np.uint8)
  picture[top:bottom, left:right] = (200, 0, 0)
  return picture, (
    3,
    (left + right) / 2 / width,
    (top + bottom) / 2 / height,
    (right - left) / width,
    (bottom - top) / height,
  )


def test_labels_are_around_what_was_placed():
  pictures, labels = zip(
    crop(61, 48, (5, 12, 20, 40)), crop(55, 90, (40, 3, 81, 30)), strict=True
  )
  turns = set()
  for seed in range(20):
    found = original.augment_image(pictures, labels, 200, seed, 1, 30, 5)
    assert found.canvas.shape == (200, 200, 3)
    rows, columns = np.nonzero((found.canvas == (200, 0, 0)).all(2))
    ((kind, x, y, width, height),) = found.labels
    assert kind == 0
    np.testing.assert_allclose(
      np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2]),
      np.array([columns[0], rows[0], columns.max() + 1, rows[-1] + 1]) / 200,
      atol=1e-12,
    )
    assert found.label_text == f"0 {x} {y} {width} {height}\n"
    (placement,) = found.placements
    turns.add(placement["quarter_turns"])
    height, width = pictures[placement["crop"]].shape[:2]
    if placement["quarter_turns"] % 2:
      height, width = width, height
    x0, y0 = placement["x0"], placement["y0"]
    mask = np.zeros((200, 200), bool)
    mask[y0 + 5 : y0 + height - 5, x0 + 5 : x0 + width - 5] = True
    np.testing.assert_array_equal(found.mask, mask)
    placed = (found.canvas != 255).any(2)
    assert placed[y0 : y0 + height, x0 : x0 + width].all()
    assert placed.sum() == height * width
    assert found.used == (placement["crop"],) == (found.draws[-4],)
  assert turns == {0, 1, 2, 3}


def test_rotation_is_counter_clockwise():
  picture, label = crop(40, 40, (20, 15, 40, 25))  # to the right
  sides = {0: "right", 1: "top", 2: "left", 3: "bottom"}
  for seed in range(12):
    found = original.augment_image([picture], [label], 100, seed, 1)
    (placement,) = found.placements
    (_, x, y, *_), x0, y0 = (
      found.labels[0],
      placement["x0"],
      placement["y0"],
    )
    across, down = x * 100 - x0 - 20, y * 100 - y0 - 20
    side = (
      ("right" if across > 0 else "left")
      if abs(across) > abs(down)
      else ("bottom" if down > 0 else "top")
    )
    assert side == sides[placement["quarter_turns"]]


def test_blended_parts_keep_apart_but_for_the_known_defect():
  picture, label = crop(50, 50, (10, 10, 40, 40))
  ends = collections.Counter()
  for seed in range(40):
    found = original.augment_image([picture], [label], 220, seed, 4, 25, 6)
    corners = [(each["x0"], each["y0"]) for each in found.placements]
    for later, (x, y) in enumerate(corners):
      near = any(
        abs(x - other_x) < 50 and abs(y - other_y) < 50
        for other_x, other_y in corners[:later]
      )
      ends[near, min(x, y) < 6] += 1
  # Rims of 6 and 6 may meet; pictures themselves only where a slice begins
  # below 0.
  assert ends[True, True]
  assert not ends[True, False]
  assert ends[False, False] > 50


def test_small_crops_are_labelled_and_not_blended():
  picture, label = crop(38, 30, (5, 5, 20, 20))
  found = original.augment_image([picture], [label], 150, 1, 3)
  assert len(found.labels) == 3
  assert not found.mask.any()
  assert (found.canvas != 255).any()


def test_attempts_run_out():
  picture, label = crop(120, 120, (5, 5, 20, 20))
  found = original.augment_image([picture], [label], 100, 1, 2)
  assert found.labels == found.used == ()
  assert found.label_text == ""
  assert len(found.draws) == 400
  np.testing.assert_array_equal(found.canvas, 255)
  none = original.augment_image([picture], [label], 100, 1, 0)
  assert none.draws == ()


def test_corners_are_cut_towards_zero():
  """A crop of one pixel more than the canvas is placed, and cut off."""
  picture, label = crop(101, 101, (5, 5, 20, 20))
  found = original.augment_image([picture], [label], 100, 0, 1, 50)
  assert found.placements[0]["x0"] == found.placements[0]["y0"] == 0
  turned = np.rot90(picture, found.placements[0]["quarter_turns"])
  np.testing.assert_array_equal(found.canvas, turned[:100, :100])


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"out_shape": (100, 80)}, r"\(100, 80\); the original is broken .* fixed"),
    ({"out_shape": (1, 2, 3)}, "broken"),
    ({"out_shape": 39}, "39 pixels leaves no place 20 .* at least 40"),
    ({"labels": []}, "1 crops and 0 labels"),
    ({"crops": [], "labels": []}, "at least one crop"),
    ({"num_objects": -1}, "num_objects is -1"),
    ({"offset_ctr": -1}, "offset_ctr is -1"),
    ({"blend_offset": -2}, "blend_offset is -2"),
    ({"crops": [np.zeros((5, 5, 4), np.uint8)]}, r"crop 0 is uint8 .*5, 5, 4"),
  ],
)
def test_what_does_not_fit_is_refused(options, message):
  picture, label = crop(10, 10, (2, 2, 5, 5))
  usual = {
    "crops": [picture],
    "labels": [label],
    "out_shape": (100, 100),
    "seed": 0,
    "num_objects": 1,
  }
  with pytest.raises(ValueError, match=message):
    original.augment_image(**usual | options)


def test_choices_are_those_of_pythons_generator():
  names = [f"{i:02}" for i in range(10)]
  crops = original.choose_crops(names, 4, 42)
  assert crops == ["01", "00", "04", "09"]
  assert original.choose_backgrounds(names, 4, 42) == crops
  many = original.choose_backgrounds(names, 25, 13)
  assert len(many) == 25
  assert sorted(many[:10]) == sorted(many[10:20]) == names
  assert many[:10] != many[10:20]
  assert len(set(many[20:])) == 5
  assert original.choose_backgrounds(names, 10, 13) == many[:10]
  with pytest.raises(ValueError, match=r"11 crops .* there are 10"):
    original.choose_crops(names, 11, 42)
  with pytest.raises(ValueError, match="no backgrounds"):
    original.choose_backgrounds([], 3, 42)


def test_names():
  assert original.canvas_seed(42, 1) == 43
  name = original.output_name("NW", "SW", 7, "tile 3")
  assert name == "src_NW_dst_SW_mask7_bg_tile 3"
  original.check_domain("Eastern-Midwest 2")
  for bad in ("", "..", "E_M", "a/b", "a\\b", "a;b"):
    with pytest.raises(ValueError, match=r"domain .* split at underscores"):
      original.check_domain(bad)
