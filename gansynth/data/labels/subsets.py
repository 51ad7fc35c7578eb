"""A part of the real pairs, written apart from the rest of them."""

import concurrent.futures
import json
import os
import pathlib
from collections.abc import Iterable
from typing import Any

import ml_collections
import numpy as np

from gansynth import files, images
from gansynth.data import labels
from gansynth.data.labels.preprocess import DONT_CARE
from gansynth.data.sources import Source

SUBSET = "subset.json"


def write(
  config: ml_collections.ConfigDict,
  fraction: float,
  seed: int,
  folder: str | os.PathLike,
) -> dict[str, Any]:
  """Writes some training pairs and all validation pairs of a data set.

  They are written as they are stored, as `{train,val}/{images,masks}`: PNGs,
  masks with numbers in gray. What is there already is not written again.

  Args:
    config: of the data, see `labels.create`; no generated pairs are taken.
    fraction: of the training pairs.
    seed: which of them are drawn.
    folder: to write to.

  Returns:
    `pairs` and `of`, how many training pairs there are in the folder and in
    all; `validation` pairs; and the `names` of the former.

  Raises:
    ValueError: there are no validation pairs, or no training pair is drawn.
    images.ImageError, OSError: a pair cannot be used, or not be written.
  """
  folder = pathlib.Path(folder)
  path = folder / SUBSET
  if path.exists():
    return json.loads(path.read_text())
  whole = ml_collections.ConfigDict(config.to_dict())
  whole.update({"synthetic": "", "oversample": "", "cache_bytes": 0})
  training, validation = (
    labels.create(whole, split).source for split in labels.SPLITS
  )
  entries = [getattr(x, "entries", None) for x in (training, validation)]
  if entries[0] is not None and entries[0] == entries[1]:
    raise ValueError(
      f"{config.get('root')!r} has no validation pairs apart from the training "
      "ones, and what was learned from says nothing of the rest; put some in "
      "`val`"
    )
  count = round(fraction * len(training))
  if not count:
    raise ValueError(
      f"{fraction:.2%} of {len(training)} real pairs is none; ask for a larger "
      "fraction"
    )
  order = np.random.default_rng(seed).permutation(len(training))
  num_labels = whole.num_labels
  names = _write_pairs(
    training, np.sort(order[:count]).tolist(), num_labels, folder / "train"
  )
  every = range(len(validation))
  _write_pairs(validation, every, num_labels, folder / "val")
  subset = {
    "pairs": count,
    "of": len(training),
    "validation": len(validation),
    "names": names,
  }
  files.write_whole(path, (json.dumps(subset, indent=2) + "\n").encode())
  return subset


def _write_pairs(
  source: Source,
  indices: Iterable[int],
  num_labels: int,
  folder: pathlib.Path,
) -> list[str]:
  """Writes items; returns their names."""
  dtype = np.uint8 if num_labels <= DONT_CARE else np.uint16
  dont_care = np.iinfo(dtype).max  # as `LabelReader` has it

  def write_pair(index: int) -> str:
    item = source[index]
    mask = np.where(item["label"] == num_labels, dont_care, item["label"])
    mask = mask.astype(dtype)
    images.write(folder / "masks" / f"{index:06d}.png", mask)
    images.write(folder / "images" / f"{index:06d}.png", item["image"])
    return item["name"]

  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    return list(pool.map(write_pair, indices))
