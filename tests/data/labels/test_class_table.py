"""Labels to classes: what is looked up, left out and refused."""

import numpy as np
import pytest

from gansynth.data.labels import cityscapes, class_table
from gansynth.data.labels.class_table import ClassTable


def test_ids_of_cityscapes_become_train_ids():
  labels = np.array([[0, 7, 8, 33], [255, 26, 34 - 1, -1]], np.int16)
  found = ClassTable("ids", 19)(labels, "a")
  np.testing.assert_array_equal(found, [[-1, 0, 1, 18], [-1, 13, 18, -1]])


def test_lookup_agrees_with_the_table():
  lookup = cityscapes.train_id_lookup()
  assert lookup.dtype == np.uint8
  assert lookup.shape == (256,)
  expected = [255] * 256
  for label in cityscapes.LABELS:
    if 0 <= label.train_id < 255:
      expected[label.id] = label.train_id
  assert lookup.tolist() == expected
  assert sum(value != 255 for value in expected) == 19
  table = ClassTable("ids", 19)
  ids = np.arange(34)[None]
  found = table(ids, "all")
  np.testing.assert_array_equal(found % 256, lookup[:34][None])


def test_trained_labels_and_their_colours():
  names = [label.name for label in cityscapes.trained_labels()]
  assert names[:3] == ["road", "sidewalk", "building"]
  assert names[-1] == "bicycle"
  colors = cityscapes.train_colors()
  assert colors.shape == (19, 3)
  assert colors[0].tolist() == [128, 64, 128]
  assert colors[18].tolist() == [119, 11, 32]


@pytest.mark.parametrize("kind", ["classes", "train_ids"])
def test_classes_stay_and_255_is_left_out(kind):
  labels = np.array([[0, 255], [3, 18]], np.uint8)
  found = ClassTable(kind, 19)(labels, "a")
  np.testing.assert_array_equal(found, [[0, -1], [3, 18]])


def test_other_labels_can_be_left_out():
  table = ClassTable("classes", 3, ignored={3, 255})
  found = table(np.array([[0, 3, 255, 2]]), "a")
  np.testing.assert_array_equal(found, [[0, -1, -1, 2]])
  # A class that is left out is no class.
  found = ClassTable("classes", 3, ignored={1})(np.array([[0, 1, 2]]), "a")
  np.testing.assert_array_equal(found, [[0, -1, 2]])


@pytest.mark.parametrize(
  ("kind", "labels", "message"),
  [
    ("ids", [[7, 34]], r"b\.png: the label map holds 34; ids of City"),
    ("train_ids", [[0, 19, 33]], "holds 19, 33; train ids of Cityscapes are 0"),
    ("classes", [range(18, 27)], "holds 19, 20, 21, 22, 23 and 3 others"),
    ("classes", [[-1]], "holds -1; classes are 0 to 18, and 255 is"),
    ("ids", np.zeros((2, 2, 3), int), "in a file a grey PNG or one of a pal"),
    ("classes", [0, 1], r"int64 of shape \(2,\); give integers \(height"),
    ("classes", [[0.0]], "labels are float64"),
  ],
)
def test_what_is_no_label_is_refused(kind, labels, message):
  table = ClassTable(kind, 19)
  with pytest.raises(class_table.LabelError, match=message):
    table(np.array(labels), "b.png")


def test_unknown_kinds_are_refused():
  with pytest.raises(ValueError, match="'colors'; choose one of classes"):
    ClassTable("colors", 19)
