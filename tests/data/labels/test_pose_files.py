"""Joints in files, and the stick pictures that training gets of them."""

import json
import pickle

import ml_collections
import numpy as np
import pytest

from gansynth import data, images
from gansynth.data import labels
from gansynth.data.labels import pose_files, poses

PERSON = {
  "rshoulder": [8.5, 10],
  "relbow": [5, 16],
  "rwrist": [3, 22],
  "lshoulder": [16, 10],
  "lelbow": None,
  "lwrist": [-1, -1],
  "cnose": [12, 4],
}
SIZE = (30, 40)
COCO_NAMES = [
  "nose",
  *(
    f"{side}_{name}"
    for name in (
      *("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
    )
    for side in ("left", "right")
  ),
]


def write_json(path, content):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(content))
  return path


def write_picture(path, size=SIZE):
  rng = np.random.default_rng(0)
  images.write(path, rng.integers(0, 256, (*size, 3), np.uint8))


def config(root="", **fields):
  return ml_collections.ConfigDict(
    {"source": "poses", "root": str(root), "num_labels": 0, **fields}
  )


def coco_file(path):
  """Three pictures, of which one shows two people and one nobody."""
  rng = np.random.default_rng(1)

  def keypoints():
    points = rng.integers(0, 30, (17, 3))
    points[:, 2] = rng.integers(0, 3, 17)
    points[points[:, 2] == 0] = 0
    return points.ravel().tolist()

  people = [(7, keypoints(), 0), (9, keypoints(), 0), (7, keypoints(), 0)]
  crowd = (9, keypoints(), 1)
  unseen = (8, [0] * 51, 0)
  return write_json(
    path,
    {
      "images": [{"id": id, "file_name": f"{id:012d}.png"} for id in (7, 8, 9)],
      "categories": [
        {"id": 1, "name": "person", "keypoints": COCO_NAMES},
        {"id": 2, "name": "bicycle"},
      ],
      "annotations": [
        *(
          {
            "id": number,
            "image_id": image,
            "category_id": 1,
            "keypoints": points,
            "iscrowd": iscrowd,
          }
          for number, (image, points, iscrowd) in enumerate(
            [*people, crowd, unseen], 1
          )
        ),
        {"id": 99, "image_id": 8, "category_id": 2, "bbox": [0, 0, 1, 1]},
      ],
    },
  )


def test_one_person_or_several(tmp_path):
  one = pose_files.read(write_json(tmp_path / "a.json", PERSON))
  several = pose_files.read(write_json(tmp_path / "b.json", [PERSON, {}]))
  nobody = pose_files.read(write_json(tmp_path / "c.json", []))
  assert (one.shape, several.shape, nobody.shape) == (
    (1, 15, 2),
    (2, 15, 2),
    (0, 15, 2),
  )
  assert one.dtype == np.float32
  for name, point in zip(poses.JOINTS, one[0].tolist(), strict=True):
    expected = PERSON.get(name) or [-1, -1]
    if expected == [-1, -1]:
      assert np.isnan(point).all()
    else:
      assert point == expected
  np.testing.assert_array_equal(several[:1], one)
  assert np.isnan(several[1]).all()


@pytest.mark.parametrize(
  ("content", "message"),
  [
    ({"left_knee": [1, 2]}, "joint 'left_knee' is unknown; expected .* lknee"),
    ([PERSON, {"rknee": [1]}], r"person 1: joint 'rknee' is \[1\]"),
    ({"rknee": ["1", 2]}, r"joint 'rknee' is \[\"1\", 2\]"),
    ({"rknee": [1, float("nan")]}, r"joint 'rknee' is \[1, NaN\]"),
    ([[1, 2]], r"person 0: found \[1, 2\]; expected an object"),
    (7, "found 7; expected an object"),
  ],
)
def test_what_is_no_joint_is_named(tmp_path, content, message):
  path = write_json(tmp_path / "who.json", content)
  with pytest.raises(pose_files.PoseError, match=r"who\.json'.*" + message):
    pose_files.read(path)


def test_no_json(tmp_path):
  (tmp_path / "x.json").write_bytes(b"\xff{")
  with pytest.raises(pose_files.PoseError, match=r"x\.json': is no JSON"):
    pose_files.read(tmp_path / "x.json")


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    (
      {"rwrist": [3, 300]},
      r"1\.json', person 0: joint 'rwrist' is at \(3, 300\).* 40 x 30",
    ),
    ({"cnose": [-41, 3]}, r"joint 'cnose' is at \(-41, 3\)"),
    (
      {name: [0.5, 0.25] for name in PERSON},
      r"1\.json': .*between 0 and 0\.5, as if they were fractions",
    ),
  ],
)
def test_joints_that_are_no_pixels_are_named(tmp_path, changes, message):
  write_json(tmp_path / "train_pose" / "1.json", {**PERSON, **changes})
  write_picture(tmp_path / "train_img" / "1.png")
  dataset = data.create(config(tmp_path), "train")
  with pytest.raises(pose_files.PoseError, match=message):
    dataset[0]


