from xml.etree import ElementTree

import pytest

from gansynth.synthesis.labels import (
  LabelError,
  LabelledImage,
  LabelledObject,
  voc,
)

NAMES = ("wind turbine", 'a "b" & <c>')
IMAGE = LabelledImage(
  "風 & co.png",
  40,
  60,
  (
    LabelledObject(0, (0, 0, 1, 1)),  # the top left pixel
    LabelledObject(1, (10, 20, 60, 40)),
    LabelledObject(0, (3.4, 4.6, 7.5, 8.4)),
    LabelledObject(0, (59.7, 39.8, 60.0, 40.0)),  # less than a pixel
  ),
)


def boxes(root):
  return [
    tuple(int(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax"))
    for box in root.iter("bndbox")
  ]


def test_boxes_count_pixels_from_one():
  root = ElementTree.fromstring(voc.format_xml(IMAGE, NAMES, "pictures", 1))
  assert boxes(root) == [
    (1, 1, 1, 1),
    (11, 21, 60, 40),
    (4, 6, 8, 8),
    (60, 40, 60, 40),
  ]
  assert root.findtext("folder") == "pictures"
  assert root.findtext("filename") == "風 & co.png"
  size = [int(root.findtext(f"size/{x}")) for x in ("width", "height", "depth")]
  assert size == [60, 40, 1]
  assert [x.findtext("name") for x in root.iter("object")] == [
    NAMES[each.class_id] for each in IMAGE.objects
  ]


def test_written_labels_are_read_again():
  text = voc.format_xml(IMAGE, NAMES)
  again = voc.read(text, NAMES)
  assert (again.name, again.height, again.width) == (IMAGE.name, 40, 60)
  for read, written in zip(again.objects, IMAGE.objects, strict=True):
    assert read.class_id == written.class_id
    assert read.box == pytest.approx(written.box, abs=0.81)
  assert again.objects[1].box == (10, 20, 60, 40)
  assert voc.format_xml(again, NAMES) == text
  empty = LabelledImage("a.png", 3, 4, ())
  assert voc.read(voc.format_xml(empty, NAMES), NAMES) == empty


def test_difficult_objects_are_read_and_written():
  text = voc.format_xml(IMAGE, NAMES)
  changed = text.replace("<difficult>0", "<difficult>1", 1)
  again = voc.read(changed, NAMES)
  assert [each.difficult for each in again.objects][:2] == [True, False]
  assert voc.format_xml(again, NAMES) == changed


def test_classes_without_names_are_not_written():
  with pytest.raises(LabelError, match="object 2 is of class 1; expected 0 to"):
    voc.format_xml(IMAGE, NAMES[:1])
  with pytest.raises(LabelError, match=r"'a\\x07', holds the character"):
    voc.format_xml(IMAGE, ("a\a", "b"))


@pytest.mark.parametrize(
  ("old", "new", "message"),
  [
    ("<annotation>", "", "is no XML"),
    ("<width>60</width>", "", "size/width is missing"),
    ("<width>60", "<width>wide", "size/width is 'wide'; expected a number"),
    ("<xmax>60</xmax>", "", "object 2: bndbox/xmax is missing"),
    ("<xmax>60", "<xmax>70", "object 2: .*out of range"),
    ("<xmin>11", "<xmin>61", r"object 2: the box is 0 x 20 pixels"),
    ("<name>wind turbine", "<name>mast", "object 1: its class is 'mast'"),
    ("<filename>風 &amp; co.png", "<filename>", "filename is missing"),
  ],
)
def test_bad_annotations_are_named(old, new, message):
  text = voc.format_xml(IMAGE, NAMES)
  assert old in text
  with pytest.raises(LabelError, match=message) as caught:
    voc.read(text.replace(old, new, 1), NAMES, "a.xml")
  assert str(caught.value).startswith("a.xml")
