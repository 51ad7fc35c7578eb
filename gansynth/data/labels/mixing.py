"""Real and synthetic items in one source, at a stated share per epoch."""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from gansynth import files, progress
from gansynth.data import sources
from gansynth.data.labels import layouts, oversampling
from gansynth.data.labels.datasets import LabelFilesSource
from gansynth.data.labels.pairing import Entry
from gansynth.data.labels.reading import LabelReader
from gansynth.data.sources import Source

SHARE = 0.25  # of an epoch's items that are synthetic, unless it is said
FACTOR = 2.0


class Pick(NamedTuple):
  """What stands at a place of an epoch."""

  synthetic: bool
  index: int  # in the source of real or of synthetic items


class _Draws:
  """Places that are filled anew each time, in proportion to weights.

  Each place draws from a part of its own of the row of weights, so that an
  epoch's draws spread over all items, though places know nothing of one
  another: what comes how often differs from its due by less than 2.
  """

  def __init__(self, weights: np.ndarray, places: int):
    self._ends = np.cumsum(weights)
    self._width = self._ends[-1] / places if places else 0.0

  def __call__(self, place: int, fraction: float) -> int:
    """Returns the item at `fraction`, in [0, 1), of a place's part."""
    at = (place + fraction) * self._width
    index = int(np.searchsorted(self._ends, at, side="right"))
    return min(index, len(self._ends) - 1)  # rounding can reach the end


class MixedSource:
  """Real items and synthetic ones, which make up a share of each epoch.

  An epoch has every real item, and those that hold a label of `oversample`
  `factor` times; where that is no whole number, which of them come once more
  is drawn. Synthetic items are drawn for each visit, favoured by the same
  factor, and spread over all there are.

  Training asks for `sample(index, rng)`; `source[index]` is the same without
  chance.

  Args:
    real: the real items.
    synthetic: the synthetic items.
    share: of the items of an epoch that are synthetic, 0 <= share < 1.
    oversample: labels of which an item must hold one to be favoured.
    factor: how often a favoured real item comes in an epoch, 1 or more.
    presence: bool (real and then synthetic items, labels): which item holds
      which label, see `pixel_counts`; needed with `oversample`.

  Attributes:
    num_real: places of an epoch that have real items.
    num_synthetic: places that have synthetic ones, which come after those.

  Raises:
    ValueError: a value out of range, nothing to draw from, or an instruction
      that cannot be followed.
  """

  def __init__(
    self,
    real: Source,
    synthetic: Source,
    share: float,
    oversample: Collection[int] = (),
    factor: float = FACTOR,
    presence: np.ndarray | None = None,
  ):
    if not 0 <= share < 1:
      raise ValueError(
        f"the share of synthetic items is {share}; expected 0 or more and "
        "less than 1 (0.2 to 0.3 is usual)"
      )
    if not (np.isfinite(factor) and factor >= 1):
      raise ValueError(
        f"items are to come {factor} times as often; expected 1 or more"
      )
    if not len(real):
      raise ValueError("there are no real items to mix synthetic ones with")
    if share and not len(synthetic):
      raise ValueError(
        f"{share:.0%} of the items are to be synthetic, and there are none; "
        "make some, or set the share to 0"
      )
    self.real, self.synthetic = real, synthetic
    weights = np.ones(len(real) + len(synthetic))
    if len(oversample):
      if presence is None or len(presence) != len(weights):
        raise ValueError(
          f"presence has {0 if presence is None else len(presence)} rows; "
          f"expected {len(weights)}, one for each item"
        )
      weights = oversampling.weights(presence, oversample, factor)
    of_real, of_synthetic = np.split(weights, [len(real)])
    # Whole copies are not left to chance: every real item is in every epoch.
    whole = np.floor(of_real)
    self._copies = np.repeat(np.arange(len(real)), whole.astype(int))
    parts = of_real - whole
    drawn = round(parts.sum())
    self._real_draws = _Draws(parts, drawn)
    self.num_real = len(self._copies) + drawn
    self.num_synthetic = round(self.num_real * share / (1 - share))
    self._synthetic_draws = _Draws(of_synthetic, self.num_synthetic)

  def __len__(self) -> int:
    return self.num_real + self.num_synthetic

  def pick(self, index: int, fraction: float = 0.5) -> Pick:
    """Says what stands at a place of the epoch.

    Args:
      index: the place, 0 <= index < len.
      fraction: in [0, 1): what is drawn, where a place is drawn at all.
    """
    if index < len(self._copies):
      return Pick(False, int(self._copies[index]))
    if index < self.num_real:
      return Pick(False, self._real_draws(index - len(self._copies), fraction))
    return Pick(True, self._synthetic_draws(index - self.num_real, fraction))

  def epoch(self, rng: np.random.Generator) -> list[Pick]:
    """Draws a whole epoch, shuffled."""
    picks = [self.pick(i, rng.random()) for i in range(len(self))]
    return [picks[i] for i in rng.permutation(len(picks))]

  def __getitem__(self, index: int) -> dict:
    return self._item(self.pick(index))

  def sample(self, index: int, rng: np.random.Generator) -> dict:
    """Draws the item of a place anew."""
    return self._item(self.pick(index, rng.random()))

  def _item(self, pick: Pick) -> dict:
    return (self.synthetic if pick.synthetic else self.real)[pick.index]


