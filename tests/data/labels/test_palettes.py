"""Colours of labels, and labels read back from them."""

import json

import numpy as np
import pytest

from gansynth import images
from gansynth.data.labels import cityscapes, palettes


def test_spade_colors_deal_out_the_bits_of_the_number():
  colors = palettes.label_colors(184)
  assert colors.dtype == np.uint8
  # 1, 2, 7, 8, 9 (= 0b1001) and 184 (= 0b10111000) by hand.
  for number, color in {
    1: (128, 0, 0),
    2: (0, 128, 0),
    7: (128, 128, 128),
    8: (64, 0, 0),
    9: (192, 0, 0),
    184: (64, 96, 64),
  }.items():
    assert tuple(colors[number - 1]) == color
  assert len(np.unique(colors, axis=0)) == 184


def test_pix2pixhd_begins_with_black():
  spade, pix2pixhd = (palettes.label_colors(37, first) for first in (1, 0))
  np.testing.assert_array_equal(pix2pixhd[0], [0, 0, 0])
  np.testing.assert_array_equal(pix2pixhd[1:], spade[:-1])


def test_35_are_those_of_cityscapes_and_182_look_natural():
  colors = palettes.label_colors(35)
  assert tuple(colors[7]) == (128, 64, 128)  # road
  assert tuple(colors[34]) == (0, 0, 142)  # license plate
  colors = palettes.label_colors(182)
  different = (colors != palettes.label_colors(184)[:182]).any(1)
  assert np.flatnonzero(different).tolist() == [105, 123, 154, 156, 168]
  assert tuple(colors[154]) == (54, 62, 167)  # sea


def test_colorize_shows_unknown_labels_in_black():
  colors = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
  labels = np.array([[0, 1], [2, 255]], np.uint8)
  np.testing.assert_array_equal(
    palettes.colorize(labels, colors),
    [[[1, 2, 3], [4, 5, 6]], [[0, 0, 0], [0, 0, 0]]],
  )


@pytest.mark.parametrize("count", [3, 300])
def test_colors_are_read_back(count):
  rng = np.random.default_rng(0)
  codes = rng.choice(2**24, count, replace=False)
  colors = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1)
  colors = colors.astype(np.uint8)
  labels = rng.integers(0, count, (7, 9))
  read = palettes.from_colors(palettes.colorize(labels, colors), colors)
  np.testing.assert_array_equal(read, labels)
  assert read.dtype == (np.uint8 if count <= 256 else np.int32)


def test_unknown_colors_are_listed_with_file_and_counts():
  picture = np.zeros((2, 3, 3), np.uint8)
  picture[0, 0] = 9, 8, 7
  picture[1, :2] = 1, 0, 255
  with pytest.raises(images.ImageError) as caught:
    palettes.from_colors(picture, np.zeros((1, 3), np.uint8), "maps/a.png")
  message = str(caught.value)
  assert message.startswith("maps/a.png: 3 of 6 pixels have colours")
  assert "1 0 255 (2 pixels), 9 8 7 (1 pixels)" in message


def test_palette_files(tmp_path):
  lines = tmp_path / "palette.txt"
  lines.write_text("# mine\n0 0 0 ground\n\n255 128 1 wind turbine  # tall\n")
  rows = tmp_path / "palette.json"
  rows.write_text(json.dumps([[0, 0, 0], [255, 128, 1]]))
  for path in (lines, rows):
    colors = palettes.load(path)
    assert colors.dtype == np.uint8
    np.testing.assert_array_equal(colors, [[0, 0, 0], [255, 128, 1]])


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("0 0 0\n1 2\n", r"line 2: found \['1', '2'\]"),
    ("0 0 256 sky\n", "line 1: .*each 0 to 255"),
    ("road\n", "line 1"),
    ("[[1, 2, 3], 4]", r"entry 1: found \[4\]"),
    ("[[1, 2, 3]", "is no JSON"),
    ("# nothing\n", "holds no colour"),
  ],
)
def test_bad_palettes_name_the_line(tmp_path, text, message):
  path = tmp_path / "p.txt"
  path.write_text(text)
  with pytest.raises(ValueError, match=message) as caught:
    palettes.load(path)
  assert str(path) in str(caught.value)


def test_missing_palette_says_what_is_expected(tmp_path):
  with pytest.raises(ValueError, match=r"p\.txt' does not exist.*cityscapes"):
    palettes.load(tmp_path / "p.txt")


