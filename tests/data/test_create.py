"""From a configuration to a data set."""

import subprocess
import sys
from types import SimpleNamespace

import ml_collections
import numpy as np
import pytest

from gansynth import data, images
from gansynth.data import datasets, tfds_builders


def write(path, value, size=(12, 16)):
  images.write(path, np.full((*size, 3), value, np.uint8))


@pytest.fixture
def root(tmp_path):
  counts = {"trainA": 3, "trainB": 2, "testA": 1, "testB": 2}
  for i, (split, count) in enumerate(counts.items()):
    for j in range(count):
      write(tmp_path / split / f"{j}.png", 10 * i + j)
  return tmp_path


SMALL = {"preprocess": "crop", "crop_size": 8}


def config(source, **fields):
  return ml_collections.ConfigDict({"source": source, **SMALL, **fields})


def rng():
  return np.random.default_rng(0)


def test_root_with_four_folders(root):
  train = data.create(config("folders", root=str(root)), "train")
  test = data.create(config("folders", root=str(root)), "test")
  assert (len(train), len(test)) == (3, 2)
  assert train.sample(2, rng())["image_a"].shape == (8, 8, 3)
  assert train.sample(2, rng())["image_a"][0, 0, 0] == 2
  item = test[1]
  assert (item["image_a"][0, 0, 0], item["image_b"][0, 0, 0]) == (20, 31)


def test_named_folders_and_any_object(root):
  fields = {
    "source": "folders",
    "folder_a": str(root / "trainB"),
    "folder_b": str(root / "trainA"),
    "test_folder_a": str(root / "testA"),
    "test_folder_b": None,
    **SMALL,
  }
  train = data.create(SimpleNamespace(**fields), "train")
  test = data.create(SimpleNamespace(**fields), "test")
  assert train[0]["image_a"][0, 0, 0] == 10
  assert test[0]["image_a"][0, 0, 0] == 20
  assert test[0]["image_b"][0, 0, 0] == 0  # B of training, none was named


def test_options_reach_the_data_set(root):
  dataset = data.create(
    config(
      "folders",
      root=str(root),
      direction="BtoA",
      serial_batches=True,
      input_channels=1,
      max_dataset_size=2,
      flip=False,
      test_preprocess="resize_and_crop",
      size_multiple=16,
      cache_bytes=10**6,
    ),
    "train",
  )
  assert len(dataset) == 2
  assert dataset.serial
  assert not dataset.preprocess.flip
  assert dataset.sample(1, rng())["image_a"].shape == (8, 8, 1)
  assert dataset.sample(1, rng())["image_a"][0, 0, 0] == 11
  assert dataset[0]["image_a"].shape == (16, 16, 1)


def test_defaults_are_the_originals(root):
  dataset = data.create(
    SimpleNamespace(source="folders", root=str(root)), "train"
  )
  sample = dataset.sample(0, rng())
  assert sample["image_a"].shape == sample["image_b"].shape == (256, 256, 3)
  assert dataset.preprocess.load_size == 286


def test_aligned_from_double_pictures(tmp_path):
  double = np.zeros((12, 32, 3), np.uint8)
  double[:, 16:] = 7
  images.write(tmp_path / "train" / "1.png", double)
  dataset = data.create(config("aligned", root=str(tmp_path)), "train")
  sample = dataset.sample(0, rng())
  assert (sample["image_a"] == 0).all()
  assert (sample["image_b"] == 7).all()


def test_aligned_from_two_folders(root):
  fields = {"folder_a": str(root / "trainB"), "folder_b": str(root / "testB")}
  dataset = data.create(config("aligned", **fields), "train")
  assert len(dataset) == 2
  sample = dataset.sample(1, rng())
  assert sample["image_a"][0, 0, 0] == 11
  assert sample["image_b"][0, 0, 0] == 31


@pytest.mark.parametrize("source", ["single", "colorization"])
@pytest.mark.parametrize("field", ["root", "folder_a"])
def test_one_folder(root, source, field):
  dataset = data.create(
    config(source, **{field: str(root / "trainA")}), "train"
  )
  assert len(dataset) == 3
  assert dataset[1]["name"] == "1.png"


def test_colorization_has_one_direction(root):
  with pytest.raises(ValueError, match="must be AtoB, not 'BtoA'"):
    data.create(
      config("colorization", root=str(root), direction="BtoA"), "train"
    )


