"""Label maps of every kind, and what is said of wrong ones."""

import pickle

import numpy as np
import pytest
from PIL import Image

from gansynth import images
from gansynth.data.labels.reading import LabelReader, read_instances

LABELS = np.array([[0, 1, 2], [2, 2, 34]], np.uint8)


def save(path, array, mode=None):
  picture = Image.fromarray(array)
  if mode == "P":
    picture = Image.new("P", array.shape[::-1])
    picture.putdata(array.ravel().tolist())
    picture.putpalette(bytes(range(255, -1, -1)) * 3)
  picture.save(path)
  return path


@pytest.mark.parametrize("kind", ["gray", "palette", "16 bits", "bytes"])
def test_numbers_are_read_as_they_are(tmp_path, kind):
  path = tmp_path / "a.png"
  array = LABELS.astype(np.uint16) if kind == "16 bits" else LABELS
  save(path, array, "P" if kind == "palette" else None)
  source = path.read_bytes() if kind == "bytes" else path
  found = LabelReader(35)(source)
  np.testing.assert_array_equal(found, LABELS)
  assert found.dtype == np.uint8


def test_dont_care_has_the_last_channel(tmp_path):
  array = np.array([[0, 255, 150]], np.uint8)
  path = save(tmp_path / "a.png", array)
  found = LabelReader(150, dont_care=True)(path)
  # As the released SPADE has it for ADE20K, class 150 shares the channel.
  assert found.tolist() == [[0, 150, 150]]
  shifted = LabelReader(150, dont_care=True, ade20k_shift=True)(path)
  assert shifted.tolist() == [[150, 150, 149]]


@pytest.mark.parametrize(
  ("num_labels", "dont_care", "value", "expected", "dtype"),
  [
    (255, True, 255, 255, np.uint8),
    (256, False, 255, 255, np.uint8),
    (256, True, 255, 255, np.int32),  # a label
    (256, True, 65535, 256, np.int32),
    (300, True, 299, 299, np.int32),
    (300, True, 65535, 300, np.int32),
  ],
)
def test_many_labels(tmp_path, num_labels, dont_care, value, expected, dtype):
  path = save(tmp_path / "a.png", np.full((2, 2), value, np.uint16))
  found = LabelReader(num_labels, dont_care)(path)
  assert found.dtype == dtype
  assert (found == expected).all()


@pytest.mark.parametrize(
  ("reader", "parts"),
  [
    (
      LabelReader(20),
      [
        "holds 34 (1 pixels), 255 (2 pixels)",
        "expected 0 to 19 (num_labels 20",
        "--config.data.dont_care=True",
        "--config.data.num_labels=35 or more",
      ],
    ),
    (
      LabelReader(20, dont_care=True),
      ["holds 34 (1 pixels);", "expected 0 to 20 or 255"],
    ),
    (LabelReader(35), ["holds 255 (2 pixels);", "dont_care=True"]),
  ],
)
def test_wrong_values_are_named(tmp_path, reader, parts):
  array = np.array([[0, 34, 255, 255]], np.uint8)
  path = save(tmp_path / "bad.png", array)
  with pytest.raises(images.ImageError) as caught:
    reader(path)
  message = str(caught.value)
  assert message.startswith(f"{path}: ")
  for part in parts:
    assert part in message
  assert ("num_labels=" in message) == (reader.num_labels == 20)


def test_a_colour_picture_is_told_about_palettes(tmp_path):
  path = tmp_path / "rgb.png"
  images.write(path, np.zeros((2, 2, 3), np.uint8))
  with pytest.raises(images.ImageError, match=r"rgb\.png: is a colour picture"):
    LabelReader(35)(path)
  with pytest.raises(images.ImageError, match=r"--config\.data\.palette=FILE"):
    LabelReader(35)(path)


def test_a_jpeg_is_refused(tmp_path):
  path = tmp_path / "a.jpg"
  images.write(path, LABELS)
  with pytest.raises(images.ImageError, match=r"a\.jpg: is a JPEG.*PNG"):
    LabelReader(35)(path)


@pytest.mark.parametrize("channels", [3, 4])
def test_maps_coded_in_colours(tmp_path, channels):
  palette = tmp_path / "palette.txt"
  palette.write_text("0 0 0 ground\n9 8 7 water\n1 1 1 unknown\n")
  reader = LabelReader(2, dont_care=True, palette=str(palette))
  reader = pickle.loads(pickle.dumps(reader))
  picture = np.array([[[9, 8, 7], [0, 0, 0], [1, 1, 1]]], np.uint8)
  if channels == 4:
    picture = np.concatenate([picture, np.full((1, 3, 1), 99, np.uint8)], -1)
  images.write(tmp_path / "a.png", picture)
  assert reader(tmp_path / "a.png").tolist() == [[1, 0, 2]]
  with pytest.raises(images.ImageError, match="more colours than"):
    LabelReader(2, palette=str(palette))(tmp_path / "a.png")


def test_a_wrong_palette_is_found_at_once(tmp_path):
  with pytest.raises(ValueError, match="does not exist"):
    LabelReader(2, palette=str(tmp_path / "none.txt"))


def test_pictures_in_place_of_labels(tmp_path):
  picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
  images.write(tmp_path / "a.png", picture)
  np.testing.assert_array_equal(LabelReader(0)(tmp_path / "a.png"), picture)


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"num_labels": -1}, "num_labels is -1"),
    ({"num_labels": 0, "dont_care": True}, "num_labels is 0"),
    ({"num_labels": 5, "ade20k_shift": True}, "set dont_care"),
  ],
)
def test_contradictions_are_refused(fields, message):
  with pytest.raises(ValueError, match=message):
    LabelReader(**fields)


def test_instances_of_every_depth(tmp_path):
  wide = np.array([[7, 26001], [33000, 65535]], np.uint16)
  save(tmp_path / "a.png", wide)
  save(tmp_path / "b.tif", wide.astype(np.int32) * 1000)
  colored = np.array([[[1, 2, 3]]], np.uint8)
  images.write(tmp_path / "c.png", colored)
  for name, expected in {
    "a.png": wide,
    "b.tif": wide.astype(int) * 1000,
    "c.png": [[1 + 2 * 256 + 3 * 65536]],
  }.items():
    found = read_instances(tmp_path / name)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, expected)
