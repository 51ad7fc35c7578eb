import itertools
import json
import zlib

import numpy as np
import pytest
from scipy import ndimage

from gansynth.synthesis import mask_changes
from gansynth.synthesis.mask_changes import Changes

# Nothing but what a test adds to it.
STILL = {"dilate": 0, "erode": 0, "elastic_alpha": 0.0, "flip": False}
EVERYTHING = Changes(
  dilate=3,
  erode=3,
  rotation=180.0,
  scale=(0.7, 1.5),
  vertical_flip=True,
  right_angles=True,
  paste=0.8,
  paste_regions=3,
)


def _rng(seed):
  return np.random.Generator(np.random.Philox(seed))


def _labels(seed=0, size=(48, 48), count=5, cells=6):
  """Irregular patches, such as land cover has."""
  rng = _rng([seed, 1])
  points = rng.random((cells * cells, 2)) * size
  rows, columns = np.indices(size)
  squares = (rows[..., None] - points[:, 0]) ** 2
  squares += (columns[..., None] - points[:, 1]) ** 2
  return rng.integers(0, count, len(points))[squares.argmin(-1)].astype(
    np.uint8
  )


def _change(labels, seed, other=None, **options):
  return mask_changes.change(
    labels, Changes(**{**STILL, **options}), _rng(seed), other
  )


@pytest.mark.parametrize("size", [(48, 48), (33, 20), (1, 7)])
def test_no_changes_are_none(size):
  labels = _labels(size=size)
  made, drawn = _change(labels, 3)
  np.testing.assert_array_equal(made, labels)
  assert made is not labels
  assert drawn == {
    "scale": 1.0,
    "angle": 0.0,
    "flip": False,
    "dilate": {},
    "erode": {},
  }


def test_no_label_is_made_up_and_the_map_stays_full():
  for seed in range(30):
    labels = _labels(seed, (40, 56)).astype(np.int32)
    labels[labels == 0] = 200
    other = _labels(seed + 100, (30, 30), count=3) + 10
    made, drawn = mask_changes.change(
      labels, EVERYTHING, _rng(seed), lambda other=other: other
    )
    assert made.shape == labels.shape
    assert made.dtype == labels.dtype
    pasted = {each["label"] for each in drawn["pasted"]}
    assert pasted <= set(other.ravel().tolist())
    assert set(made.ravel().tolist()) <= set(labels.ravel().tolist()) | pasted


def test_changes_are_a_function_of_the_generator():
  labels, other = _labels(1), _labels(2)
  first, second, third = (
    mask_changes.change(labels, EVERYTHING, _rng(seed), lambda: other)
    for seed in (5, 5, 6)
  )
  np.testing.assert_array_equal(first[0], second[0])
  assert first[1] == second[1]
  assert (first[0] != third[0]).any()
  # The same on any machine: this number may only change with the program.
  sums = [
    zlib.crc32(
      mask_changes.change(labels, EVERYTHING, _rng(seed), lambda: other)[0]
    )
    for seed in range(10)
  ]
  assert zlib.crc32(repr(sums).encode()) == 1091513411


def test_what_was_drawn_is_json():
  drawn, labels, other = [], _labels(1), _labels(2)
  for seed in range(5):
    _, one = mask_changes.change(labels, EVERYTHING, _rng(seed), lambda: other)
    assert json.loads(json.dumps(one)) == one
    drawn.append(one)
  assert all(0.7 <= one["scale"] <= 1.5 for one in drawn)
  assert all(0 <= one["angle"] < 360 for one in drawn)
  assert any(one["pasted"] for one in drawn)


