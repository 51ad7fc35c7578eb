"""How good a checkpoint is, in numbers."""

import itertools
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import ml_collections
import numpy as np
from absl import logging

from gansynth import config as config_lib
from gansynth import (
  data,
  files,
  images,
  label_judge,
  parallel,
  samples,
  segmentation_scores,
  systems,
)
from gansynth.data import pipeline
from gansynth.label_scores import LabelScores
from gansynth.segmentation_scores import SegmentationScores
from gansynth.translator import Translator
from gansynth.weights import load_state

RESULT = "evaluation.json"


def create(
  system: Any, train_set: Any, test_set: Any, options: Any
) -> "TranslationScores | LabelScores | SegmentationScores | None":
  """Chooses what is measured of a system; None where nothing is.

  Args:
    system: see `systems.create`.
    train_set: data set it is trained on.
    test_set: data set that it is measured on.
    options: `config.evaluate`.

  Returns:
    An object with `names`, the same on every host, and `measure(makers)`,
    where the makers are those of `samples.create`.
  """
  directions = list(system.generators())
  shared = {"max_items": options.max_items, "batch_size": options.batch_size}
  if systems.NOISE in directions:
    return None
  if systems.SEGMENTATION in directions:
    return SegmentationScores(test_set, system.num_classes, **shared)
  if systems.LABELS in directions:
    num_labels = system.conditioning.num_labels
    if num_labels:
      num_labels = system.conditioning.label_channels
    return LabelScores(
      train_set,
      test_set,
      num_labels,
      num_classes=label_judge.num_classes(system),
      **shared,
    )
  return TranslationScores(directions, test_set, **shared)


class TranslationScores:
  """`translation_metrics` of one test set."""

  def __init__(
    self,
    directions: Iterable[str],
    test_set: Any,
    *,
    max_items: int = 0,
    batch_size: int = 1,
  ):
    """Takes AtoB and perhaps BtoA; the rest as `translation_metrics`."""
    self.names = metric_names(directions, test_set)
    self._test_set = test_set
    self._options = {"max_items": max_items, "batch_size": batch_size}

  def measure(self, translators: Mapping[str, Translator]) -> dict[str, float]:
    """Returns the scores by name, over all hosts."""
    return translation_metrics(translators, self._test_set, **self._options)


def translation_metrics(
  translators: Mapping[str, Translator],
  dataset: Any,
  *,
  max_items: int = 0,
  batch_size: int = 1,
) -> dict[str, float]:
  """Measures translations of a test set, in grey levels (0 to 255).

  Where the data set is paired, `error_AtoB` is the mean absolute difference
  between the translation of A and the true B, and `untouched_AtoB` that of
  leaving A as it is. Where both directions exist, `cycle_A` is the mean
  absolute difference between A and its translation there and back.

  Args:
    translators: by direction, AtoB and perhaps BtoA.
    dataset: test split of `data.create`.
    max_items: measure the first ones only; 0: all.
    batch_size: pictures translated at a time, on this host.

  Returns:
    Means over all pictures, each picture counted once, over all hosts.
  """
  count = min(len(dataset), max_items or len(dataset))
  sums: dict[str, float] = {}

  def add(name, outputs, targets):
    for output, target in zip(outputs, targets, strict=True):
      error = np.abs(output - target).mean(dtype=np.float64) * 127.5
      sums[name] = sums.get(name, 0.0) + float(error)

  items = pipeline.eval_items(
    dataset,
    max_items=max_items,
    host_index=jax.process_index(),
    host_count=jax.process_count(),
  )
  while batch := list(itertools.islice(items, batch_size)):
    pictures = {
      side: [images.to_unit_range(x[f"image_{side.lower()}"]) for x in batch]
      for side in "AB"
    }
    for direction, translate in translators.items():
      source, target = direction[0], direction[-1]
      outputs = translate.translate(pictures[source])
      if dataset.paired:
        add(f"error_{direction}", outputs, pictures[target])
        if pictures[source][0].shape == pictures[target][0].shape:
          add(f"untouched_{direction}", pictures[source], pictures[target])
      back = f"{target}to{source}"
      if back in translators:
        returned = translators[back].translate(outputs)
        add(f"cycle_{source}", returned, pictures[source])
  # Every host must add the same names, also one that had no picture.
  names = metric_names(translators, dataset)
  totals = parallel.sum_over_hosts(
    np.array([sums.get(name, 0.0) for name in names])
  )
  return {
    name: float(total) / count
    for name, total in zip(names, totals, strict=True)
  }


def evaluate(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> dict[str, float]:
  """Measures a checkpoint of a run on the test split of `config.data`.

  Prints the numbers and writes them to evaluation.json.

  Args:
    config: `data` and `evaluate`; networks as the run was made with.
    workdir: the run.

  Returns:
    The scores, see `TranslationScores`, `LabelScores` and
    `SegmentationScores`.

  Raises:
    ValueError: there is no such run or checkpoint, or it is of other
      networks.
  """
  config_lib.check(config, workdir, only=config_lib.NETWORKS)
  system = systems.create(config, steps_per_epoch=1)
  test_set = data.create(config.data, "test")
  scores = create(
    system, data.create(config.data, "train"), test_set, config.evaluate
  )
  if scores is None:
    raise config_lib.ConfigError(
      f"{workdir}: {config.system} makes pictures of noise, which have no true "
      "picture to be compared with; look at the run's sample sheets"
    )
  step, state = load_state(workdir, config.evaluate.step)
  logging.info("evaluating the checkpoint of step %d", step)
  made = samples.create(system, test_set, config.evaluate.batch_size)
  found = scores.measure(made.makers(state))
  if parallel.is_primary():
    path = workdir / RESULT
    text = json.dumps({"step": step, **found}, indent=2) + "\n"
    files.write_whole(path, text.encode())
    print(report(found))
    print(f"these numbers are in {path}")
  return found


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
  return "\n".join(lines)


def metric_names(directions: Iterable[str], dataset: Any) -> list[str]:
  """Names of what `translation_metrics` measures, the same on every host.

  Args:
    directions: AtoB and perhaps BtoA.
    dataset: test split of `data.create`.
  """
  directions = list(directions)
  names = []
  for direction in directions:
    if dataset.paired:
      names += [f"error_{direction}", f"untouched_{direction}"]
    if f"{direction[-1]}to{direction[0]}" in directions:
      names.append(f"cycle_{direction[0]}")
  return names
