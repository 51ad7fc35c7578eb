"""Label maps, checked and completed to all that a generator is given."""

import dataclasses
import hashlib
from typing import Any

import numpy as np
from absl import logging

from gansynth import images
from gansynth.data.labels.reading import LabelReader
from gansynth.models import semantics
from gansynth.synthesis.instance_features import FeatureTable

FROM_LABELS = "labels"

# A name, and a number that tells draws for one name apart.
Key = tuple[str, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
  """What one picture is made of; see `Scenes`.

  Attributes:
    labels: uint8 or int32 (height, width); for num_labels 0 a picture, uint8
      or float in [-1, 1] (height, width, 3).
    instances: int32 (height, width), where networks are shown them.
    latent: float32 (latent_size,), the style of a generator that has one.
    features: float32 (height, width, num_features), of instances.
    picture: uint8 or float in [-1, 1] (height, width, 3): the true picture, of
      which features are encoded.
  """

  labels: np.ndarray
  instances: np.ndarray | None = None
  latent: np.ndarray | None = None
  features: np.ndarray | None = None
  picture: np.ndarray | None = None

  @property
  def size(self) -> tuple[int, int]:
    """Height and width."""
    return self.labels.shape[:2]

  def arrays(self) -> dict[str, np.ndarray]:
    """What there is, by name."""
    return {name: x for name, x in vars(self).items() if x is not None}

  def padded(self, size: tuple[int, int]) -> "Scene":
    """Continues all maps by their last row and column, to (height, width)."""
    if size == self.size:
      return self
    widths = [(0, new - old) for new, old in zip(size, self.size, strict=True)]
    changed = {
      name: np.pad(x, widths + [(0, 0)] * (x.ndim - 2), mode="edge")
      for name, x in self.arrays().items()
      if name != "latent"
    }
    return dataclasses.replace(self, **changed)


class Scenes:
  """Makes scenes of label maps, or says what is wrong with them."""

  def __init__(
    self,
    conditioning: semantics.Conditioning,
    latent_size: int,
    *,
    seed: int = 0,
    instances: str = "",
    features: FeatureTable | None = None,
  ) -> None:
    """Takes what the networks are shown.

    Args:
      conditioning: beside the style.
      latent_size: numbers of a style; 0: there are none.
      seed: of styles and features that are drawn.
      instances: `labels`: where there is no instance map, every label counts
        as one instance. Empty: that is an error.
      features: what instances' features are drawn from.

    Raises:
      ValueError: an unknown `instances`, or a table of other features.
    """
    if instances not in ("", FROM_LABELS):
      raise ValueError(
        f"instances is {instances!r}; choose {FROM_LABELS!r} to take labels "
        "for instances where there is no instance map, or leave it empty"
      )
    pooled = conditioning.features != "none"
    if features is not None:
      expected = conditioning.num_features if pooled else 0
      if features.num_features != expected:
        raise ValueError(
          f"the table has {features.num_features} features, the networks are "
          f"shown {expected}; give a table that was made with this encoder"
        )
    self.conditioning = conditioning
    self.latent_size = latent_size
    self.features = features
    self._seed = seed
    self._from_labels = bool(instances)
    self._told = False
    self._reader = LabelReader(conditioning.num_labels, conditioning.dont_care)

  @property
  def need_instances(self) -> bool:
    """Whether networks are shown instance maps."""
    return self.conditioning.edges or self.conditioning.features == "instance"

  @property
  def takes_labels_for_instances(self) -> bool:
    """Whether there need be no instance maps."""
    return self._from_labels

  @property
  def have_features(self) -> bool:
    """Whether generators are shown features of instances."""
    return self.conditioning.features != "none"

  @property
  def have_styles(self) -> bool:
    """Whether there is more than one picture of a scene."""
    return bool(self.latent_size) or self.have_features

  def make(
    self,
    labels: np.ndarray,
    instances: np.ndarray | None = None,
    style: Any = None,
    *,
    key: Key = ("", 0),
    name: str = "the label map",
  ) -> Scene:
    """Makes a scene.

    Args:
      labels: integers (height, width), 255 for "don't care" where there is
        such a label; for num_labels 0 a picture (height, width, 3).
      instances: integers (height, width); ignored where they are not needed.
      style: a latent vector (latent_size,); for generators that are shown
        features a `FeatureTable` to draw from, or the true picture (height,
        width, 3) to encode. None: drawn, from N(0, 1) or the own table.
      key: what a draw depends on, beside the seed.
      name: what errors call it.

    Raises:
      images.ImageError: maps of wrong shapes, types or values.
      ValueError: a style that the generator does not take.
    """
    labels = self._checked_labels(np.asarray(labels), name)
    if self.need_instances:
      instances = self._checked_instances(labels, instances, name)
    else:
      instances = None
    scene = Scene(labels, instances)
    if self.latent_size:
      return dataclasses.replace(scene, latent=self._latent(style, key))
    if self.have_features:
      return self._with_features(scene, style, key, name)
    if style is not None:
      raise ValueError(
        "this generator makes one picture of a scene and takes no style"
      )
    return scene

  def rng(self, key: Key) -> np.random.Generator:
    """The generator of a draw, the same on any machine."""
    digest = hashlib.sha256(key[0].encode()).digest()
    words = np.frombuffer(digest, "<u4").tolist()
    sequence = np.random.SeedSequence([self._seed, *words, key[1]])
    return np.random.Generator(np.random.Philox(sequence))

  def draw(self, key: Key) -> np.ndarray:
    """A style from the prior, float32 (latent_size,)."""
    return self.rng(key).standard_normal(self.latent_size, np.float32)

  def _latent(self, style, key):
    if style is None:
      return self.draw(key)
    style = np.asarray(style, np.float32)
    if style.shape != (self.latent_size,):
      raise ValueError(
        f"a style of shape {style.shape}; expected ({self.latent_size},), or "
        "encode a picture"
      )
    return style

  def _with_features(self, scene, style, key, name):
    style = self.features if style is None else style
    if style is None:
      raise ValueError(
        "the generator is shown features of instances; give the true picture "
        "of every label map to encode them, or a table of clustered features "
        "to draw them from"
      )
    if isinstance(style, FeatureTable):
      ids = scene.instances
      if self.conditioning.features == "label":
        ids = scene.labels
      drawn = style.draw(scene.labels, ids, self.rng(key))
      return dataclasses.replace(scene, features=drawn)
    picture = _checked_picture(np.asarray(style), f"the picture of {name}")
    if picture.shape[:2] != scene.size:
      raise images.ImageError(
        f"{name} has {_shown(scene.size)} pixels, its picture "
        f"{_shown(picture.shape)}; features are encoded pixel by pixel, so "
        "resize one of them"
      )
    return dataclasses.replace(scene, picture=picture)

  def _checked_labels(self, labels, name):
    if not self.conditioning.num_labels:
      return _checked_picture(labels, name)
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or not labels.size:
      raise images.ImageError(
        f"{name} is {labels.dtype} {labels.shape}; expected integers (height, "
        "width)"
      )
    return self._reader.checked(labels, name)

  def _checked_instances(self, labels, instances, name):
    if instances is None:
      if not self._from_labels or not self.conditioning.num_labels:
        raise images.ImageError(
          f"{name} has no instance map, and the networks are shown the edges "
          "or features of instances; give one (--config.synthesize.instances), "
          f"or say instances={FROM_LABELS!r} to take labels for instances"
        )
      if not self._told:
        logging.warning(
          "there are no instance maps: neighbours of one label look like one "
          "instance, which networks trained with instance maps rarely saw"
        )
        self._told = True
      return labels.astype(np.int32, copy=False)
    instances = np.asarray(instances)
    if instances.shape != labels.shape[:2] or instances.dtype.kind not in "iu":
      raise images.ImageError(
        f"the instance map of {name} is {instances.dtype} {instances.shape}; "
        f"expected integers {labels.shape[:2]}, the size of the label map"
      )
    return instances.astype(np.int32, copy=False)


def _checked_picture(picture, name):
  fits = picture.ndim == 3 and picture.shape[2] == 3 and picture.size
  if not fits or picture.dtype.kind not in "uf":
    raise images.ImageError(
      f"{name} is {picture.dtype} {picture.shape}; expected a picture (height, "
      "width, 3), uint8 or float in [-1, 1]"
    )
  return picture


def _shown(shape):
  return f"{shape[1]} x {shape[0]}"
