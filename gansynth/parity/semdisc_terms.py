"""All loss terms of SemDisc's modes, and the gradients that they give."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from gansynth import convert
from gansynth.parity import (
  label_cases,
  label_chain_comparisons,
  label_chains,
  label_steps,
)
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import Comparison, compare
from gansynth.parity.semdisc_networks import argv

_INPUTS = "inputs.npz"


def loss_terms(case: Case) -> Iterator[Comparison]:
  """Loss terms of both sides in each mode, and norms of gradients.

  They are those of a training step, whose networks are in evaluation, as the
  original's were, and whose discriminator sees the picture that the generator
  made before it moved.
  """
  for name, about in case.require("modes").items():
    one = label_cases.variant(case, argv(case, name, about))
    one.inputs = _inputs(case)
    one.meta["f32_vs_f64"] = about.get("f32_vs_f64", {})
    yield from _mode(one, name, _files(case, name, about))


def _inputs(case):
  """The scenes, which may lie in another case: "inputs.npz of <case>"."""
  if (case.folder / _INPUTS).is_file() and "image" in case.inputs:
    return case.inputs
  match = re.search(rf"{re.escape(_INPUTS)} of (\w+)", _note(case))
  if match is None:
    raise CaseError(
      f"{case.folder}: {_INPUTS} has no 'image', and the note of case.json "
      f"does not say '{_INPUTS} of <case>'"
    )
  return Case(case.folder.parent / match[1], case.dtype).inputs


def _files(case, name, about):
  """Networks of a mode; the note may say "<file>_net_G.pth of <case>"."""
  files = {}
  for letter in "GD":
    match = re.search(rf"(\S+_net_{letter}\.pth) of (\w+)", _note(case))
    if f"net{letter}" in about:
      files[letter] = f"checkpoint/{about[f'net{letter}']}"
    elif match:
      files[letter] = f"../{match[2]}/{match[1]}"
    else:
      raise CaseError(
        f"{case.folder}: neither net{letter} of {name!r} nor the note of "
        f"case.json names the checkpoint of network {letter}"
      )
  return files


def _note(case):
  return str(case.meta.get("note"))


class _Evaluated:
  """A network that stays in evaluation."""

  def __init__(self, network: nn.Module):
    self._network = network

  def __getattr__(self, name: str) -> Any:
    return getattr(self._network, name)

  def apply(self, *arguments: Any, train: bool, **options: Any) -> Any:
    """`nn.Module.apply`, but for `train`, which is not looked at."""
    return self._network.apply(*arguments, train=False, **options)


def _mode(case, name, files):
  values = label_cases.options(case).values
  nets = label_steps.Networks(case, "GD", files)
  heads = label_chains.semantic_losses(values)
  run = label_steps.spade_run(case, nets, heads)
  state = label_steps.initial_state(case, run)
  system = dataclasses.replace(
    run.system,
    generator=_Evaluated(run.system.generator),
    discriminator=_Evaluated(run.system.discriminator),
    regenerate=False,
  )
  batch = label_steps.batch_of(case, system.conditioning, 1)
  batch = {key: jnp.asarray(value) for key, value in batch.items()}
  # Not compiled as a whole: modes have most operations in common.
  _, metrics, details = system.step_with_details(
    state, batch, phase=system.phase(0).name
  )
  for letter in "GD":
    prefix = f"{name}/{letter}/"
    for term in [key for key in case.outputs if key.startswith(prefix)]:
      parts = run.names.get(term.removeprefix(prefix))
      if parts is None:
        yield Comparison(term, False, note="no such loss")
        continue
      expected = case.outputs[term]
      # What is not made has no part in the sum, and is logged as 0.
      found = sum(metrics[part] for part in parts if part in metrics)
      found = np.reshape(found, expected.shape)
      allowed = label_chain_comparisons.tolerance(case, term)
      yield compare(term, found, expected, allowed)
    term = f"{name}/{letter}_grad_norms"
    if term in case.outputs:
      found = nets.state_dict(letter, params=details.gradients)
      # In the order of the original's parameters, which its files have.
      keys = convert.load_state_dict(case.folder / files[letter])
      norms = [
        np.linalg.norm(found[key].astype(np.float64))
        for key in keys
        if key in found
      ]
      allowed = label_chain_comparisons.tolerance(case, term, elementwise=True)
      yield compare(term, norms, case.outputs[term], allowed)
