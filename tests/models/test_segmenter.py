"""The segmenter's U-Net: sizes, parameters, levels, types."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from gansynth import models


def small(**fields):
  return models.create(
    "segmentation_unet",
    **{"num_classes": 3, "features": 2, "num_levels": 2, **fields},
  )


def pictures(*shape):
  return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


# A stride, a padding or a level too few can hide behind a single size.
@pytest.mark.parametrize("size", [(64, 64), (32, 80)])
def test_published_size(size):
  network = models.create("segmentation_unet", num_classes=6)
  x = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
  variables = jax.eval_shape(network.init, jax.random.key(0), x)
  logits = jax.eval_shape(network.apply, variables, x)
  assert logits.shape == (2, *size, 6)
  # Kernels of 3 x 3 between these widths, two for each norm's width, the head.
  widths = [3, 32, 32, 64, 64, 128, 128, 256, 256, 256, 256]
  pairs = list(itertools.pairwise(widths))
  for inner, skip in ((256, 256), (256, 128), (128, 64), (64, 32)):
    pairs += [(inner + skip, skip), (skip, skip)]
  expected = sum(9 * a * b + 2 * b for a, b in pairs) + 32 * 6 + 6
  count = sum(x.size for x in jax.tree.leaves(variables["params"]))
  assert count == expected


def test_sides_must_be_multiples():
  network = small()
  assert network.multiple == 4
  with pytest.raises(ValueError, match="multiples of 4, got 8 x 10"):
    jax.eval_shape(network.init, jax.random.key(0), pictures(1, 8, 10, 3))


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_all_of_it_is_used(norm):
  network = small(norm=norm, num_levels=1)
  x = pictures(2, 8, 12, 3)
  variables = tiny.random_variables(network, x.shape)
  wanted = np.random.default_rng(1).normal(size=(2, 8, 12, 3))

  @functools.partial(jax.jit, compiler_options=tiny.FAST_COMPILE)
  def gradient(params):
    def loss(params):
      logits, _ = network.apply(
        {**variables, "params": params}, x, train=True, mutable=["batch_stats"]
      )
      return (logits * wanted.astype(np.float32)).sum()

    return jax.grad(loss)(params)

  for path, leaf in jax.tree_util.tree_leaves_with_path(
    gradient(variables["params"])
  ):
    assert np.abs(leaf).max() > 0, jax.tree_util.keystr(path)


def test_bfloat16_and_recomputation():
  x = pictures(1, 8, 8, 3)
  variables = tiny.random_variables(small(num_levels=1), x.shape)
  whole, half, again = (
    jax.jit(
      small(num_levels=1, **fields).apply, compiler_options=tiny.FAST_COMPILE
    )(variables, x)
    for fields in ({}, {"dtype": jnp.bfloat16}, {"remat": True})
  )
  assert {x.dtype for x in (whole, half, again)} == {jnp.dtype("float32")}
  np.testing.assert_allclose(half, whole, atol=0.02 * np.abs(whole).max())
  assert not np.array_equal(half, whole)
  np.testing.assert_allclose(again, whole, rtol=1e-5, atol=1e-6)
