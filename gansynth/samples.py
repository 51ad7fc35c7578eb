"""Sample sheets: what a system makes while it is being trained."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from gansynth import images, parallel, sheets, systems
from gansynth.data.labels import palettes
from gansynth.label_judge import SegmentationHead
from gansynth.label_translator import LabelTranslator
from gansynth.models import semantics
from gansynth.run_scores import label_scores
from gansynth.run_scores.label_scores import LabelMakers
from gansynth.segmenters import ClassTranslator
from gansynth.translator import Translator


class TranslationSamples:
  """Sheets of a system that translates: test pictures there and back."""

  def __init__(self, system: Any, test_set: Any, batch_size: int):
    """Prepares translators of all directions; they are compiled once.

    Args:
      system: see `systems.create`.
      test_set: of the pictures.
      batch_size: pictures translated at a time.
    """
    self._system = system
    self._test_set = test_set
    self._translators = {
      direction: Translator(network, None, batch_size=batch_size)
      for direction, network in system.generators().items()
    }

  def makers(self, state: Any) -> Mapping[str, Translator]:
    """Translators by direction, with this state's weights."""
    for direction, translate in self._translators.items():
      translate.variables = self._system.generator_variables(state, direction)
    return self._translators

  def sheet(self, state: Any, number: int) -> np.ndarray:
    """Returns uint8 (height, width, 3) with the first `number` test items."""
    number = min(number, len(self._test_set))
    return sample_sheet(
      self.makers(state),
      [self._test_set[i] for i in range(number)],
      getattr(self._test_set, "visible", None),
    )


class LabelSamples:
  """Sheets of a system that makes pictures of label maps."""

  def __init__(self, system: Any, test_set: Any, batch_size: int):
    """Prepares the generator; arguments as of `TranslationSamples`."""
    self._system = system
    self._test_set = test_set
    self._translate = LabelTranslator(
      system.generator,
      None,
      system.conditioning,
      encoder=system.encoder,
      batch_size=batch_size,
    )
    self._head = SegmentationHead.of_system(system, batch_size=batch_size)

  def makers(self, state: Any) -> LabelMakers:
    """The label translator and the head, if any, with this state's weights."""
    if self._head is not None:
      self._head.set_state(state)
    return LabelMakers(self._translator(state), self._head)

  def _translator(self, state):
    encoder = None
    if self._system.encoder is not None:
      encoder = self._system.encoder_variables(state)
    self._translate.set_variables(
      self._system.generator_variables(state), encoder
    )
    return self._translate

  def sheet(self, state: Any, number: int) -> np.ndarray:
    """Returns uint8 (height, width, 3) with the first `number` test items.

    A row for each: the label map, what is made of it, the true picture.
    """
    number = min(number, len(self._test_set))
    items = [self._test_set[i] for i in range(number)]
    made = label_scores.make_items(self._translator(state), items)
    conditioning = self._system.conditioning
    colors = getattr(self._test_set, "colors", None)
    rows = [
      (show_labels(item["label"], conditioning, colors), picture, item["image"])
      for item, picture in zip(items, made, strict=True)
    ]
    return sheets.make(rows, ["labels", "made", "true"])


def show_labels(
  labels: np.ndarray,
  conditioning: semantics.Conditioning,
  colors: np.ndarray | None = None,
) -> np.ndarray:
  """A label map in colours.

  Args:
    labels: integers (height, width), or a picture already.
    conditioning: tells which of the two.
    colors: uint8 (n, 3) of the labels; None: `palettes.label_colors`.

  Returns:
    uint8 (height, width, 3).
  """
  if not conditioning.num_labels:
    return labels
  if colors is None:
    colors = palettes.label_colors(conditioning.num_labels)
  return palettes.colorize(labels, colors)


