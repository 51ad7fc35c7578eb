"""Geoseg-GAN's changes of label maps, and the score that pairs are kept by."""

import dataclasses
import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from gansynth.evaluation import segmentation
from gansynth.parity import comparison
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare
from gansynth.synthesis import mask_jitter

_CLASSES = 6  # a constant of the original
_OPTIONS = {each.name for each in dataclasses.fields(mask_jitter.Jitter)}


def changed_masks(case: Case) -> Iterator[Comparison]:
  """Each step of each row from its seed: draws, growth, displacement."""
  text = case.meta.get("tolerance")
  growth, shift, result = (
    comparison.parse(comparison.clause(text, name), default)
    for name, default in (
      ("morphology", EXACT),
      ("dx", Tolerance(1e-9)),
      ("jittered", EXACT),
    )
  )
  for index, row in enumerate(case.require("rows")):
    jitter = _jitter(case, row)
    labels = case.inputs[f"mask{index}"]
    drawn = mask_jitter.draw(labels, jitter, _generator(case, row))
    if "draws" in row:
      # Of each label the box that it grows by, then the one it shrinks by.
      sizes = itertools.chain(
        *zip(drawn.dilate.values(), drawn.erode.values(), strict=True)
      )
      expected = [value for _, value in row["draws"]]
      yield compare(f"draws{index}", list(sizes), expected, EXACT)
    grown = mask_jitter.dilate(labels, drawn.dilate)
    yield from _if_recorded(case, f"after_morphology{index}", grown, growth)
    for axis, noise in (("x", drawn.noise_x), ("y", drawn.noise_y)):
      name = f"rand_{axis}{index}"
      if name in case.inputs:
        yield compare(name, noise, case.inputs[name], EXACT)
      moved = mask_jitter.displacement(
        noise, jitter.elastic_alpha, jitter.elastic_sigma
      )
      yield from _if_recorded(case, f"d{axis}{index}", moved, shift)
    name = f"jittered{index}"
    made = mask_jitter.original(labels, jitter, _generator(case, row))
    yield compare(name, made, case.outputs[name], result)


def mean_iou(case: Case) -> Iterator[Comparison]:
  """The score of each pair of label maps."""
  stated = re.search(r"(\d+)\s*\)", str(case.meta.get("kind", "")))
  num_classes = int(stated[1]) if stated else _CLASSES
  allowed = comparison.parse(case.meta.get("tolerance"), Tolerance(1e-7))
  scores = case.outputs["miou"]
  found = [
    segmentation.picture_iou(
      case.inputs[f"pred{index}"], case.inputs[f"target{index}"], num_classes
    )
    for index in range(len(scores))
  ]
  yield compare("miou", found, scores, allowed)
  if "values" in case.meta:
    yield compare("values", found, case.meta["values"], allowed)


def _jitter(case: Case, row: dict[str, Any]) -> mask_jitter.Jitter:
  """The ranges of a row; those that it does not tell are the original's."""
  options = row.get("kwargs", {})
  unknown = sorted(set(options) - _OPTIONS)
  if unknown:
    raise CaseError(f"{case.folder}: masks cannot be changed by {unknown[0]}")
  return mask_jitter.Jitter(**options)


def _generator(case: Case, row: dict[str, Any]) -> np.random.RandomState:
  if "seed" not in row:
    raise CaseError(f"{case.folder}: a row of case.json has no 'seed'")
  return np.random.RandomState(row["seed"])


def _if_recorded(case, name, found, allowed):
  if name in case.outputs:
    yield compare(name, found, case.outputs[name], allowed)


CHECKS = {"mask_jitter": changed_masks, "mean_iou": mean_iou}
