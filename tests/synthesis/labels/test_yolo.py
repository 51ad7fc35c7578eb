import numpy as np
import pytest
import yaml

from gansynth.synthesis.labels import (
  LabelError,
  LabelledImage,
  LabelledObject,
  rle,
  yolo,
)

NAMES = ("wind turbine", 'ein "Baum" & <Busch>: it\'s # no', "no", "風車", "3")


def parse(text, width, height):
  """An independent reader of boxes: class, left, top, right, bottom."""
  rows = np.array([line.split() for line in text.splitlines()], np.float64)
  rows = rows.reshape(-1, 5)
  x, y = rows[:, 1] * width, rows[:, 2] * height
  half_width, half_height = rows[:, 3] * width / 2, rows[:, 4] * height / 2
  edges = [x - half_width, y - half_height, x + half_width, y + half_height]
  return rows[:, 0].astype(int), np.stack(edges, -1)


@pytest.fixture
def label(tmp_path):
  """Writes a label file."""

  def write(content, name="a.txt"):
    path = tmp_path / name
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(data)
    return path

  return write


def boxed(mask, class_id=0):
  return LabelledObject(class_id, rle.box(rle.encode(mask)), rle.encode(mask))


def test_files_as_programs_write_them(label):
  content = (
    b"\xef\xbb\xbf0 0.5 0.5 0.2 0.4  \r\n\r\n  2.0\t0.25 0.25 5e-1 .5\r\n   \n"
  )
  first, second = yolo.read(label(content), 200, 100, 3)
  assert (first.class_id, second.class_id) == (0, 2)
  assert first.box == pytest.approx((80, 30, 120, 70))
  assert second.box == pytest.approx((0, 0, 100, 50))
  assert first.mask is None
  assert yolo.read(label(""), 200, 100) == ()
  assert yolo.read(label("\n \n"), 200, 100) == ()


def test_rounding_beyond_the_picture_is_clipped(label):
  text = "0 0.5 0.5 1.0000001 1\n0 0.99 0.5 0.0207 1.0\n0 0.0499999 0.5 0.1 1\n"
  whole, edge, corner = yolo.read(label(text), 100, 50)
  assert whole.box == (0, 0, 100, 50)
  assert edge.box == pytest.approx((97.965, 0, 100, 50))
  assert corner.box == pytest.approx((0, 0, 10, 50), abs=1e-4)


def test_outlines_become_masks(label):
  text = "1 0.1 0.2 0.5 0.2 0.5 0.8 0.1 0.8\n0 0.5 0.5 0.1 0.1\n"
  outlined, box = yolo.read(label(text), 10, 10)
  expected = np.zeros((10, 10), bool)
  expected[2:8, 1:5] = True
  np.testing.assert_array_equal(rle.decode(outlined.mask), expected)
  assert outlined.box == pytest.approx((1, 2, 5, 8))
  assert box.mask is None
  # Thinner than what is between two pixels' centres.
  thin = "0 0.11 0.1 0.12 0.1 0.12 0.9\n"
  (each,) = yolo.read(label(thin), 10, 10)
  assert each.mask is None
  assert each.box == pytest.approx((1.1, 1, 1.2, 9))


