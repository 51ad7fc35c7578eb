import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.blending import pyramid
from gansynth.blending.inputs import BlendError


@pytest.mark.parametrize(
  ("size", "count"),
  [
    ((64, 64), 0),
    ((65, 10), 1),
    ((128, 128), 1),
    ((129, 3), 2),
    ((472, 631), 4),
    ((1024, 1024), 4),
    ((1025, 2), 5),
    ((2048, 2048), 5),
  ],
)
def test_number_of_levels(size, count):
  assert pyramid.num_levels(size, 64) == count
  assert pyramid.num_levels(size, 64, "fixed") == count


@pytest.mark.parametrize("size", [(64, 63), (20, 30), (64, 2)])
def test_pictures_smaller_than_the_network(size):
  with pytest.raises(BlendError, match=rf"{size[0]} x {size[1]} pixels.*fixed"):
    pyramid.num_levels(size, 64)
  assert pyramid.num_levels(size, 64, "fixed") == 1


def test_levels_are_square_but_the_top():
  x = jnp.asarray(np.random.default_rng(0).random((3, 21, 30)), jnp.float32)
  plan = pyramid.plan((21, 30), 8)
  levels = pyramid.pyramid(x, plan)
  masks = pyramid.mask_pyramid(x[:1], plan)
  sizes = [(8, 8), (16, 16), (21, 30)]
  assert [level.shape[1:] for level in levels] == sizes
  assert [mask.shape[1:] for mask in masks] == sizes
  np.testing.assert_array_equal(levels[-1], x)


def test_a_canvas_changes_nothing():
  """What lies beyond the picture is not read, and one program serves all."""
  rng = np.random.default_rng(1)
  run = jax.jit(
    lambda x, plan: (
      pyramid.pyramid(x, plan),
      pyramid.mask_pyramid(x[:1], plan),
    )
  )
  for size in ((21, 30), (24, 29)):
    x = rng.random((2, *size)).astype(np.float32)
    canvas = np.full((2, 27, 32), 7, np.float32)
    canvas[:, : size[0], : size[1]] = x
    found = run(canvas, pyramid.plan(size, 8, canvas=(27, 32)))
    plan = pyramid.plan(size, 8)
    expected = pyramid.pyramid(x, plan), pyramid.mask_pyramid(x[:1], plan)
    for ours, theirs in zip(found, expected, strict=True):
      for level, other in zip(ours[:-1], theirs[:-1], strict=True):
        np.testing.assert_allclose(level, other, atol=1e-6)
  assert run._cache_size() == 1


def test_fixed_repeats_borders_and_exact_does_not():
  """A ramp of 1 to 2 down to 8 pixels; zeros around would reach into it."""
  ramp = jnp.broadcast_to(jnp.linspace(1, 2, 30)[None, None], (1, 30, 30))
  levels = {
    behavior: pyramid.pyramid(
      ramp, pyramid.plan((30, 30), 8, behavior=behavior, smooth_sigma=0.3)
    )[0]
    for behavior in ("exact", "fixed")
  }
  columns = levels["fixed"][0].mean(0, keepdims=True)
  assert float(jnp.abs(levels["fixed"][0] - columns).max()) < 1e-6
  rows = levels["exact"][0].mean(1)
  assert float(jnp.ptp(rows)) > 1e-3


def test_the_window_of_the_finest_level():
  x = jnp.arange(400.0).reshape(1, 20, 20)
  plan = pyramid.dataclasses.replace(
    pyramid.plan((20, 20), 8), origin=np.array([3, 5], np.int32), window=(6, 7)
  )
  np.testing.assert_array_equal(pyramid.pyramid(x, plan)[-1], x[:, 3:9, 5:12])
