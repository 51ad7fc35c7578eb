"""SPADE's modulation, computed only where the label map varies.

gamma and beta are two k x k convolutions of relu(a k x k convolution of the
label map): at a pixel they depend on a small neighbourhood of it alone, 5 x 5
for k = 3. Where that is uniform, which is most of a real label map, they are
one constant for every class. So there is a table of these constants, rows are
added to it for what varies or reaches beyond the picture, and every pixel reads
its row. The result is the dense form's up to rounding.

Rows are computed for tiles of 2 x 2 pixels, once for all tiles with the same
surroundings: of those that vary at 256 pixels, two fifths repeat others in
photographs' label maps, half in drawn scenes. They are found by sorting and
comparing, not by trusting a hash. Some hundreds of tiles are computed at a
time, in a loop that ends with the last. All shapes are static and the label
map decides over nothing but the number of turns: one compiled program takes
all maps, none is too much for it, and one that varies everywhere takes about
as long as the dense form. That is why there is no choice among several
capacities.

Processor time on two cores to that of the dense form, photographs' label maps,
184 input channels: 0.2 to 0.35 at 256 pixels, 0.35 to 0.65 at 128, 0.65 to 0.9
at 64, nothing gained below. Where all varies: 0.8, 1.15 and 1.2.

It is for inference, a loop of unknown length has no reverse-mode derivative,
and for CPUs: dense convolutions are what accelerators are fast at, and a loop
that asks for its length at every turn keeps them waiting.
"""

import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import struct
from jax import lax

from gansynth.models import convolution, semantic_convolution
from gansynth.models import semantics as semantics_lib

# Kernel (height, width, input, output) and bias (output,) by these names.
Weights = Mapping[str, jax.Array]

_SIDE = 2  # pixels of a tile
_CORNERS = _SIDE * _SIDE
_OUTSIDE = -1  # of the picture, in place of a class
_UNKNOWN = -2  # a pixel that is of no class
_FACTOR = 0x9E3779B1  # odd, without a pattern in its powers
# Smaller pictures are mostly borders, and reading kernels takes the time.
_MIN_PIXELS = 64 * 64
# Tiles times channels of a turn: products that two cores share, and whose
# results are still in the cache when they are added up.
_TURN = 2**17


class Plan(struct.PyTreeNode):
  """What all modulations by one label map at one resolution share."""

  rows: jax.Array  # int32 (batch, height, width): a pixel's row of the table
  tiles: jax.Array  # int32 (all tiles,): those to compute come first
  count: jax.Array  # int32 (): how many are to be computed


