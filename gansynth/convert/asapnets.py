"""Checkpoints of ASAP-Nets (PyTorch), whose generator SemDisc has too.

What is stored is the low-resolution stream, one list of layers named
`lowres_stream.model`, in which padding and activations have a place and no
arrays. The networks of the cells are what it predicts, so that their sizes
show in the number of its outputs alone.
"""

import collections
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from gansynth.convert import (
  common,
  spade_descriptions,
  spade_tables,
  spectral_vectors,
)
from gansynth.convert.errors import CheckpointError
from gansynth.models import asapnets, norms

NAME = "asapnets"

_LIST = "lowres_stream.model"
_KEY = re.compile(rf"{_LIST}\.(\d+)\.(conv_block\.\d+\.)?(.+)")
# Places that a layer takes in a list: padding, convolution, activation. The
# convolution is the last but one.
_PLACES = {"zero": 2, "reflect": 3}
_GRID = 16  # cells in the shorter side of the pictures trained with
# Bounds of what is looked for where options do not tell.
_MAX_DOWNSAMPLING = 1024
_MAX_LAYERS = 16
_MIN_FEATURES = 2


class _Pixels(NamedTuple):
  """Sizes of the cells' networks, fields of the generator."""

  downsampling: int
  unseen_channels: int
  pixel_features: int
  pixel_layers: int


def network_of(state: Mapping[str, np.ndarray]) -> str | None:
  """`asapnets` where a state dict holds this generator, or None."""
  return NAME if any(map(_KEY.fullmatch, common.unwrap(state))) else None


