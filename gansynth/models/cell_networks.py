"""Small networks, one per cell of a grid, that compute the cell's pixels.

All cells at once would be products of batches of small matrices, with a
picture of features written and read between them. On a CPU (two cores, jax
0.10 and 0.12, 512 cells of 16 x 16 pixels, five layers of 64) the cells are
taken in groups whose features stay in the cache, and the first matrix's rows
are looked up by labels: 33 ms of processor time in place of 48 forward, 120 in
place of 150 for gradients, where the arithmetic alone takes 16. Transposed
operands took 45; a loop in two halves, one-hot products within groups and
groups of other sizes were no faster. Waves run along rows or along columns,
so the product with them is the sum of two short tables. Accelerators compute
all cells at once and multiply one-hot channels: there, pixels of one label
would wait for one another to add to its gradient.

Gradients compute the features anew, for less than a tenth of a generator's
time: they are many times larger than all that they are made of.
"""

import functools
import itertools
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gansynth.models import norms, semantics

_SLOPE = 0.01  # of leaky ReLU
_GROUP_BYTES = 2 * 2**20  # of features between two layers


def positional_encoding(size: tuple[int, int], downsampling: int) -> np.ndarray:
  """Waves that tell pixels where they are inside their cell.

  Of the periods f = downsampling, downsampling / 2, .., 2, in this order,
  cos(2 pi x / f), sin(2 pi x / f), cos(2 pi y / f), sin(2 pi y / f), where x
  is the column and y the row.

  Args:
    size: height and width in pixels.
    downsampling: side of a cell, a power of two.

  Returns:
    float64 (height, width, 4 * log2(downsampling)).
  """
  rows, columns = np.indices(size)
  waves = [np.zeros((*size, 0))]
  for i in range(downsampling.bit_length() - 1):
    period = downsampling >> i
    for position in (columns, rows):
      angle = 2 * np.pi * (position % period) / period
      waves.append(np.stack([np.cos(angle), np.sin(angle)], -1))
  return np.concatenate(waves, -1)


def pixelwise(
  shown: semantics.LabelMap | jax.Array,
  parameters: jax.Array,
  *,
  features: int,
  num_layers: int,
  output_channels: int,
  dtype: Any = jnp.float32,
) -> jax.Array:
  """Computes every pixel by the network of its cell.

  The networks are dense layers with leaky ReLU of slope 0.01 between them.
  They see a pixel's channels and, after these, its `positional_encoding`. A
  cell's parameters are, layer by layer, the bias (outputs,) and the matrix
  (inputs, outputs). Differentiable with respect to arrays, planes and
  parameters.

  Args:
    shown: (batch, height, width, channels), of cells height / rows pixels
      high and as wide.
    parameters: (batch, rows, columns, number).
    features: outputs of all layers but the last.
    num_layers: at least 1.
    output_channels: of the last layer.
    dtype: type of the operands and of the result.

  Returns:
    (batch, height, width, output_channels), not bounded.
  """
  labels, planes, num_labels = None, shown, 0
  if isinstance(shown, semantics.LabelMap):
    labels, planes, num_labels = shown.labels, shown.planes, shown.num_labels
  batch, height, width, _ = shown.shape
  rows, columns = parameters.shape[1:3]
  side = height // rows
  network = _Network(
    side, num_labels, (*[features] * (num_layers - 1), output_channels)
  )

  def cells(x):
    """(batch, height, width, ...) to (cells, pixels, ...)."""
    x = x.reshape(batch, rows, side, columns, side, *x.shape[3:])
    return x.swapaxes(2, 3).reshape(-1, side * side, *x.shape[5:])

  pixels = _draw(
    network,
    None if labels is None else cells(labels),
    None if planes is None else cells(planes.astype(dtype)),
    parameters.astype(dtype).reshape(-1, parameters.shape[-1]),
  )
  pixels = pixels.reshape(batch, rows, columns, side, side, output_channels)
  return pixels.swapaxes(2, 3).reshape(batch, height, width, output_channels)


