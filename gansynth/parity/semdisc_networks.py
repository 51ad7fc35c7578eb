"""Forward passes of SemDisc's discriminators."""

import re
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import numpy as np

from gansynth import convert
from gansynth.parity import label_cases, label_networks, networks
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import Comparison, Tolerance, compare

_PICTURE_CHANNELS = 3


def discriminators(case: Case) -> Iterator[Comparison]:
  """Each variant's layers, in evaluation and in training, and its buffers."""
  for name, about in case.require("variants").items():
    yield from _variant(
      label_cases.variant(case, argv(case, name, about)), name
    )


def argv(case: Case, name: str, about: Any) -> list[str]:
  """The command line of one of the runs that a case holds.

  Args:
    case: the case.
    name: of the run.
    about: what `case.json` tells of it.

  Raises:
    CaseError: that is no dict with `argv`.
  """
  if not isinstance(about, dict) or "argv" not in about:
    raise CaseError(f"{case.folder}: {name!r} of case.json tells no argv")
  return about["argv"]


def network(case: Case, file: str) -> tuple[dict[str, Any], nn.Module, dict]:
  """Imports a network by the options of the case's command line.

  Args:
    case: the case, or a variant of it.
    file: name of the checkpoint, in the case's folder or in `checkpoint`.

  Returns:
    The description, the network, and its variables.
  """
  if (case.folder / "checkpoint" / file).is_file():
    file = f"checkpoint/{file}"
  return case.network(file, original=label_cases.options(case))


def _variant(case, name):
  about = case.meta["variants"][name]
  file = about.get("netD", f"{name}_latest_net_D.pth")
  description, module, variables = network(case, file)
  inputs = case.picture(f"{name}/x")
  conditions = inputs.shape[-1] - _PICTURE_CHANNELS
  semantics = inputs[..., :conditions] if conditions else None
  shown = (semantics, inputs[..., conditions:])
  allowed = label_cases.tolerance(case, name)
  on_outputs = allowed
  if "suggested_atol" in about:
    on_outputs = Tolerance(float(about["suggested_atol"]))
  outputs, _ = label_networks.apply(module, variables, *shown, train=False)
  yield from _compare_outputs(case, f"{name}/eval", outputs, on_outputs)
  outputs, after = label_networks.apply(module, variables, *shown, train=True)
  yield from _compare_outputs(case, f"{name}/train1", outputs, on_outputs)
  before = convert.to_state_dict(description, variables)
  after = convert.to_state_dict(description, after)
  yield from _compare_buffers(
    case, f"{name}/after_train1/", before, after, allowed
  )


def _compare_buffers(case, prefix, before, after, allowed):
  """Compares the vectors of power iterations after the pass in training mode.

  Where those that are recorded are the checkpoint's to the last bit, they were
  taken before the pass, and what it makes of them is computed here.
  """
  recorded = {
    name.removeprefix(prefix): case.outputs[name]
    for name in case.outputs
    if name.startswith(prefix) and not networks.is_counter(name)
  }
  note = ""
  if recorded and all(
    np.array_equal(before.get(key), array) for key, array in recorded.items()
  ):
    note = "one iteration from those recorded, which are from before it"
    recorded = {
      key: _iterated(before, key)
      for key in recorded
      if key.endswith((".weight_u", ".weight_v"))
    }
  for key, expected in recorded.items():
    if key in after:
      yield compare(prefix + key, after[key], expected, allowed, note)
    else:
      yield Comparison(
        prefix + key, False, note="the network has no such array"
      )


def _iterated(state, key):
  """A vector after one power iteration, as torch does it."""
  layer, _, kind = key.rpartition(".weight_")
  matrix = state[f"{layer}.weight_orig"].astype(np.float64)
  matrix = matrix.reshape(len(matrix), -1)
  v = matrix.T @ state[f"{layer}.weight_u"]
  v /= np.linalg.norm(v)
  u = matrix @ v
  return v if kind == "v" else u / np.linalg.norm(u)


def _compare_outputs(case, prefix, outputs, allowed):
  """Compares the layers that are recorded, of all scales."""
  recorded = {}
  for name in case.outputs:
    match = re.fullmatch(rf"{re.escape(prefix)}/D(\d+)_out(\d+)", name)
    if match:
      recorded.setdefault(int(match[1]), {})[int(match[2])] = name
  if recorded and sorted(recorded) != list(range(len(outputs))):
    yield Comparison(
      prefix, False, note=f"{len(outputs)} scales, expected {sorted(recorded)}"
    )
    return
  is_last_alone = label_cases.options(case).values["no_ganFeat_loss"]
  for i, names in recorded.items():
    layers = outputs[i][-1:] if is_last_alone else outputs[i]
    for j, name in names.items():
      if j < len(layers):
        yield compare(name, to_nchw(layers[j]), case.outputs[name], allowed)
      else:
        yield Comparison(name, False, note=f"there are {len(layers)} layers")
