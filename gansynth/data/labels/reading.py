"""Label and instance maps as they are stored, checked when they are read."""

import dataclasses
import functools
import os

import numpy as np

from gansynth import images
from gansynth.data.labels import palettes
from gansynth.data.labels.preprocess import DONT_CARE

_NAMED = 8  # values that an error lists


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
  """

  num_labels: int
  dont_care: bool = False
  palette: str = ""
  ade20k_shift: bool = False

  def __post_init__(self):
    """Refuses what cannot be, and reads the palette."""
    if self.num_labels < 0:
      raise ValueError(f"num_labels is {self.num_labels}; expected 0 or more.")
    if not self.num_labels and (self.dont_care or self.palette):
      raise ValueError(
        "num_labels is 0, so maps are colour pictures: dont_care "
        f"({self.dont_care}) and palette ({self.palette!r}) have no meaning. "
        "Set num_labels, or leave them out."
      )
    if self.ade20k_shift and not self.dont_care:
      raise ValueError(
        'ade20k_shift makes label 0 "don\'t care"; set dont_care, too.'
      )
    if self.palette:
      _ = self._colors  # A mistake in it is found now, not in the first batch.

  @functools.cached_property
  def _colors(self) -> np.ndarray:
    return palettes.load(self.palette)

  def __call__(
    self, source: str | os.PathLike | bytes, name: str = ""
  ) -> np.ndarray:
    """Reads a label map.

    Args:
      source: a path, or the bytes of an encoded picture.
      name: what to call it in errors when `source` is bytes.

    Returns:
      Labels (height, width), uint8 where all fit, else int32; uint8 (height,
      width, 3) if num_labels is 0.

    Raises:
      images.ImageError: it cannot be read, or holds values that are no labels;
        the message names the file, the values, and what to set.
      OSError: the file cannot be opened.
    """
    name = name if isinstance(source, bytes) else os.fspath(source)
    return self.checked(self.stored(source, name), name)

  def stored(
    self, source: str | os.PathLike | bytes, name: str = ""
  ) -> np.ndarray:
    """Reads the numbers of a label map, unchecked; arguments as `__call__`."""
    name = name if isinstance(source, bytes) else os.fspath(source)
    if not self.num_labels:
      return images.read(source, name=name)
    if self.palette:
      labels = palettes.from_colors(
        images.read(source, name=name), self._colors, name
      )
    else:
      labels = images.read_integers(source, name)
    if labels.ndim == 3:
      raise images.ImageError(
        f"{name}: is a colour picture, where a label map is expected: one "
        "number a pixel (gray of 8 or 16 bits, or a PNG with a palette). If "
        "its colours stand for labels, say which: --config.data.palette=FILE "
        "with lines 'red green blue name' in the order of labels, or "
        "'cityscapes'. If any picture is to be translated, set "
        "--config.data.num_labels=0."
      )
    return labels

  def checked(self, labels: np.ndarray, name: str) -> np.ndarray:
    """Maps stored values to labels, see `__call__`."""
    if not self.num_labels:
      return labels
    top = self.num_labels - 1 + self.dont_care
    ignored = DONT_CARE if self.num_labels <= DONT_CARE else 65535
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
