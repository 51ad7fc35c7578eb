import json
import math
import re

import numpy as np
import pytest
from html_pages import Page, decoded

from gansynth import images
from gansynth.reports import evaluation_record, evaluation_report
from gansynth.reports.evaluation_record import Evaluation, Shown
from gansynth.reports.run_record import RunRecord


def picture(level, height=30, width=40):
  return np.full((height, width, 3), level, np.uint8)


def evaluation(step=None, fid=40.0, prefix="", **changes):
  names = [f"scene/{i}.png" for i in range(4)]
  lpips = {name: 0.1 + i / 10 for i, name in enumerate(names)}
  shown = tuple(
    Shown(
      name,
      {"real": picture(200), "generated": picture(100), "input": picture(10)},
      {f"{prefix}lpips": lpips[name]},
    )
    for name in names
  )
  values = {
    "scores": {f"{prefix}fid": fid, "mean_iou": 0.5, "iou_<car>": 0.5},
    "step": step,
    "per_picture": {f"{prefix}lpips": lpips},
    "shown": shown,
    "notes": ("4 pictures are fewer than <2048> features",),
    "about": {
      "made_by": {"network": "fid_inception", "dims": 2048},
      "environment": {"jax": "0.10.2", "devices": "8 x TPU v4"},
      "confusion_matrix": [[5, 1], [2, 3]],
    },
  }
  return Evaluation(**{**values, **changes})


RUN = RunRecord(
  config={"system": "cyclegan", "best_metric": "", "batch_size": 4},
  losses=[
    {"step": s, "G": 1.0 / s, "gradient_norm_G": 2.0, "steps_per_second": 3.0}
    for s in (1, 2, 3)
  ],
  sheet=picture(50, 600, 2000),
  sheet_name="samples/step_0000003.png",
)


def write(tmp_path, *evaluations, run=None, title="fog", **options):
  path = tmp_path / "report.html"
  evaluation_report.write(path, evaluations, title, run=run, **options)
  return Page(path)


def text(found):
  return found.find("main")[0][1]


def test_a_run_is_on_one_page(tmp_path):
  found = write(
    tmp_path,
    evaluation(2000, 30.0),
    evaluation(1000, 40.0),
    run=RUN,
    notes={"System": "cyclegan <9 blocks>"},
  )
  assert [words for _, words in found.find("h2")] == [
    "Read this first",
    "Scores",
    "Scores over time",
    "Real and synthetic",
    "Classes",
    "Newest samples",
    "Losses",
    "Configuration and versions",
  ]
  assert found.find("h1")[0][1] == "fog"
  assert "2 checkpoints measured · shown large: step 2,000, the latest" in (
    text(found)
  )
  assert found.find("dd")[0][1] == "cyclegan <9 blocks>"
  assert found.find("p", "value")[0][1] == "30.00"
  # Every link leads to a part of the page.
  anchors = {attributes["href"][1:] for attributes, _ in found.find("a")}
  assert anchors == {
    attributes["id"] for attributes, _ in found.find("section")
  }
  facts = dict(
    zip(
      (words for _, words in found.find("dt")),
      (words for _, words in found.find("dd")),
      strict=True,
    )
  )
  assert facts["made_by.network"] == "fid_inception"
  assert facts["devices"] == "8 x TPU v4"
  assert facts["batch_size"] == "4"
  assert facts["best_metric"] == "(empty)"
  assert "confusion_matrix" not in facts
  ((alt, sheet),) = (
    (a["alt"], a["src"]) for a, _ in found.find("img") if "sample" in a["alt"]
  )
  assert alt == "sample sheet"
  assert decoded(sheet).shape[:2] == (384, 1280)
  assert "samples/step_0000003.png" in text(found)


