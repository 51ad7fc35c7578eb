"""Pictures with joints, and the stick pictures that training gets of them."""

import pickle

import ml_collections
import numpy as np
import pose_folders
import pytest

from gansynth import data, images
from gansynth.data import labels
from gansynth.data.labels import pose_files, pose_sources, poses


def config(root="", **fields):
  return ml_collections.ConfigDict(
    {"source": "poses", "root": str(root), "num_labels": 0, **fields}
  )


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    (
      {"rwrist": [3, 300]},
      r"1\.json', .*, person 0: joint 'rwrist' is at \(3, 300\).* 40 x 30",
    ),
    ({"cnose": [-41, 3]}, r"joint 'cnose' is at \(-41, 3\)"),
    (
      {name: [0.5, 0.25] for name in pose_folders.PERSON},
      r"1\.json', .*between 0 and 0\.5, as if they were fractions",
    ),
  ],
)
def test_joints_that_are_no_pixels_are_named(tmp_path, changes, message):
  pose_folders.write_json(
    tmp_path / "train_pose" / "1.json", {**pose_folders.PERSON, **changes}
  )
  pose_folders.write_picture(tmp_path / "train_img" / "1.png")
  dataset = data.create(config(tmp_path), "train")
  with pytest.raises(pose_files.PoseError, match=message):
    dataset[0]


def test_training_draws_where_the_picture_went(tmp_path):
  pose_folders.write_json(
    tmp_path / "train_pose" / "a" / "1.json", pose_folders.PERSON
  )
  # A picture that says where its pixels were.
  y, x = np.mgrid[: pose_folders.SIZE[0], : pose_folders.SIZE[1]].astype(
    np.uint8
  )
  picture = np.stack([x, y, 0 * x], -1)
  images.write(tmp_path / "train_img" / "a" / "1.png", picture)
  dataset = data.create(
    config(tmp_path, preprocess="crop", crop_size=24), "train"
  )
  joints = pose_files.read(tmp_path / "train_pose" / "a" / "1.json")
  mirrored = set()
  for seed in range(8):
    item = dataset.sample(0, np.random.default_rng(seed))
    assert set(item) == {"image", "label"}
    columns, rows = item["image"][0, :, 0], item["image"][:, 0, 1]
    flip = columns[0] > columns[1]
    mirrored.add(bool(flip))
    moved = joints - [columns.min(), rows[0]]
    if flip:
      moved[..., 0] = 23 - moved[..., 0]
      moved = poses.exchange_sides(moved)
    np.testing.assert_array_equal(item["label"], poses.draw(moved, (24, 24)))
  assert mirrored == {True, False}
  copy = pickle.loads(pickle.dumps(dataset))
  again = copy.sample(0, np.random.default_rng(7))
  np.testing.assert_array_equal(again["label"], item["label"])


def test_evaluation_draws_at_the_size_it_has(tmp_path):
  pose_folders.write_json(
    tmp_path / "train_pose" / "1.json", pose_folders.PERSON
  )
  pose_folders.write_json(tmp_path / "val_pose" / "2.json", [])
  pose_folders.write_picture(tmp_path / "train_img" / "1.jpg")
  pose_folders.write_picture(tmp_path / "val_img" / "2.jpg")
  fields = {"crop_size": 60, "load_size": 70, "cache_bytes": 10**6}
  item = data.create(config(tmp_path, **fields), "train")[0]
  assert (item["name"], item["label"].dtype) == ("1", np.uint8)
  joints = pose_files.read(tmp_path / "train_pose" / "1.json")
  bigger = (joints + 0.5) * [60 / 40, 60 / 30] - 0.5
  np.testing.assert_array_equal(item["label"], poses.draw(bigger, (60, 60)))
  other = data.create(config(tmp_path, **fields), "test")[0]
  assert other["name"] == "2"
  assert not other["label"].any()


