"""Checkpoints of the original GP-GAN (Chainer's `.npz`).

Networks are lists of layers there, and a layer's place in its list is its
key. Activations have a place and no arrays.
"""

import collections
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gansynth import models
from gansynth.convert import common, npz_reader
from gansynth.convert.errors import CheckpointError

_PARTS = ("encoder", "bn", "decoder")
_PLACE = re.compile(r"(\d+)/.+")
_MAX_PLACE = 32  # of a network for pictures of 8192 pixels
# Of a network in a snapshot of the trainer, which an updater writes alike.
_IN_SNAPSHOT = re.compile(r"((?:.+/)?model:([^/]+)/).+")
_ROLES = {"main": "generator", "D": "critic"}


def from_original(
  path: str | os.PathLike[str],
  *,
  key: str | None = None,
  dtype: Any = np.float32,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Reads a Blending GAN, an unsupervised generator or a critic.

  Args:
    path: a file such as `blending_gan.npz` or `g_epoch_25.npz`.
    key: of a snapshot of the trainer, `generator` or `critic` (or the
      original's `model:main`, `model:D`).
    dtype: of the variables; None keeps the file's own.

  Returns:
    The description of the network, for `models.create(**description)`, and
    its variables, {"params": ..., "batch_stats": ...}.

  Raises:
    CheckpointError: the file cannot be read, holds no such network, or
      several of which `key` names none.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  with npz_reader.NpzFile(path) as file:
    prefix = _choose(file, key)
    state = {
      name[len(prefix) :]: file[name]
      for name in file
      if name.startswith(prefix)
    }
  return convert_state_dict(state, str(path), dtype=dtype)


def networks_of(path: str | os.PathLike[str]) -> dict[str, str]:
  """Lists the networks in a trainer's snapshot.

  Args:
    path: a `.npz` file.

  Returns:
    Prefixes of keys by the names that `key` takes, `generator` and `critic`;
    nothing for a file that is one network.

  Raises:
    CheckpointError: the file cannot be read.
  """
  with npz_reader.NpzFile(path) as file:
    prefixes = _snapshot_prefixes(file)
  return {_ROLES.get(name, name): prefix for name, prefix in prefixes.items()}


def convert_state_dict(
  state: Mapping[str, np.ndarray],
  source: str = "state dict",
  *,
  dtype: Any = np.float32,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Works out the network of a state dict and fills its variables.

  Sizes, widths and channels all follow from keys and shapes. The counters of
  batch norms (`N`), which nothing reads, may be there or not.

  Args:
    state: arrays by the original's keys.
    source: name of the file, for messages.
    dtype: of the variables; None keeps the state's own.

  Returns:
    The network's description and variables, as `from_original`.

  Raises:
    CheckpointError: no such network.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  state = {
    key: array
    for key, array in state.items()
    if not (key.endswith("/N") and f"{key[:-1]}gamma" in state)
  }
  description, input_shape = _describe(state, source)
  try:
    shapes = common.variable_shapes(models.create(**description), input_shape)
  except ValueError as e:
    raise CheckpointError(f"{source}: no network of GP-GAN: {e}") from e
  variables = common.to_variables(
    state, key_table(description), shapes, source, dtype
  )
  return description, variables


def to_state_dict(
  description: Mapping[str, Any], variables: Mapping[str, Any]
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes variables, or gradients, under the original's keys and layouts.

  With batch statistics among them the counters are written too, so that
  `numpy.savez(path, **state)` makes a file that the original loads.
  """
  state = common.to_state_dict(variables, key_table(description))
  for key in [key for key in state if key.endswith("/avg_var")]:
    state[f"{key.rpartition('/')[0]}/N"] = np.zeros((), np.int64)
  return state


def key_table(description: Mapping[str, Any]) -> list[common.Entry]:
  """The original's keys of a network that `convert_state_dict` describes."""
  return TABLES[description["name"]](description)


def _critic_table(d, prefix="", path=()):
  """Entries of a critic, or of the layers that encode."""
  count = models.dcgan.num_inner_layers(d["image_size"])
  entries = [_convolution(f"{prefix}0", [*path, "conv_0"])]
  for i in range(1, count + 1):
    entries += [
      _convolution(f"{prefix}{3 * i - 1}", [*path, f"conv_{i}"]),
      *_batch_norm(f"{prefix}{3 * i}", [*path, f"norm_{i}"]),
    ]
  last = f"{prefix}{3 * count + 2}"
  return [*entries, _convolution(last, [*path, "logits"])]


def _generator_table(d, prefix="", path=()):
  """Entries of a generator, or of the layers that decode."""
  count = models.dcgan.num_inner_layers(d["image_size"])
  entries = []
  for i in range(count + 1):
    entries += [
      _convolution(f"{prefix}{3 * i}", [*path, f"up_{i}"]),
      *_batch_norm(f"{prefix}{3 * i + 1}", [*path, f"norm_{i}"]),
    ]
  last = f"{prefix}{3 * count + 3}"
  return [*entries, _convolution(last, [*path, "head"])]


def _encoder_decoder_table(d):
  return [
    *_critic_table(d, "encoder/", ["encoder"]),
    *_batch_norm("bn", ["code", "norm"]),
    *_generator_table(d, "decoder/", ["decoder"]),
  ]


TABLES = {
  "encoder_decoder": _encoder_decoder_table,
  "dcgan_generator": _generator_table,
  "dcgan_critic": _critic_table,
}


def _convolution(key, path):
  # Chainer's kernels have torch's axes, transposed convolutions' too.
  return common.Entry(f"{key}/W", ("params", *path, "kernel"), layout="conv")


def _batch_norm(key, path):
  return [
    common.Entry(f"{key}/gamma", ("params", *path, "scale")),
    common.Entry(f"{key}/beta", ("params", *path, "bias")),
    common.Entry(f"{key}/avg_mean", ("batch_stats", *path, "mean")),
    common.Entry(f"{key}/avg_var", ("batch_stats", *path, "var")),
  ]


def _snapshot_prefixes(names: Iterable[str]) -> dict[str, str]:
  """Prefixes of the networks in a snapshot, by the original's names."""
  matches = filter(None, map(_IN_SNAPSHOT.fullmatch, names))
  return {match[2]: match[1] for match in matches}


def _choose(file: npz_reader.NpzFile, key: str | None) -> str:
  """Returns the prefix of the network that is meant."""
  prefixes = _snapshot_prefixes(file)
  if not prefixes:
    if any(name.startswith("updater/") for name in file):
      raise CheckpointError(
        f"{file.source}: this is a snapshot of a trainer without a network; "
        "it was cut down, or is of another program"
      )
    if key is not None:
      raise CheckpointError(
        f"{file.source}: this is a single network and no snapshot of a "
        f"trainer, so there is no {key!r} to take out; leave key away"
      )
    return ""
  held = " and ".join(
    f"{_ROLES[name]!r} (model:{name})" if name in _ROLES else repr(name)
    for name in prefixes
  )
  if key is None:
    raise CheckpointError(
      f"{file.source}: this is a snapshot of the whole trainer, from which the "
      f"original program resumes. It holds the networks {held} beside "
      "optimiser state; say which one to take with key, such as "
      "key='generator' (--key generator; --key all writes each)"
    )
  wanted = key.removeprefix("updater/").strip("/").removeprefix("model:")
  names = {role: name for name, role in _ROLES.items()}
  wanted = names.get(wanted, wanted)
  if wanted not in prefixes:
    raise CheckpointError(
      f"{file.source}: no network {key!r} in this snapshot; it holds {held}"
    )
  return prefixes[wanted]


def _describe(state, source):
  """Returns the description of a network and the shape of an input."""
  if any(key.split("/")[0] in _PARTS for key in state):
    count = max(
      _count_critic(state, "encoder/"), _count_generator(state, "decoder/")
    )
    size = 8 * 2**count
    description = {
      "name": "encoder_decoder",
      "image_size": size,
      "encoder_features": _critic_width(state, "encoder/"),
      **_generator_widths(state, count, "decoder/", "decoder_features"),
      "bottleneck": _length(
        state, 4000, (f"encoder/{3 * count + 2}/W", 0), ("decoder/0/W", 0)
      ),
    }
    channels = _length(state, 3, ("encoder/0/W", 1))
    return description, (1, size, size, channels)
  places = _places(state, "")
  if not places:
    raise CheckpointError(
      f"{source}: no network of GP-GAN; its keys begin with "
      f"{', '.join(map(repr, list(state)[:5])) or 'nothing'}, expected keys "
      "such as 'encoder/0/W' or '0/W'"
    )
  if any(place % 3 == 1 for place in places):  # only there are norms
    count = _count_generator(state, "")
    latent_size = _length(state, 100, ("0/W", 0))
    description = {
      "name": "dcgan_generator",
      "image_size": 8 * 2**count,
      **_generator_widths(state, count, "", "features"),
      "latent_size": latent_size,
    }
    return description, (1, latent_size)
  count = _count_critic(state, "")
  size = 8 * 2**count
  description = {
    "name": "dcgan_critic",
    "image_size": size,
    "features": _critic_width(state, ""),
    "outputs": _length(state, 1, (f"{3 * count + 2}/W", 0)),
  }
  return description, (1, size, size, _length(state, 3, ("0/W", 1)))


def _places(state, prefix):
  """Places of all layers, as far as a network can have them."""
  keys = [key[len(prefix) :] for key in state if key.startswith(prefix)]
  places = [int(match[1]) for match in map(_PLACE.fullmatch, keys) if match]
  return [place for place in places if place <= _MAX_PLACE]


# One missing layer at the end must not make it a network of another size, so
# that the message can name it: convolutions and norms are counted.
def _count_critic(state, prefix):
  return max(_places(state, prefix), default=0) // 3


def _count_generator(state, prefix):
  last = max(_places(state, prefix), default=0)
  return max(0, last // 3 - (last % 3 == 0))


def _length(state, default, *places):
  """Length of the first array that is there along an axis."""
  for key, axis in places:
    if key in state and state[key].ndim == 4:
      return int(state[key].shape[axis])
  return default


def _critic_width(state, prefix):
  return _length(state, 64, (f"{prefix}0/W", 0), (f"{prefix}2/W", 1))


def _generator_widths(state, count, prefix, name):
  last = f"{prefix}{3 * count + 3}/W"
  return {
    name: _length(state, 64, (last, 0), (f"{prefix}{3 * count}/W", 1)),
    "output_channels": _length(state, 3, (last, 1)),
  }
