"""Cut-outs from files, and what is said of files that cannot be used."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from gansynth import images
from gansynth.synthesis.coco_objects import CocoObjects
from gansynth.synthesis.file_objects import (
  RgbaCutouts,
  UnlabelledCutouts,
  YoloCrops,
)
from gansynth.synthesis.labels.objects import LabelError
from gansynth.synthesis.object_sources import open_objects
from gansynth.synthesis.procedural_objects import ProceduralTurbines


def picture(height=20, width=40, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, 3), np.uint8)


def crop(root, name, label="0 0.5 0.5 0.5 0.5\n", **options):
  """Writes a crop 20 x 40 and its label; name is without ending."""
  images.write(root / "images" / f"{name}.png", picture(**options))
  path = root / "labels" / f"{name}.txt"
  path.parent.mkdir(parents=True, exist_ok=True)
  if label is not None:
    path.write_text(label)


def cutout_file(path, rows=slice(2, 5), columns=slice(3, 9), alpha=255):
  rgba = np.dstack([picture(8, 12), np.zeros((8, 12), np.uint8)])
  rgba[rows, columns, 3] = alpha
  images.write(path, rgba)
  return rgba


def test_yolo_crops_by_domain(tmp_path):
  crop(tmp_path, "NW/b", "0 0.5 0.5 0.5 0.5\n1 0.25 0.5 0.1 0.2\n", seed=1)
  crop(tmp_path, "NW/a")
  crop(tmp_path, "EM/c")
  source = YoloCrops(tmp_path, ["turbine", "mast"])
  assert source.class_names == ("turbine", "mast")
  assert source.domains() == ["EM", "NW"]
  assert source.names("NW") == ["a", "b"]
  assert source.size("NW", 1) == (20, 40)
  cutout = source.read("NW", 1)
  assert cutout.name == "b"
  assert cutout.mask is None
  np.testing.assert_array_equal(cutout.image, picture(seed=1))
  first, second = cutout.annotations
  assert (first.class_id, second.class_id) == (0, 1)
  assert first.box == pytest.approx((10, 5, 30, 15))
  assert second.box == pytest.approx((8, 8, 12, 12))
  assert first.mask is None
  assert source.check() == []
  assert YoloCrops(tmp_path, domains=["EM"]).domains() == ["EM"]


def test_yolo_crops_without_domains_and_with_outlines(tmp_path):
  crop(tmp_path, "a", "0 0.25 0.25 0.75 0.25 0.75 0.5 0.25 0.5\n")
  source = YoloCrops(tmp_path)
  assert source.domains() == [""]
  assert source.class_names == ("object",)
  (annotation,) = source.read("", 0).annotations
  expected = np.zeros((20, 40), bool)
  expected[5:10, 10:30] = True
  assert (annotation.mask != expected).mean() < 0.02
  assert annotation.box == pytest.approx((10, 5, 30, 10), abs=1)


def test_labels_lie_beside_the_last_folder_of_images(tmp_path):
  root = tmp_path / "images" / "crops"
  crop(root, "NW/a")
  source = YoloCrops(root)
  assert source.label_path("NW", 0) == str(root / "labels" / "NW" / "a.txt")
  assert source.path("NW", 0) == str(root / "images" / "NW" / "a.png")
  assert len(source.read("NW", 0).annotations) == 1


def test_class_names_are_found_or_asked_for(tmp_path):
  crop(tmp_path, "a")
  assert YoloCrops(tmp_path).class_names == ("object",)
  crop(tmp_path, "b", "2 0.5 0.5 0.5 0.5\n")
  with pytest.raises(LabelError, match=r"b\.txt has an object of class 2"):
    YoloCrops(tmp_path)
  (tmp_path / "classes.txt").write_text("x\ny\nz\n")
  assert YoloCrops(tmp_path).class_names == ("x", "y", "z")
  assert YoloCrops(tmp_path, ["u", "v", "w"]).class_names == ("u", "v", "w")
  (problem,) = YoloCrops(tmp_path, ["u", "v"]).check()
  assert "b.txt" in problem
  assert "2" in problem


def test_all_bad_crops_are_named_at_once(tmp_path):
  crop(tmp_path, "a")
  crop(tmp_path, "b", None)
  crop(tmp_path, "c", "")
  crop(tmp_path, "d", "0 0.5 0.5 0 0.5\n")
  crop(tmp_path, "e", "0 1.5 0.5 0.5 0.5\n")
  crop(tmp_path, "f")
  (tmp_path / "images" / "f.png").write_bytes(b"")
  crop(tmp_path, "g")
  images.write(tmp_path / "images" / "g.jpg", picture())
  problems = "\n".join(YoloCrops(tmp_path).check()).split("\n")
  assert len(problems) == 6
  for name, message in (
    ("b.txt", "does not exist; expected the labels of"),
    ("c.txt", "holds no object"),
    ("d.txt", "line 1: the box is 0 x 10 pixels"),
    ("e.txt", "line 1: the value 1.5 is out of range"),
    ("f.png", "is empty"),
    ("g.txt", "have the same label file"),
  ):
    (line,) = [line for line in problems if name in line]
    assert message in line
  source = YoloCrops(tmp_path)
  with pytest.raises(LabelError, match=r"d\.txt"):
    source.read("", source.names("").index("d.png"))


def test_a_folder_without_images_is_no_yolo_folder(tmp_path):
  with pytest.raises(ValueError, match="holds no folder `images`"):
    YoloCrops(tmp_path)


def test_rgba_cutouts_by_class(tmp_path):
  cutout_file(tmp_path / "tree" / "a.png")
  written = cutout_file(tmp_path / "car" / "red" / "b.png", alpha=200)
  source = RgbaCutouts(tmp_path)
  assert source.class_names == ("car", "tree")
  assert source.domains() == [""]
  assert source.names("") == ["car/red/b", "tree/a"]
  assert source.size("", 0) == (8, 12)
  cutout = source.read("", 0)
  (annotation,) = cutout.annotations
  assert annotation.class_id == 0
  assert annotation.box == (3, 2, 9, 5)
  np.testing.assert_array_equal(annotation.mask, written[..., 3] > 0)
  np.testing.assert_allclose(cutout.mask[2:5, 3:9], 200 / 255)
  inside = annotation.mask
  np.testing.assert_array_equal(cutout.image[inside], written[inside][:, :3])
  # What a program left below the transparency is gone.
  assert not cutout.image[~inside].any()
  assert source.check() == []
  ordered = RgbaCutouts(tmp_path, ["tree", "rock", "car"])
  assert ordered.read("", 0).annotations[0].class_id == 2


def test_rgba_cutouts_by_domain(tmp_path):
  cutout_file(tmp_path / "NW" / "tree" / "a.png")
  cutout_file(tmp_path / "EM" / "car" / "b.png")
  source = RgbaCutouts(tmp_path)
  assert source.domains() == ["EM", "NW"]
  assert source.names("NW") == ["tree/a"]
  assert source.read("NW", 0).annotations[0].class_id == 1
  assert RgbaCutouts(tmp_path, domains=["EM"]).class_names == ("car",)
  flat = RgbaCutouts(tmp_path, nested=False)
  assert flat.class_names == ("EM", "NW")


def test_bad_rgba_cutouts_are_named(tmp_path):
  images.write(tmp_path / "tree" / "a.png", picture())
  cutout_file(tmp_path / "tree" / "b.png", alpha=90)
  source = RgbaCutouts(tmp_path)
  with pytest.raises(images.ImageError, match=r"a\.png: has no transparency"):
    source.read("", 0)
  with pytest.raises(images.ImageError, match=r"b\.png: is transparent every"):
    source.read("", 1)
  cutout_file(tmp_path / "car" / "c.png")
  (tmp_path / "car" / "d.png").write_bytes(b"")
  problems = RgbaCutouts(tmp_path).check()
  assert len(problems) == 2
  assert "d.png: is empty" in problems[0]
  assert "a.png: has no transparency" in problems[1]
  with pytest.raises(ValueError, match=r"of the class 'tree'.*car"):
    RgbaCutouts(tmp_path, ["car"])
  cutout_file(tmp_path / "c.png")
  with pytest.raises(ValueError, match=r"c\.png lies in no folder of a class"):
    RgbaCutouts(tmp_path)


def test_unlabelled_cutouts(tmp_path):
  cutout_file(tmp_path / "a.png")
  images.write(tmp_path / "b.png", picture())
  source = UnlabelledCutouts(tmp_path)
  assert source.class_names == ()
  first, second = (source.read("", index) for index in range(2))
  assert first.annotations == second.annotations == ()
  assert first.mask.sum() == 18
  assert second.mask is None
  np.testing.assert_array_equal(second.image, picture())


def write_coco(path):
  """Writes a json with one labelled photograph."""
  images.write(path.parent / "a.png", picture())
  described = {
    "images": [{"id": 1, "file_name": "a.png", "height": 20, "width": 40}],
    "categories": [{"id": 1, "name": "turbine"}],
    "annotations": [
      {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10, 5, 6, 8],
        "area": 48,
        "iscrowd": 0,
      }
    ],
  }
  path.write_text(json.dumps(described))


def opened(tmp_path):
  """A source of each kind that is files, by kind."""
  crop(tmp_path / "yolo", "NW/a")
  cutout_file(tmp_path / "rgba" / "tree" / "a.png")
  write_coco(tmp_path / "coco" / "labels.json")
  return {
    "yolo": open_objects(tmp_path / "yolo"),
    "rgba": open_objects(tmp_path / "rgba"),
    "coco": open_objects(tmp_path / "coco" / "labels.json"),
    "unlabelled": open_objects(tmp_path / "rgba", "unlabelled"),
  }


def test_kinds_are_told_by_what_is_there(tmp_path):
  kinds = {name: type(source) for name, source in opened(tmp_path).items()}
  assert kinds == {
    "yolo": YoloCrops,
    "rgba": RgbaCutouts,
    "coco": CocoObjects,
    "unlabelled": UnlabelledCutouts,
  }
  turbines = open_objects(seed=3, domains=("desert",))
  assert isinstance(turbines, ProceduralTurbines)
  assert turbines.domains() == ["desert"]
  assert turbines.described()["seed"] == 3


def test_what_is_no_source_is_refused(tmp_path):
  with pytest.raises(ValueError, match="kind is 'voc'; expected one of auto"):
    open_objects(tmp_path, "voc")
  with pytest.raises(ValueError, match="does not exist"):
    open_objects(tmp_path / "none")
  with pytest.raises(ValueError, match="path is empty"):
    open_objects("", "yolo")
  with pytest.raises(ValueError, match="holds no picture"):
    open_objects(tmp_path)
  images.write(tmp_path / "a.png", picture())
  for path in (tmp_path, tmp_path / "a.png"):
    with pytest.raises(ValueError, match=r"no source of objects(.|\n)*rgba"):
      open_objects(path)


def test_copies_in_other_processes_give_the_same(tmp_path):
  for source in opened(tmp_path).values():
    (domain,) = source.domains()
    first = source.read(domain, 0)
    assert source.read(domain, 0) is first
    with pytest.raises(ValueError, match="read-only"):
      first.image[0, 0] = 0
    copy = pickle.loads(pickle.dumps(source))
    again = copy.read(domain, 0)
    np.testing.assert_array_equal(again.image, first.image)
    assert again.name == first.name == source.names(domain)[0]
    assert [x.box for x in again.annotations] == [
      x.box for x in first.annotations
    ]
    assert first.size == source.size(domain, 0)
    assert json.loads(json.dumps(copy.described())) == source.described()
    assert source.check() == []


def test_workers_need_no_jax():
  code = (
    "import sys; import gansynth.synthesis.object_sources; "
    "sys.exit('jax' in sys.modules or 'flax' in sys.modules)"
  )
  assert subprocess.run([sys.executable, "-c", code]).returncode == 0