def test_training_draws_where_the_picture_went(tmp_path):
  write_json(tmp_path / "train_pose" / "a" / "1.json", PERSON)
  # A picture that says where its pixels were.
  y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.uint8)
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
  write_json(tmp_path / "train_pose" / "1.json", PERSON)
  write_json(tmp_path / "val_pose" / "2.json", [])
  write_picture(tmp_path / "train_img" / "1.jpg")
  write_picture(tmp_path / "val_img" / "2.jpg")
  fields = {"crop_size": 60, "load_size": 70, "cache_bytes": 10**6}
  item = data.create(config(tmp_path, **fields), "train")[0]
  assert (item["name"], item["label"].dtype) == ("1", np.uint8)
  joints = pose_files.read(tmp_path / "train_pose" / "1.json")
  bigger = (joints + 0.5) * [60 / 40, 60 / 30] - 0.5
  np.testing.assert_array_equal(item["label"], poses.draw(bigger, (60, 60)))
  other = data.create(config(tmp_path, **fields), "test")[0]
  assert other["name"] == "2"
  assert not other["label"].any()


def test_coco_reads_as_its_own_api_does(tmp_path):
  coco = pytest.importorskip("pycocotools.coco")
  path = coco_file(tmp_path / "x.json")
  found = pose_files.read_coco(path)
  assert list(found) == ["000000000007.png", "000000000009.png"]
  assert [len(found[name]) for name in found] == [2, 1]
  api = coco.COCO(str(path))
  ours = {"nose": "cnose"} | {
    f"{side}_{name[1:]}": name
    for name in poses.JOINTS
    for side in ("left", "right")
    if side[0] == name[0]
  }
  names = api.loadCats(api.getCatIds(catNms=["person"]))[0]["keypoints"]
  for image, people in zip((7, 9), found.values(), strict=True):
    annotations = api.loadAnns(
      api.getAnnIds(imgIds=[image], catIds=[1], iscrowd=False)
    )
    for annotation, joints in zip(annotations, people, strict=True):
      expected = np.full((15, 2), np.nan)
      points = np.reshape(annotation["keypoints"], (17, 3))
      for name, (x, y, visibility) in zip(names, points, strict=True):
        if visibility and name in ours:
          expected[poses.JOINTS.index(ours[name])] = x, y
      np.testing.assert_array_equal(joints, expected)


def test_coco_as_downloaded(tmp_path):
  coco_file(tmp_path / "annotations" / "person_keypoints_train2017.json")
  coco_file(tmp_path / "annotations" / "person_keypoints_val2017.json")
  with pytest.raises(
    images.ImageError, match=r"train2017\.json' is there, and"
  ):
    data.create(config(tmp_path), "train")
  for number in (9, 7):
    write_picture(tmp_path / "train2017" / f"{number:012d}.png")
    write_picture(tmp_path / "images" / "val2017" / f"{number:012d}.png")
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
  coco_file(tmp_path / "mine.json")
  write_json(tmp_path / "joints" / "1.json", PERSON)
  for name in ("a/000000000007", "a/000000000009", "b/1"):
    write_picture(tmp_path / f"{name}.png")
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


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"images": None}, "expected COCO's format"),
    ({"categories": []}, "category_id 1; expected one of images"),
    ({"annotations": []}, "no person with keypoints"),
    (
      {
        "annotations": [
          {"image_id": 7, "category_id": 1, "keypoints": [1, 2, 2]}
        ]
      },
      r"'000000000007\.png' are \[1, 2, 2\]; expected 17 times",
    ),
  ],
)
def test_other_than_coco_is_refused(tmp_path, change, message):
  path = coco_file(tmp_path / "x.json")
  content = {**json.loads(path.read_text()), **change}
  write_json(path, content)
  with pytest.raises(pose_files.PoseError, match=r"x\.json'.*" + message):
    pose_files.read_coco(path)


def test_pictures_and_joints_belong_together(tmp_path):
  write_picture(tmp_path / "train_img" / "1.png")
  with pytest.raises(images.ImageError, match=r"train_pose' holds no \*\.json"):
    data.create(config(tmp_path), "train")
  write_json(tmp_path / "train_pose" / "2.json", PERSON)
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
