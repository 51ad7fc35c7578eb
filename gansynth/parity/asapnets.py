"""Checks of ASAP-Nets."""

import re
from collections.abc import Iterator

import jax
import numpy as np

from gansynth import convert
from gansynth.models import asapnets
from gansynth.models.semantics import LabelMap
from gansynth.parity import label_cases, label_chains, networks
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare
from gansynth.parity.label_chain_comparisons import tolerance

_DEFAULT = 1e-4
_ENCODING = Tolerance(1e-6)  # cosines in float32
_FILTERED = Tolerance(1e-6)
_BUFFERS = Tolerance(1e-5)


def generator_forward(case: Case) -> Iterator[Comparison]:
  """The generator in evaluation, and in its first pass of training."""
  description, network, variables = label_cases.network(case, "G")
  dense = case.picture("x")
  semantics = _label_map(case, dense)
  picture, parameters, _ = _draw(network, variables, semantics, False)
  yield from _compare_sizes(case, network, dense, parameters)
  yield from _compare_inputs(case, network, semantics)
  yield _compare(case, "eval/output", to_nchw(picture))
  name = "eval/lr_features"
  if name in case.outputs:
    about = str(case.meta.get("arrays", {}).get(name))
    steps = [int(n) for n in re.findall(r"::(\d+)", about)] or [1, 1, 1]
    shown = to_nchw(parameters)[:, *(slice(None, None, n) for n in steps)]
    yield _compare(case, name, shown)
  other, _, _ = _draw(network, variables, dense, False)
  note = "from channels as they are recorded"
  yield _compare(case, "eval/output", to_nchw(other), note)
  name = "train1/output"
  if name not in case.outputs:
    return
  trained, _, after = _draw(network, variables, semantics, True)
  yield _compare(case, name, to_nchw(trained))
  name = "train1_equals_eval"
  if name in case.outputs:
    # Each of the two pictures may be off.
    allowed = Tolerance(2 * _suggested(case, "output").absolute)
    found = np.abs(trained - picture).max()
    yield compare(name, found, case.outputs[name], allowed)
  yield from networks.compare_state(
    case.outputs,
    "after_train1/",
    convert.to_state_dict(description, after),
    _BUFFERS,
  )


def _label_map(case, dense):
  """Recorded channels as labels, and what follows their one-hot channels."""
  values = label_cases.options(case).values
  if values.get("no_one_hot"):  # a picture instead of labels
    return dense
  number = values["label_nc"] + bool(values.get("contain_dontcare_label"))
  if dense.shape[-1] < number:
    raise CaseError(
      f"{case.folder}: 'x' has {dense.shape[-1]} channels, expected {number} "
      "of labels"
    )
  labels = label_cases.from_one_hot(
    to_nchw(dense[..., :number]), f"{case.folder}: 'x'"
  )
  planes = dense[..., number:] if dense.shape[-1] > number else None
  return LabelMap(labels, planes, number)


def _draw(network, variables, semantics, train):
  """Returns the picture, the cells' parameters, and the variables after."""

  @jax.jit
  def draw(variables, semantics):
    return network.apply(
      variables,
      semantics,
      train=train,
      with_parameters=True,
      mutable=["batch_stats"],
    )

  (picture, parameters), mutated = draw(variables, semantics)
  return picture, parameters, {**variables, **mutated}


def _compare_sizes(case, network, dense, parameters):
  found = {
    "S (downsampling)": network.downsampling,
    "learned_ds_factor": network.learned_downsampling,
    "num_inputs_G": dense.shape[-1],
    "num_params_per_cell": parameters.shape[-1],
    "lr_grid": parameters.shape[1:3],
  }
  for name, expected in case.meta.get("derived", {}).items():
    if name in found:
      yield compare(f"derived/{name}", found[name], expected, EXACT)


def _compare_inputs(case, network, semantics):
  """Compares what the two streams are shown, of the first picture."""
  name = "coords"
  if name in case.outputs:
    size = semantics.shape[1:3]
    waves = asapnets.positional_encoding(size, network.downsampling)
    yield compare(name, to_nchw(waves[None]), case.outputs[name], _ENCODING)
  name = "eval/lowres_input"
  if name in case.outputs:
    found = np.zeros((0,))  # as recorded where there is no filter
    factor = network.downsampling // network.learned_downsampling
    if factor > 1:
      found = to_nchw(asapnets.tent_downsample(semantics, factor)[:1])
    yield compare(name, found, case.outputs[name], _FILTERED)


def _compare(case, name, found, note=""):
  """Compares as far as suggested, in float64 by the difference stated.

  That is one of pictures in evaluation.
  """
  short = name.rpartition("/")[2]
  if case.dtype == np.float64 and name.startswith("eval/"):
    allowed = tolerance(case, name, short)
  else:
    allowed = _suggested(case, short)
  return compare(name, found, case.outputs[name], allowed, note)


def _suggested(case, name):
  atol = case.meta.get("suggested_atol", {}).get(name, _DEFAULT)
  return Tolerance(float(atol))


CHECKS = {
  "generator_forward": generator_forward,
  "train_steps": label_chains.steps,
}