def test_pictures_stand_in_their_order(tmp_path):
  found = write(tmp_path, evaluation(5))
  alts = [attributes["alt"] for attributes, _ in found.find("img")]
  assert len(alts) == 12
  assert alts[:3] == [
    f"scene/0.png: {kind}" for kind in ("input", "generated", "real")
  ]
  made = decoded(found.find("img")[1][0]["src"])[..., :3].astype(int)
  assert abs(made - 100).max() < 4
  assert "Pictures of step 5." in text(found)
  assert "LPIPS 0.400 (4 of 4)" in text(found)


def test_the_newest_pictures_are_shown(tmp_path):
  found = write(tmp_path, evaluation(5), evaluation(9, shown=()))
  assert "Pictures of step 5." in text(found)


def test_pictures_that_nobody_generated_are_not_called_so(tmp_path):
  kinds = ("picture", "labels", "prediction")
  shown = (Shown("a", {kind: picture(9) for kind in kinds}, {"mean_iou": 0.5}),)
  found = write(tmp_path, evaluation(5, shown=shown))
  headings = [words for _, words in found.find("h2")]
  assert "Pictures" in headings
  assert "Real and synthetic" not in headings


def test_two_sets_without_steps(tmp_path):
  plain = Evaluation({"fid": 41.0, "kid": 0.01, "kid_std": 0.002})
  found = write(tmp_path, plain, notes={"Real": "/data/a"})
  assert [words for _, words in found.find("h2")] == ["Scores"]
  assert "2 scores" in text(found)
  assert "step" not in text(found)
  assert not found.find("img")


def test_a_record_without_step_among_steps_is_no_trouble(tmp_path):
  found = write(
    tmp_path, evaluation(notes=("none",)), evaluation(1, 50.0), evaluation(2)
  )
  assert found.find("p", "value")[0][1] == "40.00"
  assert "none" in found.find("div", "notes")[0][1]


def test_random_features_are_said_loudly(tmp_path):
  found = write(tmp_path, evaluation(5, prefix="random_features_"))
  ((attributes, words),) = found.find("div", "banner")
  assert words.startswith("RANDOM FEATURES")
  assert attributes["role"] == "alert"
  (marked,) = found.find("article", "random")
  assert "FIDrandom features" in marked[1].replace(" ", "", 1)
  assert "LPIPS (random features)" in text(found)
  assert not write(tmp_path, evaluation(5)).find("div", "banner")
  # One picture's score is enough.
  only = evaluation(5, per_picture={"random_features_lpips": {"a": 0.1}})
  assert write(tmp_path, only).find("div", "banner")


def test_notes_say_of_which_steps_they_are(tmp_path):
  found = write(
    tmp_path,
    evaluation(1000, notes=("all", "first")),
    evaluation(2000, notes=("all",)),
  )
  ((_, notes),) = found.find("div", "notes")
  assert notes == "Read this firstallfirst (step 1,000)"


@pytest.mark.parametrize(
  ("metric", "mode", "large"),
  [
    ("fid", "min", "20.00"),
    ("mean_iou", "max", "30.00"),
    ("kid", "min", "40.00"),
  ],
)
def test_the_checkpoint_that_is_kept_is_shown_large(
  tmp_path, metric, mode, large
):
  ious = {1: 0.5, 2: 0.7, 3: 0.6}
  evaluations = [
    evaluation(step, fid, scores={"fid": fid, "mean_iou": ious[step]})
    for step, fid in ((1, 20.0), (2, 30.0), (3, 40.0))
  ]
  run = RunRecord(config={"best_metric": metric, "best_mode": mode})
  found = write(tmp_path, *evaluations, run=run)
  assert found.find("p", "value")[0][1] == large
  said = {"fid": "the best by FID", "mean_iou": "the best by Mean IoU"}
  assert said.get(metric, "the latest") in text(found)


def test_scores_that_are_no_numbers_are_never_the_best(tmp_path):
  run = RunRecord(config={"best_metric": "fid", "best_mode": "min"})
  found = write(tmp_path, evaluation(1, math.nan), evaluation(2, 3.0), run=run)
  assert found.find("p", "value")[0][1] == "3.000"


