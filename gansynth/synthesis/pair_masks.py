"""The masks that image-mask pairs are made of: a folder's, or a run's own."""

import concurrent.futures
import dataclasses
import os
import pathlib
import threading
from typing import Any

import ml_collections
import numpy as np

from gansynth import config as config_lib
from gansynth import images
from gansynth.data import labels as labels_lib
from gansynth.data.labels import layouts, palettes
from gansynth.data.labels.datasets import LabelFilesSource
from gansynth.data.labels.reading import LabelReader
from gansynth.progress import Progress
from gansynth.synthesis.pair_options import DEFAULT_SIZE, Options
from gansynth.synthesis.picture_folders import describe_names
from gansynth.synthesis.recent import Recent

_KEPT = 256 << 20  # bytes of masks that stay in memory
_SHOWN = 20  # problems in an error; the rest are counted


class Masks:
  """Label maps by their numbers, at the size of the pairs.

  Picklable, without JAX. Threads may share it.

  Attributes:
    num_labels: labels are 0 to num_labels - 1.
    dont_care: whether num_labels is a label, too.
    class_names: of the labels.
    colors: uint8 (labels, 3), of the labels in pictures of masks.
  """

  def __init__(self, options: Options) -> None:
    """Finds the masks that the options name; reads none.

    Raises:
      ValueError: there are none, or options that do not fit each other.
    """
    chosen = options.masks
    data = _data_of_run(options.generator.weights)
    self._reader = _reader(options, data)
    self.num_labels = self._reader.num_labels
    self.dont_care = self._reader.dont_care
    self._size = tuple(chosen.size)
    self._preprocess = None
    if not self._size and data is not None:
      self._preprocess = labels_lib.preprocessing(data)
    elif not self._size:
      self._size = DEFAULT_SIZE
    own = None
    if chosen.path:
      self._root = os.path.abspath(chosen.path)
      self._stored = layouts.masks_only(chosen.path)
    elif data is not None:
      self._root = os.path.abspath(options.generator.weights)
      own = labels_lib.create(_only_real(data), "train")
      self._stored = own.source
      if isinstance(own.source, LabelFilesSource):  # Pictures stay unread.
        self._stored = [entry.label for entry in own.source.entries]
    else:
      raise ValueError(
        "masks.path is not set, and the generator is no run, whose training "
        "masks could be taken; name a folder of masks (--masks)"
      )
    if options.mode == "original" and isinstance(self._stored, list):
      self._stored = sorted(x for x in self._stored if x.endswith(".png"))
      if not self._stored:
        raise ValueError(
          f"{self._root} holds no mask *.png, and mode original takes no "
          "others; convert them, or choose mode fixed"
        )
    self.class_names, self.colors = _shown(self._reader, own)
    self._recent = Recent(_KEPT)
    self._names = {}  # of masks that are not files, once they were read
    self._pixels = None
    self._counting = threading.Lock()

  def __len__(self) -> int:
    return len(self._stored)

  @property
  def num_channels(self) -> int:
    """Number of labels, with "don't care"."""
    return self.num_labels + self.dont_care

  def name(self, number: int) -> str:
    """What a manifest calls a mask."""
    if not isinstance(self._stored, list):
      if number not in self._names:
        _ = self[number]
      return self._names[number]
    path = self._stored[number]
    inside = pathlib.Path(path).absolute()
    if inside.is_relative_to(self._root):
      return inside.relative_to(self._root).as_posix()
    return path

  def __getitem__(self, number: int) -> np.ndarray:
    """Reads a mask.

    Returns:
      Labels (height, width), uint8 where they fit, else int32; read-only.

    Raises:
      ValueError: it cannot be used.
      OSError: it cannot be read.
    """
    return self._recent.get(number, lambda: self._read(number))

  def pixels(self) -> np.ndarray:
    """Counts the pixels of each label on each mask; reads all of them once.

    Returns:
      int64 (masks, labels).

    Raises:
      ValueError: the message lists masks that cannot be used.
    """
    with self._counting:
      if self._pixels is None:
        counts = []
        with (
          concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
          Progress(len(self), unit="mask") as progress,
        ):
          for found in pool.map(self._count, range(len(self))):
            counts.append(found)
            progress.update()
        problems = [x for x in counts if isinstance(x, str)]
        if problems:
          raise ValueError(listed(problems))
        self._pixels = np.stack(counts)
    return self._pixels

  def described(self) -> dict[str, Any]:
    """What they are, in values of JSON; it changes where the masks do."""
    if not isinstance(self._stored, list):
      return {"kind": "run", "path": self._root, "count": len(self)}
    names = [self.name(number) for number in range(len(self))]
    return {
      "kind": "files",
      "path": self._root,
      **describe_names({"": names})[""],
    }

  @property
  def folder(self) -> str:
    """The folder that holds all mask files; "": masks are not files."""
    if not isinstance(self._stored, list):
      return ""
    return os.path.commonpath(
      [os.path.dirname(os.path.abspath(path)) for path in self._stored]
    )

  def _read(self, number):
    if isinstance(self._stored, list):
      name = self._stored[number]
      labels = self._reader(name)
    else:
      item = self._stored[number]
      name, labels = item["name"], item["label"]
      self._names[number] = name
    if self._preprocess is not None:
      labels = self._preprocess.evaluate({"label": labels}, name)["label"]
    elif labels.shape != self._size:
      labels = images.resize(labels, self._size, "nearest")
    return np.array(labels)

  def _count(self, number):
    try:
      labels = self[number]
    except (ValueError, OSError) as error:
      # The reader speaks of configs; what they have is an option here, too.
      return str(error).replace("--config.data.", "masks.")
    return count_pixels(labels, self.num_channels)

  def __getstate__(self) -> dict[str, Any]:
    return {k: v for k, v in vars(self).items() if k != "_counting"}

  def __setstate__(self, state: dict[str, Any]) -> None:
    vars(self).update(state)
    self._counting = threading.Lock()


