"""Writing and reading TensorFlow Datasets, in a process without TensorFlow."""

import io
import pickle
import sys

import numpy as np
import pytest
from PIL import Image

from gansynth import images
from gansynth.data import tfds_builders, tfds_source
from gansynth.data.tfds_source import TfdsSource


def picture(value, size=(4, 6)):
  return np.full((*size, 3), value, np.uint8)


@pytest.fixture
def folders(tmp_path):
  """trainA and trainB: several formats, one of 16 bits, a sub-folder."""
  root = tmp_path / "unpacked"
  images.write(root / "trainA" / "b.png", picture(1))
  images.write(root / "trainA" / "a" / "c.bmp", picture(2, (3, 3)))
  wide = np.full((2, 5), 257 * 9, np.uint16)
  Image.fromarray(wide).save(root / "trainA" / "wide.tif")
  images.write(root / "trainB" / "x.jpg", picture(40))
  return {split: root / split for split in ("trainA", "trainB")}


def test_two_folders_written_and_read(tmp_path, folders):
  before = set(sys.modules)  # other tests may have loaded torch
  name, path = tfds_builders.build("mine", folders, tmp_path / "data")
  assert name == "two_folders/mine"
  assert path.endswith("two_folders/mine/1.0.0")
  source = TfdsSource(name, "trainA", tmp_path / "data")
  source = pickle.loads(pickle.dumps(source))
  items = [source[i] for i in range(len(source))]
  # In the folder's order.
  assert [item["name"] for item in items] == ["a/c.bmp", "b.png", "wide.tif"]
  for item, expected in zip(
    items, [picture(2, (3, 3)), picture(1), picture(9, (2, 5))], strict=True
  ):
    np.testing.assert_array_equal(item["image"], expected)
  assert len(TfdsSource(name, "trainB", tmp_path / "data")) == 1
  assert len(TfdsSource(name, "trainA", tmp_path / "data", max_size=2)) == 2
  loaded = {name.split(".")[0] for name in set(sys.modules) - before}
  assert not loaded & {"tensorflow", "torch", "cv2"}


def test_encoded_bytes_are_kept(tmp_path, folders):
  name, _ = tfds_builders.build("mine", folders, tmp_path / "data")
  source = TfdsSource(name, "trainB", tmp_path / "data")
  stored = bytes(source._records[0]["image"])
  assert stored == (folders["trainB"] / "x.jpg").read_bytes()


def test_what_others_cannot_read_becomes_png(tmp_path, folders):
  name, _ = tfds_builders.build("mine", folders, tmp_path / "data")
  source = TfdsSource(name, "trainA", tmp_path / "data")
  for index in range(len(source)):
    stored = io.BytesIO(bytes(source._records[index]["image"]))
    with Image.open(stored) as image:
      assert image.format == "PNG"


def test_gta2cityscapes_has_all_splits(tmp_path, folders):
  folders = {**folders, "testA": folders["trainB"], "testB": folders["trainA"]}
  name, _ = tfds_builders.build("gta2cityscapes", folders, tmp_path / "data")
  assert name == "gta2cityscapes"
  sizes = [
    len(TfdsSource(name, split, tmp_path / "data"))
    for split in tfds_builders.SPLITS
  ]
  assert sizes == [3, 1, 1, 3]


def test_a_catalogue_data_set_without_names(tmp_path, folders):
  """`cycle_gan/*` has image and label only."""
  name, _ = tfds_builders.build("mine", folders, tmp_path / "data")
  source = TfdsSource(name, "trainA", tmp_path / "data")
  records = source._records
  source._records = [
    {key: record[key] for key in ("image", "label")} for record in records
  ]
  assert source[1]["name"] == "trainA_000001.png"


def test_what_is_not_prepared_names_the_command(tmp_path):
  with pytest.raises(ValueError, match="is not prepared") as caught:
    TfdsSource("cycle_gan/horse2zebra", "trainA", tmp_path)
  message = str(caught.value)
  assert (
    "tfds build cycle_gan/horse2zebra --file_format=array_record "
    f"--data_dir {tmp_path}"
  ) in message
  assert "python tools/build_dataset.py --name cycle_gan_horse2zebra" in message


def test_unknown_split_is_refused(tmp_path, folders):
  name, _ = tfds_builders.build("mine", folders, tmp_path)
  with pytest.raises(
    ValueError, match="no split 'testA'; it has trainA, trainB"
  ):
    TfdsSource(name, "testA", tmp_path)


def test_a_name_is_needed():
  with pytest.raises(ValueError, match="tfds_name is empty"):
    TfdsSource("", "trainA")


def test_an_unreadable_picture_leaves_nothing(tmp_path, folders):
  (folders["trainB"] / "y.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
  with pytest.raises(images.ImageError, match=r"y\.png"):
    tfds_builders.build("mine", folders, tmp_path / "data")
  assert not list((tmp_path / "data").rglob("1.0.0"))
  with pytest.raises(ValueError, match="not prepared"):
    TfdsSource("two_folders/mine", "trainA", tmp_path / "data")


def test_an_unreadable_record_is_named(tmp_path, folders):
  name, _ = tfds_builders.build("mine", folders, tmp_path)
  source = TfdsSource(name, "trainB", tmp_path)
  source._records = [{"image": b"\xff\xd8\xff", "name": b"x.jpg"}]
  with pytest.raises(images.ImageError, match=r"x\.jpg of two_folders/mine"):
    source[0]


def test_nothing_is_overwritten(tmp_path, folders):
  tfds_builders.build("mine", folders, tmp_path)
  with pytest.raises(FileExistsError, match="two_folders/mine"):
    tfds_builders.build("mine", folders, tmp_path)


@pytest.mark.parametrize(
  ("name", "splits", "message"),
  [
    ("no/slash", ["trainA", "trainB"], "letters, digits and underscores"),
    ("mine", ["trainA"], r"missing \['trainB'\]"),
    ("mine", ["trainA", "trainB", "val"], r"unknown \['val'\]"),
  ],
)
def test_impossible_requests_are_refused(
  tmp_path, folders, name, splits, message
):
  chosen = {split: folders.get(split, tmp_path) for split in splits}
  with pytest.raises(ValueError, match=message):
    tfds_builders.build(name, chosen, tmp_path)


def test_the_advice_has_no_folder_where_none_was_given():
  advice = tfds_source._how_to_prepare("two_folders/mine", None)
  assert "--name mine " in advice
  assert "--data_dir" not in advice