class SegmentationSamples:
  """Sheets of a system that tells the classes of pictures."""

  def __init__(self, system: Any, test_set: Any, batch_size: int):
    """Prepares the segmenter; arguments as of `TranslationSamples`."""
    self._system = system
    self._test_set = test_set
    self._translate = ClassTranslator(
      system.segmenter, None, batch_size=batch_size
    )

  def makers(self, state: Any) -> ClassTranslator:
    """The segmenter with this state's weights."""
    self._translate.variables = self._system.generator_variables(state)
    return self._translate

  def sheet(self, state: Any, number: int) -> np.ndarray:
    """Returns uint8 (height, width, 3) with the first `number` test items.

    A row for each: the picture, its classes as told, and as they are.
    """
    number = min(number, len(self._test_set))
    items = [self._test_set[i] for i in range(number)]
    told = self.makers(state)([item["image"] for item in items])
    colors = getattr(self._test_set, "colors", None)
    if colors is None:
      colors = palettes.label_colors(self._system.num_classes)
    rows = [
      (
        item["image"],
        palettes.colorize(classes, colors),
        palettes.colorize(item["label"], colors),
      )
      for item, classes in zip(items, told, strict=True)
    ]
    return sheets.make(rows, ["picture", "predicted", "true"])


class NoiseSamples:
  """Sheets of a system that makes pictures of noise, the same noise always."""

  def __init__(self, system: Any, batch_size: int):
    """Prepares the generator; arguments as of `TranslationSamples`."""
    self._system = system
    devices = jax.local_device_count()
    self._batch_size = -(-batch_size // devices) * devices
    network = system.generators()[systems.NOISE]
    self._generate = parallel.map_apply(network.apply)

  def makers(self, state: Any) -> Callable[[np.ndarray], np.ndarray]:
    """A function of noise with this state's weights.

    Returns:
      Float pictures in [-1, 1] (number, height, width, 3) of noise (number,
      size).
    """
    variables = self._system.generator_variables(state)

    def generate(noise):
      filling = -len(noise) % self._batch_size
      padded = np.pad(noise, [(0, filling), (0, 0)])
      batches = np.split(padded, len(padded) // self._batch_size)
      made = [self._generate(variables, batch) for batch in batches]
      return np.concatenate(made)[: len(noise)]

    return generate

  def sheet(self, state: Any, number: int) -> np.ndarray:
    """Returns uint8 (height, width, 3) with `number` pictures as a square."""
    pictures = self.makers(state)(self._system.sample_noise(number))
    columns = max(1, int(number**0.5))
    rows = [
      pictures[first : first + columns] for first in range(0, number, columns)
    ]
    return sheets.make(rows, separator=2)


def create(
  system: Any, test_set: Any, batch_size: int
) -> TranslationSamples | LabelSamples | SegmentationSamples | NoiseSamples:
  """Chooses the kind of sheets that fits a system."""
  if systems.SEGMENTATION in system.generators():
    return SegmentationSamples(system, test_set, batch_size)
  if systems.LABELS in system.generators():
    return LabelSamples(system, test_set, batch_size)
  if systems.NOISE in system.generators():
    return NoiseSamples(system, batch_size)
  return TranslationSamples(system, test_set, batch_size)


def sample_sheet(
  translators: Mapping[str, Translator],
  items: list[dict[str, Any]],
  visible: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
  """Lays out test items and their translations.

  With both directions: A, its translation, and that translated back; the same
  for B. With one direction: A, its translation, and the true B.

  Args:
    translators: by direction, AtoB and perhaps BtoA.
    items: with `image_a` and `image_b`.
    visible: makes a picture of an A and a B that are none by themselves, as
      in colorization.

  Returns:
    uint8 (height, width, 3): a row for each item, titles above.
  """
  sides = {
    side: [
      images.to_unit_range(item[f"image_{side.lower()}"]) for item in items
    ]
    for side in "AB"
  }
  columns = {}
  for direction, translate in translators.items():
    source, target = direction[0], direction[-1]
    outputs = translate.translate(sides[source])
    columns[source] = sides[source]
    columns[f"{source} to {target}"] = outputs
    back = translators.get(f"{target}to{source}")
    if back is None:
      columns[target] = sides[target]
    else:
      columns[f"and back to {source}"] = back.translate(outputs)
  if visible is not None:
    for title in ("A to B", "B"):
      columns[title] = list(map(visible, sides["A"], columns[title]))
  return sheets.make(list(zip(*columns.values(), strict=True)), list(columns))
