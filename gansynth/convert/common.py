"""What the converters of all systems share: layouts and strictness.

A converter describes a network by a key table, a list of `Entry`. The tables
are functions of the network's description, so one rule serves reading,
writing and naming gradients.
"""

import collections
import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from gansynth import models
from gansynth.convert.errors import CheckpointError, KeyMismatchError

PyTree = Any

# For each axis of the original's array the axes of ours that it runs over.
LAYOUTS = {
  "same": None,
  # torch's (out, in, height, width) of our (height, width, in, out), and for
  # transposed convolutions (in, out, ...) of (height, width, out, in).
  "conv": ((3,), (2,), (0,), (1,)),
  "linear": ((1,), (0,)),
  # torch's (1, in, 1, 1) of our (in,): a convolution to one channel.
  "channels": ((), (0,), (), ()),
  # torch's (out, in * height * width) of our (height, width, in, out).
  "linear_of_map": ((3,), (2, 0, 1)),
  # torch's (in * height * width,) of our (height, width, in).
  "spectral_v": ((2, 0, 1),),
}
_WRAPPERS = ("module.", "_orig_mod.")  # DataParallel, torch.compile
COUNTER = "num_batches_tracked"  # of a batch norm of torch


@dataclasses.dataclass(frozen=True)
class Entry:
  """Where one array of the original goes."""

  key: str  # of the original's state dict
  path: tuple[str, ...]  # of our variables, collection first
  layout: str = "same"  # one of LAYOUTS


def convolution(
  key: str, path: Sequence[str], use_bias: bool = True
) -> list[Entry]:
  """Entries of a convolution, transposed or not."""
  entries = [Entry(f"{key}.weight", ("params", *path, "kernel"), layout="conv")]
  if use_bias:
    entries.append(Entry(f"{key}.bias", ("params", *path, "bias")))
  return entries


def spectral_convolution(
  key: str, path: Sequence[str], use_bias: bool
) -> list[Entry]:
  """Entries of a spectrally normalised convolution, transposed or not."""
  entries = [Entry(f"{key}.bias", ("params", *path, "bias"))]
  spectral = ("batch_stats", *path, "spectral")
  return [
    *(entries if use_bias else []),
    Entry(f"{key}.weight_orig", ("params", *path, "kernel"), layout="conv"),
    Entry(f"{key}.weight_u", (*spectral, "u")),
    Entry(f"{key}.weight_v", (*spectral, "v"), layout="spectral_v"),
  ]


def linear(
  key: str, path: Sequence[str], layout: str = "linear"
) -> list[Entry]:
  """Entries of a linear layer with a bias."""
  return [
    Entry(f"{key}.weight", ("params", *path, "kernel"), layout=layout),
    Entry(f"{key}.bias", ("params", *path, "bias")),
  ]


def affine_norm(key: str, path: Sequence[str]) -> list[Entry]:
  """Entries of a normalisation with scale and offset."""
  return [
    Entry(f"{key}.weight", ("params", *path, "scale")),
    Entry(f"{key}.bias", ("params", *path, "bias")),
  ]


def batch_norm(key: str, path: Sequence[str]) -> list[Entry]:
  """Entries of a batch normalisation with scale, offset and statistics."""
  return [
    *affine_norm(key, path),
    Entry(f"{key}.running_mean", ("batch_stats", *path, "mean")),
    Entry(f"{key}.running_var", ("batch_stats", *path, "var")),
  ]


def unwrap(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Drops the prefix of a wrapper where every key has it."""
  state = dict(state)
  for prefix in _WRAPPERS:
    while state and all(key.startswith(prefix) for key in state):
      state = {key[len(prefix) :]: value for key, value in state.items()}
  return state


def drop_counters(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Drops the counters of batch norms, which nothing reads."""
  return {k: v for k, v in state.items() if not k.endswith(f".{COUNTER}")}


def drop_unused_buffers(
  state: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], bool]:
  """Drops what the original's own loader drops or never reads.

  These are the running statistics of instance norms, which PyTorch before
  0.4.1 saved and nothing uses, and the counters of batch norms.

  Returns:
    The state without them, and whether there were statistics of instance
    norms (`running_mean` without a `weight` beside it).
  """
  layers = {
    key.removesuffix(".running_mean")
    for key in state
    if key.endswith(".running_mean")
  }
  plain = {layer for layer in layers if f"{layer}.weight" not in state}
  kept = {
    key: value
    for key, value in drop_counters(state).items()
    if key.rpartition(".")[0] not in plain
  }
  return kept, bool(plain)


def checked_norm(
  given: str | None, found: str, source: str, parse: Callable[[str], Any]
) -> str:
  """The norm given, where it is the one that the keys tell.

  Args:
    given: as the original writes it, or None.
    found: what the keys tell.
    source: name of the file, for messages.
    parse: raises ValueError for a norm that is none; equal results are of
      norms with the same keys.

  Raises:
    CheckpointError: it is another one, or none.
  """
  try:
    fits = given is None or parse(given) == parse(found)
  except ValueError as e:
    raise CheckpointError(f"{source}: {e}") from e
  if not fits:
    raise CheckpointError(
      f"{source}: norm is {given!r}, but the keys are those of {found!r}"
    )
  return given or found


