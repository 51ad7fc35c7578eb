"""Label data sets as ArrayRecord, in a process without TensorFlow."""

import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds

from gansynth import data, images
from gansynth.data import labels, tfds_label_builders
from gansynth.data.labels import layouts, reading, records

SIZE = {"preprocess": "none", "size_multiple": 2}


@pytest.fixture
def root(tmp_path):
  """Cityscapes in small, two pictures for training and one for test."""
  rng = np.random.default_rng(0)
  for part, city, frame in (
    ("train", "a", 19),
    ("train", "b", 4),
    ("val", "c", 1),
  ):
    stem = f"{part}/{city}/{city}_000000_{frame:06d}"
    labels = rng.integers(0, 34, (4, 6)).astype(np.uint8)
    ending = tmp_path / "root" / "gtFine" / f"{stem}_gtFine"
    images.write(f"{ending}_labelIds.png", labels)
    images.write(f"{ending}_instanceIds.png", labels.astype(np.uint16) * 1000)
    picture = rng.integers(0, 256, (4, 6, 3)).astype(np.uint8)
    pictures = tmp_path / "root" / "leftImg8bit"
    images.write(pictures / f"{stem}_leftImg8bit.png", picture)
  return tmp_path / "root"


def build(name, root, tmp_path, reader=None):
  entries = {
    split: layouts.cityscapes(root, split) for split in ("train", "test")
  }
  return tfds_label_builders.build(
    name, entries, reader or reading.LabelReader(35), tmp_path / "data"
  )


def dataset(tmp_path, source, split, **fields):
  config = {
    "source": source,
    "tfds_data_dir": str(tmp_path / "data"),
    "num_labels": 35,
    **SIZE,
    **fields,
  }
  return data.create(SimpleNamespace(**config), split)


def test_cityscapes_is_the_catalogues(root, tmp_path):
  before = set(sys.modules)
  name, path = build("cityscapes", root, tmp_path)
  assert name == records.CITYSCAPES
  assert path.endswith("cityscapes/semantic_segmentation/1.0.0")
  info = tfds.builder_from_directory(path).info
  # Of tensorflow_datasets/datasets/cityscapes.
  assert set(info.features) == {"image_id", "image_left", "segmentation_label"}
  assert set(info.splits) == {"train", "validation"}
  record = tfds.builder_from_directory(path).as_data_source("train")[1]
  assert record["image_id"] == b"b_000000_000004"
  assert record["segmentation_label"].shape == (4, 6, 1)
  for split, count in (("train", 2), ("test", 1)):
    stored = dataset(tmp_path, "tfds_cityscapes", split, instances=False)
    stored = pickle.loads(pickle.dumps(stored))
    files = dataset(tmp_path, "cityscapes", split, root=str(root))
    assert len(stored) == count
    for index in range(count):
      for key in ("label", "image"):
        np.testing.assert_array_equal(stored[index][key], files[index][key])
  assert stored[0]["name"] == "c_000000_000001"
  loaded = {name.split(".")[0] for name in set(sys.modules) - before}
  assert "tensorflow" not in loaded


def test_cityscapes_there_has_no_instances(root, tmp_path):
  build("cityscapes", root, tmp_path)
  with pytest.raises(ValueError, match=r"no feature 'instance'.*instances=Fal"):
    dataset(tmp_path, "tfds_cityscapes", "train")


def test_any_other_keeps_its_instances(root, tmp_path):
  name, _ = build("mine", root, tmp_path)
  assert name == "labelled_pictures/mine"
  stored = dataset(tmp_path, "tfds_labels", "train", tfds_name=name)
  files = dataset(tmp_path, "cityscapes", "train", root=str(root))
  for key in ("label", "image", "instance"):
    np.testing.assert_array_equal(stored[1][key], files[1][key])
  assert stored[1]["instance"].dtype == np.int32
  assert len(dataset(tmp_path, "tfds_labels", "test", tfds_name=name)) == 1
  few = {"tfds_name": name, "max_dataset_size": 1}
  assert len(dataset(tmp_path, "tfds_labels", "train", **few)) == 1


