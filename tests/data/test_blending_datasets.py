"""Pasted pictures and their truth, and their configuration."""

import types

import numpy as np
import pytest
import tiny
import tiny_gpgan

from gansynth import data, images
from gansynth.data import blending_datasets, blending_sources
from gansynth.data.blending_datasets import Crop
from gansynth.data.recoloring import recolor


class Views:
  """Two folders of 2 and 3 flat pictures; the value is the number."""

  counts = (2, 3)
  sizes = ((20, 30),) * 5

  def __len__(self):
    return 5

  def __getitem__(self, index):
    image = np.full((*self.sizes[index], 3), 40 * (index + 1), np.uint8)
    return {"image": image, "name": f"view/{index}.png"}


def make_pairs(source=None, **changes):
  options = {"ratio": 0.5, "length": 200, "seed": 3, **changes}
  return blending_datasets.ViewPairsDataset(
    source or Views(), Views.counts, Crop(18, 16), **options
  )


def test_pairs_are_two_views_of_a_folder():
  pairs = [make_pairs().pair(i) for i in range(200)]
  assert pairs == [make_pairs().pair(i) for i in range(200)]
  assert pairs != [make_pairs(seed=4).pair(i) for i in range(200)]
  folders = [{0: 0, 1: 0}.get(i, 1) for pair in pairs for i in pair]
  assert folders[::2] == folders[1::2]
  expected = {(0, 1), (1, 0)} | {
    (i, j) for i in range(2, 5) for j in range(2, 5) if i != j
  }
  assert set(pairs) == expected


def test_the_centre_is_pasted():
  dataset = make_pairs()
  assert dataset.paired
  assert len(dataset) == 200
  item = dataset.sample(7, np.random.default_rng(0))
  pasted, truth = (
    np.float32(40 * (i + 1) / 255 * 2 - 1) for i in dataset.pair(7)
  )
  assert item["image_a"].dtype == item["image_b"].dtype == np.float32
  assert item["image_b"].shape == (16, 16, 3)
  inner = np.zeros((16, 16, 1), bool)
  inner[4:12, 4:12] = True
  middle = slice(5, 11), slice(5, 11)
  np.testing.assert_allclose(item["image_a"][middle], pasted, atol=0.02)
  np.testing.assert_allclose(item["image_b"][middle], truth, atol=0.02)
  np.testing.assert_array_equal(
    np.where(inner, 0, item["image_a"]), np.where(inner, 0, item["image_b"])
  )


def test_odd_squares_lie_as_the_originals():
  background = np.zeros((15, 15, 1))
  pasted = blending_datasets.paste_centre(background + 1, background, 0.49)
  rows = np.flatnonzero(pasted.any((1, 2)))
  assert rows.tolist() == list(range(7 - 3, 7 - 3 + 7))
  assert not background.any()


def test_cuts_are_new_in_training_and_fixed_in_evaluation():
  class Ramp(Views):
    def __getitem__(self, index):
      ramp = np.arange(600, dtype=np.uint16).reshape(20, 30, 1) % 251
      return {
        "image": np.repeat(ramp, 3, 2).astype(np.uint8),
        "name": f"view/{index}.png",
      }

  dataset = make_pairs(Ramp())
  cuts = [
    dataset.sample(0, np.random.default_rng(seed))["image_b"].tobytes()
    for seed in (0, 1, 2, 0)
  ]
  assert cuts[0] == cuts[3]
  assert len(set(cuts)) > 1
  one, other = dataset[4], dataset[4]
  assert one["image_b"].tobytes() == other["image_b"].tobytes()
  assert one["name"] == other["name"]
  assert one["name"].startswith("000004_view_")


def test_origins_include_both_ends():
  rng = np.random.default_rng(0)
  origins = {blending_datasets.draw_origin((0, 2), rng) for _ in range(60)}
  assert origins == {(0, 0), (0, 1), (0, 2)}


def test_views_of_another_shape_are_named():
  class Mixed(Views):
    sizes = ((20, 30), (40, 60), (20, 30), (20, 20), (20, 30))

  dataset = make_pairs(Mixed())
  scaled = next(i for i in range(200) if dataset.pair(i) == (1, 0))
  assert dataset[scaled]["image_a"].shape == (16, 16, 3)  # only another scale
  wrong = next(i for i in range(200) if 3 in dataset.pair(i))
  with pytest.raises(images.ImageError, match=r"view/.*\.png is 20 x .* same"):
    dataset[wrong]


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: Crop(16, 18), "load_size 16 .* crop of 18"),
    (lambda: Crop(16, 0), "at least 1"),
    (lambda: make_pairs(ratio=0.0), "ratio is 0.0"),
    (lambda: make_pairs(ratio=1.5), "ratio is 1.5"),
    (lambda: make_pairs(length=0), "number of pairs is 0"),
  ],
)
def test_impossible_options_are_refused(make, message):
  with pytest.raises(ValueError, match=message):
    make()


class Masked:
  """A picture with an object of 3 x 4 pixels."""

  def __init__(self, mask_size=(40, 50), white=255, mark=True):
    rng = np.random.default_rng(0)
    self.picture = rng.integers(60, 200, size=(40, 50, 3), dtype=np.uint8)
    self.mask = np.zeros((*mask_size, 3), np.uint8)
    if mark:
      self.mask[6:18, 30:46] = white

  def __len__(self):
    return 1

  def __getitem__(self, index):
    return {
      "image_a": self.picture,
      "image_b": self.mask,
      "name": "car.png",
      "path": "folder/car.png",
    }


