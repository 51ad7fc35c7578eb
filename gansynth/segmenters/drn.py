"""DRN's networks as segmenters, tested as the original tests them."""

import copy
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gansynth import checkpoints, images, parallel
from gansynth.models import drn
from gansynth.segmenters.base import Segmenter, SegmenterError

SCALES = (1.0, 0.5, 0.75, 1.25, 1.5, 1.75)
_SMALLEST = 16  # pixels of a side, of which half can still be looked at
_PIXELS = 1 << 21  # of pictures that a device is shown together


class DrnSegmenter(Segmenter):
  """A `Drn` network, which looks at pictures in one size or in six.

  In one size, pictures whose sides are no multiples of 8 are continued by
  reflection, and what is told of that is cut off again (the original takes
  multiples alone). In six sizes the logarithms of probabilities are brought to
  the picture's size and added up, as the original does.

  Pictures are looked at as bytes: floats are rounded to them.
  """

  takes_scales = True

  def __init__(
    self,
    network: drn.Drn,
    variables: Any,
    *,
    batch_size: int = 0,
    size: Sequence[int] = (),
    multi_scale: bool = False,
  ) -> None:
    """Takes a network and its variables.

    Args:
      network: tells the classes.
      variables: of the network.
      batch_size: the most pictures at a time, rounded up to a multiple of the
        local devices; large ones are taken fewer at a time. 0: 8.
      size: see `Segmenter`.
      multi_scale: whether it looks at six sizes.
    """
    devices = jax.local_device_count()
    super().__init__(
      network.num_classes,
      -(-(batch_size or 8) // devices) * devices,
      {
        "kind": "drn",
        "weights": checkpoints.digest(variables),
        "network": repr(network),
        "multi_scale": multi_scale,
      },
      size,
    )
    self._network = network
    self._variables = parallel.replicate(variables)
    self._multi_scale = multi_scale
    self._tell = parallel.map_apply(self._classes)
    self._tell_resized = {}  # by the size of the result
    self._counts = {}  # of pictures looked at together, by their size

  def at_scales(self, multi_scale: bool) -> "DrnSegmenter":
    """See `Segmenter`; both share what is compiled."""
    changed = copy.copy(self)
    changed._multi_scale = multi_scale
    changed.made_by = {**self.made_by, "multi_scale": multi_scale}
    return changed

  def log_probabilities(self, pictures: np.ndarray) -> np.ndarray:
    """Sums over six sizes of the logarithms of classes' probabilities.

    Args:
      pictures: uint8 (batch, height, width, 3), as many as devices share.

    Returns:
      float32 (batch, height, width, classes).
    """
    size = pictures.shape[1:3]
    if size not in self._tell_resized:
      self._tell_resized[size] = parallel.map_apply(
        lambda variables, x: resized_log_probabilities(
          self._network, variables, drn.normalise(x), size
        )
      )
    tell, total = self._tell_resized[size], 0
    for scale in SCALES:
      shown = np.stack([scaled(picture, scale) for picture in pictures])
      total = total + tell(self._variables, shown)
    return total

  def _segment(self, pictures):
    pictures = [np.rint(255 * x).astype(np.uint8) for x in pictures]
    by_size = {}
    for index, picture in enumerate(pictures):
      if min(picture.shape[:2]) < _SMALLEST:
        raise SegmenterError(
          f"picture {index} is {picture.shape[1]} x {picture.shape[0]} pixels "
          f"(width x height); DRN takes sides of at least {_SMALLEST}"
        )
      by_size.setdefault(picture.shape[:2], []).append(index)
    results = [None] * len(pictures)
    for size, indices in by_size.items():
      most = self._most(size)
      for first in range(0, len(indices), most):
        part = indices[first : first + most]
        count = self._count(size, len(part), most)
        filled = np.resize(part, count)  # repeats from the start
        found = self._told(np.stack([pictures[i] for i in filled]))
        for index, classes in zip(part, found, strict=False):
          results[index] = classes
    return results

  def _most(self, size: Sequence[int]) -> int:
    """How many pictures of a size are looked at together at most."""
    devices = jax.local_device_count()
    share = max(1, _PIXELS // (size[0] * size[1]))
    return min(self.batch_size, devices * share)

  def _count(self, size: Sequence[int], number: int, most: int) -> int:
    """For how many pictures a program is run on `number` of a size.

    A rest takes the program that others of its size had, which costs less
    than to compile another. Of a size that is new it is one for little more:
    a folder of many sizes has few pictures of each.
    """
    if self._counts.get(size, 0) < number:
      devices = jax.local_device_count()
      share = -(-number // devices)
      doubled = devices << (share - 1).bit_length()
      self._counts[size] = min(most, doubled)
    return self._counts[size]

  def _told(self, batch: np.ndarray) -> np.ndarray:
    if self._multi_scale:
      classes = self.log_probabilities(batch).argmax(-1)
      return classes.astype(_dtype(self.num_classes))
    _, height, width, _ = batch.shape
    filling = [(0, -side % drn.STRIDE) for side in (height, width)]
    batch = np.pad(batch, [(0, 0), *filling, (0, 0)], mode="reflect")
    return self._tell(self._variables, batch)[:, :height, :width]

  def _classes(self, variables, pictures):
    found, _ = self._network.apply(variables, drn.normalise(pictures))
    return found.argmax(-1).astype(_dtype(self.num_classes))


def scaled(picture: np.ndarray, scale: float) -> np.ndarray:
  """A picture in another size, uint8, its sides rounded down."""
  height, width = (int(side * scale) for side in picture.shape[:2])
  return images.resize(picture, (height, width), "bicubic")


def resized_log_probabilities(
  network: drn.Drn,
  variables: Any,
  pictures: jax.Array,
  size: Sequence[int],
) -> jax.Array:
  """Logarithms of probabilities, brought to a size.

  Args:
    network: tells classes.
    variables: of the network.
    pictures: (batch, height, width, 3), see `drn.normalise`.
    size: (height, width) of the result.

  Returns:
    float32 (batch, *size, classes), as Pillow's bilinear resize, which smooths
    where it shrinks.
  """
  found, _ = network.apply(variables, pictures)
  shape = (found.shape[0], *size, found.shape[3])
  return jax.image.resize(
    found, shape, "bilinear", antialias=True, precision="highest"
  )


def _dtype(num_classes: int) -> Any:
  return jnp.uint8 if num_classes <= 256 else jnp.uint16
