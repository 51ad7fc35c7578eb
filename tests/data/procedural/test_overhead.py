import zlib

import numpy as np
import pytest

from gansynth.data.procedural import (
  OverheadTiles,
  TurbineCutouts,
  regions,
  turbines,
)

NAMES = ("farmland", "desert", "boreal")


@pytest.mark.parametrize("size", [(64, 96), (176, 160), (33, 47)])
def test_shapes_and_types(size):
  tiles = OverheadTiles(seed=1, size=size)
  cover = tiles.land_cover(0)
  assert cover["image"].shape == (*size, 3)
  assert cover["image"].dtype == np.uint8
  assert cover["label"].shape == size
  assert cover["label"].dtype == np.uint8
  farm = tiles.turbines(1)
  assert farm["image"].shape == (*size, 3)
  assert farm["boxes"].dtype == np.float32
  assert farm["boxes"].shape[1:] == (4,)
  assert farm["label"].shape == farm["instance"].shape == size
  assert farm["instance"].dtype == np.int32


@pytest.mark.parametrize("region", NAMES)
def test_all_classes_occur(region):
  tiles = OverheadTiles(seed=0, size=(64, 64), region=region)
  share = np.zeros(6)
  for index in range(24):
    label = tiles.land_cover(index)["label"]
    share += np.bincount(label.ravel(), minlength=6)
  share /= share.sum()
  assert len(share) == len(regions.CLASSES) == len(regions.PALETTE)
  assert share.min() > 0.005


def test_regions_look_different():
  means = []
  for region in NAMES:
    tiles = OverheadTiles(seed=0, size=(64, 64), region=region)
    pictures = [tiles.turbines(index)["image"] for index in range(8)]
    means.append(np.mean(pictures, axis=(0, 1, 2)))
  for first in range(3):
    for second in range(first):
      assert np.abs(means[first] - means[second]).max() > 30.0


def test_names_and_numbers_are_the_same_regions():
  for number, name in enumerate(NAMES):
    by_name = OverheadTiles(seed=0, size=(32, 32), region=name)
    by_number = OverheadTiles(seed=0, size=(32, 32), region=number)
    np.testing.assert_array_equal(
      by_name.land_cover(2)["image"], by_number.land_cover(2)["image"]
    )


def test_classes_are_told_by_their_colour():
  tiles = OverheadTiles(seed=0, size=(128, 128))
  means = np.zeros((6, 3))
  counts = np.zeros(6)
  for index in range(8):
    sample = tiles.land_cover(index)
    for number in range(6):
      chosen = sample["image"][sample["label"] == number]
      means[number] += chosen.sum(0)
      counts[number] += len(chosen)
  means /= counts[:, None]
  # Forest is darker than everything that is not forest.
  others = np.delete(means, regions.FOREST, axis=0)
  assert (means[regions.FOREST].sum() < others.sum(1) - 50.0).all()


@pytest.mark.parametrize("region", NAMES)
def test_boxes_hold_their_turbines_tightly(region):
  size = (192, 224)
  tiles = OverheadTiles(seed=0, size=size, region=region)
  numbers = []
  for index in range(16):
    sample = tiles.turbines(index)
    boxes, instance = sample["boxes"], sample["instance"]
    numbers.append(len(boxes))
    np.testing.assert_array_equal(instance > 0, sample["label"] > 0)
    assert set(np.unique(instance)) == set(range(len(boxes) + 1))
    assert (boxes >= 0).all()
    assert (boxes[:, [0, 2]] <= size[1]).all()
    assert (boxes[:, [1, 3]] <= size[0]).all()
    for row, (left, top, right, bottom) in enumerate(boxes):
      y, x = np.nonzero(instance == row + 1)
      assert left - 0.5 <= x.min()
      assert x.max() + 1 <= right + 0.5
      assert top - 0.5 <= y.min()
      assert y.max() + 1 <= bottom + 0.5
      # Tips thinner than a pixel may be missing from the mask.
      overlapped = len(boxes) > 1
      slack = 30.0 if overlapped else 8.0
      assert x.min() - left < slack
      assert right - x.max() < slack
  assert 0 in numbers
  assert max(numbers) >= 2