@pytest.mark.parametrize("side", [12, 13])
def test_right_angles_and_flips_lose_no_pixel(side):
  labels = np.arange(side * side).reshape(side, side)
  seen = set()
  for seed in range(60):
    made, drawn = _change(
      labels, seed, right_angles=True, flip=True, vertical_flip=True
    )
    before = labels[:, ::-1] if drawn["flip"] else labels
    np.testing.assert_array_equal(
      made, np.rot90(before, int(drawn["angle"]) // 90)
    )
    seen.add((drawn["flip"], drawn["angle"]))
  assert seen == set(itertools.product((False, True), (0, 90, 180, 270)))


@pytest.mark.parametrize(
  ("options", "expected"),
  [
    ({"flip": True}, lambda labels: labels[:, ::-1]),
    ({"vertical_flip": True}, lambda labels: labels[::-1]),
  ],
)
def test_either_flip_is_half_of_the_time(options, expected):
  labels = np.arange(7 * 4).reshape(4, 7)
  flipped = 0
  for seed in range(200):
    made, _ = _change(labels, seed, **options)
    if (made != labels).any():
      np.testing.assert_array_equal(made, expected(labels))
      flipped += 1
  assert 75 < flipped < 125


def test_a_quarter_turn_of_another_shape_skips_no_line():
  # Its middle is on a pixel in one direction, between two in the other.
  labels = np.arange(9 * 6).reshape(6, 9)
  for seed in range(8):
    made, drawn = _change(labels, seed, right_angles=True)
    if drawn["angle"] == 90:
      steps = np.abs(np.diff(made[:, 1:-2], axis=0))
      assert (steps[1:-1] == 1).all()


@pytest.mark.parametrize("size", [(60, 60), (45, 70)])
def test_turned_and_scaled_maps_are_those_of_scipy(size):
  labels = _labels(4, size)
  for seed in range(10):
    made, drawn = _change(labels, seed, rotation=180.0, scale=(0.6, 1.6))
    angle = np.radians(drawn["angle"])
    turn = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    turn = np.array(turn) / drawn["scale"]
    middle = (np.array(size) - 1) / 2
    expected = ndimage.affine_transform(
      labels, turn, middle - turn @ middle, order=0, mode="reflect"
    )
    assert np.mean(made != expected) < 0.002


def test_angles_and_scales_cover_their_ranges_evenly():
  labels = _labels(size=(2, 2))
  drawn = [
    _change(labels, seed, rotation=30.0, scale=(0.5, 2.0))[1]
    for seed in range(400)
  ]
  angles = np.array([(one["angle"] + 180) % 360 - 180 for one in drawn])
  scales = np.log2([one["scale"] for one in drawn])
  for values, limit in ((angles, 30), (scales, 1)):
    assert np.abs(values).max() <= limit
    counts, _ = np.histogram(values, 4, (-limit, limit))
    assert counts.min() > 70


def test_elastic_changes_stay_at_borders_of_labels():
  labels = _labels(7, (96, 96))
  made, _ = _change(labels, 0, elastic_alpha=15.0)
  changed = made != labels
  assert 0.01 < changed.mean() < 0.2
  edge = ndimage.maximum_filter(labels, 9) != ndimage.minimum_filter(labels, 9)
  assert not (changed & ~edge).any()
  further, _ = _change(labels, 0, elastic_alpha=40.0)
  assert (further != labels).mean() > 1.5 * changed.mean()


def test_dilated_labels_grow_by_their_boxes():
  labels = np.zeros((12, 12), np.uint8)
  labels[4:8, 4:8] = 1
  seen = set()
  for seed in range(200):
    made, drawn = _change(labels, seed, dilate=3)
    if "0" in drawn["dilate"]:
      continue
    size = drawn["dilate"].get("1", 1)
    assert made.sum() == (3 + size) ** 2
    assert made[4:8, 4:8].all()
    rows, columns = np.nonzero(made)
    seen.add((size, int(rows.min()), int(columns.min())))
  # A box of side 2 leans to all four sides.
  sides = {(2, *corner) for corner in itertools.product((3, 4), (3, 4))}
  assert seen == {(1, 4, 4), (3, 3, 3)} | sides


def test_an_eroded_label_leaves_pixels_to_the_nearest_other():
  tried = 0
  for seed in range(80):
    labels = _labels(seed, (30, 37), count=4, cells=4)
    made, drawn = _change(labels, seed, erode=5)
    odd = [(int(k), side) for k, side in drawn["erode"].items()]
    if len(odd) != 1 or odd[0][1] % 2 == 0:
      continue
    tried += 1
    [(label, side)] = odd
    mask, box = labels == label, np.ones((side, side))
    kept = ndimage.binary_erosion(mask, box, border_value=1)
    kept |= mask & ~ndimage.binary_opening(mask, box)  # it is thin there
    # Of what is thin no pixel stays alone.
    around = ndimage.convolve(kept * 1, np.ones((3, 3)), mode="constant")
    assert not ((made == label) != kept)[around > 1].any()
    rows, columns = np.nonzero(labels != label)
    for row, column in np.argwhere(made != labels).tolist():
      distance = np.maximum(abs(rows - row), abs(columns - column))
      near = distance == distance.min()
      assert made[row, column] in labels[rows[near], columns[near]]
  assert tried > 3


def test_what_is_thinner_than_the_box_stays():
  labels = np.zeros((30, 30), np.uint8)
  labels[:, 20:] = 3
  labels[:, 9] = 1
  line = np.where(labels == 1, labels, 0)
  labels[np.arange(30), np.arange(30)[::-1]] = 2
  labels[5, 27] = 4
  thin = np.isin(labels, (1, 2, 4))
  changed = widened = 0
  for seed in range(40):
    made, _ = _change(labels, seed, dilate=4)
    np.testing.assert_array_equal(made[thin], labels[thin])
    assert not np.isin(made[~thin], (1, 2, 4)).any()
    changed += (made != labels).any()
    # It may get what others leave, and is not broken.
    made, _ = _change(line, seed, erode=4)
    assert (made == 1).any(axis=1).all()
    widened += (made == 1).sum() > 30
  assert changed > 20
  assert widened > 10


def test_no_label_vanishes_by_growth_of_the_others():
  labels = np.zeros((24, 24), np.uint8)
  labels[8:12, 8:12] = 1
  labels[12:16, 8:12] = 2
  for seed in range(60):
    made, _ = _change(labels, seed, dilate=5, erode=5)
    assert set(np.unique(made)) == {0, 1, 2}


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (2, 2)])
def test_boxes_larger_than_the_map_change_nothing(size):
  labels = np.arange(np.prod(size)).reshape(size) // 2
  for seed in range(20):
    made, drawn = _change(labels, seed, dilate=4, erode=4)
    if min([*drawn["dilate"].values(), *drawn["erode"].values(), 9]) > 2:
      np.testing.assert_array_equal(made, labels)


