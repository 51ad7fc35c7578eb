"""Which mask each pair is made of, and how it is changed."""

import random
import threading
import zlib
from typing import Any, NamedTuple

import numpy as np

from gansynth.data.labels import oversampling
from gansynth.synthesis import mask_changes, mask_jitter
from gansynth.synthesis.pair_masks import Masks
from gansynth.synthesis.pair_options import Options

_STRIDE = 64  # pairs between two states that are kept


class Drawn(NamedTuple):
  """The mask of a pair.

  Attributes:
    number: of the mask that it was made of.
    labels: (height, width), uint8 or int32.
    changes: what was drawn, in values of JSON.
  """

  number: int
  labels: np.ndarray
  changes: dict[str, Any]


class FixedDraws:
  """Mask i is a function of the seed and i alone.

  Every mask has its turn before any has the next, those with labels to be
  oversampled more often.
  """

  def __init__(self, masks: Masks, options: Options) -> None:
    """Draws from `masks`, as `options` say."""
    self._masks = masks
    self._options = options
    self._order = (-1, ())  # of masks, the last turn that was asked for

  def __call__(self, index: int) -> Drawn:
    """Draws the mask of pair `index`."""
    options = self._options
    rng = self._generator("pair", index)
    number = self._number(index)

    def other() -> np.ndarray:
      return self._masks[int(rng.choice(self._with_pasted()))]

    labels, changes = mask_changes.change(
      self._masks[number], options.changes, rng, other
    )
    return Drawn(number, labels, changes)

  def check(self) -> None:
    """Raises ValueError for labels that no mask holds and some should."""
    self._weights()
    self._with_pasted()

  def _number(self, index):
    turn, place = divmod(index, len(self._masks))
    known, order = self._order  # at once: other threads may change it
    if known != turn:
      order = self._shuffled(turn)
      self._order = (turn, order)
    return int(order[place])

  def _shuffled(self, turn):
    """The masks of a turn: as many of each as its weight says, shuffled."""
    count = len(self._masks)
    rng = self._generator("masks", turn)
    if not self._options.masks.oversample:
      return rng.permutation(count)
    ends = np.cumsum(self._weights())
    # Evenly spaced, so that a mask comes as often as it should, or once more.
    places = (np.arange(count) + rng.random()) * (ends[-1] / count)
    numbers = np.searchsorted(ends, places, side="right")
    return rng.permutation(np.minimum(numbers, count - 1))

  def _weights(self):
    chosen = self._options.masks
    if not chosen.oversample:
      return np.ones(len(self._masks))
    pixels = self._masks.pixels()
    labels = oversampling.chosen_labels(chosen.oversample, pixels.sum(axis=0))
    return oversampling.weights(pixels > 0, labels, chosen.oversample_factor)

  def _with_pasted(self):
    """Numbers of the masks that regions may be taken of."""
    changes = self._options.changes
    if not (changes.paste and changes.paste_labels):
      return np.arange(len(self._masks))
    pixels = self._masks.pixels()
    wanted = [x for x in changes.paste_labels if x < pixels.shape[1]]
    found = np.flatnonzero(pixels[:, wanted].any(axis=1))
    if not found.size:
      raise ValueError(
        f"regions of the labels {changes.paste_labels} are to be pasted "
        f"(changes.paste_labels), and none of {len(pixels)} masks holds one; "
        "leave them out, or add masks that have them"
      )
    return found

  def _generator(self, *parts):
    numbers = [
      zlib.crc32(part.encode()) if isinstance(part, str) else part
      for part in parts
    ]
    sequence = np.random.SeedSequence((self._options.seed, *numbers))
    return np.random.Generator(np.random.PCG64(sequence))


class OriginalDraws:
  """Masks as Geoseg-GAN draws and moves them, one after the other.

  Its two generators run through all pairs. For a pair out of turn, what the
  pairs before it drew is drawn again, without moving their masks.
  """

  def __init__(self, masks: Masks, options: Options) -> None:
    """Draws from `masks`, as `options` say."""
    self._masks = masks
    self._jitter = options.jitter
    self._seed = options.seed
    rng = random.Random(options.seed)
    numbers = range(len(masks))
    self._numbers = [rng.choice(numbers) for _ in range(options.pairs)]
    self._reset()

  def __call__(self, index: int) -> Drawn:
    """Draws the mask of pair `index`."""
    number = self._numbers[index]
    labels = mask_jitter.original(
      self._masks[number], self._jitter, self._generator(index)
    )
    return Drawn(number, labels, {})

  def check(self) -> None:
    """There is nothing that could be wrong."""

  def _generator(self, index):
    """NumPy's generator as it is before pair `index`."""
    rng = np.random.RandomState()
    with self._lock:
      position, state = self._last
      if position > index:
        position = index - index % _STRIDE
        state = self._states[position]
      rng.set_state(state)
      while position < index:
        self._keep(position, rng)
        labels = self._masks[self._numbers[position]]
        mask_jitter.draws_only(labels, self._jitter, rng)
        position += 1
      self._keep(index, rng)
      self._last = (index, rng.get_state())
    return rng

  def _keep(self, position, rng):
    if position % _STRIDE == 0 and position not in self._states:
      self._states[position] = rng.get_state()

  def _reset(self):
    self._lock = threading.Lock()
    self._states = {}
    self._last = (0, np.random.RandomState(self._seed).get_state())

  def __getstate__(self) -> dict[str, Any]:
    kept = ("_masks", "_jitter", "_seed", "_numbers")
    return {name: getattr(self, name) for name in kept}

  def __setstate__(self, state: dict[str, Any]) -> None:
    vars(self).update(state)
    self._reset()