def mixed(config: Any, items: Source, reader: LabelReader) -> MixedSource:
  """Adds synthetic pairs to the training items of a configuration.

  Args:
    config: its fields, of which any may be missing, are
      - synthetic: folder of generated pairs, or several joined by commas, see
        `layouts.image_masks`; without one items are only oversampled;
      - synthetic_share (0.25): of an epoch's items that come from there;
      - oversample (none): labels, in a tuple or joined by commas; items that
        hold one come more often. "rare" stands for the labels with under 5 %
        of the pixels of `items`;
      - oversample_factor (2): how much more often;
      - cache_bytes (0): memory for keeping the synthetic items.
    items: the real ones, of any source with label maps and no instances.
    reader: of their label maps.

  Raises:
    ValueError: see `MixedSource`; or items that nothing can be mixed with.
    images.ImageError: a folder holds no pairs, or a map cannot be used.
  """
  if not reader.num_labels:
    raise ValueError(
      "num_labels is 0, so conditions are pictures, which synthetic pairs and "
      "oversampling know nothing of; leave out synthetic and oversample."
    )
  folders = [part.strip() for part in _get(config, "synthetic", "").split(",")]
  folders = [folder for folder in folders if folder]
  if folders and len(items) and "instance" in items[0]:
    raise ValueError(
      f"the real items have instance maps, and synthetic pairs ({folders[0]!r})"
      " have none; set --config.data.instances=False."
    )
  pairs = LabelFilesSource(synthetic_entries(folders), generated(reader))
  oversample = parse_labels(_get(config, "oversample", ()))
  presence = None
  if oversample:
    of_real = pixel_counts(items, reader)
    of_pairs = pixel_counts(pairs, reader, noted_pixels(folders))
    oversample = oversampling.chosen_labels(oversample, of_real.sum(axis=0))
    presence = np.concatenate([of_real, of_pairs]) > 0
  cache = _get(config, "cache_bytes", 0)
  result = MixedSource(
    items,
    sources.CachedSource(pairs, cache) if cache else pairs,
    _get(config, "synthetic_share", SHARE) if folders else 0.0,
    oversample,
    _get(config, "oversample_factor", FACTOR),
    presence,
  )
  logging.info(
    "An epoch has %d real items of %d, and %d synthetic ones of %d%s.",
    result.num_real,
    len(items),
    result.num_synthetic,
    len(pairs),
    f"; more often those with {oversample}" if oversample else "",
  )
  return result


def _get(config, name, default):
  """A field of a configuration; None means the default too."""
  value = getattr(config, name, None)
  return default if value is None else value


def parse_labels(oversample: str | Iterable[int]) -> str | tuple[int, ...]:
  """Reads labels as a command line gives them: "rare", "4,5" or "4 5".

  Raises:
    ValueError: it is something else.
  """
  if not isinstance(oversample, str):
    return tuple(oversample)
  if oversample == oversampling.RARE:
    return oversample
  try:
    return tuple(int(part) for part in oversample.replace(",", " ").split())
  except ValueError:
    raise ValueError(
      f"oversample is {oversample!r}; expected labels such as '4,5', or "
      f"{oversampling.RARE!r}"
    ) from None


def generated(reader: LabelReader) -> LabelReader:
  """The reader of generated maps, which hold labels as they are used here.

  Real maps may hold other numbers, or colours; generated ones may, too.
  """
  return dataclasses.replace(reader, ade20k_shift=False, numbers_in_gray=True)


def synthetic_entries(folders: Sequence[str | os.PathLike]) -> list[Entry]:
  """The pairs of several folders, see `layouts.image_masks`."""
  return [entry for folder in folders for entry in layouts.image_masks(folder)]


def noted_pixels(
  folders: Iterable[str | os.PathLike],
) -> dict[str, Sequence[int]]:
  """What manifests beside generated pairs say of their label maps.

  Returns:
    Numbers of pixels by label, by the absolute path of the label map; empty
    where there is no manifest.

  Raises:
    ValueError: a manifest is damaged; the message names the line.
  """
  found = {}
  for folder in folders:
    path = pathlib.Path(folder, files.MANIFEST)
    if not path.is_file():
      continue
    with path.open(encoding="utf-8") as file:
      for number, line in enumerate(file, 1):
        try:
          about = json.loads(line)
          mask = os.path.abspath(os.path.join(folder, about["mask"]))
          found[mask] = about["pixels"]
        except (ValueError, KeyError, TypeError) as error:
          raise ValueError(
            f"{path}, line {number}: is no line about a pair with 'mask' and "
            f"'pixels' ({error!r}); make the manifest again, or remove it"
          ) from error
  return found


def pixel_counts(
  source: Source,
  reader: LabelReader,
  noted: Mapping[str, Sequence[int]] | None = None,
  num_threads: int = 0,
) -> np.ndarray:
  """Counts the pixels of each label in each item.

  Of items in files only the label maps are read.

  Args:
    source: of items with `label`.
    reader: says how many labels there are.
    noted: numbers that are known, see `noted_pixels`; their maps are not read.
    num_threads: how many items are read at once; 0: one a processor.

  Returns:
    int64 (items, labels), "don't care" among the labels.

  Raises:
    images.ImageError, OSError: a map cannot be used.
  """
  num_labels = reader.num_labels + reader.dont_care
  noted = noted or {}
  stored = source
  if isinstance(source, sources.CachedSource):
    stored = source.source
  entries = stored.entries if isinstance(stored, LabelFilesSource) else None

  def count(index: int) -> np.ndarray:
    if entries is None:
      labels = source[index]["label"]
    else:
      path = entries[index].label
      known = noted.get(os.path.abspath(path), ())
      if len(known) == num_labels:
        return np.asarray(known, np.int64)
      labels = stored.reader(path)
    return np.bincount(labels.ravel(), minlength=num_labels)

  counts = np.zeros((len(source), num_labels), np.int64)
  with (
    concurrent.futures.ThreadPoolExecutor(
      num_threads or os.cpu_count()
    ) as pool,
    progress.Progress(len(source), unit="label map") as shown,
  ):
    for index, found in enumerate(pool.map(count, range(len(source)))):
      counts[index] = found
      shown.update()
  return counts