def convert_state_dict(
  state: Mapping[str, np.ndarray],
  source: str = "state dict",
  *,
  dtype: Any = np.float32,
  norm: str | None = None,
  crop_size: int | None = None,
  aspect_ratio: float | None = None,
  pixel_features: int | None = None,
  pixel_layers: int | None = None,
  unseen_channels: int | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Works out the sizes of a generator and fills its variables.

  The arguments after `dtype` are what keys and shapes do not tell. The number
  of parameters of a cell leaves few possibilities, so that most need not be
  given: of several, the published sizes of 5 layers of 64 are taken.

  Args:
    state: arrays by the original's keys.
    source: name of the file, for messages.
    dtype: of the variables; None keeps the state's own.
    norm: the original's `norm_G`. The keys tell it up to whether batch
      statistics are synchronised.
    crop_size: width of the pictures that it was trained with, which with the
      next gives the side of a cell.
    aspect_ratio: their width / height, 1 by default.
    pixel_features: width of the cells' networks, `hr_width`.
    pixel_layers: of these networks, `hr_depth`.
    unseen_channels: how many of the last channels these networks are not
      shown, 0 or 1 (`lr_instance`).

  Returns:
    The network's description, for `models.create(**description)`, and its
    variables.

  Raises:
    CheckpointError: no such network, or options that contradict the file or
      leave several possibilities.
    KeyMismatchError: keys are missing or left over, or shapes differ.
  """
  state, _ = common.drop_unused_buffers(common.unwrap(state))
  state = spectral_vectors.complete(state, source)
  if network_of(state) is None:
    raise CheckpointError(
      f"{source}: no network of ASAP-Nets; its keys begin with "
      f"{', '.join(map(repr, list(state)[:5])) or 'nothing'}"
    )
  description, channels = _describe_stream(state, source, norm)
  head = f"{_LIST}.{_places(description)[2]}.weight"
  pixels = _describe_pixels(
    source,
    int(common.shape(state, source, head)[0]),
    channels,
    description["learned_downsampling"],
    _Pixels(
      _downsampling(crop_size, aspect_ratio, source),
      unseen_channels,
      pixel_features,
      pixel_layers,
    ),
  )
  description |= pixels._asdict()
  side = 2 * pixels.downsampling
  shapes = common.described_shapes(
    description, ((1, side, side, channels),), source
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
  """The original's keys of a generator that `convert_state_dict` describes."""
  d = {**description, "use_bias": False}
  places = _PLACES[d["padding"]]
  units, blocks, head = _places(d)
  entries = []
  for i, at in enumerate(units):
    path = [f"down_{i}"], [f"down_norm_{i}"]
    entries += spade_tables.normed(f"{_LIST}.{at}", *path, d)
  for i, at in enumerate(blocks):
    key = f"{_LIST}.{at}.conv_block.{places - 2}"
    path = [f"block_{i}"], [f"block_norm_{i}"]
    entries += spade_tables.normed(key, *path, d)
  return [*entries, *common.convolution(f"{_LIST}.{head}", ["head"])]


def _places(d):
  """Places in the list of the units, of the blocks and of the last layer."""
  places = _PLACES[d["padding"]]
  count = d["learned_downsampling"].bit_length()
  start = count * places
  head = start + d["num_blocks"]
  return range(places - 2, start, places), range(start, head), head


def _describe_stream(state, source, norm):
  """Returns what the keys tell, and how many channels the network takes."""
  matches = [match for match in map(_KEY.fullmatch, state) if match]
  blocks = [int(match[1]) for match in matches if match[2]]
  head = max(int(match[1]) for match in matches)
  start = min(blocks, default=head)
  head = max([head, *(at + 1 for at in blocks)])
  first = min(int(match[1]) for match in matches)
  padding = "reflect" if first == 1 else "zero"
  places = _PLACES[padding]
  names = {match[3] for match in matches if int(match[1]) != head}
  found = _norm(names)
  inner = "" if found.endswith("none") else ".0"
  widths = [
    spade_descriptions.kernel_shape(state, source, f"{_LIST}.{at}{inner}")
    for at in (places - 2, start - 2)
  ]
  description = {
    "name": NAME,
    "features": int(widths[0][0]),
    "max_features": int(widths[1][0]),
    "num_blocks": head - start,
    "learned_downsampling": 2 ** max(start // places - 1, 0),
    "norm": common.checked_norm(norm, found, source, norms.parse),
    "padding": padding,
  }
  return description, int(widths[0][1])


def _norm(names):
  """What the keys behind the layers' places tell of their norm."""
  spectral = "spectral" * any(name.endswith("weight_orig") for name in names)
  if "1.running_var" in names:
    return f"{spectral}sync_batch"
  if "1.weight" in names:
    return f"{spectral}instanceaffine"
  has_norm = any(name.startswith("0.") for name in names)
  return f"{spectral}{'instance' if has_norm else 'none'}"


def _downsampling(crop_size, aspect_ratio, source):
  """Side of a cell in pixels, or None where it is not known."""
  if crop_size is None:
    return None
  ratio = 1.0 if aspect_ratio is None else aspect_ratio
  if not 0 < ratio < math.inf:
    raise CheckpointError(
      f"{source}: aspect_ratio is {ratio}; expected width / height"
    )
  return int(crop_size // (_GRID * ratio))


def _describe_pixels(source, outputs, channels, learned, given):
  """Finds the sizes of the cells' networks by their number of parameters.

  Args:
    source: name of the file, for messages.
    outputs: parameters of a cell.
    channels: of the label maps.
    learned: the least downsampling.
    given: sizes that are known; None: not known.
  """
  model = asapnets.AsapGenerator
  published = [
    pixels
    for pixels in _possible(
      outputs, channels, learned, given._replace(downsampling=None)
    )
    if pixels.pixel_features == (given.pixel_features or model.pixel_features)
    and pixels.pixel_layers == (given.pixel_layers or model.pixel_layers)
  ]
  possible = list(_possible(outputs, channels, learned, given))
  # Where a side of cells only goes with odd sizes, it is the side that is odd.
  contradicts = bool(published) and not set(published) & set(possible)
  if len(possible) == 1 and not contradicts:
    return possible[0]
  if len(published) == 1 and not contradicts:
    found = published[0]
    logging.warning(
      "%s: cells of %d x %d pixels and networks of %d layers of %d are "
      "assumed; others have as many parameters",
      source,
      found.downsampling,
      found.downsampling,
      found.pixel_layers,
      found.pixel_features,
    )
    return found
  options = {
    "cells of side (crop_size / 16 / aspect_ratio)": given.downsampling,
    "unseen_channels": given.unseen_channels,
    "pixel_features": given.pixel_features,
    "pixel_layers": given.pixel_layers,
  }
  told = ", ".join(f"{k} {v}" for k, v in options.items() if v is not None)
  listed = "; ".join(
    ", ".join(f"{k} {v}" for k, v in pixels._asdict().items())
    for pixels in list(dict.fromkeys([*published, *possible]))[:4]
  )
  raise CheckpointError(
    f"{source}: the generator has {outputs} outputs, the parameters of a cell "
    f"that sees {channels} channels. That many make "
    f"{listed or 'no sizes'} (given: {told or 'nothing'}); say which "
    "crop_size, aspect_ratio, pixel_features (hr_width) and "
    "pixel_layers (hr_depth) it was trained with"
  )


def _possible(
  outputs: int, channels: int, learned: int, given: _Pixels
) -> Iterator[_Pixels]:
  """All sizes that give this number of parameters."""
  exponents = range(_MAX_DOWNSAMPLING.bit_length())
  sides = [2**i for i in exponents if 2**i >= learned]
  if given.downsampling is not None:
    sides = [side for side in sides if side == given.downsampling]
  hidden = (0, 1) if given.unseen_channels is None else (given.unseen_channels,)
  depths = range(1, _MAX_LAYERS + 1)
  if given.pixel_layers is not None:
    depths = (given.pixel_layers,)
  for side, unseen, depth in itertools.product(sides, hidden, depths):
    inputs = channels - unseen + 4 * int(math.log2(side))
    width = _width(outputs, inputs, depth, given.pixel_features)
    if width is not None:
      yield _Pixels(side, unseen, width, depth)


def _width(outputs, inputs, depth, given):
  """Width of the layers between the first and the last, or None."""
  pictures = asapnets.AsapGenerator.output_channels
  if depth == 1:
    fits = outputs == pictures * (inputs + 1)
    return (given or asapnets.AsapGenerator.pixel_features) if fits else None
  # a w^2 + b w + pictures = outputs
  a, b = depth - 2, inputs + 1 + depth - 2 + pictures
  rest = outputs - pictures
  root = math.isqrt(max(b * b + 4 * a * rest, 0))
  width = (root - b) // (2 * a) if a else rest // b
  if a * width**2 + b * width != rest or width < _MIN_FEATURES:
    return None
  return width if given in (None, width) else None
