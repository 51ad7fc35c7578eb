"""The data sets of GP-GAN by configuration; `data.create` calls this."""

from collections.abc import Callable, Sequence
from typing import Any

from absl import logging

from gansynth.data import view_sources
from gansynth.data.blending_datasets import (
  Crop,
  CroppedPicturesDataset,
  RecoloredObjectsDataset,
  ViewPairsDataset,
)
from gansynth.data.sources import FolderSource, MatchedFoldersSource, Source

SOURCES = (
  "aligned_views",
  "procedural_views",
  "recolored_objects",
  "cropped_pictures",
  "procedural_pictures",
)


def create(
  config: Any,
  split: str,
  *,
  folder: Callable[[str], str],
  kept: Callable[[Source], Source],
) -> Any:
  """Makes a data set; the fields are listed in `data.create`.

  Args:
    config: `source` is one of `SOURCES`.
    split: "train" or "test".
    folder: gives the folder of a side, "a" or "b".
    kept: puts a cache around a source.
  """

  def get(name: str, default: Any) -> Any:
    value = getattr(config, name, None)
    return default if value is None else value

  direction = get("direction", "AtoB")
  channels = get("input_channels", 3), get("output_channels", 3)
  if direction != "AtoB" or channels != (3, 3):
    raise ValueError(
      f"source {config.source!r} gives RGB pictures from pasted ones to true "
      f"ones: direction must be AtoB (is {direction}), input_channels and "
      f"output_channels 3 (are {channels[0]} and {channels[1]})."
    )
  crop = Crop(get("load_size", 64), get("crop_size", 64))
  seed = get("seed", 0)
  limit = get("max_dataset_size", 0)
  if config.source == "recolored_objects":
    if get("root", ""):
      raise ValueError(
        f"source 'recolored_objects' has no root ({config.root!r}); set "
        "folder_a to the pictures and folder_b to their masks."
      )
    pairs = MatchedFoldersSource(folder("a"), folder("b"), limit)
    return RecoloredObjectsDataset(
      kept(pairs), crop, strength=get("recolor_strength", 1.0), seed=seed
    )
  if config.source == "cropped_pictures":
    pictures = FolderSource(folder("a"), limit)
    return CroppedPicturesDataset(kept(pictures), crop, seed=seed)
  if config.source == "aligned_views":
    views = _folder_views(get, split)
  else:
    views = _procedural_views(get, split)
  if config.source == "procedural_pictures":
    return CroppedPicturesDataset(kept(views), crop, seed=seed)
  number = "train_samples" if split == "train" else "test_samples"
  return ViewPairsDataset(
    kept(views),
    views.counts,
    crop,
    ratio=get("ratio", 0.5),
    length=get(number, 150_000 if split == "train" else 256),
    # Where training views serve as test, its pairs are others all the same.
    seed=2 * seed + (split == "test"),
  )


def split_views(
  folders: Sequence[str], split: str, val_ratio: float
) -> Sequence[str]:
  """The views of a split: the first val_ratio of the sorted ones are for test.

  Rounded down; where that leaves none, the training ones serve.

  Raises:
    ValueError: no view would be left to train on.
  """
  held_out = int(val_ratio * len(folders))
  if not 0 <= val_ratio < 1 or held_out >= len(folders):
    raise ValueError(
      f"val_ratio is {val_ratio}; expected at least 0 and below 1."
    )
  if split == "train":
    return folders[held_out:]
  if not held_out:
    logging.warning(
      "val_ratio %g of %d views is less than one; samples and evaluation use "
      "the training views.",
      val_ratio,
      len(folders),
    )
    return folders
  return folders[:held_out]


def _folder_views(get, split):
  root, path = get("root", ""), get("boxes", "")
  if not root:
    raise ValueError(
      "source 'aligned_views' needs root, a folder that holds a folder of "
      "pictures for each view; it is empty."
    )
  boxes = view_sources.read_boxes(path) if path else None
  folders = view_sources.view_folders(root, boxes)
  chosen = split_views(folders, split, get("val_ratio", 0.05))
  return view_sources.FolderViews(root, chosen, boxes)


def _procedural_views(get, split):
  train, test = get("num_train", 1000), get("num_test", 100)
  if min(train, test) < 1:
    raise ValueError(
      f"num_train {train} and num_test {test} must be at least 1."
    )
  scenes = range(train) if split == "train" else range(train, train + test)
  size = (get("height", 64), get("width", 96))
  return view_sources.ProceduralViews(get("seed", 0), size, scenes)