@pytest.mark.parametrize(
  ("palette", "colors", "names"),
  [
    ("1 2 3 pine wood; 4 5 6", [[1, 2, 3], [4, 5, 6]], ["pine wood", ""]),
    ("1 2 3;4 5 6 lake;", [[1, 2, 3], [4, 5, 6]], ["", "lake"]),
    (" 255 0 9 one", [[255, 0, 9]], ["one"]),
    ("0 0 0", [[0, 0, 0]], [""]),
  ],
)
def test_palettes_in_the_configuration(palette, colors, names):
  loaded = palettes.load(palette)
  assert loaded.dtype == np.uint8
  np.testing.assert_array_equal(loaded, colors)
  expected = [name or f"label {i}" for i, name in enumerate(names)]
  assert list(palettes.names(palette)) == expected


@pytest.mark.parametrize(
  ("palette", "message"),
  [
    ("1 2 3 a; 4 5", r"entry 2: found \['4', '5'\]"),
    ("1 2 3 a; 4 500 6 b", "entry 2: .*0 to 255"),
    ("1 2 300 a", "entry 1"),
    (" ; ", "holds no colour"),
  ],
)
def test_bad_entries_are_named(palette, message):
  with pytest.raises(ValueError, match=message):
    palettes.load(palette)


def test_names_from_files(tmp_path):
  lines = tmp_path / "palette.txt"
  lines.write_text("0 0 0 ground # all else\n\n255 128 1\n1 1 1 wind turbine\n")
  rows = tmp_path / "palette.json"
  rows.write_text('[[0, 0, 0, "ground"], [2, 8, 1], [1, 1, 1, "wind turbine"]]')
  for path in (lines, rows):
    assert palettes.names(path) == ("ground", "label 1", "wind turbine")
  assert palettes.names("cityscapes")[7] == "road"
  assert len(palettes.names("cityscapes")) == 34


def test_table_of_geoseg():
  assert palettes.load("geoseg").tolist() == [
    [250, 62, 119],
    [168, 232, 84],
    [242, 180, 92],
    [116, 116, 116],
    [255, 214, 33],
    [33, 150, 243],
  ]
  assert palettes.names("geoseg") == (
    *("Background", "Forest land", "Grassland", "Cropland", "Settlement"),
    "Seminatural Grassland",
  )


@pytest.mark.parametrize("count", [2, 300])
def test_nearest_colors_are_those_of_a_search(count, monkeypatch):
  monkeypatch.setattr(palettes, "_BLOCK", 100)  # so that there are several
  rng = np.random.default_rng(1)
  colors = rng.integers(0, 256, (count, 3), np.uint8)
  picture = rng.integers(0, 256, (20, 30, 3), np.uint8)
  picture[0, 0] = colors[1]
  differences = picture[..., None, :].astype(int) - colors.astype(int)
  squares = (differences**2).sum(-1)
  # A distance that occurs: it is near enough itself.
  tolerance = float(np.sqrt(np.median(squares.min(-1))))
  labels, unknown = palettes.match(picture, colors, tolerance)
  np.testing.assert_array_equal(labels, squares.argmin(-1))
  np.testing.assert_array_equal(unknown, np.sqrt(squares.min(-1)) > tolerance)
  assert labels[0, 0] == 1
  assert 0 < unknown.mean() < 1
  assert labels.dtype == (np.uint8 if count <= 256 else np.int32)


def test_of_equally_near_colors_the_first_counts():
  colors = np.array([[10, 0, 0], [14, 0, 0], [14, 0, 0]], np.uint8)
  picture = np.array([[[12, 0, 0], [13, 0, 0]]], np.uint8)
  labels, unknown = palettes.match(picture, colors, 5.0)
  assert labels.tolist() == [[0, 1]]
  assert not unknown.any()


def test_palette_of_cityscapes_gives_ids():
  colors = palettes.load("cityscapes")
  assert colors.shape == (34, 3)
  shown = np.array([[[128, 64, 128], [0, 0, 142], [0, 0, 0]]], np.uint8)
  ids = palettes.from_colors(shown, colors)
  # Black is also that of 1, 2, 3 and 4, and blue the license plate's.
  assert ids.tolist() == [[7, 26, 0]]


def test_table_of_cityscapes():
  assert [label.id for label in cityscapes.LABELS] == [*range(34), -1]
  trained = [each for each in cityscapes.LABELS if not each.ignore_in_eval]
  assert [label.train_id for label in trained] == list(range(19))
  counted = [each.name for each in cityscapes.LABELS if each.has_instances]
  assert counted == [
    *("person", "rider", "car", "truck", "bus"),
    *("caravan", "trailer", "train", "motorcycle", "bicycle"),
  ]
  assert cityscapes.BY_NAME["sky"].category == "sky"


def test_trained_classes_of_cityscapes():
  road_to_rider = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25]
  car_to_bicycle = [26, 27, 28, 31, 32, 33]
  expected = [-1] * 35
  for train_id, label in enumerate(road_to_rider + car_to_bicycle):
    expected[label] = train_id
  assert list(cityscapes.train_ids()) == expected
