import math

import pytest

from gansynth.reports import evaluation_record, metric_words


def test_a_name_is_taken_apart():
  metric = metric_words.describe("random_features_kid_AtoB")
  assert (metric.base, metric.side) == ("kid", "A to B")
  assert metric.random_features
  assert metric.title == "KID"
  assert metric.full_title == "KID, A to B (random features)"
  assert metric.direction == "lower is better"
  assert metric.sibling("kid_std") == "random_features_kid_std_AtoB"


@pytest.mark.parametrize(
  "base", ["fid", "lpips", "precision", "mean_iou", "ap"]
)
def test_directions_are_those_that_checkpoints_are_kept_by(base):
  for name in (base, f"random_features_{base}", f"{base}_BtoA"):
    metric = metric_words.describe(name)
    assert metric.best == evaluation_record.best_mode(name)
    assert metric.meaning
  assert metric_words.describe("fid").best == "min"
  assert metric_words.describe("ssim").direction == "higher is better"


def test_a_name_that_is_not_known_promises_nothing():
  metric = metric_words.describe("some_new_score_B")
  assert metric.title == "some new score"
  assert metric.side == "B"
  assert metric.direction == metric.meaning == ""


@pytest.mark.parametrize(
  ("base", "expected"),
  [
    ("iou_traffic_light", ("IoU", "traffic light")),
    ("ap50_car", ("AP50", "car")),
    ("ap_small", None),
    ("ap50", None),
    ("mean_iou", None),
    ("iou_", None),
    ("aperture", None),
  ],
)
def test_scores_of_classes_are_told(base, expected):
  assert metric_words.class_of(base) == expected


def test_scores_of_classes_have_a_title_and_a_direction():
  metric = metric_words.describe("random_features_iou_bus")
  assert metric.full_title == "IoU, bus (random features)"
  assert metric.best == "max"


def test_fid_is_looked_for_first_and_what_is_unknown_last():
  names = ["random_features_fid", "error", "other", "kid"]
  names += ["fid_BtoA", "fid_AtoB"]
  assert sorted(names, key=metric_words.order) == [
    "fid_AtoB",
    "fid_BtoA",
    "kid",
    "error",
    "other",
    "random_features_fid",
  ]


@pytest.mark.parametrize(
  ("value", "text"),
  [
    (12345.6, "12,346"),
    (123.456, "123.5"),
    (41.2345, "41.23"),
    (0.7, "0.700"),
    (0.0, "0.000"),
    (0.0999, "0.100"),
    (0.00312, "0.00312"),
    (-0.00012, "\N{MINUS SIGN}0.000120"),
    (1e-20, "0.000"),
    (2e-7, "0.000000200"),
    (math.inf, "∞"),
    (-math.inf, "\N{MINUS SIGN}∞"),
    (math.nan, "undefined"),
    (None, "undefined"),
  ],
)
def test_number(value, text):
  assert metric_words.number(value) == text


def test_number_of_so_many_digits():
  assert metric_words.number(0.00314, 3) == "0.003"
  assert metric_words.number(math.nan, 3) == "undefined"
