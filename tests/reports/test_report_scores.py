import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from gansynth.reports import report_scores
from gansynth.reports.evaluation_record import Evaluation

_SVG = "{http://www.w3.org/2000/svg}"


def cards(scores, *others):
  chosen = Evaluation(scores, 30)
  evaluations = [*others, chosen]
  root = ElementTree.fromstring(report_scores.cards(chosen, evaluations))
  return {each.find("h3").text.strip(): each for each in root}


def said(card):
  return " | ".join("".join(each.itertext()) for each in card)


def test_a_card_says_what_a_number_means_and_which_way_is_better():
  found = cards({"precision": 0.7, "kid": 0.0123, "kid_std": 0.0004, "fid": 41})
  assert list(found) == ["FID", "KID", "Precision"]
  kid = said(found["KID"])
  assert "0.0123 ± 0.0004" in kid
  assert "Lower is better." in kid
  assert "Higher is better." in said(found["Precision"])
  assert "Fréchet distance" in said(found["FID"])


def test_a_card_says_what_was_best():
  before = Evaluation({"fid": 30.0, "ssim": 0.2}, 1000)
  found = cards({"fid": 41.0, "ssim": 0.3, "psnr": 20.0}, before)
  assert "best: 30.00 at step 1,000" in said(found["FID"])
  assert "the best of 2 steps" in said(found["SSIM"])
  assert "best" not in said(found["PSNR"])  # measured once


def test_directions_share_a_card():
  found = cards({"fid_AtoB": 41.0, "fid_BtoA": 52.0})
  (card,) = found.values()
  values = ["".join(e.itertext()) for e in card.findall("p[@class='value']")]
  assert values == ["41.00 A to B", "52.00 B to A"]


def test_random_features_are_marked_and_kept_apart():
  found = cards({"random_features_fid": 41.0, "fid": 52.0, "error": 3.0})
  root = ElementTree.fromstring(
    report_scores.cards(
      Evaluation({"random_features_fid": 41.0, "fid": 52}), []
    )
  )
  marked = [each.get("class") for each in root]
  assert sorted(marked) == ["card", "card random"]
  assert root.find("article[@class='card random']/h3/em").text == (
    "random features"
  )
  assert len(found) == 2  # both are called FID


def test_what_is_left_alone_and_what_is_true_stand_beside():
  found = cards(
    {
      "error_AtoB": 10.0,
      "untouched_AtoB": 40.0,
      "color_iou": 0.4,
      "color_iou_of_real": 0.7,
    }
  )
  assert list(found) == ["Error", "Colour IoU"]
  assert "left as they are: 40.00" in said(found["Error"])
  assert "the true pictures: 0.700" in said(found["Colour IoU"])


def test_scores_without_number_say_so():
  found = cards({"psnr": math.inf, "ssim": math.nan, "new": 3.0})
  assert "∞" in said(found["PSNR"])
  assert "undefined" in said(found["SSIM"])
  assert "better" not in said(found["new"])


def plots(*evaluations):
  """Figures by their title."""
  found = {}
  for figure in report_scores.score_curves(evaluations):
    root = ElementTree.fromstring(figure)
    found[root.find("figcaption/strong").text] = root
  return found


def notes(root):
  return [each.text for each in root.iter(f"{_SVG}title")]


def test_scores_over_time_mark_the_best():
  values = {100: 50.0, 200: 30.0, 300: 35.0}
  found = plots(
    *(
      Evaluation(
        {"fid": v, "ssim": v / 100, "iou_car": 0.1, "fid_std": 1}, step
      )
      for step, v in values.items()
    )
  )
  assert list(found) == ["FID", "SSIM"]
  label = "".join(found["FID"].find("figcaption").itertext())
  assert "lower is better · best: 30.00 at step 200" in label
  assert notes(found["FID"]) == [f"step {k}: {v:g}" for k, v in values.items()]
  rings, dots = [], []
  for each in found["SSIM"].iter(f"{_SVG}circle"):
    (rings if each.get("class") == "marked" else dots).append(each.get("cx"))
  assert rings == dots[:1]  # of similarity more is better
  assert [e.get("class") for e in found["FID"].iter(f"{_SVG}path")] == [
    "band first",
    "line first",
  ]


def test_directions_and_true_pictures_share_a_plot():
  found = plots(
    *(
      Evaluation(
        {
          "fid_AtoB": 10 + step,
          "fid_BtoA": 20 + step,
          "color_iou": 0.2,
          "color_iou_of_real": 0.7,
        },
        step,
      )
      for step in (1, 2)
    )
  )
  assert list(found) == ["FID", "Colour IoU"]
  assert notes(found["FID"])[::2] == [
    "A to B, step 1: 11",
    "B to A, step 1: 21",
  ]
  assert "best: 11.00 at step 1 and 21.00 at step 1" in "".join(
    found["FID"].find("figcaption").itertext()
  )
  assert "true pictures, step 2: 0.7" in notes(found["Colour IoU"])


