"""Small files of joints and pictures, for tests of poses."""

import json

import numpy as np

from gansynth import images

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
  """Writes and returns the path."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(content))
  return path


def write_picture(path, size=SIZE):
  """Writes noise of SIZE."""
  rng = np.random.default_rng(0)
  images.write(path, rng.integers(0, 256, (*size, 3), np.uint8))


def coco_file(path):
  """Writes three pictures' joints: of two people, nobody and one."""
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
