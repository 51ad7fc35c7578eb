import jax.numpy as jnp
import numpy as np
import pytest

from gansynth.blending import feather as module


def brute_force(mask, width):
  """Pixel by pixel."""
  outside = np.argwhere(mask == 0)
  alpha = np.zeros(mask.shape)
  for place in np.argwhere(mask > 0):
    distance = np.inf
    if len(outside):
      distance = np.sqrt(((outside - place) ** 2).sum(1).min())
    t = min(1, (distance - 0.5) / width)
    alpha[tuple(place)] = mask[tuple(place)] * (3 * t**2 - 2 * t**3)
  return alpha


@pytest.mark.parametrize("width", [0.5, 1, 3.25, 8])
def test_edges_soften_inwards(width):
  rng = np.random.default_rng(0)
  masks = np.zeros((3, 30, 26), np.float32)
  masks[0, 4:27, 5:26] = 1  # reaches a border, where it stays solid
  masks[0, 12, 12] = 0  # a hole
  masks[1] = np.where(rng.random((30, 26)) > 0.02, rng.random((30, 26)), 0)
  masks[2] = 1
  found = np.asarray(module.opacity(jnp.asarray(masks), width))
  expected = [brute_force(mask, width) for mask in masks]
  np.testing.assert_allclose(found, expected, atol=2e-6)
  np.testing.assert_array_equal(found[2], 1)


def test_without_a_width_the_mask_stays():
  mask = jnp.asarray(np.random.default_rng(0).random((5, 6)), jnp.float32)
  np.testing.assert_array_equal(module.opacity(mask, 0), mask)


def test_feather_mixes_by_opacity():
  rng = np.random.default_rng(0)
  source, target = rng.random((2, 2, 3, 12, 14)).astype(np.float32)
  mask = np.zeros((2, 1, 12, 14), np.float32)
  mask[..., 2:11, 3:12] = 1
  found = np.asarray(module.feather(source, target, mask, width=3.0))
  alpha = np.stack([brute_force(each[0], 3)[None] for each in mask])
  expected = source * alpha + target * (1 - alpha)
  np.testing.assert_allclose(found, expected, atol=1e-6)
  outside = np.broadcast_to(mask == 0, target.shape)
  np.testing.assert_array_equal(found[outside], target[outside])
  # The middle is more than the edge's width away from all sides.
  np.testing.assert_array_equal(found[..., 6, 7], source[..., 6, 7])
