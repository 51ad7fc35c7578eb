"""How well detections find what labels say: files in, average precision out.

Example:
  from gansynth.metrics import detection_scores

  result = detection_scores.evaluate("data/data.yaml", "runs/detect/predict")
  print(result.scores["ap50"])
"""

import dataclasses
import importlib.metadata
import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gansynth import files, tables
from gansynth.evaluation import detection
from gansynth.synthesis.labels import predictions, truth_files

RULES = ("coco", *detection.VOC_RULES)
_MEANINGS = {
  "ap": "mean over overlaps of 0.50 to 0.95",
  "ap50": "at an overlap of 0.50",
  "ap75": "at an overlap of 0.75",
  "ap_small": "objects below 32 x 32 pixels",
  "ap_medium": "between",
  "ap_large": "above 96 x 96 pixels",
  "ar_1": "recall with 1 detection a picture and class",
  "ar_10": "with 10",
  "ar_100": "with 100",
  "ar_small": "of small objects",
  "ar_medium": "of medium ones",
  "ar_large": "of large ones",
  "voc_ap50": "Pascal VOC's, all points",
  "voc2007_ap50": "Pascal VOC's, 11 points",
}


@dataclasses.dataclass(frozen=True)
class Result:
  """What detections are worth.

  Attributes:
    scores: in [0, 1] by name, see `evaluation.detection`; nan where there is no
      object that asks for it.
    by_class: the same of each class, by its name.
    objects: labelled ones of each class, by its name, without ignored ones.
    notes: what was passed over, or looks wrong.
    about: what was compared with what, and how; JSON.
  """

  scores: Mapping[str, float]
  by_class: Mapping[str, Mapping[str, float]]
  objects: Mapping[str, int]
  notes: tuple[str, ...]
  about: Mapping[str, Any]


def evaluate(
  labels: str | os.PathLike[str],
  found: str | os.PathLike[str],
  *,
  pictures: str | os.PathLike[str] = "",
  class_names: Sequence[str] = (),
  split: str = "",
  first_category: int = 1,
  rule: str = "coco",
) -> Result:
  """Scores detections against labels.

  Args:
    labels: see `synthesis.labels.truth_files.read`, as `pictures` and `split`.
    found: see `synthesis.labels.predictions.read`, as `first_category`.
    pictures: folder of the pictures, where labels do not say.
    class_names: in the order of the numbers that stand for them in YOLO's
      files; (): those of a file of names in the folder.
    split: of a data set that has some.
    first_category: 1 or 0.
    rule: `coco`, `voc` or `voc2007`.

  Raises:
    ValueError: labels or detections that cannot be used or do not fit together.
    OSError: a file cannot be read.
    ModuleNotFoundError: the rule is `coco`, and pycocotools is not installed.
  """
  if rule not in RULES:
    raise ValueError(f"unknown rule {rule!r}; choose of {', '.join(RULES)}")
  read = truth_files.read(labels, pictures, class_names, split)
  detected = predictions.read(found, read, class_names, first_category)
  if class_names and read.kind == detected.kind == "coco":
    raise ValueError(
      f"class names are given, {', '.join(class_names)}, and both {read.path} "
      f"and {detected.path} tell classes by COCO's ids; leave the names out"
    )
  names = read.class_names
  truths = [each.truth for each in read.pictures.values()]
  detections = [detected.found[name] for name in read.pictures]
  if rule == "coco":
    scores = detection.coco_scores(truths, detections, len(names))
  else:
    scores = detection.voc_scores(truths, detections, len(names), rule)
  counts = np.zeros(len(names), int)
  for truth in truths:
    counts += np.bincount(truth.class_ids[~truth.ignored], minlength=len(names))
  about = {
    "labels": read.path,
    "labels_format": read.kind,
    "predictions": detected.path,
    "predictions_format": detected.kind,
    "pictures": len(truths),
    "objects": int(counts.sum()),
    "ignored": sum(int(truth.ignored.sum()) for truth in truths),
    "detections": sum(len(each.boxes) for each in detections),
    "rule": rule,
  }
  if rule == "coco":
    about["pycocotools"] = importlib.metadata.version("pycocotools")
  notes = [*read.notes, *detected.notes]
  if not counts.any():
    notes.append(
      f"{read.path}: no object is labelled; there is nothing to find"
    )
  return Result(
    scores.overall,
    dict(zip(names, scores.by_class, strict=True)),
    dict(zip(names, counts.tolist(), strict=True)),
    tuple(notes),
    about,
  )


def write(path: str | os.PathLike[str], result: Result) -> None:
  """Writes a result as JSON; nan becomes null.

  Raises:
    OSError: it could not be written.
  """
  content = dataclasses.asdict(result)
  content["scores"] = _known(result.scores)
  content["by_class"] = {
    name: _known(scores) for name, scores in result.by_class.items()
  }
  text = json.dumps(content, indent=2, allow_nan=False)
  files.write_whole(path, f"{text}\n".encode(), "scores")


def report(result: Result) -> str:
  """Puts a result in words and tables."""
  about = result.about
  lines = [
    f"labels       {about['labels']}: {about['objects']} objects on "
    f"{about['pictures']} pictures, {about['ignored']} more are ignored",
    f"predictions  {about['predictions']}: {about['detections']} detections",
    *(f"note: {note}" for note in result.notes),
    "",
    tables.markdown(
      ["score", "value", "what it is"],
      [
        [name, _text(value), _MEANINGS[name]]
        for name, value in result.scores.items()
      ],
    ),
    "",
  ]
  titles = list(next(iter(result.by_class.values())))
  rows = [
    [name, str(result.objects[name]), *map(_text, scores.values())]
    for name, scores in result.by_class.items()
  ]
  lines.append(tables.markdown(["class", "objects", *titles], rows))
  return "\n".join(lines)


def _known(scores):
  return {
    name: None if math.isnan(value) else value for name, value in scores.items()
  }


def _text(value):
  return "-" if math.isnan(value) else f"{value:.4f}"
