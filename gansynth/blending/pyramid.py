"""The Gaussian pyramid of GP-GAN, and its masks.

Level 0 is the network's S x S, level i below the top S 2^i x S 2^i, always
square whatever the picture's shape; only the top keeps it. Masks are resized
from the whole mask straight to each level.

Reference: Wu et al., "GP-GAN: Towards Realistic High-Resolution Image
Blending", ACM Multimedia 2019, algorithm 1 (which says Laplacian; the code
uses the Gaussian levels themselves).
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gansynth.blending import resize as resizing
from gansynth.blending.inputs import BlendError

BEHAVIORS = ("exact", "fixed")


@functools.partial(
  jax.tree_util.register_dataclass,
  data_fields=("size", "down", "up", "masks", "origin"),
  meta_fields=("in_canvas", "window"),
)
@dataclasses.dataclass(frozen=True)
class Plan:
  """All that a picture's size decides, as arguments of a compiled program.

  Attributes:
    size: int32 (2,), height and width of the picture in its canvas.
    down: (rows, columns) from level i + 1 to level i, for each i.
    up: (rows, columns) of colours from level i to level i + 1, for each i.
    masks: (rows, columns) tables from the whole mask to level i, for each i.
    origin: int32 (2,), first row and column of the finest level's window.
    in_canvas: whether arrays are larger than the picture.
    window: height and width of that window; None: all of it.
  """

  size: Any
  down: tuple[tuple[resizing.Axis, resizing.Axis], ...]
  up: tuple[tuple[resizing.Axis, resizing.Axis], ...]
  masks: tuple[tuple[resizing.Bands, resizing.Bands], ...]
  origin: Any = None
  in_canvas: bool = False
  window: tuple[int, int] | None = None

  def cut(self, planes: jax.Array) -> jax.Array:
    """Cuts the window of the finest level out of (..., height, width)."""
    if self.window is None:
      return planes
    start = [0] * (planes.ndim - 2) + [self.origin[0], self.origin[1]]
    return lax.dynamic_slice(planes, start, (*planes.shape[:-2], *self.window))

  @property
  def top_size(self) -> Any:
    """Height and width of the picture in what `cut` gives; None: all."""
    if not self.in_canvas:
      return None
    if self.window is None:
      return self.size
    return jnp.minimum(self.size - self.origin, jnp.asarray(self.window))


def num_levels(
  size: tuple[int, int], image_size: int, behavior: str = "exact"
) -> int:
  """How many levels lie below a picture: ceil(log2(longer side / S)).

  Args:
    size: (height, width).
    image_size: S, the side of the coarsest level.
    behavior: with `fixed` smaller pictures have one level below them, larger
      than they are.

  Raises:
    BlendError: with `exact`, the picture is neither longer than S nor S x S.
  """
  height, width = size
  if (height, width) == (image_size, image_size):
    return 0
  if max(size) <= image_size:
    if behavior == "exact":
      raise BlendError(
        f"the picture is {height} x {width} pixels (height x width) and the "
        f"network works at {image_size} x {image_size}; give pictures with a "
        f'side above {image_size}, or choose behavior="fixed", which enlarges '
        "them for the network"
      )
    return 1
  # In integers: the logarithm of a power of two may be rounded up.
  return (-(-max(size) // image_size) - 1).bit_length()


@functools.lru_cache(maxsize=32)
def plan(
  size: tuple[int, int],
  image_size: int = 64,
  *,
  smooth_sigma: float = 1.0,
  behavior: str = "exact",
  canvas: tuple[int, int] | None = None,
  dtype: str = "float32",
) -> Plan:
  """Computes the tables of a size.

  Args:
    size: (height, width) of the pictures.
    image_size: S.
    smooth_sigma: standard deviation, in pixels of the finer level, of the
      blur between levels.
    behavior: `exact`, the original's zeros beyond borders and nearest samples
      of masks; `fixed`: borders repeated, masks sampled linearly.
    canvas: (height, width) of the arrays in whose top left the pictures lie.
    dtype: of the weights.
  """
  count = num_levels(size, image_size, behavior)
  canvas = canvas or size
  squares = [(image_size * 2**i,) * 2 for i in range(count)]
  sizes = [*squares, tuple(size)]
  canvases = [*squares, tuple(canvas)]
  edge = behavior == "fixed"

  def tables(source, target, **options):
    return tuple(
      resizing.axis(
        sizes[source][i],
        sizes[target][i],
        edge=edge,
        canvas=canvases[source][i],
        new_canvas=canvases[target][i],
        dtype=dtype,
        **options,
      )
      for i in range(2)
    )

  def bands(target):
    return tuple(
      resizing.bands(
        size[i],
        sizes[target][i],
        order=1 if edge else 0,
        edge=edge,
        canvas=canvas[i],
        dtype=dtype,
      )
      for i in range(2)
    )

  return Plan(
    size=np.asarray(size, np.int32),
    down=tuple(
      # Shrinking by up to 2 reads at most 2 pixels on each side.
      tables(i + 1, i, smooth_sigma=smooth_sigma, least_radius=2)
      for i in range(count)
    ),
    up=tuple(tables(i, i + 1) for i in range(count)),
    masks=tuple(bands(i) for i in range(count)),
    in_canvas=tuple(canvas) != tuple(size),
  )


def pyramid(planes: jax.Array, plan: Plan) -> list[jax.Array]:
  """Makes the levels of pictures.

  Args:
    planes: (..., channels, height, width), in the plan's canvas.
    plan: of `plan`.

  Returns:
    The levels, coarsest first; the last is `planes`, or its window.
  """
  levels = [planes]
  for rows, columns in reversed(plan.down):
    levels.append(resizing.resize(levels[-1], rows, columns))
  return [*levels[:0:-1], plan.cut(planes)]


def mask_pyramid(mask: jax.Array, plan: Plan) -> list[jax.Array]:
  """Makes the masks of all levels.

  The blur against aliasing makes those below the top soft.

  Args:
    mask: (..., 1, height, width) in [0, 1], in the plan's canvas.
    plan: of `plan`.

  Returns:
    The masks, coarsest first; the last is `mask`, or its window.
  """
  levels = [resizing.resize_bands(mask, *tables) for tables in plan.masks]
  return [*levels, plan.cut(mask)]
