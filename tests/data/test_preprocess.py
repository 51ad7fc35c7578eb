"""The original's geometry and draws, and ours on top of it."""

import random

import numpy as np
import pytest

from gansynth import images
from gansynth.data import preprocess
from gansynth.data.preprocess import Preprocess


def picture(height, width, channels=3, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, channels), np.uint8)


def transform(image, mode, load_size=70, crop_size=64, **options):
  return preprocess.transform(
    image,
    preprocess=mode,
    load_size=load_size,
    crop_size=crop_size,
    **options,
  )


def at(x, y, flip=False):
  return {"crop_pos": (x, y), "flip": flip}


@pytest.mark.parametrize(
  ("mode", "load_size", "crop_size", "seed", "crop_pos", "flip"),
  [  # Recorded from the original, for a picture 120 wide and 90 high.
    ("resize_and_crop", 100, 64, 0, (24, 26), False),
    ("scale_width_and_crop", 100, 64, 0, (24, 6), False),
    ("crop", 100, 64, 0, (54, 12), True),
    ("none", 100, 64, 0, (54, 12), True),
    ("resize_and_crop", 100, 64, 1, (8, 36), True),
    ("scale_width_and_crop", 100, 64, 3, (15, 9), True),
  ],
)
def test_get_params_draws_like_the_original(
  mode, load_size, crop_size, seed, crop_pos, flip
):
  params = preprocess.get_params(
    (120, 90),
    preprocess=mode,
    load_size=load_size,
    crop_size=crop_size,
    rng=random.Random(seed),
  )
  assert params == {"crop_pos": crop_pos, "flip": flip}


def test_resize_and_crop_and_flip():
  image = picture(60, 90)
  square = images.resize(image, (70, 70))
  expected = square[6:70, 3:67]
  np.testing.assert_array_equal(
    transform(image, "resize_and_crop", params=at(3, 6)), expected
  )
  flipped = transform(image, "resize_and_crop", params=at(3, 6, flip=True))
  np.testing.assert_array_equal(flipped, expected[:, ::-1])
  kept = transform(
    image, "resize_and_crop", params=at(3, 6, flip=True), flip=False
  )
  np.testing.assert_array_equal(kept, expected)


@pytest.mark.parametrize(
  ("size", "load_size", "crop_size", "expected"),
  [
    ((80, 120), 70, 40, (46, 70)),  # int(46.67)
    ((40, 120), 70, 64, (64, 70)),  # at least the crop
    ((66, 70), 70, 64, (66, 70)),  # untouched
    ((60, 70), 70, 64, (64, 70)),  # wide enough, not high enough
  ],
)
def test_scale_width(size, load_size, crop_size, expected):
  image = picture(*size)
  result = transform(image, "scale_width", load_size, crop_size)
  np.testing.assert_array_equal(result, images.resize(image, expected))


@pytest.mark.parametrize(
  ("side", "rounded"),
  [(90, 88), (78, 80), (62, 64), (91, 92), (88, 88), (1, 4)],
)
def test_none_rounds_half_to_even_multiples_of_4(side, rounded):
  assert transform(picture(side, 8), "none").shape == (rounded, 8, 3)
  assert transform(picture(8, side), "none").shape == (8, rounded, 3)


def test_crop_pads_with_black_like_pillow():
  image = picture(40, 90)
  result = transform(image, "crop", params=at(30, 0))
  np.testing.assert_array_equal(result[:40, :60], image[:, 30:])
  assert result.shape == (64, 64, 3)
  assert not result[40:].any()
  assert not result[:, 60:].any()


def test_crop_leaves_small_pictures_alone():
  image = picture(40, 64)
  result = transform(image, "crop", params=at(7, 7))
  np.testing.assert_array_equal(result, image)


def test_gray_before_resizing():
  image = picture(60, 90)
  result = transform(image, "resize_and_crop", params=at(0, 0), grayscale=True)
  expected = images.resize(images.to_gray(image), (70, 70))[:64, :64]
  np.testing.assert_array_equal(result, expected)


