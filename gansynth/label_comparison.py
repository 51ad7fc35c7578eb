"""Runs that make pictures of the same label maps, side by side.

Every run's generator makes pictures of the same test scenes. What they show is
read by one judge, the segmentation head of another run's discriminator, so
that no generator is measured by the head that taught it.
"""

import dataclasses
import hashlib
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import ml_collections
import numpy as np
from absl import logging
from clu import parameter_overview

from gansynth import (
  checkpoints,
  data,
  files,
  images,
  samples,
  sheets,
  systems,
  tables,
  weights,
)
from gansynth import config as config_lib
from gansynth.data import pipeline
from gansynth.label_judge import SegmentationHead
from gansynth.metric_writer import JSON_LINES, read_json_lines
from gansynth.run_scores import label_scores
from gansynth.run_scores.label_scores import LabelScores

TABLE, PICTURES = "table.md", "comparison.png"
_LINES = 5  # of logged losses, whose means are shown
_SCENES = 4  # that are shown
_WIDTH = 200  # of a picture that is shown, at least
_LOSS = re.compile(r"[GD](_\w+)?|accuracy_(real|fake)")
_WITHOUT_EFFECT = ("data.cache_bytes",)  # on the data
_PARAMETERS = {
  "generator": "G's parameters",
  "discriminator": "D's parameters",
}
_GENERATORS = {
  "spade": "SPADE",
  "pix2pixhd_global": "pix2pixHD",
  "pix2pixhd_local": "pix2pixHD with enhancers",
  "asapnets": "ASAP-Nets",
}


@dataclasses.dataclass(frozen=True)
class _Run:
  name: str
  workdir: pathlib.Path
  config: ml_collections.ConfigDict
  system: Any
  train_set: Any
  test_set: Any


@dataclasses.dataclass(frozen=True)
class _Measured:
  """What the table says of a run, and its pictures."""

  name: str
  networks: list[str]  # in words: generator, discriminator, sizes, steps
  scores: dict[str, float]  # of `LabelScores`, with the judge's head
  losses: dict[str, float]
  pictures: list[np.ndarray]


