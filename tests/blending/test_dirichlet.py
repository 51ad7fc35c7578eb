import jax
import numpy as np
import pytest

from gansynth.blending import dirichlet

WAYS = (dirichlet._by_products, dirichlet._by_recurrence)


def laplacian(u):
  """Minus the Laplacian, 0 around."""
  padded = np.pad(u, [(0, 0)] * (u.ndim - 2) + [(1, 1), (1, 1)])
  return (
    4 * u
    - padded[..., 2:, 1:-1]
    - padded[..., :-2, 1:-1]
    - padded[..., 1:-1, 2:]
    - padded[..., 1:-1, :-2]
  )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [(7, 12), (3, 1), (1, 4), (5, 16), (4, 22)])
def test_inverts_the_laplacian(way, size):
  u = np.random.default_rng(0).normal(size=(2, 3, *size))
  with jax.enable_x64(True):
    np.testing.assert_allclose(jax.jit(way)(laplacian(u)), u, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_float32_keeps_smooth_solutions(way):
  # The lowest frequency has an eigenvalue of 1e-4: the worst there is.
  size = (300, 260)
  u = np.multiply.outer(
    *(np.sin(np.pi * np.arange(1, n + 1) / (n + 1)) for n in size)
  )
  found = jax.jit(way)(laplacian(u).astype(np.float32))
  np.testing.assert_allclose(found, u, atol=3e-5)


def test_tall_and_low_planes_take_different_ways_to_one_result():
  u = np.random.default_rng(0).normal(size=(1, 257, 5))
  with jax.enable_x64(True):
    found = jax.jit(dirichlet.invert_laplacian)(laplacian(u))
  np.testing.assert_allclose(found, u, atol=1e-10)
