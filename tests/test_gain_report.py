"""What runs with and without synthetic pairs say of the difference."""

import numpy as np
import pytest

from gansynth import gain_report


def run(ratio, seed, score, **iou):
  return {"ratio": ratio, "seed": seed, "mean_iou": score, "iou": iou}


RUNS = [
  run(0.5, 1, 0.45, water=0.2),
  run(0.0, 0, 0.40, water=0.1, roof=0.5),
  run(0.0, 1, 0.50, water=0.3, roof=0.7),
  run(0.5, 0, 0.49, water=0.4, roof=0.5),
  run(gain_report.ALL_REAL, 1, 0.80, water=0.9, roof=0.9),
  run(0.2, 2, 0.60, water=0.5, roof=0.5),
]


def test_gains_are_of_the_same_seed():
  none, fifth, half, everything = gain_report.summarise(RUNS)
  assert [row["ratio"] for row in (none, fifth, half)] == [0.0, 0.2, 0.5]
  assert everything["ratio"] == gain_report.ALL_REAL
  assert none["gain"] is None
  np.testing.assert_allclose(none["mean"], 0.45)
  np.testing.assert_allclose(none["std"], 0.1 / np.sqrt(2))
  assert (none["min"], none["max"]) == (0.4, 0.5)
  assert none["seeds"] == [0, 1]
  # Differences +0.09 and -0.05: mean 0.02, standard deviation 0.14 / sqrt(2).
  np.testing.assert_allclose(half["gain"]["mean"], 0.02)
  np.testing.assert_allclose(half["gain"]["standard_error"], 0.07)
  np.testing.assert_allclose(
    half["gain"]["interval"], [0.02 - 12.706 * 0.07, 0.02 + 12.706 * 0.07]
  )
  assert fifth["gain"] is None  # its seed has no run without
  assert fifth["std"] is None
  np.testing.assert_allclose(everything["gain"]["mean"], 0.30)
  assert everything["gain"]["standard_error"] is None
  np.testing.assert_allclose(half["iou"]["water"], 0.3)
  assert half["iou"]["roof"] == 0.5


@pytest.mark.parametrize(
  ("count", "expected"), [(4, 3.182), (11, 2.228), (13, 2.179), (61, 2.000)]
)
def test_intervals_are_those_of_students_t(count, expected):
  rng = np.random.default_rng(0)
  runs = [run(0.0, seed, 0.5) for seed in range(count)]
  runs += [run(0.3, seed, rng.random()) for seed in range(count)]
  gain = gain_report.summarise(runs)[1]["gain"]
  low, high = gain["interval"]
  t = (high - low) / 2 / gain["standard_error"]
  np.testing.assert_allclose(t, expected, atol=0.01)


def test_the_table_says_it_all():
  rows = gain_report.summarise(RUNS)
  text = gain_report.text(rows, ["40 of 400 real pairs."])
  lines = [line.split() for line in text.splitlines()]
  half = ["|", "50%", "|", "2", "|", "0.4700", "|", "0.0283"]
  assert [line for line in lines if line[:8] == half]
  of_classes = ["|", "50%", "|", "0.3000", "|", "0.5000", "|"]
  assert of_classes in lines
  assert "40 of 400 real pairs." in text


@pytest.mark.parametrize(
  ("gains", "expected"),
  [
    ([0.10, 0.11, 0.12], "most is gained"),
    ([0.10, 0.11, 0.12], "chance among 3 seeds does not explain"),
    ([0.10, -0.11, 0.12], "3 seeds do not tell from no gain"),
    ([-0.10, -0.11, -0.12], "least is lost"),
    ([-0.10, -0.11, -0.12], "even that is more than chance"),
    ([0.1], "of a single seed"),
  ],
)
def test_the_verdict_follows_the_interval(gains, expected):
  runs = [run(0.0, seed, 0.5) for seed in range(len(gains))]
  runs += [run(0.3, seed, 0.5 + gain) for seed, gain in enumerate(gains)]
  runs += [run(0.2, seed, 0.0) for seed in range(len(gains))]
  runs += [run(gain_report.ALL_REAL, 0, 0.9)]
  verdict = gain_report.verdict(gain_report.summarise(runs))
  assert "with 30% synthetic pairs" in verdict
  assert expected in verdict


def test_without_anything_to_compare_there_is_no_verdict():
  rows = gain_report.summarise([run(0.0, 0, 0.5)])
  assert gain_report.verdict(rows) == ""
  assert rows[0]["iou"] == {}
  assert "| 0%        | 1    | 0.5000" in gain_report.text(rows, [])