@pytest.mark.parametrize(
  ("line", "message"),
  [
    ("0 0.5 0.5 oops 1", "line 2: 'oops' is no number; expected `class x y"),
    ("0 0,5 0,5 0,1 0,1", "'0,5' is no number"),
    ("0 0.5 0.5 0.1 0.1 0.93", "6 values, as of detections with a confidence"),
    ("0 0.5 0.5 0.1", "there are 4 values; expected `class x y width"),
    ("0 0.1 0.1 0.5 0.1 0.5 0.5 0.9", "there are 8 values"),
    ("0", "there are 1 values"),
    ("0 304 200 20 20", "the value 304 is out of range; .*0 to 1, not pixels"),
    ("0 0.5 0.5 1.01 0.5", r"the value 1\.01 is out of range"),
    ("0 0.5 -0.2 0.1 0.1", r"the value -0\.2 is out of range"),
    ("0 nan 0.5 0.1 0.1", "the value nan is out of range"),
    ("0 0.5 0.5 0 0.5", r"the box is 0 x 50 pixels.*more than 0"),
    ("0 0.5 0.5 0.5 -0.0001", "more than 0 each way"),
    ("0 0.9 0.5 0.5 0.5", r"from 65, 25 to 115, 75 pixels.*out of range"),
    ("0 0.1 0.1 0.5 0.1 0.3 0.1", r"the box is 40 x 0 pixels"),
    ("3 0.5 0.5 0.5 0.5", "class is 3; expected 0 to 2.* 3 class names"),
    ("-1 0.5 0.5 0.5 0.5", "class is -1; expected a whole number"),
    ("0.5 0.5 0.5 0.5 0.5", r"class is 0\.5; expected a whole number"),
    ("nan 0.5 0.5 0.5 0.5", "class is nan; expected a whole number"),
    ("turbine 0.5 0.5 0.5 0.5", "'turbine' is no number"),
  ],
)
def test_bad_lines_are_named(label, line, message):
  path = label(f"0 0.5 0.5 0.1 0.1\n{line}\n0 0.5 0.5 0.1 0.1\n", "b.txt")
  with pytest.raises(LabelError, match=message) as caught:
    yolo.read(path, 100, 100, 3)
  assert str(caught.value).startswith(f"{path}, line 2: ")


def test_files_that_are_no_text_are_named(label):
  with pytest.raises(LabelError, match=r"a\.txt: byte 1 is 0xff; .*UTF-8"):
    yolo.read(label("0 0.5".encode("utf-16")), 10, 10)
  with pytest.raises(LabelError, match=r"a\.txt: byte 3 is zero"):
    yolo.read(label(b"0 \0\0\0"), 10, 10)
  with pytest.raises(FileNotFoundError, match="missing"):
    yolo.read("missing.txt", 10, 10)


def test_written_boxes_are_read_again(label):
  rng = np.random.default_rng(1)
  width, height = 1307, 611
  start = rng.random((200, 2)) * (width - 9, height - 9)
  end = start + 0.5 + rng.random((200, 2)) * ((width, height) - start - 0.5)
  boxes = np.concatenate([start, end], -1)
  boxes[::3] = boxes[::3].round() + np.array([0, 0, 1, 1])
  boxes[:, 2:] = np.minimum(boxes[:, 2:], (width, height))
  boxes[0] = (0, 0, width, height)
  boxes[1] = (width - 1, 0, width, 1)
  image = LabelledImage(
    "a.png",
    height,
    width,
    tuple(
      LabelledObject(number % 7, tuple(box)) for number, box in enumerate(boxes)
    ),
  )
  text = yolo.format_lines(image)
  classes, edges = parse(text, width, height)
  np.testing.assert_array_equal(classes, np.arange(200) % 7)
  np.testing.assert_allclose(edges, boxes, atol=2e-3)
  # Strict readers refuse what reaches beyond the picture at all.
  assert edges.min() >= -1e-9
  assert (edges[:, 2] <= width + 1e-9).all()
  assert (edges[:, 3] <= height + 1e-9).all()
  again = yolo.read(label(text), width, height, 7)
  np.testing.assert_allclose([each.box for each in again], boxes, atol=2e-3)
  assert yolo.format_lines(LabelledImage("b.png", 5, 5, ())) == ""


def test_lines_have_the_field_s_form():
  image = LabelledImage("a", 100, 200, (LabelledObject(3, (20, 25, 60, 75)),))
  assert yolo.format_lines(image) == "3 0.200000 0.500000 0.200000 0.500000\n"


def test_written_outlines_are_read_again(label):
  ring = np.zeros((61, 97), bool)
  ring[5:40, 10:60] = True
  ring[12:30, 20:33] = False
  parts = np.zeros_like(ring)
  parts[:3, 90:] = parts[50:, 0] = parts[55:58, 40:44] = True
  image = LabelledImage(
    "a.png",
    *ring.shape,
    (boxed(ring), boxed(parts, 1), LabelledObject(2, (3.0, 4.0, 20.0, 9.0))),
  )
  text = yolo.format_lines(image, segments=True)
  assert len(text.splitlines()) == 3
  again = yolo.read(label(text), 97, 61, 3)
  for written, read in zip(image.objects, again, strict=True):
    assert read.class_id == written.class_id
    assert read.box == pytest.approx(written.box, abs=1e-3)
  np.testing.assert_array_equal(rle.decode(again[0].mask), ring)
  np.testing.assert_array_equal(rle.decode(again[1].mask), parts)
  # Without a mask, the corners of the box.
  assert rle.area(again[2].mask) == 17 * 5


