"""Each format of a data set is read back by somebody else's eyes."""

import json
import pathlib
import re
import xml.etree.ElementTree

import detection_folders
import numpy as np
import pytest
import tensorflow_datasets as tfds

from gansynth import detection, images
from gansynth.synthesis import original

coco_lib = pytest.importorskip("pycocotools.coco")
coco_mask = pytest.importorskip("pycocotools.mask")
# Of pycocotools with NumPy 2.
pytestmark = pytest.mark.filterwarnings(
  "ignore:__array__ implementation doesn't accept"
)
NAMES = ("mill", 'big "barn" <&>')


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  """Cut-outs with outlines, turned by any angle, in all formats."""
  root = tmp_path_factory.mktemp("sources")
  values = detection_folders.write(root, ("north",), backgrounds=3)
  rng = np.random.default_rng(1)
  rows, columns = np.mgrid[:26, :34]
  shapes = (
    (rows - 13) ** 2 / 120 + (columns - 17) ** 2 / 200 < 1,
    (columns > rows) & (rows > 3),
  )
  for name, shape in zip(NAMES, shapes, strict=True):
    picture = rng.integers(0, 255, (26, 34, 4)).astype(np.uint8)
    picture[..., 3] = 255 * shape
    for number in range(2):
      images.write(root / f"cut/{name}/{number}.png", picture)
  out = tmp_path_factory.mktemp("made")
  options = {
    **values,
    "images": 6,
    "objects": {"path": str(root / "cut"), "class_names": NAMES},
    "rules": {
      "max_objects": 4,
      "offset_ctr": 5,
      "rotation": "any",
      "scale": (0.5, 0.9),
      "max_truncation": 0.4,
      "max_overlap": 0.3,
    },
    "output": {
      "picture": "png",
      "formats": ("yolo", "coco", "voc", "tfds"),
      "preview": True,
      "canvases": str(out / "kept"),
    },
  }
  result = detection.generate(
    detection.Options.from_dict(options), out / "set", workers=0
  )
  assert (result.made, result.problems) == (6, [])
  assert result.sheets == [out / "set/t_north/preview.html"]
  return out


@pytest.fixture(scope="module")
def lines(made):
  text = (made / "set/t_north/manifest.jsonl").read_text()
  return [json.loads(line) for line in text.splitlines()]


def test_coco_boxes_are_around_their_masks(made, lines, capsys):
  folder = made / "set/t_north"
  read = coco_lib.COCO(str(folder / "instances.json"))
  names = [each["name"] for each in read.loadCats(sorted(read.getCatIds()))]
  assert tuple(names) == NAMES
  objects = 0
  for image, line in zip(
    read.loadImgs(sorted(read.getImgIds())), lines, strict=True
  ):
    picture = images.read(folder / "images" / image["file_name"])
    assert picture.shape == (image["height"], image["width"], 3)
    blended = images.read(made / "kept/masks" / image["file_name"], "L")[..., 0]
    annotations = read.loadAnns(read.getAnnIds(imgIds=image["id"]))
    assert len(annotations) == len(line["objects"])
    for annotation, told in zip(annotations, line["objects"], strict=True):
      mask = read.annToMask(annotation)
      rows, columns = np.nonzero(mask)
      left, top, width, height = annotation["bbox"]
      np.testing.assert_allclose(
        [left, top, left + width, top + height],
        [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1],
        atol=1,
      )
      assert annotation["area"] == mask.sum()
      assert not annotation["iscrowd"]
      assert blended[mask > 0].mean() > 250  # what is labelled was blended in
      category = read.loadCats(annotation["category_id"])[0]
      assert category["name"] == told["class"]
      told_mask = coco_mask.decode(
        {"size": list(mask.shape), "counts": told["mask"].encode()}
      )
      np.testing.assert_array_equal(told_mask, mask)
      objects += 1
  assert objects >= 6


def read_yolo(path, width, height):
  """A parser that shares nothing with the package: class and edges."""
  found = []
  for line in path.read_text().splitlines():
    match = re.fullmatch(r"(\d+) (\S+) (\S+) (\S+) (\S+)", line)
    kind, x, y, w, h = (float(part) for part in match.groups())
    found.append(
      (
        int(kind),
        (x - w / 2) * width,
        (y - h / 2) * height,
        (x + w / 2) * width,
        (y + h / 2) * height,
      )
    )
  return found


def test_yolo_and_voc_say_the_same_as_coco(made, lines):
  folder = made / "set/t_north"
  for line in lines:
    stem = pathlib.Path(line["image"]).stem
    expected = [(x["class_id"], *x["box"]) for x in line["objects"]]
    rows = read_yolo(
      folder / f"labels/{stem}.txt", line["width"], line["height"]
    )
    assert [row[0] for row in rows] == [row[0] for row in expected]
    if rows:
      np.testing.assert_allclose(rows, expected, atol=1e-3)
    tree = xml.etree.ElementTree.parse(folder / f"Annotations/{stem}.xml")
    assert tree.findtext("filename") == f"{stem}.png"
    assert tree.findtext("folder") == "images"
    assert tree.findtext("size/width") == str(line["width"])
    assert tree.findtext("size/height") == str(line["height"])
    boxes = [
      (
        NAMES.index(each.findtext("name")),
        # From 1, both ends within.
        float(each.findtext("bndbox/xmin")) - 1,
        float(each.findtext("bndbox/ymin")) - 1,
        float(each.findtext("bndbox/xmax")),
        float(each.findtext("bndbox/ymax")),
      )
      for each in tree.iterfind("object")
    ]
    assert len(boxes) == len(expected)
    if boxes:
      np.testing.assert_allclose(boxes, expected, atol=1)


