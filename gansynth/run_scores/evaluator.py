"""What is measured of a system while it is trained and afterwards."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
from absl import logging

from gansynth import checkpoints, environment, label_judge, parallel, systems
from gansynth import config as config_lib
from gansynth.data.labels import palettes
from gansynth.reports import evaluation_record
from gansynth.reports.evaluation_record import Evaluation, Shown
from gansynth.run_scores import made_pictures, run_metrics
from gansynth.run_scores.label_scores import LabelScores
from gansynth.run_scores.made_pictures import MadePictures
from gansynth.run_scores.noise_scores import NoiseScores
from gansynth.run_scores.run_metrics import RunMetrics
from gansynth.run_scores.segmentation_scores import SegmentationScores
from gansynth.run_scores.translation_scores import TranslationScores

# Of what a record says about itself: if one differs, so may the numbers.
IDENTITY = ("system", "weights", "data", "options", "networks")

_PICTURES = 4  # of each end, where a config does not say


class Evaluator:
  """Measures states of a system, always on the same test pictures.

  Attributes:
    names: of the scores, as far as they are known beforehand; the same on every
      host.
  """

  def __init__(
    self,
    scores: Any,
    metrics: RunMetrics | None,
    test_set: Any,
    config: ml_collections.ConfigDict,
  ) -> None:
    """Takes what is measured; see `create`.

    Args:
      scores: what needs nobody's weights.
      metrics: what is measured beside; None: nothing.
      test_set: of both.
      config: of the run.
    """
    self.names = [*scores.names, *(metrics.names if metrics else ())]
    self._scores = scores
    self._metrics = metrics
    self._test_set = test_set
    self._pictures = config.evaluate.get("pictures", _PICTURES)
    self._known = {
      "system": config.system,
      "data": run_metrics.relevant_data(config),
      "options": {
        "max_items": config.evaluate.max_items,
        **(metrics.options if metrics else {}),
      },
      "networks": metrics.networks if metrics else {},
    }

  def about(self, state: Any) -> dict[str, Any]:
    """What a record of this state says of itself before it is measured."""
    weights = [state.params, state.stats, state.ema]
    return {"weights": checkpoints.digest(weights), **self._known}

  def measure(self, makers: Any, step: int, state: Any) -> Evaluation:
    """Measures a checkpoint, over all hosts.

    Args:
      makers: of `samples.create`, with the state's weights.
      step: of the checkpoint.
      state: of the system.

    Returns:
      The same on every host.
    """
    directions = self._scores.directions
    counts = {name: self._scores.counts(name)[0] for name in directions}
    made = MadePictures(counts, best=None if self._metrics else self._pictures)
    scores = self._scores.measure(makers, made)
    per_picture = made.scores()
    notes: tuple[str, ...] = ()
    about = self.about(state) | getattr(self._scores, "findings", {})
    if self._metrics:
      found = self._metrics.measure(made, makers)
      scores |= found.scores
      per_picture |= found.per_picture
      notes = found.notes
      about |= found.about
    per_picture = made_pictures.merge_scores(per_picture)
    return Evaluation(
      scores=scores,
      step=step,
      per_picture=per_picture,
      shown=self._shown(made, per_picture),
      notes=notes,
      about={**about, "environment": environment.describe()},
    )

  def _shown(
    self, made: MadePictures, per_picture: Mapping[str, Mapping[str, float]]
  ) -> tuple[Shown, ...]:
    """The best and the worst, wherever they were made."""
    if not self._pictures:
      return ()
    mine = {
      each.name: (direction, each)
      for direction in self._scores.directions
      for each in made[direction]
    }
    chosen = made_pictures.choose(per_picture, mine, self._pictures)

    def show(name):
      direction, each = mine[name]
      item = self._test_set[each.index]
      return Shown(
        name,
        self._scores.show(direction, item, each.picture),
        {
          metric: scores[name]
          for metric, scores in per_picture.items()
          if name in scores
        },
      )

    # Other hosts have the rest.
    shown = parallel.on_every_host(
      lambda: [show(name) for name in chosen if name in mine]
    )
    order = {name: place for place, name in enumerate(chosen)}
    gathered = made_pictures.gather_shown(shown)
    return tuple(
      sorted(gathered, key=lambda each: order.get(each.name, len(order)))
    )


def wanted(config: ml_collections.ConfigDict) -> bool:
  """Whether anything is to be measured in training."""
  options = config.evaluate
  return bool(
    options.every
    or config.best_metric
    or options.get("metrics", "")
    or options.get("segmenter", "")
  )


def create(
  config: ml_collections.ConfigDict,
  system: Any,
  train_set: Any,
  test_set: Any,
  workdir: pathlib.Path | None = None,
) -> Evaluator | None:
  """Chooses what is measured of a system; None where nothing is.

  Args:
    config: `evaluate`, and `data` for the record.
    system: see `systems.create`.
    train_set: data set it is trained on.
    test_set: data set that it is measured on.
    workdir: the run, where what is known of true pictures is kept; None: it is
      not.

  Raises:
    ValueError: something cannot be measured of this system or data, or needs
      weights that are not there, or the records' folder is a file.
  """
  if workdir:
    evaluation_record.check_folder(folder_of(workdir))
  scores = _scores(system, train_set, test_set, config.evaluate)
  metrics = run_metrics.create(
    config, system, scores, test_set, workdir and folder_of(workdir)
  )
  if metrics is None and not scores.names:
    return None
  return Evaluator(scores, metrics, test_set, config)


def _scores(
  system: Any, train_set: Any, test_set: Any, options: Any
) -> TranslationScores | LabelScores | SegmentationScores | NoiseScores:
  """What is measured without published weights."""
  directions = list(system.generators())
  shared = {"max_items": options.max_items, "batch_size": options.batch_size}
  if systems.NOISE in directions:
    return NoiseScores(test_set, system.sample_noise, **shared)
  colors = getattr(test_set, "colors", None)
  if systems.SEGMENTATION in directions:
    return SegmentationScores(
      test_set, system.num_classes, colors=colors, **shared
    )
  if systems.LABELS in directions:
    num_labels = system.conditioning.num_labels
    if colors is None and num_labels:
      colors = palettes.label_colors(num_labels)
    if num_labels:
      num_labels = system.conditioning.label_channels
    return LabelScores(
      train_set,
      test_set,
      num_labels,
      num_classes=label_judge.num_classes(system),
      colors=colors,
      **shared,
    )
  return TranslationScores(directions, test_set, **shared)


def folder_of(workdir: pathlib.Path) -> pathlib.Path:
  """Where the records of a run's evaluations are."""
  return workdir / evaluation_record.FOLDER


