"""Generated pictures beside the true ones: by name, and pixel by pixel."""

import numpy as np
import pytest
import tiny

from gansynth.evaluation import pixels
from gansynth.metrics import picture_pairs, picture_sets
from gansynth.metrics.picture_pairs import PairError


def noise(*shape, seed=0):
  return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def pictures(*names, place, seed=0):
  arrays = noise(len(names), 12, 13, 3, seed=seed)
  return picture_sets.of_arrays(arrays, names, place)


def test_paths_decide_and_endings_do_not_count():
  made = pictures("b/1.png", "a/1.png", "a/2.png", "c.png", place="made")
  real = pictures("a/1.jpg", "a/3.jpg", "b/1.jpg", place="real", seed=1)
  pairs = picture_pairs.by_name(made, real)
  assert pairs.names == ("b/1.png", "a/1.png")
  expected = [(made[0], real[2]), (made[1], real[0])]
  for pair, wanted in zip(pairs, expected, strict=True):
    np.testing.assert_array_equal(pair, wanted)
  assert pairs.notes == (
    "2 of the 4 pictures of made have no partner and are left out of pairs",
    "1 of the 3 pictures of real have no partner and are left out of pairs",
  )


def test_where_no_path_is_the_same_names_of_files_decide():
  made = pictures("step/7/1.png", "step/7/2.png", place="made")
  real = pictures("1.jpg", "2.jpg", place="real", seed=1)
  pairs = picture_pairs.by_name(made, real)
  assert pairs.names == made.names
  assert pairs.notes == ()
  np.testing.assert_array_equal(pairs[1][1], real[1])


def test_pictures_without_partners_are_named():
  made = pictures("1_fake.png", "2_fake.png", place="made")
  real = pictures("1_real.png", place="real")
  with pytest.raises(PairError, match=r"no picture of made .1_fake\.png, 2_f"):
    picture_pairs.by_name(made, real)
  twice = pictures("1_fake.jpg", "1_fake.bmp", place="real")
  with pytest.raises(PairError, match=r"real: 1_fake\.jpg, 1_fake\.bmp are"):
    picture_pairs.by_name(made, twice)


def test_scores_are_those_of_every_pair_in_order():
  pairs = [(noise(12, 13, 3, seed=i), noise(12, 13, 3)) for i in range(5)]
  names = list("abcde")
  found = picture_pairs.pixel_scores(pairs, ("ssim", "psnr"), names)
  assert list(found) == ["ssim", "psnr"]
  for metric, function in (("ssim", pixels.ssim), ("psnr", pixels.psnr)):
    expected = [function(*pair) for pair in pairs]
    np.testing.assert_array_equal(found[metric], expected)
  assert found["psnr"][0] == np.inf  # the same picture
  assert found["ssim"][0] == 1


def test_what_cannot_be_compared_is_named():
  pairs = [
    (noise(12, 13, 3), noise(12, 13, 3)),
    (noise(12, 13, 3), noise(9, 9, 3)),
  ]
  words = "b: the generated picture has 12 x 13 pixels .* true one 9 x 9"
  with pytest.raises(PairError, match=words):
    picture_pairs.pixel_scores(pairs, ("psnr",), "ab")
  small = [(noise(9, 9, 3), noise(9, 9, 3))]
  with pytest.raises(PairError, match="a: SSIM needs pictures of 11"):
    picture_pairs.pixel_scores(small, ("ssim",), "a")


def test_files_of_different_sizes_are_told_by_their_headers(tmp_path):
  sizes = {f"{x}/{i}.png": (12, 13) for x in ("made", "real") for i in range(4)}
  sizes |= {"made/sub/2.png": (9, 13), "real/sub/2.png": (9, 14)}
  tiny.write_pictures(tmp_path, sizes)
  made, real = (picture_sets.open(tmp_path / x) for x in ("made", "real"))
  words = r"made: sub/2\.png has 9 x 13 pixels .*real: sub/2\.png 9 x 14; re"
  with pytest.raises(PairError, match=words):
    picture_pairs.by_name(made, real).check_sizes()
  tiny.write_pictures(tmp_path, {"real/0.png": (13, 12)})
  for each in (made, real):
    for path in (tmp_path / each.place).glob("*.png"):
      path.write_bytes(path.read_bytes()[:50])  # the header is whole
  with pytest.raises(PairError, match=r"0\.png 13 x 12 \(and 1 more pairs dif"):
    picture_pairs.by_name(made, real).check_sizes()
  resized = picture_sets.open(tmp_path / "made", size=(9, 14))
  assert resized.size(0) == (9, 14)


def test_sizes_that_no_header_tells_are_left_for_later(tmp_path):
  tiny.write_pictures(tmp_path, {"made/000000.png": (12, 13)})
  real = pictures("000000", place="real")
  assert real.size(0) is None
  (tmp_path / "real").mkdir()
  np.save(tmp_path / "real/000000.npy", noise(9, 9, 3))
  made = picture_sets.open(tmp_path / "made")
  for other in (
    real,
    picture_sets.open(tmp_path / "real", listing="cleanfid"),
  ):
    pairs = picture_pairs.by_name(made, other)
    pairs.check_sizes()
    assert pairs[0][0].shape == (12, 13, 3)
