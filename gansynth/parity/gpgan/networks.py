"""GP-GAN's networks and the files that hold them.

Where a case states no tolerance, networks agree within 2e-5, and outputs of
training mode within 1e-4: the bottleneck's batch norm sees few values there,
which amplifies rounding. Imports are exact.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gansynth import convert
from gansynth.convert import gpgan as keys
from gansynth.parity import comparison, networks
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import Comparison, Tolerance, compare

_STATISTICS = "train_after::"
# The original's classes: our name, and our fields by its arguments.
_CLASSES = {
  "EncoderDecoder": (
    "encoder_decoder",
    {
      "image_size": "image_size",
      "nef": "encoder_features",
      "ngf": "decoder_features",
      "nc": "output_channels",
      "nBottleneck": "bottleneck",
    },
  ),
  "DCGAN_G": (
    "dcgan_generator",
    {
      "isize": "image_size",
      "ngf": "features",
      "nc": "output_channels",
      "nz_from_input": "latent_size",
    },
  ),
  "DCGAN_D": (
    "dcgan_critic",
    {"isize": "image_size", "ndf": "features", "nz": "outputs"},
  ),
}


def network_forward(case: Case) -> Iterator[Comparison]:
  """Outputs of both modes, and running statistics after the training one."""
  tolerances = _tolerances(case)
  file = "checkpoint.npz"
  description, network, variables = case.network(file)
  yield from _compare_description(case, file, description, case.constructor)
  x = case.picture("x" if "x" in case.inputs else "z")
  if description["name"] == "dcgan_generator":
    x = x[:, 0, 0]
  method = _METHODS[description["name"]]
  for mode in ("eval", "train"):
    names = [name for name in case.outputs if name.startswith(f"{mode}_")]
    if not names:
      continue
    found, after = _run(network, variables, x, mode == "train", method)
    for name in names:
      output = name.removeprefix(f"{mode}_")
      if output in found:
        expected = case.outputs[name]
        yield compare(name, found[output], expected, tolerances[mode])
      elif not name.startswith(_STATISTICS):
        yield Comparison(name, False, note="the network has no such array")
    if mode == "eval":
      continue
    yield from networks.compare_state(
      case.outputs,
      _STATISTICS,
      convert.to_state_dict(description, after),
      tolerances["statistics"],
    )


def checkpoint_import(case: Case) -> Iterator[Comparison]:
  """Files of a training run: each network, and each in a snapshot.

  What is imported must be the network that the case was made with, must give
  back every array of its file, and must be the same in a snapshot and in the
  network's own file of that epoch.
  """
  found = {}
  for path in sorted(case.folder.glob("*.npz")):
    if re.match(r"(inputs|outputs)", path.name):
      continue
    with np.load(path, allow_pickle=False) as file:
      recorded = {name: file[name] for name in file}
    held = keys.networks_of(path) or {"": ""}
    for name, prefix in held.items():
      label = f"{path.name}: {name}" if name else path.name
      description, variables = convert.from_original(
        path, key=name or None, dtype=None
      )
      constructor = _constructor(case, description)
      yield from _compare_description(case, label, description, constructor)
      state = convert.to_state_dict(description, variables)
      for line in networks.compare_state(
        recorded, prefix, state, comparison.EXACT
      ):
        yield dataclasses.replace(line, name=f"{path.name}: {line.name}")
      epoch = re.search(r"epoch_(\d+)", path.name)
      number = epoch and epoch[1], description["name"]
      found.setdefault(number, []).append((label, state))
  for same_network in found.values():
    (first, expected), *others = same_network
    for label, state in others:
      same = state.keys() == expected.keys() and all(
        np.array_equal(state[key], expected[key]) for key in expected
      )
      yield Comparison(f"{label} = {first}", same)


CHECKS = {
  "network_forward": network_forward,
  "checkpoint_import": checkpoint_import,
}


def _tolerances(case):
  stated = case.meta.get("tolerance")
  plain = dataclasses.replace(
    comparison.parse(stated, Tolerance(2e-5, 1e-4)), elementwise=True
  )
  train = 1e-4
  if isinstance(stated, dict):
    train = stated.get("train_output_atol", plain.absolute)
  return {
    "eval": plain,
    "train": dataclasses.replace(plain, absolute=train),
    "statistics": plain,
  }


def _run(network, variables, x, train, method):
  """Returns the arrays of a forward pass, and the variables afterwards."""

  @jax.jit
  def apply(variables, x):
    outputs, after = network.apply(
      variables, x, train, method=method, mutable=["batch_stats"]
    )
    return {name: _to_nchw(y) for name, y in outputs.items()}, after

  outputs, after = apply(variables, x)
  return outputs, {**variables, **after}


def _encoder_decoder(network, x, train):
  encoded = network.encoder(x, train)[-1][-1]
  code = network.code(encoded, train)
  output = network.decode(code[:, 0, 0], train)
  return {"encoder": encoded, "code": code, "output": output}


def _generator(network, z, train):
  return {"output": network(z, train)}


def _critic(network, x, train):
  logits = network(x, train)[-1][-1]
  return {"map": logits, "score": logits.mean((0, 1, 2)).squeeze()}


def _to_nchw(x):
  return jnp.moveaxis(x, -1, 1) if x.ndim == 4 else x


_METHODS = {
  "encoder_decoder": _encoder_decoder,
  "dcgan_generator": _generator,
  "dcgan_critic": _critic,
}


def _constructor(case, description):
  """What the network was made with, of the case's one or several."""
  if "cls" in case.constructor:
    return case.constructor
  role = "D" if description["name"] == "dcgan_critic" else "G"
  return case.constructor.get(role, {})


def _compare_description(
  case: Case,
  label: str,
  description: Mapping[str, Any],
  constructor: Mapping[str, Any],
) -> Iterator[Comparison]:
  """Whether a file was recognised as what the case says it is."""
  if "cls" not in constructor:
    return
  if constructor["cls"] not in _CLASSES:
    raise CaseError(
      f"{case.folder}: unknown network {constructor['cls']!r}; known are "
      f"{', '.join(_CLASSES)}"
    )
  name, fields = _CLASSES[constructor["cls"]]
  expected = {"name": name} | {
    field: constructor[argument]
    for argument, field in fields.items()
    if argument in constructor
  }
  for field in ("features", "decoder_features"):
    if "ngf" in constructor and field in expected:
      # The original halves it and doubles it again.
      expected[field] = expected[field] // 2 * 2
  differing = [
    f"{field} {description.get(field)!r}, expected {value!r}"
    for field, value in expected.items()
    if description.get(field) != value
  ]
  yield Comparison(
    f"{label} is {name}", not differing, note="; ".join(differing)
  )
