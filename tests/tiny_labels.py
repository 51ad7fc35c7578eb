"""Networks, batches and states of label maps, small enough for tests."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import tiny

from gansynth.models import (
  encoders,
  geoseg,
  layers,
  multiscale,
  norms,
  pix2pixhd,
  spectral,
)
from gansynth.models import semantics as semantics_lib
from gansynth.systems import label_to_image, semantic

NUM_LABELS = 3

FEATURES = semantics_lib.Conditioning(
  NUM_LABELS, edges=True, features="instance", num_features=2
)


def batch(seed: int = 0, size: int = 4, side: int = 16):
  """A batch of labels and instances in blocks, and noise."""
  rng = np.random.default_rng(seed)

  def blocks(values):
    small = rng.integers(values, size=(size, side // 4, side // 4))
    return small.repeat(4, 1).repeat(4, 2)

  return {
    "label": blocks(NUM_LABELS).astype(np.uint8),
    "instance": (1000 * blocks(5)).astype(np.int32),
    "image": rng.integers(256, size=(size, side, side, 3), dtype=np.uint8),
  }


class StyleGenerator(nn.Module):
  """Two convolutions, and between them a batch norm scaled by the style."""

  use_vae: bool = True
  latent_size: int = 5
  axis_name: str | None = None

  @nn.compact
  def __call__(self, semantics, z=None, train: bool = False):
    if isinstance(semantics, semantics_lib.LabelMap):
      semantics = semantics.dense()
    normed = functools.partial(
      layers.Conv,
      kernel_size=3,
      padding=1,
      kernel_norm=functools.partial(spectral.SpectralNorm, update=train),
    )
    x = normed(4, name="first")(semantics)
    x = norms.BatchNorm(
      use_running_average=not train, axis_name=self.axis_name
    )(x)
    x = nn.relu(x * nn.Dense(4)(z)[:, None, None])
    return jnp.tanh(normed(3, name="last")(x))


class GridGenerator(nn.Module):
  """A matrix of colours by channel for each cell of 8 x 8 pixels."""

  axis_name: str | None = None

  @nn.compact
  def __call__(self, semantics, train: bool = False, with_parameters=False):
    del train
    x = semantics.dense()
    grid = layers.Conv(3 * x.shape[-1], kernel_size=8, strides=8)(x)
    colours = grid.repeat(8, 1).repeat(8, 2).reshape(*x.shape, 3)
    pictures = jnp.tanh(jnp.einsum("nhwc,nhwcd->nhwd", x, colours))
    return (pictures, grid) if with_parameters else pictures


class StyleEncoder(nn.Module):
  """A convolution and means."""

  latent_size: int = 5

  @nn.compact
  def __call__(self, pictures, train: bool = False):
    x = layers.Conv(
      4,
      kernel_size=4,
      strides=4,
      kernel_norm=functools.partial(spectral.SpectralNorm, update=train),
    )(pictures).mean((1, 2))
    return nn.Dense(self.latent_size)(x), nn.Dense(self.latent_size)(x)


class Features(nn.Module):
  """Five strided convolutions, in place of VGG19."""

  @nn.compact
  def __call__(self, x, train: bool = False):
    del train
    results = []
    for _ in range(5):
      x = nn.relu(layers.Conv(4, kernel_size=3, strides=2, padding=1)(x))
      results.append(x)
    return results


def generator(norm: str = "instance", **fields):
  return pix2pixhd.GlobalGenerator(
    features=2,
    num_downsampling=1,
    num_blocks=1,
    initial_kernel_size=3,
    norm=norm,
    **fields,
  )


def discriminator(norm: str = "instance", **fields):
  return multiscale.MultiscaleDiscriminator(
    features=2, num_layers=2, norm=norm, **fields
  )


# Fields of systems that differ in what a step does.
CASES = {
  "spade_styles": {
    "generator": StyleGenerator(),
    "encoder": StyleEncoder(),
    "discriminator": discriminator("spectralbatch"),
    "perceptual": Features(),
  },
  "spade_single_picture": {
    "gan_mode": "lsgan",
    "regenerate": False,
    "lambda_features": 5.0,
  },
  "spade_semantic": {
    "generator": GridGenerator(),
    "discriminator": discriminator(
      conditional=False,
      adversarial_channels=NUM_LABELS + 1,
      num_classes=2,
      reconstruction_channels=3,
    ),
    "semantic": semantic.SemanticLosses(
      classes=(1, -1, 0),
      balanced=True,
      fine_scale=0.5,
      lambda_segmentation=2.0,
      lambda_reconstruction=3.0,
      guide_from=0,
    ),
    "lambda_gan": 7.0,
    "lambda_mse": 3.0,
    "lambda_l1": 5.0,
    "lambda_decay": 0.01,
  },
  "pix2pixhd": {"recipe": "pix2pixhd", "gan_mode": "lsgan"},
  "pix2pixhd_features": {
    "recipe": "pix2pixhd",
    "generator": generator("batch"),
    "discriminator": discriminator("spectralbatch"),
    "conditioning": FEATURES,
    "encoder": encoders.InstanceEncoder(
      output_channels=2, features=2, num_downsampling=1, initial_kernel_size=3
    ),
    "perceptual": Features(),
  },
  "pix2pixhd_pool": {"recipe": "pix2pixhd", "pool_size": 2},
  "geoseg": {
    "recipe": "geoseg",
    "discriminator": geoseg.GeosegDiscriminator(features=2),
    "perceptual": Features(),
  },
}


def system(**fields):
  """SPADE's recipe on networks without statistics, unless told otherwise."""
  return label_to_image.LabelToImage(
    **{
      "generator": generator(),
      "discriminator": discriminator(),
      "conditioning": semantics_lib.Conditioning(NUM_LABELS, edges=True),
      # Rounding of gradients that should be 0 would be steps of Adam.
      "generator_optimizer": optax.sgd(0.05),
      "discriminator_optimizer": optax.sgd(0.05),
      **fields,
    }
  )


def random_state(system, example, seed: int = 0):
  """`tiny.random_state` with spectral vectors, and a perceptual network."""
  state = tiny.random_state(system, example, seed)
  rng = np.random.default_rng(seed)

  def fill(path, leaf):
    if path[-1].key not in ("u", "v"):
      return leaf
    drawn = rng.normal(size=leaf.shape)
    return (drawn / np.linalg.norm(drawn)).astype(leaf.dtype)

  frozen = {}
  if system.perceptual is not None:
    pictures = (1, *example["image"].shape[1:])
    frozen["perceptual"] = tiny.random_variables(system.perceptual, pictures)
  return state.replace(
    stats=jax.tree_util.tree_map_with_path(fill, state.stats), frozen=frozen
  )
