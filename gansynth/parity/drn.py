"""Checks of DRN's segmenters, whose weights cases replay from a recipe."""

import re
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gansynth import convert, models
from gansynth.convert import drn as convert_drn
from gansynth.evaluation import segmentation
from gansynth.models import drn as drn_lib
from gansynth.parity import activations, seg_metrics
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import EXACT, Comparison, clause, compare
from gansynth.parity.label_cases import tolerance
from gansynth.parity.replayed import compare_weights, replay_weights
from gansynth.segmenters import drn as segmenter

_LEVELS = 9
_MARGIN = re.compile(r"margin\D*([\d.]+(?:e[-+]?\d+)?)")
_LEVEL = re.compile(r"(.+)_base(\d+)_first(\d+)")


def segmentation_forward(case: Case) -> Iterator[Comparison]:
  """Input, all levels, logits, probabilities and classes of pictures."""
  state = _state(case)
  yield from compare_weights(case, state)
  network, variables = _network(case, state)
  _check_normalisation(case)
  paths = [(f"level_{i}",) for i in range(_LEVELS)]

  @jax.jit
  def apply(variables, x):
    return activations.record(lambda: network.apply(variables, x), paths)

  for tag, picture in case.inputs.items():
    case.inputs.used.add(tag)
    x = drn_lib.normalise(jnp.asarray(picture)[None], case.dtype)
    (probabilities, low), levels = apply(variables, x)
    found = {
      f"{tag}_net_input": to_nchw(x),
      f"{tag}_logits_low": to_nchw(low),
      f"{tag}_logsoftmax": to_nchw(probabilities),
    }
    for name in case.outputs:
      if (match := _LEVEL.fullmatch(name)) and match[1] == tag:
        level = levels[(f"level_{match[2]}",)]
        found[name] = to_nchw(level[0, ..., : int(match[3])])
    for name, value in found.items():
      if name in case.outputs:
        allowed = tolerance(case, name, "logits")
        yield compare(name, value, case.outputs[name], allowed)
    if f"{tag}_pred" in case.outputs:
      line, _ = _compare_classes(
        case,
        f"{tag}_pred",
        probabilities.argmax(-1),
        case.outputs[f"{tag}_logsoftmax"],
      )
      yield line


def segmentation_multi_scale(case: Case) -> Iterator[Comparison]:
  """Sums over scales, classes, and the scores of all pictures."""
  state = _state(case)
  yield from compare_weights(case, state)
  network, variables = _network(case, state)
  _check_normalisation(case)
  labels, told = [], []
  for name, picture in case.inputs.items():
    match = re.fullmatch(r"img(\d+)", name)
    if match is None:
      continue
    case.inputs.used.add(name)
    total = 0
    for scale in case.meta.get("scales", segmenter.SCALES):
      shown = segmenter.scaled(picture, scale)
      x = drn_lib.normalise(jnp.asarray(shown)[None], case.dtype)
      yield from _compare_scale(
        case, f"ms_input_scale{scale}_{name}", to_nchw(x[0])
      )
      found = jax.jit(
        segmenter.resized_log_probabilities, static_argnums=(0, 3)
      )(network, variables, x, picture.shape[:2])
      found = to_nchw(found[0])
      yield from _compare_scale(case, f"resized_scale{scale}_{match[1]}", found)
      total = total + found
    final, classes = f"final{match[1]}", f"pred{match[1]}"
    allowed = tolerance(case, final, "final")
    yield compare(final, total, case.outputs[final], allowed)
    line, predictions = _compare_classes(
      case, classes, total.argmax(0), case.outputs[final]
    )
    yield line
    if f"label{match[1]}" in case.inputs:
      labels.append(case.inputs[f"label{match[1]}"])
      told.append(predictions)
  if labels:
    matrix = sum(
      segmentation.confusion_matrix(
        truth, predictions, case.constructor["classes"]
      )
      for truth, predictions in zip(labels, told, strict=True)
    )
    yield from seg_metrics.compare_scores(case, matrix)


def _state(case):
  """The replayed weights, with the kernel that is not drawn."""
  constructor = case.constructor
  if constructor.get("cls", "DRNSeg") != "DRNSeg":
    raise CaseError(f"{case.folder}: unknown network {constructor['cls']}")
  shapes = convert_drn.state_shapes(
    constructor["model_name"],
    constructor["classes"],
    constructor.get("use_torch_up", False),
  )
  state = replay_weights(case, shapes)
  for key in shapes.keys() - state.keys():
    if not key.startswith("up."):
      raise CaseError(f"{case.folder}: it is not known what {key} holds")
    state[key] = np.tile(
      drn_lib.fixed_kernel(), (constructor["classes"], 1, 1, 1)
    )
  return state


def _network(case, state):
  description, variables = convert.convert_state_dict(
    state, "replayed DRN", dtype=np.dtype(case.dtype)
  )
  return models.create(**description, dtype=case.dtype), variables


def _check_normalisation(case):
  stated = case.meta.get("normalisation", {})
  ours = {"mean": drn_lib.MEAN, "std": drn_lib.DEVIATION}
  for name, values in ours.items():
    if name in stated and tuple(stated[name]) != values:
      raise CaseError(
        f"{case.folder}: pictures are normalised with {name} {stated[name]}, "
        f"not with {values}"
      )


def _compare_scale(case, name, found):
  """Compares what is recorded of one scale: first channels, or one of them."""
  for place, part in ((name, found), (f"{name}_ch0", found[0])):
    if place in case.outputs:
      expected = case.outputs[place]
      if part.ndim == 3:
        part = part[: len(expected)]
      allowed = tolerance(case, place, "final")
      yield compare(place, part, expected, allowed)


def _compare_classes(case, name, found, scores):
  """Compares classes where the recorded scores decide.

  Returns:
    The comparison, and the classes with recorded ones where they do not.
  """
  expected = case.outputs[name]
  stated = clause(case.meta.get("suggested_tolerance"), "margin") or ""
  match = _MARGIN.search(stated)
  best = np.sort(scores, axis=-3)
  margin = best[..., -1, :, :] - best[..., -2, :, :]
  decided = margin > (float(match[1]) if match else 0)
  found = np.where(decided, np.asarray(found), expected)
  note = f"{decided.mean():.1%} of the pixels are decided"
  return compare(name, found, expected, EXACT, note), found


CHECKS = {
  "segmentation_forward": segmentation_forward,
  "segmentation_multi_scale": segmentation_multi_scale,
}
