"""GP-GAN: colours of a network, gradients of pictures, solved level by level.

A network makes a small picture in harmony of the pasted one. Its colours and
the pictures' gradients are brought together at that size, the result is
enlarged and is the colour picture of the next level, up to the full size.

With the behavior `exact` the numbers are the original's. `fixed` differs where
the original is only a quirk:

- borders are repeated where the original fills with zeros, which gives every
  picture a dark frame;
- masks are sampled linearly after their blur, where the nearest sample of the
  original falls half way between two pixels at even factors and rounding noise
  decides;
- the result is rounded to 8 bits, where the original drops the fraction;
- pictures smaller than the network are enlarged for it, where the original
  fails.

Reference: Wu et al., "GP-GAN: Towards Realistic High-Resolution Image
Blending", ACM Multimedia 2019.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gansynth.blending import pyramid as pyramids
from gansynth.blending import resize as resizing
from gansynth.blending import solver
from gansynth.blending.pyramid import BEHAVIORS, Plan

# (N, C, S, S) source, destination and (N, 1, S, S) mask, to colours in [0, 1].
Colorize = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class Options:
  """What the original's command line calls its options.

  Attributes:
    image_size: S, side of the coarsest level and of the network's pictures.
    color_weight: beta, of the colours against the gradients; positive.
    sigma: of the Gaussian in the colour term, in pixels.
    kernel: of the gradients, one of `solver.KERNELS`.
    border: of the gradients, one of `solver.BORDERS`.
    smooth_sigma: of the blur between levels, in pixels of the finer one.
    behavior: `exact` or `fixed`.
  """

  image_size: int = 64
  color_weight: float = 1.0
  sigma: float = 0.5
  kernel: str = "normal"
  border: str = "zero"
  smooth_sigma: float = 1.0
  behavior: str = "exact"

  def __post_init__(self):
    """Raises ValueError on what cannot be used."""
    for name, known in (
      ("kernel", solver.KERNELS),
      ("border", solver.BORDERS),
      ("behavior", BEHAVIORS),
    ):
      value = getattr(self, name)
      if value not in known:
        raise ValueError(
          f"{name} is {value!r}; choose one of {', '.join(known)}"
        )
    if self.image_size < 2:
      raise ValueError(f"image_size is {self.image_size}; expected at least 2")
    if not self.color_weight > 0:
      raise ValueError(
        f"color_weight is {self.color_weight}; it must be positive, or the "
        "mean of the result is not determined (try 0.001)"
      )
    for name in ("sigma", "smooth_sigma"):
      if not 0 < getattr(self, name) <= 100:
        raise ValueError(
          f"{name} is {getattr(self, name)}; expected pixels above 0, at most "
          "100"
        )

  def plan(
    self,
    size: tuple[int, int],
    canvas: tuple[int, int] | None = None,
    dtype: str = "float32",
  ) -> Plan:
    """Computes the tables of a size, see `pyramid.plan`."""
    return pyramids.plan(
      size,
      self.image_size,
      smooth_sigma=self.smooth_sigma,
      behavior=self.behavior,
      canvas=canvas,
      dtype=dtype,
    )


class Levels(NamedTuple):
  """Pyramids, coarsest level first."""

  sources: Sequence[jax.Array]  # (..., C, height, width)
  destinations: Sequence[jax.Array]
  masks: Sequence[jax.Array]  # (..., 1, height, width)


def make_levels(
  source: jax.Array,
  destination: jax.Array,
  mask: jax.Array,
  plan: Plan,
  masks: Sequence[jax.Array] | None = None,
) -> Levels:
  """Makes the pyramids.

  Args:
    source: planes in [0, 1], (..., C, H, W), in the plan's canvas.
    destination: likewise.
    mask: (..., 1, H, W).
    plan: of the size, `Options.plan`.
    masks: those of all levels, where they are known.
  """
  return Levels(
    pyramids.pyramid(source, plan),
    pyramids.pyramid(destination, plan),
    pyramids.mask_pyramid(mask, plan) if masks is None else masks,
  )


def composite(
  source: jax.Array, destination: jax.Array, mask: jax.Array
) -> jax.Array:
  """Pastes the source into the destination."""
  return source * mask + destination * (1 - mask)


def solve_levels(
  color: jax.Array, levels: Levels, plan: Plan, options: Options
) -> list[jax.Array]:
  """Solves all levels, coarsest first.

  Args:
    color: (..., C, S, S) in [0, 1], the colours wanted.
    levels: of `make_levels`.
    plan: of the size.
    options: of the solver.

  Returns:
    The solution of each level, in [0, 1]; the last is the result.
  """
  top = len(plan.up)
  results = []
  for i, (source, destination, mask) in enumerate(zip(*levels, strict=True)):
    if i:
      color = resizing.resize(results[-1], *plan.up[i - 1])
    results.append(
      solver.solve(
        source,
        destination,
        mask,
        color,
        color_weight=options.color_weight,
        sigma=options.sigma,
        kernel=options.kernel,
        border=options.border,
        size=plan.top_size if i == top else None,
      )
    )
  return results


def gp_gan(
  colorize: Colorize,
  source: jax.Array,
  destination: jax.Array,
  mask: jax.Array,
  options: Options,
  plan: Plan | None = None,
  masks: Sequence[jax.Array] | None = None,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Blends a batch of pictures of one size.

  Args:
    colorize: source, destination (N, C, S, S) and mask (N, 1, S, S) of the
      coarsest level to the colours wanted there, (N, C, S, S) in [0, 1].
    source: planes in [0, 1], (N, C, H, W).
    destination: likewise.
    mask: (N, 1, H, W) in [0, 1].
    options: see `Options`.
    plan: of the size; computed where the arrays are no larger than the
      pictures. As an argument of a compiled function, it makes one program
      serve all sizes in the same canvas.
    masks: those of all levels, coarsest first, where they are known.

  Returns:
    The result (N, C, H, W) in [0, 1], and what led to it: `composite0`,
    `gan0` (the colours), and `mask<i>` and `out<i>` of each level i.

  Raises:
    BlendError: with the behavior `exact`, pictures smaller than S x S.
  """
  if plan is None:
    plan = options.plan(source.shape[-2:], dtype=source.dtype.name)
  levels = make_levels(source, destination, mask, plan, masks)
  color = colorize(*(level[0] for level in levels)).astype(source.dtype)
  results = solve_levels(color, levels, plan, options)
  details = {
    "composite0": composite(*(level[0] for level in levels)),
    "gan0": color,
  }
  for i, result in enumerate(results):
    details |= {f"mask{i}": levels.masks[i], f"out{i}": result}
  return results[-1], details


def to_uint8(planes: jax.Array, behavior: str = "exact") -> jax.Array:
  """Maps planes in [0, 1] to uint8: truncated, or with `fixed` rounded."""
  scaled = jnp.clip(planes * 255, 0, 255)
  return (jnp.round(scaled) if behavior == "fixed" else scaled).astype("uint8")
