"""What a run left behind: its config, losses, samples and evaluations."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gansynth import config, images
from gansynth.metric_writer import JSON_LINES, read_json_lines
from gansynth.reports import evaluation_record
from gansynth.reports.evaluation_record import Evaluation

_SAMPLES = "samples"
_OLD_RESULT = "evaluation.json"  # of runs from before there were records
# Lines of the metrics file that have one of these are of training.
_OF_TRAINING = ("gradient_norm", "steps_per_second")


@dataclasses.dataclass(frozen=True, eq=False)
class RunRecord:
  """What a run left behind besides evaluations.

  Attributes:
    config: values by dotted name.
    losses: lines of training: `step` and numbers by name.
    sheet: uint8 (height, width, 3), the newest sample sheet; None: there is
      none.
    sheet_name: its file.
  """

  config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  losses: Sequence[Mapping[str, Any]] = ()
  sheet: np.ndarray | None = None
  sheet_name: str = ""


def read(
  workdir: str | os.PathLike[str],
) -> tuple[list[Evaluation], RunRecord]:
  """Reads what there is in the folder of a run; any of it may be missing.

  Args:
    workdir: of the run, or any folder that has evaluations.

  Returns:
    Evaluations by step: the records, and of the steps that have none the
    scores that were logged in training.

  Raises:
    ValueError: there is nothing at all, or it is damaged.
  """
  workdir = pathlib.Path(workdir)
  losses, scores = [], []
  for line in read_json_lines(workdir / JSON_LINES):
    of_training = any(name.startswith(_OF_TRAINING) for name in line)
    (losses if of_training else scores).append(line)
  evaluations = _evaluations(workdir, scores)
  if not evaluations and not losses:
    raise ValueError(
      f"{workdir}: nothing was measured here (no {evaluation_record.FOLDER}/ "
      f"and no {JSON_LINES}); name the work directory of a run, and measure it "
      "with --mode=evaluate first"
    )
  recorded = {}
  if (workdir / config.RECORD).exists():
    recorded = config.flatten(config.load_record(workdir))
  sheets = sorted((workdir / _SAMPLES).glob("step_*.png"))
  run = RunRecord(
    config=recorded,
    losses=losses,
    sheet=images.read(sheets[-1]) if sheets else None,
    sheet_name=f"{_SAMPLES}/{sheets[-1].name}" if sheets else "",
  )
  return evaluations, run


def _evaluations(workdir, lines):
  found: dict[int | None, Evaluation] = {}
  for line in lines:
    scores = {
      name: float("nan") if value is None else value
      for name, value in line.items()
      if name != "step"
    }
    if scores:
      found[line["step"]] = Evaluation(scores, line["step"])
  old = workdir / _OLD_RESULT
  if old.exists():
    try:
      scores = json.loads(old.read_text())
      step = scores.pop("step")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
      raise ValueError(
        f"{old} is damaged ({error}); delete it, and measure again with "
        "--mode=evaluate"
      ) from error
    found.setdefault(step, Evaluation(scores, step))
  for each in evaluation_record.read(workdir / evaluation_record.FOLDER):
    logged = found.get(each.step)
    scores = {**(logged.scores if logged else {}), **each.scores}
    found[each.step] = dataclasses.replace(each, scores=scores)
  return sorted(
    found.values(), key=lambda each: -1 if each.step is None else each.step
  )
