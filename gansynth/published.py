"""Published weights of networks that measure: where they lie, how to get them.

They are not part of the package. `tools/convert_checkpoint.py` makes folders
of the published files, `networks/<name>` unless the user says otherwise.
Without them nothing is measured, or, where somebody asks for it, with random
weights, and then every number and every record says so.
"""

import dataclasses
import os
import pathlib
import zlib
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gansynth import checkpoints, models
from gansynth import weights as weights_lib

FOLDER = "networks"
RANDOM = "random_features"  # in place of the digest of published weights

_TORCHVISION = "https://download.pytorch.org/models/"
_DRN = (
  "https://drive.google.com/drive/folders/0B_4LoEXGO1TwcmhzLXpWUVFEMXM"
  "?resourcekey=0-PMTQHtlWMtSBYozjajFLXA"
)
_IMAGENET = "BSD-3-Clause; see ImageNet's terms for what they were trained on"
_CITYSCAPES = (
  "BSD-3-Clause, trained on Cityscapes, whose terms allow non-commercial use"
)


class MissingWeightsError(ValueError):
  """Weights are not there; the message says how to get them."""


@dataclasses.dataclass(frozen=True)
class Weights:
  """Published weights of one network."""

  what: str  # they are, for people
  file: str  # as it is published
  address: str  # of the file, or of a page that links it
  licence: str
  description: Mapping[str, Any]  # of the network, for `models.create`
  direct: bool = True  # the address is that of the file
  example: tuple[int, ...] = (1, 64, 64, 3)  # of what the network is shown
  inputs: int = 1  # how many of them

  def how_to_get(self, place: str | os.PathLike[str]) -> str:
    """The commands that put the network at `place`, a line each."""
    if self.direct:
      fetch = f"  curl -LO {self.address}\n"
    else:
      fetch = f"  download {self.file} from {self.address}\n"
    return (
      f"{fetch}  python tools/convert_checkpoint.py {self.file} --output "
      f"{os.fspath(place)}\n"
    )


def _lpips(backbone: str, file: str) -> Weights:
  return Weights(
    what=f"LPIPS with {backbone}",
    file=file,
    address=_TORCHVISION + file,
    licence=_IMAGENET,
    description={"name": "lpips", "backbone": backbone},
    inputs=2,
  )


def _drn(arch: str, file: str) -> Weights:
  return Weights(
    what=f"{arch.upper().replace('_', '-')} for Cityscapes",
    file=file,
    address=_DRN,
    licence=_CITYSCAPES,
    description={"name": "drn", "arch": arch},
    direct=False,
  )


WEIGHTS: Mapping[str, Weights] = {
  "fid_inception": Weights(
    what="the Inception network of FID",
    file="pt_inception-2015-12-05-6726825d.pth",
    address="https://github.com/mseitzer/pytorch-fid/releases/download/"
    "fid_weights/pt_inception-2015-12-05-6726825d.pth",
    licence="Apache-2.0",
    description={"name": "fid_inception"},
    example=(1, 299, 299, 3),
  ),
  "lpips_alex": _lpips("alex", "alexnet-owt-7be5be79.pth"),
  "lpips_vgg": _lpips("vgg", "vgg16-397923af.pth"),
  "lpips_squeeze": _lpips("squeeze", "squeezenet1_1-b8a52dc0.pth"),
  "drn_d_22": _drn("drn_d_22", "drn_d_22_cityscapes.pth"),
  "drn_d_38": _drn("drn_d_38", "drn_d_38_cityscapes.pth"),
  "drn_d_105": _drn("drn_d_105", "drn-d-105_ms_cityscapes.pth"),
}


def find(name: str, folder: str | os.PathLike[str] = FOLDER) -> pathlib.Path:
  """Finds a network that was imported, or its published file.

  Args:
    name: one of `WEIGHTS`.
    folder: where networks lie: `<folder>/<name>`, else the published file of
      that name in `<folder>`.

  Returns:
    A place for `weights.load`.

  Raises:
    MissingWeightsError: it is in neither; the message holds the commands that
      import it.
    ValueError: there is no such name.
  """
  weights = _known(name)
  place = pathlib.Path(folder) / name
  if checkpoints.is_network(place):
    return place
  if (file := pathlib.Path(folder) / weights.file).is_file():
    return file
  raise MissingWeightsError(
    f"{place} does not exist: {weights.what} is needed and was not imported "
    f"yet. Import it with\n{weights.how_to_get(place)}or, for a smoke test "
    "whose numbers mean nothing, use random weights: --random-features, or "
    "in a run --config.evaluate.random_features=True. Where the weights are "
    "from is told in checkpoints/README.md."
  )


def load(
  name: str,
  folder: str | os.PathLike[str] = FOLDER,
  random_features: bool = False,
) -> tuple[nn.Module, Any, dict[str, str]]:
  """Loads a network with its published weights.

  Args:
    name: one of `WEIGHTS`.
    folder: see `find`.
    random_features: draw the weights instead, the same on any machine; the
      folder is not looked at.

  Returns:
    The network, its variables in NumPy, and what tells apart the numbers made
    with them: `network`, and `weights`, a digest or `random_features`.

  Raises:
    MissingWeightsError: see `find`.
    ValueError: another network lies there, or it cannot be read.
  """
  weights = _known(name)
  if random_features:
    network = models.create(**weights.description)
    return (
      network,
      _draw(network, weights),
      {"network": name, "weights": RANDOM},
    )
  place = find(name, folder)
  network, variables = weights_lib.load(place)
  expected = models.create(**weights.description)
  fields = [field for field in weights.description if field != "name"]
  if type(network) is not type(expected) or any(
    getattr(network, field) != getattr(expected, field) for field in fields
  ):
    raise ValueError(
      f"{place} holds another network ({type(network).__name__}), not "
      f"{weights.what}; import that one with\n"
      f"{weights.how_to_get(pathlib.Path(folder) / name)}"
    )
  made_by = {"network": name, "weights": checkpoints.digest(variables)}
  return network, variables, made_by


def _known(name: str) -> Weights:
  if name not in WEIGHTS:
    raise ValueError(
      f"{name!r} names no published weights; known are {', '.join(WEIGHTS)}"
    )
  return WEIGHTS[name]


def _draw(network: nn.Module, weights: Weights) -> Any:
  """Variables that keep activations in range, from each one's own path."""
  shown = [jax.ShapeDtypeStruct(weights.example, jnp.float32)] * weights.inputs
  shapes = jax.eval_shape(network.init, jax.random.key(0), *shown)

  def draw(path, leaf):
    kind = path[-1].key
    rng = np.random.default_rng(zlib.crc32(jax.tree_util.keystr(path).encode()))
    if kind in ("bias", "mean"):
      return np.zeros(leaf.shape, np.float32)
    if leaf.ndim < 2:
      return np.ones(leaf.shape, np.float32)
    deviation = np.sqrt(2 / np.prod(leaf.shape[:-1]))
    return deviation * rng.standard_normal(leaf.shape, np.float32)

  return jax.tree_util.tree_map_with_path(draw, shapes)
