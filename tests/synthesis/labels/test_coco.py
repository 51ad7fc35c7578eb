import copy
import json

import numpy as np
import pytest

from gansynth.synthesis.labels import (
  LabelError,
  LabelledImage,
  LabelledObject,
  coco,
  rle,
)

coco_lib = pytest.importorskip("pycocotools.coco")
mask_lib = pytest.importorskip("pycocotools.mask")
pytestmark = pytest.mark.filterwarnings(
  "ignore:__array__ implementation:DeprecationWarning"  # pycocotools' decoding
)

NAMES = ("wind turbine", 'a "b" & <c>', "風車")


def masks():
  """One with a hole and an island, a scattered one, and one of one pixel."""
  ring = np.zeros((40, 64), bool)
  ring[5:30, 8:50] = True
  ring[10:25, 12:40] = False
  ring[15:20, 20:30] = True
  scattered = np.random.default_rng(0).random((40, 64)) < 0.4
  pixel = np.zeros((40, 64), bool)
  pixel[39, 63] = True
  return ring, scattered, pixel


def labelled():
  first = tuple(
    LabelledObject(number, rle.box(rle.encode(mask)), rle.encode(mask))
    for number, mask in enumerate(masks())
  )
  boxes = (LabelledObject(2, (np.float64(1.1), 2.0, 4.4, 5.3)),)
  return [
    LabelledImage("b/ä 1.png", 40, 64, first),
    LabelledImage("empty.png", 7, 9, ()),
    LabelledImage("a.png", 20, 30, boxes),
  ]


def square(**options):
  """An annotation of 10 x 20 pixels at x 5, y 6."""
  return {
    "id": 1,
    "image_id": 7,
    "category_id": 90,
    "bbox": [5, 6, 10, 20],
    "area": 200,
    "iscrowd": 0,
    **options,
  }


def content(*annotations):
  return {
    "images": [
      {"id": 7, "file_name": "z.jpg", "height": 50, "width": 100},
      {"id": 3, "file_name": "ö/a b.jpg", "height": 40, "width": 64},
    ],
    "categories": [
      {"id": 90, "name": "tooth brush"},
      {"id": 1, "name": "person", "supercategory": "x"},
      {"id": 13, "name": '<stop> & "go"'},
    ],
    "annotations": list(annotations),
  }


@pytest.fixture
def file(tmp_path):
  def write(value, prefix=b""):
    path = tmp_path / "instances.json"
    path.write_bytes(prefix + json.dumps(value).encode())
    return path

  return write


@pytest.mark.parametrize("segmentation", coco.SEGMENTATIONS)
def test_pycocotools_reads_what_is_written(tmp_path, capsys, segmentation):
  path = tmp_path / "new" / "instances.json"
  coco.write(path, labelled(), NAMES, segmentation=segmentation)
  api = coco_lib.COCO(path)
  capsys.readouterr()
  categories = api.loadCats(api.getCatIds())
  assert [each["name"] for each in categories] == list(NAMES)
  entries = api.loadImgs(api.getImgIds())
  assert [each["file_name"] for each in entries] == [
    each.name for each in labelled()
  ]
  assert [each["id"] for each in api.anns.values()] == [1, 2, 3, 4]
  annotations = api.loadAnns(api.getAnnIds(imgIds=1))
  for annotation, each, mask in zip(
    annotations, labelled()[0].objects, masks(), strict=True
  ):
    assert annotation["category_id"] == each.class_id + 1
    np.testing.assert_array_equal(api.annToMask(annotation), mask)
    encoded = api.annToRLE(annotation)
    assert annotation["area"] == mask_lib.area(encoded) == mask.sum()
    assert annotation["bbox"] == mask_lib.toBbox(encoded).tolist()
    assert annotation["iscrowd"] == 0
  assert api.getAnnIds(imgIds=2) == []
  (boxed,) = api.loadAnns(api.getAnnIds(imgIds=3))
  assert boxed["bbox"] == [1.1, 2.0, 3.3, 3.3]
  assert boxed["area"] == 10.89
  rectangle = np.zeros((20, 30), bool)
  rectangle[2:5, 1:4] = True  # pixels whose centres are in it
  np.testing.assert_array_equal(api.annToMask(boxed), rectangle)


def polygon_of(box, image):
  left, top, right, bottom = box
  corners = [left, top, right, top, right, bottom, left, bottom]
  return rle.from_polygons([corners], image.height, image.width)


