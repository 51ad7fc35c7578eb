import zlib

import numpy as np
import pytest

from gansynth.data.procedural import OverheadTiles, regions, turbines

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