@pytest.mark.parametrize("white", [1, 255])
def test_objects_are_recolored_in_place(white):
  dataset = blending_datasets.RecoloredObjectsDataset(
    Masked(white=white), Crop(20, 16)
  )
  for seed in range(6):  # every cut holds some of the object
    item = dataset.sample(0, np.random.default_rng(seed))
    changed = np.abs(item["image_a"] - item["image_b"]).max(-1) > 1e-6
    assert changed.any()
    assert changed.mean() < 0.7
    assert item["image_a"].dtype == np.float32
    assert np.abs(item["image_a"]).max() <= 1
  assert dataset[0]["name"] == "car.png"
  np.testing.assert_array_equal(dataset[0]["image_a"], dataset[0]["image_a"])


def test_wrong_masks_are_named():
  for source, message in (
    (Masked(mask_size=(40, 40)), r"car.png is 40 x 50 .* mask 40 x 40"),
    (Masked(mark=False), r"car.png: its mask marks no object"),
  ):
    dataset = blending_datasets.RecoloredObjectsDataset(source, Crop(20, 16))
    with pytest.raises(images.ImageError, match=message):
      dataset.sample(0, np.random.default_rng(0))


def test_recoloring_changes_as_much_as_is_asked_for():
  picture = np.random.default_rng(0).random((5, 6, 3))
  same = recolor(picture, np.random.default_rng(1), strength=0.0)
  np.testing.assert_allclose(same, picture, atol=1e-12)
  changes = [
    np.abs(recolor(picture, np.random.default_rng(1), s) - picture).mean()
    for s in (0.1, 1.0)
  ]
  assert 0 < changes[0] < changes[1]
  grey = np.full((2, 2, 3), 0.5)
  tinted = recolor(grey, np.random.default_rng(1))
  assert np.ptp(tinted, axis=-1).max() > 0.01  # channels have their own gains
  assert 0 <= tinted.min() <= tinted.max() <= 1


def config(source, **fields):
  return types.SimpleNamespace(
    source=source, load_size=18, crop_size=16, **fields
  )


def test_views_are_split_by_folder(tmp_path):
  counts = {f"view{i}": 2 for i in range(7)}
  root = str(tiny_gpgan.write_views(tmp_path, counts))
  options = {"root": root, "val_ratio": 0.3, "train_samples": 9}
  train = data.create(config("aligned_views", **options), "train")
  test = data.create(config("aligned_views", test_samples=3, **options), "test")
  assert (len(train), len(test)) == (9, 3)

  def folders(dataset):
    views = dataset.source
    return {views[i]["name"].split("/")[0] for i in range(len(views))}

  assert folders(test) == {"view0", "view1"}
  assert folders(train) == {f"view{i}" for i in range(2, 7)}


def test_few_views_serve_as_test_too(tmp_path, caplog):
  root = str(tiny_gpgan.write_views(tmp_path, {"a": 2, "b": 2}))
  options = {"root": root, "train_samples": 9, "test_samples": 9}
  train, test = (
    data.create(config("aligned_views", **options), split)
    for split in ("train", "test")
  )
  assert train.counts.tolist() == test.counts.tolist() == [2, 2]
  assert [train.pair(i) for i in range(9)] != [test.pair(i) for i in range(9)]


def test_val_ratio_must_leave_views():
  with pytest.raises(ValueError, match="val_ratio is 1"):
    blending_sources.split_views(["a", "b"], "train", 1.0)
  with pytest.raises(ValueError, match=r"val_ratio is -0\.5"):
    blending_sources.split_views(["a", "b"], "train", -0.5)


def test_procedural_splits_share_no_scene():
  options = {"height": 32, "width": 48, "num_train": 2, "num_test": 1}
  options = {**options, "train_samples": 5, "test_samples": 2}
  train, test = (
    data.create(config("procedural_views", **options), split)
    for split in ("train", "test")
  )
  assert (len(train), len(test)) == (5, 2)
  assert list(train.source.scenes) == [0, 1]
  assert list(test.source.scenes) == [2]
  assert test[1]["image_a"].shape == (16, 16, 3)
  plain = data.create(config("procedural_pictures", **options), "test")
  assert not plain.paired
  assert len(plain) == len(test.source)
  assert plain[0]["image"].shape == (16, 16, 3)


def test_any_pictures_are_cut(tmp_path):
  tiny.write_pictures(tmp_path, {"x/a.png": (30, 21), "b.png": (16, 40)})
  dataset = data.create(config("cropped_pictures", root=str(tmp_path)), "train")
  assert len(dataset) == 2
  for i in range(2):
    item = dataset.sample(i, np.random.default_rng(0))
    assert list(item) == ["image"]
    assert item["image"].shape == (16, 16, 3)
    assert item["image"].dtype == np.float32
    assert np.abs(item["image"]).max() <= 1
  assert dataset[1]["name"] == "x/a.png"


@pytest.mark.parametrize(
  ("source", "fields", "message"),
  [
    ("aligned_views", {}, "'aligned_views' needs root"),
    ("aligned_views", {"direction": "BtoA"}, "must be AtoB"),
    ("procedural_views", {"input_channels": 1}, r"3 \(are 1 and 3\)"),
    ("procedural_views", {"num_test": 0}, "num_test 0 must be"),
    ("recolored_objects", {"root": "x"}, "has no root"),
    ("recolored_objects", {}, "needs root, or folder_a"),
  ],
)
def test_wrong_configurations_are_refused(source, fields, message):
  with pytest.raises(ValueError, match=message):
    data.create(config(source, **fields), "train")
