import json

import detections
import numpy as np
import pytest

from gansynth.synthesis.labels import LabelError, predictions, truth_files

LINE = "0 0.5 0.25 0.2 0.1 0.75\n"


@pytest.fixture
def root(tmp_path):
  detections.write(tmp_path, detections.labelled(), [])
  return tmp_path


@pytest.fixture
def labels(root):
  return truth_files.read(root / "yolo")


@pytest.fixture
def folder(root):
  def write(**texts):
    for stem, text in texts.items():
      (root / f"predicted/labels/{stem}.txt").write_text(text)
    return root / "predicted"

  return write


def result(**changes):
  return {
    "image_id": 2,
    "category_id": 1,
    "bbox": [1.5, 2, 30, 40],
    "score": 0.5,
    **changes,
  }


@pytest.fixture
def results(tmp_path):
  def write(*entries):
    path = tmp_path / "found.json"
    path.write_text(json.dumps(list(entries)))
    return path

  return write


def test_lines_are_boxes_in_pixels(labels, folder):
  read = predictions.read(folder(p1=LINE + "\n2 0 0 2e-1 .1 1\n"), labels)
  found, picture = read.found["p1.png"], labels.pictures["p1.png"]
  width, height = picture.width, picture.height
  np.testing.assert_allclose(
    found.boxes,
    [
      [0.4 * width, 0.2 * height, 0.2 * width, 0.1 * height],
      [-0.1 * width, -0.05 * height, 0.2 * width, 0.1 * height],
    ],
  )
  assert found.class_ids.tolist() == [0, 2]
  assert found.confidences.tolist() == [0.75, 1]
  assert found.boxes.dtype == np.float64
  assert read.found["p0.png"].boxes.shape == (0, 4)
  assert list(read.found) == list(labels.pictures)


@pytest.mark.parametrize(
  ("line", "message"),
  [
    ("0 .5 .5 .2 .2", "are 5 values; expected .* save_conf=True"),
    ("0 .5 .5 .2 .2 .9 17", "are 7 values; .* Leave the number of a track out"),
    ("0 .5 .5", "there are 3 values; expected `class x y width height conf"),
    ("3 .5 .5 .2 .2 .9", "the class is 3; expected 0 to 2"),
    ("-1 .5 .5 .2 .2 .9", "the class is -1"),
    ("0.5 .5 .5 .2 .2 .9", "the class is 0.5"),
    ("nan .5 .5 .2 .2 .9", "the class is nan"),
    ("mill .5 .5 .2 .2 .9", "'mill .5 .5 .2 .2 .9' are not all numbers"),
    ("0 50 40 20 20 .9", "the value 50 is out of range.* not pixels"),
    ("0 .5 nan .2 .2 .9", "the value nan is out of range"),
    ("0 .5 .5 -.2 .2 .9", "the box is .* not negative"),
    ("0 .5 .5 .2 .2 1.01", "the confidence is 1.01; expected a number from 0"),
    ("0 .5 .5 .2 .2 nan", "the confidence is nan"),
  ],
)
def test_bad_lines_are_named(labels, folder, line, message):
  place = folder(p1=f"{LINE}{line}\n")
  with pytest.raises(LabelError, match=message) as caught:
    predictions.read(place, labels)
  named = f"{place / 'labels/p1.txt'}, line 2: "
  assert str(caught.value).startswith(named)


def test_pictures_that_are_not_labelled_are_named(labels, folder):
  place = folder(p1=LINE, other=LINE)
  with pytest.raises(LabelError, match=r"'other' is none of the 6 labelled .*"):
    predictions.read(place, labels)


def test_classes_are_matched_by_name(labels, folder):
  place = folder(p1=LINE + LINE.replace("0 ", "1 ", 1))
  (place / "classes.txt").write_text("sheep\nbarn\n")
  read = predictions.read(place, labels)
  assert read.found["p1.png"].class_ids.tolist() == [1]
  note = next(note for note in read.notes if "classes" in note)
  assert "1 detections are of classes that the labels do not have" in note
  assert note.endswith("sheep")
  named = predictions.read(place, labels, ("dog", "mill"))
  assert named.found["p1.png"].class_ids.tolist() == [2, 0]
  with pytest.raises(LabelError, match=r"classes are cat, and .* none of them"):
    predictions.read(place, labels, ("cat",))


