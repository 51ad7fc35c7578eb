"""Checkpoints of pix2pixHD (PyTorch): all networks of its repository.

Networks are lists of layers there, and a layer's place in its list is its
key; padding and activations have a place and no arrays.
"""

import collections
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansynth.convert import common
from gansynth.convert.errors import CheckpointError

_BLOCK = re.compile(r"model\.(\d+)\.conv_block\.\d+\..+")
_PLACE = re.compile(r"model\.(\d+)\.(?:weight|bias)")
_ENHANCER = re.compile(r"model(\d+)_[12]\..+")
_ENHANCER_BLOCK = re.compile(r"model1_2\.(\d+)\.conv_block\..+")
# With intermediate features every layer is a list of its own.
_SCALE = re.compile(r"scale(\d+)_layer(\d+)\..+")
_PLAIN_SCALE = re.compile(r"layer(\d+)\.(\d+)\..+")


def network_of(state: Mapping[str, np.ndarray]) -> str | None:
  """Which network a state dict holds, or None: none of pix2pixHD.

  None too for what `is_two_halvings` tells.
  """
  state = common.unwrap(state)
  if any(_SCALE.fullmatch(key) for key in state):
    return "multiscale"
  if "layer0.0.weight" in state:
    return "multiscale"
  if any(_ENHANCER.fullmatch(key) for key in state):
    return "pix2pixhd_local"
  if "model.0.weight" in state:
    return None
  if _blocks(state):
    return None if is_two_halvings(state) else "pix2pixhd_global"
  is_encoder = "model.1.weight" in state or "model.1.bias" in state
  return "instance_encoder" if is_encoder else None


def is_two_halvings(state: Mapping[str, np.ndarray]) -> bool:
  """Whether a state dict is like a global generator of two halvings.

  It may be a ResNet of CycleGAN as well, which is the same to the last key
  and to the last number.
  """
  blocks = _blocks(common.unwrap(state))
  return bool(blocks) and _depth(blocks) == 2