def test_areas_of_labels_stay_as_they_are_on_average():
  before, after = np.zeros(5), np.zeros(5)
  for seed in range(120):
    labels = _labels(seed)
    made, _ = mask_changes.change(
      labels, Changes(rotation=180.0, scale=(0.8, 1.25)), _rng(seed)
    )
    before += np.bincount(labels.ravel(), minlength=5)
    after += np.bincount(made.ravel(), minlength=5)
  np.testing.assert_allclose(after / before, 1, atol=0.05)


def _with_rectangles():
  other = np.zeros((24, 24), np.uint8)
  other[2:7, 3:9] = 4
  other[15:18, 11:14] = 4  # another region
  other[7:9, 9:12] = 5  # which touches the first at a corner
  return other


def test_one_region_is_pasted_where_it_was_drawn():
  labels = np.ones((40, 50), np.uint8)
  shapes = set()
  for seed in range(40):
    made, drawn = _change(
      labels, seed, _with_rectangles, paste=1.0, paste_labels=(4,)
    )
    [pasted] = drawn["pasted"]
    assert pasted["label"] == 4
    assert pasted["pixels"] == np.count_nonzero(made == 4)
    assert pasted["pixels"] == np.count_nonzero(made != labels)
    rows, columns = np.nonzero(made == 4)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert pasted["pixels"] == height * width
    if rows.min() > 0 and rows.max() < 39:
      middle = (rows.min() + rows.max()) / 2
      assert abs(middle - pasted["row"]) <= 0.51
      if columns.min() > 0 and columns.max() < 49:
        middle = (columns.min() + columns.max()) / 2
        assert abs(middle - pasted["column"]) <= 0.51
        shapes.add((height, width))
  assert shapes == {(5, 6), (3, 3)}


