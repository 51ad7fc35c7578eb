"""Checkpoints of the original CycleGAN and pix2pix (PyTorch).

Every layout that the repository has written since April 2017 is taken, and
what a file tells is read from it instead of asked for.
"""

import collections
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansynth import models
from gansynth.convert import common, torch_reader
from gansynth.convert.errors import CheckpointError

_BLOCK = re.compile(r"model\.(\d+)\.conv_block\.(\d+)\.weight")
_LIST_ITEM = re.compile(r"model\.(\d+)\.weight")


def from_original(
  path: str | os.PathLike[str],
  *,
  key: str | None = None,
  dtype: Any = np.float32,
  **options: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Reads a generator or discriminator of CycleGAN or pix2pix.

  Args:
    path: a file such as `latest_net_G_A.pth`.
    key: entry of a training state that holds several state dicts.
    dtype: of the variables; None keeps the file's own.
    **options: what the file does not tell, see `convert_state_dict`.

  Returns:
    The description of the network, for `models.create(**description)`, and
    its variables, {"params": ...} and, with batch norm, "batch_stats".

  Raises:
    CheckpointError: the file cannot be read, or holds no such network.
    UnsafeCheckpointError: it wants to run code.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  state = torch_reader.load_state_dict(path, key)
  return convert_state_dict(state, str(path), dtype=dtype, **options)


def convert_state_dict(
  state: Mapping[str, np.ndarray],
  source: str = "state dict",
  *,
  dtype: Any = np.float32,
  norm: str | None = None,
  padding_mode: str | None = None,
  use_dropout: bool | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Works out the network of a state dict and fills its variables.

  A discriminator that ended in a sigmoid (`no_lsgan`, before October 2018)
  has the same keys; it comes as its logits, which `gan_mode` vanilla expects.

  Args:
    state: arrays by the original's keys.
    source: name of the file, for messages.
    dtype: of the variables; None keeps the state's own.
    norm: `instance`, `batch` or `none`. By default batch where there are its
      parameters; otherwise instance where the inner convolutions have biases
      or there are old instance-norm buffers, else none. Discriminators saved
      from January to July 2019 need it: then the rule was the other way
      round for `pixel`, and `none` had biases.
    padding_mode: of residual blocks, `reflect` (default where the blocks
      have padding layers) or `replicate`; both have the same keys. Networks
      without residual blocks ignore it.
    use_dropout: of a U-Net, whose dropout has no keys; by default on with
      batch norm (pix2pix) and off otherwise. It matters in training only.

  Returns:
    The network's description and variables, as `from_original`.

  Raises:
    CheckpointError: no such network, or an option that contradicts the file.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  state, had_buffers = common.drop_unused_buffers(common.unwrap(state))
  if had_buffers and norm not in (None, "instance"):
    raise CheckpointError(
      f"{source}: the file has buffers of instance norms, and norm is {norm!r}"
    )
  guess = "instance" if had_buffers else None
  if any(key.startswith("model.model.") for key in state):
    description = _describe_unet(state, source, norm or guess, use_dropout)
  elif any(_BLOCK.fullmatch(key) for key in state):
    description = _describe_resnet(
      state, source, norm or guess, padding_mode, use_dropout
    )
  elif "net.0.weight" in state:
    description = _describe_pixel(state, source, norm or guess)
  elif _LIST_ITEM.fullmatch(next(iter(state), "")):
    description = _describe_patch(state, source, norm or guess)
  else:
    raise CheckpointError(
      f"{source}: no network of CycleGAN or pix2pix; its keys begin with "
      f"{', '.join(map(repr, list(state)[:5])) or 'nothing'}"
    )
  first = key_table(description)[0].key
  if first not in state or state[first].ndim != 4:
    raise CheckpointError(
      f"{source}: no network of CycleGAN or pix2pix: no convolution {first}"
    )
  side = 2 ** (description.get("num_levels", description.get("num_layers", 2)))
  shapes = common.variable_shapes(
    models.create(**description),
    (1, 4 * side, 4 * side, state[first].shape[1]),
  )
  variables = common.to_variables(
    state, key_table(description), shapes, source, dtype
  )
  return description, variables


def to_state_dict(
  description: Mapping[str, Any], variables: Mapping[str, Any]
) -> collections.OrderedDict[str, np.ndarray]:
  """Writes variables, or gradients, under the original's keys and layouts."""
  return common.to_state_dict(variables, key_table(description))


def key_table(description: Mapping[str, Any]) -> list[common.Entry]:
  """The original's keys of a network that `convert_state_dict` describes."""
  tables = {
    "resnet": _resnet_table,
    "unet": _unet_table,
    "patch": _patch_table,
    "pixel": _pixel_table,
  }
  return tables[description["name"]](description)


def _norm(description, key, name):
  if description["norm"] != "batch":
    return []
  return common.batch_norm(key, name)


def _resnet_table(d):
  """Entries of a ResNet generator, one flat list named `model`."""
  bias, blocks = d["use_bias"], d["num_blocks"]
  # Padding layers count as items of the lists they stand in.
  first = 0 if d["outer_padding_mode"] == "zeros" else 1
  pad = 0 if d["padding_mode"] == "zeros" else 1
  drop = 1 if d["use_dropout"] else 0
  entries = [
    *common.convolution(f"model.{first}", ["stem"], bias),
    *_norm(d, f"model.{first + 1}", ["stem_norm"]),
  ]
  for i in range(2):
    at = first + 3 * (i + 1)
    entries += common.convolution(f"model.{at}", [f"down_{i}"], bias)
    entries += _norm(d, f"model.{at + 1}", [f"down_norm_{i}"])
  for i in range(blocks):
    block = f"model.{first + 9 + i}.conv_block"
    second = 2 * pad + 3 + drop
    for j, at in enumerate((pad, second)):
      path = [f"block_{i}", f"conv_{j}"]
      entries += common.convolution(f"{block}.{at}", path, bias)
      entries += _norm(d, f"{block}.{at + 1}", [f"block_{i}", f"norm_{j}"])
  for i in range(2):
    at = first + 9 + blocks + 3 * i
    entries += common.convolution(f"model.{at}", [f"up_{i}"], bias)
    entries += _norm(d, f"model.{at + 1}", [f"up_norm_{i}"])
  at = 2 * first + 15 + blocks
  return [*entries, *common.convolution(f"model.{at}", ["head"])]


def _unet_table(d):
  """Entries of a U-Net, whose levels are nested in each other."""
  bias, levels = d["use_bias"], d["num_levels"]
  entries = [
    *common.convolution("model.model.0", ["down_0"], bias),
    *common.convolution("model.model.3", ["up_0"]),
  ]
  prefix = "model.model.1.model."
  for i in range(1, levels):
    innermost = i == levels - 1
    up = 3 if innermost else 5
    entries += common.convolution(f"{prefix}1", [f"down_{i}"], bias)
    if not innermost:
      entries += _norm(d, f"{prefix}2", [f"down_norm_{i}"])
    entries += common.convolution(f"{prefix}{up}", [f"up_{i}"], bias)
    entries += _norm(d, f"{prefix}{up + 1}", [f"up_norm_{i}"])
    prefix += "3.model."
  return entries


def _patch_table(d):
  """Entries of a PatchGAN discriminator, one flat list named `model`."""
  layers = d["num_layers"]
  entries = common.convolution("model.0", ["conv_0"])
  for i in range(1, layers + 1):
    at = 3 * i - 1
    entries += common.convolution(f"model.{at}", [f"conv_{i}"], d["use_bias"])
    entries += _norm(d, f"model.{at + 1}", [f"norm_{i}"])
  return entries + common.convolution(f"model.{3 * layers + 2}", ["logits"])


def _pixel_table(d):
  """Entries of a pixel discriminator, one flat list named `net`."""
  return [
    *common.convolution("net.0", ["conv_0"]),
    *common.convolution("net.2", ["conv_1"], d["use_bias"]),
    *_norm(d, "net.3", ["norm_1"]),
    *common.convolution("net.5", ["logits"], d["use_bias"]),
  ]


def _norm_fields(state, source, norm, inner):
  """Returns the fields `norm` and `use_bias`; `inner` is a convolution."""
  use_bias = f"{inner}.bias" in state
  found = any(key.endswith(".running_var") for key in state)
  if norm not in (None, "instance", "batch", "none"):
    raise CheckpointError(
      f"unknown norm {norm!r}; choose instance, batch or none"
    )
  if norm is not None and (norm == "batch") != found:
    raise CheckpointError(
      f"{source}: norm is {norm!r}, but the file has "
      f"{'' if found else 'no '}parameters of batch norms"
    )
  if norm is None:
    norm = "batch" if found else "instance" if use_bias else "none"
  return {"norm": norm, "use_bias": use_bias}


def _width(state, source, key, axis=0):
  if key not in state or state[key].ndim != 4:
    raise CheckpointError(
      f"{source}: expected a convolution {key}, which this kind of network "
      f"has; the file has {len(state)} keys, such as "
      f"{', '.join(list(state)[:5])}"
    )
  return int(state[key].shape[axis])


def _describe_resnet(state, source, norm, padding_mode, use_dropout):
  blocks = collections.defaultdict(set)
  for key, array in state.items():
    match = _BLOCK.fullmatch(key)
    if match and array.ndim == 4:
      blocks[int(match[1])].add(int(match[2]))
  convolutions = next(iter(blocks.values()), set())
  layouts = {
    (0, 3): (False, False),
    (0, 4): (False, True),
    (1, 5): (True, False),
    (1, 6): (True, True),
  }
  if tuple(sorted(convolutions)) not in layouts:
    raise CheckpointError(
      f"{source}: residual blocks with convolutions at {sorted(convolutions)} "
      f"are not known; known are {', '.join(map(str, layouts))}"
    )
  padded, dropout = layouts[tuple(sorted(convolutions))]
  if use_dropout not in (None, dropout):
    raise CheckpointError(
      f"{source}: use_dropout is {use_dropout}, but the file's residual "
      f"blocks are those of {dropout}"
    )
  modes = ("reflect", "replicate") if padded else ("zeros",)
  if padding_mode not in (None, *modes):
    raise CheckpointError(
      f"{source}: padding_mode is {padding_mode!r}, but the keys are those of "
      f"{' or '.join(modes)}"
    )
  # The first layout has no padding layer, so its stem is item 0.
  outer = "zeros" if "model.0.weight" in state else "reflect"
  stem = "model.0" if outer == "zeros" else "model.1"
  head = f"model.{max(blocks) + (8 if outer == 'reflect' else 7)}.weight"
  return {
    "name": "resnet",
    "output_channels": _width(state, source, head),
    "features": _width(state, source, f"{stem}.weight"),
    "num_blocks": len(blocks),
    "use_dropout": dropout,
    "padding_mode": padding_mode or modes[0],
    "outer_padding_mode": outer,
    **_norm_fields(state, source, norm, stem),
  }


def _describe_unet(state, source, norm, use_dropout):
  levels, prefix = 1, "model.model.1.model."
  while f"{prefix}1.weight" in state:
    levels += 1
    prefix += "3.model."
  if levels < 3:
    raise CheckpointError(
      f"{source}: a U-Net of {levels} levels; expected 3 or more, nested as "
      "model.model.1.model.3.model"
    )
  fields = _norm_fields(state, source, norm, "model.model.1.model.1")
  if use_dropout is None:
    use_dropout = fields["norm"] == "batch"
  return {
    "name": "unet",
    "output_channels": _width(state, source, "model.model.3.weight", axis=1),
    "features": _width(state, source, "model.model.0.weight"),
    "num_levels": levels,
    "use_dropout": use_dropout,
    **fields,
  }


def _describe_patch(state, source, norm):
  convolutions = sum(array.ndim == 4 for array in state.values())
  if convolutions < 3:
    raise CheckpointError(
      f"{source}: a discriminator of {convolutions} convolutions; expected 3 "
      "or more"
    )
  return {
    "name": "patch",
    "features": _width(state, source, "model.0.weight"),
    "num_layers": convolutions - 2,
    **_norm_fields(state, source, norm, "model.2"),
  }


def _describe_pixel(state, source, norm):
  return {
    "name": "pixel",
    "features": _width(state, source, "net.0.weight"),
    **_norm_fields(state, source, norm, "net.2"),
  }