def test_a_run_that_was_not_measured_says_how_to(tmp_path):
  found = write(tmp_path, run=RUN)
  assert "Nothing was measured yet: start --mode=evaluate." in text(found)
  assert [words for _, words in found.find("h2")] == [
    "Newest samples",
    "Losses",
    "Configuration and versions",
  ]


def test_page_needs_nothing_else_and_its_styles_are_used(tmp_path):
  found = write(tmp_path, evaluation(1), evaluation(2), run=RUN)
  assert not found.find("script")
  assert not found.find("link")
  for _, attributes, _ in found.elements:
    assert not any(name.startswith("on") for name in attributes)
    assert attributes.get("src", "data:").startswith("data:")
  assert "url(" not in found.text
  ((_, style),) = found.find("style")
  assert style.count("{") == style.count("}")
  classes, numbers = set(), {"r0", "s0"}
  for _, attributes, _ in found.elements:
    classes.update(attributes.get("class", "").split())
  assert classes - numbers <= set(re.findall(r"\.([a-z][\w-]*)", style))
  again = write(tmp_path, evaluation(1), evaluation(2), run=RUN)
  assert again.text == found.text


def test_whatever_is_written_is_escaped(tmp_path):
  nasty = "<b onclick='x'>&\"quoted\"</b>"
  one = evaluation(
    3,
    scores={nasty: 1.0, f"iou_{nasty}": 0.5},
    per_picture={nasty: {nasty: 1.0}},
    shown=(Shown(nasty, {nasty: picture(1)}, {nasty: 1.0}),),
    notes=(nasty,),
    about={
      nasty: nasty,
      "environment": {nasty: nasty},
      "confusion_matrix": [[1]],
      "class_names": [nasty],
    },
  )
  run = RunRecord(
    config={nasty: nasty},
    losses=[{"step": 1, nasty: 2.0}],
    sheet=picture(1),
    sheet_name=nasty,
  )
  two = evaluation(4, scores=one.scores, shown=one.shown)
  found = write(tmp_path, one, two, run=run, title=nasty, notes={nasty: nasty})
  assert "<b onclick" not in found.text
  assert "&lt;b onclick" in found.text


def test_the_largest_page_is_a_few_megabytes(tmp_path):
  rng = np.random.default_rng(0)
  noise = images.resize(rng.integers(0, 256, (60, 60, 3), np.uint8), (512, 512))
  names = [f"{i:03d}" for i in range(100)]
  scores = {
    metric: dict(zip(names, rng.random(100), strict=True))
    for metric in ("lpips", "psnr", "ssim", "error")
  }
  shown = tuple(
    Shown(name, dict.fromkeys(("input", "generated", "real"), noise))
    for name in names
  )
  write(tmp_path, evaluation(3, per_picture=scores, shown=shown))
  assert (tmp_path / "report.html").stat().st_size < 7_000_000


def test_a_run_is_read_from_its_folder(tmp_path):
  workdir = tmp_path / "runs" / "fog"
  for step in (10, 20):
    evaluation_record.write(workdir / "evaluations", evaluation(step))
  (workdir / "config.json").write_text(
    json.dumps(
      {
        "system": "cyclegan",
        "generator.name": "resnet_9blocks",
        "data.source": "folders",
        "data.root": "/data/fog",
        "data.tfds_name": "unused",
      }
    )
  )
  line = {"step": 20, "G": 1.0, "gradient_norm_G": 1.0}
  (workdir / "metrics.jsonl").write_text(json.dumps(line) + "\n")
  path = evaluation_report.write_of_run(workdir)
  assert path == workdir / "report.html"
  found = Page(path)
  assert found.find("h1")[0][1] == "fog"
  assert "cyclegan, resnet_9blocks" in text(found)
  assert "folders, /data/fog" in text(found)
  assert "20 steps" in text(found)
  other = tmp_path / "elsewhere" / "page.html"
  assert evaluation_report.write_of_run(workdir, other) == other
  assert other.read_bytes() == path.read_bytes()
