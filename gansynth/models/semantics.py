"""Label maps on their way into a network.

Label maps travel as integers. `Conditioning` says what a network is shown
beside the labels; `LabelMap` holds it on the device, where a convolution may
look its one-hot channels up instead of multiplying them out.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from gansynth.resampling import resize_nearest

FEATURES = ("none", "instance", "label")


class LabelMap(struct.PyTreeNode):
  """Labels, and planes of numbers after their one-hot channels.

  As an array it has `num_labels` one-hot channels, then the planes. A label
  outside 0 .. num_labels - 1 has no channel; data sets refuse such maps.
  """

  labels: jax.Array  # integers (batch, height, width)
  planes: jax.Array | None  # float (batch, height, width, k), or none
  num_labels: int = struct.field(pytree_node=False)

  @property
  def shape(self) -> tuple[int, int, int, int]:
    """(batch, height, width, channels) of the array."""
    extra = 0 if self.planes is None else self.planes.shape[-1]
    return (*self.labels.shape, self.num_labels + extra)

  def dense(self, dtype: Any = jnp.float32) -> jax.Array:
    """The array (batch, height, width, channels)."""
    channels = jax.nn.one_hot(self.labels, self.num_labels, dtype=dtype)
    if self.planes is None:
      return channels
    return jnp.concatenate([channels, self.planes.astype(dtype)], -1)

  def resize(self, size: tuple[int, int]) -> "LabelMap":
    """The map at (height, width), see `resize_nearest`."""
    return self.replace(
      labels=resize_nearest(self.labels, size),
      planes=None if self.planes is None else resize_nearest(self.planes, size),
    )


def resize_semantics(
  semantics: LabelMap | jax.Array, size: tuple[int, int]
) -> LabelMap | jax.Array:
  """`LabelMap.resize`, or `resize_nearest` of an array of channels."""
  if isinstance(semantics, LabelMap):
    return semantics.resize(size)
  return resize_nearest(semantics, size)


def instance_edges(instances: jax.Array) -> jax.Array:
  """Marks pixels whose left, right, upper or lower neighbour is another.

  Both sides of a border are marked, the border of the picture is none.

  Args:
    instances: (batch, height, width), compared for equality only.

  Returns:
    bool (batch, height, width).
  """
  rows = instances[:, 1:] != instances[:, :-1]
  columns = instances[:, :, 1:] != instances[:, :, :-1]
  above, below = (((0, 0), pad, (0, 0)) for pad in ((1, 0), (0, 1)))
  left, right = (((0, 0), (0, 0), pad) for pad in ((1, 0), (0, 1)))
  return (
    jnp.pad(rows, above)
    | jnp.pad(rows, below)
    | jnp.pad(columns, left)
    | jnp.pad(columns, right)
  )


@dataclasses.dataclass(frozen=True)
class Conditioning:
  """What a generator and a discriminator are shown of a scene.

  The channels are, in this order: one for each label, one for "don't care",
  one for the edges of instances, and an encoder's features, which only the
  generator is shown.
  """

  num_labels: int  # label_nc; 0: the map is a picture of 3 channels
  dont_care: bool = False  # whether num_labels is a label too
  edges: bool = False  # of instances
  features: str = "none"  # FEATURES: pooled over what
  num_features: int = 3  # channels of these

  def __post_init__(self):
    if self.features not in FEATURES:
      raise ValueError(
        f"features are pooled over {self.features!r}; choose one of "
        f"{', '.join(FEATURES)}"
      )
    if self.num_labels < 0 or (self.dont_care and not self.num_labels):
      raise ValueError(
        f"num_labels is {self.num_labels} with dont_care={self.dont_care}; "
        "give the number of labels, or 0 and no don't-care label for pictures"
      )

  @property
  def label_channels(self) -> int:
    """One-hot channels, or 3 of a picture."""
    return self.num_labels + self.dont_care if self.num_labels else 3

  @property
  def channels(self) -> int:
    """What the generator's first convolution takes."""
    pooled = self.num_features if self.features != "none" else 0
    return self.discriminator_channels + pooled

  @property
  def discriminator_channels(self) -> int:
    """What a discriminator is shown beside the picture."""
    return self.label_channels + self.edges

  def __call__(
    self,
    labels: jax.Array,
    instances: jax.Array | None = None,
    features: jax.Array | None = None,
    dtype: Any = jnp.float32,
  ) -> LabelMap | jax.Array:
    """Returns the conditions of a batch.

    Args:
      labels: integers (batch, height, width) in 0 .. label_channels - 1; for
        num_labels 0 pictures (batch, height, width, 3) in [-1, 1].
      instances: integers (batch, height, width); needed for edges.
      features: (batch, height, width, num_features); left away for a
        discriminator.
      dtype: of the planes.

    Raises:
      ValueError: there are no instances, and edges are wanted.
    """
    planes = []
    if self.edges:
      if instances is None:
        raise ValueError(
          "the networks are shown edges of instances, and there is no instance "
          "map; give one, or set edges to False"
        )
      planes.append(instance_edges(instances)[..., None].astype(dtype))
    if features is not None:
      planes.append(features.astype(dtype))
    if not self.num_labels:
      return jnp.concatenate([labels.astype(dtype), *planes], -1)
    joined = jnp.concatenate(planes, -1) if planes else None
    return LabelMap(labels, joined, self.label_channels)
