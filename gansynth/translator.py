"""Pictures through a generator: any sizes, in batches, on all local devices.

>>> from gansynth import Translator
>>> translate = Translator.load("horse2zebra")  # doctest: +SKIP
>>> picture = translate(picture)  # doctest: +SKIP
"""

import os
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from gansynth import images, parallel
from gansynth import weights as weights_lib
from gansynth.systems import common

MODES = ("eval", "train")
_SMALLEST = 8  # pixels; below, borders cannot be reflected at a quarter size


class Translator:
  """A generator with its weights, as a function of pictures.

  One compilation serves all pictures that fit the same canvas. A generator
  that knows `extents` (ResNet) gives inside a canvas exactly what it gives
  the picture alone; others (U-Net) see the picture continued by reflection.
  """

  def __init__(
    self,
    network: nn.Module,
    variables: Any,
    *,
    batch_size: int = 1,
    bucket: int = 32,
    mode: str = "eval",
    seed: int = 0,
  ) -> None:
    """Takes a generator and its variables.

    Args:
      network: a generator of `models.create`.
      variables: `params` and `batch_stats`; may be replaced later, by others
        of the same shapes, without a recompilation.
      batch_size: pictures at a time, rounded up to a multiple of the local
        devices.
      bucket: sides of canvases are multiples of this (and of what the network
        halves); 1 gives every size its own compilation, and no padding
        beyond what the network needs.
      mode: `eval` uses running statistics and drops nothing; `train` uses
        each picture's own statistics and active dropout, which is the
        original programs' default at test time and differs from `eval` only
        for networks with batch norm or dropout.
      seed: of the dropout of mode `train`.

    Raises:
      ValueError: an unknown mode.
    """
    if mode not in MODES:
      raise ValueError(
        f"unknown mode {mode!r}; choose one of {', '.join(MODES)}"
      )
    devices = jax.local_device_count()
    self.network = network
    self.variables = variables
    self.batch_size = -(-batch_size // devices) * devices
    if hasattr(network, "image_size"):
      bucket = 1  # It takes one size, which needs no canvas.
    self._multiple = int(np.lcm(network.multiple, max(1, bucket)))
    self.mode = mode
    self._seed = seed
    self._knows_extents = network.takes_extents
    self._apply = parallel.map_apply(self._forward)

  @classmethod
  def load(
    cls,
    folder: str | os.PathLike[str],
    direction: str = "AtoB",
    step: int = 0,
    **options: Any,
  ) -> "Translator":
    """Loads a converted network, or a generator of a run.

    Args:
      folder: see `weights.load`.
      direction: `AtoB` or `BtoA`; of a run.
      step: checkpoint of a run; 0: the best one, else the latest.
      **options: of the constructor.

    Raises:
      ValueError: the folder holds neither, or has no such direction.
    """
    return cls(*weights_lib.load(folder, direction, step), **options)

  def __call__(
    self, pictures: np.ndarray | Sequence[np.ndarray]
  ) -> np.ndarray | list[np.ndarray]:
    """Translates uint8 pictures to uint8 pictures.

    Args:
      pictures: one picture (height, width, channels), a batch (batch, height,
        width, channels), or a sequence of pictures of any sizes; uint8, or
        float in [-1, 1].

    Returns:
      uint8 pictures (height, width, 3), as many and in the form given.

    Raises:
      images.ImageError: a picture is too small or has the wrong shape.
    """
    if isinstance(pictures, np.ndarray) and pictures.ndim == 3:
      return images.to_uint8(self.translate([pictures])[0])
    outputs = [images.to_uint8(x) for x in self.translate(list(pictures))]
    return np.stack(outputs) if isinstance(pictures, np.ndarray) else outputs

  def translate(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Translates pictures of any sizes to float32 in [-1, 1]."""
    groups = {}
    for index, picture in enumerate(pictures):
      self._check(picture, index)
      groups.setdefault(self.canvas(picture.shape[:2]), []).append(index)
    outputs = [None] * len(pictures)
    for canvas, indices in groups.items():
      for first in range(0, len(indices), self.batch_size):
        part = indices[first : first + self.batch_size]
        results = self._translate_batch([pictures[i] for i in part], canvas)
        for index, result in zip(part, results, strict=True):
          outputs[index] = result
    return outputs

  @property
  def variables(self) -> Any:
    """`params` and `batch_stats`, as they were given."""
    return self._variables

  @variables.setter
  def variables(self, variables: Any) -> None:
    # In training they may lie on other hosts' devices, too.
    self._variables = jax.device_get(variables)
    self._replicated = parallel.replicate(self._variables)  # and stay there

  @property
  def smallest(self) -> int:
    """The smallest side, in pixels, that can be translated."""
    return _SMALLEST

  @property
  def input_channels(self) -> int:
    """Channels of the pictures that the network takes."""
    layer = self.variables["params"]
    for name in self.network.input_layer.split("/"):
      layer = layer[name]
    return layer["kernel"].shape[2]

  def canvas(self, size: Sequence[int]) -> tuple[int, int]:
    """The padded (height, width) in which a picture of `size` is computed."""
    height, width = (
      -(-side // self._multiple) * self._multiple for side in size
    )
    return height, width

  def _check(self, picture: np.ndarray, index: int) -> None:
    channels = self.input_channels
    if picture.ndim != 3 or picture.shape[2] != channels:
      raise images.ImageError(
        f"picture {index} has shape {picture.shape}; give (height, width, "
        f"{channels})"
      )
    if min(picture.shape[:2]) < _SMALLEST:
      raise images.ImageError(
        f"picture {index} is {picture.shape[0]} x {picture.shape[1]} pixels "
        f"(height x width); sides of at least {_SMALLEST} can be translated"
      )

  def _translate_batch(
    self, pictures: list[np.ndarray], canvas: tuple[int, int]
  ) -> list[np.ndarray]:
    sizes = np.array([x.shape[:2] for x in pictures], np.int32)
    full = bool((sizes == canvas).all())
    extents = self._knows_extents and self.mode == "eval" and not full
    filling = self.batch_size - len(pictures)
    padded = [x if x.shape[:2] == canvas else _pad(x, canvas) for x in pictures]
    batch = np.stack(padded + [padded[-1]] * filling)
    arguments = [batch]
    if extents:
      arguments.append(np.concatenate([sizes, *[sizes[-1:]] * filling]))
    outputs = self._apply(self._replicated, *arguments)
    return [
      output[:height, :width]
      for output, (height, width) in zip(outputs, sizes, strict=False)
    ]

  def _forward(self, variables, batch, extents=None):
    """What is computed on the devices."""
    batch = common.to_unit_range(batch)
    if self.mode == "eval":
      options = {} if extents is None else {"extents": extents}
      return self.network.apply(variables, batch, **options)
    network = self.network.clone(axis_name=None)

    def alone(picture):
      # Statistics of this picture only, as the originals test one at a time.
      output, _ = network.apply(
        variables,
        picture[None],
        train=True,
        rngs={"dropout": jax.random.key(self._seed)},
        mutable=["batch_stats"],
      )
      return output[0]

    return jax.vmap(alone)(batch)


def _pad(picture: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
  """Continues a picture by reflection, at the bottom and on the right."""
  while picture.shape[:2] != canvas:
    widths = [
      (0, min(side - old, old - 1))
      for side, old in zip(canvas, picture.shape[:2], strict=True)
    ]
    picture = np.pad(picture, [*widths, (0, 0)], mode="reflect")
  return picture
