"""From a configuration to items and batches."""

import pickle
import subprocess
import sys
from types import SimpleNamespace

import ml_collections
import numpy as np
import pytest

from gansynth import data, images
from gansynth.data import labels, pipeline

SIZE = {"preprocess": "none", "size_multiple": 2}


def config(source, **fields):
  return ml_collections.ConfigDict({"source": source, **SIZE, **fields})


def scenes(**fields):
  small = {"height": 32, "width": 48, "num_train": 3, "num_test": 2}
  return config("procedural_labels", **{"num_labels": 35, **small, **fields})


def write_item(root, phase, stem, value, kinds=("label", "img", "inst")):
  """Files of 8 x 6 pixels, whose values say which they are."""
  for kind in kinds:
    shape = (6, 8, 3) if kind in ("img", "A", "B") else (6, 8)
    array = np.full(shape, value, np.uint8)
    images.write(root / f"{phase}_{kind}" / f"{stem}.png", array)


def rng():
  return np.random.default_rng(0)


def test_scenes_have_labels_and_instances():
  train = data.create(scenes(flip=False), "train")
  test = data.create(scenes(), "test")
  assert (len(train), len(test), test.paired) == (3, 2, True)
  item = train.sample(1, rng())
  assert item["label"].shape == item["instance"].shape == (32, 48)
  assert item["image"].shape == (32, 48, 3)
  assert {v.dtype.name for v in item.values()} == {"uint8", "int32"}
  label, instance = item["label"], item["instance"]
  assert label.max() < 34
  things = instance >= 1000
  np.testing.assert_array_equal(instance[things] // 1000, label[things])
  np.testing.assert_array_equal(instance[~things], label[~things])
  np.testing.assert_array_equal(train[1]["image"], item["image"])
  assert (train[1]["name"], test[0]["name"]) == (
    "street_000001",
    "street_000006",
  )
  assert "instance" not in data.create(scenes(instances=False), "train")[0]


def test_rendering_and_weather_change_the_picture_alone():
  usual = data.create(scenes(), "train")[0]
  for fields in ({"rendering": "game"}, {"weather": "fog", "severity": 0.9}):
    other = data.create(scenes(**fields), "train")[0]
    np.testing.assert_array_equal(other["label"], usual["label"])
    assert (other["image"] != usual["image"]).any()


def test_too_few_labels_for_scenes():
  with pytest.raises(ValueError, match="num_labels is 13"):
    data.create(scenes(num_labels=13), "train")


def test_a_sample_is_a_function_of_index_and_generator():
  fields = {"preprocess": "crop", "crop_size": 16, "cache_bytes": 10**6}
  dataset = data.create(scenes(**fields), "train")
  first = dataset.sample(2, rng())
  copy = pickle.loads(pickle.dumps(dataset))
  for other in (dataset, copy):
    again = other.sample(2, rng())
    for key, value in first.items():
      np.testing.assert_array_equal(again[key], value)


def test_batches_from_a_worker_process():
  dataset = data.create(scenes(preprocess="crop", crop_size=24), "train")
  batches = {}
  for num_workers in (0, 1):
    iterator = pipeline.train_iterator(
      dataset, batch_size=2, seed=1, num_workers=num_workers
    )
    batches[num_workers] = next(iterator)
    iterator.close()
  assert batches[1]["label"].shape == (2, 24, 24)
  for key, value in batches[0].items():
    np.testing.assert_array_equal(batches[1][key], value)


@pytest.mark.parametrize(
  "source", ["coco_stuff", "custom_labels", "pix2pixhd_labels", "facades"]
)
def test_folders_by_phase(tmp_path, source):
  test = "test" if source == "pix2pixhd_labels" else "val"
  for phase, stem, value in (
    ("train", "x10", 1),
    ("train", "x9", 2),
    (test, "x1", 3),
  ):
    write_item(tmp_path, phase, stem, value)
  fields = {"root": str(tmp_path), "num_labels": 5}
  if source == "facades":
    fields["instances"] = False
  train = data.create(config(source, **fields), "train")
  assert [item["name"] for item in map(train.__getitem__, (0, 1))] == [
    "x9",
    "x10",
  ]
  item = data.create(config(source, **fields), "test")[0]
  kinds = {"label", "image", "instance"} - (
    {"instance"} if source == "facades" else set()
  )
  assert set(item) == kinds | {"name", "path"}
  assert all((item[kind] == 3).all() for kind in kinds)
  assert item["path"].endswith("x1.png")
  few = data.create(config(source, **fields, max_dataset_size=1), "train")
  assert len(few) == 1


def test_named_folders(tmp_path):
  write_item(tmp_path, "a", "1", 1)
  write_item(tmp_path, "b", "1", 2)
  folders = {
    f"{prefix}{field}_dir": str(tmp_path / f"{phase}_{kind}")
    for prefix, phase in (("", "a"), ("test_", "b"))
    for field, kind in (
      ("label", "label"),
      ("image", "img"),
      ("instance", "inst"),
    )
  }
  fields = {"source": "custom_labels", "num_labels": 3, **SIZE, **folders}
  for split, value in (("train", 1), ("test", 2)):
    item = data.create(SimpleNamespace(**fields), split)[0]
    assert (item["instance"] == value).all()
  with pytest.raises(ValueError, match=r"needs instance_dir.*instances=False"):
    data.create(SimpleNamespace(**{**fields, "instance_dir": ""}), "train")
  with pytest.raises(ValueError, match="needs test_image_dir"):
    data.create(SimpleNamespace(**{**fields, "test_image_dir": ""}), "test")
  alone = SimpleNamespace(**{**fields, "test_label_dir": ""})
  assert (data.create(alone, "test")[0]["label"] == 1).all()


def test_training_files_serve_as_test_where_there_are_no_others(tmp_path):
  write_item(tmp_path, "train", "1", 1)
  fields = {"root": str(tmp_path), "num_labels": 3}
  assert len(data.create(config("coco_stuff", **fields), "test")) == 1
  write_item(tmp_path, "test", "2", 2, ("label", "inst"))  # no pictures
  test = data.create(config("pix2pixhd_labels", **fields), "test")
  assert test[0]["name"] == "1"


def test_pix2pixhd_with_pictures_for_labels(tmp_path):
  write_item(tmp_path, "train", "1", 7, ("A", "B"))
  images.write(
    tmp_path / "train_A" / "1.png", np.full((6, 8, 3), 200, np.uint8)
  )
  fields = {"root": str(tmp_path), "num_labels": 0, "instances": False}
  item = data.create(config("pix2pixhd_labels", **fields), "train").sample(
    0, rng()
  )
  assert item["label"].shape == (6, 8, 3)
  assert (item["label"][0, 0, 0], item["image"][0, 0, 0]) == (200, 7)


def test_options_reach_the_maps(tmp_path):
  write_item(tmp_path, "train", "1", 255)
  fields = {
    "root": str(tmp_path),
    "num_labels": 4,
    "dont_care": True,
    "preprocess": "fixed",
    "crop_size": 10,
    "aspect_ratio": 2.0,
  }
  item = data.create(config("coco_stuff", **fields), "train")[0]
  assert item["image"].shape == (5, 10, 3)
  assert (item["label"] == 4).all()
  assert (item["instance"] == 255).all()


def test_the_middle_may_be_cut_out(tmp_path):
  write_item(tmp_path, "train", "1", 4)  # 8 x 6
  fields = {
    "root": str(tmp_path),
    "num_labels": 5,
    "preprocess": "crop",
    "crop_size": 4,
    "center_crop": True,
  }
  item = data.create(config("coco_stuff", **fields), "train")[0]
  assert item["label"].shape == (4, 4)


def test_a_wrong_label_is_named_when_it_is_loaded(tmp_path):
  write_item(tmp_path, "train", "bad", 9)
  fields = {"root": str(tmp_path), "num_labels": 9}
  dataset = data.create(config("coco_stuff", **fields), "train")
  with pytest.raises(images.ImageError, match=r"bad\.png: holds 9 "):
    dataset.sample(0, rng())


def write_pairs(root, numbers, size=(6, 8)):
  """Pictures and masks in geoseg's folders, of one label each."""
  for number in numbers:
    picture = np.full((*size, 3), number, np.uint8)
    images.write(root / "images" / f"{number}.jpg", picture)
    images.write(root / "masks" / f"{number}.png", picture[..., 0] % 6)


def test_geosegs_folders(tmp_path):
  write_pairs(tmp_path / "train", [1, 2, 7])
  write_pairs(tmp_path / "val", [3])
  colors = np.full((4, 9, 3), [33, 151, 243], np.uint8)  # one off, and another
  images.write(tmp_path / "train/masks/2.png", colors)  # size than the picture
  fields = {
    "root": str(tmp_path),
    "palette": "geoseg",
    "palette_rule": "nearest",
    "preprocess": "resize_and_crop",
    "load_size": 6,
    "crop_size": 6,
  }
  train = data.create(config("geoseg", **fields), "train")
  assert [
    (item["label"] == value).all()
    for item, value in zip(
      map(train.__getitem__, range(3)), (1, 5, 1), strict=True
    )
  ] == [True] * 3
  assert train[1]["image"].shape == (6, 6, 3)
  assert set(train.sample(0, rng())) == {"label", "image"}
  assert data.create(config("geoseg", **fields), "test")[0]["name"] == "3"
  assert train.class_names[3] == "Cropland"
  assert train.colors.tolist()[3] == [116, 116, 116]
  # As many labels as the palette has, unless a number is given.
  assert labels.label_reader(config("geoseg", **fields)).num_labels == 6
  few = {**fields, "palette": "0 0 0; 1 1 1", "palette_background": 1}
  assert labels.label_reader(config("geoseg", **few)).num_labels == 2
  fields["palette_tolerance"] = 0.5
  strict = data.create(config("geoseg", **fields), "train")
  assert (strict[1]["label"] == 0).all()
  fields["palette_background"] = 4
  strict = data.create(config("geoseg", **fields), "train")
  assert (strict[1]["label"] == 4).all()


def test_land_cover_has_the_palette_of_geoseg():
  fields = {"num_train": 2, "num_test": 1, "height": 32, "width": 48}
  train = data.create(config("procedural_land_cover", **fields), "train")
  test = data.create(config("procedural_land_cover", **fields), "test")
  assert (len(train), len(test)) == (2, 1)
  item = train[1]
  assert item["label"].shape == (32, 48)
  assert item["label"].max() < 6
  assert "instance" not in item
  assert (len(train.colors), train.class_names[1]) == (6, "Forest land")
  with pytest.raises(ValueError, match="num_labels is 5; set num_labels to 6"):
    data.create(config("procedural_land_cover", num_labels=5), "train")


def test_readers_of_networks_that_know_their_labels():
  # What --mode=synthesize reads maps by, of the embedded data and of poses.
  land = config("procedural_land_cover", palette="geoseg")
  land.palette_rule, land.palette_background = "nearest", 1
  reader = labels.label_reader(land, num_labels=8, dont_care=True)
  assert (reader.num_labels, reader.dont_care) == (8, True)
  assert (reader.rule, reader.background) == ("nearest", 1)
  assert reader.numbers_in_gray  # its own maps hold numbers
  assert not labels.label_reader(config("coco_stuff")).numbers_in_gray
  poses = config("poses", num_labels=3)
  assert labels.label_reader(poses, num_labels=0).num_labels == 0
  with pytest.raises(ValueError, match="num_labels is 3"):
    labels.label_reader(poses)


def test_colours_and_names_are_not_known_without_a_palette():
  dataset = data.create(scenes(), "train")
  assert dataset.colors is None
  assert dataset.class_names is None


def test_synthetic_pairs_are_mixed_into_training(tmp_path):
  write_pairs(tmp_path / "real/train", range(10, 16))
  write_pairs(tmp_path / "real/val", [3])
  write_pairs(tmp_path / "made", [200, 201])
  fields = {
    "root": str(tmp_path / "real"),
    "palette": "geoseg",
    "synthetic": str(tmp_path / "made"),
    "synthetic_share": 0.4,
    "flip": False,
  }
  train = data.create(config("geoseg", **fields, cache_bytes=10**6), "train")
  values = [train.sample(i, rng())["image"][0, 0, 0] for i in range(len(train))]
  assert sorted(value for value in values if value < 100) == [*range(10, 16)]
  assert sum(value >= 200 for value in values) == 4  # 4 of 10
  assert len(data.create(config("geoseg", **fields), "test")) == 1
  # The check is of the real items, each once.
  reports = labels.check_labels(config("geoseg", **fields))
  assert [report.items for report in reports.values()] == [6, 1]


def test_rare_labels_come_more_often(tmp_path):
  write_pairs(tmp_path, [1, 2, 3])
  fields = {"root": str(tmp_path), "oversample": "3", "oversample_factor": 3}
  train = data.create(config("geoseg", num_labels=6, **fields), "train")
  found = [train.sample(i, rng())["label"][0, 0] for i in range(len(train))]
  assert sorted(found) == [1, 2, 3, 3, 3]
  assert len(data.create(config("geoseg", **fields), "test")) == 3


@pytest.mark.parametrize(
  ("source", "fields", "message"),
  [
    ("labels", {}, "data source is 'labels'; expected one of procedural"),
    ("cityscapes", {}, "needs root"),
    ("custom_labels", {}, "needs label_dir"),
    ("custom_labels", {"root": "a", "label_dir": "b"}, "'a'.*'b'.*set one"),
    ("ade20k", {"instances": True, "root": "x"}, "no instance maps"),
  ],
)
def test_contradictions_are_refused(source, fields, message):
  with pytest.raises(ValueError, match=message):
    labels.create(config(source, **fields), "train")


def test_what_has_no_files_lists_none():
  with pytest.raises(ValueError, match="'tfds_labels' is not one of files"):
    labels.entries(config("tfds_labels", root="x"), "train")


def test_no_jax_in_the_workers_imports():
  code = "import sys, gansynth.data.labels; print('jax' in sys.modules)"
  result = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, check=True
  )
  assert result.stdout.strip() == "False"
