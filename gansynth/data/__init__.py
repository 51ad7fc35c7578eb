"""Data sets by configuration; `create` is the entry.

Importing this is light: Grain (in `gansynth.data.pipeline`), TensorFlow
Datasets and the procedural scenes are imported when they are used.
"""

import os
from typing import Any

from absl import logging

from gansynth.data import blending_sources, datasets, labels, sources
from gansynth.data.preprocess import Preprocess

SOURCES = (
  "procedural_street",
  "folders",
  "aligned",
  "single",
  "colorization",
  "tfds",
  *blending_sources.SOURCES,
  *labels.SOURCES,
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
    training and test_folder_a, test_folder_b for the rest. `single` and
    `colorization` use root or folder_a. Where no test pictures are kept
    apart, the training ones serve (a log line says so);
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
    severity (0.5), paired (False: training never shows both renderings of a
    scene; True: it shows nothing else).

  GP-GAN's sources resize to a short side of load_size (64) and cut crop_size
  (64); seed (0) draws what is drawn once:

  - `aligned_views`: root holds a folder of pictures for each view; boxes (""),
    a file of lines `folder:r0,c0,r1,c1`; val_ratio (0.05) of the folders are
    kept for test; train_samples and test_samples (150000, 256) pairs; ratio
    (0.5) of the pasted square;
  - `procedural_views`: street scenes in several weathers; height and width
    (64, 96), num_train and num_test scenes (1000, 100), and the pairs of the
    above;
  - `recolored_objects`: folder_a has pictures and folder_b their masks;
    recolor_strength (1);
  - `cropped_pictures` (root or folder_a) and `procedural_pictures` (the
    scenes of `procedural_views`): pictures without pairs.

  The sources of label maps are `labels.SOURCES`, and their fields are listed in
  `gansynth.data.labels.create`.

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
  if source in labels.SOURCES:
    return labels.create(config, split)
  cache = _get(config, "cache_bytes", 0)

  def kept(item_source: sources.Source) -> sources.Source:
    return sources.CachedSource(item_source, cache) if cache else item_source

  if source in blending_sources.SOURCES:
    return blending_sources.create(
      config,
      split,
      folder=lambda side: _folder(config, split, side),
      kept=kept,
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
    if not isinstance(made, tuple):
      return datasets.AlignedDataset(kept(made), preprocess, **sides)
    pair = made
  elif source == "tfds":
    pair = _tfds_sources(config, split)
  else:
    pair = [
      sources.FolderSource(folder, _max_size(config))
      for folder in _two_folders(config, split)
    ]
  return datasets.UnalignedDataset(
    *map(kept, pair),
    preprocess,
    serial=_get(config, "serial_batches", False),
    **sides,
  )


def _max_size(config: Any) -> int:
  return _get(config, "max_dataset_size", 0)


def _tfds_sources(config: Any, split: str) -> list[sources.Source]:
  """Both sides of a split of a prepared data set."""
  from gansynth.data import tfds_source

  name = _get(config, "tfds_name", "")
  data_dir = _get(config, "tfds_data_dir", "") or None
  if split == "test":
    known = tfds_source.splits(name, data_dir)
    if not {"testA", "testB"} & set(known):
      split = _without_test(repr(name))
  return [
    tfds_source.TfdsSource(name, f"{split}{side}", data_dir, _max_size(config))
    for side in "AB"
  ]


def _two_folders(config: Any, split: str) -> list[str]:
  """The folders of A and B of a split."""
  if split == "test":
    root = _get(config, "root", "")
    if root:
      apart = [os.path.join(root, name) for name in ("testA", "testB")]
      # One of two missing is a mistake, and is reported when it is opened.
      kept_apart = any(map(os.path.isdir, apart)) or not os.path.isdir(root)
    else:
      kept_apart = any(_get(config, f"test_folder_{side}", "") for side in "ab")
    if not kept_apart:
      split = _without_test(repr(root) if root else "the configuration")
  return [_folder(config, split, side) for side in "ab"]


def _without_test(where: str) -> str:
  """Says that the training pictures serve as test; returns their split."""
  logging.warning(
    "%s has no test pictures; samples and evaluation use the training ones.",
    where,
  )
  return "train"


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
