"""Objects cut out of photographs by a COCO json."""

import json

import numpy as np
import pytest

from gansynth import images
from gansynth.synthesis.coco_objects import CocoObjects
from gansynth.synthesis.labels.objects import LabelError

HEIGHT, WIDTH = 60, 80


def photograph(seed=0, height=HEIGHT, width=WIDTH):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, 3), np.uint8)


def rectangle(left, top, right, bottom):
  return [[left, top, right, top, right, bottom, left, bottom]]


def write(folder, annotations, names=("a.png",), categories=None):
  """Writes photographs and a json; annotations are (photo, class, box, ...)."""
  folder.mkdir(parents=True, exist_ok=True)
  for seed, name in enumerate(names):
    images.write(folder / name, photograph(seed))
  entries = []
  for number, (image, category, box, *segmentation) in enumerate(annotations):
    left, top, right, bottom = box
    entry = {
      "id": number + 1,
      "image_id": image,
      "category_id": category,
      "bbox": [left, top, right - left, bottom - top],
      "area": (right - left) * (bottom - top),
      "iscrowd": 0,
    }
    if segmentation:
      entry["segmentation"] = segmentation[0]
      entry["iscrowd"] = int(isinstance(segmentation[0], dict))
    entries.append(entry)
  path = folder / "labels.json"
  values = {
    "images": [
      {"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH}
      for number, name in enumerate(names)
    ],
    "categories": categories
    or [{"id": 3, "name": "cow"}, {"id": 7, "name": "bird"}],
    "annotations": entries,
  }
  path.write_text(json.dumps(values))
  return path


def test_objects_are_cut_with_their_surroundings(tmp_path):
  box = (20, 15, 40, 30)
  path = write(tmp_path, [(0, 7, box, rectangle(*box)), (0, 3, (50, 5, 60, 9))])
  source = CocoObjects(path, margin=10)
  assert source.class_names == ("cow", "bird")
  assert source.domains() == [""]
  assert source.names("") == ["a.png#0000", "a.png#0001"]
  cutout = source.read("", 0)
  assert cutout.size == source.size("", 0) == (35, 40)
  np.testing.assert_array_equal(cutout.image, photograph()[5:40, 10:50])
  (annotation,) = cutout.annotations
  expected = np.zeros((35, 40), bool)
  expected[10:25, 10:30] = True
  np.testing.assert_array_equal(annotation.mask, expected)
  np.testing.assert_array_equal(cutout.mask, expected)
  assert cutout.mask.dtype == np.float32
  assert annotation.box == (10, 10, 30, 25)
  assert source.class_names[annotation.class_id] == "bird"
  # The other reaches the upper border of the photograph within its margin.
  other = source.read("", 1)
  assert other.size == source.size("", 1) == (19, 30)
  assert other.mask is None
  assert other.annotations[0].box == (10, 5, 20, 9)
  assert other.annotations[0].mask is None
  assert source.check() == []


def test_photographs_lie_where_they_are_said_to(tmp_path):
  path = write(tmp_path / "labels", [(0, 3, (20, 20, 30, 30))])
  for folder in (tmp_path / "labels" / "images", tmp_path / "elsewhere"):
    folder.mkdir()
    images.write(folder / "a.png", photograph(seed=9))
    given = None if folder.name == "images" else folder
    source = CocoObjects(path, given)
    expected = photograph(seed=9)[0:50, 0:50]
    np.testing.assert_array_equal(source.read("", 0).image, expected)
    images.write(folder / "a.png", photograph(seed=0))


def test_what_lies_in_a_box_without_mask_is_labelled_too(tmp_path):
  path = write(
    tmp_path,
    [
      (0, 3, (20, 15, 50, 45)),
      (0, 7, (30, 10, 40, 25)),  # two thirds within the first
      (0, 7, (48, 20, 58, 30)),  # mostly outside
    ],
  )
  source = CocoObjects(path, margin=5)
  first, second = source.read("", 0).annotations
  assert (first.class_id, first.box) == (0, (5, 5, 35, 35))
  assert (second.class_id, second.box) == (1, (15, 0, 25, 15))
  assert len(source.read("", 2).annotations) == 1


def test_classes_and_whole_objects_are_chosen(tmp_path):
  path = write(
    tmp_path,
    [
      (0, 3, (0, 15, 30, 30)),
      (0, 7, (30, 30, 40, 40)),
      (0, 3, (30, 30, 40, HEIGHT)),
      (0, 3, (30, 10, 40, 20)),
    ],
  )
  assert source_boxes(CocoObjects(path)) == [(1, (20, 20)), (0, (20, 10))]
  assert len(CocoObjects(path, truncated=True).names("")) == 4
  birds = CocoObjects(path, class_names=["bird"])
  assert birds.class_names == ("bird",)
  assert source_boxes(birds) == [(0, (20, 20))]
  swapped = CocoObjects(path, class_names=["bird", "cow"])
  assert source_boxes(swapped) == [(0, (20, 20)), (1, (20, 10))]
  with pytest.raises(ValueError, match=r"no class 'dog'.*cow, bird"):
    CocoObjects(path, class_names=["dog"])


def source_boxes(source):
  found = [source.read("", index) for index in range(len(source.names("")))]
  return [(x.annotations[0].class_id, x.annotations[0].box[:2]) for x in found]


def test_crowds_are_left_out(tmp_path):
  crowd = {"size": [HEIGHT, WIDTH], "counts": [2000, 500, 2300]}
  path = write(
    tmp_path, [(0, 3, (33, 10, 42, 50), crowd), (0, 3, (30, 30, 40, 40))]
  )
  source = CocoObjects(path, margin=5)
  assert len(source.names("")) == 1
  (annotation,) = source.read("", 0).annotations
  assert annotation.box == (5, 5, 15, 15)


def test_files_are_domains_with_common_classes(tmp_path):
  first = write(tmp_path / "x", [(0, 7, (30, 30, 40, 40))])
  second = write(
    tmp_path / "y",
    [(1, 1, (30, 30, 40, 40))],
    names=("b.png", "c.png"),
    categories=[{"id": 1, "name": "dog"}, {"id": 2, "name": "bird"}],
  )
  source = CocoObjects({"X": first, "Y": second})
  assert source.domains() == ["X", "Y"]
  assert source.class_names == ("cow", "bird", "dog")
  assert source.read("X", 0).annotations[0].class_id == 1
  assert source.read("Y", 0).annotations[0].class_id == 2
  assert source.names("Y") == ["c.png#0000"]
  np.testing.assert_array_equal(
    source.read("Y", 0).image, photograph(1)[10:60, 10:60]
  )
  assert set(source.described()["domains"]) == {"X", "Y"}


def test_problems_are_all_named(tmp_path):
  box = (30, 30, 40, 40)
  path = write(
    tmp_path,
    [(number, 3, box) for number in range(4)],
    names=("a.png", "b.png", "c.png", "d.png"),
  )
  (tmp_path / "a.png").unlink()
  (tmp_path / "b.png").write_bytes(b"")
  images.write(tmp_path / "c.png", photograph(0, 30, 40))
  source = CocoObjects(path)
  problems = source.check()
  assert len(problems) == 3
  assert "a.png does not exist" in problems[0]
  assert "labels.json names it" in problems[0]
  assert "b.png: is empty" in problems[1]
  assert "c.png is 40 x 30 pixels" in problems[2]
  assert "says 80 x 60" in problems[2]
  with pytest.raises(LabelError, match=r"c\.png is 40 x 30"):
    source.read("", 2)
  flat = write(tmp_path / "flat", [(0, 3, (30, 30, 40, 30)), (0, 3, box)])
  (problem,) = CocoObjects(flat).check()
  assert "labels.json, annotation 1" in problem
  assert "10 x 0 pixels" in problem
  empty = write(tmp_path / "none", [(0, 3, (0, 0, 10, 10))])
  (problem,) = CocoObjects(empty).check()
  assert "no object of the classes cow, bird that is whole" in problem
  with pytest.raises(ValueError, match="margin is -1"):
    CocoObjects(path, margin=-1)
