"""Sizes, draws and cuts of pictures with their maps."""

import random

import numpy as np
import pytest

from gansynth import images
from gansynth.data.labels import preprocess
from gansynth.data.labels.preprocess import LabelPreprocess

SIZE = (170, 230)


def options(mode, load_size=80, crop_size=64, **others):
  return {
    "mode": mode,
    "load_size": load_size,
    "crop_size": crop_size,
    **others,
  }


@pytest.mark.parametrize(
  ("mode", "others", "expected"),
  [
    ("resize_and_crop", {}, (80, 80)),
    ("crop", {}, SIZE),
    ("scale_width", {}, (59, 80)),  # 59.13
    ("scale_width_and_crop", {}, (59, 80)),
    ("scale_shortside", {}, (170, 108)),  # the original's: 108.2, 170 stays
    ("scale_shortside", {"original": False}, (80, 108)),
    ("fixed", {"aspect_ratio": 2.0}, (32, 64)),
    ("fixed", {"aspect_ratio": 0.75}, (85, 64)),
    ("none", {}, (160, 224)),
    ("none", {"multiple": 16}, (176, 224)),
  ],
)
def test_sizes(mode, others, expected):
  assert preprocess.resized_size(SIZE, **options(mode), **others) == expected


def test_short_side_of_a_portrait():
  found = preprocess.resized_size(
    (230, 170), **options("scale_shortside"), original=False
  )
  assert found == (108, 80)


@pytest.mark.parametrize(
  ("mode", "load_size", "crop_size", "size", "seed", "position", "flip"),
  [
    # Of the original, for Python's generator.
    ("resize_and_crop", 286, 256, (480, 640), 1, (4, 18), True),
    ("scale_width_and_crop", 1024, 512, (640, 480), 1, (137, 582), True),
    ("scale_shortside_and_crop", 286, 256, (480, 640), 2, (122, 220), True),
    ("scale_shortside_and_crop", 286, 256, (640, 480), 1, (34, 72), True),
    ("crop", 286, 256, (200, 300), 2, (3, 0), False),
    ("fixed", 512, 512, (640, 480), 1, (0, 16), False),
  ],
)
def test_draws_are_the_originals(
  mode, load_size, crop_size, size, seed, position, flip
):
  found = preprocess.params(
    random.Random(seed),
    size,
    mode=mode,
    load_size=load_size,
    crop_size=crop_size,
  )
  assert found == {"crop_pos": position, "flip": flip}


def test_a_crop_beyond_the_picture_is_0():
  labels = np.full((3, 5), 4, np.uint8)
  at = {"crop_pos": (2, 1), "flip": False}
  found = preprocess.label_transform(
    labels, num_labels=9, params=at, **options("crop", crop_size=4)
  )
  expected = np.zeros((4, 4))
  expected[:2, :3] = 4
  np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("pad", [True, False])
def test_a_small_picture_is_padded_or_kept(pad):
  picture = np.full((3, 2, 3), 9, np.uint8)
  found = preprocess.transform(picture, pad=pad, **options("crop", crop_size=4))
  assert found.shape == ((4, 4, 3) if pad else (3, 2, 3))


def test_labels_keep_their_numbers_and_dont_care_becomes_one():
  labels = np.repeat([[3, 255, 7]], 4, 0).astype(np.uint8)
  found = preprocess.label_transform(
    labels,
    num_labels=182,
    params={"crop_pos": (0, 0), "flip": True},
    **options("resize_and_crop", load_size=6, crop_size=6),
  )
  np.testing.assert_array_equal(found, [[7, 7, 182, 182, 3, 3]] * 6)


def numbered(height=40, width=60):
  """Maps in which each pixel says where it is."""
  y, x = np.mgrid[:height, :width]
  return {
    "label": (x + y).astype(np.uint8),
    "instance": (1000 * y + x).astype(np.int32),
    "image": np.stack([y, x, x + y], -1).astype(np.uint8),
  }


@pytest.mark.parametrize("flip", [True, False])
def test_training_cuts_and_mirrors_all_maps_alike(flip):
  steps = LabelPreprocess("crop", crop_size=16, flip=flip)
  rng = np.random.default_rng(0)
  directions, corners = set(), set()
  for _ in range(20):
    maps = steps.train(numbered(), rng)
    y, x = maps["image"][..., 0].astype(int), maps["image"][..., 1].astype(int)
    assert maps["label"].shape == (16, 16)
    np.testing.assert_array_equal(maps["label"], x + y)
    np.testing.assert_array_equal(maps["instance"], 1000 * y + x)
    directions.add(x[0, 1] - x[0, 0])
    corners.add((y[0, 0], x.min()))
  assert directions == ({-1, 1} if flip else {1})
  assert len(corners) > 10


@pytest.mark.parametrize(
  ("mode", "stored", "top", "left"),
  [
    ("crop", (40, 61), 12, 22),
    ("scale_width_and_crop", (40, 61), 2, 8),  # 20 high, 32 wide
    ("crop", (10, 60), 0, 22),  # filled up below
  ],
)
def test_the_middle_is_cut_out_in_training_and_evaluation(
  mode, stored, top, left
):
  steps = LabelPreprocess(
    mode, load_size=32, crop_size=16, center_crop=True, flip=False
  )
  maps = numbered(*stored)
  expected = {}
  for key, value in maps.items():
    if mode != "crop":
      method = "bicubic" if key == "image" else "nearest"
      value = images.resize(value, (20, 32), method)
    part = value[top : top + 16, left : left + 16]
    expected[key] = np.zeros((16, 16, *part.shape[2:]), part.dtype)
    expected[key][: len(part)] = part
  trained = steps.train(maps, np.random.default_rng(0))
  evaluated = steps.evaluate(maps)
  for key, value in expected.items():
    np.testing.assert_array_equal(trained[key], value)
    np.testing.assert_array_equal(evaluated[key], value)


