"""Sets of pictures: every kind of place, and what is wrong with one."""

import os
import zipfile

import numpy as np
import pytest
import tiny
from PIL import Image
from tensorflow_datasets.core import constants

from gansynth import images
from gansynth.data import tfds_builders
from gansynth.metrics import picture_sets
from gansynth.metrics.picture_sets import PictureSetError


def noise(*shape, seed=0):
  return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.fixture
def folder(tmp_path):
  """Pictures, some of which only some programs see."""
  root = tmp_path / "pictures"
  names = ("im2.png", "im10.png", "UP.PNG", "Mixed.Jpg", "low.jpeg")
  tiny.write_pictures(root, dict.fromkeys((*names, "sub/deep.bmp"), (3, 4)))
  images.write(root / "grey.ppm", noise(3, 4, 3))
  os.rename(root / "grey.ppm", root / "grey.pgm")
  np.save(root / "array.npy", noise(3, 4, 3))
  (root / "notes.txt").write_text("no picture")
  return root


@pytest.mark.parametrize(
  ("listing", "names"),
  [
    (
      "all",
      [
        "Mixed.Jpg",
        "UP.PNG",
        "im10.png",
        "im2.png",
        "low.jpeg",
        "sub/deep.bmp",
      ],
    ),
    ("pytorch_fid", ["grey.pgm", "im10.png", "im2.png", "low.jpeg"]),
    (
      "cleanfid",
      [
        "UP.PNG",
        "array.npy",
        "grey.pgm",
        "im10.png",
        "im2.png",
        "low.jpeg",
        "sub/deep.bmp",
      ],
    ),
  ],
)
def test_folders_are_listed_as_each_program_lists_them(folder, listing, names):
  found = picture_sets.open(folder, listing=listing)
  assert list(found.names) == names
  for name, picture in zip(found.names, found, strict=True):
    if name.endswith(".npy"):
      expected = np.load(folder / name)
    else:
      expected = images.read(folder / name)
    np.testing.assert_array_equal(picture, expected)


def test_grey_is_replicated_and_transparency_dropped(tmp_path):
  rgba = noise(4, 5, 4)
  Image.fromarray(rgba).save(tmp_path / "a.png")
  Image.fromarray(rgba[..., 0]).save(tmp_path / "b.png")
  Image.fromarray(rgba[..., 2:]).save(tmp_path / "c.png")  # grey with alpha
  first, second, third = picture_sets.open(tmp_path)
  np.testing.assert_array_equal(first, rgba[..., :3])
  np.testing.assert_array_equal(second, np.stack([rgba[..., 0]] * 3, -1))
  np.testing.assert_array_equal(third, np.stack([rgba[..., 2]] * 3, -1))


def test_archives_are_read_in_place(tmp_path, folder):
  path = tmp_path / "pictures.zip"
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
    for name in ("im2.png", "im10.png", "sub/deep.bmp", "notes.txt"):
      archive.write(folder / name, f"top/{name}")
    archive.write(folder / "im2.png", "__MACOSX/top/im2.png")
    archive.write(folder / "im2.png", "top/.im2.png")
  found = picture_sets.open(path)
  assert list(found.names) == [
    "top/im10.png",
    "top/im2.png",
    "top/sub/deep.bmp",
  ]
  np.testing.assert_array_equal(found[1], images.read(folder / "im2.png"))
  assert sorted(os.listdir(tmp_path)) == ["pictures", "pictures.zip"]


@pytest.mark.parametrize("shape", [(5, 3, 4, 3), (5, 3, 4), (5, 3, 4, 1)])
def test_arrays_in_files_and_in_memory(tmp_path, shape):
  array = noise(*shape)
  expected = np.broadcast_to(array.reshape(5, 3, 4, -1), (5, 3, 4, 3))
  np.save(tmp_path / "a.npy", array)
  np.savez(tmp_path / "b.npz", array)
  np.savez(tmp_path / "c.npz", images=array, labels=np.arange(5))
  for place in (
    tmp_path / "a.npy",
    tmp_path / "b.npz",
    tmp_path / "c.npz",
    array,
    list(array),
  ):
    found = picture_sets.open(place)
    assert found.names == tuple(f"{i:06d}" for i in range(5))
    np.testing.assert_array_equal(np.stack(list(found)), expected)


def test_lists_are_relative_to_their_own_folder(folder):
  (folder / "some.txt").write_text("# two\nsub/deep.bmp\n\n im2.png \n")
  found = picture_sets.open(folder / "some.txt")
  assert found.names == ("sub/deep.bmp", "im2.png")
  assert found.place == str(folder / "some.txt")
  np.testing.assert_array_equal(found[1], images.read(folder / "im2.png"))
  (folder / "some.txt").write_text("gone.png\nim2.png\n")
  with pytest.raises(PictureSetError, match=r"1 files that do not exist.*gone"):
    picture_sets.open(folder / "some.txt")


