"""What recorded steps of SPADE and pix2pixHD are compared by."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from gansynth.parity import networks
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import (
  Comparison,
  Outliers,
  Tolerance,
  compare,
)
from gansynth.systems.common import GanState, StepDetails

_TRUE_ZERO = 1e-9  # of a network's largest gradient, in float64
_NOISE = 1e-3  # of the largest gradient, of those that should vanish
_UNSTABLE = 0.1  # share of an array from which on float32 does not repeat it


def count(case: Case) -> int:
  """How many steps are recorded."""
  steps = [
    int(match[1])
    for match in (re.match(r"loss/step(\d+)/", name) for name in case.outputs)
    if match
  ]
  if not steps:
    raise CaseError(f"{case.folder}: outputs.npz has no loss/step<k>/<name>")
  return max(steps)


class Taken(NamedTuple):
  """A step that was taken."""

  number: int  # from 1
  losses: Mapping[str, Any]  # by their names in the log; None: not made
  details: StepDetails
  before: GanState  # the state before it
  state: GanState  # after it
  batch: Mapping[str, Any]
  phase: str  # of the system's
  drawn: Mapping[str, Any]  # what the system was told instead of drawing it
  held: re.Pattern[str] | None  # begins names <net>/<param> that do not move,
  # whose gradients the original computes and we do not


@dataclasses.dataclass(frozen=True)
class _Rules:
  """Tolerances of one precision."""

  loss: Tolerance
  picture: Tolerance
  gradient: Tolerance
  smallest_gradient: float  # of the network's largest; below is rounding
  buffer: Tolerance
  parameters: Outliers | None  # None: those of `delta`
  delta: Tolerance


def _rules(case: Case, is_strict: bool) -> _Rules:
  if is_strict:
    text = str(case.meta.get("precision", ""))
    match = re.search(r"rtol\s*([\d.]+e-?\d+)", text)
    exact = Tolerance(relative=float(match[1]) if match else 1e-6)
    return _Rules(exact, exact, exact, 1e-9, exact, None, exact)
  return _Rules(
    loss=Tolerance(relative=1e-4, floor=1e-5),
    picture=Tolerance(1e-4),
    gradient=Tolerance(relative=2e-3),
    smallest_gradient=1e-6,
    buffer=Tolerance(2e-5),
    parameters=Outliers(1e-5, 0.005, 2.0),
    delta=Tolerance(),
  )


class StepComparisons:
  """Compares steps of one case.

  In float64, with `outputs_f64.npz`, everything must agree within the rtol
  that the case suggests. In float32 gradients may be off as a kink of a loss
  makes them, and parameters by what Adam makes of gradients that are noise.
  """

  def __init__(self, case: Case, nets: Any, rates: Sequence[float]):
    """Takes the networks, and the rates of generator and discriminator."""
    self._case = case
    self._nets = nets
    self._rates = {"G": rates[0], "E": rates[0], "D": rates[1]}
    self._start = {
      letter: nets.state_dict(letter, params=nets.collect("params"))
      for letter in nets.letters
    }
    self._is_strict = (
      case.dtype == jnp.float64 and (case.folder / "outputs_f64.npz").exists()
    )
    self._rules = _rules(case, self._is_strict)
    self._zero = _zero_gradients(case)

  def step(self, taken: Taken) -> Iterator[Comparison]:
    """Losses, pictures, and gradients of each network's first step."""
    i = taken.number
    yield from self._losses(i, taken.losses)
    name = f"generated/step{i}"
    if name in self._case.outputs:
      fake = to_nchw(taken.details.pictures["fake"])
      yield compare(name, fake, self._case.outputs[name], self._rules.picture)
    gradients = taken.details.gradients
    for letter in self._nets.letters:
      if i == 1 and self._nets.has_moved(letter, gradients):
        found = self._nets.state_dict(letter, params=gradients)
        yield from self._gradients_of(letter, found, taken.held)

  def _losses(self, i, found):
    for name, expected in self._recorded(f"loss/step{i}/").items():
      if name not in found:
        yield Comparison(f"loss/step{i}/{name}", False, note="no such loss")
        continue
      value = 0.0 if found[name] is None else found[name]
      yield compare(f"loss/step{i}/{name}", value, expected, self._rules.loss)

  def _gradients_of(self, letter, found, held):
    prefix = f"grad{letter}/"
    expected = self._recorded(prefix)
    norms = {
      name.removeprefix(prefix): value
      for name, value in self._case.meta.get("grad_norms_f64", {}).items()
      if name.startswith(prefix)
    }
    arrays = [np.abs(array).max(initial=0) for array in expected.values()]
    largest = max(arrays, default=0.0)
    tolerance = dataclasses.replace(
      self._rules.gradient, floor=self._rules.smallest_gradient * largest
    )
    vanishing = []
    for key in sorted({*expected, *norms}):
      name = f"{letter}/{key}"
      if held is not None and held.match(name):
        continue
      if key not in found:
        yield Comparison(prefix + key, False, note="no such array")
      elif name in self._zero:
        vanishing.append(np.abs(found[key]).max())
      elif key in expected:
        yield compare(prefix + key, found[key], expected[key], tolerance)
      else:
        yield self._norm(prefix + key, found[key], norms[key])
    if vanishing:
      yield compare(
        f"{prefix}<{len(vanishing)} that vanish>",
        max(vanishing),
        0.0,
        Tolerance((1e-9 if self._is_strict else _NOISE) * largest),
      )

  def _norm(self, name, found, expected):
    """Compares norm and sum of a gradient that is not recorded in full."""
    norm, _, total = expected
    relative = self._rules.gradient.relative or 0.0
    pair = [np.linalg.norm(found.astype(np.float64)), found.sum()]
    # As far as the sum may move with a norm that is right.
    slack = relative * norm * np.sqrt(found.size)
    line = compare(name, pair[0], norm, Tolerance(relative=relative))
    ok = line.ok and abs(pair[1] - total) <= slack
    return dataclasses.replace(line, ok=ok, note="norm and sum")

  def state(self, steps: int, state: Any) -> Iterator[Comparison]:
    """Parameters, their changes and the buffers after the last step."""
    for letter in self._nets.letters:
      found = self._nets.state_dict(
        letter, params=state.params, batch_stats=state.stats
      )
      yield from self._parameters(letter, found, steps)
      yield from self._buffers(letter, found, steps)

  def _buffers(self, letter, found, steps):
    """Compares buffers; running statistics see what noise does to biases."""
    measured = float(self._case.meta.get("max_abs_buffer_diff", 0.0))
    drift = max(4 * measured, 2 * steps * self._rates[letter])
    prefix = f"buf{letter}/"
    for key, expected in self._recorded(prefix).items():
      tolerance = self._rules.buffer
      if not self._is_strict and key.endswith(("running_mean", "running_var")):
        tolerance = Tolerance(drift, 1e-4)
      yield from networks.compare_state(
        {prefix + key: expected}, prefix, found, tolerance
      )

  def _parameters(self, letter, found, steps):
    """Compares `param<net>` as they are, `delta<net>` as what was added."""
    limit = (self._rules.parameters or Outliers(0, 0, 2.0)).limit_in_steps
    limit *= self._rates[letter] * steps
    errors, left_out = [], 0
    for kind in ("param", "delta"):
      for key, expected in self._recorded(f"{kind}{letter}/").items():
        name = f"{kind}{letter}/{key}"
        if key not in found:
          yield Comparison(name, False, note="no such array")
          continue
        array = found[key]
        if kind == "delta":
          start = self._start[letter][key].astype(np.float64)
          array = array.astype(np.float64) - start
        if self._is_unstable(letter, key):
          left_out += 1
          yield compare(name, array, expected, Tolerance(limit), "noise")
        elif self._rules.parameters is None:
          yield compare(name, array, expected, self._rules.delta)
        else:
          yield compare(name, array, expected, Tolerance(limit))
          errors.append(np.abs(array - expected).ravel())
    if errors:
      rule = self._rules.parameters
      errors = np.concatenate(errors)
      share = float(np.mean(errors > rule.within))
      yield Comparison(
        f"all of {letter}",
        share <= rule.share,
        float(errors.max()),
        share,
        f"all but {rule.share:.3%} within {rule.within:.3g}",
        f"rel is the share beyond; {left_out} arrays of noise left out",
      )

  def _is_unstable(self, letter, key):
    """Whether Adam moves an array by noise: no precision repeats it."""
    if f"{letter}/{key}" in self._zero:
      return True
    if self._is_strict:
      return False
    recorded = self._case.meta.get("float32_unstable_deltas", {})
    pair = recorded.get(f"delta{letter}/{key}")
    return isinstance(pair, list) and pair[0] > _UNSTABLE * pair[1]

  def _recorded(self, prefix):
    outputs = self._case.outputs
    return {
      name.removeprefix(prefix): outputs[name]
      for name in outputs
      if name.startswith(prefix)
    }


def _zero_gradients(case: Case) -> set[str]:
  """Names <net>/<param> whose true gradient is 0: listed, or so in float64."""
  names = set()
  for name in case.meta.get("structurally_zero_gradients", ()):
    net, _, key = name.removeprefix("grad").partition("/")
    names.add(f"{net}/{key}")
  norms = {
    name.removeprefix("grad"): value[0]
    for name, value in case.meta.get("grad_norms_f64", {}).items()
    if name.startswith("grad")
  }
  largest = {}
  for name, norm in norms.items():
    net = name.partition("/")[0]
    largest[net] = max(largest.get(net, 0.0), norm)
  for name, norm in norms.items():
    if norm <= _TRUE_ZERO * largest[name.partition("/")[0]]:
      names.add(name)
  return names
