"""Label maps from polygons and panoptic files from instance maps."""

import json

import numpy as np
import pytest

from gansynth import images
from gansynth.data.labels import cityscapes_panoptic, cityscapes_polygons


def box(left, top, right, bottom):
  return [[left, top], [right, top], [right, bottom], [left, bottom]]


ANNOTATION = {
  "imgHeight": 6,
  "imgWidth": 12,
  "objects": [
    {"label": "road", "polygon": box(-3, 2, 20, 9)},
    {"label": "car", "polygon": box(1, 2, 3, 3)},
    {"label": "car", "polygon": box(3, 3, 4, 4)},  # covers a corner
    {"label": "truck", "polygon": box(0, 0, 11, 5), "deleted": 1},
    {"label": "license plate", "polygon": box(1, 2, 1, 3)},
    {"label": "persongroup", "polygon": box(8, 1, 9, 2)},
    {"label": "polegroup", "polygon": box(11, 0, 11, 1)},
    {"label": "caravan", "polygon": box(6, 5, 6, 5)},
  ],
}


def test_polygons_are_painted_in_their_order():
  maps = cityscapes_polygons.draw(ANNOTATION)
  ids = np.zeros((6, 12), int)
  ids[2:] = 7
  ids[2:4, 1:4] = 26000
  ids[3:5, 3:5] = 26001
  ids[1:3, 8:10] = 24  # a group has no number
  ids[:2, 11] = 18  # a label by itself
  ids[5, 6] = 29000
  np.testing.assert_array_equal(maps.instance_ids, ids)
  assert maps.instance_ids.dtype == np.uint16
  labels = np.where(ids >= 1000, ids // 1000, ids)
  np.testing.assert_array_equal(maps.label_ids, labels)
  train = {0: 255, 7: 0, 18: 255, 24: 11, 26: 13, 29: 255}
  np.testing.assert_array_equal(maps.train_ids, np.vectorize(train.get)(labels))
  assert maps.color.shape == (6, 12, 4)
  assert tuple(maps.color[0, 0]) == (0, 0, 0, 255)
  assert tuple(maps.color[4, 4]) == (0, 0, 142, 255)


def test_maps_are_written_beside_the_polygons(tmp_path):
  path = tmp_path / "a_000000_000019_gtFine_polygons.json"
  path.write_text(json.dumps(ANNOTATION))
  written = cityscapes_polygons.write(path)
  assert [name.rpartition("_")[2] for name in written] == [
    "labelIds.png",
    "labelTrainIds.png",
    "instanceIds.png",
    "color.png",
  ]
  instances = images.read_integers(written[2])
  assert instances.max() == 29000


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"objects": [{"label": "tree", "polygon": box(0, 0, 1, 1)}]}, "'tree'"),
    ({"objects": [{"label": "car", "polygon": [[1, 1]]}]}, "has 1 points"),
    ({"objects": [{"label": "car"}]}, "KeyError: 'polygon'"),
    ({"objects": None}, "TypeError"),
  ],
)
def test_bad_annotations_are_named(tmp_path, change, message):
  path = tmp_path / "x_polygons.json"
  path.write_text(json.dumps({**ANNOTATION, **change}))
  with pytest.raises(ValueError, match=message) as caught:
    cityscapes_polygons.draw_file(path)
  assert str(path) in str(caught.value)


def test_no_json_is_named(tmp_path):
  path = tmp_path / "x_polygons.json"
  path.write_text("{")
  with pytest.raises(ValueError, match=r"x_polygons\.json.*is no JSON"):
    cityscapes_polygons.draw_file(path)


@pytest.mark.parametrize("train_ids", [False, True])
def test_segments_of_an_instance_map(train_ids):
  instances = cityscapes_polygons.draw(ANNOTATION).instance_ids
  picture, infos = cityscapes_panoptic.segments(instances, train_ids)
  codes = picture.astype(int) @ [1, 256, 65536]
  kept = np.isin(instances, [7, 24, 26000, 26001])
  np.testing.assert_array_equal(codes, np.where(kept, instances, 0))
  road, people, first, second = infos
  assert [each["id"] for each in infos] == [7, 24, 26000, 26001]
  categories = [0, 11, 13, 13] if train_ids else [7, 24, 26, 26]
  assert [each["category_id"] for each in infos] == categories
  assert road["bbox"] == [0, 2, 12, 4]
  assert (road["iscrowd"], people["iscrowd"], first["iscrowd"]) == (0, 1, 0)
  assert first["area"] == 5  # of six, one is covered
  assert first["bbox"] == [1, 2, 3, 2]
  assert second["bbox"] == [3, 3, 2, 2]


def test_an_instance_of_no_label_is_refused():
  with pytest.raises(ValueError, match=r"x\.png: holds 99000, .* label 99"):
    cityscapes_panoptic.segments(np.full((2, 2), 99000), name="x.png")


@pytest.mark.parametrize("train_ids", [False, True])
def test_a_split_is_converted(tmp_path, train_ids):
  instances = cityscapes_polygons.draw(ANNOTATION).instance_ids
  for city in ("b", "a"):
    stem = tmp_path / "gtFine" / "val" / city / f"{city}_000000_000019_gtFine"
    images.write(f"{stem}_instanceIds.png", instances)
    images.write(f"{stem}_labelIds.png", np.zeros((6, 12), np.uint8))
  out = tmp_path / "out"
  path = cityscapes_panoptic.write(tmp_path, out, "val", train_ids)
  name = "cityscapes_panoptic_val" + ("_trainId" if train_ids else "")
  assert path == str(out / f"{name}.json")
  with open(path) as file:
    document = json.load(file)
  assert [each["id"] for each in document["images"]] == [
    "a_000000_000019",
    "b_000000_000019",
  ]
  assert (document["images"][0]["width"], len(document["categories"])) == (
    12,
    19,
  )
  things = [each for each in document["categories"] if each["isthing"]]
  assert things[0]["name"] == "person"
  assert things[0]["id"] == (11 if train_ids else 24)
  shown = document["annotations"][1]
  assert shown["file_name"] == "b_000000_000019_gtFine_panoptic.png"
  picture = images.read(out / name / shown["file_name"])
  assert picture[3, 4].tolist() == [26001 % 256, 26001 // 256, 0]


def test_a_folder_without_instance_maps_is_named(tmp_path):
  images.write(
    tmp_path / "gtFine" / "val" / "x.png", np.zeros((2, 2), np.uint8)
  )
  with pytest.raises(images.ImageError, match="holds no \\*_gtFine_instanceId"):
    cityscapes_panoptic.write(tmp_path, tmp_path / "out")
