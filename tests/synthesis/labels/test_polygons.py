import doctest

import numpy as np
import pytest

from gansynth.synthesis.labels import polygons, rle

mask_lib = pytest.importorskip("pycocotools.mask")


pytestmark = pytest.mark.filterwarnings(
  "ignore:__array__ implementation:DeprecationWarning"  # pycocotools' decoding
)


def random_masks():
  """All kinds of corners, holes, and pixels that touch by a corner only."""
  rng = np.random.default_rng(3)
  for share in (0.1, 0.3, 0.5, 0.7, 0.95, 1):
    for _ in range(40):
      size = rng.integers(1, 14, 2)
      mask = rng.random(size) < share
      if mask.any():
        yield mask


def nested():
  """An island in a hole, and two holes side by side in one part."""
  mask = np.zeros((15, 24), bool)
  mask[1:14, 1:23] = True
  mask[3:12, 3:12] = False
  mask[5:10, 5:10] = True
  mask[6:8, 6:8] = False
  mask[4:7, 15:20] = False
  mask[5:9, 14:16] = False
  return mask


def rasterised(outlines, mask):
  """What pycocotools makes of polygons."""
  encoded = mask_lib.merge(mask_lib.frPyObjects(outlines, *mask.shape))
  return mask_lib.decode(encoded).astype(bool)


def parts(mask):
  """Number of parts connected by sides, by filling them."""
  left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
  found = 0
  while left:
    found += 1
    stack = [left.pop()]
    while stack:
      y, x = stack.pop()
      for each in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
        if each in left:
          left.remove(each)
          stack.append(each)
  return found


def test_outlines_give_the_mask_again():
  for mask in (nested(), *random_masks()):
    outlines = polygons.from_mask(mask)
    assert len(outlines) == parts(mask)
    np.testing.assert_array_equal(rasterised(outlines, mask), mask)
    ours = rle.decode(rle.from_polygons(outlines, *mask.shape))
    np.testing.assert_array_equal(ours, mask)


def test_one_polygon_holds_all_parts():
  for mask in (nested(), *random_masks()):
    joined = polygons.join(polygons.from_mask(mask))
    np.testing.assert_array_equal(rasterised([joined], mask), mask)


def test_areas_of_outlines_are_those_of_the_parts():
  """The lines that join holes enclose nothing: by the formula."""
  mask = np.zeros((9, 9), bool)
  mask[1:8, 1:8] = True
  mask[3:5, 3:6] = False
  (outline,) = polygons.from_mask(mask)
  # Corners of both, and the two ends of the line there and back once more.
  assert len(outline) == 2 * (4 + 4 + 2)
  assert shoelace(outline) == 49 - 6
  for mask in (nested(), *random_masks()):
    outlines = polygons.from_mask(mask)
    assert sum(map(shoelace, outlines)) == mask.sum()
    assert shoelace(polygons.join(outlines)) == mask.sum()


def shoelace(outline):
  ring = np.array(outline).reshape(-1, 2)
  following = np.roll(ring, -1, 0)
  return (ring[:, 0] * following[:, 1] - ring[:, 1] * following[:, 0]).sum() / 2


def test_an_empty_mask_has_no_outline():
  assert polygons.from_mask(np.zeros((4, 5))) == []


def test_examples():
  tests = doctest.DocTestFinder().find(
    polygons, globs={**vars(polygons), "np": np}
  )
  assert any(test.examples for test in tests)
  for test in tests:
    assert doctest.DocTestRunner().run(test).failed == 0