def test_turbines_are_bright_and_throw_shadows():
  land = np.full((3, 100, 100), 0.5, np.float32)
  machine = turbines.Turbine((100.0, 100.0), 90.0, 45.0, 0.3, 0.2)
  truth = turbines.draw(
    land,
    [machine],
    metres=2.0,
    lean=(0.0, -0.2),
    shadow=(0.8, 0.0),
    gravel=(0.5, 0.5, 0.5),
  )
  assert land[:, truth["label"] > 0].min() > 0.6
  # The foot of the shadow runs to the right along the foot's row.
  assert (land[0, 50, 60:80] < 0.35).all()
  assert not truth["label"][50, 60:80].any()
  left, top, right, bottom = truth["boxes"][0]
  assert left < 50 < right
  assert top < 41 < bottom < 53


def test_no_turbines_leave_the_land_alone():
  land = np.full((3, 40, 40), 0.5, np.float32)
  truth = turbines.draw(land, [], 2.0, (0.1, 0.1), (1.0, 0.0), (1.0, 1.0, 1.0))
  assert (land == 0.5).all()
  assert truth["boxes"].shape == (0, 4)
  assert not truth["label"].any()


def test_tiles_are_pinned_and_any_order_is_the_same():
  # Whoever changes the tiles on purpose updates this number, and says in
  # the commit that data sets made before differ.
  total = 0
  for region in NAMES:
    tiles = OverheadTiles(seed=0, size=(64, 64), region=region)
    covers = [tiles.land_cover(index) for index in range(4)]
    farms = [tiles.turbines(index) for index in (3, 2, 1, 0)]
    for index in range(4):
      total = zlib.crc32(covers[index]["label"].tobytes(), total)
      total = zlib.crc32(farms[3 - index]["instance"].tobytes(), total)
    again = tiles.land_cover(1)
    np.testing.assert_array_equal(again["image"], covers[1]["image"])
    again = tiles.turbines(2)
    np.testing.assert_array_equal(again["image"], farms[1]["image"])
  assert total == 4199959204


@pytest.mark.parametrize("region", NAMES)
def test_empty_tiles_are_the_land_of_turbines(region):
  tiles = OverheadTiles(seed=0, size=(96, 128), region=region)
  pictures = [tiles.empty(index, metres=1.5) for index in range(6)]
  assert pictures[0].shape == (96, 128, 3)
  assert pictures[0].dtype == np.uint8
  # Nothing on them is as white as a tower, and no two are alike.
  assert max(picture.min(-1).max() for picture in pictures) < 225
  assert len({picture.tobytes() for picture in pictures}) == 6
  np.testing.assert_array_equal(pictures[4], tiles.empty(4, metres=1.5))
  farms = [tiles.turbines(index)["image"] for index in range(6)]
  assert np.abs(np.mean(pictures) - np.mean(farms)) < 30.0


def test_empty_tiles_have_the_scale_of_turbines():
  tiles = OverheadTiles(seed=0, size=(175, 175))
  np.testing.assert_array_equal(tiles.empty(1), tiles.empty(1, metres=2.0))
  assert (tiles.empty(1) != tiles.empty(1, metres=1.0)).any()


@pytest.mark.parametrize("region", NAMES)
@pytest.mark.parametrize("metres", [1.5, 3.0])
def test_cutouts_hold_a_whole_turbine_and_its_shadow(region, metres):
  cutouts = TurbineCutouts(seed=2, region=region, metres=metres, margin=10)
  for index in range(6):
    cutout = cutouts.cutout(index)
    image, turbine = cutout["image"], cutout["turbine"]
    footprint = cutout["footprint"]
    assert image.shape == (*cutouts.size(index), 3)
    assert turbine.shape == footprint.shape == image.shape[:2]
    # Within the margin on each side, and out to it.
    rows, columns = np.nonzero(footprint)
    for places, length in zip((rows, columns), footprint.shape, strict=True):
      assert 10 <= places.min() <= 12
      assert length - 13 <= places.max() < length - 10
    assert (footprint[turbine] > 0.19).all()
    assert 0.0 < footprint.max() <= 1.0
    # The machine is bright, and beside it there is shadow.
    assert image[turbine].mean() > 130
    assert (footprint[~turbine] > 0.5).sum() > 20


