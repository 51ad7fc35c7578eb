"""Gradient fields of pictures, and what the solver takes from them.

Planes are (..., H, W). With `size`, a (2,) array of the true height and
width, the picture lies in the top left corner of larger planes; what lies
beyond is neither read nor meant to be.

Reference: Wu et al., "GP-GAN: Towards Realistic High-Resolution Image
Blending", ACM MM 2019; the kernels are scikit-image's.
"""

import jax
import jax.numpy as jnp
from jax import lax

_SMOOTHING = {
  "sobel": (1 / 4, 2 / 4),
  "scharr": (3 / 16, 10 / 16),
  "prewitt": (1 / 3, 1 / 3),
}
KERNELS = ("normal", *_SMOOTHING, "roberts")
BORDERS = ("zero", "reflect")
_ROWS, _COLUMNS = -2, -1


def gradients(
  x: jax.Array,
  kernel: str = "normal",
  border: str = "zero",
  size: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
  """Returns the fields h and v of planes.

  `normal` takes forward differences: h to the right, v downwards. The other
  kernels are taken over from the original with their quirk: h of sobel,
  scharr and prewitt is the derivative *down* the rows and v the one across,
  both central differences that are not halved; roberts' are diagonal.

  Args:
    x: planes, (..., H, W).
    kernel: one of `KERNELS`.
    border: of the kernels other than `normal`. "zero" makes both fields zero
      in the outermost rows and columns, as scikit-image up to 0.15;
      "reflect" mirrors the picture, as from 0.16 to 0.18.
    size: the true height and width, see above.
  """
  if kernel not in KERNELS:
    raise ValueError(
      f"unknown gradient kernel {kernel!r}; choose from {', '.join(KERNELS)}"
    )
  if border not in BORDERS:
    raise ValueError(
      f"unknown gradient border {border!r}; choose from {', '.join(BORDERS)}"
    )
  if kernel == "normal":
    return (
      following(x, _COLUMNS, size) - x,
      following(x, _ROWS, size) - x,
    )
  if kernel == "roberts":
    below = following(x, _ROWS, size)
    fields = (
      following(below, _COLUMNS, size) - x,
      below - following(x, _COLUMNS, size),
    )
  else:
    side, middle = _SMOOTHING[kernel]

    def derivative(along, across):
      before = preceding(x, along, size)
      d = following(x, along, size) - before
      before = preceding(d, across, size)
      after = following(d, across, size)
      return middle * d + side * (before + after)

    fields = derivative(_ROWS, _COLUMNS), derivative(_COLUMNS, _ROWS)
  if border == "zero":
    inner = _is_inner(x, _ROWS, size) & _is_inner(x, _COLUMNS, size)
    fields = tuple(jnp.where(inner, f, 0) for f in fields)
  return fields


def blended(
  source: jax.Array,
  destination: jax.Array,
  mask: jax.Array,
  kernel: str = "normal",
  border: str = "zero",
  size: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
  """Returns the fields h and v: the source's where the mask is one.

  Args:
    source: (..., C, H, W).
    destination: likewise.
    mask: (..., 1, H, W), in [0, 1]; averaged over each pixel and the next.
    kernel: see `gradients`.
    border: likewise.
    size: likewise.
  """
  masks = (
    (mask + following(mask, axis, size, wrap=True)) / 2
    for axis in (_COLUMNS, _ROWS)
  )
  # The fields are linear, and one difference costs less than two fields.
  differences = gradients(source - destination, kernel, border, size)
  return tuple(
    f + d * m
    for f, d, m in zip(
      gradients(destination, kernel, border, size),
      differences,
      masks,
      strict=True,
    )
  )


def negative_divergence(
  h: jax.Array, v: jax.Array, size: jax.Array | None = None
) -> jax.Array:
  """Returns minus the divergence, by backward differences that wrap around."""
  return (
    preceding(h, _COLUMNS, size, wrap=True)
    + preceding(v, _ROWS, size, wrap=True)
    - h
    - v
  )


def following(
  x: jax.Array, axis: int, size: jax.Array | None = None, wrap: bool = False
) -> jax.Array:
  """Returns x at the next place; at the last one the last, or the first.

  Args:
    x: planes, (..., H, W).
    axis: -2 or -1.
    size: the true height and width, see above.
    wrap: whether what follows the last place is the first.
  """
  length = x.shape[axis]
  edge = _part(x, 0, 1, axis) if wrap else _part(x, length - 1, length, axis)
  shifted = _join(_part(x, 1, length, axis), edge, axis)
  if size is None:
    return shifted
  last = _places(x, axis) == size[axis] - 1
  return jnp.where(last, _part(x, 0, 1, axis) if wrap else x, shifted)


def preceding(
  x: jax.Array, axis: int, size: jax.Array | None = None, wrap: bool = False
) -> jax.Array:
  """Returns x at the previous place, as `following`."""
  length = x.shape[axis]
  if not wrap:
    edge = _part(x, 0, 1, axis)
  elif size is None:
    edge = _part(x, length - 1, length, axis)
  else:
    edge = lax.dynamic_slice_in_dim(x, size[axis] - 1, 1, axis + x.ndim)
  return _join(edge, _part(x, 0, length - 1, axis), axis)


def is_inside(x: jax.Array, size: jax.Array) -> jax.Array:
  """Returns whether places lie within `size`, to be broadcast against x."""
  return (_places(x, _ROWS) < size[0]) & (_places(x, _COLUMNS) < size[1])


def _part(x, start, stop, axis):
  return lax.slice_in_dim(x, start, stop, axis=axis + x.ndim)


def _join(a, b, axis):
  return jnp.concatenate([a, b], axis)


def _places(x, axis):
  """The index along an axis, to be broadcast against x."""
  return lax.broadcasted_iota(
    jnp.int32,
    [x.shape[a] if a == axis else 1 for a in range(-x.ndim, 0)],
    axis + x.ndim,
  )


def _is_inner(x, axis, size):
  place = _places(x, axis)
  length = x.shape[axis] if size is None else size[axis]
  return (place > 0) & (place < length - 1)
