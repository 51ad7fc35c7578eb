import json

import detections
import numpy as np
import pytest

from gansynth import images
from gansynth.synthesis.labels import LabelError, coco, truth_files, truths


@pytest.fixture
def root(tmp_path):
  detections.write(tmp_path, detections.labelled(), [])
  return tmp_path


def boxes_of(labels):
  return {
    truths.stem(name): each.truth.boxes.tolist()
    for name, each in labels.pictures.items()
  }


def change(path, edit):
  content = json.loads(path.read_text())
  edit(content)
  path.write_text(json.dumps(content))
  return path


def test_boxes_of_coco_are_the_files_own(root):
  path = root / "coco/labels.json"

  def edit(content):
    content["annotations"][0]["bbox"] = [0.1, 0.7, 10.3, 20.9]
    content["annotations"][0]["area"] = 33.5
    del content["annotations"][1]["area"]
    content["annotations"][1]["bbox"] = [1, 2, 3, 4.5]
    content["annotations"][1]["iscrowd"] = 1

  labels = truth_files.read(change(path, edit))
  first = labels.pictures["p0.png"]
  assert first.truth.boxes[0].tolist() == [0.1, 0.7, 10.3, 20.9]
  assert first.truth.areas[:2].tolist() == [33.5, 13.5]
  assert first.truth.ignored[:2].tolist() == [False, True]
  assert labels.category_ids == (1, 2, 3)
  assert labels.image_ids[1] == "p0.png"
  assert labels.notes == ()


@pytest.mark.parametrize(
  ("key", "value", "message"),
  [
    ("image_id", 99, "annotation 2 .* image_id is 99; expected the id of one"),
    ("category_id", 9, "category_id is 9; expected the id of one of the 3"),
    ("bbox", [1, 2, -3, 4], r"the box is \[1.0, 2.0, -3.0, 4.0\]; expected"),
    ("bbox", [1, 2, float("nan"), 4], "expected finite left, top"),
    ("bbox", [1, 2, 3], "expected four numbers"),
    ("area", "5", "area is '5'; expected a number"),
  ],
)
def test_bad_annotations_are_named(root, key, value, message):
  def edit(content):
    content["annotations"][1][key] = value

  path = change(root / "coco/labels.json", edit)
  with pytest.raises(LabelError, match=message) as caught:
    truth_files.read(path)
  assert str(caught.value).startswith(f"{path}, annotation 2")


def test_what_looks_wrong_is_noted(root):
  def edit(content):
    content["annotations"][2]["id"] = content["annotations"][1]["id"]
    content["images"][0]["width"] = 20

  labels = truth_files.read(change(root / "coco/labels.json", edit))
  repeated, beyond = labels.notes
  assert "1 annotations have the id of another" in repeated
  assert "reach beyond their picture, the first on p0.png of 20 x" in beyond


def test_all_formats_hold_the_same(root):
  read = truth_files.read(root / "coco/labels.json")
  yolo = truth_files.read(root / "yolo")
  voc = truth_files.read(root / "voc")
  assert (read.kind, yolo.kind, voc.kind) == ("coco", "yolo", "voc")
  for labels in (yolo, voc):
    assert boxes_of(labels).keys() == boxes_of(read).keys()
    for name, boxes in boxes_of(read).items():
      np.testing.assert_allclose(boxes_of(labels)[name], boxes, atol=1e-3)
    sizes = [(each.height, each.width) for each in labels.pictures.values()]
    assert sizes == [
      (each.height, each.width) for each in read.pictures.values()
    ]
  assert yolo.class_names == read.class_names == detections.NAMES
  assert voc.class_names == ("barn", "mill")
  assert "the classes are those that occur, sorted: barn, mill" in voc.notes[0]


def test_a_folder_of_labels_finds_pictures_and_names(root):
  whole = boxes_of(truth_files.read(root / "yolo"))
  for folder in ("labels", "images"):
    labels = truth_files.read(root / "yolo" / folder)
    assert labels.class_names == detections.NAMES
    assert boxes_of(labels) == whole


def test_masks_give_areas(root):
  # A triangle: half of its box.
  (root / "yolo/labels/p0.txt").write_text("0 0 0 0.5 0 0 0.5\n")
  first = truth_files.read(root / "yolo").pictures["p0.png"]
  half = first.height * first.width / 8
  assert first.truth.areas[0] == pytest.approx(half, rel=0.05)


def test_pictures_without_labels_and_repeated_lines(root):
  (root / "yolo/labels/p0.txt").unlink()
  (root / "yolo/labels/p1.txt").write_text("0 .5 .5 .2 .2\n" * 2)
  (root / "yolo/labels/extra.txt").write_text("0 .5 .5 .2 .2\n")
  labels = truth_files.read(root / "yolo")
  assert boxes_of(labels)["p0"] == []
  assert len(boxes_of(labels)["p1"]) == 1
  twice, extra = labels.notes
  assert "1 label files have the same line twice, which counts once" in twice
  assert extra.endswith(f"the first is {root / 'yolo/labels/extra.txt'}")


