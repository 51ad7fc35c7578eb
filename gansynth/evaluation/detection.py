"""Average precision of detections: COCO's rule, and Pascal VOC's.

Boxes are `[left, top, width, height]` in pixels as edges, which is how COCO's
files state them: converted to corners and back they would not be the same
numbers, and a box whose overlap is just a threshold's would change sides.
"""

import contextlib
import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

VOC_RULES = ("voc", "voc2007")
MOST_DETECTIONS = 100  # of a picture and class, by COCO's rule
# COCO's twelve numbers, in the order of pycocotools' `stats`.
_SCORES = (
  "ap",
  "ap50",
  "ap75",
  "ap_small",
  "ap_medium",
  "ap_large",
  "ar_1",
  "ar_10",
  "ar_100",
  "ar_small",
  "ar_medium",
  "ar_large",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Truth:
  """What is on a picture.

  Attributes:
    boxes: float64 (objects, 4).
    class_ids: int (objects,), from 0.
    areas: float64 (objects,), pixels that an object covers, by which COCO
      tells small (below 32^2), medium, and large (above 96^2) ones.
    ignored: bool (objects,), those that count neither as found nor as missed:
      regions of crowds in COCO, difficult objects in VOC.
  """

  boxes: np.ndarray
  class_ids: np.ndarray
  areas: np.ndarray
  ignored: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
  """What was found on a picture.

  Attributes:
    boxes: float64 (detections, 4).
    class_ids: int (detections,), from 0.
    confidences: float64 (detections,), of which only the order counts.
  """

  boxes: np.ndarray
  class_ids: np.ndarray
  confidences: np.ndarray


@dataclasses.dataclass(frozen=True)
class Scores:
  """What detections are worth, in [0, 1]; nan where no object asks for it.

  Attributes:
    overall: by name, means over the classes of which there are objects.
    by_class: the same of each class.
  """

  overall: Mapping[str, float]
  by_class: tuple[Mapping[str, float], ...]


def coco_scores(
  truths: Sequence[Truth], detections: Sequence[Detections], num_classes: int
) -> Scores:
  """Scores detections as COCO does, by pycocotools.

  Average precision is the mean over 101 recalls, over the thresholds of
  intersection over union 0.50, 0.55, .. 0.95 (`ap50`, `ap75`: of one), and over
  classes. Average recall, `ar_n`, is of the n most confident detections of a
  picture and class; all else is of 100. An ignored object takes any number of
  detections that lie in it by the threshold.

  Args:
    truths: of each picture.
    detections: of the same pictures.
    num_classes: classes are 0 .. num_classes - 1.

  Returns:
    `ap`, `ap50`, `ap75`, `ap_small`, `ap_medium`, `ap_large`, `ar_1`, `ar_10`,
    `ar_100`, `ar_small`, `ar_medium`, `ar_large`; of classes `ap`, `ap50`,
    `ar_100`.

  Raises:
    ModuleNotFoundError: pycocotools is not installed.
    ValueError: the numbers of pictures differ.

  Reference:
    Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014;
    https://cocodataset.org/#detection-eval
  """
  _check(truths, detections)
  try:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
  except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
      "COCO's average precision is computed by pycocotools, which is not "
      "installed: pip install pycocotools. (The rules voc and voc2007 need "
      "none.)"
    ) from error

  def indexed(annotations):
    api = COCO()
    api.dataset = {
      "images": [{"id": number} for number in range(len(truths))],
      "categories": [{"id": number} for number in range(num_classes)],
      "annotations": annotations,
    }
    api.createIndex()
    return api

  # What it prints is said better by whoever called.
  with contextlib.redirect_stdout(io.StringIO()):
    evaluation = COCOeval(
      indexed(_coco_truths(truths)),
      indexed(_coco_detections(detections)),
      "bbox",
    )
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
  precision = evaluation.eval["precision"][..., 0, -1]  # of all sizes, 100 most
  recall = evaluation.eval["recall"][..., 0, -1]
  by_class = tuple(
    {
      "ap": _mean(precision[:, :, number]),
      "ap50": _mean(precision[0, :, number]),
      "ar_100": _mean(recall[:, number]),
    }
    for number in range(num_classes)
  )
  # pycocotools says -1 where there is nothing to find.
  overall = {
    name: float("nan") if value == -1 else float(value)
    for name, value in zip(_SCORES, evaluation.stats, strict=True)
  }
  return Scores(overall, by_class)


def _coco_truths(truths) -> list[dict[str, Any]]:
  annotations = []
  for number, truth in enumerate(truths):
    for box, class_id, area, ignored in zip(
      truth.boxes.tolist(),
      truth.class_ids.tolist(),
      truth.areas.tolist(),
      truth.ignored.tolist(),
      strict=True,
    ):
      annotations.append(
        {
          # From 1: an object with the id 0 would never count as found.
          "id": len(annotations) + 1,
          "image_id": number,
          "category_id": class_id,
          "bbox": box,
          "area": area,
          "iscrowd": int(ignored),
        }
      )
  return annotations