@pytest.mark.parametrize("segmentation", coco.SEGMENTATIONS)
def test_written_labels_are_read_again(tmp_path, segmentation):
  path = tmp_path / "instances.json"
  info = {"description": "made"}
  coco.write(path, labelled(), NAMES, info=info, segmentation=segmentation)
  first = path.read_bytes()
  coco.write(
    path, iter(labelled()), NAMES, info=info, segmentation=segmentation
  )
  assert path.read_bytes() == first
  assert first.isascii()
  assert json.loads(first)["info"] == info
  assert json.loads(first) == coco.dataset(
    labelled(), NAMES, info=info, segmentation=segmentation
  )
  again = coco.read(path)
  assert again.class_names == NAMES
  assert again.category_ids == (1, 2, 3)
  assert list(again.images) == [each.name for each in labelled()]
  for read, written in zip(again.images.values(), labelled(), strict=True):
    assert (read.height, read.width) == (written.height, written.width)
    for one, other in zip(read.objects, written.objects, strict=True):
      assert one.class_id == other.class_id
      assert one.box == pytest.approx(other.box)
      # Of an object without mask the box is the polygon.
      assert one.mask == (other.mask or polygon_of(one.box, read))


def test_classes_and_names_are_checked_before_writing(tmp_path):
  path = tmp_path / "a.json"
  with pytest.raises(LabelError, match=r"1\.png: object 3 is of class 2; exp"):
    coco.write(path, labelled(), NAMES[:2])
  with pytest.raises(LabelError, match=r"two images are called 'a\.png'"):
    coco.write(path, [*labelled(), labelled()[2]], NAMES)
  with pytest.raises(ValueError, match="segmentation is 'png'; expected one"):
    coco.write(path, labelled(), NAMES, segmentation="png")
  assert not path.exists()


def test_all_kinds_of_segmentations_are_read(file):
  mask = np.zeros((50, 100), bool)
  mask[6:26, 5:15] = True
  encoded = rle.encode(mask)
  size = [50, 100]
  halves = [[5, 6, 15, 6, 15, 16, 5, 16], [5, 16, 15, 16, 15, 26, 5, 26]]
  counts = {"size": size, "counts": list(encoded.counts)}
  text = {"size": size, "counts": rle.to_string(encoded)}
  segmentations = [halves, counts, text]
  path = file(content(*(square(segmentation=x) for x in segmentations)))
  for each in coco.read(path).images["z.jpg"].objects:
    assert each.box == (5, 6, 15, 26)
    assert each.mask == encoded
  for each in coco.read(path, masks=False).images["z.jpg"].objects:
    assert each.box == (5, 6, 15, 26)
    assert each.mask is None


def test_files_of_others_are_read(file):
  sliver = [[5, 6.1, 15, 6.1, 15, 6.2, 5, 6.2]]
  crowd = square(iscrowd=1, bbox=[0, 0, 0, 0], segmentation={"counts": "?"})
  path = file(
    content(
      square(category_id=13, bbox=[89.5, 0, 10.7, 50]),
      crowd,
      square(category_id=1, segmentation=[], image_id=3.0),
      square(segmentation=sliver),
      {"image_id": 7, "category_id": 90, "bbox": [1, 2, 3, 4]},
    ),
    prefix=b"\xef\xbb\xbf",
  )
  read = coco.read(path)
  # By id: gaps and order of the file's categories do not matter.
  assert read.class_names == ("person", '<stop> & "go"', "tooth brush")
  assert read.category_ids == (1, 13, 90)
  assert read.image_ids == {"z.jpg": 7, "ö/a b.jpg": 3}
  assert read.crowds == 1
  assert read.problems == ()
  first, second = read.images.values()
  assert [each.class_id for each in first.objects] == [1, 2, 2]
  assert first.objects[0].box == (89.5, 0, 100, 50)
  assert all(each.mask is None for each in first.objects)
  assert [each.class_id for each in second.objects] == [0]
  assert (second.name, second.height, second.width) == ("ö/a b.jpg", 40, 64)
  empty = coco.read(file(content()))
  assert [each.objects for each in empty.images.values()] == [(), ()]


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"bbox": [5, 6, 10, 0]}, "the box is 10 x 0 pixels"),
    ({"bbox": [95, 6, 10, 10]}, "from 95, 6 to 105, 16 pixels.*100 x 50"),
    ({"bbox": [5, 6, 10]}, r"bbox is \[5, 6, 10\]; expected four numbers"),
    ({"bbox": None}, "bbox is None; expected four numbers"),
    ({"bbox": [5, 6, float("nan"), 1]}, "is not finite"),
    ({"image_id": 8}, "image_id is 8; expected the id of one of the 2 images"),
    ({"image_id": [7]}, r"image_id is \[7\]; expected the id"),
    ({"category_id": 2}, "category_id is 2; .*one of the 3 categories"),
    ({"segmentation": [[1, 2, 3, 4]]}, "segmentation: a polygon has 4 numbers"),
    ({"segmentation": ["x"]}, "segmentation: a polygon is 'x'"),
    ({"segmentation": "x"}, "segmentation: it is 'x'; expected polygons, or"),
    (
      {"segmentation": {"size": [100, 50], "counts": [5000]}},
      r"segmentation: its size is \[100, 50\]; expected \[50, 100\]",
    ),
    (
      {"segmentation": {"size": [50, 100], "counts": [10, 20]}},
      "segmentation: the run lengths sum to 30; expected 5000",
    ),
    (
      {"segmentation": {"size": [50, 100], "counts": "~"}},
      "segmentation: character 1 .* is '~'",
    ),
    ({"segmentation": {"size": [50, 100], "counts": 3}}, "its counts are 3"),
  ],
)
def test_bad_annotations_are_named_or_left_out(file, changes, message):
  path = file(content(square(id=4), square(id=5, **changes)))
  with pytest.raises(LabelError, match=message) as caught:
    coco.read(path)
  named = f"{path}, annotation 2 (id 5): "
  assert str(caught.value).startswith(named)
  read = coco.read(path, strict=False)
  assert len(read.images["z.jpg"].objects) == 1
  (problem,) = read.problems
  assert problem == str(caught.value)