def test_data_sets_of_tensorflow_datasets(tmp_path, monkeypatch):
  tiny.write_pictures(tmp_path / "trainA", {"x.png": (3, 4), "y.png": (5, 6)})
  tiny.write_pictures(tmp_path / "trainB", {"z.png": (3, 4)})
  splits = {split: tmp_path / split for split in ("trainA", "trainB")}
  tfds_builders.build("mine", splits, tmp_path / "data")
  # TensorFlow Datasets reads TFDS_DATA_DIR when it is imported.
  monkeypatch.setattr(constants, "DATA_DIR", str(tmp_path / "data"))
  found = picture_sets.open("tfds:two_folders/mine:trainA")
  assert [picture.shape for picture in found] == [(3, 4, 3), (5, 6, 3)]
  for place in (
    "tfds:two_folders/mine:1.0.0:trainA[1:]",
    "tfds:two_folders/mine:trainA[1:]:image",
  ):
    part = picture_sets.open(place)
    assert len(part) == 1
    np.testing.assert_array_equal(part[0], found[1])
  with pytest.raises(ValueError, match="no feature 'photo'"):
    picture_sets.open("tfds:two_folders/mine:trainA:photo")
  with pytest.raises(ValueError, match="has no split 'testA'"):
    picture_sets.open("tfds:two_folders/mine:testA")
  with pytest.raises(PictureSetError, match="names no data set"):
    picture_sets.open("tfds:two_folders")


def test_pictures_can_be_brought_to_one_size(folder):
  found = picture_sets.open(folder, size=(6, 5))
  assert {picture.shape for picture in found} == {(6, 5, 3)}
  np.testing.assert_array_equal(
    found[3], images.resize(images.read(folder / "im2.png"), (6, 5))
  )
  same = picture_sets.open(folder, size=(3, 4))
  np.testing.assert_array_equal(same[3], images.read(folder / "im2.png"))


def test_the_identity_changes_with_the_pictures(folder):
  before = picture_sets.open(folder).identity
  assert picture_sets.open(folder).identity == before
  assert picture_sets.open(folder, size=(6, 5)).identity != before
  images.write(folder / "im2.png", noise(3, 4, 3, seed=1))
  os.utime(folder / "im2.png", ns=(0, 0))
  changed = picture_sets.open(folder).identity
  assert changed != before
  os.rename(folder / "im2.png", folder / "im3.png")
  assert picture_sets.open(folder).identity != changed
  array = noise(2, 3, 4, 3)
  of_arrays = picture_sets.of_arrays(array).identity
  assert picture_sets.of_arrays(list(array)).identity == of_arrays
  array[1, 2, 3, 0] ^= 1
  assert picture_sets.of_arrays(array).identity != of_arrays


def test_places_that_hold_no_pictures_are_named(tmp_path):
  (tmp_path / "empty").mkdir()
  (tmp_path / "file.xyz").write_bytes(b"?")
  (tmp_path / "bad.zip").write_bytes(b"PK")
  (tmp_path / "bad.npy").write_bytes(b"?")
  (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04?")
  np.savez(tmp_path / "statistics.npz", mu=np.ones(2), sigma=np.eye(2))
  np.savez(tmp_path / "two.npz", x=np.ones(2), y=np.ones(2))
  np.save(tmp_path / "floats.npy", np.ones((2, 3, 4, 3)))
  np.save(tmp_path / "one.npy", noise(3, 4))
  np.save(tmp_path / "none.npy", noise(0, 3, 4, 3))
  np.save(tmp_path / "colours.npy", noise(3, 4, 3))
  (tmp_path / "nothing.npy").write_bytes(b"")
  (tmp_path / "nothing.npz").write_bytes(b"")
  (tmp_path / "nothing.txt").write_text("# none yet\n")
  (tmp_path / "latin.txt").write_bytes(b"a\xe4.png\n")
  with zipfile.ZipFile(tmp_path / "none.zip", "w"):
    pass
  for name, words in {
    "gone": "does not exist",
    "empty": "holds no picture",
    "file.xyz": "a file, and no .zip",
    "bad.zip": "no zip file",
    "none.zip": "holds no picture",
    "bad.npy": "no array that can be read",
    "bad.npz": "no array that can be read",
    "statistics.npz": "holds statistics",
    "two.npz": "holds x, y; expected one array",
    "floats.npy": r"float64 \(3, 4, 3\); expected uint8",
    "one.npy": r"uint8 \(3, 4\) holds no pictures",
    "none.npy": "holds no picture",
    "colours.npy": r"uint8 \(3, 4, 3\) holds no pictures",
    "nothing.npy": "no array that can be read",
    "nothing.npz": "no array that can be read",
    "nothing.txt": "lists no picture",
    "latin.txt": "byte 2 is no text in UTF-8",
  }.items():
    with pytest.raises(ValueError, match=words) as error:
      picture_sets.open(tmp_path / name)
    assert name in str(error.value)
  with pytest.raises(PictureSetError, match="place of the pictures is empty"):
    picture_sets.open("")
  for listing in ("pytorch_fid", "cleanfid"):
    with pytest.raises(PictureSetError, match="List all pictures"):
      picture_sets.open(tmp_path / "empty", listing=listing)
  with pytest.raises(PictureSetError, match="expected one of all"):
    picture_sets.open(tmp_path, listing="fid")


def test_pictures_that_cannot_be_read_are_named(tmp_path):
  (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
  with pytest.raises(images.ImageError, match=r"cut\.png"):
    picture_sets.open(tmp_path)[0]
  (tmp_path / "arrays").mkdir()
  (tmp_path / "arrays/cut.npy").write_bytes(b"")
  with pytest.raises(PictureSetError, match=r"cut\.npy holds no array"):
    picture_sets.open(tmp_path / "arrays", listing="cleanfid")[0]
  pictures = [noise(3, 4, 3), noise(3, 4, 2)]
  with pytest.raises(PictureSetError, match=r"000001 .*uint8 \(3, 4, 2\)"):
    picture_sets.of_arrays(pictures)[1]
  with pytest.raises(PictureSetError, match="2 pictures and 1 names"):
    picture_sets.of_arrays(pictures, ["a"])
  with pytest.raises(IndexError):
    picture_sets.of_arrays(pictures)[2]