def record(workdir: pathlib.Path, evaluation: Evaluation) -> None:
  """Writes what was measured of a checkpoint into a run's folder, once."""
  parallel.on_primary(
    lambda: evaluation_record.write(folder_of(workdir), evaluation)
  )


def check_best(
  config: ml_collections.ConfigDict,
  names: Sequence[str],
  workdir: pathlib.Path,
) -> None:
  """Checks that the best checkpoint can be told by `best_metric`.

  Args:
    config: `best_metric` and `best_mode`.
    names: of what is measured.
    workdir: of the run. One that is there already goes on with its mode, which
      cannot be changed any more.

  Raises:
    ConfigError: it is not measured, or the worst would be kept.
  """
  metric, mode = config.best_metric, config.best_mode
  if not metric:
    return
  if metric not in names:
    choose = f"one of {', '.join(names)}, or " if names else ""
    raise config_lib.ConfigError(
      f"best_metric {metric!r} is not measured on this data; "
      f"choose {choose}'' to keep the last checkpoints"
    )
  right = evaluation_record.best_mode(metric)
  if mode == right:
    return
  message = (
    f"best_mode is {mode}, which keeps the worst checkpoints, for of {metric} "
    f"{'less' if right == 'min' else 'more'} is better; use "
    f"--config.best_mode={right}"
  )
  if not (workdir / config_lib.RECORD).exists():
    raise config_lib.ConfigError(message)
  logging.warning("%s in another --workdir", message)
