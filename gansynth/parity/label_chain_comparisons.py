"""What recorded iterations of SemDisc and ASAP-Nets are compared by."""

import functools
import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import Comparison, Tolerance, compare
from gansynth.parity.label_step_comparisons import Taken
from gansynth.parity.networks import is_counter

# How many times what the original's float32 run is off from its float64 run;
# in float64 the recorded float32 numbers are off by it, and ours are not.
_TIMES, _TIMES_IN_FLOAT64 = 20, 2
_RELATIVE, _ROUNDING = 1e-4, 1e-6
_FLOOR = 1e-6
# The same of the mean over the elements of an array after all steps.
_TIMES_OF_MEAN, _LEAST_MEAN = 5, 2e-6
_LEAST_MEAN_IN_FLOAT64 = 1e-7
# Of a norm, by how much that of gradients may differ which are the step's.
_MIXED = 1e-3
_SIDES = {"G": "generator", "D": "discriminator"}


def tolerance(case: Case, *names: str, elementwise: bool = False) -> Tolerance:
  """How far an array may be off, by the difference that the case states.

  Args:
    case: the case, whose `f32_vs_f64` lists the largest absolute differences
      between the original's float32 and float64 runs.
    *names: of the array, the first that is listed counts.
    elementwise: whether elements are of different size.
  """
  listed = case.meta.get("f32_vs_f64", {})
  stated = next((listed[name] for name in names if name in listed), 0.0)
  if isinstance(stated, Mapping):
    stated = stated["max_abs_diff_f32_vs_f64"]
  if case.dtype == jnp.float64:
    times, relative, floor = _TIMES_IN_FLOAT64, _ROUNDING, 0.0
  else:
    times, relative, floor = _TIMES, _RELATIVE, _FLOOR
  return Tolerance(times * float(stated), relative, floor, elementwise)


class ChainComparisons:
  """Compares the iterations of one run of the original."""

  def __init__(self, case: Case, run: Any, prefix: str):
    """Takes what the run is known by.

    Args:
      case: the case.
      run: what its steps are repeated with, `label_steps.Run`.
      prefix: of names of arrays, up to the number of the iteration.
    """
    self._case = case
    self._nets = run.nets
    self._prefix = prefix
    self._beta2 = run.beta2
    self._left_by_generator = _left_by_generator(run.system)
    self._waiting = None

  def step(self, taken: Taken) -> Iterator[Comparison]:
    """Losses, pictures, gradients, and in the first step Adam's state."""
    start, gradients = f"{self._prefix}{taken.number}/", taken.details.gradients
    yield from self._losses(start, taken.losses)
    fake = to_nchw(taken.details.pictures["fake"])
    for name in self._recorded(f"{start}generated"):
      match = re.search(r"_stride(\d+)$", name)
      step = int(match[1]) if match else 1
      yield self._compare(name, fake[..., ::step, ::step])
    yield from self._waited(taken)
    for letter in self._nets.letters:
      if self._nets.has_moved(letter, gradients):
        yield from self._gradients_of(start, letter, gradients)
    if taken.number == 1:
      yield from self._moments(start, gradients, taken.state)

  def _losses(self, start, found):
    for letter in "GD":
      for name in self._recorded(f"{start}{letter}/"):
        key = name.rpartition("/")[2]
        if key in found:
          value = 0.0 if found[key] is None else found[key]
          yield self._compare(name, np.reshape(value, -1))
        else:
          yield Comparison(name, False, note="no such loss")

  def _gradients_of(self, start, letter, gradients):
    found = self._nets.state_dict(letter, params=gradients)
    yield from self._norms(start, letter, found)
    prefix = f"{start}{letter}_grad:"
    names = self._recorded(prefix)
    if letter == "D" and self._is_mixed(start, names):
      self._waiting = gradients, prefix
    else:
      yield from self._full(prefix, found)

  def _full(self, prefix, found, note=""):
    """Compares gradients that are recorded in full."""
    for name in self._recorded(prefix):
      key = name.removeprefix(prefix)
      if key in found:
        yield self._compare(name, found[key], note=note)
      else:
        yield Comparison(name, False, note="no such array")

  def _is_mixed(self, start, names):
    """Whether gradients of the discriminator hold more than its step's.

    The original's generator leaves gradients in the discriminator, which are
    dropped before the discriminator moves, but not before they were added to
    those of the step before. Arrays that are recorded by reference then hold
    both, and have other norms than those recorded.
    """
    key = f"{start}D_grad_norms"
    if key not in self._case.outputs:
      return False
    norms = recorded_norms(self._case, key)
    largest = max(norms.values())
    return any(
      abs(np.linalg.norm(self._case.outputs[name]) - norms[parameter])
      > _MIXED * largest
      for name in names
      if (parameter := name.partition(":")[2]) in norms
    )

  def _waited(self, taken):
    """Compares what waits for the gradients that this step's generator left."""
    if self._waiting is None:
      return
    (gradients, prefix), self._waiting = self._waiting, None
    note = ""
    if "generator" in taken.details.gradients:
      left = self._left_by_generator(
        taken.before, taken.batch, taken.drawn, taken.phase
      )
      both = jax.tree.map(jnp.add, gradients["discriminator"], left)
      gradients = {**gradients, "discriminator": both}
      note = "with what the generator's next step left there"
    found = self._nets.state_dict("D", params=gradients)
    yield from self._full(prefix, found, note)

  def _norms(self, start, letter, found):
    name = f"{start}{letter}_grad_norms"
    if name not in self._case.outputs:
      return
    keys = list(recorded_norms(self._case, name))
    if set(keys) != set(found):
      differing = sorted(set(keys) ^ set(found))
      note = f"other parameters: {', '.join(differing[:5])}"
      yield Comparison(name, False, note=note)
      return
    norms = [np.linalg.norm(found[key].astype(np.float64)) for key in keys]
    yield self._compare(name, norms, elementwise=True)

  def _moments(self, start, gradients, state):
    """Whether Adam has seen this step alone, as one that starts anew."""
    for letter, side in _SIDES.items():
      if side not in gradients:
        continue
      squares = optax.tree.get(state.opt_state[side], "nu")
      pairs = zip(
        jax.tree.leaves(squares), jax.tree.leaves(gradients[side]), strict=True
      )
      found, expected = zip(
        *(
          (np.ravel(square), (1 - self._beta2) * np.square(np.ravel(gradient)))
          for square, gradient in pairs
        ),
        strict=True,
      )
      yield compare(
        f"{start}{letter}/adam",
        np.concatenate(found),
        np.concatenate(expected),
        Tolerance(relative=1e-5),
        "seen this step alone",
      )

  def finish(self) -> Iterator[Comparison]:
    """What still waits for a step after the last."""
    if self._waiting is not None:
      gradients, prefix = self._waiting
      yield from self._full(
        prefix, self._nets.state_dict("D", params=gradients)
      )

  def _compare(self, name, found, elementwise=False, note=""):
    allowed = tolerance(self._case, name, elementwise=elementwise)
    return compare(name, found, self._case.outputs[name], allowed, note)

  def _recorded(self, prefix):
    return [name for name in self._case.outputs if name.startswith(prefix)]


