"""How far translations of a test set are from the truth, and there and back."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gansynth import images, parallel
from gansynth.run_scores.host_items import own_batches
from gansynth.run_scores.made_pictures import OTHER_REAL, Observer
from gansynth.translator import Translator


class TranslationScores:
  """`translation_metrics` of one test set.

  Attributes:
    names: of the scores.
    directions: AtoB and perhaps BtoA.
    paired: whether there is a true picture for each that is made.
  """

  def __init__(
    self,
    directions: Iterable[str],
    test_set: Any,
    *,
    max_items: int = 0,
    batch_size: int = 1,
  ):
    """Takes AtoB and perhaps BtoA; the rest as `translation_metrics`."""
    self.directions = tuple(directions)
    self.names = metric_names(self.directions, test_set)
    self.paired = test_set.paired
    self._test_set = test_set
    self._max_items = max_items
    self._batch_size = batch_size

  def measure(
    self,
    translators: Mapping[str, Translator],
    observe: Observer | None = None,
  ) -> dict[str, float]:
    """Returns the scores by name, over all hosts.

    Args:
      translators: by direction.
      observe: is shown what is made.
    """
    return translation_metrics(
      translators,
      self._test_set,
      max_items=self._max_items,
      batch_size=self._batch_size,
      observe=observe,
    )

  def counts(self, direction: str) -> tuple[int, int]:
    """How many pictures there are of each of a direction's two sides.

    Test items of the shorter of two unpaired sides begin again from its start.

    Args:
      direction: AtoB or BtoA.

    Returns:
      Those that are translated, and those they are to look like.
    """
    sizes = getattr(self._test_set, "side_sizes", None) or (
      [len(self._test_set)] * 2
    )
    most = self._max_items or max(sizes)
    a, b = (min(size, most) for size in sizes)
    return (a, b) if direction == "AtoB" else (b, a)

  def real(self, direction: str, item: Mapping[str, Any]) -> np.ndarray:
    """What an item's translation is to look like: uint8 (h, w, 3)."""
    return _visible(self._test_set, item, direction[-1])

  def show(
    self, direction: str, item: Mapping[str, Any], made: np.ndarray
  ) -> dict[str, np.ndarray]:
    """Pictures that belong together, uint8 (h, w, 3), by kind."""
    return {
      "input": _visible(self._test_set, item, direction[0]),
      "generated": made,
      "real" if self.paired else OTHER_REAL: self.real(direction, item),
    }


def translation_metrics(
  translators: Mapping[str, Translator],
  dataset: Any,
  *,
  max_items: int = 0,
  batch_size: int = 1,
  observe: Observer | None = None,
) -> dict[str, float]:
  """Measures translations of a test set, in grey levels (0 to 255).

  Where the data set is paired, `error_AtoB` is the mean absolute difference
  between the translation of A and the true B, and `untouched_AtoB` that of
  leaving A as it is. Where both directions exist, `cycle_A` is the mean
  absolute difference between A and its translation there and back.

  Args:
    translators: by direction, AtoB and perhaps BtoA.
    dataset: test split of `data.create`.
    max_items: measure the first ones only; 0: all.
    batch_size: pictures translated at a time, on this host.
    observe: is shown what is made.

  Returns:
    Means over all pictures, each picture counted once, over all hosts.
  """
  count = min(len(dataset), max_items or len(dataset))
  sums: dict[str, float] = {}

  def errors(name, outputs, targets):
    found = [
      float(np.abs(output - target).mean(dtype=np.float64) * 127.5)
      for output, target in zip(outputs, targets, strict=True)
    ]
    # One after the other, so that batches do not change the sum.
    for error in found:
      sums[name] = sums.get(name, 0.0) + error
    return {name: found}

  with parallel.apart():
    for batch in own_batches(dataset, batch_size, max_items):
      pictures = {
        side: [images.to_unit_range(x[f"image_{side.lower()}"]) for x in batch]
        for side in "AB"
      }
      for direction, translate in translators.items():
        source, target = direction[0], direction[-1]
        outputs = translate.translate(pictures[source])
        found: dict[str, list[float]] = {}
        if dataset.paired:
          found |= errors(f"error_{direction}", outputs, pictures[target])
          if pictures[source][0].shape == pictures[target][0].shape:
            errors(f"untouched_{direction}", pictures[source], pictures[target])
        back = f"{target}to{source}"
        if back in translators:
          returned = translators[back].translate(outputs)
          found |= errors(f"cycle_{source}", returned, pictures[source])
        if observe is None:
          continue
        for index, (item, output) in enumerate(
          zip(batch, outputs, strict=True)
        ):
          observe(
            direction,
            item,
            _visible(
              dataset, {**item, f"image_{target.lower()}": output}, target
            ),
            {name: values[index] for name, values in found.items()},
          )
  # Every host must add the same names, also one that had no picture.
  names = metric_names(translators, dataset)
  totals = parallel.sum_over_hosts(
    np.array([sums.get(name, 0.0) for name in names])
  )
  return {
    name: float(total) / count
    for name, total in zip(names, totals, strict=True)
  }


def _visible(dataset: Any, item: Mapping[str, Any], side: str) -> np.ndarray:
  """A side of an item as a picture, which in colorization takes both."""
  visible = getattr(dataset, "visible", None)
  if visible is not None and side == "B":
    return visible(item["image_a"], item["image_b"])
  return images.to_uint8(item[f"image_{side.lower()}"])


def metric_names(directions: Iterable[str], dataset: Any) -> list[str]:
  """Names of what `translation_metrics` measures, the same on every host.

  Args:
    directions: AtoB and perhaps BtoA.
    dataset: test split of `data.create`.
  """
  directions = list(directions)
  names = []
  for direction in directions:
    if dataset.paired:
      names += [f"error_{direction}", f"untouched_{direction}"]
    if f"{direction[-1]}to{direction[0]}" in directions:
      names.append(f"cycle_{direction[0]}")
  return names