class _Network(NamedTuple):
  """What the arrays of a cell do not say, hashable."""

  side: int  # of the cell in pixels
  num_labels: int
  widths: tuple[int, ...]  # outputs of the layers


# Labels are (cells, pixels), planes (cells, pixels, channels), parameters
# (cells, number) and pixels (cells, pixels, outputs).
@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0)
def _draw(network, labels, planes, parameters):
  return _each_cell(network, _pixels, labels, planes, parameters)


def _draw_forward(network, *operands):
  return _draw(network, *operands), operands


@functools.partial(jax.jit, static_argnums=0)
def _draw_backward(network, operands, g):
  return None, *_each_cell(network, _gradients, *operands, g)


_draw.defvjp(_draw_forward, _draw_backward)


def _each_cell(network, function, *operands):
  return lax.platform_dependent(
    *operands,
    cpu=functools.partial(_by_groups, network, function),
    default=jax.vmap(functools.partial(function, network, _multiply)),
  )


def _by_groups(network, function, *operands):
  """Computes 16-bit operands in float32, which a CPU does anyway."""
  dtype = operands[2].dtype

  def cell(operands):
    labels, *operands = operands
    operands = jax.tree.map(norms.at_least_float32, operands)
    results = function(network, _look_up, labels, *operands)
    return jax.tree.map(lambda x: x.astype(dtype), results)

  features = network.side**2 * network.widths[0]
  group = _GROUP_BYTES // (features * max(4, dtype.itemsize))
  if len(operands[2]) <= group:
    return jax.vmap(cell)(operands)
  return lax.map(cell, operands, batch_size=max(group, 1))


def _pixels(network, rows_of, labels, planes, parameters):
  """The pixels of one cell; `rows_of` finds the rows of labels."""
  side, num_labels, widths = network
  waves = positional_encoding((side, side), side).astype(parameters.dtype)
  waves = waves.reshape(side, side, -1, 2, 2)
  shown = num_labels + (0 if planes is None else planes.shape[-1])
  matrix, bias, parameters = _layer(
    parameters, shown + waves[0, 0].size, widths[0]
  )
  # No product has the channels of labels and of waves joined.
  of_labels, of_planes, of_waves = jnp.split(matrix, [num_labels, shown])
  of_waves = of_waves.reshape(-1, 2, 2, widths[0])
  of_columns, of_rows = (
    jnp.tensordot(seen, of_waves[:, i], 2)
    for i, seen in enumerate((waves[0, :, :, 0], waves[:, 0, :, 1]))
  )
  x = of_columns[None] + (of_rows + bias[None])[:, None]
  x = x.reshape(side * side, widths[0])
  if labels is not None:
    x += rows_of(of_labels, labels)
  if planes is not None:
    x += planes @ of_planes
  for inputs, outputs in itertools.pairwise(widths):
    matrix, bias, parameters = _layer(parameters, inputs, outputs)
    x = nn.leaky_relu(x, _SLOPE) @ matrix + bias[None]
  return x


def _layer(parameters, inputs, outputs):
  """Matrix and bias of the next layer, and the parameters after them."""
  layer, rest = jnp.split(parameters, [(inputs + 1) * outputs])
  layer = layer.reshape(inputs + 1, outputs)
  return layer[1:], layer[0], rest


def _look_up(matrix, labels):
  labels = labels.astype(jnp.int32)
  known = (labels >= 0) & (labels < len(matrix))
  rows = matrix.at[jnp.where(known, labels, 0)]
  return jnp.where(known[:, None], rows.get(mode="promise_in_bounds"), 0)


def _multiply(matrix, labels):
  return jax.nn.one_hot(labels, len(matrix), dtype=matrix.dtype) @ matrix


def _gradients(network, rows_of, labels, planes, parameters, g):
  """Those of one cell in its planes and parameters."""
  draw = functools.partial(_pixels, network, rows_of, labels)
  return jax.vjp(draw, planes, parameters)[1](g)