def convert_state_dict(
  state: Mapping[str, np.ndarray],
  source: str = "state dict",
  *,
  dtype: Any = np.float32,
  network: str | None = None,
  norm: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Works out the network of a state dict and fills its variables.

  A discriminator that ended in a sigmoid (`no_lsgan`) has the same keys; it
  comes as its logits.

  Args:
    state: arrays by the original's keys.
    source: name of the file, for messages.
    dtype: of the variables; None keeps the state's own.
    network: `pix2pixhd_global` where keys do not tell, see `network_of`.
    norm: `instance` or `batch`, which the keys tell too.

  Returns:
    The network's description, for `models.create(**description)`, and its
    variables.

  Raises:
    CheckpointError: no such network, or an option that contradicts the file.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  state, _ = common.drop_unused_buffers(common.unwrap(state))
  network = network or network_of(state)
  if network not in _DESCRIPTIONS:
    raise CheckpointError(
      f"{source}: no network of pix2pixHD; its keys begin with "
      f"{', '.join(map(repr, list(state)[:5])) or 'nothing'}"
    )
  found = "instance"
  if any(key.endswith(".running_var") for key in state):
    found = "batch"
  if norm not in (None, found):
    raise CheckpointError(
      f"{source}: norm is {norm!r}, but the keys are those of {found!r}"
    )
  fields, input_shapes, options = _DESCRIPTIONS[network](state, source)
  description = {"name": network, **fields, "norm": found, "use_bias": True}
  shapes = common.described_shapes(description, input_shapes, source)
  entries = key_table(description, **options)
  return description, common.to_variables(state, entries, shapes, source, dtype)


def to_state_dict(
  description: Mapping[str, Any],
  variables: Mapping[str, Any],
  *,
  intermediate: bool = True,
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes variables, or gradients, under the original's keys and layouts.

  Args:
    description: of the network.
    variables: {"params": ..., "batch_stats": ...} or {"params": gradients}.
    intermediate: of a discriminator, whether it is trained with feature
      matching, which its keys depend on.
  """
  entries = key_table(description, intermediate)
  return common.to_state_dict(variables, entries)


def key_table(
  description: Mapping[str, Any], intermediate: bool = True
) -> list[common.Entry]:
  """The original's keys of a network that `convert_state_dict` describes."""
  name = description["name"]
  if name == "multiscale":
    return _discriminator_table(description, intermediate)
  if name == "pix2pixhd_local":
    return _local_table(description)
  depth, blocks = description["num_downsampling"], description["num_blocks"]
  has_norm = description["norm"] == "batch"
  return _trunk_entries("model", depth, blocks, has_norm, [], has_head=True)


def _layer(key, norm_key, path, norm_path, has_norm):
  entries = common.convolution(key, path)
  return entries + (common.batch_norm(norm_key, norm_path) if has_norm else [])


def _trunk_entries(model, depth, blocks, has_norm, path, has_head):
  """Entries of a global generator, all in one list."""

  def layer(at, name, norm_name):
    return _layer(
      f"{model}.{at}",
      f"{model}.{at + 1}",
      [*path, name],
      [*path, norm_name],
      has_norm,
    )

  entries = layer(1, "stem", "stem_norm")
  for i in range(depth):
    entries += layer(4 + 3 * i, f"down_{i}", f"down_norm_{i}")
  at = 4 + 3 * depth
  entries += _block_entries(model, at, blocks, has_norm, path)
  for i in range(depth):
    entries += layer(at + blocks + 3 * i, f"up_{i}", f"up_norm_{i}")
  if has_head:
    key = f"{model}.{at + blocks + 3 * depth + 1}"
    entries += common.convolution(key, [*path, "head"])
  return entries


def _block_entries(model, start, blocks, has_norm, path):
  entries = []
  for i in range(blocks):
    block, name = f"{model}.{start + i}.conv_block", [*path, f"block_{i}"]
    for j, at in enumerate((1, 5)):
      entries += _layer(
        f"{block}.{at}",
        f"{block}.{at + 1}",
        [*name, f"conv_{j}"],
        [*name, f"norm_{j}"],
        has_norm,
      )
  return entries


def _local_table(d):
  """Entries of the global part and of the enhancers around it."""
  has_norm, blocks = d["norm"] == "batch", d["num_enhancer_blocks"]
  entries = _trunk_entries(
    "model",
    d["num_downsampling"],
    d["num_blocks"],
    has_norm,
    ["global"],
    has_head=False,
  )
  for n in range(1, d["num_enhancers"] + 1):
    before, after, path = f"model{n}_1", f"model{n}_2", [f"enhancer_{n}"]

    def layer(model, at, name, norm_name, path=path):
      key, norm_key = f"{model}.{at}", f"{model}.{at + 1}"
      paths = [*path, name], [*path, norm_name]
      return _layer(key, norm_key, *paths, has_norm)

    entries += layer(before, 1, "stem", "stem_norm")
    entries += layer(before, 4, "down_0", "down_norm_0")
    entries += _block_entries(after, 0, blocks, has_norm, path)
    entries += layer(after, blocks, "up_0", "up_norm_0")
    if n == d["num_enhancers"]:
      entries += common.convolution(f"{after}.{blocks + 4}", [*path, "head"])
  return entries


def _discriminator_table(d, intermediate):
  """Entries of the scales; the last in the original's order is the finest."""
  entries, layers = [], d["num_layers"]
  for i in range(d["num_scales"]):
    scale = f"scale_{d['num_scales'] - 1 - i}"

    def key(j, at, i=i):
      if intermediate:
        return f"scale{i}_layer{j}.{at}"
      return f"layer{i}.{3 * j - 1 + at if j else 0}"

    entries += common.convolution(key(0, 0), [scale, "conv_0"])
    for j in range(1, layers):
      path = [scale, f"conv_{j}"], [scale, f"norm_{j}"]
      entries += _layer(key(j, 0), key(j, 1), *path, d["norm"] == "batch")
    entries += common.convolution(key(layers, 0), [scale, "logits"])
  return entries


NAMES = frozenset(
  ("pix2pixhd_global", "pix2pixhd_local", "instance_encoder", "multiscale")
)


def _blocks(state):
  """Places of the residual blocks of the global generator."""
  matches = [match for match in map(_BLOCK.fullmatch, state) if match]
  return sorted({int(match[1]) for match in matches})


def _depth(blocks):
  return (blocks[0] - 4) // 3


def _trunk_fields(state, source, head):
  """Returns fields of a global generator, and the shape of its stem."""
  blocks = _blocks(state)
  if not blocks:
    raise CheckpointError(
      f"{source}: no residual blocks; expected keys model.<n>.conv_block of "
      "pix2pixHD's generator"
    )
  depth = _depth(blocks)
  stem = common.shape(state, source, "model.1.weight")
  kernel = common.shape(state, source, f"model.{blocks[0]}.conv_block.1.weight")
  head = head or f"model.{5 + 6 * depth + len(blocks)}.weight"
  return {
    "output_channels": int(common.shape(state, source, head)[0]),
    "features": int(stem[0]),
    "num_downsampling": depth,
    "num_blocks": len(blocks),
    "kernel_size": int(kernel[-1]),
    "initial_kernel_size": int(stem[-1]),
  }, stem


def _describe_global(state, source):
  fields, stem = _trunk_fields(state, source, None)
  side = 4 * 2 ** fields["num_downsampling"]
  return fields, ((1, side, side, stem[1]),), {}


def _describe_local(state, source):
  matches = [match for match in map(_ENHANCER.fullmatch, state) if match]
  enhancers = max(int(match[1]) for match in matches)
  inner = [match for match in map(_ENHANCER_BLOCK.fullmatch, state) if match]
  blocks = len({int(match[1]) for match in inner})
  head = f"model{enhancers}_2.{blocks + 4}.weight"
  fields, stem = _trunk_fields(state, source, head)
  outermost = f"model{enhancers}_1.1.weight"
  fields |= {
    "features": int(common.shape(state, source, outermost)[0]),
    "num_enhancers": enhancers,
    "num_enhancer_blocks": blocks,
  }
  side = 4 * 2 ** (fields["num_downsampling"] + enhancers)
  return fields, ((1, side, side, stem[1]),), {}


def _describe_encoder(state, source):
  places = [int(m[1]) for m in map(_PLACE.fullmatch, state) if m]
  last = max(places)
  stem = common.shape(state, source, "model.1.weight")
  head = common.shape(state, source, f"model.{last}.weight")
  fields = {
    "output_channels": int(head[0]),
    "features": int(stem[0]),
    "num_downsampling": max(0, (last - 5) // 6),
    "num_blocks": 0,
    "initial_kernel_size": int(stem[-1]),
  }
  side = 4 * 2 ** fields["num_downsampling"]
  return fields, ((1, side, side, stem[1]),), {}


def _describe_discriminator(state, source):
  matches = [match for match in map(_SCALE.fullmatch, state) if match]
  if intermediate := bool(matches):
    num_layers = max(int(match[2]) for match in matches)
  else:
    matches = [match for match in map(_PLAIN_SCALE.fullmatch, state) if match]
    num_layers = (1 + max(int(match[2]) for match in matches)) // 3
  start = "scale0_layer0.0" if intermediate else "layer0.0"
  first = common.shape(state, source, f"{start}.weight")
  fields = {
    "features": int(first[0]),
    "num_scales": 1 + max(int(match[1]) for match in matches),
    "num_layers": num_layers,
  }
  options = {"intermediate": intermediate}
  return fields, common.discriminator_shapes(first[1]), options


_DESCRIPTIONS = {
  "pix2pixhd_global": _describe_global,
  "pix2pixhd_local": _describe_local,
  "instance_encoder": _describe_encoder,
  "multiscale": _describe_discriminator,
}
