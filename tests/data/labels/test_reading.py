"""Label maps of every kind, and what is said of wrong ones."""

import logging
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
    ({"num_labels": 0, "rule": "original"}, "num_labels is 0"),
    ({"num_labels": 5, "rule": "near"}, "palette_rule is 'near'; expected"),
    ({"num_labels": 5, "rule": "nearest"}, "set --config.data.palette"),
    ({"num_labels": 5, "tolerance": -1.0}, "palette_tolerance is -1.0"),
    ({"num_labels": 5, "tolerance": 442.0}, "palette_tolerance is 442.0"),
    ({"num_labels": 5, "tolerance": float("nan")}, "palette_tolerance is nan"),
    ({"num_labels": 5, "background": 5}, "palette_background is 5"),
    (
      {"num_labels": 5, "dont_care": True, "ade20k_shift": True}
      | {"rule": "original"},
      "ade20k_shift is for",
    ),
  ],
)
def test_contradictions_are_refused(fields, message):
  with pytest.raises(ValueError, match=message):
    LabelReader(**fields)


COLORS = "0 0 0 ground; 9 8 7 water; 200 0 0 roof"
PICTURE = np.array(
  [[[9, 8, 7], [200, 10, 0], [100, 0, 0], [0, 0, 0]]], np.uint8
)


@pytest.mark.parametrize(
  ("fields", "labels", "unknown"),
  [
    ({"rule": "nearest", "tolerance": 10.0}, [1, 2, 0, 0], 1),
    ({"rule": "nearest", "tolerance": 9.9}, [1, 0, 0, 0], 2),
    ({"rule": "nearest", "tolerance": 0, "background": 2}, [1, 2, 2, 0], 2),
    ({"rule": "nearest", "tolerance": 441.6}, [1, 2, 1, 0], 0),
    ({"rule": "nearest", "dont_care": True}, [1, 2, 3, 0], 1),
    ({"rule": "original"}, [1, 0, 0, 0], 2),
    ({"rule": "original", "background": 1}, [1, 1, 1, 0], 2),
    ({"rule": "original", "dont_care": True}, [1, 0, 0, 0], 2),
  ],
)
def test_unknown_colours_by_rule(tmp_path, fields, labels, unknown):
  path = tmp_path / "a.png"
  images.write(path, PICTURE)
  found = LabelReader(3, palette=COLORS, **fields).read(path)
  assert found.labels.tolist() == [labels]
  assert found.labels.dtype == np.uint8
  assert found.unknown == unknown


def test_exact_colours_advise_the_nearest(tmp_path):
  images.write(tmp_path / "a.jpg", np.full((8, 8, 3), 100, np.uint8))
  reader = LabelReader(3, palette=COLORS)
  with pytest.raises(
    images.ImageError, match=r"a\.jpg: 64 of 64 .*data\.palette_rule=nearest"
  ):
    reader(tmp_path / "a.jpg")


def test_the_original_rule_takes_other_numbers_for_the_background(tmp_path):
  numbers = np.array([[-3, 0, 2, 3, 255, 300]], np.int32)
  path = save(tmp_path / "a.tif", numbers)
  reader = LabelReader(3, rule="original", background=1)
  assert reader.read(path).labels.tolist() == [[1, 0, 2, 1, 1, 1]]
  assert reader.read(path).unknown == 4
  np.testing.assert_array_equal(reader.stored(path), reader(path))
  reader = LabelReader(3, dont_care=True, rule="original")
  assert reader.read(path).labels.tolist() == [[0, 0, 2, 0, 3, 0]]
  assert reader.read(path).unknown == 3
  # Stored as they are, so that 255 can be read back.
  assert reader.stored(path).tolist() == [[0, 0, 2, 0, 255, 0]]


def test_a_palette_with_more_colours_by_the_original_rule(tmp_path):
  reader = LabelReader(2, palette=COLORS, rule="original")
  images.write(tmp_path / "a.png", np.full((1, 2, 3), [200, 0, 0], np.uint8))
  assert reader.read(tmp_path / "a.png").labels.tolist() == [[0, 0]]
  assert reader.read(tmp_path / "a.png").unknown == 2


@pytest.mark.parametrize("kind", ["gray", "palette", "16 bits", "colours"])
def test_numbers_in_gray_beside_colours(tmp_path, kind):
  labels = np.array([[0, 1, 2], [2, 2, 1]], np.uint8)
  array, mode = labels, None
  if kind == "palette":
    mode = "P"
  elif kind == "16 bits":
    array = labels.astype(np.uint16)
  elif kind == "colours":
    alpha = np.full((2, 3, 1), 7, np.uint8)
    colors = LabelReader(3, palette=COLORS).colors
    array = np.concatenate([colors[labels], alpha], -1)
  path = save(tmp_path / "a.png", array, mode)
  reader = LabelReader(3, palette=COLORS, numbers_in_gray=True)
  np.testing.assert_array_equal(reader(path), labels)


def test_jpegs_hold_colours_but_no_numbers(tmp_path):
  labels = np.repeat(np.repeat([[0, 2], [2, 0]], 16, 0), 16, 1)
  reader = LabelReader(
    3, palette=COLORS, rule="nearest", tolerance=100, numbers_in_gray=True
  )
  images.write(tmp_path / "a.jpg", reader.colors[labels], quality=75)
  assert (reader(tmp_path / "a.jpg") != labels).mean() < 0.1  # along borders
  images.write(tmp_path / "b.jpg", labels.astype(np.uint8))
  with pytest.raises(images.ImageError, match=r"b\.jpg: is a JPEG"):
    reader(tmp_path / "b.jpg")
  without = LabelReader(3, numbers_in_gray=True)
  with pytest.raises(images.ImageError, match=r"config\.data\.palette=FILE"):
    without(tmp_path / "a.jpg")


def test_unknown_pixels_are_logged_for_the_first_files(tmp_path, caplog):
  reader = LabelReader(3, palette=COLORS, rule="original")
  paths = [tmp_path / f"{i}.png" for i in range(13)]
  for path in paths:
    images.write(path, PICTURE)
  with caplog.at_level(logging.WARNING, logger="absl"):
    reader.read(paths[0])
    assert not caplog.text
    for path in paths * 2:
      reader(path)
  lines = [record.getMessage() for record in caplog.records]
  assert len(lines) == 11
  assert lines[0] == (
    f"{paths[0]}: 50.000 % of the pixels stand for no label and become label 0."
  )
  assert f"{paths[9]}: " in lines[9]
  assert "no more are shown" in lines[10]
  assert "--check" in lines[10]


def test_what_is_shown_of_a_reader_tells_the_rules_apart():
  # Records of old runs hold the first form, and must be found equal.
  assert repr(LabelReader(3)) == (
    "LabelReader(num_labels=3, dont_care=False, palette='', ade20k_shift=False)"
  )
  shown = repr(LabelReader(3, palette=COLORS, rule="nearest", tolerance=3.0))
  assert shown.endswith("ade20k_shift=False, rule='nearest', tolerance=3.0)")


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