def test_data_yaml_names_classes_and_pictures(made):
  text = (made / "set/t_north/data.yaml").read_text()
  assert re.findall(r"^(train|val): (.*)$", text, re.MULTILINE) == [
    ("train", '"images"'),
    ("val", '"images"'),
  ]
  named = re.findall(r"^  (\d+): (.*)$", text, re.MULTILINE)
  assert [(int(i), json.loads(name)) for i, name in named] == list(
    enumerate(NAMES)
  )


def test_tfds_holds_the_same_bytes_and_boxes(made, lines):
  folder = made / "set/t_north"
  builder = tfds.builder_from_directory(str(folder / "tfds/detection/1.0.0"))
  label = builder.info.features["objects"]["label"]
  assert tuple(label.names) == NAMES
  for record, line in zip(
    builder.as_data_source(split="train"), lines, strict=True
  ):
    picture = images.read(folder / line["image"])
    np.testing.assert_array_equal(record["image"], picture)
    boxes = np.reshape(record["objects"]["bbox"], (-1, 4))
    assert len(boxes) == len(line["objects"])
    for box, told in zip(boxes, line["objects"], strict=True):
      top, left, bottom, right = box * [64, 80, 64, 80]
      np.testing.assert_allclose(
        [left, top, right, bottom], told["box"], atol=1e-3
      )


def test_the_sheet_shows_every_picture_and_needs_no_network(made):
  text = (made / "set/t_north/preview.html").read_text()
  assert text.count("data:image/jpeg;base64,") >= 6
  assert "http://" not in text.replace("http://www.w3.org", "")
  assert "<&>" not in text


def test_canvases_and_masks_are_kept(made, lines):
  for line in lines:
    stem = pathlib.Path(line["image"]).stem
    canvas = images.read(made / f"kept/canvases/{stem}.png")
    mask = images.read(made / f"kept/masks/{stem}.png", "L")
    assert canvas.shape[:2] == mask.shape[:2] == (64, 80)
    assert set(np.unique(mask)) <= {0, 255}
    assert bool(mask.any()) == bool(line["placements"])


def test_original_names_have_their_labels_beside_them(tmp_path):
  values = detection_folders.write(tmp_path, ("north", "south"))
  for path in (tmp_path / "tiles").rglob("*.png"):
    images.write(path, images.read(path)[:64, :64])
  options = {
    **values,
    "mode": "original",
    "images": 3,
    "rules": {"min_objects": 2, "max_objects": 2, "blend_offset": 4},
    "output": {
      "naming": "original",
      "formats": ("yolo",),
      "preview": False,
      "canvases": str(tmp_path / "kept"),
    },
  }
  out = tmp_path / "out"
  detection.generate(detection.Options.from_dict(options), out, workers=0)
  crops = [
    images.read(tmp_path / f"crops/images/south/c{number}.png")
    for number in range(3)
  ]
  labels = [(0, 0.5, 0.5, 0.4, 0.5)] * 3
  names = {path.name for path in (out / "s_south_t_north").iterdir()}
  manifest = (out / "s_south_t_north/manifest.jsonl").read_text()
  for index, line in enumerate(map(json.loads, manifest.splitlines())):
    stem = f"src_south_dst_north_mask{index}_bg_{line['background']}"
    assert {f"{stem}.jpg", f"{stem}.txt"} <= names
    seed = values["seed"] + 1 + 6 + index  # the third pair's
    expected = original.augment_image(crops, labels, 64, seed, 2, 20, 4)
    for path in (
      out / f"s_south_t_north/{stem}.txt",
      tmp_path / f"kept/labels/src_south_dst_north_mask{index}.txt",
    ):
      assert path.read_text() == expected.label_text
  yaml = (out / "s_south_t_north/data.yaml").read_text()
  assert 'train: "."' in yaml


def test_polygons_give_nearly_the_masks(tmp_path):
  values = detection_folders.write(tmp_path, ("north",), backgrounds=1)
  rows, columns = np.mgrid[:30, :30]
  picture = np.full((30, 30, 4), 200, np.uint8)
  picture[..., 3] = 255 * ((rows - 15) ** 2 + (columns - 15) ** 2 < 150)
  images.write(tmp_path / "cut/disc/0.png", picture)
  sets = {}
  for segmentation in ("rle", "polygon"):
    options = {
      **values,
      "images": 1,
      "objects": {"path": str(tmp_path / "cut")},
      "output": {"segmentation": segmentation, "formats": ("coco",)},
    }
    out = tmp_path / segmentation
    detection.generate(detection.Options.from_dict(options), out, workers=0)
    read = coco_lib.COCO(str(out / "t_north/instances.json"))
    sets[segmentation] = [
      read.annToMask(each) for each in read.loadAnns(read.getAnnIds())
    ]
  assert len(sets["rle"]) == len(sets["polygon"]) > 0
  for exact, outlined in zip(sets["rle"], sets["polygon"], strict=True):
    assert exact.sum() > 300
    assert (exact != outlined).sum() <= 2
