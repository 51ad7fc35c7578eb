import contextlib
import io
import json
import math

import detections
import pytest

from gansynth.metrics import detection_scores

coco_lib = pytest.importorskip("pycocotools.coco")
eval_lib = pytest.importorskip("pycocotools.cocoeval")


@pytest.fixture
def root(tmp_path):
  pictures = detections.labelled()
  detections.write(tmp_path, pictures, detections.detected(pictures))
  return tmp_path


def by_hand(labels, results):
  """What pycocotools says of two files."""
  with contextlib.redirect_stdout(io.StringIO()):
    truth = coco_lib.COCO(labels)
    evaluation = eval_lib.COCOeval(truth, truth.loadRes(str(results)), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
  return evaluation


def test_coco_files_score_as_by_pycocotools(root):
  labels, results = root / "coco/labels.json", root / "coco/results.json"
  content = json.loads(labels.read_text())
  # Gaps between ids, a crowd, an area that is not the box's, names that are
  # not in the order of ids.
  renamed = {1: 44, 2: 7, 3: 90}
  for category in content["categories"]:
    category["id"] = renamed[category["id"]]
  for annotation in content["annotations"]:
    annotation["category_id"] = renamed[annotation["category_id"]]
    annotation["area"] *= 0.6
  content["annotations"][2]["iscrowd"] = 1
  # Ids fall, which decides the order of detections of like confidence.
  for image in content["images"]:
    image["id"] = 903 - image["id"] * 100
  for annotation in content["annotations"]:
    annotation["image_id"] = 903 - annotation["image_id"] * 100
  found = json.loads(results.read_text())
  for each in found:
    each["image_id"] = 903 - each["image_id"] * 100
    each["score"] = round(each["score"] * 3) / 3
    each["category_id"] = renamed[each["category_id"]]
  labels.write_text(json.dumps(content))
  results.write_text(json.dumps(found))
  result = detection_scores.evaluate(labels, results)
  expected = by_hand(labels, results)
  # As numbers: pycocotools says -1 for nan.
  scores = [-1 if math.isnan(x) else x for x in result.scores.values()]
  assert scores == expected.stats.tolist()
  assert 0.1 < result.scores["ap"] < result.scores["ap50"] < 1
  precision = expected.eval["precision"][0, :, :, 0, -1]
  names = [content["categories"][i]["name"] for i in (1, 0, 2)]
  assert list(result.by_class) == names == ["barn", "mill", "dog"]
  for number, name in enumerate(names[:2]):
    ap50 = result.by_class[name]["ap50"]
    assert ap50 == pytest.approx(precision[:, number].mean(), abs=1e-12)
  assert math.isnan(result.by_class["dog"]["ap50"])
  assert result.about["ignored"] == 1
  assert sum(result.objects.values()) == len(content["annotations"]) - 1


@pytest.mark.parametrize(
  ("labels", "found", "options"),
  [
    ("coco/labels.json", "predicted", {}),
    ("yolo", "predicted", {}),
    ("yolo/data.yaml", "predicted/labels", {}),
    ("yolo/labels", "predicted", {"pictures": "yolo/images"}),
    ("voc", "predicted", {"class_names": detections.NAMES}),
    ("voc/Annotations", "predicted", {"class_names": detections.NAMES}),
  ],
)
def test_all_formats_score_alike(root, labels, found, options):
  expected = detection_scores.evaluate(
    root / "coco/labels.json", root / "coco/results.json"
  )
  if "pictures" in options:
    options = {"pictures": root / options["pictures"]}
  result = detection_scores.evaluate(root / labels, root / found, **options)
  assert result.scores == pytest.approx(expected.scores, nan_ok=True)
  counts = list(expected.objects.values())
  assert list(result.objects.values())[:2] == counts[:2]
  (note,) = [note for note in result.notes if "have no" in note]
  assert "1 of 6 labelled pictures have no file; nothing counts" in note


def test_voc_ignores_difficult_objects(root):
  files = sorted((root / "voc/Annotations").iterdir())
  before = detection_scores.evaluate(
    root / "voc",
    root / "predicted",
    class_names=detections.NAMES,
    rule="voc",
  )
  for file in files:
    text = file.read_text()
    file.write_text(text.replace("<difficult>0", "<difficult>1", 1))
  after = detection_scores.evaluate(
    root / "voc",
    root / "predicted",
    class_names=detections.NAMES,
    rule="voc2007",
  )
  assert after.about["ignored"] == len(files)
  assert after.about["objects"] == before.about["objects"] - len(files)
  assert list(after.scores) == ["voc2007_ap50"]
  assert list(before.scores) == ["voc_ap50"]


def test_a_result_is_written_and_told(root):
  result = detection_scores.evaluate(root / "yolo", root / "predicted")
  detection_scores.write(root / "out/scores.json", result)
  content = json.loads((root / "out/scores.json").read_text())
  assert content["scores"]["ap50"] == result.scores["ap50"]
  assert content["by_class"]["dog"]["ap"] is None
  assert content["about"]["labels_format"] == "yolo"
  text = detection_scores.report(result)
  assert f"| ap50      | {result.scores['ap50']:.4f} |" in text
  assert "| dog   | 0       | -      |" in text
  assert "note: " in text


def test_nothing_to_find_is_said(root):
  for file in (root / "yolo/labels").iterdir():
    file.write_text("")
  result = detection_scores.evaluate(root / "yolo", root / "predicted")
  assert math.isnan(result.scores["ap"])
  assert "no object is labelled" in result.notes[-1]


def test_names_that_say_nothing_are_refused(root):
  with pytest.raises(ValueError, match=r"both .* tell classes by COCO's ids"):
    detection_scores.evaluate(
      root / "coco/labels.json", root / "coco/results.json", class_names=("a",)
    )


def test_unknown_rules_are_refused(root):
  with pytest.raises(ValueError, match="unknown rule 'kitti'; choose of coco"):
    detection_scores.evaluate(root / "yolo", root / "predicted", rule="kitti")
