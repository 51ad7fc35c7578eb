"""Checks of FID's Inception, whose weights cases replay from a recipe."""

import re
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gansynth import convert, models, resampling
from gansynth.convert import inception as convert_inception
from gansynth.models import inception
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import Comparison, compare
from gansynth.parity.label_cases import tolerance
from gansynth.parity.replayed import compare_weights, replay_weights

_POOLED = re.compile(r"(.+)_block(\d)_pooled")
_INNER = re.compile(r"(.+?)_((?:Conv2d|Mixed|block).+)_img0_first3_last5")
_INPUT = re.compile(r"(.+)_net_input_img0_ch0")
_EDGES = np.r_[0:3, -5:0]  # channels that are recorded


def feature_forward(case: Case) -> Iterator[Comparison]:
  """All taps and inner layers, with batch norms beside kernels and in them."""
  if not case.constructor.get("use_fid_inception", True):
    raise CaseError(f"{case.folder}: Inception of torchvision is not supported")
  state = replay_weights(case, convert_inception.state_shapes())
  yield from compare_weights(case, state)
  description, variables = convert.convert_state_dict(
    state, "replayed Inception", dtype=np.dtype(case.dtype)
  )
  network = models.create(**description, dtype=case.dtype)
  yield from _compare(case, network, variables, "")
  folded = network.clone(folded=True)
  yield from _compare(case, folded, inception.fold(variables), "folded: ")


def _compare(case, network, variables, prefix):
  for tag in case.inputs:
    x = _network_input(case, tag)
    layers, taps = _features(network, variables, x)
    for name, expected in case.outputs.items():
      found = None
      if (match := _INPUT.fullmatch(name)) and match[1] == tag:
        found = x[0, ..., 0]
      elif (match := _POOLED.fullmatch(name)) and match[1] == tag:
        found = taps[int(match[2])].mean((1, 2))
      elif (match := _INNER.fullmatch(name)) and match[1] == tag:
        found = _inner(match[2], layers, taps)
      if found is not None:
        case.outputs.used.add(name)
        allowed = tolerance(case, name)
        yield compare(f"{prefix}{name}", found, expected, allowed)


def _network_input(case, tag):
  """What enters the first layer."""
  x = jnp.asarray(case.inputs[tag], case.dtype) / 255
  if case.constructor.get("resize_input", True):
    x = resampling.resize_bilinear(x, (inception.SIZE, inception.SIZE))
  return 2 * x - 1 if case.constructor.get("normalize_input", True) else x


def _features(network, variables, x):
  """Returns what layers and blocks give, by name, and taps not pooled."""

  def wanted(module, method):
    return method == "__call__" and len(module.path) == 1

  @jax.jit
  def apply(variables, x):
    return network.apply(
      variables, x, pooled=False, capture_intermediates=wanted
    )

  taps, captured = apply(variables, x)
  layers = {
    name: result["__call__"][0]
    for name, result in captured["intermediates"].items()
    if name != "__call__"
  }
  return layers, [np.asarray(tap) for tap in taps]


def _inner(name, layers, taps):
  """The recorded channels of the first picture in a layer, or None."""
  if name.startswith("block"):
    found = taps[int(name.removeprefix("block"))]
    if name == "block3":
      found = found.mean((1, 2), keepdims=True)
  else:
    names = [each for each in layers if each.startswith(name)]
    if len(names) != 1:
      return None
    found = layers[names[0]]
  return to_nchw(found[0][..., _EDGES])


CHECKS = {"feature_forward": feature_forward}
