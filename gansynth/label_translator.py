"""Label maps through a generator: any sizes and styles, on all local devices.

>>> from gansynth import LabelTranslator
>>> translate = LabelTranslator.load("networks/coco")  # doctest: +SKIP
>>> picture = translate(labels, instances)  # doctest: +SKIP
>>> three = translate(labels, instances, number=3)  # doctest: +SKIP
>>> dusk = translate(labels, instances, style=photograph)  # doctest: +SKIP
"""

import dataclasses
import os
from collections.abc import Iterable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gansynth import checkpoints, images, label_networks
from gansynth import weights as weights_lib
from gansynth.label_scenes import Key, Scene, Scenes
from gansynth.models import semantics
from gansynth.synthesis import instance_features
from gansynth.synthesis.instance_features import FeatureTable


class LabelTranslator:
  """A generator with its weights, as a function of label maps.

  Spectral norms are divided out once. One compilation serves all label maps
  of one padded size.

  Attributes:
    batch_size: pictures at a time, a multiple of the local devices.
    scenes: checks label maps and completes them.
    size: (height, width) of all pictures; None: those of their label maps.
  """

  def __init__(
    self,
    generator: nn.Module,
    variables: Any,
    conditioning: semantics.Conditioning,
    encoder: nn.Module | None = None,
    encoder_variables: Any = None,
    *,
    batch_size: int = 1,
    mode: str = "eval",
    seed: int = 0,
    instances: str = "",
    features: FeatureTable | str | os.PathLike[str] | None = None,
    size: tuple[int, int] | str | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
  ) -> None:
    """Takes networks and their variables.

    Args:
      generator: of `models.create`.
      variables: `params` and `batch_stats` of it; None: of `set_variables`.
      conditioning: what the generator is shown.
      encoder: of styles or of instances, where there is one.
      encoder_variables: of it.
      batch_size: pictures at a time, rounded up to a multiple of the local
        devices.
      mode: `eval` uses running statistics of batch norm; `batch` those of
        each picture by itself, which looks better where the running ones
        were taken over small batches (see `recalibrate` too).
      seed: of styles and features that are drawn.
      instances: `labels`: where there is no instance map, every label counts
        as one instance. Empty: that is an error.
      features: table that instances' features are drawn from, or a file of
        one, see `instance_features.load`.
      size: (height, width) of the pictures, or `labels` for those of the label
        maps, where the generator has a fixed size but could make others. Best
        is what it was trained at.
      dtype: of the computation, such as "bfloat16"; None: the network's own.
      sparse: whether SPADE's modulation is computed only where label maps
        vary, which is exact and pays on a CPU; None: on a CPU.

    Raises:
      ValueError: an unknown mode, or an option that the generator has not.
    """
    changed = {} if dtype is None else {"dtype": jnp.dtype(dtype)}
    generator = label_networks.resized(generator.clone(**changed), size)
    if encoder is not None:
      encoder = encoder.clone(**changed)
    if hasattr(generator, "sparse"):
      on_cpu = jax.default_backend() == "cpu"
      generator = generator.clone(sparse=on_cpu if sparse is None else sparse)
    elif sparse is not None:
      raise ValueError(
        f"{type(generator).__name__} has no modulation that could be sparse; "
        "leave sparse out"
      )
    if isinstance(features, str | os.PathLike):
      features = instance_features.load(features)
    devices = jax.local_device_count()
    self.generator = generator
    self.encoder = encoder
    self.batch_size = -(-batch_size // devices) * devices
    self.mode = mode
    self.scenes = Scenes(
      conditioning,
      generator.latent_size if getattr(generator, "use_vae", False) else 0,
      seed=seed,
      instances=instances,
      features=features,
    )
    self._options = {"seed": seed, "instances": instances}
    fixed = (getattr(generator, "height", 0), getattr(generator, "width", 0))
    self.size = fixed if all(fixed) else None
    self._multiple = generator.multiple
    if encoder is not None and self.scenes.have_features:
      self._multiple = int(np.lcm(self._multiple, encoder.multiple))
    self._networks = label_networks.LabelNetworks(
      generator, encoder, conditioning, mode
    )
    if variables is not None:
      self.set_variables(variables, encoder_variables)

  @classmethod
  def load(
    cls,
    place: str | os.PathLike[str],
    step: int = 0,
    original: dict[str, Any] | None = None,
    **options: Any,
  ) -> "LabelTranslator":
    """Loads networks from wherever they are kept.

    Args:
      place: see `weights.load_label_networks`, as the following two.
      step: checkpoint of a run; 0: the best one, else the latest.
      original: what is known of an original program's run.
      **options: of the constructor.

    Raises:
      ValueError: there are no such networks.
    """
    networks = weights_lib.load_label_networks(place, step, original)
    return cls(
      networks.generator,
      networks.variables,
      networks.conditioning,
      networks.encoder,
      networks.encoder_variables,
      **options,
    )

  def set_variables(
    self, variables: Any, encoder_variables: Any = None
  ) -> None:
    """Takes other weights of the same networks, without a recompilation."""
    self._networks.set_variables(variables, encoder_variables)

  @property
  def variables(self) -> Any:
    """Of the generator, with its spectral norms, as they were given."""
    return self._networks.variables

  @property
  def conditioning(self) -> semantics.Conditioning:
    """What the generator is shown."""
    return self.scenes.conditioning

  @property
  def made_by(self) -> dict[str, Any]:
    """What a picture depends on beside its label map and style, for JSON."""
    return {
      "weights": checkpoints.digest(
        [self.variables, self._networks.encoder_variables]
      ),
      "network": repr(label_networks.dense(self.generator)),
      "conditioning": dataclasses.asdict(self.conditioning),
      "mode": self.mode,
      **self._options,
    }

  def __call__(
    self,
    labels: np.ndarray | Sequence[np.ndarray],
    instances: np.ndarray | Sequence[np.ndarray] | None = None,
    style: Any = None,
    number: int | None = None,
    *,
    sample: bool = False,
  ) -> np.ndarray | list[np.ndarray]:
    """Makes uint8 pictures of label maps.

    Args:
      labels: one label map, integers (height, width), a batch (batch, height,
        width), or a sequence of maps of any sizes. 255 is "don't care" where
        there is such a label. For num_labels 0: pictures of 3 channels.
      instances: instance maps, integers, in the same form.
      style: of a generator with styles: a picture, uint8 or float in [-1, 1]
        (height, width, 3), or a latent vector (latent_size,), for all label
        maps; or several of either, each for all label maps. Of one that is
        shown instances' features: the true pictures, in the form of `labels`,
        or a `FeatureTable`. None: drawn.
      number: how many styles are drawn for each label map.
      sample: draw from the distribution that the encoder gives instead of
        taking its mean.

    Returns:
      uint8 (height, width, 3) for each label map, in the form of `labels`;
      (styles, height, width, 3) where `number` or several styles are given.

    Raises:
      images.ImageError: a map of the wrong shape, type or values.
      ValueError: a style that the generator does not take.
    """
    single = not self._is_several(labels)
    maps = [labels] if single else list(labels)
    if instances is None:
      others = [None] * len(maps)
    else:
      others = [instances] if single else list(instances)
    if len(others) != len(maps):
      raise ValueError(
        f"{len(maps)} label maps, and {len(others)} instance maps"
      )
    styles, several = self._each_style(style, number, len(maps), single, sample)
    scenes = [
      self.scenes.make(x, ids, one, key=(str(i), k), name=f"label map {i}")
      for i, (x, ids) in enumerate(zip(maps, others, strict=True))
      for k, one in enumerate(styles[i])
    ]
    made = iter(images.to_uint8(x) for x in self.translate(scenes))
    results = [[next(made) for _ in styles[i]] for i in range(len(maps))]
    results = [np.stack(x) if several else x[0] for x in results]
    if single:
      return results[0]
    return np.stack(results) if isinstance(labels, np.ndarray) else results

  def translate(self, scenes: Sequence[Scene]) -> list[np.ndarray]:
    """Makes float32 pictures in [-1, 1] of scenes of any sizes."""
    outputs = [None] * len(scenes)
    for indices, batch in self._batches(scenes):
      pictures = self._networks.draw(batch)
      for index, picture in zip(indices, pictures, strict=False):
        height, width = self.size or scenes[index].size
        outputs[index] = picture[:height, :width]
    return outputs

  def canvas(self, scene: Scene) -> tuple[int, int]:
    """The (height, width) that a scene is padded to."""
    if self.size:
      return scene.size  # The network resizes label maps itself.
    height, width = (
      -(-side // self._multiple) * self._multiple for side in scene.size
    )
    return height, width

  def encode(
    self,
    pictures: Sequence[np.ndarray],
    keys: Sequence[Key] | None = None,
  ) -> np.ndarray:
    """Encodes the styles of pictures.

    Pictures are resized to the generator's size first, as the original reads
    them.

    Args:
      pictures: uint8 or float in [-1, 1] (height, width, 3), of any sizes.
      keys: where given, styles are drawn from what the encoder makes of each,
        by these keys. None: its means.

    Returns:
      float32 (pictures, latent_size).

    Raises:
      ValueError: the generator has no styles, or there is no encoder.
    """
    if not self.scenes.latent_size:
      raise ValueError("this generator has no styles that could be encoded")
    self._check_encoder()
    resized = [_at_size(np.asarray(x), self.size) for x in pictures]
    latents = []
    for first in range(0, len(resized), self.batch_size):
      part = resized[first : first + self.batch_size]
      filled = part + part[-1:] * (self.batch_size - len(part))
      means, log_variances = self._networks.styles(np.stack(filled))
      for i in range(len(part)):
        latent = means[i]
        if keys is not None:
          noise = self.scenes.draw(keys[first + i])
          latent = latent + noise * np.exp(log_variances[i] / 2)
        latents.append(latent)
    return np.reshape(latents, (len(resized), self.scenes.latent_size))

  def collect_features(
    self,
    labels: Sequence[np.ndarray],
    pictures: Sequence[np.ndarray],
    instances: Sequence[np.ndarray] | None = None,
  ) -> list[dict[int, np.ndarray]]:
    """Encodes the instances of true pictures.

    `instance_features.cluster` makes a table of the results, to draw from for
    label maps without a picture.

    Args:
      labels: integers (height, width) each.
      pictures: uint8 or float in [-1, 1] (height, width, 3) each.
      instances: integers (height, width) each.

    Returns:
      For each picture the features of its instances, by label.
    """
    if instances is None:
      instances = [None] * len(labels)
    each = zip(labels, instances, pictures, strict=True)
    scenes = [
      self.scenes.make(*parts, name=f"label map {i}")
      for i, parts in enumerate(each)
    ]
    self._check_encoder()
    collected = [None] * len(scenes)
    over_labels = self.conditioning.features == "label"
    for indices, batch in self._batches(scenes):
      pooled = self._networks.features(batch)
      for index, features in zip(indices, pooled, strict=False):
        scene = scenes[index]
        height, width = scene.size
        collected[index] = instance_features.collect(
          features[:height, :width],
          scene.labels,
          scene.labels if over_labels else scene.instances,
        )
    return collected

  def recalibrate(self, scenes: Iterable[Scene]) -> None:
    """Takes the running statistics of batch norm anew.

    They become mean and variance over all these scenes, as the networks see
    them with each device's share of a batch normalised by its own statistics.
    So `batch_size` should be what a device had in training, times the devices.

    Args:
      scenes: of `self.scenes.make`, some hundreds. A last batch that is not
        full is filled up from its beginning.

    Raises:
      ValueError: the generator has no batch norm, or there are no scenes.
    """
    self._networks.recalibrate(
      batch for _, batch in self._batches(list(scenes))
    )

  def _batches(self, scenes):
    """Yields indices of scenes that fit together, and their batch."""
    groups = {}
    for index, scene in enumerate(scenes):
      if scene.picture is not None:
        self._check_encoder()
      kind = (self.canvas(scene), *scene.arrays())
      groups.setdefault(kind, []).append(index)
    for (canvas, *names), indices in groups.items():
      for first in range(0, len(indices), self.batch_size):
        part = indices[first : first + self.batch_size]
        filled = np.resize(part, self.batch_size)  # repeats from the start
        padded = [scenes[i].padded(canvas) for i in filled]
        yield (
          part,
          {
            name: np.stack([getattr(x, name) for x in padded]) for name in names
          },
        )

  def _check_encoder(self):
    if not self._networks.have_encoder:
      raise ValueError(
        "there is no encoder to encode pictures with; load a folder that "
        "holds one beside the generator (latest_net_E.pth, or E), or draw "
        "styles"
      )

  def _is_several(self, labels):
    dimensions = 2 if self.conditioning.num_labels else 3
    return not (isinstance(labels, np.ndarray) and labels.ndim == dimensions)

  def _each_style(self, style, number, count, single, sample):
    """Styles of each label map, and whether results have an axis of them."""
    if number is not None and (style is not None or number < 1):
      raise ValueError(
        f"number is {number}, of styles that are drawn; give 1 or more, and no "
        "style"
      )
    drawn = [[None] * (number or 1)] * count
    if number is not None and number > 1 and not self.scenes.have_styles:
      raise ValueError(
        f"number is {number}, and this generator makes one picture of a scene"
      )
    if style is None or isinstance(style, FeatureTable):
      if style is not None:
        drawn = [[style]] * count
      return drawn, number is not None
    if not self.scenes.latent_size:
      pictures = [style] if single else list(style)
      if len(pictures) != count:
        raise ValueError(f"{count} label maps, and {len(pictures)} pictures")
      return [[picture] for picture in pictures], False
    one = isinstance(style, np.ndarray) and style.ndim in (1, 3)
    styles = [np.asarray(x) for x in ([style] if one else style)]
    places = [i for i, x in enumerate(styles) if x.ndim == 3]
    if places:
      keys = [("style", i) for i in places] if sample else None
      encoded = self.encode([styles[i] for i in places], keys)
      for i, latent in zip(places, encoded, strict=True):
        styles[i] = latent
    return [styles] * count, not one


def _at_size(picture, size):
  if picture.ndim != 3 or picture.shape[2] != 3:
    raise images.ImageError(
      f"a style picture has shape {picture.shape}; expected (height, width, 3)"
    )
  if picture.dtype != np.uint8:
    picture = picture.astype(np.float32)
  if picture.shape[:2] != size:
    picture = images.resize(picture, size)
  return images.to_unit_range(picture)
