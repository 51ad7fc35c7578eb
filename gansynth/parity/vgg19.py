"""Checks of VGG19's features, whose weights cases replay from a recipe.

The weights are too large to keep: cases say how NumPy drew them.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gansynth import convert, losses, models
from gansynth.parity import kinks
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import Comparison, compare
from gansynth.parity.label_cases import tolerance
from gansynth.parity.replayed import (
  State,
  compare_tensor,
  compare_weights,
  replay,
  replay_weights,
)

# Places in torchvision's `features` and widths of the convolutions, by the
# slices of the originals' modules; what follows is drawn too, and not used.
_SLICES = (
  ((0, 64),),
  ((2, 64), (5, 128)),
  ((7, 128), (10, 256)),
  ((12, 256), (14, 256), (16, 256), (19, 512)),
  ((21, 512), (23, 512), (25, 512), (28, 512)),
)
_UNUSED = ((30, 512), (32, 512), (34, 512))


def replay_slices(seed: int) -> State:
  """Draws the weights as the cases of SPADE and pix2pixHD do.

  Weights N(0, 2 / fan-in), biases N(0, 0.05^2), in the order of the layers,
  under the keys of the originals' modules.
  """
  rng = np.random.RandomState(seed)
  state, inputs = {}, 3
  for number, places in enumerate(_SLICES, 1):
    for place, width in places:
      key = f"slice{number}.{place}"
      weight = rng.normal(size=(width, inputs, 3, 3))
      weight *= math.sqrt(2 / (inputs * 9))
      state[f"{key}.weight"] = weight.astype(np.float32)
      bias = rng.normal(size=(width,)) * 0.05
      state[f"{key}.bias"] = bias.astype(np.float32)
      inputs = width
  return state


def state_of(case: Case) -> State:
  """Returns the weights that the words of a case of training name.

  `vgg` names RandomState(<seed>), of `replay_slices`; or the words name the
  keys `features.*`, of `replay`, and a seed.
  """
  if "vgg" in case.meta:
    return replay_slices(seed_in(case, case.meta["vgg"]))
  note = str(case.meta.get("note"))
  match = re.search(r"seed\W*(\d+)", note)
  if match is None or "features." not in note:
    raise CaseError(
      f"{case.folder}: case.json does not say how VGG19's weights were drawn"
    )
  return replay(_torchvision_shapes(), int(match[1]))


def network_of(case: Case, state: State) -> tuple[nn.Module, dict[str, Any]]:
  """The network of a replayed state, in the case's dtype, and its variables."""
  description, variables = convert.convert_state_dict(
    state, "replayed VGG19", dtype=np.dtype(case.dtype)
  )
  return models.create(**description, dtype=case.dtype), variables


def seed_in(case: Case, text: Any) -> int:
  """The seed that a recipe in words names."""
  match = re.search(r"RandomState\((\d+)\)", str(text))
  if match is None:
    raise CaseError(
      f"{case.folder}: the recipe of VGG19's weights names no "
      f"RandomState(<seed>): {text!r}"
    )
  return int(match[1])


def perceptual_loss(case: Case) -> Iterator[Comparison]:
  """The perceptual loss of SPADE: features, loss and gradient."""
  state = replay_slices(seed_in(case, case.require("vgg_recipe")))
  for key, expected in case.meta.get("vgg_state_keys_check", {}).items():
    if key in state:
      total, first, last = expected
      yield compare_tensor(key, state[key], first, last, total)
  on_x, on_y, loss, gradient = _evaluate(case, state)
  for i, (x, y) in enumerate(zip(on_x, on_y, strict=True)):
    allowed = tolerance(case, f"l1/{i}", "loss")
    distance = np.abs(np.subtract(x, y)).mean()
    yield compare(f"l1/{i}", distance, case.outputs[f"l1/{i}"], allowed)
    found = {
      "first4ch": to_nchw(x[:1, ..., :4]),
      "mean": x.mean(),
      "std": x.std(ddof=1),
    }
    for name, value in found.items():
      name = f"feat_x/{i}/{name}"
      if name in case.outputs:
        allowed = tolerance(case, name, "feature")
        yield compare(name, value, case.outputs[name], allowed)
  yield from _compare_loss(case, state, loss, gradient)


def feature_forward(case: Case) -> Iterator[Comparison]:
  """Features, perceptual loss and its gradient."""
  state = replay_weights(case, _torchvision_shapes())
  yield from compare_weights(case, state)
  on_x, on_y, loss, gradient = _evaluate(case, state)
  distances = []
  for i, (x, y) in enumerate(zip(on_x, on_y, strict=True), 1):
    distances.append(np.abs(np.subtract(x, y)).mean())
    name = f"slice{i}_chansub_img0"
    if name in case.outputs:
      expected = case.outputs[name]
      step = x.shape[-1] // len(expected)
      found = to_nchw(x[0, ..., ::step])
      yield compare(name, found, expected, tolerance(case, name))
    name = f"slice{i}_mean_per_channel"
    if name in case.outputs:
      expected = case.outputs[name]
      allowed = tolerance(case, name)
      yield compare(name, x.mean((1, 2)), expected, allowed)
  name = "l1_per_slice"
  yield compare(name, distances, case.outputs[name], tolerance(case, name))
  yield from _compare_loss(case, state, loss, gradient)


def _torchvision_shapes():
  shapes, inputs = {}, 3
  for place, width in [p for part in (*_SLICES, _UNUSED) for p in part]:
    shapes[f"features.{place}.weight"] = (width, inputs, 3, 3)
    shapes[f"features.{place}.bias"] = (width,)
    inputs = width
  return shapes


def _evaluate(case, state):
  """Returns features of x and of y, the loss, and its gradient of x."""
  network, variables = network_of(case, state)

  @jax.jit
  def evaluate(variables, x, y):
    def loss(x):
      features = [network.apply(variables, each) for each in (x, y)]
      return losses.perceptual(*features), features

    return jax.value_and_grad(loss, has_aux=True)(x)

  pictures = [jnp.asarray(case.picture(name)) for name in "xy"]
  (loss, features), gradient = evaluate(variables, *pictures)
  on_x, on_y = ([np.asarray(f) for f in each] for each in features)
  return on_x, on_y, loss, gradient


def _compare_loss(case, state, loss, gradient):
  name = "loss"
  yield compare(name, loss, case.outputs[name], tolerance(case, name, name))
  name = "grad_x"
  if name in case.outputs:
    yield kinks.compare_gradient(
      case,
      name,
      to_nchw(gradient),
      lambda exact: to_nchw(_evaluate(exact, state)[-1]),
    )


CHECKS = {"feature_forward": feature_forward}