def test_tfds(root, tmp_path):
  folders = {split: root / split for split in ("trainA", "trainB", "testA")}
  name, _ = tfds_builders.build("mine", folders, tmp_path / "data")
  fields = {"tfds_name": name, "tfds_data_dir": str(tmp_path / "data")}
  dataset = data.create(config("tfds", **fields), "train")
  assert len(dataset) == 3
  assert dataset[2]["image_b"][0, 0, 0] == 10
  with pytest.raises(ValueError, match="no split 'testB'"):
    data.create(config("tfds", **fields), "test")
  del folders["testA"]
  fields["tfds_name"], _ = tfds_builders.build("b", folders, tmp_path / "data")
  assert len(data.create(config("tfds", **fields), "test")) == 3


def test_training_pictures_serve_where_none_are_kept_apart(root, caplog):
  for split in ("testA", "testB"):
    (root / split).rename(root / f"no_{split}")
  test = data.create(config("folders", root=str(root)), "test")
  assert test[2]["image_a"][0, 0, 0] == 2
  assert "has no test pictures" in caplog.text


@pytest.mark.parametrize("split", ["testA", "testB"])
def test_one_missing_test_folder_is_an_error(root, split):
  (root / split).rename(root / f"no_{split}")
  with pytest.raises(images.ImageError, match=f"{split}' does not exist"):
    data.create(config("folders", root=str(root)), "test")


STREET = {"seed": 1, "height": 40, "width": 48, "num_train": 3, "num_test": 2}


def test_street_never_shows_both_renderings_of_a_scene():
  dataset = data.create(config("procedural_street", **STREET), "train")
  assert isinstance(dataset, datasets.UnalignedDataset)
  assert not dataset.paired
  assert len(dataset) == 3
  game, photo = dataset.sources
  assert list(game.numbers) == [0, 2, 4]
  assert list(photo.numbers) == [1, 3, 5]
  assert dataset.sample(1, rng())["image_b"].shape == (8, 8, 3)


def test_street_evaluation_has_the_truth():
  from gansynth.data.procedural import StreetScenes

  dataset = data.create(config("procedural_street", **STREET), "test")
  assert dataset.paired
  assert len(dataset) == 2
  item = dataset[1]
  scenes = StreetScenes(seed=1, size=(40, 48))
  for side, rendering in (("image_a", "game"), ("image_b", "photo")):
    expected = scenes.render(7, rendering=rendering)["image"]
    np.testing.assert_array_equal(item[side], expected)


def test_street_paired_shows_both_renderings():
  fields = {**STREET, "paired": True, "preprocess": "none"}
  train = data.create(config("procedural_street", **fields), "train")
  test = data.create(config("procedural_street", **fields), "test")
  assert train.paired
  assert list(train.source.numbers) == [0, 1, 2]
  assert list(test.source.numbers) == [6, 7]
  assert train.sample(0, rng())["image_b"].shape == (40, 48, 3)


def test_street_weather_and_direction():
  from gansynth.data.procedural import StreetScenes

  fields = {**STREET, "weather": "fog", "severity": 0.9, "direction": "BtoA"}
  dataset = data.create(config("procedural_street", **fields), "test")
  scenes = StreetScenes(seed=1, size=(40, 48))
  expected = scenes.render(6, rendering="photo", weather="fog", severity=0.9)
  np.testing.assert_array_equal(dataset[0]["image_a"], expected["image"])


def test_street_needs_scenes():
  fields = {**STREET, "num_train": 0}
  with pytest.raises(ValueError, match="num_train 0"):
    data.create(config("procedural_street", **fields), "train")


@pytest.mark.parametrize(
  ("fields", "split", "message"),
  [
    ({"source": "zip"}, "train", "'zip'; expected one of procedural_street"),
    ({"source": "folders"}, "val", "split is 'val'"),
    ({"source": "folders"}, "train", "needs root, or folder_a"),
    ({"source": "folders", "root": "x", "folder_a": "y"}, "train", "set one"),
    (
      {"source": "folders", "root": "/no"},
      "test",
      "'/no/testA' does not exist",
    ),
    ({"source": "single", "preprocess": "zoom"}, "train", "'zoom'; expected"),
  ],
)
def test_impossible_configurations_are_refused(fields, split, message):
  with pytest.raises(ValueError, match=message):
    data.create(SimpleNamespace(**fields), split)


def test_importing_is_light():
  program = (
    "import sys, gansynth.data; print([m for m in ('grain', 'array_record',"
    " 'tensorflow_datasets', 'gansynth.data.procedural') if m in sys.modules])"
  )
  result = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True, check=True
  )
  assert result.stdout.strip() == "[]"
