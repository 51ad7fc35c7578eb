"""Whole training steps of SemDisc and ASAP-Nets against recorded ones.

A run has one phase, or two of which the second begins with the networks that
the first ends with, and with optimisers that start anew.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gansynth import convert, losses
from gansynth.data.labels import cityscapes
from gansynth.parity import (
  kinks,
  label_cases,
  label_chain_comparisons,
  label_steps,
)
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare
from gansynth.parity.networks import is_counter
from gansynth.systems import semantic as semantic_lib
from gansynth.systems.semantic import SemanticLosses

# Of how the semantic-aware discriminators are called in options.
_SEMANTIC = ("c2f", "c2f_sem", "c2f_sem_rec")
_FOLDER = "checkpoint"
_IGNORED = 255  # the class of pixels that do not count
_ROUNDING = 1e-6  # of a weight of verdicts
_NOISE = 1e-6  # of the largest norm; in float32 gradients that vanish have 1e-7


def steps(case: Case) -> Iterator[Comparison]:
  """Steps of all phases: losses, gradients, networks after each phase."""
  yield from kinks.decided(_steps, case)


@dataclasses.dataclass(frozen=True)
class _Phase:
  """A run of the original."""

  case: Case  # with the command line of the phase
  name: str  # "", or phase<n>
  count: int  # of iterations

  @property
  def prefix(self):
    """Of names of arrays, up to the number of the iteration."""
    return f"{self.name}/it" if self.name else "it"

  @property
  def differences(self):
    """Of parameters afterwards, between the original's two precisions."""
    after = f"params_after_{self.name}" if self.name else "params_after"
    return self.case.meta.get(f"{after}_f32_vs_f64", {})


def _phases(case):
  """The phases that have iterations, in order."""
  counts = case.require("iterations")
  if not isinstance(counts, Mapping):
    return [_Phase(case, "", int(counts))]
  names = sorted(name for name in counts if re.fullmatch(r"phase\d+", name))
  return [
    _Phase(
      label_cases.variant(case, case.require(f"{name}_argv")),
      name,
      counts[name],
    )
    for name in names
    if counts[name]
  ]


def _files(case, letters, words):
  """Files of networks, by letter, by what is said of them; or None."""
  for pattern, text in case.require("checkpoint_files").items():
    if words in text:
      names = {letter: pattern.replace("*", letter) for letter in letters}
      return {k: str(pathlib.Path(_FOLDER, v)) for k, v in names.items()}
  return None


def semantic_losses(
  values: Mapping[str, Any], first: int = 0
) -> SemanticLosses | None:
  """Returns the losses of a semantic-aware discriminator, if it is one.

  Args:
    values: options of SemDisc.
    first: the step at which the run begins, with fresh optimisers.
  """
  if not any(values.get(name) for name in _SEMANTIC):
    return None
  guides = bool(values.get("active_GSeg"))
  return SemanticLosses(
    classes=cityscapes.train_ids(),  # the original has no other
    balanced=bool(values.get("normalize_smaps")),
    fine_scale=values.get("fine_grained_scale", 1.0),
    lambda_segmentation=values.get("lambda_seg", 1.0),
    lambda_reconstruction=values.get("lambda_rec", 1.0),
    guide_from=first if guides else -1,
    restart=guides,
  )


def _steps(case):
  state, taken = None, 0
  for phase in _phases(case):
    values = label_cases.options(phase.case).values
    letters = "GD" if values.get("D_steps_per_G", 1) else "G"
    letters += "E" if values.get("use_vae") else ""
    files = _files(case, letters, "before")
    if files is None:
      raise CaseError(f"{case.folder}: no networks from before the steps")
    nets = label_steps.Networks(phase.case, letters, files)
    heads = semantic_losses(values, taken)
    run = label_steps.spade_run(phase.case, nets, heads)
    fresh = label_steps.initial_state(phase.case, run)
    if state is None:
      yield from _imported(case, nets, files)
      yield from _targets(case, run.system)
    if state is None or heads is None or not heads.restart:
      # Else the system itself starts its optimisers anew.
      networks = fresh if state is None else state
      fresh = fresh.replace(
        params=networks.params, stats=networks.stats, step=networks.step
      )
      state = fresh
    state = state.replace(frozen=run.system.frozen)
    compared = label_chain_comparisons.ChainComparisons(case, run, phase.prefix)
    state = yield from label_steps.take_steps(
      phase.case, run, state, phase.count, compared
    )
    yield from compared.finish()
    taken += phase.count
    yield from _after(case, phase, run, state, taken)


def _imported(case, nets, files):
  """The networks before the steps, by the original's keys."""
  for letter, file in files.items():
    recorded = convert.load_state_dict(case.folder / file)
    keys = [key for key in sorted(recorded) if not is_counter(key)]
    found = nets.state_dict(
      letter,
      params=nets.collect("params"),
      batch_stats=nets.collect("batch_stats"),
    )
    yield compare(
      f"before/{letter}",
      np.concatenate([found[key].ravel() for key in keys]),
      np.concatenate([recorded[key].ravel() for key in keys]),
      EXACT,
    )


def _targets(case, system):
  """What the discriminator's verdicts are weighted by, and its classes."""
  heads, wanted = system.semantic, system.conditioning
  if heads is None:
    return
  labels = label_steps.batch_of(case, wanted, 1)["label"]
  for name in case.inputs:
    if re.fullmatch(r"smap\d+", name):
      expected = case.inputs[name]
      found = losses.class_weights(
        labels,
        expected.shape[2:],
        wanted.label_channels,
        balanced=heads.balanced,
        fine_scale=heads.fine_scale,
      )
      yield compare(
        name, to_nchw(found), expected, Tolerance(relative=_ROUNDING)
      )
  name = "smapS"
  if name in case.inputs and system.discriminator.num_classes:
    found = np.asarray(semantic_lib.class_map(heads, wanted, labels))
    found = np.where(found < 0, _IGNORED, found)[:, None]
    yield compare(name, found, case.inputs[name], EXACT)


def _after(case, phase, run, state, taken):
  """The networks after a phase."""
  words = re.sub(r"phase(\d)", r"after phase \1", phase.name) or "after"
  files = _files(case, run.nets.letters, words)
  for letter, file in (files or {}).items():
    rate = run.rates[letter == "D"]
    yield from label_chain_comparisons.compare_networks(
      case,
      f"after {phase.name or 'all'}/{letter}",
      run.nets.state_dict(letter, params=state.params, batch_stats=state.stats),
      convert.load_state_dict(case.folder / file),
      phase.differences.get(letter, {}),
      rate * taken,
      _noise(case, letter),
    )


def _noise(case, letter):
  """Parameters whose recorded gradients are nothing but rounding."""
  noise = set()
  for name in case.outputs:
    if name.endswith(f"{letter}_grad_norms"):
      norms = label_chain_comparisons.recorded_norms(case, name)
      least = _NOISE * max(norms.values())
      noise |= {key for key, norm in norms.items() if norm <= least}
  return noise