def test_files_are_matched_with_folders_or_without(root, folder):
  pictures = root / "yolo/images"
  for split in ("a", "b"):
    (pictures / split).mkdir()
  (pictures / "p1.png").rename(pictures / "a/p1.png")
  (pictures / "p2.png").rename(pictures / "b/p1.png")
  (pictures / "p3.png").rename(pictures / "b/p3.png")
  labels = truth_files.read(root / "yolo")
  read = predictions.read(folder(p3=LINE), labels)
  assert len(read.found["b/p3.png"].boxes) == 1
  (root / "predicted/labels/a").mkdir()
  place = folder(**{"a/p1": LINE})
  assert len(predictions.read(place, labels).found["a/p1.png"].boxes) == 1
  with pytest.raises(LabelError, match=r"'p1' may be a/p1.png or b/p1.png"):
    predictions.read(folder(p1=LINE), labels)


def test_two_files_of_one_picture_are_named(labels, folder, root):
  (root / "predicted/labels/x").mkdir()
  place = folder(p1=LINE, **{"x/p1": LINE})
  with pytest.raises(LabelError, match=r"are both of p1.png; remove one"):
    predictions.read(place, labels)


def test_results_are_of_the_labels_ids(root, results):
  labels = truth_files.read(root / "coco/labels.json")
  path = results(result(), result(image_id="p3.png", category_id=3, score=1))
  read = predictions.read(path, labels)
  assert read.found["p1.png"].boxes.tolist() == [[1.5, 2, 30, 40]]
  assert read.found["p3.png"].class_ids.tolist() == [2]
  assert read.notes == ()


def test_results_of_labels_without_ids(root, labels, results):
  read = predictions.read(results(result(image_id="p2")), labels)
  assert read.found["p2.png"].class_ids.tolist() == [0]
  path = results(result(image_id="p2", category_id=0))
  with pytest.raises(
    LabelError, match="category_id is 0; expected 1 to 3, the"
  ):
    predictions.read(path, labels)
  read = predictions.read(path, labels, first_category=0)
  assert read.found["p2.png"].class_ids.tolist() == [0]
  with pytest.raises(LabelError, match="the image_id 2 is none of the 6"):
    predictions.read(results(result()), labels)
  for kind in ("images", "labels"):
    for file in (root / "yolo" / kind).iterdir():
      file.rename(file.with_name(file.name.replace("p", "00", 1)))
  renamed = truth_files.read(root / "yolo")
  read = predictions.read(results(result()), renamed)
  (name,) = [name for name in read.found if len(read.found[name].boxes)]
  assert name.startswith("002.")
  assert "image_id was taken for the number in a file's name" in read.notes[0]


@pytest.mark.parametrize(
  ("entry", "message"),
  [
    (result(image_id=77), "image_id is 77; expected the id of one of the 6"),
    (result(image_id=None), "image_id is None; expected a number"),
    (result(image_id="nowhere"), "'nowhere' is none of the 6 labelled"),
    (result(category_id=4), "category_id is 4; expected the id of one of"),
    (result(bbox=[1, 2, -3, 4]), "the latter two not negative"),
    (result(bbox=5), "bbox is 5; expected four numbers"),
    (result(score=73), "the confidence is 73; expected a number from 0 to 1"),
    (result(score="1"), "the confidence is '1'"),
    (result(score=True), "the confidence is True"),
    ({"image_id": 1}, "'category_id' is missing; expected image_id, cat"),
    (7, "is 7; expected an object"),
  ],
)
def test_bad_results_are_named(root, results, entry, message):
  labels = truth_files.read(root / "coco/labels.json")
  path = results(result(), entry)
  with pytest.raises(LabelError, match=message) as caught:
    predictions.read(path, labels)
  assert str(caught.value).startswith(f"{path}, result 2: ")


def test_other_files_are_named(root, labels, results, tmp_path):
  with pytest.raises(LabelError, match="a dict; these are labels; expected CO"):
    predictions.read(root / "coco/labels.json", labels)
  with pytest.raises(LabelError, match="no box reaches beyond 1 pixel; expect"):
    predictions.read(
      results(result(image_id="p1", bbox=[0.1, 0.2, 0.3, 0.4])), labels
    )
  with pytest.raises(LabelError, match="the path of the predictions is empt"):
    predictions.read("", labels)
  with pytest.raises(LabelError, match="gone: does not exist; expected COCO's"):
    predictions.read(tmp_path / "gone", labels)
  with pytest.raises(LabelError, match="no text file in it or below; expected"):
    predictions.read(root / "yolo/images", labels)


def test_what_looks_wrong_is_noted(root, labels, results, folder):
  assert predictions.read(results(), labels).notes == (
    f"{root / 'found.json'}: there is not one detection",
  )
  far = result(image_id="p1", bbox=[900, 2, 30, 40])
  (note,) = predictions.read(results(far), labels).notes
  assert "1 of 1 boxes reach far beyond their picture, the first on p1" in note
  missing, crowded = predictions.read(folder(p1=LINE * 101), labels).notes
  assert "5 of 6 labelled pictures have no file" in missing
  assert "1 pictures have more than 100 detections of a class" in crowded