def test_all_bad_annotations_are_named_at_once(file):
  flat = square(bbox=[0, 0, 0, 1])
  with pytest.raises(LabelError) as caught:
    coco.read(file(content(flat, "x", {"image_id": 7}, *[flat] * 7)))
  lines = str(caught.value).splitlines()
  assert len(lines) == 6
  assert "annotation 2: is 'x'; expected an object of JSON" in lines[1]
  assert "annotation 3: 'category_id' is missing; expected" in lines[2]
  assert lines[5] == "and 5 more"


def changed(keys, value):
  """`content` with one thing changed; a KeyError leaves it out."""
  result = copy.deepcopy(content(square()))
  inner = result
  for key in keys[:-1]:
    inner = inner[key]
  if value is KeyError:
    del inner[keys[-1]]
  else:
    inner[keys[-1]] = value
  return result


@pytest.mark.parametrize(
  ("value", "message"),
  [
    ([square()], "holds a list; expected an object with images, annotations"),
    (changed(["categories"], KeyError), "has no list 'categories'"),
    (changed(["images"], {}), "has no list 'images'"),
    (changed(["categories"], []), "has no category"),
    (changed(["images", 1, "width"], KeyError), "image 2: 'width' is missing"),
    (changed(["images", 1, "width"], 0), "a b.jpg is 0 x 40 pixels"),
    (changed(["images", 1, "height"], 1e300), "expected 1 to 1000000 each way"),
    (changed(["images", 1, "width"], "9"), "image 2: width is '9'; expected a"),
    (changed(["images", 1, "height"], 2.5), "height is 2.5; expected a whole"),
    (changed(["images", 1, "id"], 7), "image 2: .* has the id 7, as has z.jpg"),
    (
      changed(["images", 1, "file_name"], "z.jpg"),
      "image 2: the file name z.jpg is that of image id 7, too",
    ),
    (changed(["images", 0, "file_name"], 5), "file_name is 5; expected text"),
    (changed(["categories", 2, "id"], 1), "category 3: the id 1 is that of"),
    (changed(["categories", 2, "name"], KeyError), "'name' is missing"),
    (changed(["categories", 2, "name"], ""), "class 1 has the name ''"),
    (changed(["categories", 2, "name"], "person"), "same name 'person'"),
  ],
)
def test_bad_files_are_named(file, value, message):
  path = file(value)
  with pytest.raises(LabelError, match=message) as caught:
    coco.read(path, strict=False)
  assert str(caught.value).startswith(str(path))


def test_files_that_are_no_json_are_named(tmp_path):
  path = tmp_path / "a.json"
  path.write_text('{"images": [')
  with pytest.raises(LabelError, match=r"a\.json: is no JSON \(Expecting"):
    coco.read(path)
  path.write_bytes(b"\x89PNG\r\n")
  with pytest.raises(LabelError, match=r"a\.json: byte 1 is 0x89"):
    coco.read(path)