def test_maps_in_colours_and_large_ids(tmp_path):
  palette = tmp_path / "palette.txt"
  palette.write_text("0 0 0\n9 9 9\n")
  colored = np.zeros((2, 3, 3), np.uint8)
  colored[0] = 9
  ids = np.zeros((2, 3, 3), np.uint8)
  ids[0, 1] = 1, 2, 3
  for kind, array in (("l", colored), ("p", colored), ("i", ids)):
    images.write(tmp_path / kind / "a.png", array)
  entries = layouts.folders(tmp_path / "l", tmp_path / "p", tmp_path / "i")
  name, _ = tfds_label_builders.build(
    "mine",
    {"train": entries},
    reading.LabelReader(2, palette=str(palette)),
    tmp_path / "data",
  )
  fields = {"tfds_name": name, "num_labels": 2, "size_multiple": 1}
  # Without test records, those of training serve.
  item = dataset(tmp_path, "tfds_labels", "test", **fields)[0]
  np.testing.assert_array_equal(item["label"], [[1] * 3, [0] * 3])
  np.testing.assert_array_equal(item["instance"], [[0, 1, 0], [0, 0, 0]])


def test_wrong_labels_leave_nothing(root, tmp_path):
  with pytest.raises(images.ImageError, match=r"_labelIds\.png: holds"):
    build("mine", root, tmp_path, reading.LabelReader(3))
  assert not list((tmp_path / "data").rglob("1.0.0"))


def test_wrong_labels_in_records_are_named(root, tmp_path):
  build("cityscapes", root, tmp_path)
  fields = {"instances": False, "num_labels": 3}
  bad = dataset(tmp_path, "tfds_cityscapes", "train", **fields)
  where = (
    "label map of a_000000_000019 in cityscapes/semantic_segmentation/train: "
    "holds"
  )
  with pytest.raises(images.ImageError, match=where):
    bad.sample(0, np.random.default_rng(0))


def test_what_is_not_prepared_names_the_command(tmp_path):
  with pytest.raises(ValueError, match="is not prepared") as caught:
    dataset(tmp_path, "tfds_cityscapes", "train", instances=False)
  assert (
    "build_dataset.py --name cityscapes --labels cityscapes --root FOLDER "
    f"--data_dir {tmp_path / 'data'}"
  ) in str(caught.value)
  with pytest.raises(ValueError, match="tfds_name is empty"):
    dataset(tmp_path, "tfds_labels", "train")


def test_unknown_colours_are_stored_as_dont_care(tmp_path):
  colors = np.array([[[9, 9, 9], [1, 0, 0], [200, 0, 0]]], np.uint8)
  for kind in ("images", "masks"):
    images.write(tmp_path / kind / "a.png", colors)
  reader = reading.LabelReader(
    2, dont_care=True, palette="0 0 0; 9 9 9", rule="nearest", tolerance=2.0
  )
  name, _ = tfds_label_builders.build(
    "mine", {"train": layouts.image_masks(tmp_path)}, reader, tmp_path / "data"
  )
  fields = {"tfds_name": name, "num_labels": 2, "size_multiple": 1}
  fields |= {"instances": False, "dont_care": True}
  item = dataset(tmp_path, "tfds_labels", "train", **fields)[0]
  assert item["label"].tolist() == [[1, 0, 2]]


def test_unknown_numbers_in_records_are_counted(root, tmp_path):
  build("cityscapes", root, tmp_path)
  fields = {"instances": False, "num_labels": 20, "palette_rule": "original"}
  files = dataset(tmp_path, "cityscapes", "train", root=str(root))
  bad = [(files[i]["label"] >= 20).mean() for i in range(2)]
  config = SimpleNamespace(
    source="tfds_cityscapes", tfds_data_dir=str(tmp_path / "data"), **fields
  )
  report = labels.check_labels(config)["train"]
  assert not report.errors
  assert report.unknown_share == pytest.approx(np.mean(bad))
  where = "label map of {} in cityscapes/semantic_segmentation/train"
  names = ["a_000000_000019", "b_000000_000004"]
  expected = {
    where.format(n): pytest.approx(b) for n, b in zip(names, bad, strict=True)
  }
  assert dict(report.unknown) == expected
  shares = [share for _, share in report.unknown]
  assert shares == sorted(shares, reverse=True)
