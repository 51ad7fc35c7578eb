import numpy as np
import pytest

from gansynth.blending import inputs
from gansynth.blending.inputs import BlendError, prepare

RNG = np.random.default_rng(0)
SOURCE = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
TARGET = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
MASK = np.zeros((6, 8), bool)
MASK[2:4, 3:6] = True


@pytest.mark.parametrize(
  "mask",
  [
    MASK,
    MASK.astype(np.uint8),
    MASK.astype(np.int64) * 255,
    MASK.astype(np.uint16) * 65535,
    MASK.astype(np.float64),
    MASK.astype(np.float32) * 255,
    MASK[..., None],
    np.repeat(MASK[..., None], 3, axis=2),
    np.repeat(MASK[..., None], 3, axis=2).astype(np.uint8) * 255,
    np.dstack([np.ones((6, 8, 3), np.uint8) * 255, MASK * np.uint8(255)]),
    np.dstack([*[MASK * np.uint8(255)] * 3, np.full((6, 8), 255, np.uint8)]),
  ],
)
def test_masks_of_any_kind(mask):
  found = prepare(SOURCE, TARGET, mask).mask
  assert found.dtype == np.float32
  np.testing.assert_allclose(found, MASK, atol=1e-6)
  assert found.max() <= 1


def test_fractions_are_kept():
  mask = MASK * np.float32(0.25)
  np.testing.assert_array_equal(prepare(SOURCE, TARGET, mask).mask, mask)
  found = prepare(SOURCE, TARGET, MASK * np.uint8(51)).mask
  np.testing.assert_allclose(found, MASK * 0.2, atol=1e-7)


def test_kinds_of_pictures():
  as_float = SOURCE / 255
  found = prepare(as_float, TARGET, MASK)
  assert found.source.dtype == found.target.dtype == np.float32
  np.testing.assert_allclose(found.source, as_float, atol=1e-7)
  np.testing.assert_allclose(found.target, TARGET / 255, atol=1e-7)
  wide = prepare(SOURCE.astype(np.uint16) * 257, TARGET, MASK)
  np.testing.assert_allclose(wide.source, as_float, atol=1e-7)
  gray = prepare(SOURCE[..., 0], TARGET[..., :1], MASK)
  assert gray.source.dtype == np.uint8
  np.testing.assert_array_equal(gray.source[..., 2], SOURCE[..., 0])
  np.testing.assert_array_equal(gray.target[..., 1], TARGET[..., 0])


def test_transparency():
  """An object's is its mask, a target's is dropped."""
  source = np.dstack([SOURCE, MASK * np.uint8(255)])
  target = np.dstack([TARGET, np.zeros((6, 8), np.uint8)])
  found = prepare(source, target)
  np.testing.assert_array_equal(found.mask, MASK)
  np.testing.assert_array_equal(found.source, SOURCE)
  np.testing.assert_array_equal(found.target, TARGET)
  full = np.ones((6, 8), bool)
  assert prepare(source, target, full).mask.all()  # a mask given goes first


@pytest.mark.parametrize("position", [(1, 2), (-3, 6), (4, -5)])
def test_position(position):
  top, left = position
  scene = np.zeros((7, 10, 3), np.uint8)
  full = np.ones((6, 8), bool)
  found = prepare(SOURCE, scene, full, position)
  assert found.source.shape == scene.shape
  for i in range(7):
    for j in range(10):
      inside = 0 <= i - top < 6 and 0 <= j - left < 8
      assert found.mask[i, j] == inside
      row, column = np.clip((i - top, j - left), 0, (5, 7))
      np.testing.assert_array_equal(found.source[i, j], SOURCE[row, column])


def test_box():
  assert prepare(SOURCE, TARGET, MASK).box == (2, 4, 3, 6)
  assert prepare(SOURCE, TARGET, np.ones((6, 8))).box == (0, 6, 0, 8)


def with_value(array, value):
  array = array.astype(np.float64)
  array[2, 3] = value
  return array


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((SOURCE[:4], TARGET, MASK[:4]), "source is 4 x 8 and the target 6 x 8"),
    ((SOURCE, TARGET, MASK[:4]), "mask is 4 x 8 and the source 6 x 8"),
    ((SOURCE, TARGET, MASK & False), "mask is empty"),
    ((SOURCE, TARGET), "there is no mask"),
    ((SOURCE, TARGET, MASK, (6, 0)), r"\(6, 0\) lies wholly outside"),
    ((SOURCE, TARGET, MASK, (0, -8)), "wholly outside the target of 6 x 8"),
    ((SOURCE, TARGET, MASK, (-5, 0)), "all that the mask covers"),
    ((SOURCE, TARGET, MASK, "left"), "position is 'left'"),
    ((SOURCE[:1, :1], TARGET, MASK), "1 x 1 pixels"),
    ((SOURCE[..., :2], TARGET, MASK), r"shape \(6, 8, 2\)"),
    ((SOURCE.astype(np.int32), TARGET, MASK), "source is of type int32"),
    ((SOURCE * 1.0, TARGET, MASK), r"values from \d+ to 2\d\d"),
    (
      (with_value(SOURCE / 255, np.nan), TARGET, MASK),
      "3 values of the source are NaN.*row 2, column 3",
    ),
    ((SOURCE, TARGET, with_value(MASK, np.inf)), "1 values of the mask"),
    ((SOURCE, TARGET, with_value(MASK, -0.5)), "values from -0.5 to 1"),
    ((SOURCE, TARGET, MASK * np.uint8(7)), "largest value is 7"),
    ((SOURCE, TARGET, MASK.astype("U1")), "mask is of type <U1"),
    ((SOURCE, TARGET, np.ones((6, 8, 2))), r"mask has shape \(6, 8, 2\)"),
  ],
)
def test_what_cannot_be_blended_is_refused(arguments, message):
  with pytest.raises(BlendError, match=message):
    prepare(*arguments)
  assert issubclass(inputs.BlendError, ValueError)
