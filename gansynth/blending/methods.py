"""The ways of blending that there are, and what each needs."""

import flax.linen as nn

from gansynth import models

METHODS = (
  "gp_gan",
  "gp_gan_unsupervised",
  "gaussian_poisson",
  "poisson",
  "feather",
  "paste",
)
NETWORKS = {
  "gp_gan": models.EncoderDecoder,
  "gp_gan_unsupervised": models.DcganGenerator,
}


def check(
  method: str, network: nn.Module | None, image_size: int | None
) -> None:
  """Raises ValueError on an unknown method, or a network that does not fit."""
  if method not in METHODS:
    raise ValueError(
      f"unknown method {method!r}; choose one of {', '.join(METHODS)}"
    )
  kind = NETWORKS.get(method)
  if kind is None:
    return
  if network is None:
    raise ValueError(
      f"method {method} needs weights of the network {kind.__name__}; give "
      "them (gansynth.Blender.load, or --weights of tools/blend.py), or choose "
      "method gaussian_poisson, which needs none"
    )
  if not isinstance(network, kind):
    raise ValueError(
      f"method {method} takes the network {kind.__name__}, the weights are of "
      f"{type(network).__name__}"
    )
  if image_size not in (None, network.image_size):
    raise ValueError(
      f"image_size is {image_size}, and the weights are for "
      f"{network.image_size}; leave it out"
    )


def for_network(network: nn.Module) -> str | None:
  """Returns the method of a network; None if it does not blend."""
  for method, kind in NETWORKS.items():
    if isinstance(network, kind):
      return method
  return None


def describe(
  method: str, weights: str | None, transfer: str, feather: float
) -> str:
  """Says in one line how a method blends, and what weights would add."""
  if method in NETWORKS:
    return f"{method} with the weights of {weights or 'the caller'}"
  advice = (
    "weights of GP-GAN (--weights) would add a network's idea of colours in "
    "harmony"
  )
  how = {
    "gaussian_poisson": "gaussian_poisson: GP-GAN's levels, with the scene's "
    "own colours in place of the network's",
    "poisson": f"poisson ({transfer}): the object's gradients, the scene's "
    "colours around them",
    "feather": f"feather: the object is pasted with a soft edge of {feather:g} "
    "pixels",
    "paste": "paste: the object is pasted as it is",
  }
  return f"{how[method]}; no weights; {advice}"
