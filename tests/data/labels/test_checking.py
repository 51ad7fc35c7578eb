"""Whole data sets are checked before training."""

import json
import logging

import ml_collections
import numpy as np
import pytest

from gansynth import images
from gansynth.data import labels
from gansynth.data.labels import checking


def write_item(root, phase, stem, label, size=(4, 6)):
  label = np.broadcast_to(np.uint8(label), (4, 6))
  images.write(root / f"{phase}_label" / f"{stem}.png", label)
  picture = np.zeros((*size, 3), np.uint8)
  images.write(root / f"{phase}_img" / f"{stem}.png", picture)


def config(root, **fields):
  return ml_collections.ConfigDict(
    {"source": "facades", "root": str(root), "num_labels": 4, **fields}
  )


def test_labels_are_counted_and_what_is_wrong_is_named(tmp_path):
  write_item(tmp_path, "train", "1", [[0] * 3 + [2] * 3])
  write_item(tmp_path, "train", "2", 2, size=(8, 6))
  write_item(tmp_path, "train", "3", [[3] * 5 + [7]])
  write_item(tmp_path, "train", "4", 1)
  (tmp_path / "train_img" / "4.png").write_bytes(b"GIF")
  (report,) = labels.check_labels(config(tmp_path)).values()
  assert report.items == 4
  np.testing.assert_array_equal(report.pixels, [12, 0, 12 + 24, 0])
  np.testing.assert_array_equal(report.maps, [1, 0, 2, 0])
  assert report.differing == ("2",)
  wrong, damaged = report.errors
  assert "train_label/3.png: holds 7 (4 pixels)" in wrong
  assert "train_img/4.png" in damaged
  lines = str(report).splitlines()
  assert lines[0] == "items: 4, of which unusable: 2"
  assert lines[1:4] == [
    "  label   0:  25.000% of pixels, maps: 1",
    "  label   2:  75.000% of pixels, maps: 2",
    "labels in no map: 1, 3",
  ]
  assert "items with maps of different sizes: 1, the first '2'" in lines[4]
  assert lines[5:] == [wrong, damaged]


def test_dont_care_is_a_label_and_the_test_split_is_checked(tmp_path):
  write_item(tmp_path, "train", "1", 255)
  write_item(tmp_path, "val", "2", 3)
  reports = labels.check_labels(config(tmp_path, dont_care=True))
  assert list(reports) == ["train", "test"]
  assert reports["train"].pixels.tolist() == [0, 0, 0, 0, 24]
  assert reports["test"].pixels.tolist() == [0, 0, 0, 24, 0]
  assert not reports["train"].errors
  assert str(reports["test"]).count("\n") == 2


def test_joints_are_checked_too(tmp_path):
  for name, x in (("1", 3), ("2", 99)):
    write_item(tmp_path, "train", name, 0)
    path = tmp_path / "train_pose" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"cnose": [x, 2]}))
  (report,) = labels.check_labels(
    config(tmp_path, source="poses", num_labels=0)
  ).values()
  assert (report.items, report.pixels.size) == (2, 0)
  (error,) = report.errors
  assert "2.json" in error
  assert "(99, 2)" in error


def test_unknown_pixels_are_listed_with_file_and_share(tmp_path, caplog):
  for number, strange in enumerate((0, 1, 3)):
    colors = np.ones((4, 6, 3), np.uint8)
    colors[:, :strange] = 9
    images.write(tmp_path / "images" / f"{number}.png", colors)
    images.write(tmp_path / "masks" / f"{number}.png", colors)
  fields = {"palette": "0 0 0 sea; 1 1 1 land", "palette_rule": "original"}
  options = config(tmp_path, source="geoseg", **fields)
  options.num_labels = 2
  with caplog.at_level(logging.WARNING, logger="absl"):
    (report,) = labels.check_labels(options).values()
  assert "stand for no label" not in caplog.text  # the report tells it
  assert report.unknown == (
    (str(tmp_path / "masks" / "2.png"), 0.5),
    (str(tmp_path / "masks" / "1.png"), pytest.approx(1 / 6)),
  )
  assert report.unknown_share == pytest.approx(4 / 18)
  assert not report.errors
  assert str(report).splitlines() == [
    "items: 3, of which unusable: 0",
    "  label   0:  22.222% of pixels, maps: 2  sea",
    "  label   1:  77.778% of pixels, maps: 3  land",
    "pixels that stand for no label: 22.222%, in 2 maps:",
    f"   50.000% of {tmp_path / 'masks' / '2.png'}",
    f"   16.667% of {tmp_path / 'masks' / '1.png'}",
  ]


class ManyBadItems:
  def __len__(self):
    return 3000

  def __getitem__(self, index):
    if index % 2:
      raise images.ImageError(f"item {index}")
    return {"label": np.full((2, 2), 1, np.uint8), "name": str(index)}


@pytest.mark.parametrize("num_threads", [0, 3])
def test_errors_keep_their_order_and_few_are_printed(num_threads):
  report = checking.check(ManyBadItems(), 2, num_threads)
  assert report.errors == tuple(f"item {index}" for index in range(1, 3000, 2))
  assert report.pixels.tolist() == [0, 1500 * 4]
  lines = str(report).splitlines()
  assert lines[-2:] == ["item 39", "and 1480 more"]
