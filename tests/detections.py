"""Labels and detections of a few pictures in every format, for tests."""

import json

import numpy as np

from gansynth import images
from gansynth.synthesis.labels import (
  LabelledImage,
  LabelledObject,
  coco,
  voc,
  yolo,
)

NAMES = ("mill", "barn", "dog")


def labelled(seed=0, count=6):
  """Pictures with objects of whole pixels; none is of the class dog."""
  rng = np.random.default_rng(seed)
  made = []
  for number in range(count):
    height, width = (int(side) for side in rng.integers(100, 300, 2))
    objects = []
    for _ in range(rng.integers(1, 5)):
      size = rng.integers(8, 99, 2)
      start = rng.integers(0, (width, height) - size)
      box = (*start.tolist(), *(start + size).tolist())
      objects.append(
        LabelledObject(int(rng.integers(2)), tuple(map(float, box)))
      )
    made.append(LabelledImage(f"p{number}.png", height, width, tuple(objects)))
  return made


def detected(pictures, seed=1):
  """COCO results, of images and classes that count from 1."""
  rng = np.random.default_rng(seed)
  results = []
  for number, image in enumerate(pictures[:-1]):
    for each in image.objects:
      left, top, right, bottom = np.array(each.box) + rng.normal(0, 2, 4)
      box = [left, top, max(right - left, 1.0), max(bottom - top, 1.0)]
      right_class = rng.random() < 0.8
      results.append(
        {
          "image_id": number + 1,
          "category_id": each.class_id + 1 if right_class else 3,
          "bbox": list(map(float, box)),
          "score": float(rng.random()),
        }
      )
  return results


def write(root, pictures, results):
  """Writes all formats to folders of their own in root."""
  (root / "coco").mkdir(parents=True)
  coco.write(root / "coco/labels.json", pictures, NAMES)
  (root / "coco/results.json").write_text(json.dumps(results))
  for folder in ("yolo/labels", "voc/Annotations", "predicted/labels"):
    (root / folder).mkdir(parents=True)
  (root / "yolo/data.yaml").write_text(yolo.data_yaml(NAMES))
  for number, image in enumerate(pictures):
    stem = image.name.removesuffix(".png")
    pixels = np.zeros((image.height, image.width, 3), np.uint8)
    images.write(root / "yolo/images" / image.name, pixels)
    text = yolo.format_lines(image)
    (root / f"yolo/labels/{stem}.txt").write_text(text)
    text = voc.format_xml(image, NAMES)
    (root / f"voc/Annotations/{stem}.xml").write_text(text)
    lines = [
      line(each, image) for each in results if each["image_id"] == number + 1
    ]
    if lines:
      (root / f"predicted/labels/{stem}.txt").write_text("".join(lines))


def line(result, image):
  """A result as a line of YOLO's text files."""
  left, top, width, height = result["bbox"]
  numbers = (
    (left + width / 2) / image.width,
    (top + height / 2) / image.height,
    width / image.width,
    height / image.height,
    result["score"],
  )
  text = " ".join(f"{number:.9f}" for number in numbers)
  return f"{result['category_id'] - 1} {text}\n"