def test_coco_as_downloaded(tmp_path):
  pose_folders.coco_file(
    tmp_path / "annotations" / "person_keypoints_train2017.json"
  )
  pose_folders.coco_file(
    tmp_path / "annotations" / "person_keypoints_val2017.json"
  )
  with pytest.raises(
    images.ImageError, match=r"train2017\.json' is there, and"
  ):
    data.create(config(tmp_path), "train")
  for number in (9, 7):
    pose_folders.write_picture(tmp_path / "train2017" / f"{number:012d}.png")
    pose_folders.write_picture(
      tmp_path / "images" / "val2017" / f"{number:012d}.png"
    )
  train = data.create(config(tmp_path, max_dataset_size=1), "train")
  assert (len(train), train[0]["name"]) == (1, "000000000007")
  test = data.create(config(tmp_path), "test")
  assert len(test) == 2
  assert "val2017" in test[0]["path"]
  assert test[0]["label"].any()
  (tmp_path / "train2017" / "000000000009.png").unlink()
  with pytest.raises(images.ImageError, match=r"1 are missing, .*0009\.png"):
    data.create(config(tmp_path), "train")


def test_named_folders(tmp_path):
  pose_folders.coco_file(tmp_path / "mine.json")
  pose_folders.write_json(tmp_path / "joints" / "1.json", pose_folders.PERSON)
  for name in ("a/000000000007", "a/000000000009", "b/1"):
    pose_folders.write_picture(tmp_path / f"{name}.png")
  fields = {
    "label_dir": str(tmp_path / "mine.json"),
    "image_dir": str(tmp_path / "a"),
    "test_label_dir": str(tmp_path / "joints"),
    "test_image_dir": str(tmp_path / "b"),
  }
  assert len(data.create(config(**fields), "train")) == 2
  assert data.create(config(**fields), "test")[0]["name"] == "1"
  with pytest.raises(ValueError, match="'poses' needs image_dir"):
    data.create(config(label_dir=fields["label_dir"]), "train")


def test_pictures_and_joints_belong_together(tmp_path):
  pose_folders.write_picture(tmp_path / "train_img" / "1.png")
  with pytest.raises(images.ImageError, match=r"train_pose' holds no \*\.json"):
    data.create(config(tmp_path), "train")
  pose_folders.write_json(
    tmp_path / "train_pose" / "2.json", pose_folders.PERSON
  )
  with pytest.raises(
    images.ImageError, match=r"file of joints '.*2\.json' has no picture of"
  ):
    data.create(config(tmp_path), "train")


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"num_labels": 13}, r"num_labels is 13; set --config.data.num_labels=0"),
    ({"instances": True}, "'poses' has no instance maps"),
  ],
)
def test_poses_are_no_labels(tmp_path, fields, message):
  with pytest.raises(ValueError, match=message):
    data.create(config(tmp_path, **fields), "train")


def test_poses_have_no_files_of_labels(tmp_path):
  with pytest.raises(ValueError, match="'poses' is not one of files of label"):
    labels.entries(config(tmp_path), "train")


def test_sticks_are_written_for_synthesis(tmp_path):
  pose_folders.write_json(tmp_path / "a" / "x" / "1.json", pose_folders.PERSON)
  joints = pose_files.read(tmp_path / "a" / "x" / "1.json")
  (path,) = pose_sources.draw_all(tmp_path / "a", tmp_path / "b", (30, 40))
  assert path == str(tmp_path / "b" / "x" / "1.png")
  np.testing.assert_array_equal(images.read(path), poses.draw(joints, (30, 40)))
  # Joints of pictures are scaled to what is written.
  pose_folders.write_picture(tmp_path / "p" / "x" / "1.jpg", (15, 20))
  (path,) = pose_sources.draw_all(
    tmp_path / "a", tmp_path / "c", (30, 40), tmp_path / "p"
  )
  np.testing.assert_array_equal(
    images.read(path), poses.draw(2 * joints + 0.5, (30, 40))
  )


def test_sticks_of_cocos_people(tmp_path):
  found = pose_folders.coco_file(tmp_path / "x.json")
  written = pose_sources.draw_all(found, tmp_path / "b", (32, 32))
  assert written == [
    str(tmp_path / "b" / f"{number:012d}.png") for number in (7, 9)
  ]
  assert all(images.read(path).any() for path in written)
  with pytest.raises(pose_files.PoseError, match=r"x\.json', of '0+7\.png'"):
    pose_sources.draw_all(found, tmp_path / "b", (8, 8))
