"""Checks of GP-GAN's pyramid and of the whole pipeline.

The original decides some samples of masks by rounding noise, where a side is
an even multiple of a level's (a tie). There the masks that it recorded are
taken, and what our own would change is printed for information.
"""

import dataclasses
import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gansynth.blending import (
  gp_gan,
  latent,
  networks,
  pyramid,
  resize,
)
from gansynth.parity.case import Case, CaseError, to_nchw, to_nhwc
from gansynth.parity.comparison import Comparison, Tolerance, compare
from gansynth.parity.gpgan.solver import border_of, tolerance_of

_OPTIONS = {
  "image_size": "image_size",
  "color_weight": "color_weight",
  "sigma": "sigma",
  "gradient_kernel": "kernel",
  "smooth_sigma": "smooth_sigma",
}
_UINT8_MAX, _UINT8_MEAN = 1, 0.02
_LOSS, _GRADIENT = 1e-5, 1e-4  # relative
_WORSE = 1.01  # our final loss over the original's


def pyramid_levels(case: Case) -> Iterator[Comparison]:
  """Levels of a picture and of a mask, the blur, and an enlargement."""
  tolerance = tolerance_of(case)
  options = _options(case)
  image = jnp.asarray(to_nchw(case.inputs["image"]), case.dtype)
  mask = jnp.asarray(case.inputs["mask"], case.dtype)[None]
  size = image.shape[-2:]
  plan = options.plan(size, dtype=case.dtype.name)
  levels = jax.jit(pyramid.pyramid)(image, plan)
  masks = jax.jit(pyramid.mask_pyramid)(mask, plan)
  for i, level in enumerate(levels):
    yield from _compare(
      case, f"level{i}", to_nhwc(np.asarray(level)), tolerance
    )
  for i, level in enumerate(masks):
    yield from _compare_mask(case, f"mask{i}", level[0], size, tolerance)
  top = jax.jit(resize.smooth, static_argnums=1)(image, options.smooth_sigma)
  yield from _compare(case, "smoothed_top", to_nhwc(np.asarray(top)), tolerance)
  if plan.up:
    up = jax.jit(resize.resize)(levels[0], *plan.up[0])
    yield from _compare(case, "up", to_nhwc(np.asarray(up)), tolerance)


def blend_pipeline(case: Case) -> Iterator[Comparison]:
  """The supervised pipeline: every level, and the result."""
  tolerance = tolerance_of(case)
  options = _options(case)
  _, network, variables = case.network("checkpoint.npz")
  source, destination, mask = _planes(case)
  blend = functools.partial(_blend, case, options, source, destination, mask)

  def colorize(source, destination, mask):
    composite = gp_gan.composite(source, destination, mask)
    return networks.colorize(network, variables, composite)

  own_picture, own = blend(colorize, None)
  masks = []
  for i in range(sum(name.startswith("mask") for name in own)):
    found = own[f"mask{i}"]
    yield from _compare_mask(
      case, f"mask{i}", found[0, 0], mask.shape[-2:], tolerance
    )
    masks.append(_recorded(case, f"mask{i}", found))
  picture, details = blend(colorize, masks)
  for name in ("composite0", "gan0"):
    yield from _compare(
      case, name, to_nhwc(np.asarray(details[name][0])), tolerance
    )
  color = _recorded(case, "gan0", details["gan0"])
  fed_picture, fed = blend(lambda *_: color, masks)
  for name in fed:
    if name.startswith("out"):
      yield from _compare(
        case, name, to_nhwc(np.asarray(fed[name][0])), tolerance
      )
  yield from _compare_pictures(case, "blended", fed_picture)
  yield from _compare_pictures(case, "blended by our network", picture)
  if _has_ties(mask.shape[-2:], options.image_size):
    yield _information(case, "blended with our masks", own_picture)


