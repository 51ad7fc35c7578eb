"""What a recorded training step is compared by."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gansynth.parity import comparison, networks
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import (
  Comparison,
  Outliers,
  Tolerance,
  compare,
)
from gansynth.systems import schedules

# Gradients may cancel within a network: below this share of its largest,
# rounding is all that is left.
_SMALLEST_GRADIENT = 1e-6
_TRUE_ZERO = 1e-9  # of the network's largest gradient, in float64


def compare_rates(case: Case) -> Iterator[Comparison]:
  """Where every step is an epoch, the rates are the schedule's."""
  options = case.meta["options"]
  before, found, _ = case.meta.get("order", "").partition(
    "update_learning_rate"
  )
  if not found:
    return
  rates = case.meta["lr_used"]
  factors = schedules.learning_rate_factors(
    options["lr_policy"],
    options["n_epochs"],
    options["n_epochs_decay"],
    first_epoch=options["epoch_count"],
    decay_every=options["lr_decay_iters"],
    step_at="end" if "optimize_parameters" in before else "start",
  )
  yield compare(
    "lr_used",
    options["lr"] * factors[: len(rates)],
    rates,
    Tolerance(relative=1e-9),
  )


def zero_gradients(case: Case) -> set[str]:
  """Names <net>/<param> whose true gradient is exactly 0.

  Listed by the case, or with a float64 gradient that vanishes beside the
  network's largest: Adam turns their rounding noise into whole steps.
  """
  names = case.meta.get("zero_gradient_biases", [])
  if isinstance(names, dict):
    names = [f"{net}/{key}" for net, keys in names.items() for key in keys]
  names = set(names)
  norms = case.meta.get("grad_norm_float64", {})
  largest = {}
  for name, norm in norms.items():
    group = "/".join(name.split("/")[:2])
    largest[group] = max(largest.get(group, 0.0), norm)
  for name, norm in norms.items():
    step, net, key = name.split("/", 2)
    if norm <= _TRUE_ZERO * largest[f"{step}/{net}"]:
      names.add(f"{net}/{key}")
  return names


def _recorded_deviation(case, group):
  """Largest float32 error of the original itself, where recorded."""
  recorded = case.meta.get("float32_vs_float64", {}).get(group, {})
  return float(recorded.get("max_abs", 0.0))


def compare_pictures(
  case: Case, i: int, pictures: dict[str, Any]
) -> Iterator[Comparison]:
  """Pictures: 5e-5, or four times what the original's own float32 is off.

  They went through two networks in a row, each good for 2e-5.
  """
  rule = comparison.clause(case.meta.get("tolerance"), "visual", "picture")
  default = Tolerance(max(5e-5, 4 * _recorded_deviation(case, f"step{i}")))
  tolerance = comparison.parse(rule, default)
  for name in case.outputs:
    prefix, _, label = name.partition("/")
    if prefix != f"step{i}" or label.startswith("dropmask"):
      continue
    if label in pictures:
      found = to_nchw(pictures[label])
      yield compare(name, found, case.outputs[name], tolerance)
    else:
      yield Comparison(name, False, note="the step makes no such picture")


def compare_gradients(
  case: Case, i: int, nets: Any, gradients: Any, skipped: set[str]
) -> Iterator[Comparison]:
  """Each array relative to its own largest gradient; zeros stay small."""
  text = case.meta.get("tolerance")
  if i == 1:
    rule = comparison.clause(text, "gradients of step 1", "gradients")
    tolerance = comparison.parse(rule, Tolerance(relative=2e-3))
  else:
    rule = comparison.clause(text, "gradients of later")
    tolerance = comparison.parse(rule, Tolerance(relative=0.1))
  for name in nets.places:
    prefix = f"grad{i}/{name}/"
    expected = _recorded(case.outputs, prefix)
    if not expected:
      continue
    found = nets.state_dict(name, params=gradients)
    largest = max(np.abs(array).max(initial=0) for array in expected.values())
    tolerance = Tolerance(
      tolerance.absolute, tolerance.relative, _SMALLEST_GRADIENT * largest
    )
    for key, array in expected.items():
      if f"{name}/{key}" in skipped:
        continue
      yield compare(prefix + key, found[key], array, tolerance)
    noise = [key for key in expected if f"{name}/{key}" in skipped]
    if noise:
      worst = max(np.abs(found[key]).max() for key in noise)
      yield compare(
        f"{prefix}<{len(noise)} zero gradients>",
        worst,
        0.0,
        # Rounding, which must stay small beside the real gradients.
        Tolerance(1e-3 * largest),
      )


