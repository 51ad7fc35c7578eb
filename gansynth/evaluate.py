"""How good the checkpoints of a run are, in numbers."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from absl import logging

from gansynth import checkpoints, data, files, parallel, samples, systems
from gansynth import config as config_lib
from gansynth.reports import evaluation_record, evaluation_report, metric_words
from gansynth.reports.evaluation_record import Evaluation
from gansynth.run_scores import evaluator, segmentation_scores
from gansynth.weights import load_state

RESULT = "evaluation.json"

_ALL = "all"  # checkpoints
_CONSTANT = "untouched_"  # how scores that no checkpoint changes begin
# What `report` has sentences of its own for.
_SAID = (
  "error",
  "untouched",
  "cycle",
  "mean_iou",
  "pixel_accuracy",
  "class_accuracy",
  "color_iou",
  "color_iou_of_real",
  "color_accuracy",
  "head_iou",
  "head_iou_of_real",
  "head_accuracy",
  "head_accuracy_of_real",
)


def evaluate(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> dict[str, float]:
  """Measures checkpoints of a run on the test split of `config.data`.

  Prints the numbers, writes those of the checkpoint measured last to
  evaluation.json, a record of each to evaluations/ and a report of all that
  were ever measured to report.html.

  Args:
    config: `data` and `evaluate`; networks as the run was made with. Of the
      checkpoints of `evaluate.steps` those that were measured in the same way
      before are not measured again.
    workdir: the run.

  Returns:
    The scores of the last of them, see `TranslationScores`, `LabelScores`,
    `SegmentationScores` and `run_metrics`.

  Raises:
    ValueError: there is no such run or checkpoint, it is of other networks, or
      weights of what measures are missing.
  """
  config_lib.check(config, workdir, only=config_lib.NETWORKS)
  system = systems.create(config, steps_per_epoch=1)
  train_set = data.create(config.data, "train")
  test_set = data.create(config.data, "test")
  measures = evaluator.create(config, system, train_set, test_set, workdir)
  if measures is None:
    raise config_lib.ConfigError(
      f"{workdir}: {config.system} makes pictures of noise, which have no true "
      "picture to be compared with. Measure them all together with "
      "--config.evaluate.metrics=fid,kid, or look at the run's sample sheets"
    )
  steps = _steps(config.evaluate, workdir)
  known = {}
  if config.evaluate.get("steps", ""):
    found = evaluation_record.read(evaluator.folder_of(workdir))
    known = {each.step: each for each in found}
  made = samples.create(system, test_set, config.evaluate.batch_size)
  results = []
  for wanted in steps:
    step, state = load_state(workdir, wanted)
    if _is_known(known.get(step), measures.about(state)):
      logging.info("step %d was measured in the same way before", step)
      results.append(known[step])
      continue
    logging.info("evaluating the checkpoint of step %d", step)
    evaluation = measures.measure(made.makers(state), step, state)
    evaluator.record(workdir, evaluation)
    if len(steps) > 1:
      logging.info("step %d:\n%s", step, report(evaluation.scores))
    results.append(evaluation)
  last = results[-1]
  if parallel.is_primary():
    path = workdir / RESULT
    text = json.dumps({"step": last.step, **last.scores}, indent=2) + "\n"
    files.write_whole(path, text.encode())
    print(compare(results) if len(results) > 1 else report(last.scores))
    for note in dict.fromkeys(x for each in results for x in each.notes):
      print(f"note: {note}")
    print(f"these numbers are in {path}, and shown in {write_report(workdir)}")
  return dict(last.scores)


def write_report(workdir: pathlib.Path) -> pathlib.Path:
  """Writes the report of a run; returns where what was measured can be seen.

  Where it cannot be written that is logged: the numbers are as good without.
  """
  try:
    return evaluation_report.write_of_run(workdir)
  except (ValueError, OSError) as error:
    logging.warning("there is no report: %s", error)
    return evaluator.folder_of(workdir)


def _steps(options: Any, workdir: pathlib.Path) -> list[int]:
  """Steps of the checkpoints that are to be measured; 0: the best."""
  wanted = str(options.get("steps", "")).strip()
  if not wanted:
    return [options.step]
  if options.step:
    raise config_lib.ConfigError(
      f"evaluate.step is {options.step} and evaluate.steps {wanted!r}; give "
      "one of them"
    )
  if wanted != _ALL:
    parts = [part.strip() for part in wanted.split(",")]
    if not all(part.isdecimal() for part in parts):
      raise config_lib.ConfigError(
        f"evaluate.steps is {wanted!r}; give {_ALL!r}, or numbers with commas "
        "between"
      )
    return [int(part) for part in parts]
  with checkpoints.Checkpointer(
    workdir / checkpoints.FOLDER, read_only=True
  ) as checkpointer:
    steps = checkpointer.steps()
  if not steps:
    raise config_lib.ConfigError(
      f"{workdir / checkpoints.FOLDER}: there are no checkpoints yet; train "
      "the run first"
    )
  return steps


def _is_known(found: Evaluation | None, about: Mapping[str, Any]) -> bool:
  """Whether a record is of what would be measured, for all hosts alike."""
  same = found is not None and all(
    json.dumps(found.about.get(part), sort_keys=True)
    == json.dumps(about[part], sort_keys=True)
    for part in evaluator.IDENTITY
  )
  # What one of them has just written another may see or not.
  agreed = parallel.sum_over_hosts(np.array(same, np.int32))
  return int(agreed) == jax.process_count()


def report(metrics: Mapping[str, float]) -> str:
  """Puts the metrics into words, one line each."""
  lines = []
  if "mean_iou" in metrics:
    lines.append(segmentation_scores.report(metrics))
  if "error" in metrics:
    lines.append(
      "mean difference from the true picture "
      f"{metrics['error']:.1f} grey levels"
    )
  if "color_iou" in metrics:
    lines.append(
      f"labels read back from colours: mean IoU {metrics['color_iou']:.3f} "
      f"({metrics['color_iou_of_real']:.3f} of the true pictures), "
      f"accuracy {metrics['color_accuracy']:.3f}"
    )
  if "head_iou" in metrics:
    lines.append(
      "classes seen by the discriminator's head: mean IoU "
      f"{metrics['head_iou']:.3f} ({metrics['head_iou_of_real']:.3f} of the "
      f"true pictures), accuracy {metrics['head_accuracy']:.3f} "
      f"({metrics['head_accuracy_of_real']:.3f})"
    )
  for direction in ("AtoB", "BtoA"):
    error = metrics.get(f"error_{direction}")
    untouched = metrics.get(f"untouched_{direction}")
    if error is None:
      continue
    line = f"{direction}: mean error against the true picture {error:.1f}"
    if untouched is not None:
      line += f" grey levels, {untouched:.1f} when left alone"
    lines.append(line)
  for side in "AB":
    if f"cycle_{side}" in metrics:
      lines.append(
        f"{side} there and back: mean error {metrics[f'cycle_{side}']:.1f} "
        "grey levels"
      )
  for name, value in metrics.items():
    words = metric_words.describe(name)
    if (
      words.base not in _SAID and metric_words.class_of(words.base) is None
    ) or (words.random_features and words.base == "mean_iou"):
      lines.append(f"{words.full_title}: {metric_words.number(value)}")
  return "\n".join(lines)


def compare(evaluations: Sequence[Evaluation]) -> str:
  """Puts the course of the scores into words, one line each.

  Args:
    evaluations: of one run, by step.
  """
  latest = evaluations[-1]
  lines = []
  for name, value in latest.scores.items():
    words = metric_words.describe(name)
    if (
      name.startswith(_CONSTANT)
      or words.base.endswith("_std")
      or metric_words.class_of(words.base) is not None
    ):
      continue
    found = {
      str(each.step): each.scores[name]
      for each in evaluations
      if name in each.scores
    }
    line = f"{words.full_title}: {metric_words.number(value)}"
    ranked = evaluation_record.ranking(name, found)
    best = found[ranked[0]] if ranked else value
    if value == best:
      line += f" at step {latest.step}, the best"
    else:
      line += (
        f" at step {latest.step}, the best {metric_words.number(best)} at step "
        f"{ranked[0]}"
      )
    lines.append(line)
  return "\n".join(lines)