def test_footprint_is_where_the_turbine_changed_the_land(monkeypatch):
  cutouts = TurbineCutouts(seed=0, region="boreal")
  with_turbine = cutouts.cutout(0)
  monkeypatch.setattr(turbines, "draw", lambda *args, **kwargs: None)
  land = cutouts.cutout(0)["image"]
  changed = (with_turbine["image"] != land).any(-1)
  footprint = with_turbine["footprint"]
  assert not changed[footprint == 0.0].any()
  assert changed[footprint == 1.0].mean() > 0.98


@pytest.mark.parametrize("region", NAMES)
def test_the_land_around_cutouts_is_even(region):
  cutouts = TurbineCutouts(seed=0, region=region)
  grounds = set()
  for index in range(12):
    cutout = cutouts.cutout(index)
    land = cutout["image"][cutout["footprint"] == 0].astype(float)
    assert land.std(0).max() < 16.0
    grounds.add(tuple((land.mean(0) // 16).tolist()))
  assert len(grounds) > 1


def test_the_sun_of_a_region_makes_its_shadows():
  longest = [
    max(max(TurbineCutouts(0, region).size(index)) for index in range(40))
    for region in ("desert", "farmland", "boreal")
  ]
  assert longest == sorted(longest)
  # No cut-out is larger than what turbines are put into by default.
  assert longest[-1] <= 320


def test_cutouts_are_pinned():
  # As for the tiles above: whoever changes it on purpose says so.
  total = 0
  for region in NAMES:
    cutout = TurbineCutouts(seed=1, region=region).cutout(3)
    total = zlib.crc32(cutout["turbine"].tobytes(), total)
    total = zlib.crc32((cutout["footprint"] > 0.5).tobytes(), total)
  assert total == 3231542256


def test_gravel_can_be_left_out():
  machine = turbines.Turbine((50.0, 50.0), 90.0, 40.0, 0.0, 0.2)
  lands = []
  for gravel in ((1.0, 0.0, 0.0), None):
    land = np.zeros((3, 100, 100), np.float32)
    turbines.draw(land, [machine], 1.0, (0.0, 0.1), (0.0, 0.5), gravel)
    lands.append(land[0])
  for row, column in ((50, 90), (50, 41)):  # the track, and round the foot
    assert lands[0][row, column] == 1.0
    assert lands[1][row, column] == 0.0


def test_wrong_arguments_are_refused():
  with pytest.raises(ValueError, match="'tundra'"):
    OverheadTiles(region="tundra")
  with pytest.raises(ValueError, match="number from 0 to 2"):
    OverheadTiles(region=3)
  with pytest.raises(ValueError, match="each at least 32"):
    OverheadTiles(size=(64, 16))
  with pytest.raises(ValueError, match="seed is -1"):
    OverheadTiles(seed=-1)
  with pytest.raises(ValueError, match="index is -1"):
    OverheadTiles(size=(32, 32)).land_cover(-1)
  with pytest.raises(ValueError, match=r"20\.0 metres; use 0\.1 to 10"):
    OverheadTiles(size=(32, 32)).empty(0, metres=20.0)
  with pytest.raises(ValueError, match="'tundra'"):
    TurbineCutouts(region="tundra")
  with pytest.raises(ValueError, match="seed is -2"):
    TurbineCutouts(seed=-2)
  with pytest.raises(ValueError, match="margin is -1"):
    TurbineCutouts(margin=-1)
  with pytest.raises(ValueError, match="0 metres"):
    TurbineCutouts(metres=0)
  with pytest.raises(ValueError, match="index is -1"):
    TurbineCutouts().size(-1)