def test_labels_are_not_blended():
  labels = np.array([[3, 200], [200, 3]], np.uint8)[..., None]
  result = transform(labels, "resize_and_crop", 64, 64, method="nearest")
  assert set(np.unique(result)) == {3, 200}


def test_a_crop_must_be_chosen():
  with pytest.raises(ValueError, match="70 x 70 is larger than crop_size 64"):
    transform(picture(60, 90), "resize_and_crop")


def test_unknown_mode_is_refused():
  with pytest.raises(ValueError, match="resize_and_crop, crop, scale_width"):
    transform(picture(60, 90), "stretch")


@pytest.mark.parametrize("field", ["mode", "evaluation_mode"])
def test_preprocess_refuses_unknown_modes(field):
  with pytest.raises(ValueError, match=f"{field} is 'resize'; expected one of"):
    Preprocess(**{field: "resize"})


@pytest.mark.parametrize("mode", ["resize_and_crop", "scale_width_and_crop"])
def test_preprocess_refuses_a_crop_larger_than_the_picture(mode):
  with pytest.raises(
    ValueError, match="load_size 60 is smaller than crop_size"
  ):
    Preprocess(mode, load_size=60, crop_size=64)


def test_every_position_and_both_flips_are_drawn():
  setting = Preprocess("crop", crop_size=6)
  rng = np.random.default_rng(0)
  draws = [setting.draw((8, 7), rng) for _ in range(200)]
  assert {draw["crop_pos"] for draw in draws} == {
    (x, y) for x in range(2) for y in range(3)
  }
  assert {draw["flip"] for draw in draws} == {True, False}


def test_train_is_one_draw_for_all():
  setting = Preprocess("resize_and_crop", load_size=20, crop_size=16)
  a = picture(30, 40)
  rng = np.random.default_rng(5)
  first, second = setting.train([a, 255 - a], rng)
  np.testing.assert_array_equal(first.shape, (16, 16, 3))
  np.testing.assert_allclose(first + second.astype(int), 255, atol=1)


def test_train_without_flip():
  setting = Preprocess("none", flip=False)
  image = picture(8, 8)
  rng = np.random.default_rng(0)
  for _ in range(20):
    np.testing.assert_array_equal(setting.train([image], rng)[0], image)


@pytest.mark.parametrize(
  ("mode", "size", "found"),
  [
    ("crop", (63, 200), r"is 200 x 63 pixels, smaller than crop_size 64"),
    ("crop", (1, 1), "is 1 x 1 pixels"),
  ],
)
def test_too_small_pictures_are_named(mode, size, found):
  setting = Preprocess(mode, load_size=100, crop_size=64)
  with pytest.raises(images.ImageError, match=found) as caught:
    setting.train([picture(*size)], np.random.default_rng(0), ["x/small.png"])
  assert "x/small.png" in str(caught.value)
  assert "resize_and_crop" in str(caught.value)


@pytest.mark.parametrize("mode", ["resize_and_crop", "scale_width_and_crop"])
def test_one_pixel_is_enlarged_where_the_mode_resizes(mode):
  setting = Preprocess(mode, load_size=20, crop_size=16)
  (result,) = setting.train([picture(1, 1)], np.random.default_rng(0))
  assert result.shape == (16, 16, 3)


@pytest.mark.parametrize(
  ("mode", "options", "expected"),
  [
    ("resize_and_crop", {}, (64, 64)),
    ("scale_width_and_crop", {}, (40, 72)),  # 70 x 39.67: multiples of 4
    ("scale_width", {"multiple": 1}, (39, 70)),
    ("crop", {}, (68, 120)),
    ("none", {"multiple": 32}, (64, 128)),
    ("crop", {"evaluation_mode": "resize_and_crop"}, (64, 64)),
  ],
)
def test_evaluation_size(mode, options, expected):
  setting = Preprocess(mode, load_size=70, crop_size=64, **options)
  image = picture(68, 120)
  result = setting.evaluate(image)
  np.testing.assert_array_equal(result, images.resize(image, expected))
