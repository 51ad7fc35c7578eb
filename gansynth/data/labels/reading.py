"""Label and instance maps as they are stored, checked when they are read."""

import dataclasses
import functools
import os
from typing import NamedTuple

import numpy as np
from absl import logging

from gansynth import images
from gansynth.data.labels import palettes
from gansynth.data.labels.preprocess import DONT_CARE

RULES = ("exact", "nearest", "original")
_NAMED = 8  # values that an error lists
_WARNED = 10  # files whose unknown pixels are logged
_FARTHEST = 3**0.5 * 255  # from black to white


class Reading(NamedTuple):
  """A label map as it was read.

  Attributes:
    labels: (height, width), uint8 where all fit, else int32; uint8 (height,
      width, 3) where maps are colour pictures.
    unknown: how many pixels stood for no label and became the background.
  """

  labels: np.ndarray
  unknown: int


@dataclasses.dataclass(frozen=True)
class LabelReader:
  """Reads label maps; every value that comes out has a channel.

  Attributes:
    num_labels: labels are 0 to num_labels - 1; 0: the maps are colour pictures
      and are given as such.
    dont_care: whether num_labels is a label too: pixels of 255 become it. With
      more than 255 labels, 255 is one of them, and 65535 becomes it.
    palette: "" for maps that hold numbers (or indices of a palette inside the
      file); else what the colours stand for, see `palettes.load`.
    ade20k_shift: subtract 1, and take 0 for "don't care".
    rule: what becomes of colours that the palette has not:
      - "exact": they are an error;
      - "nearest": the label of the nearest colour within `tolerance`, else the
        background, as for maps that were stored as JPEG;
      - "original": the background, as in Geoseg-GAN; so do numbers outside 0
        to num_labels - 1.
    tolerance: of "nearest", Euclidean distance in RGB, 0 to 441.
    background: the label that unknown pixels become by "original" and, where
      there is no "don't care", by "nearest".
    numbers_in_gray: whether with a palette, too, files of one channel (gray,
      or indices of a palette inside) hold numbers.
  """

  num_labels: int
  dont_care: bool = False
  palette: str = ""
  ade20k_shift: bool = False
  rule: str = "exact"
  tolerance: float = 48.0
  background: int = 0
  numbers_in_gray: bool = False
  # Names of the files that a warning was logged of.
  _warned: set = dataclasses.field(
    default_factory=set, init=False, repr=False, compare=False
  )

  def __post_init__(self):
    """Refuses what cannot be, and reads the palette."""
    if self.num_labels < 0:
      raise ValueError(f"num_labels is {self.num_labels}; expected 0 or more.")
    if not self.num_labels and (
      self.dont_care or self.palette or self.rule != "exact"
    ):
      raise ValueError(
        "num_labels is 0, so maps are colour pictures: dont_care "
        f"({self.dont_care}), palette ({self.palette!r}) and palette_rule "
        f"({self.rule!r}) have no meaning. Set num_labels, or leave them out."
      )
    if self.ade20k_shift and self.rule != "exact":
      raise ValueError(
        "ade20k_shift is for maps of numbers that are all labels, and "
        f"palette_rule is {self.rule!r}; set one of them."
      )
    if self.ade20k_shift and not self.dont_care:
      raise ValueError(
        'ade20k_shift makes label 0 "don\'t care"; set dont_care, too.'
      )
    if self.rule not in RULES:
      raise ValueError(
        f"palette_rule is {self.rule!r}; expected {', '.join(RULES)}."
      )
    if self.rule == "nearest" and not self.palette:
      raise ValueError(
        "palette_rule 'nearest' compares colours with a palette, and palette "
        "is empty; set --config.data.palette."
      )
    if not 0 <= self.tolerance <= _FARTHEST:
      raise ValueError(
        f"palette_tolerance is {self.tolerance}; expected 0 to 441, a distance "
        "in RGB."
      )
    if not 0 <= self.background < max(1, self.num_labels):
      raise ValueError(
        f"palette_background is {self.background}; expected a label, 0 to "
        f"{self.num_labels - 1}."
      )
    if self.palette:
      _ = self.colors  # A mistake in it is found now, not in the first batch.

  def __repr__(self) -> str:
    """Leaves out what is as it always was: records of old runs hold this."""
    always = ("num_labels", "dont_care", "palette", "ade20k_shift")
    shown = [
      f"{field.name}={getattr(self, field.name)!r}"
      for field in dataclasses.fields(self)
      if field.name in always
      or (field.repr and getattr(self, field.name) != field.default)
    ]
    return f"LabelReader({', '.join(shown)})"

  @functools.cached_property
  def colors(self) -> np.ndarray | None:
    """Colours of the palette, uint8 (n, 3), if there is one."""
    return palettes.load(self.palette) if self.palette else None

  @property
  def class_names(self) -> tuple[str, ...] | None:
    """Names of the palette's labels, if there is one."""
    return palettes.names(self.palette) if self.palette else None

  def __call__(
    self, source: str | os.PathLike | bytes, name: str = ""
  ) -> np.ndarray:
    """Reads a label map; logs a warning if pixels stand for no label.

    Arguments and errors as of `read`.

    Returns:
      `Reading.labels`.
    """
    found = self.read(source, name)
    self._warn(found, _called(source, name))
    return found.labels

  def read(self, source: str | os.PathLike | bytes, name: str = "") -> Reading:
    """Reads a label map.

    Args:
      source: a path, or the bytes of an encoded picture.
      name: what to call it in errors when `source` is bytes.

    Returns:
      Its labels, and how many pixels had none.

    Raises:
      images.ImageError: it cannot be read, or holds values that are no labels
        and must be by `rule`; the message names the file, the values, and what
        to set.
      OSError: the file cannot be opened.
    """
    name = _called(source, name)
    if not self.num_labels:
      return Reading(images.read(source, name=name), 0)
    numbers, unknown = self.numbers(self._decoded(source, name), name)
    return Reading(self.checked(numbers, name), unknown)

  def stored(
    self, source: str | os.PathLike | bytes, name: str = ""
  ) -> np.ndarray:
    """Reads the numbers of a label map, unchecked; arguments as `__call__`."""
    name = _called(source, name)
    if not self.num_labels:
      return images.read(source, name=name)
    numbers, unknown = self.numbers(self._decoded(source, name), name)
    self._warn(Reading(numbers, unknown), name)
    return numbers

  def _decoded(
    self, source: str | os.PathLike | bytes, name: str
  ) -> np.ndarray:
    """Numbers (height, width), or colours uint8 (height, width, 3)."""
    if self.palette and not self.numbers_in_gray:
      return images.read(source, name=name)
    return images.read_integers(source, name, lossy_colors=self.numbers_in_gray)

  def numbers(
    self, stored: np.ndarray, name: str = "the map"
  ) -> tuple[np.ndarray, int]:
    """Applies palette and rule to what a file holds.

    Args:
      stored: numbers (height, width), or colours uint8 (height, width, 3).
      name: what to call it in errors.

    Returns:
      Numbers as a label map holds them, for `checked`; and how many pixels
      became the background, or "don't care", for want of a label.

    Raises:
      images.ImageError: they are none, see `read`.
    """
    if stored.ndim == 2:
      if self.rule != "original":
        return stored, 0
      unknown = (stored < 0) | (stored >= self.num_labels)
      if self.dont_care:
        unknown &= stored != self._ignored
      numbers = stored
    elif not self.palette:
      raise images.ImageError(
        f"{name}: is a colour picture, where a label map is expected: one "
        "number a pixel (gray of 8 or 16 bits, or a PNG with a palette). If "
        "its colours stand for labels, say which: --config.data.palette=FILE "
        "with lines 'red green blue name' in the order of labels, or the "
        "entries themselves joined by ';', or 'cityscapes' or 'geoseg'. If any "
        "picture is to be translated, set --config.data.num_labels=0."
      )
    elif self.rule == "exact":
      return palettes.from_colors(stored, self.colors, name), 0
    elif self.rule == "nearest":
      numbers, unknown = palettes.match(stored, self.colors, self.tolerance)
    else:
      numbers, unknown = palettes.match(stored, self.colors)
      unknown |= numbers >= self.num_labels + self.dont_care
    count = int(unknown.sum())
    if count:
      numbers = np.where(unknown, np.int32(self._instead), numbers)
    return numbers, count

  @property
  def _ignored(self) -> int:
    """The number in a map that means "don't care"."""
    return DONT_CARE if self.num_labels <= DONT_CARE else 65535

  @property
  def _instead(self) -> int:
    """What pixels that stand for no label become, as a map holds it."""
    if self.rule == "nearest" and self.dont_care:
      return self._ignored
    return self.background

  def _warn(self, found: Reading, name: str) -> None:
    """Logs that a file has unknown pixels, of the first such files."""
    known = name in self._warned or len(self._warned) > _WARNED
    if known or not found.unknown:
      return
    self._warned.add(name)
    if len(self._warned) > _WARNED:
      logging.warning(
        "more label maps have pixels without a label; no more are shown. "
        "tools/build_dataset.py --check lists all."
      )
      return
    logging.warning(
      "%s: %.3f %% of the pixels stand for no label and become %s.",
      name,
      100 * found.unknown / found.labels.size,
      '"don\'t care"'
      if self._instead == self._ignored
      else f"label {self.background}",
    )

  def checked(self, labels: np.ndarray, name: str) -> np.ndarray:
    """Maps stored values to labels, see `__call__`."""
    if not self.num_labels:
      return labels
    top = self.num_labels - 1 + self.dont_care
    ignored = self._ignored
    dtype = np.uint8 if top <= 255 else np.int32
    if self.ade20k_shift:
      unknown = (labels == 0) | (labels == ignored)
      labels = np.where(unknown, ignored, labels.astype(np.int32) - 1)
    if labels.size and labels.max() <= top and labels.min() >= 0:
      return labels.astype(dtype, copy=False)
    labels = labels.astype(np.int32)
    if self.dont_care:
      labels[labels == ignored] = self.num_labels
    bad = (labels > top) | (labels < 0)
    if not bad.any():
      return labels.astype(dtype)
    values, counts = np.unique(labels[bad], return_counts=True)
    listed = ", ".join(
      f"{value} ({count} pixels)"
      for value, count in zip(values[:_NAMED], counts[:_NAMED], strict=True)
    )
    more = f" and {len(values) - _NAMED} more" if len(values) > _NAMED else ""
    allowed = f"0 to {top}" + (f" or {ignored}" if self.dont_care else "")
    advice = []
    if ignored in values and not self.dont_care:
      advice.append(
        f"If {ignored} means unlabelled, set --config.data.dont_care=True."
      )
    if self.palette:
      advice.append("The palette has more colours than there are labels.")
    others = values[values != ignored]
    if others.size and others.max() > top:
      advice.append(
        "If these are labels, set --config.data.num_labels="
        f"{others.max() + 1} or more, for all networks alike."
      )
    advice.append("Otherwise correct the file.")
    raise images.ImageError(
      f"{name}: holds {listed}{more}; expected {allowed} (num_labels "
      f"{self.num_labels}, dont_care {self.dont_care}). {' '.join(advice)}"
    )


def read_instances(
  source: str | os.PathLike | bytes, name: str = ""
) -> np.ndarray:
  """Reads an instance map.

  Args:
    source: a path, or the bytes of an encoded picture: gray of 8, 16 or 32
      bits, or colours, which are numbers r + 256 g + 65536 b (COCO panoptic).
    name: what to call it in errors when `source` is bytes.

  Returns:
    int32 (height, width).

  Raises:
    images.ImageError, OSError: see `images.read_integers`.
  """
  stored = images.read_integers(source, name).astype(np.int32)
  if stored.ndim == 3:
    stored = stored @ np.array([1, 256, 65536], np.int32)
  return stored


def _called(source: str | os.PathLike | bytes, name: str) -> str:
  """What to call a map in errors."""
  return name if isinstance(source, bytes) else os.fspath(source)
