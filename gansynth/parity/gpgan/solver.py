"""Checks of the Gaussian-Poisson solve on one level."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from gansynth.blending import fields, solver
from gansynth.parity import comparison
from gansynth.parity.case import Case, to_nchw, to_nhwc
from gansynth.parity.comparison import Comparison, Tolerance, compare

_DEFAULT = {"float32": 2e-5, "float64": 1e-10}


def solve(case: Case) -> Iterator[Comparison]:
  """Fields, divergence, eigenvalues, and the solution before and after."""
  tolerance = tolerance_of(case)
  options = case.meta.get("options", {})
  color_weight = options.get("color_weight", 1.0)
  sigma = options.get("sigma", 0.5)
  kernel = options.get("gradient_kernel", "normal")
  border = border_of(case)
  source, destination, color = (
    jnp.asarray(to_nchw(case.inputs[name]), case.dtype)
    for name in ("src", "dst", "gan")
  )
  mask = jnp.asarray(case.inputs["mask"], case.dtype)[None]
  h, v = fields.blended(source, destination, mask, kernel, border)
  rhs = solver.right_hand_side(
    source, destination, mask, color, color_weight, kernel, border
  )
  laplacian, gaussian, _ = solver.eigenvalues(
    *mask.shape[-2:], color_weight, sigma, case.dtype
  )
  found = {
    "Fh": h,
    "Fv": v,
    "div": fields.negative_divergence(
      source, destination, mask, kernel, border
    ),
    "param_l": laplacian,
    "param_g": gaussian,
    "Y_raw": solver.solve_system(rhs, color_weight, sigma),
    "Y": solver.solve(
      source,
      destination,
      mask,
      color,
      color_weight=color_weight,
      sigma=sigma,
      kernel=kernel,
      border=border,
    ),
  }
  for name in case.outputs:
    if name in found:
      array = np.asarray(found[name])
      yield compare(
        name,
        to_nhwc(array) if array.ndim == 3 else array,
        case.outputs[name],
        tolerance,
      )


def border_of(case: Case) -> str:
  """Returns the border of the gradients, which scikit-image's version sets."""
  zeroed = "zero" in str(case.meta.get("skimage_border", "zeroed")).lower()
  return "zero" if zeroed else "reflect"


def tolerance_of(case: Case) -> Tolerance:
  """Returns the tolerance that the case states for the dtype, or ours."""
  dtype = case.dtype.name
  stated = case.meta.get("tolerance")
  if isinstance(stated, dict) and f"{dtype}_atol" in stated:
    return Tolerance(stated[f"{dtype}_atol"])
  return comparison.parse(stated, Tolerance(_DEFAULT[dtype]))


CHECKS = {"solver": solve}