def test_pasted_regions_are_turned_and_scaled_as_maps_are():
  labels = np.ones((60, 60), np.uint8)
  sizes = []
  for seed in range(40):
    made, drawn = _change(
      labels,
      seed,
      _with_rectangles,
      paste=1.0,
      paste_labels=(5,),
      scale=(2.0, 2.0),
      right_angles=True,
    )
    [pasted] = drawn["pasted"]
    assert pasted["scale"] == 2
    rows, columns = np.nonzero(made == 5)
    if min(rows.min(), columns.min()) > 0 and max(*rows, *columns) < 59:
      size = (np.ptp(rows) + 1, np.ptp(columns) + 1)
      assert size == ((6, 4) if pasted["angle"] % 180 else (4, 6))
      sizes.append(size)
  assert len(set(sizes)) == 2


def test_a_region_covers_a_part_of_the_map_only():
  labels = np.zeros((40, 40), np.uint8)
  shares = []
  for seed in range(20):
    made, _ = _change(
      labels, seed, lambda: np.full((40, 40), 9, np.uint8), paste=1.0
    )
    shares.append((made == 9).mean())
  assert 0.2 < max(shares) < 0.28
  assert min(shares) > 0


def test_rare_labels_are_pasted_as_often_as_common_ones():
  other = np.zeros((20, 20), np.uint8)
  other[4:6, 4:6] = 1
  found = [
    _change(np.full((20, 20), 2), seed, lambda: other, paste=1.0)[1]
    for seed in range(100)
  ]
  labels = [each["label"] for one in found for each in one["pasted"]]
  assert len(labels) == 100
  assert 35 < labels.count(1) < 65


def test_regions_are_as_many_and_as_often_as_told():
  calls = []

  def other():
    calls.append(1)
    return _labels(1)

  labels, counts = _labels(), []
  for seed in range(90):
    _, drawn = _change(labels, seed, other, paste=0.5, paste_regions=3)
    counts.append(len(drawn["pasted"]))
  assert sum(counts) == len(calls)
  assert 30 < counts.count(0) < 60
  assert {1, 2, 3} < set(counts) | {4}
  assert max(counts) == 3
  _, drawn = _change(labels, 0, pytest.fail)
  assert "pasted" not in drawn


def test_nothing_is_pasted_where_no_map_has_the_label():
  calls = []

  def other():
    calls.append(1)
    return np.zeros((4, 4), np.uint8)

  labels = _labels()
  made, drawn = _change(labels, 0, other, paste=1.0, paste_labels=(3, 4))
  np.testing.assert_array_equal(made, labels)
  assert drawn["pasted"] == []
  assert len(calls) == 8


@pytest.mark.parametrize(
  ("options", "words"),
  [
    ({"dilate": -1}, r"dilate is -1; expected 0"),
    ({"erode": -1}, r"erode is -1; expected 0"),
    ({"elastic_alpha": -1.0}, r"elastic_alpha is -1"),
    ({"elastic_sigma": 0.0}, r"elastic_sigma is 0"),
    ({"rotation": 181.0}, r"rotation is 181.0; expected 0 to 180 degrees"),
    ({"rotation": float("nan")}, r"rotation is nan"),
    ({"scale": (1.2, 0.8)}, r"scale is \(1.2, 0.8\); expected the smallest"),
    ({"scale": (0.0, 1.0)}, r"scale is \(0.0, 1.0\)"),
    ({"scale": (1.0,)}, r"scale is \(1.0,\)"),
    ({"paste": 1.5}, r"paste is 1.5; expected a probability"),
    ({"paste_regions": 0}, r"paste_regions is 0; expected 1"),
    ({"paste_labels": (-1,)}, r"paste_labels are \(-1,\)"),
  ],
)
def test_wrong_ranges_are_refused(options, words):
  with pytest.raises(ValueError, match=words):
    Changes(**options)


def test_what_cannot_be_changed_is_refused():
  labels = _labels()
  with pytest.raises(ValueError, match=r"paste is 0.5, and there are no other"):
    _change(labels, 0, paste=0.5)
  with pytest.raises(ValueError, match=r"float64 of shape \(2, 2\)"):
    _change(np.zeros((2, 2)), 0)
  with pytest.raises(ValueError, match=r"labels are -1 to 0"):
    _change(labels, 0, lambda: np.array([[0, -1]]), paste=1.0)
