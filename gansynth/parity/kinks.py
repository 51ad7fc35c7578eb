"""Comparisons that float32 fails by a kink, and float64 decides."""

import dataclasses
import re
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gansynth.parity.case import Case
from gansynth.parity.comparison import Comparison, compare
from gansynth.parity.label_cases import tolerance

# Up to where a kink may move what is compared, by how its name begins.
_KINKS = {
  r"loss/|(\w+/)?it\d+/[GD]/": ("relative", 1e-3),
  r"grad|(\w+/)?it\d+/[GD]_grad": ("relative", 0.1),
  "all of ": ("relative", 0.25),  # the share beyond, as Adam has no scale
  "after ": ("relative", 0.25),  # the mean error, of as far as Adam moves
  "buf": ("absolute", 1e-3),
}

_SHARE = 0.05  # of the elements of a picture's gradient, that kinks may move


def compare_gradient(
  case: Case,
  name: str,
  found: np.ndarray,
  evaluate: Callable[[Case], np.ndarray],
) -> Comparison:
  """Compares a picture's gradient; where a kink moved some, float64 decides.

  An activation that is 0 up to rounding is on or off, and the gradients of the
  pixels that it sees differ by what comes through it.

  Args:
    case: the case.
    name: of the recorded gradient.
    found: the one computed.
    evaluate: computes it in the precision of the case it is given.
  """
  expected, allowed = case.outputs[name], tolerance(case, name, "grad")
  line = compare(name, found, expected, allowed)
  if line.ok or case.dtype == jnp.float64 or found.shape != expected.shape:
    return line
  with jax.enable_x64(True):
    exact = evaluate(Case(case.folder, jnp.float64))
  decisive = compare(name, exact, expected, allowed)
  share = np.mean(np.abs(found - expected) > allowed.allowed(expected))
  return dataclasses.replace(
    line,
    ok=decisive.ok and bool(share <= _SHARE),
    note=f"{share:.2%} of the elements are beyond it, at kinks; in float64 "
    f"abs {decisive.absolute:.3g}, rel {decisive.relative:.3g}",
  )


def decided(
  steps: Callable[[Case], Iterator[Comparison]], case: Case
) -> Iterator[Comparison]:
  """Runs steps; where float32 falls short, float64 decides.

  An activation that is 0 up to rounding is on or off, and what comes through
  it moves gradients by far more than rounding. With every array of float64 as
  it should be, float32 may be off as far as such kinks go.

  Args:
    steps: makes the comparisons of a case.
    case: the case, which float64 decides if it tells what the original makes
      in float64, or how far from it the recorded numbers are.
  """
  lines = list(steps(case))
  is_short = any(not line.ok for line in lines)
  recorded = "f32_vs_f64" in case.meta or (
    (case.folder / "outputs_f64.npz").exists()
  )
  if not is_short or not recorded or case.dtype == jnp.float64:
    yield from lines
    return
  with jax.enable_x64(True):
    exact = [line.ok for line in steps(Case(case.folder, jnp.float64))]
  note = f"in float64 {sum(exact)} of {len(exact)} ok"
  for line in lines:
    yield line if line.ok else _judged(line, all(exact), note)


def _judged(line, is_exact, note):
  """A comparison that failed in float32, which passes if a kink explains it."""
  found = [rule for start, rule in _KINKS.items() if re.match(start, line.name)]
  ok = is_exact and any(getattr(line, kind) <= most for kind, most in found)
  if ok:
    note = f"beyond it by a kink; {note}"
  return dataclasses.replace(
    line, ok=ok, note=f"{line.note}; {note}" if line.note else note
  )
