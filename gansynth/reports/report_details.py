"""The part of a report that says how it was measured, and with what."""

import html
import json
from collections.abc import Sequence

from gansynth import config
from gansynth.pages.svg import element
from gansynth.reports import report_scores
from gansynth.reports.evaluation_record import Evaluation
from gansynth.reports.run_record import RunRecord

_ENVIRONMENT = "environment"  # of `Evaluation.about`, has its own place
_MOST_CHARACTERS = 300  # of a value in a list
# Of `Evaluation.about`: if one of these differs, numbers are not comparable.
_SETTINGS = ("data.", "options.", "networks.")
_MOST_TOLD = 3  # settings that differ


def section(chosen: Evaluation | None, run: RunRecord) -> str:
  """How it was measured, with what, and what the run was told.

  Args:
    chosen: the evaluation that is told of; None: there is none.
    run: whose config is told.

  Returns:
    Markup, folded.
  """
  about = config.flatten(chosen.about) if chosen else {}
  drawn = (report_scores.MATRIX, report_scores.CLASS_NAMES)
  of_environment = f"{_ENVIRONMENT}."
  parts = (
    (
      "How it was measured",
      {
        name: value
        for name, value in about.items()
        if not name.startswith(of_environment)
        and name.rpartition(".")[2] not in drawn
      },
    ),
    (
      "Versions and devices",
      {
        name.removeprefix(of_environment): value
        for name, value in about.items()
        if name.startswith(of_environment)
      },
    ),
    ("Configuration of the run", run.config),
  )
  return "".join(
    element("details", element("summary", heading), _values(values))
    for heading, values in parts
    if values
  )


def _values(values):
  """A list of names and values."""
  return element(
    "dl",
    *(
      element(
        "div",
        element("dt", html.escape(name)),
        element("dd", html.escape(_in_words(value))),
      )
      for name, value in values.items()
    ),
  )


def _in_words(value):
  text = value if isinstance(value, str) else json.dumps(value, default=str)
  if len(text) > _MOST_CHARACTERS:
    text = text[: _MOST_CHARACTERS - 1] + "…"
  return text or "(empty)"


def differences(evaluations: Sequence[Evaluation]) -> str:
  """Says where steps were measured otherwise than others; empty: they were not.

  Args:
    evaluations: by step. Those that do not say how they were measured, as
      logged in training, are taken to be like the others.
  """
  known = [each for each in evaluations if each.about and each.step is not None]
  settings = [config.flatten(each.about) for each in known]
  names = [
    name
    for name in dict.fromkeys(name for each in settings for name in each)
    if name.startswith(_SETTINGS)
  ]
  told = []
  for name in names:
    steps: dict[str, list[str]] = {}
    for each, setting in zip(known, settings, strict=True):
      value = _in_words(setting[name]) if name in setting else "not there"
      steps.setdefault(value, []).append(f"{each.step:,}")
    if len(steps) > 1:
      told.append(
        f"{name} is "
        + " and ".join(
          f"{value} (step {', '.join(there)})" for value, there in steps.items()
        )
      )
  if not told:
    return ""
  rest = len(told) - _MOST_TOLD
  more = f"; {rest} more differ" if rest > 0 else ""
  return (
    "The steps were not measured in the same way, so their scores cannot be "
    f"compared: {'; '.join(told[:_MOST_TOLD])}{more}"
  )