def plan(
  semantics: semantics_lib.LabelMap | jax.Array, kernel_size: int
) -> Plan | None:
  """Finds the tiles that hold more than constants, one of each kind.

  Args:
    semantics: labels, and at most one plane: the edges of instances, 0 or 1
      (pixels of other values are computed one by one).
    kernel_size: of the three convolutions.

  Returns:
    None where the dense form is faster, or there are no classes: where
    pictures are small, for an array, for several planes.
  """
  if not isinstance(semantics, semantics_lib.LabelMap):
    return None
  planes = semantics.planes
  if (planes is not None and planes.shape[-1] > 1) or not semantics.num_labels:
    return None
  if semantics.labels.size < _MIN_PIXELS:
    return None
  classes = _classes(semantics)
  batch, height, width = classes.shape
  tall, wide = _num_tiles(height), _num_tiles(width)
  reach = 2 * (kernel_size // 2)
  patterns = _patterns(classes, reach)
  varies = (patterns < 0).any(0)
  if reach:
    varies |= (patterns != patterns[:1]).any(0)
  # Equal patterns come to lie side by side, mostly without others between.
  factors = [pow(_FACTOR, i, 2**32) for i in range(len(patterns))]
  factors = jnp.array(factors, jnp.uint32)[:, None]
  keys = (patterns.astype(jnp.uint32) * factors).sum(0, dtype=jnp.uint32)
  numbers = jnp.arange(len(keys), dtype=jnp.int32)
  _, order = lax.sort((keys, numbers), num_keys=1)
  patterns = patterns[:, order]
  is_new = (patterns[:, 1:] != patterns[:, :-1]).any(0)
  is_new = jnp.pad(is_new, (1, 0), constant_values=True)
  is_new = (is_new | (patterns == _UNKNOWN).any(0)) & varies[order]
  places = jnp.cumsum(is_new, dtype=jnp.int32)
  first = jnp.flatnonzero(is_new, size=len(order), fill_value=0)

  def pixels(tiles):
    tiles = tiles.reshape(batch, tall, wide)
    tiles = jnp.repeat(jnp.repeat(tiles, _SIDE, 1), _SIDE, 2)
    return tiles[:, :height, :width]

  row, column = jnp.indices((1, height, width), jnp.int32, sparse=True)[1:]
  corners = row % _SIDE * _SIDE + column % _SIDE
  starts = _num_classes(semantics) + _CORNERS * (places - 1)
  starts = jnp.zeros_like(starts).at[order].set(starts, unique_indices=True)
  return Plan(
    rows=jnp.where(pixels(varies), pixels(starts) + corners, classes),
    tiles=order[first],
    count=places[-1],
  )


def modulate(
  normalized: jax.Array,
  semantics: semantics_lib.LabelMap | jax.Array,
  shared: Weights,
  gamma: Weights,
  beta: Weights,
  dtype: Any,
  plan: Plan | None = None,
) -> jax.Array:
  """Returns normalized * (1 + gamma(hidden)) + beta(hidden).

  hidden = relu(shared(semantics)), zeros around it; all three are convolutions
  of one odd size.

  Args:
    normalized: (batch, height, width, channels).
    semantics: of that height and width.
    shared: the convolution to hidden channels.
    gamma: that to factors.
    beta: that to offsets.
    dtype: type of the operands and of the result.
    plan: `plan(semantics, kernel_size)`; None: the dense form.

  Returns:
    (batch, height, width, channels).

  Reference: Park et al., "Semantic Image Synthesis with Spatially-Adaptive
  Normalization", CVPR 2019, section 3.1.
  """
  convolve = functools.partial(semantic_convolution.same_conv2d, dtype=dtype)
  hidden = nn.relu(convolve(semantics, **shared))
  # One convolution to twice as many channels is faster than two.
  both = {
    name: jnp.concatenate([gamma[name], beta[name]], -1) for name in gamma
  }
  if plan is None:
    modulation = convolve(hidden, **both)
  else:
    constants = _constants(semantics, shared, both).astype(dtype)
    modulation = _table(hidden, constants, both, plan, dtype)[plan.rows]
  factors, offsets = jnp.split(modulation, 2, axis=-1)
  return normalized * (1 + factors) + offsets


def _add(x, bias):
  return x + jnp.broadcast_to(bias.astype(x.dtype), x.shape)


def _num_tiles(length):
  return -(-length // _SIDE)


def _num_classes(semantics):
  return semantics.num_labels * (1 if semantics.planes is None else 2)


def _classes(semantics):
  """Numbers labels without an edge, then those with one."""
  labels, planes = semantics.labels.astype(jnp.int32), semantics.planes
  known = (labels >= 0) & (labels < semantics.num_labels)
  if planes is not None:
    edges = planes[..., 0]
    known &= (edges == 0) | (edges == 1)
    labels += semantics.num_labels * (edges == 1)
  return jnp.where(known, labels, _UNKNOWN)


def _patterns(classes, reach):
  """The classes in and around each tile: (classes, tiles)."""
  ends = [length + -length % _SIDE for length in classes.shape[1:]]
  padded = jnp.pad(
    classes,
    (
      (0, 0),
      *(
        (reach, end - length + reach)
        for end, length in zip(ends, classes.shape[1:], strict=True)
      ),
    ),
    constant_values=_OUTSIDE,
  )
  side = _SIDE + 2 * reach
  return jnp.stack(
    [
      padded[:, i : i + ends[0] : _SIDE, j : j + ends[1] : _SIDE].reshape(-1)
      for i in range(side)
      for j in range(side)
    ]
  )


def _constants(semantics, shared, both):
  """What comes of a picture of one class, far from its border: (classes, c)."""
  taps = shared["kernel"].sum((0, 1))
  hidden = _add(taps[: semantics.num_labels], shared["bias"])
  if semantics.planes is not None:
    hidden = jnp.concatenate([hidden, _add(hidden, taps[-1])])
  return _add(nn.relu(hidden) @ both["kernel"].sum((0, 1)), both["bias"])


def _table(hidden, constants, both, plan, dtype):
  """Rows of constants, then those of the tiles to compute, four for each."""
  kernel, bias = both["kernel"].astype(dtype), both["bias"]
  radius = len(kernel) // 2
  _, height, width, channels = hidden.shape
  tall, wide = _num_tiles(height), _num_tiles(width)
  borders = [
    (radius, radius + count * _SIDE - length)
    for count, length in ((tall, height), (wide, width))
  ]
  hidden = jnp.pad(hidden, ((0, 0), *borders, (0, 0)))
  _, height, width, _ = hidden.shape
  hidden = hidden.reshape(-1, channels)
  side = jnp.arange(_SIDE + 2 * radius)
  patch = side[None, :, None] * width + side[None, None]

  turn = min(max(_TURN // len(bias), 128), 512, len(plan.tiles))
  surplus = -len(plan.tiles) % turn
  tiles = jnp.pad(plan.tiles, (0, surplus))
  rest = jnp.zeros((len(tiles) * _CORNERS, len(bias)), dtype)
  table = jnp.concatenate([constants, rest])

  def compute(i, table):
    number = lax.dynamic_slice_in_dim(tiles, i * turn, turn)
    picture, number = jnp.divmod(number, tall * wide)
    row, column = jnp.divmod(number, wide)
    corner = (picture * height + row * _SIDE) * width + column * _SIDE
    patches = hidden[corner[:, None, None] + patch]
    rows = _add(convolution.conv2d(patches, kernel), bias)
    start = len(constants) + i * turn * _CORNERS
    return lax.dynamic_update_slice_in_dim(
      table, rows.reshape(-1, len(bias)), start, 0
    )

  return lax.fori_loop(0, -(-plan.count // turn), compute, table)
