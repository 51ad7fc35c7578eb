"""Labelled pictures as a TFDS data set, in a process without TensorFlow."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from gansynth import images
from gansynth.data import tfds_detection
from gansynth.data.tfds_source import TfdsSource
from gansynth.synthesis.labels import (
  LabelError,
  LabelledImage,
  LabelledObject,
  rle,
)

NAMES = ("wind turbine", 'a "b" & <c>', "風車")
MASK = np.zeros((20, 30), bool)
MASK[3:6, 4:9] = True


def examples():
  """Five pictures; the second has no object."""
  for number in range(5):
    objects = (
      LabelledObject(2, (4.0, 3.0, 9.0, 6.0), rle.encode(MASK)),
      LabelledObject(1, (0.0, 0.0, 30.0, 10.5)),
    )
    picture = np.full((20, 30, 3), 40 * number, np.uint8)
    data = images.encode(picture, "png")
    name = f"ä {number}.png"
    yield data, LabelledImage(name, 20, 30, objects[: 0 if number == 1 else 2])


def written(path):
  """Names and contents of a data set's files."""
  return {
    each.name: hashlib.sha256(each.read_bytes()).hexdigest()
    for each in path.iterdir()
  }


def test_records_are_read_without_tensorflow(tmp_path):
  path = tfds_detection.write(tmp_path, "mine", examples, NAMES, "val")
  assert path == str(tmp_path / "mine" / "1.0.0")
  builder = tfds.builder_from_directory(path)
  records = builder.as_data_source(split="val")
  assert len(records) == builder.info.splits["val"].num_examples == 5
  assert builder.info.features["objects"]["label"].names == list(NAMES)
  objects_seen = 0
  for number, (record, (_, label)) in enumerate(
    zip(records, examples(), strict=True)
  ):
    assert (record["image"] == 40 * number).all()
    assert record["image"].shape == (20, 30, 3)
    assert record["image/filename"].decode() == label.name
    assert record["image/id"] == number
    objects = record["objects"]
    assert len(objects["label"]) == len(label.objects)
    for place, each in enumerate(label.objects):
      assert objects["label"][place] == each.class_id
      assert objects["id"][place] == objects_seen
      assert not objects["is_crowd"][place]
      top, left, bottom, right = objects["bbox"][place] * (20, 30, 20, 30)
      np.testing.assert_allclose((left, top, right, bottom), each.box, 1e-6)
      objects_seen += 1
  first = records[0]["objects"]
  text = first["segmentation"][0].decode()
  np.testing.assert_array_equal(rle.decode(rle.from_string(text, 20, 30)), MASK)
  assert first["segmentation"][1] == b""
  assert list(first["area"]) == [15, 315]
  assert "tensorflow" not in sys.modules


def test_our_own_source_reads_them(tmp_path):
  tfds_detection.write(tmp_path, "mine", examples(), NAMES)
  source = TfdsSource("mine", "train", tmp_path)
  assert len(source) == 5
  assert (source[3]["image"] == 120).all()


def test_bytes_are_the_same_in_every_process(tmp_path):
  tfds_detection.write(tmp_path / "here", "mine", examples, NAMES)
  code = (
    "import sys; sys.path[:0] = sys.argv[2:]\n"
    "import test_tfds_detection as test\n"
    "test.tfds_detection.write(sys.argv[1], 'mine', test.examples, test.NAMES)"
  )
  folders = [__file__.rpartition("/")[0], "."]
  command = [sys.executable, "-c", code, str(tmp_path / "there"), *folders]
  subprocess.run(command, check=True)
  here, there = (
    written(tmp_path / name / "mine" / "1.0.0") for name in ("here", "there")
  )
  assert here == there


def test_large_sets_have_several_files_and_keep_their_order(tmp_path):
  path = tfds_detection.write(tmp_path, "m", examples, NAMES, shard_size=500)
  files = sorted(each.name for each in (tmp_path / "m" / "1.0.0").iterdir())
  assert [name for name in files if "array_record" in name] == [
    f"m-train.array_record-{number:05d}-of-00003" for number in range(3)
  ]
  records = tfds.builder_from_directory(path).as_data_source(split="train")
  assert [int(record["image/id"]) for record in records] == list(range(5))


def test_an_earlier_set_is_replaced_only_by_a_whole_one(tmp_path):
  path = tmp_path / "mine" / "1.0.0"
  tfds_detection.write(tmp_path, "mine", examples, NAMES)
  before = written(path)
  # What a killed process left.
  (tmp_path / ".mine.unfinished").mkdir()
  (tmp_path / ".mine.unfinished" / "00000").write_bytes(b"half")

  def broken():
    yield from examples()
    raise OSError("gone")

  with pytest.raises(OSError, match="gone"):
    tfds_detection.write(tmp_path, "mine", broken, NAMES)
  assert written(path) == before
  tfds_detection.write(tmp_path, "mine", list(examples())[:2], NAMES)
  assert len(TfdsSource("mine", "train", tmp_path)) == 2
  assert [each.name for each in tmp_path.iterdir()] == ["mine"]


def test_deleting_an_earlier_set_never_leaves_half_of_it(tmp_path, monkeypatch):
  path = tmp_path / "mine" / "1.0.0"
  tfds_detection.write(tmp_path, "mine", examples, NAMES)
  before = written(path)
  deleted = []

  def delete(folder, **_):
    assert folder != path
    if folder.exists():
      deleted.append(written(folder))

  monkeypatch.setattr(tfds_detection.shutil, "rmtree", delete)
  tfds_detection.write(tmp_path, "mine", list(examples())[:2], NAMES)
  assert deleted == [before]
  assert written(path) != before


def labelled(box):
  """One picture with one box."""
  (data, image), *_ = examples()
  objects = (LabelledObject(0, box),)
  return [(data, LabelledImage(image.name, 20, 30, objects))]


def test_boxes_are_within_their_pictures(tmp_path):
  rounded = labelled((-1e-9, 5.0, 30 + 1e-9, 20.000001))
  path = tfds_detection.write(tmp_path, "mine", rounded, NAMES)
  (record,) = tfds.builder_from_directory(path).as_data_source(split="train")
  np.testing.assert_array_equal(record["objects"]["bbox"], [[0.25, 0, 1, 1]])
  for box, message in (
    ((0, 0, 33, 10), "33, 10 pixels .* out of range"),
    ((5, 5, 5, 9), "the box is 0 x 4 pixels"),
  ):
    with pytest.raises(LabelError, match=rf"ä 0\.png, object 1: .*{message}"):
      tfds_detection.write(tmp_path, "mine", labelled(box), NAMES)


def test_what_cannot_be_written_is_named(tmp_path):
  with pytest.raises(LabelError, match=r"ä 0\.png: object 1 is of class 2"):
    tfds_detection.write(tmp_path, "mine", examples, NAMES[:2])
  webp = [(b"RIFF", LabelledImage("a.webp", 1, 1, ()))]
  with pytest.raises(LabelError, match=r"a\.webp is neither JPEG nor PNG"):
    tfds_detection.write(tmp_path, "mine", webp, NAMES)
  with pytest.raises(ValueError, match="'mine' has no pictures"):
    tfds_detection.write(tmp_path, "mine", [], NAMES)
  for name, split in (("no/slash", "train"), ("mine", "a b"), ("ä", "train")):
    with pytest.raises(ValueError, match=r"name '.*'; expected letters"):
      tfds_detection.write(tmp_path, name, examples, NAMES, split)
  assert not list(tmp_path.iterdir())