def _coco_detections(detections) -> list[dict[str, Any]]:
  annotations = []
  for number, found in enumerate(detections):
    for box, class_id, confidence in zip(
      found.boxes.tolist(),
      found.class_ids.tolist(),
      found.confidences.tolist(),
      strict=True,
    ):
      annotations.append(
        {
          "id": len(annotations) + 1,
          "image_id": number,
          "category_id": class_id,
          "bbox": box,
          "area": box[2] * box[3],
          "iscrowd": 0,
          "score": confidence,
        }
      )
  return annotations


def _mean(values):
  """The mean of what is not -1, pycocotools' mark of nothing to find."""
  values = values[values > -1]
  return float(values.mean()) if values.size else float("nan")


def voc_scores(
  truths: Sequence[Truth],
  detections: Sequence[Detections],
  num_classes: int,
  rule: str = "voc",
) -> Scores:
  """Scores detections as Pascal VOC does, at an overlap of 0.5.

  Detections of a class are taken by falling confidence. Each goes to the object
  of its picture that it overlaps most; the first there is right, further ones
  are wrong, and none counts that goes to an ignored object.

  Args:
    truths: of each picture.
    detections: of the same pictures.
    num_classes: classes are 0 .. num_classes - 1.
    rule: `voc`, the area below the curve of precision, as from 2010 on;
      `voc2007`, the mean over 11 recalls.

  Returns:
    `<rule>_ap50`, overall and of classes.

  Raises:
    ValueError: the numbers of pictures differ, or an unknown rule.

  Reference:
    Everingham et al., The Pascal Visual Object Classes Challenge, IJCV 2015.
  """
  _check(truths, detections)
  if rule not in VOC_RULES:
    raise ValueError(f"unknown rule {rule!r}; choose of {', '.join(VOC_RULES)}")
  name = f"{rule}_ap50"
  values = [
    _voc_precision(truths, detections, class_id, rule)
    for class_id in range(num_classes)
  ]
  known = [value for value in values if not np.isnan(value)]
  mean = float(np.mean(known)) if known else float("nan")
  return Scores({name: mean}, tuple({name: value} for value in values))


def _voc_precision(truths, detections, class_id, rule):
  """Average precision of a class."""
  right, wrong, confidences = [], [], []
  asked = 0
  for truth, found in zip(truths, detections, strict=True):
    mine = truth.class_ids == class_id
    boxes, ignored = truth.boxes[mine], truth.ignored[mine]
    asked += np.count_nonzero(~ignored)
    theirs = np.flatnonzero(found.class_ids == class_id)
    order = theirs[np.argsort(-found.confidences[theirs], kind="stable")]
    confidences.extend(found.confidences[order])
    taken = np.zeros(len(boxes), bool)
    overlaps = box_iou(found.boxes[order], boxes)
    for row in overlaps:
      best = int(row.argmax()) if row.size else -1
      hit = best >= 0 and row[best] >= 0.5
      counts = not (hit and ignored[best])
      right.append(hit and counts and not taken[best])
      wrong.append(counts and not right[-1])
      if hit:
        taken[best] = True
  if not asked:
    return float("nan")
  order = np.argsort(-np.asarray(confidences, np.float64), kind="stable")
  hits = np.cumsum(np.asarray(right, bool)[order])
  misses = np.cumsum(np.asarray(wrong, bool)[order])
  recall = hits / asked
  precision = hits / np.maximum(hits + misses, 1)
  # At each recall the best precision of it or of any above.
  precision = np.maximum.accumulate(precision[::-1])[::-1]
  if rule == "voc":
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))
  places = np.searchsorted(recall, np.linspace(0, 1, 11) - 1e-12)
  return float(np.mean(np.append(precision, 0.0)[places]))


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
  """Intersection over union of boxes with boxes.

  Args:
    first: (m, 4), `[left, top, width, height]`.
    second: (n, 4).

  Returns:
    float64 (m, n) in [0, 1]; 0 for boxes without area.
  """
  first = np.asarray(first, np.float64).reshape(-1, 1, 4)
  second = np.asarray(second, np.float64).reshape(1, -1, 4)
  start = np.maximum(first[..., :2], second[..., :2])
  end = np.minimum(
    first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:]
  )
  shared = np.prod(np.maximum(end - start, 0), axis=-1)
  union = first[..., 2:].prod(-1) + second[..., 2:].prod(-1) - shared
  return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _check(truths, detections):
  if len(truths) != len(detections):
    raise ValueError(
      f"there are labels of {len(truths)} pictures and detections of "
      f"{len(detections)}; expected those of the same pictures"
    )