def test_evaluation_may_keep_the_whole_in_spite_of_the_middle():
  steps = LabelPreprocess(
    "crop", crop_size=16, center_crop=True, evaluation_mode="none"
  )
  assert steps.evaluate(numbered(32, 64))["label"].shape == (32, 64)


@pytest.mark.parametrize("mode", preprocess.MODES)
def test_points_move_with_the_picture(mode):
  steps = LabelPreprocess(mode, load_size=60, crop_size=48, multiple=2)
  y, x = np.mgrid[:80, :120].astype(np.float32)
  picture = np.stack([x, y], -1)  # that says where its pixels were
  stored = np.array([[55.0, 38.0], [70.0, 44.0]])
  rng = np.random.default_rng(3)
  compared = 0
  for _ in range(10):
    placement = steps.training_placement({"image": picture}, rng)
    moved = placement.place_points(stored, (80, 120))
    placed = placement.place(picture)
    assert placed.shape[:2] == placement.size
    for (column, row), point in zip(moved, stored, strict=True):
      inside = [0 <= column < placed.shape[1] - 1, 0 <= row < len(placed) - 1]
      if not all(inside):
        continue
      left, top = int(column), int(row)
      (a, b), (c, d) = placed[top : top + 2, left : left + 2]
      across, down = column - left, row - top
      found = (a * (1 - across) + b * across) * (1 - down)
      found += (c * (1 - across) + d * across) * down
      np.testing.assert_allclose(found, point, atol=0.05)
      compared += 1
  assert compared > 2


def test_the_draws_do_not_depend_on_the_mode():
  states = set()
  for mode in preprocess.MODES:
    rng = np.random.default_rng(1)
    LabelPreprocess(mode, load_size=64, crop_size=32).train(numbered(), rng)
    states.add(rng.bit_generator.state["state"]["state"])
  assert len(states) == 1


def test_training_equals_the_originals_arithmetic():
  maps = numbered(50, 33)
  for mode in preprocess.MODES:
    size = options(mode, load_size=64, crop_size=48)
    steps = LabelPreprocess(**size, flip=False, multiple=1, original_crops=True)
    rng = np.random.default_rng(2)
    made = steps.train(maps, rng)
    height, width = preprocess.resized_size((50, 33), **size, multiple=1)
    rng = np.random.default_rng(2)
    draws = rng.random(2)
    at = tuple(
      int(draw * (max(0, side - 48) + 1))
      for draw, side in zip(draws, (width, height), strict=True)
    )
    for key, method in {"image": "bicubic", "instance": "nearest"}.items():
      expected = preprocess.transform(
        maps[key],
        params={"crop_pos": at, "flip": False},
        method=method,
        multiple=1,
        **size,
      )
      np.testing.assert_array_equal(made[key], expected)


@pytest.mark.parametrize(
  ("mode", "others", "expected"),
  [
    ("resize_and_crop", {}, (64, 64)),
    ("crop", {}, (160, 224)),
    ("scale_width", {"multiple": 16}, (64, 80)),  # 59 high
    ("scale_width_and_crop", {"multiple": 16}, (64, 80)),
    ("scale_shortside_and_crop", {"multiple": 16}, (80, 112)),  # 108 wide
    ("fixed", {"aspect_ratio": 2.0}, (32, 64)),
    ("none", {"multiple": 4}, (168, 232)),
    ("crop", {"evaluation_mode": "resize_and_crop"}, (64, 64)),
  ],
)
def test_evaluation_keeps_all_of_the_picture(mode, others, expected):
  steps = LabelPreprocess(mode, load_size=80, crop_size=64, **others)
  maps = steps.evaluate(numbered(*SIZE))
  assert {value.shape[:2] for value in maps.values()} == {expected}
  # Corners are kept: what comes out ends where the picture ends.
  assert maps["instance"][-1, -1] // 1000 > 0.98 * 170


def test_other_sizes_are_refused_where_they_do_not_fit():
  maps = numbered()
  maps["image"] = maps["image"][:30]
  with pytest.raises(
    images.ImageError,
    match=r"a\.jpg: the sizes differ .*label 60 x 40, .*image 60 x 30",
  ):
    LabelPreprocess("crop", crop_size=8).train(
      maps, np.random.default_rng(0), "a.jpg"
    )
  made = LabelPreprocess("fixed", crop_size=32).evaluate(maps)
  assert made["image"].shape[:2] == made["label"].shape == (32, 32)


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"mode": "resize"}, "preprocess is 'resize'"),
    ({"evaluation_mode": "half"}, "preprocess is 'half'"),
    ({"load_size": 100}, "load_size 100 is smaller than crop_size 256"),
    ({"aspect_ratio": 0.0}, "aspect_ratio is 0.0"),
    ({"mode": "fixed", "center_crop": True}, "'fixed' does not crop"),
  ],
)
def test_bad_options_are_refused(fields, message):
  with pytest.raises(ValueError, match=message):
    LabelPreprocess(**fields)
