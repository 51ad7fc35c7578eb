"""Data sets by configuration; `create` is the entry.

Importing this is light: Grain (in `gansynth.data.pipeline`), TensorFlow
Datasets and the procedural scenes are imported when they are used.
"""

import os
from typing import Any

from gansynth.data import datasets, sources
from gansynth.data.preprocess import Preprocess

SOURCES = (
  "procedural_street",
  "folders",
  "aligned",
  "single",
  "colorization",
  "tfds",
)
SPLITS = ("train", "test")


def _get(config: Any, name: str, default: Any) -> Any:
  """A field of a ConfigDict or any object; None means the default too."""
  value = getattr(config, name, None)
  return default if value is None else value


def create(config: Any, split: str):
  """Makes the data set that a configuration describes.

  Fields of `config` (all but `source` may be missing):

  - source: `procedural_street`, `folders` (A and B, unpaired), `aligned`
    (double pictures, or two folders matched by name), `single`,
    `colorization`, `tfds`;
  - root: holds `trainA trainB testA testB` (`folders`), `train test` (the
    others; root itself if it has no such folder); or folder_a, folder_b for
    training and test_folder_a, test_folder_b for the rest (the training ones
    if missing). `single` and `colorization` use root or folder_a;
  - tfds_name, tfds_data_dir: a prepared data set, e.g.
    `cycle_gan/horse2zebra`;
  - direction ("AtoB"), serial_batches (False), input_channels and
    output_channels (3), max_dataset_size (0: all);
  - preprocess ("resize_and_crop"), load_size (286), crop_size (256), flip
    (True), test_preprocess (""), size_multiple (4): see
    `gansynth.data.preprocess.Preprocess`;
  - cache_bytes (0): memory for keeping stored pictures once they were read;
  - procedural_street: seed (0), height and width (256) of the rendered
    pictures, num_train and num_test (1000, 100), weather ("clear"),
    severity (0.5).

  Args:
    config: an `ml_collections.ConfigDict` or any object with these fields.
    split: "train" or "test".

  Returns:
    A data set, see `gansynth.data.datasets`.

  Raises:
    ValueError: an unknown or contradictory value.
    images.ImageError: a folder is missing or empty.
  """
  if split not in SPLITS:
    raise ValueError(f"split is {split!r}; expected 'train' or 'test'.")
  source = _get(config, "source", "")
  if source not in SOURCES:
    raise ValueError(
      f"data source is {source!r}; expected one of {', '.join(SOURCES)}."
    )
  preprocess = Preprocess(
    mode=_get(config, "preprocess", "resize_and_crop"),
    load_size=_get(config, "load_size", 286),
    crop_size=_get(config, "crop_size", 256),
    flip=_get(config, "flip", True),
    evaluation_mode=_get(config, "test_preprocess", ""),
    multiple=_get(config, "size_multiple", 4),
  )
  sides = {
    "direction": _get(config, "direction", "AtoB"),
    "input_channels": _get(config, "input_channels", 3),
    "output_channels": _get(config, "output_channels", 3),
  }
  cache = _get(config, "cache_bytes", 0)

  def kept(item_source: sources.Source) -> sources.Source:
    return sources.CachedSource(item_source, cache) if cache else item_source

  if source in ("single", "colorization"):
    folder = _folder(config, split, "a")
    pictures = kept(sources.FolderSource(folder, _max_size(config)))
    if source == "single":
      return datasets.SingleDataset(
        pictures, preprocess, channels=sides["input_channels"]
      )
    if sides["direction"] != "AtoB":
      raise ValueError(
        "colorization goes from lightness to colour: direction must be AtoB, "
        f"not {sides['direction']!r}."
      )
    return datasets.ColorizationDataset(pictures, preprocess)
  if source == "aligned":
    return datasets.AlignedDataset(
      kept(_aligned_source(config, split)), preprocess, **sides
    )
  if source == "procedural_street":
    from gansynth.data import street_sources

    made = street_sources.create(config, split)
    if split == "test":
      return datasets.AlignedDataset(kept(made), preprocess, **sides)
    pair = made
  elif source == "tfds":
    from gansynth.data import tfds_source

    pair = [
      tfds_source.TfdsSource(
        _get(config, "tfds_name", ""),
        f"{split}{side}",
        _get(config, "tfds_data_dir", None),
        _max_size(config),
      )
      for side in "AB"
    ]
  else:
    pair = [
      sources.FolderSource(_folder(config, split, side), _max_size(config))
      for side in "ab"
    ]
  return datasets.UnalignedDataset(
    *map(kept, pair),
    preprocess,
    serial=_get(config, "serial_batches", False),
    **sides,
  )


def _max_size(config: Any) -> int:
  return _get(config, "max_dataset_size", 0)


def _folder(config: Any, split: str, side: str) -> str:
  """Where the pictures of one side of one split are."""
  root = _get(config, "root", "")
  named = _get(config, f"folder_{side}", "")
  if split == "test":
    named = _get(config, f"test_folder_{side}", "") or named
  if root and named:
    raise ValueError(
      f"both root ({root!r}) and a folder of side {side} ({named!r}) are set; "
      "set one of them."
    )
  if named:
    return named
  if not root:
    raise ValueError(
      f"source {config.source!r} needs root, or folder_{side}; both are empty."
    )
  if config.source == "folders":
    return os.path.join(root, f"{split}{side.upper()}")
  with_split = os.path.join(root, split)
  return with_split if os.path.isdir(with_split) else root


def _aligned_source(config: Any, split: str) -> sources.Source:
  """Double pictures below root, or two folders with the same names."""
  if _get(config, "root", ""):
    folder = _folder(config, split, "a")
    return sources.SplitSource(sources.FolderSource(folder, _max_size(config)))
  return sources.MatchedFoldersSource(
    _folder(config, split, "a"), _folder(config, split, "b"), _max_size(config)
  )