def blend_pipeline_unsupervised(case: Case) -> Iterator[Comparison]:
  """The fit's loss and gradients at recorded inputs, and the rest after it."""
  stated = case.meta.get("tolerance", {})
  options = _options(case)
  _, network, variables = case.network("checkpoint.npz")
  options = dataclasses.replace(options, image_size=network.image_size)
  source, destination, mask = _planes(case)
  composite = jnp.asarray(to_nchw(case.outputs["composite0"]), case.dtype)
  z = jnp.asarray(case.outputs["z_evals"], case.dtype)
  losses, gradients = jax.jit(
    jax.vmap(
      jax.value_and_grad(
        lambda z: latent.loss(network, variables, z, composite * 2 - 1)
      )
    )
  )(z)
  yield compare(
    "losses",
    losses,
    case.outputs["losses"],
    Tolerance(relative=stated.get("loss_rtol", _LOSS), elementwise=True),
  )
  expected = case.outputs["grads"]
  error = np.linalg.norm(gradients - expected, axis=1)
  yield compare(
    "grads, error over norm",
    error / np.linalg.norm(expected, axis=1),
    np.zeros(len(expected)),
    Tolerance(stated.get("grad_rel_l2", _GRADIENT)),
  )
  fit = jax.jit(latent.fit, static_argnums=(0, 4))(
    network,
    variables,
    composite[None],
    jnp.asarray(case.inputs["z_init"], case.dtype).reshape(1, -1),
    case.meta.get("options", {}).get("n_iteration", 1000),
  )
  best = float(case.outputs["losses"].min())
  yield Comparison(
    "final loss of our fit",
    bool(fit.loss[0] <= _WORSE * best),
    float(fit.loss[0] - best),
    float(fit.loss[0] / best - 1),
    f"rel {_WORSE - 1:.3g}",
    f"{float(fit.loss[0]):.6g} after {int(fit.iterations[0])} iterations, the "
    f"original's best {best:.6g}",
  )
  color = jnp.asarray(to_nchw(case.outputs["gan0"]), case.dtype)[None]
  picture, details = _blend(
    case, options, source, destination, mask, lambda *_: color, None
  )
  ties = _has_ties(mask.shape[-2:], options.image_size)
  name = "composite0"
  found = to_nhwc(np.asarray(details[name][0]))
  if ties:
    yield _information(case, "blended with our masks", picture)
    return
  yield compare(name, found, case.outputs[name], tolerance_of(case))
  yield from _compare_pictures(case, "blended", picture)


CHECKS = {
  "pyramid": pyramid_levels,
  "blend_pipeline": blend_pipeline,
  "blend_pipeline_unsupervised": blend_pipeline_unsupervised,
}


def _options(case):
  stated = case.meta.get("options", {})
  options = {
    ours: stated[theirs]
    for theirs, ours in _OPTIONS.items()
    if theirs in stated
  }
  size = case.constructor.get("image_size", case.constructor.get("isize"))
  if size is not None:
    options.setdefault("image_size", size)
  return gp_gan.Options(**options, border=border_of(case))


def _planes(case):
  """Source, destination and mask, (1, C, H, W)."""
  pictures = (
    jnp.asarray(to_nchw(case.inputs[name]).astype(case.dtype) / 255)[None]
    for name in ("src", "dst")
  )
  mask = jnp.asarray(case.inputs["mask"], case.dtype)[None, None]
  return *pictures, mask


def _blend(case, options, source, destination, mask, colorize, masks):
  @jax.jit
  def run(source, destination, mask, masks, plan):
    planes, details = gp_gan.gp_gan(
      colorize, source, destination, mask, options, plan, masks
    )
    return gp_gan.to_uint8(planes[0]), details

  plan = options.plan(mask.shape[-2:], dtype=case.dtype.name)
  picture, details = run(source, destination, mask, masks, plan)
  return to_nhwc(np.asarray(picture)), details


def _recorded(case, name, ours):
  """A recorded array in the shape of ours; ours where there is none."""
  if name not in case.outputs:
    return ours
  array = np.asarray(case.outputs[name], case.dtype)
  array = array[None] if array.ndim == 2 else to_nchw(array)
  if array.shape != ours.shape[1:]:
    raise CaseError(
      f"{case.folder}: {name} has shape {array.shape}, expected "
      f"{ours.shape[1:]}"
    )
  return jnp.asarray(array)[None]


def _compare(case, name, found, tolerance, note=""):
  if name in case.outputs:
    yield compare(name, found, case.outputs[name], tolerance, note)


def _compare_mask(case, name, found, size, tolerance):
  if name not in case.outputs:
    return
  line = compare(name, found, case.outputs[name], tolerance)
  if line.ok or not any(
    _is_tie(old, new) for old, new in zip(size, found.shape, strict=True)
  ):
    yield line
    return
  share = np.mean(np.abs(found - case.outputs[name]) > 1e-6)
  yield Comparison(
    name,
    True,
    note=f"information: ties, {share:.1%} of places differ, by at most "
    f"{line.absolute:.2g}; the recorded mask is taken",
  )


def _compare_pictures(case, name, found):
  stated = case.meta.get("tolerance", {})
  expected = case.outputs["blended"]
  yield compare(
    name,
    found,
    expected,
    Tolerance(stated.get("uint8_max_diff", _UINT8_MAX)),
  )
  difference = np.abs(found.astype(int) - expected).mean()
  yield compare(
    f"{name}, mean difference",
    difference,
    0.0,
    Tolerance(stated.get("uint8_mean_diff", _UINT8_MEAN)),
  )


def _information(case, name, found):
  difference = np.abs(found.astype(int) - case.outputs["blended"])
  return Comparison(
    name,
    True,
    note=f"information: {difference.mean():.2g} grey levels on average, at "
    f"most {difference.max()}",
  )


def _has_ties(size, image_size):
  count = pyramid.num_levels(size, image_size)
  return any(
    _is_tie(length, image_size * 2**i) for length in size for i in range(count)
  )


def _is_tie(length, new_length):
  """Whether samples fall half way between two pixels."""
  return length % (2 * new_length) == 0
