"""Joints in files."""

import json

import numpy as np
import pose_folders
import pytest

from gansynth.data.labels import pose_files, poses


def test_one_person_or_several(tmp_path):
  one = pose_files.read(
    pose_folders.write_json(tmp_path / "a.json", pose_folders.PERSON)
  )
  several = pose_files.read(
    pose_folders.write_json(tmp_path / "b.json", [pose_folders.PERSON, {}])
  )
  nobody = pose_files.read(pose_folders.write_json(tmp_path / "c.json", []))
  assert (one.shape, several.shape, nobody.shape) == (
    (1, 15, 2),
    (2, 15, 2),
    (0, 15, 2),
  )
  assert one.dtype == np.float32
  for name, point in zip(poses.JOINTS, one[0].tolist(), strict=True):
    expected = pose_folders.PERSON.get(name) or [-1, -1]
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
    (
      [pose_folders.PERSON, {"rknee": [1]}],
      r"person 1: joint 'rknee' is \[1\]",
    ),
    ({"rknee": ["1", 2]}, r"joint 'rknee' is \[\"1\", 2\]"),
    ({"rknee": [1, float("nan")]}, r"joint 'rknee' is \[1, NaN\]"),
    ([[1, 2]], r"person 0: found \[1, 2\]; expected an object"),
    (7, "found 7; expected an object"),
  ],
)
def test_what_is_no_joint_is_named(tmp_path, content, message):
  path = pose_folders.write_json(tmp_path / "who.json", content)
  with pytest.raises(pose_files.PoseError, match=r"who\.json'.*" + message):
    pose_files.read(path)


def test_no_json(tmp_path):
  (tmp_path / "x.json").write_bytes(b"\xff{")
  with pytest.raises(pose_files.PoseError, match=r"x\.json': is no JSON"):
    pose_files.read(tmp_path / "x.json")


def test_coco_reads_as_its_own_api_does(tmp_path):
  coco = pytest.importorskip("pycocotools.coco")
  path = pose_folders.coco_file(tmp_path / "x.json")
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
  path = pose_folders.coco_file(tmp_path / "x.json")
  content = {**json.loads(path.read_text()), **change}
  pose_folders.write_json(path, content)
  with pytest.raises(pose_files.PoseError, match=r"x\.json'.*" + message):
    pose_files.read_coco(path)