def test_class_names_are_found(label, tmp_path):
  assert yolo.read_classes(tmp_path) is None
  label("car\r\nwind turbine \r\n\r\n", "classes.txt")
  assert yolo.read_classes(tmp_path) == ("car", "wind turbine")
  label("names: [bus]\n", "data.yaml")
  assert yolo.read_classes(str(tmp_path)) == ("bus",)
  assert yolo.read_classes(tmp_path / "classes.txt")[0] == "car"
  assert yolo.read_classes(label("a\nb", "obj.names")) == ("a", "b")


@pytest.mark.parametrize(
  ("text", "names"),
  [
    ("names:\n  - a b\n  - 'it''s'\n  - \"x: #y\"\n", ("a b", "it's", "x: #y")),
    ("nc: 2  # two\nnames: ['on', off]\ntrain: x\n", ("on", "off")),
    ("names:\n  1: b\n  0: a # first\n", ("a", "b")),
    ("names: {0: no, 1: 1, 2: null}\n", ("no", "1", "null")),
    ("\ufeffnames: [風車]\n", ("風車",)),
  ],
)
def test_names_of_yaml(label, text, names):
  assert yolo.read_classes(label(text, "my.yaml")) == names


@pytest.mark.parametrize(
  ("name", "text", "message"),
  [
    ("a.yaml", "train: x\n", "names is None; expected `names:` with a list"),
    ("a.yaml", "names: car\n", "names is 'car'; expected"),
    ("a.yaml", "just text", "names is None"),
    ("a.yaml", "names: []\n", "holds no class names"),
    ("a.yaml", "names: [a, b\n", "is no YAML"),
    ("a.yaml", "names: {0: a, 2: b}\n", "class id '2'; expected 0 to 1"),
    ("a.yaml", "names: {x: a}\n", "class id 'x'; expected 0 to 0"),
    ("a.yaml", "nc: 3\nnames: [a, b]\n", "nc is 3; expected 2"),
    ("a.yaml", "names: [a, [b]]\n", r"class 1 has the name \['b'\]"),
    ("classes.txt", "\n\n", "holds no class names"),
    ("classes.txt", "a\n\nb\n", "class 1 has the name ''"),
    ("classes.txt", "a\nb\na\n", "classes 0 and 2 have the same name 'a'"),
    ("classes.txt", "a\tb\n", r"'a\\tb', holds the character '\\t'"),
  ],
)
def test_bad_class_names_are_named(label, name, text, message):
  path = label(text, name)
  with pytest.raises(LabelError, match=message) as caught:
    yolo.read_classes(path)
  assert str(path) in str(caught.value)


def test_written_names_are_read_again(label):
  text = yolo.data_yaml(NAMES, "images/train", "images/val", "/data/my set")
  values = yaml.safe_load(text)
  assert values == {
    "path": "/data/my set",
    "train": "images/train",
    "val": "images/val",
    "nc": 5,
    "names": dict(enumerate(NAMES)),
  }
  assert yolo.read_classes(label(text, "data.yaml")) == NAMES
  assert "path" not in yaml.safe_load(yolo.data_yaml(["a"]))
  with pytest.raises(LabelError, match="the same name"):
    yolo.data_yaml(["a", "a"])


@pytest.mark.parametrize(
  ("picture", "expected"),
  [
    ("a/images/north/x.jpg", "a/labels/north/x.txt"),
    ("/images/b/images/x.y.png", "/images/b/labels/x.y.txt"),
    ("images.jpg", "images.txt"),
    ("a/b/images", "a/b/images.txt"),
    ("a/b/x.jpg", "a/b/x.txt"),
  ],
)
def test_labels_are_expected_beside_or_in_a_folder_of_their_own(
  picture, expected
):
  assert str(yolo.label_path(picture)) == expected