def compare(
  workdirs: Sequence[pathlib.Path],
  judge: pathlib.Path,
  output: pathlib.Path,
  *,
  max_items: int = 0,
  batch_size: int = 4,
  step: int = 0,
) -> str:
  """Measures runs on the same test scenes, and shows what they make of some.

  Writes table.md and comparison.png.

  Args:
    workdirs: of the runs, with any generators and discriminators.
    judge: work directory of a run with a segmentation head, which learned the
      same labels. It is none of `workdirs`.
    output: folder to write to; made if missing.
    max_items: measure the first test scenes only; 0: all.
    batch_size: pictures at a time.
    step: checkpoint of each of `workdirs`; 0: the best one, else the latest.

  Returns:
    The table, in Markdown.

  Raises:
    ValueError: there is no such run or checkpoint, a run makes no pictures of
      label maps, or of other ones than the first, or the judge has no head, or
      is compared itself.
  """
  workdirs = [pathlib.Path(place) for place in workdirs]
  _refuse_equal(workdirs, pathlib.Path(judge))
  head = SegmentationHead.load(judge, batch_size=batch_size)
  runs = _load(workdirs, step)
  _check_labels(runs, head, judge)
  _check_scenes(runs, max_items)
  count = min(len(runs[0].test_set), max_items or len(runs[0].test_set))
  shown = range(0, count, -(-count // _SCENES))
  measured = []
  for number, run in enumerate(runs, 1):
    logging.info("%s: %d of %d runs", run.name, number, len(runs))
    # One train set for all, since colours are learned from it.
    scores = LabelScores(
      runs[0].train_set,
      run.test_set,
      _num_labels(run.system.conditioning),
      num_classes=head.num_classes,
      max_items=max_items,
      batch_size=batch_size,
    )
    measured.append(_measure(run, scores, head, shown, batch_size, step))
  items = [runs[0].test_set[i] for i in shown]
  conditioning = runs[0].system.conditioning
  colors = runs[0].test_set.colors
  columns = [
    [
      samples.show_labels(item["label"], conditioning, colors) for item in items
    ],
    [item["image"] for item in items],
    *(one.pictures for one in measured),
  ]
  rows = zip(*(map(_enlarge, column) for column in columns), strict=True)
  output = pathlib.Path(output)
  titles = ["labels", "true", *(run.name for run in runs)]
  images.write(output / PICTURES, sheets.make(list(rows), titles))
  text = _table(measured, count, judge)
  files.write_whole(output / TABLE, text.encode())
  return text


def _refuse_equal(workdirs, judge):
  places = [place.resolve() for place in workdirs]
  for place in workdirs:
    if places.count(place.resolve()) > 1:
      raise ValueError(f"{place} is given twice; name each run once")
  if judge.resolve() in places:
    raise ValueError(
      f"{judge} is compared, and it is the judge; let the head of a run judge "
      "that is not compared"
    )


def _load(workdirs, step):
  runs, sets = [], {}
  names = [place.resolve().name for place in workdirs]
  if len(set(names)) < len(names):
    names = [str(place) for place in workdirs]
  for name, place in zip(names, workdirs, strict=True):
    config = config_lib.load_record(place)
    system = weights.load_system(place)
    if systems.LABELS not in system.generators():
      raise ValueError(
        f"{place} is a run that makes pictures of "
        f"{' and '.join(system.generators())}, not of label maps"
      )
    _check_checkpoint(place, step)
    key = repr(_data_config(config))
    if key not in sets:
      sets[key] = [data.create(config.data, x) for x in ("train", "test")]
    runs.append(_Run(name, place, config, system, *sets[key]))
  return runs


def _check_checkpoint(workdir, step):
  """Refuses a run without the checkpoint before anything is measured."""
  folder = workdir / checkpoints.FOLDER
  with checkpoints.Checkpointer(folder, read_only=True) as checkpointer:
    steps = checkpointer.steps()
  if not steps or (step and step not in steps):
    raise ValueError(
      f"{workdir} has no checkpoint{f' of step {step}' if step else ''}; there "
      f"are {steps or 'none'}"
    )


def _data_config(config):
  flat = config_lib.flatten({"data": config.data})
  return sorted(
    (name, value) for name, value in flat.items() if name not in _WITHOUT_EFFECT
  )


def _check_labels(runs, head, judge):
  """Refuses runs, and a judge, that mean something else by the labels."""

  def meant(conditioning):
    return {
      "num_labels": conditioning.num_labels,
      "dont_care": conditioning.dont_care,
    }

  first = meant(runs[0].system.conditioning)
  others = [(run.workdir, run.system.conditioning) for run in runs[1:]]
  for place, conditioning in [*others, (judge, head.conditioning)]:
    if meant(conditioning) != first:
      raise ValueError(
        f"{place} has {meant(conditioning)}, and {runs[0].workdir} {first}; "
        "compare and judge runs of the same labels"
      )


def _check_scenes(runs, max_items):
  """Refuses runs whose test scenes are not those of the first."""
  others = {id(run.test_set): run for run in runs}  # one of each data set
  del others[id(runs[0].test_set)]
  expected = _digests(runs[0].test_set, max_items) if others else []
  for run in others.values():
    found = _digests(run.test_set, max_items)
    if len(found) != len(expected):
      raise ValueError(
        f"{run.workdir} has {len(found)} test scenes, {runs[0].workdir} "
        f"{len(expected)}; compare runs of the same data"
      )
    differing = [i for i in range(len(found)) if found[i] != expected[i]]
    if differing:
      raise ValueError(
        f"{run.workdir} has other test scenes than {runs[0].workdir}: "
        f"{len(differing)} of {len(found)}, the first of them number "
        f"{differing[0]}; compare runs of the same data and size"
      )


def _digests(test_set, max_items):
  def digest(item):
    sha = hashlib.sha256()
    for name in ("label", "image"):
      # Labels may have another type.
      sha.update(f"{item[name].shape}".encode())
      sha.update(np.asarray(item[name], np.int32).tobytes())
    return sha.digest()

  return [digest(x) for x in pipeline.eval_items(test_set, max_items=max_items)]


def _num_labels(conditioning):
  return conditioning.label_channels if conditioning.num_labels else 0


def _measure(run, scores, head, shown, batch_size, step):
  step, state = weights.load_state(run.workdir, step)
  made = samples.LabelSamples(run.system, run.test_set, batch_size)
  makers = made.makers(state)._replace(head=head)
  return _Measured(
    name=run.name,
    networks=[
      _GENERATORS.get(run.config.generator.name, run.config.generator.name),
      _discriminator(run.system),
      *(
        f"{parameter_overview.count_parameters(state.params[side]):,}"
        for side in _PARAMETERS
      ),
      f"{step}",
    ],
    scores=scores.measure(makers),
    losses=last_losses(run.workdir, step),
    pictures=label_scores.make_items(
      makers.translate, [run.test_set[i] for i in shown]
    ),
  )


def _discriminator(system: Any) -> str:
  """A system's discriminator in words."""
  says = system.discriminator
  if system.semantic is None:
    if says.adversarial_channels > 1:
      return f"original with {says.adversarial_channels} verdicts"
    return "original"
  heads = ["labels"]
  heads += ["classes"] if says.num_classes else []
  heads += ["picture"] if says.reconstruction_channels else []
  guides = "" if system.semantic.guide_from < 0 else ", guides"
  return f"semantic-aware ({', '.join(heads)}){guides}"


def last_losses(workdir: pathlib.Path, step: int) -> dict[str, float]:
  """Means of the losses that a run logged last, up to a step.

  Args:
    workdir: of the run.
    step: of the checkpoint.

  Returns:
    Losses of generator (`G_...`) and discriminator (`D_...`), their sums and
    the head's accuracies in training, by name, each over at most five logged
    lines; a name that those do not have is left out.
  """
  lines = [
    {name: value for name, value in line.items() if _LOSS.fullmatch(name)}
    for line in read_json_lines(workdir / JSON_LINES)
    if line["step"] <= step
  ]
  found: dict[str, list[float]] = {}
  for line in [line for line in lines if line][-_LINES:]:
    for name, value in line.items():
      if value is not None:
        found.setdefault(name, []).append(value)
  return {name: float(np.mean(values)) for name, values in found.items()}


def _enlarge(picture):
  """A small picture with its pixels repeated, so that a title has room."""
  times = max(1, -(-_WIDTH // picture.shape[1]))
  return picture.repeat(times, 0).repeat(times, 1)


def _table(measured, count, judge):
  """What was measured, in Markdown."""
  first = measured[0].scores
  columns = {
    "mean IoU": ("head_iou", "head_iou_of_real", ".3f"),
    "accuracy": ("head_accuracy", "head_accuracy_of_real", ".3f"),
    "colour IoU": ("color_iou", "color_iou_of_real", ".3f"),
    "mean error": ("error", "", ".1f"),
  }
  columns = {k: v for k, v in columns.items() if v[0] in first}
  true = ["true pictures"] + [
    f"{first[real]:{form}}" if real else "0"
    for _, real, form in columns.values()
  ]
  losses = sorted(
    {name for one in measured for name in one.losses},
    key=lambda name: ("GDa".index(name[0]), name),
  )
  parts = [
    tables.markdown(
      ["run", "generator", "discriminator", *_PARAMETERS.values(), "steps"],
      [[one.name, *one.networks] for one in measured],
    ),
    "A discriminator that guides teaches the generator by the classes it sees "
    "and the picture it draws, too.",
    tables.markdown(
      ["run", *columns],
      [
        true,
        *(
          [one.name]
          + [f"{one.scores[x]:{form}}" for x, _, form in columns.values()]
          for one in measured
        ),
      ],
    ),
    f"{count} test scenes. Mean IoU and accuracy: of the classes that the head "
    f"of {judge} sees. Colour IoU: of the labels that colours tell. Mean "
    "error: difference from the true picture in grey levels.",
    tables.markdown(
      ["run", *losses],
      [
        [one.name]
        + [f"{one.losses[x]:.3f}" if x in one.losses else "" for x in losses]
        for one in measured
      ],
    ),
    f"Losses: means of the last {_LINES} lines logged, with each run's own "
    "weights.",
  ]
  return "\n\n".join(parts) + "\n"