def _recorded(outputs, prefix):
  return {
    name[len(prefix) :]: outputs[name]
    for name in outputs
    if name.startswith(prefix)
  }


def compare_parameters(
  case: Case, i: int, nets: Any, state: Any, skipped: set[str], lr: float
) -> Iterator[Comparison]:
  """`compare_weights` with the arrays param_after<i>/<net>/<param>."""
  expected = {
    name: _recorded(case.outputs, f"param_after{i}/{name}/")
    for name in nets.places
  }
  yield from compare_weights(case, i, nets, state, expected, skipped, lr)


def compare_weights(
  case: Case,
  i: int,
  nets: Any,
  state: Any,
  expected: Mapping[str, Mapping[str, np.ndarray]],
  skipped: set[str],
  lr: float,
) -> Iterator[Comparison]:
  """Each array within the limit; all together within the share of outliers.

  Args:
    case: the case, which states both.
    i: steps that were taken.
    nets: the networks, as `steps.Networks`.
    state: after these steps.
    expected: arrays by the original's keys, by network.
    skipped: names <net>/<param> that no precision repeats.
    lr: learning rate.
  """
  rule = comparison.parse_outliers(
    comparison.clause(case.meta.get("tolerance"), "parameter"),
    Outliers(1e-5, 0.005, 2.0),
  )
  limit = Tolerance(max(rule.limit_in_steps * lr * i, rule.within))
  errors, left_out = [], 0
  for name, arrays in expected.items():
    if not arrays:
      continue
    prefix = f"param_after{i}/{name}/"
    found = nets.state_dict(name, params=state.params, batch_stats=state.stats)
    for key, array in arrays.items():
      if networks.is_counter(key) or f"{name}/{key}" in skipped:
        left_out += 1
        continue
      if key not in found:
        yield Comparison(prefix + key, False, note="no such array")
        continue
      yield compare(prefix + key, found[key], array, limit)
      errors.append(np.abs(found[key] - array).ravel())
  if errors:
    errors = np.concatenate(errors)
    share = float(np.mean(errors > rule.within))
    yield Comparison(
      f"param_after{i}",
      share <= rule.share,
      float(errors.max()),
      share,
      f"all but {rule.share:.3%} within {rule.within:.3g}",
      f"rel is the share beyond; {left_out} counters and arrays of zero "
      "gradient left out",
    )


def compare_pools(case: Case, state: Any) -> Iterator[Comparison]:
  """Pools hold pictures of later steps, whose weights may differ by steps."""
  rule = comparison.clause(case.meta.get("tolerance"), "pool")
  deviation = _recorded_deviation(case, "pool_end")
  tolerance = comparison.parse(rule, Tolerance(max(2e-3, 4 * deviation)))
  for name in case.outputs:
    if not name.startswith("pool_end/"):
      continue
    expected = case.outputs[name]
    domain = re.search(r"fake_([AB])", name)
    if domain is None:
      raise CaseError(f"{case.folder}: {name!r} is no pool of fake_A or fake_B")
    pool = state.pool[domain[1].lower()]
    pictures = to_nchw(pool.images[: int(pool.count)])
    # The original keeps each picture with a batch axis of one.
    expected = expected.reshape(-1, *pictures.shape[1:])
    yield compare(name, pictures, expected, tolerance)
