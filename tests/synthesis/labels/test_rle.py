import doctest
import inspect

import numpy as np
import pytest

from gansynth.synthesis.labels import rle as rle_lib
from gansynth.synthesis.labels.rle import Rle

mask_lib = pytest.importorskip("pycocotools.mask")


def random_masks():
  """Sparse and dense ones, and long runs."""
  rng = np.random.default_rng(0)
  for share in (0, 0.02, 0.5, 0.9, 1):
    for size in ((1, 1), (1, 9), (7, 1), (13, 8), (40, 64)):
      yield rng.random(size) < share
  for size in ((300, 211), (33, 1000)):  # long runs
    mask = np.zeros(size, bool)
    mask[5:20, 8:200] = True
    mask[:, 40:43] = True
    yield mask


def reference(rle):
  """The same mask as pycocotools' own."""
  size = [rle.height, rle.width]
  return mask_lib.frPyObjects({"size": size, "counts": list(rle.counts)}, *size)


def compressed(mask):
  return mask_lib.encode(np.asfortranarray(mask, np.uint8))


@pytest.mark.parametrize(
  "mask", list(random_masks()), ids=lambda x: str(x.shape)
)
def test_masks_are_as_pycocotools_has_them(mask):
  rle = rle_lib.encode(mask)
  expected = compressed(mask)
  assert rle_lib.to_string(rle) == expected["counts"].decode()
  assert reference(rle)["counts"] == expected["counts"]
  found = rle_lib.decode(rle)
  assert found.dtype == bool
  np.testing.assert_array_equal(found, mask)
  assert rle_lib.from_string(expected["counts"], *mask.shape) == rle
  assert rle_lib.from_string(expected["counts"].decode(), *mask.shape) == rle
  assert rle_lib.from_counts(list(rle.counts), *mask.shape) == rle
  assert rle_lib.area(rle) == mask_lib.area(expected)
  left, top, width, height = mask_lib.toBbox(expected)
  assert rle_lib.box(rle) == (left, top, left + width, top + height)


def test_runs_of_no_length_are_runs():
  rle = rle_lib.from_string("0022", 2, 2)
  assert rle.counts == (0, 0, 2, 2)
  np.testing.assert_array_equal(rle_lib.decode(rle), [[0, 1], [0, 1]])
  assert rle_lib.box(rle) == (1, 0, 2, 2)


def polygons(count):
  rng = np.random.default_rng(1)
  for index in range(count):
    number = rng.integers(3, 12)
    polygon = rng.uniform(-15, 65, 2 * number)
    if index % 3 == 1:  # borders and halves, where rounding decides
      polygon = np.round(2 * polygon) / 2
    elif index % 3 == 2:
      polygon = np.round(polygon)
      polygon[2:4] = polygon[:2]  # a vertex twice
    yield polygon.tolist()


def test_polygons_are_rasterised_as_by_pycocotools():
  height, width = 37, 50
  covered = 0
  for polygon in polygons(600):
    found = rle_lib.from_polygons([polygon], height, width)
    expected = mask_lib.frPyObjects([polygon], height, width)[0]
    assert rle_lib.to_string(found) == expected["counts"].decode(), polygon
    covered += rle_lib.area(found)
  assert covered > 600 * 200


def test_several_polygons_are_united():
  height, width = 37, 50
  several = list(polygons(3))
  parts = mask_lib.frPyObjects(several, height, width)
  expected = mask_lib.merge(parts)["counts"].decode()
  found = rle_lib.from_polygons(several, height, width)
  assert rle_lib.to_string(found) == expected
  pairs = [np.reshape(each, (-1, 2)) for each in several]
  assert rle_lib.from_polygons(pairs, height, width) == found


def test_a_polygon_along_pixel_edges_is_its_pixels():
  mask = np.zeros((6, 8), bool)
  mask[1:4, 2:7] = True
  polygon = [2, 1, 7, 1, 7, 4, 2, 4]
  assert rle_lib.from_polygons([polygon], 6, 8) == rle_lib.encode(mask)


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (lambda: rle_lib.from_string("2 2", 2, 2), "character 2 .* is ' '"),
    (lambda: rle_lib.from_string("2é", 2, 2), "character 2 .* is 'é'"),
    (lambda: rle_lib.from_string("22P", 2, 2), "3 characters .* end within"),
    (lambda: rle_lib.from_string("P" * 90, 2, 2), "character 14 .*64 bits"),
    (lambda: rle_lib.from_string("2N4", 2, 2), "run 2 has a length of -2"),
    (lambda: rle_lib.from_string("22", 2, 3), "sum to 4; expected 6"),
    (lambda: rle_lib.from_counts([2, 3], 2, 2), "sum to 5; expected 4"),
    (lambda: rle_lib.from_counts([2, 2.0], 2, 2), "run length is 2.0; exp"),
    (lambda: rle_lib.decode(Rle(2, 2, (1,))), "sum to 1; expected 4"),
    (lambda: rle_lib.encode(np.zeros((2, 2, 3))), r"shape \(2, 2, 3\)"),
    (lambda: rle_lib.from_polygons([], 2, 2), "no polygons"),
    (lambda: rle_lib.from_polygons([[1, 2, 3, 4]], 2, 2), "has 4 numbers"),
    (lambda: rle_lib.from_polygons([["a"] * 6], 2, 2), r"is \['a', 'a'"),
    (
      lambda: rle_lib.from_polygons([[0, 0, 1, 0, 1, np.nan]], 2, 2),
      "coordinate of nan",
    ),
    (
      lambda: rle_lib.from_polygons([[0, 0, 1, 0, 1, 1e9]], 2, 2),
      r"coordinate of 1e\+09 pixels",
    ),
  ],
)
def test_what_is_damaged_is_refused(call, message):
  with pytest.raises(ValueError, match=message):
    call()


def test_the_example():
  assert inspect.getdoc(rle_lib).count(">>>") == 2
  assert doctest.testmod(rle_lib).failed == 0