def recorded_norms(case: Case, name: str) -> dict[str, float]:
  """Returns norms of gradients by the original's names of parameters.

  Args:
    case: the case.
    name: of the array, `<...>/<G or D>_grad_norms`.
  """
  letter = name.rpartition("/")[2][0]
  keys, norms = case.require(f"{letter}_param_names"), case.outputs[name]
  if len(keys) != len(norms):
    raise CaseError(
      f"{case.folder}: {name!r} has {len(norms)} norms, and "
      f"{letter}_param_names {len(keys)} names"
    )
  return dict(zip(keys, norms.tolist(), strict=True))


def _left_by_generator(system):
  """Returns what differentiates the generator's loss by the discriminator."""

  @functools.partial(jax.jit, static_argnums=3)
  def left(state, batch, drawn, phase):
    def loss(discriminator):
      params = {**state.params, "discriminator": discriminator}
      _, metrics, _ = system.step_with_details(
        state.replace(params=params), batch, phase=phase, **drawn
      )
      return metrics["G"]

    return jax.grad(loss)(state.params["discriminator"])

  return left


def compare_networks(
  case: Case,
  name: str,
  found: Mapping[str, np.ndarray],
  expected: Mapping[str, np.ndarray],
  differences: Mapping[str, Mapping[str, float]],
  moved: float,
  noise: Container[str] = (),
) -> Iterator[Comparison]:
  """Compares a network after steps, by the mean error of each array.

  Adam moves every element by about its rate, by the sign of its gradient:
  where that is nearly 0 no precision repeats it, and the largest error of an
  array tells nothing.

  Args:
    case: the case.
    name: of the comparisons, before the arrays' keys.
    found: arrays by the original's keys.
    expected: those recorded.
    differences: by key the `mean` between the original's float32 and float64.
    moved: how far Adam may have moved an element; errors relative to it are
      reported.
    noise: keys of parameters whose gradients are nothing but rounding, as of
      biases before a norm. They go anywhere, and running means with them.
  """
  for key, array in expected.items():
    if is_counter(key):
      continue
    if key not in found or found[key].shape != array.shape:
      yield Comparison(f"{name}/{key}", False, note="no such array")
      continue
    errors = np.abs(found[key].astype(np.float64) - array)
    mean, stated = float(errors.mean()), differences.get(key, {})
    if case.dtype == jnp.float64:
      times, least = _TIMES_IN_FLOAT64, _LEAST_MEAN_IN_FLOAT64
    else:
      times, least = _TIMES_OF_MEAN, _LEAST_MEAN
    most = max(times * stated.get("mean", 0.0), least)
    note = f"rel is of {moved:.3g}; largest error {errors.max(initial=0):.3g}"
    if key in noise or (noise and key.endswith("running_mean")):
      most, note = 2 * moved, f"{note}; of noise"
    yield Comparison(
      f"{name}/{key}",
      mean <= most,
      mean,
      mean / moved,
      f"mean {most:.3g}",
      note,
    )
  left = sorted(set(found) - set(expected))
  if left:
    note = f"the original has no {', '.join(left[:5])}"
    yield Comparison(name, False, note=note)
