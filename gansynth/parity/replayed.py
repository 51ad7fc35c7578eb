"""Weights that a case does not keep: it says how NumPy drew them."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import Comparison, Tolerance, compare

State = dict[str, np.ndarray]

_SUM = Tolerance(relative=1e-9, floor=1e-9)


def replay_weights(case: Case, shapes: Mapping[str, Sequence[int]]) -> State:
  """Draws the weights of a case of evaluation, by its key `weights`.

  Args:
    case: whose `weights` hold a seed and, where there are any, the endings of
      scales that are small and the keys that were not drawn.
    shapes: of all entries of the original's state, by key.

  Returns:
    The state without the keys that were not drawn.

  Raises:
    CaseError: the case has no such recipe.
  """
  weights = case.require("weights")
  if "RandomState" not in str(weights.get("recipe")):
    raise CaseError(f"{case.folder}: unknown recipe of weights")
  return replay(
    shapes,
    weights["seed"],
    weights.get("small_suffixes", ()),
    weights.get("not_drawn", ()),
  )


def replay(
  shapes: Mapping[str, Sequence[int]],
  seed: int,
  small: Sequence[str] = (),
  kept: Sequence[str] = (),
) -> State:
  """Draws weights of any network by the recipe of the evaluation cases.

  Keys are drawn in sorted order from one stream: running means N(0, 0.1^2),
  running variances U(0.5, 2), scales of norms U(0.8, 1.2), biases N(0, 0.1^2),
  kernels N(0, 2 / fan-in). Counters are 0 and draw nothing.

  Args:
    shapes: by key of the original.
    seed: of the stream.
    small: endings of keys of scales that are multiplied by 0.3.
    kept: keys that are not drawn, and left out of the result.
  """
  rng, state = np.random.RandomState(seed), {}
  for key in sorted(shapes):
    shape = tuple(shapes[key])
    if key.endswith("num_batches_tracked"):
      state[key] = np.zeros(shape, np.int64)
      continue
    if key in kept:
      continue
    if key.endswith("running_mean"):
      value = 0.1 * rng.standard_normal(shape)
    elif key.endswith("running_var"):
      value = rng.uniform(0.5, 2.0, shape)
    elif len(shape) == 1 and key.endswith(".weight"):
      value = rng.uniform(0.8, 1.2, shape)
      value = value * 0.3 if key.endswith(tuple(small)) else value
    elif len(shape) == 1:
      value = 0.1 * rng.standard_normal(shape)
    else:
      deviation = math.sqrt(2 / math.prod(shape[1:]))
      value = deviation * rng.standard_normal(shape)
    state[key] = np.asarray(value, np.float32)
  return state


def compare_weights(case: Case, state: State) -> Iterator[Comparison]:
  """Compares replayed weights with the recipe's `checks`, one line a tensor."""
  for key, expected in case.require("weights").get("checks", {}).items():
    yield compare_tensor(key, state[key], *expected)


def compare_tensor(
  key: str, array: np.ndarray, first: float, last: float, total: float
) -> Comparison:
  """Compares a tensor's first and last element exactly, and their sum."""
  line = compare(f"weights/{key}", array.sum(dtype=np.float64), total, _SUM)
  found, expected = [array.flat[0], array.flat[-1]], [first, last]
  if line.ok and found != [np.float32(each) for each in expected]:
    return Comparison(
      line.name, False, note=f"first and last {found}, expected {expected}"
    )
  return line