def shape(
  state: Mapping[str, np.ndarray], source: str, *keys: str, ndim: int = 4
) -> tuple[int, ...]:
  """Shape of the first array that is there.

  Args:
    state: arrays by the original's keys.
    source: name of the file, for the message.
    *keys: under which the array may be.
    ndim: how many axes it has.

  Raises:
    KeyMismatchError: there is none, or it has other axes.
  """
  for key in keys:
    if key in state and state[key].ndim == ndim:
      return state[key].shape
  wrong = [
    f"{key}: found {state[key].shape}, expected {ndim} axes"
    for key in keys
    if key in state
  ]
  raise KeyMismatchError(
    f"{source}: expected an array {' or '.join(keys)} of {ndim} axes, which "
    f"this kind of network has; the file has {len(state)} keys, such as "
    f"{', '.join(list(state)[:5])}",
    [] if wrong else [keys[0]],
    [],
    wrong,
  )


def discriminator_shapes(
  channels: int,
) -> tuple[Sequence[int] | None, Sequence[int]]:
  """Shapes of conditions and pictures that a discriminator is set up with.

  Args:
    channels: of both together; 3 of them are the picture's.
  """
  conditions = (1, 64, 64, channels - 3) if channels > 3 else None
  return conditions, (1, 64, 64, min(channels, 3))


def variable_shapes(
  network: nn.Module, *input_shapes: Sequence[int] | None
) -> PyTree:
  """Shapes of a network's variables for inputs such as (N, H, W, C)."""

  def init():
    inputs = [None if s is None else jnp.zeros(s) for s in input_shapes]
    return network.init(jax.random.key(0), *inputs)

  return jax.eval_shape(init)


def described_shapes(
  description: Mapping[str, Any],
  input_shapes: Iterable[Sequence[int] | None],
  source: str,
) -> PyTree:
  """`variable_shapes` of a network that a file was taken for.

  Raises:
    CheckpointError: there is no such network.
  """
  try:
    network = models.create(**description)
    return variable_shapes(network, *input_shapes)
  except (ArithmeticError, ValueError) as e:
    raise CheckpointError(
      f"{source}: its shapes are those of no {description['name']}: {e}"
    ) from e


def to_variables(
  state: Mapping[str, np.ndarray],
  entries: Iterable[Entry],
  shapes: PyTree,
  source: str,
  dtype: Any = np.float32,
) -> dict[str, PyTree]:
  """Fills a network's variables from an original's state dict, strictly.

  Args:
    state: arrays by the original's keys.
    entries: the key table of the network.
    shapes: what the network expects, as `variable_shapes` returns it.
    source: name of the file, for messages.
    dtype: of the result; None keeps the file's own.

  Returns:
    {"params": ..., "batch_stats": ...} of NumPy arrays; the second is left
    out where the network has none.

  Raises:
    KeyMismatchError: a variable is not filled, a key not used, or a shape
      differs. The message lists all of them.
  """
  entries = list(entries)
  expected = {
    path: tuple(leaf.shape)
    for path, leaf in traverse_util.flatten_dict(dict(shapes)).items()
  }
  unfilled = set(expected) ^ {entry.path for entry in entries}
  if unfilled:
    raise ValueError(
      "the key table does not fit the network at "
      f"{', '.join('/'.join(path) for path in sorted(unfilled))}"
    )
  missing = [entry.key for entry in entries if entry.key not in state]
  extra = sorted(set(state) - {entry.key for entry in entries})
  wrong, filled = [], {}
  for entry in entries:
    if entry.key not in state:
      continue
    shape = expected[entry.path]
    wanted = original_shape(shape, entry.layout)
    array = state[entry.key]
    if array.shape != wanted:
      wrong.append(f"{entry.key}: found {array.shape}, expected {wanted}")
      continue
    array = _to_ours(array, shape, entry.layout)
    filled[entry.path] = np.ascontiguousarray(array, dtype).reshape(shape)
  if missing or extra or wrong:
    raise KeyMismatchError(
      f"{source}: the file does not fit the network. "
      f"Missing keys: {', '.join(missing) or 'none'}. "
      f"Extra keys: {', '.join(extra) or 'none'}. "
      f"Wrong shapes: {'; '.join(wrong) or 'none'}",
      missing,
      extra,
      wrong,
    )
  return traverse_util.unflatten_dict(filled)


def to_state_dict(
  variables: Mapping[str, PyTree], entries: Iterable[Entry]
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes our arrays under the original's keys and in its layouts.

  Args:
    variables: {"params": ..., "batch_stats": ...}, or anything of the same
      structure, such as {"params": gradients}. Collections that are not there
      are left out.
    entries: the key table of the network.

  Returns:
    NumPy arrays by key, in the table's order.
  """
  flat = traverse_util.flatten_dict(dict(variables))
  state = collections.OrderedDict()
  for entry in entries:
    if entry.path[0] not in variables or not variables[entry.path[0]]:
      continue
    if entry.path not in flat:
      raise CheckpointError(
        f"the variables have no {'/'.join(entry.path)}, so {entry.key} cannot "
        "be written; give the variables of the network described"
      )
    array = np.asarray(flat[entry.path])
    state[entry.key] = _to_original(array, entry.layout)
  return state


def original_shape(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
  """Shape under which the original keeps an array of ours."""
  if LAYOUTS[layout] is None:
    return shape
  return tuple(
    math.prod(shape[axis] for axis in group) for group in LAYOUTS[layout]
  )


def _order(layout: str) -> list[int]:
  """Axes of our array in the original's order."""
  return [axis for group in LAYOUTS[layout] for axis in group]


def _to_ours(
  array: np.ndarray, shape: tuple[int, ...], layout: str
) -> np.ndarray:
  if LAYOUTS[layout] is None:
    return array
  order = _order(layout)
  array = array.reshape([shape[axis] for axis in order])
  return array.transpose(np.argsort(order))


def _to_original(array: np.ndarray, layout: str) -> np.ndarray:
  if LAYOUTS[layout] is None:
    return array
  moved = array.transpose(_order(layout))
  return moved.reshape(original_shape(array.shape, layout))