def test_a_yaml_names_pictures_of_splits(root):
  path = root / "yolo/data.yaml"
  names = "names: [mill, barn, dog]\n"
  path.write_text("train: images\nval: [val.txt]\n" + names)
  (root / "yolo/val.txt").write_text("images/p1.png\n./images/p3.png\n")
  labels = truth_files.read(path)
  assert list(labels.pictures) == ["p1.png", "p3.png"]
  assert len(truth_files.read(path, split="train").pictures) == 6
  assert len(truth_files.read(root / "yolo").pictures) == 6
  assert len(truth_files.read(root / "yolo", split="val").pictures) == 2
  with pytest.raises(LabelError, match=r"test is None; expected .* train, val"):
    truth_files.read(path, split="test")
  path.write_text(f"path: {root}\nval: yolo/images\n" + names)
  assert len(truth_files.read(path).pictures) == 6
  path.write_text("path: ../gone\nval: pictures\n" + names)
  with pytest.raises(LabelError, match=r"val names 'pictures', and .*gone/pic"):
    truth_files.read(path)


def test_voc_reads_the_ids_of_a_split(root):
  lists = root / "voc/ImageSets/Main"
  lists.mkdir(parents=True)
  (lists / "val.txt").write_text("p1\np4 -1\n")
  labels = truth_files.read(root / "voc", split="val")
  assert list(labels.pictures) == ["p1", "p4"]
  (lists / "val.txt").write_text("p1\nq\n")
  with pytest.raises(LabelError, match=r"val.txt names 'q' and 0 more"):
    truth_files.read(root / "voc", split="val")
  with pytest.raises(LabelError, match=r"test.txt does not exist"):
    truth_files.read(root / "voc", split="test")


def test_sizes_are_compared_with_pictures(root):
  pictures = root / "yolo/images"
  for labels in ("coco/labels.json", "voc"):
    truth_files.read(root / labels, pictures)
  images.write(pictures / "p2.png", np.zeros((9, 8, 3), np.uint8))
  for labels in ("coco/labels.json", "voc"):
    with pytest.raises(LabelError, match=r"p2.png: is 8 x 9 pixels .*; by "):
      truth_files.read(root / labels, pictures)
  (pictures / "p2.png").unlink()
  with pytest.raises(LabelError, match=r"there is no picture p2.png in"):
    truth_files.read(root / "coco/labels.json", pictures)


def test_places_without_labels_are_named(root, tmp_path):
  with pytest.raises(LabelError, match=r"gone: does not exist; expected COCO"):
    truth_files.read(tmp_path / "gone")
  (tmp_path / "a.csv").write_text("")
  with pytest.raises(LabelError, match=r"a.csv: is another file; expected"):
    truth_files.read(tmp_path / "a.csv")
  (tmp_path / "empty").mkdir()
  with pytest.raises(LabelError, match=r"empty.* holds no picture"):
    truth_files.read(tmp_path / "empty")
  with pytest.raises(LabelError, match="the path of the labels is empty"):
    truth_files.read("")
  with pytest.raises(LabelError, match="files have no splits, and 'val' is as"):
    truth_files.read(root / "coco/labels.json", split="val")
  for text in (root / "yolo/labels").iterdir():
    text.unlink()
  with pytest.raises(LabelError, match=r"none of the 6 pictures has a label f"):
    truth_files.read(root / "yolo")
  with pytest.raises(LabelError, match=r"no data.yaml to say which .* 'val'"):
    truth_files.read(root / "coco", split="val")


def test_files_without_images_are_named(root):
  path = change(
    root / "coco/labels.json",
    lambda content: content.update(images=[], annotations=[]),
  )
  with pytest.raises(LabelError, match="lists no image; expected those to"):
    truth_files.read(path)


def test_pictures_with_one_label_file_are_named(root):
  images.write(root / "yolo/images/p0.jpg", np.zeros((50, 50, 3), np.uint8))
  with pytest.raises(LabelError, match=r"p0.png and .*p0.jpg have the same"):
    truth_files.read(root / "yolo")


def test_stems_keep_folders_and_dots():
  assert truths.stem("a/b.c.JPG") == "a/b.c"
  assert truths.stem("a/b.c") == "a/b.c"


def test_reading_for_synthesis_is_as_it_was(root):
  # Crowds are left out there, which here are ignored regions.
  def edit(content):
    content["annotations"][0]["iscrowd"] = 1

  path = change(root / "coco/labels.json", edit)
  assert coco.read(path).crowds == 1
  labels = truth_files.read(path)
  count = sum(len(each.truth.boxes) for each in labels.pictures.values())
  read = sum(len(each.objects) for each in coco.read(path).images.values())
  assert count == read + 1
