"""Checks of LPIPS, the weights of whose backbones cases replay.

How much each channel counts is no random number: it comes with this package.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gansynth import convert, models
from gansynth.convert import lpips as convert_lpips
from gansynth.models import lpips as lpips_model
from gansynth.parity import kinks
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import Comparison, compare
from gansynth.parity.label_cases import tolerance
from gansynth.parity.replayed import State, compare_weights, replay_weights

_VERSION = "0.1"


def lpips(case: Case) -> Iterator[Comparison]:
  """Distances by tap and pixel, features, and the gradient."""
  backbone = case.constructor.get("net", "alex")
  version = case.constructor.get("version", _VERSION)
  if backbone not in lpips_model.BACKBONES or version != _VERSION:
    raise CaseError(
      f"{case.folder}: LPIPS {version} on {backbone} is not supported, only "
      f"{_VERSION} on {', '.join(lpips_model.BACKBONES)}"
    )
  state = replay_weights(case, convert_lpips.state_shapes(backbone))
  yield from compare_weights(case, state)
  found = _evaluate(case, state)
  for name, expected in case.outputs.items():
    if name == "grad_x":
      yield kinks.compare_gradient(
        case, name, found[name], lambda exact: _evaluate(exact, state)["grad_x"]
      )
    elif name in found:
      case.outputs.used.add(name)
      allowed = tolerance(case, name, "value")
      yield compare(name, found[name], expected, allowed)


def _evaluate(case: Case, state: State) -> dict[str, np.ndarray]:
  """Makes all that a case may record, by name."""
  description, variables = convert.convert_state_dict(
    state, "replayed LPIPS", dtype=np.dtype(case.dtype)
  )
  network = models.create(**description, dtype=case.dtype)
  use_linear = case.constructor.get("lpips", True)

  def measure(variables, x, y, spatial=False, use_linear=use_linear):
    return network.apply(variables, x, y, spatial, use_linear)

  @jax.jit
  def evaluate(variables, x, y):
    def total(x):
      values = measure(variables, x, y)
      return values.sum(), values

    (_, values), gradient = jax.value_and_grad(total, has_aux=True)(x)
    maps = network.apply(variables, x, y, use_linear, method="maps")
    again = [2 * ((picture + 1) / 2) - 1 for picture in (x, y)]
    results = {
      "value": values,
      "grad_x": gradient,
      "per_layer": jnp.stack([part.mean((1, 2)) for part in maps], 1),
      "spatial": measure(variables, x, y, spatial=True)[..., None],
      "baseline_no_lin": measure(variables, x, y, use_linear=False),
      "normalize_true_from_0_1": measure(variables, *again),
      "scaled_input_img0": lpips_model.scaled(x)[0],
    }
    taps = network.apply(variables, x, method="taps")
    results["feat_last_img0"] = taps[-1][0]
    for i, features in enumerate(taps):
      results[f"feat{i}_mean"] = features.mean((1, 2))
    return results

  pictures = [jnp.asarray(case.picture(name)) for name in "xy"]
  results = evaluate(variables, *pictures)
  return {
    name: to_nchw(value) if value.ndim > 2 else np.asarray(value)
    for name, value in results.items()
  }


CHECKS = {"lpips": lpips}
