import xml.etree.ElementTree as ElementTree

from gansynth.reports import report_details
from gansynth.reports.evaluation_record import Evaluation
from gansynth.reports.run_record import RunRecord


def measured(step, **options):
  about = {
    "weights": f"digest of {step}",
    "options": {"resize": "legacy", "dims": 2048, **options},
    "environment": {"jax": "0.10.2"},
  }
  return Evaluation({"fid": 1.0}, step, about=about)


def test_steps_that_were_measured_otherwise_are_named():
  text = report_details.differences(
    [measured(1000), measured(2000, resize="clean"), measured(3000)]
  )
  assert "cannot be compared" in text
  assert (
    "options.resize is legacy (step 1,000, 3,000) and clean (step 2,000)"
    in (text)
  )
  assert "dims" not in text
  assert "weights" not in text  # which differ from step to step


def test_a_setting_that_is_missing_differs_too():
  text = report_details.differences([measured(1), measured(2, max_items=5)])
  assert "options.max_items is not there (step 1) and 5 (step 2)" in text


def test_few_of_many_differences_are_told():
  other = measured(2, resize="clean", dims=64, a=1, b=2, c=3)
  text = report_details.differences([measured(1), other])
  assert text.count(" is ") == 3
  assert text.endswith("; 2 more differ")


def test_equal_settings_and_unknown_ones_are_not_told():
  logged = Evaluation({"fid": 2.0}, 5)
  assert report_details.differences([measured(1), logged, measured(9)]) == ""
  assert report_details.differences([Evaluation({"fid": 1.0})]) == ""


def test_long_values_are_cut_and_empty_ones_said():
  run = RunRecord(config={"long": ["word"] * 200, "none": ""})
  root = ElementTree.fromstring(report_details.section(None, run))
  assert root.find("summary").text == "Configuration of the run"
  long, none = (each.text for each in root.iter("dd"))
  assert len(long) == 300
  assert long.endswith("…")
  assert none == "(empty)"