def count_pixels(labels: np.ndarray, num_channels: int) -> np.ndarray:
  """Returns int64 (num_channels,): the pixels of each label."""
  return np.bincount(labels.ravel(), minlength=num_channels)


def listed(problems: list[str]) -> str:
  """Says why nothing was made."""
  more = len(problems) - _SHOWN
  return (
    "nothing was made, because:\n"
    + "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
    + (f"\n  and {more} more like these" if more > 0 else "")
  )


def _data_of_run(weights: str) -> ml_collections.ConfigDict | None:
  """The `data` of the config of a run; None: it is no run."""
  if not (pathlib.Path(weights) / config_lib.RECORD).exists():
    return None
  data = config_lib.load_record(pathlib.Path(weights)).data
  if not data.get("num_labels"):
    raise ValueError(
      f"{weights} is a run whose generator is shown pictures, not labels; "
      "pairs need one that is shown label maps"
    )
  return data


def _only_real(data):
  """The data of a run without pairs that were generated before."""
  changed = {"synthetic": "", "oversample": "", "cache_bytes": 0}
  return ml_collections.ConfigDict({**data.to_dict(), **changed})


def _reader(options, data):
  chosen = options.masks
  if data is not None:
    reader = labels_lib.label_reader(data)
  elif options.mode == "original":  # which has no other palette and rule
    reader = LabelReader(
      chosen.num_labels, chosen.dont_care, "geoseg", rule="original"
    )
  else:
    reader = LabelReader(chosen.num_labels, chosen.dont_care)
  changed = {}
  if chosen.num_labels:
    changed["num_labels"] = chosen.num_labels
  if chosen.path:
    changed["numbers_in_gray"] = True
  if chosen.palette:
    changed["palette"] = chosen.palette
  if chosen.palette_rule:
    changed |= {
      "rule": chosen.palette_rule,
      "tolerance": chosen.palette_tolerance,
      "background": chosen.background,
    }
  return dataclasses.replace(reader, **changed)


def _shown(reader, own):
  """Names and colours of labels in pictures of masks."""
  count = reader.num_labels + reader.dont_care
  names, colors = None, None
  if own is not None:
    names, colors = own.class_names, own.colors
  elif reader.palette:
    names, colors = (
      palettes.names(reader.palette),
      palettes.load(reader.palette),
    )
  if colors is None:
    colors = palettes.label_colors(count)
  names = list(names or ())[:count]
  names += [f"label {label}" for label in range(len(names), count)]
  if reader.dont_care:
    names[-1] = "don't care"
  missing = max(0, count - len(colors))
  colors = np.concatenate([colors, np.zeros((missing, 3), np.uint8)])
  return tuple(names), colors[:count]