def test_one_step_makes_no_curve():
  assert not plots(Evaluation({"fid": 3.0}, 5))
  assert not plots(Evaluation({"fid": 3.0}))
  assert not plots(*(Evaluation({"fid": math.nan}, step) for step in (1, 2)))
  # A score that came later is drawn from then on.
  found = plots(
    Evaluation({"kid": 1.0}, 1),
    Evaluation({"kid": 1.0, "fid": 3.0}, 2),
    Evaluation({"kid": 1.0, "fid": 4.0}, 3),
  )
  assert notes(found["FID"]) == ["step 2: 3", "step 3: 4"]


def test_losses_of_both_sides_share_a_plot():
  history = [
    {"step": 1, "G": 1.0, "G_A": 3.0, "D_A": 0.5, "D_B": 0.25},
    {"step": 2, "G": 2.0, "D_A": 0.5, "D_B": 0.25, "idt_A": 1.0},
    {"step": 3, "G": None},
  ]
  found = {}
  for figure in report_scores.loss_curves(history):
    root = ElementTree.fromstring(figure)
    found[root.find("figcaption/strong").text] = notes(root)
  assert found == {
    "G": ["step 1: 1", "step 2: 2"],
    "G_A": ["step 1: 3"],
    "D_A, D_B": [
      "A, step 1: 0.5",
      "A, step 2: 0.5",
      "B, step 1: 0.25",
      "B, step 2: 0.25",
    ],
    "idt_A": ["step 2: 1"],
  }


def segmented(number=3, **about):
  matrix = np.zeros((number, number), np.int64)
  np.fill_diagonal(matrix, 75)
  matrix[0, 1] = 25
  names = ["road", "traffic light", ""][:number]
  scores = {"mean_iou": 0.5, "iou_road": 0.75, "iou_traffic_light": 0.25}
  known = {"confusion_matrix": matrix.tolist(), "class_names": names}
  return Evaluation(scores, about={"made_by": known, **about})


def test_classes_are_drawn_and_listed():
  drawn, listed = map(
    ElementTree.fromstring, report_scores.classes(segmented())
  )
  assert [n for n in notes(drawn) if ":" in n] == [
    "IoU by class, road: 0.750",
    "IoU by class, traffic light: 0.250",
  ]
  rows = [[cell.text for cell in row] for row in listed.iter("tr")]
  assert rows == [
    ["Class", "IoU", "share of the pixels"],
    ["road", "0.750", "40 %"],
    ["traffic light", "0.250", "30 %"],
  ]
  matrix = ElementTree.fromstring(report_scores.confusion(segmented()))
  assert "road taken for traffic light: 25 %" in notes(matrix)
  assert "label 2 told: 100 %" in notes(matrix)


def test_without_a_matrix_classes_are_drawn_all_the_same():
  plain = Evaluation({"iou_road": 0.75, "random_features_iou_road": 0.1})
  figures = report_scores.classes(plain)
  assert report_scores.confusion(plain) == ""
  titles = [
    ElementTree.fromstring(each).find("figcaption/strong").text
    for each in figures
  ]
  assert titles == [
    "IoU by class",
    "IoU by class, in numbers",
    "IoU by class, random features",
    "IoU by class, random features, in numbers",
  ]
  assert report_scores.classes(Evaluation({"fid": 1.0})) == []


def test_of_many_classes_the_best_and_the_worst_are_drawn():
  scores = {f"iou_class_{i}": i / 100 for i in range(100)}
  drawn, listed = report_scores.classes(Evaluation(scores))
  values = re.findall(r": ([\d.]+)</title>", drawn)
  assert len(values) == 40
  assert {"0.990", "0.010"} <= set(values)
  assert "0.500" not in values
  assert len(list(ElementTree.fromstring(listed).iter("tr"))) == 101
  matrix = report_scores.confusion(
    Evaluation({}, about={"confusion_matrix": np.ones((50, 50)).tolist()})
  )
  assert "label 0 taken for others: 20 %" in matrix  # ten of fifty
  assert matrix.count(" taken for ") + matrix.count(" told") == 40 * 41


def test_all_numbers_are_in_the_table():
  text = report_scores.table(
    [
      Evaluation({"fid": 3.0, "iou_car": 0.1}, 1000),
      Evaluation({"fid": 2.0, "random_features_kid_AtoB": math.nan}, 2000),
    ]
  )
  rows = [
    [cell.text for cell in row]
    for row in ElementTree.fromstring(text).iter("tr")
  ]
  assert rows == [
    ["Step", "FID", "KID, A to B (random features)"],
    ["1,000", "3.000", None],
    ["2,000", "2.000", "undefined"],
  ]
