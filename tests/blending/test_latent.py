import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gansynth import models
from gansynth.blending import latent


@pytest.fixture(scope="module")
def generator():
  network = models.create(
    "dcgan_generator", image_size=16, features=8, latent_size=6, init_gain=0.2
  )
  variables = network.init(jax.random.key(0), jnp.zeros((1, 6)))
  return network, variables


def test_products_are_the_network(generator):
  network, variables = generator
  z = jax.random.normal(jax.random.key(1), (6,))
  expected = network.apply(variables, z[None])[0]
  found = latent.generate(network, variables, z)
  assert float(jnp.ptp(found)) > 0.5
  np.testing.assert_allclose(jnp.moveaxis(found, 0, -1), expected, atol=1e-6)


def test_fit_finds_the_picture_again(generator):
  """Each of a batch as alone, without a convolution in the loop."""
  network, variables = generator
  truth = jax.random.normal(jax.random.key(2), (2, 6)) / 2
  pictures = jax.vmap(lambda z: latent.generate(network, variables, z))(truth)
  start = truth + 0.3
  fit = jax.jit(latent.fit, static_argnums=(0, 4))
  arguments = network, variables, (pictures + 1) / 2, start
  assert "convolution" not in fit.lower(*arguments, 300).as_text()
  found = fit(*arguments, 300)
  before = jax.vmap(lambda z, x: latent.loss(network, variables, z, x))(
    start, pictures
  )
  assert (found.loss < 1e-3 * before).all()
  assert (found.iterations < 300).all()
  short = fit(*arguments, 2)
  assert (short.iterations == 2).all()
  assert (short.loss > found.loss).all()
