"""Label maps and the pictures they describe; `create` is the entry.

Importing this is light: no JAX, no TensorFlow Datasets.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from gansynth.data import sources
from gansynth.data.labels import (
  checking,
  land_cover,
  layouts,
  mixing,
  pairing,
  palettes,
  pose_sources,
  procedural,
)
from gansynth.data.labels.datasets import LabelDataset, LabelFilesSource
from gansynth.data.labels.preprocess import LabelPreprocess
from gansynth.data.labels.reading import LabelReader

SOURCES = (
  "procedural_labels",
  "procedural_land_cover",
  "cityscapes",
  "ade20k",
  "coco_stuff",
  "facades",
  "custom_labels",
  "geoseg",
  "pix2pixhd_labels",
  "tfds_cityscapes",
  "tfds_labels",
  "poses",
)
SPLITS = ("train", "test")
_WITHOUT_INSTANCES = (
  "procedural_land_cover",
  "ade20k",
  "facades",
  "geoseg",
  "poses",
)
# Of these, maps of one channel hold numbers, whatever colours stand for.
_NUMBERS_IN_GRAY = ("geoseg", "procedural_land_cover")
_PROCEDURAL_LABELS = 34
_NUM_LABELS = 13  # where a configuration tells no number


def create(config: Any, split: str) -> LabelDataset:
  """Makes the data set that a configuration describes.

  Fields of `config` (all but `source` may be missing):

  - source, and where it is:
    - `procedural_labels`: street scenes with Cityscapes ids; seed (0), height
      and width (256), num_train and num_test (1000, 100), rendering ("photo"
      or "game"), weather ("clear"), severity (0.5);
    - `procedural_land_cover`: land seen from above with Geoseg-GAN's six
      classes; seed (0), height and width (64), num_train and num_test (400,
      100);
    - `cityscapes`: root holds `gtFine` and `leftImg8bit`, as downloaded, or
      `{train,val}_labels` and `{train,val}_images`, as ASAP-Nets keep it;
      train_extra (False) adds the coarsely labelled pictures to training;
    - `ade20k`: root holds `*_train_*.jpg`, `.png` and the same with `_val_`,
      at any depth. The maps are taken as the released SPADE takes them: 0
      unknown, classes 1 to 150, of which the last shares its channel with
      255; ade20k_shift (False) makes classes 0 to 149 and 0 "don't care", as
      SPADE meant to;
    - `coco_stuff`: root holds `{train,val}_{label,img,inst}`, and perhaps
      `train_*_portrait`;
    - `facades`: the same without instances;
    - `custom_labels`: the same, or label_dir, image_dir and instance_dir for
      training and test_label_dir, ... for the rest;
    - `geoseg`: root holds `{train,val}/images` and `{train,val}/masks`, with
      files of the same names up to the ending; or see `layouts.geoseg`. Masks
      of one channel hold numbers, those in colour are read by palette;
    - `pix2pixhd_labels`: `{train,test}_{label,img,inst}`; with num_labels 0
      `{train,test}_{A,B}`;
    - `tfds_cityscapes`: tfds_name ("cityscapes/semantic_segmentation"),
      tfds_data_dir: prepared as ArrayRecord; it has no instances;
    - `tfds_labels`: the same of what `tools/build_dataset.py --labels` wrote;
    - `poses`: the label map is a stick picture of people's joints, uint8
      (H, W, 3), see `poses.draw`; num_labels must be 0 and instances False.
      root holds `{train,val}_pose` (a JSON file for each picture, see
      `pose_files.read`) and `{train,val}_img`, or COCO as downloaded
      (`annotations/person_keypoints_*.json`, `{train,val}2017`); or label_dir
      (such JSON files, or one in COCO's format) and image_dir for training,
      test_label_dir and test_image_dir for the rest. Joints are moved as the
      picture is, then drawn; right and left of a mirrored picture's are
      exchanged.
    Where no test files are kept apart, the training ones serve (a log line
    says so);
  - num_labels (13; of poses 0, of procedural_land_cover 6, of geoseg as many
    as the palette has), dont_care (False), palette (""), palette_rule
    ("exact"), palette_tolerance (48.0), palette_background (0): see
    `LabelReader`;
  - instances (True, but where a source has none): give instance maps;
  - preprocess ("resize_and_crop"), load_size (286), crop_size (256),
    aspect_ratio (1), flip (True), test_preprocess (""), size_multiple (32),
    pad_crops (True), original_crops (False), center_crop (False): see
    `LabelPreprocess`;
  - synthetic (""), synthetic_share (0.25), oversample (none) and
    oversample_factor (2.0): generated pairs among the training ones, and items
    of rare labels more often, see `mixing.mixed`;
  - max_dataset_size (0: all), of the real ones;
  - cache_bytes (0): memory for keeping stored items once they were read.

  Args:
    config: an `ml_collections.ConfigDict` or any object with these fields.
    split: "train" or "test".

  Returns:
    A data set, whose batches hold `label`, `image` and perhaps `instance`.

  Raises:
    ValueError: an unknown or contradictory value.
    images.ImageError: files are missing, or do not belong together.
  """
  if split not in SPLITS:
    raise ValueError(f"split is {split!r}; expected 'train' or 'test'.")
  reader = label_reader(config)
  preprocess = preprocessing(config)
  items = _items(config, split, reader)
  cache = _get(config, "cache_bytes", 0)
  if cache:
    items = sources.CachedSource(items, cache)
  if split == "train" and (
    _get(config, "synthetic", "") or _get(config, "oversample", ())
  ):
    items = mixing.mixed(config, items, reader)
  colors, class_names = _legend(config, reader)
  return LabelDataset(items, preprocess, colors, class_names)


def _items(config: Any, split: str, reader: LabelReader) -> sources.Source:
  """The stored items of a split, uncached and unmixed."""
  source, instances = _source(config)
  if source == "procedural_labels":
    if reader.num_labels < _PROCEDURAL_LABELS or reader.palette:
      raise ValueError(
        f"procedural_labels has the labels 0 to {_PROCEDURAL_LABELS - 1}, and "
        f"num_labels is {reader.num_labels}, palette {reader.palette!r}; set "
        "num_labels to 35 (as Cityscapes) and no palette."
      )
    return procedural.create(config, split, instances=instances)
  if source == "procedural_land_cover":
    if reader.num_labels < land_cover.NUM_LABELS:
      raise ValueError(
        f"{source} has the labels 0 to {land_cover.NUM_LABELS - 1}, and "
        f"num_labels is {reader.num_labels}; set num_labels to "
        f"{land_cover.NUM_LABELS}."
      )
    return land_cover.create(config, split)
  if source == "poses":
    return _poses(config, split)
  if source.startswith("tfds"):
    from gansynth.data.labels import records

    return records.create(config, split, reader, instances=instances)
  return LabelFilesSource(entries(config, split), reader)


def _legend(
  config: Any, reader: LabelReader
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
  """Colours and names of the labels, where the configuration tells them."""
  if config.source == "procedural_land_cover" and not reader.palette:
    return palettes.load("geoseg"), palettes.names("geoseg")
  return reader.colors, reader.class_names


def _get(config: Any, name: str, default: Any) -> Any:
  """A field of a ConfigDict or any object; None means the default too."""
  value = getattr(config, name, None)
  return default if value is None else value


def preprocessing(config: Any) -> LabelPreprocess:
  """What resizes and cuts the items of a configuration, see `create`."""
  return LabelPreprocess(
    mode=_get(config, "preprocess", "resize_and_crop"),
    load_size=_get(config, "load_size", 286),
    crop_size=_get(config, "crop_size", 256),
    aspect_ratio=_get(config, "aspect_ratio", 1.0),
    flip=_get(config, "flip", True),
    evaluation_mode=_get(config, "test_preprocess", ""),
    multiple=_get(config, "size_multiple", 32),
    pad=_get(config, "pad_crops", True),
    original_crops=_get(config, "original_crops", False),
    center_crop=_get(config, "center_crop", False),
  )


def label_reader(config: Any, **changes: Any) -> LabelReader:
  """The reader of label maps that a configuration asks for.

  Args:
    config: see `create`.
    **changes: fields of `LabelReader` that differ, as where networks that were
      trained on other data tell `num_labels`.

  Raises:
    ValueError: values that contradict each other.
  """
  source = _get(config, "source", "")
  fields = {
    "dont_care": _get(config, "dont_care", False),
    "palette": _get(config, "palette", ""),
    "ade20k_shift": source == "ade20k" and _get(config, "ade20k_shift", False),
    "rule": _get(config, "palette_rule", "exact"),
    "tolerance": _get(config, "palette_tolerance", 48.0),
    "background": _get(config, "palette_background", 0),
    "numbers_in_gray": source in _NUMBERS_IN_GRAY,
  }
  if "num_labels" not in changes:
    fields["num_labels"] = _num_labels(config, source, fields["palette"])
  return LabelReader(**{**fields, **changes})


def _num_labels(config: Any, source: str, palette: str) -> int:
  """How many labels a configuration has, see `create`."""
  usual = {"poses": 0, "procedural_land_cover": land_cover.NUM_LABELS}
  if source == "geoseg":
    usual[source] = len(palettes.load(palette or source))
  found = _get(config, "num_labels", usual.get(source, _NUM_LABELS))
  if source == "poses" and found:
    raise ValueError(
      "source 'poses' gives stick pictures and no labels, and num_labels is "
      f"{found}; set --config.data.num_labels=0."
    )
  return found


def check_labels(config: Any) -> dict[str, checking.LabelReport]:
  """Reads everything once, so that training meets no map it cannot use.

  Args:
    config: see `create`.

  Returns:
    For "train", and for "test" where it has files of its own: how often each
    label occurs, and what is wrong with which file.

  Raises:
    ValueError, images.ImageError: as of `create`, before anything is read.
  """
  reader = label_reader(config)
  preprocessing(config)  # What is wrong with it is said before all is read.
  found = {split: _items(config, split, reader) for split in SPLITS}
  of_training, of_test = (
    getattr(source, "entries", source) for source in found.values()
  )
  if of_test == of_training:
    del found["test"]
  num_labels = reader.num_labels + reader.dont_care
  _, names = _legend(config, reader)
  return {
    split: checking.check(source, num_labels, class_names=names or ())
    for split, source in found.items()
  }


def entries(config: Any, split: str) -> list[pairing.Entry]:
  """The files of a split, where a configuration names files; see `create`."""
  found = _all_entries(config, split)
  return sources.limited(found, _get(config, "max_dataset_size", 0))


def _source(config: Any) -> tuple[str, bool]:
  """The source of a configuration, and whether it is to give instances."""
  source = _get(config, "source", "")
  if source not in SOURCES:
    raise ValueError(
      f"data source is {source!r}; expected one of {', '.join(SOURCES)}."
    )
  instances = _get(config, "instances", source not in _WITHOUT_INSTANCES)
  if instances and source in _WITHOUT_INSTANCES:
    raise ValueError(
      f"source {source!r} has no instance maps; set "
      "--config.data.instances=False."
    )
  return source, instances


def _all_entries(config: Any, split: str) -> list[pairing.Entry]:
  source, instances = _source(config)
  if source.startswith(("procedural", "poses", "tfds")):
    raise ValueError(f"source {source!r} is not one of files of label maps.")
  root = _root(config)
  if source == "custom_labels" and not root:
    return layouts.folders(*_named_folders(config, split, instances))
  if not root:
    raise ValueError(f"source {source!r} needs root, which is empty.")
  if source == "cityscapes":
    return layouts.cityscapes(
      root,
      split,
      instances=instances,
      train_extra=_get(config, "train_extra", False),
    )
  if source == "ade20k":
    return layouts.ade20k(root, split)
  if source == "geoseg":
    return layouts.geoseg(root, split)
  names = {"label": "label", "image": "img"}
  if source == "pix2pixhd_labels" and not _get(config, "num_labels", 13):
    names = {"label": "A", "image": "B"}
  return layouts.prefixed(
    root,
    _phase(root, split, names, source == "pix2pixhd_labels"),
    **names,
    instances=instances,
    portraits=source == "coco_stuff" and split == "train",
  )


def _root(config: Any) -> str:
  """The root of a configuration, which names no other folders then."""
  root = _get(config, "root", "")
  named = _get(config, "label_dir", "")
  if root and named:
    raise ValueError(
      f"both root ({root!r}) and label_dir ({named!r}) are set; set one of "
      "them."
    )
  return root


def _phase(
  root: str, split: str, names: dict[str, str], test_first: bool = False
) -> str:
  """How the folders of a split begin: train, val or test."""
  if split == "train":
    return "train"
  for phase in ("test", "val") if test_first else ("val", "test"):
    # pix2pixHD's own example has label maps alone there.
    if all(
      os.path.isdir(os.path.join(root, f"{phase}_{kind}"))
      for kind in names.values()
    ):
      return phase
  return layouts.without_test(repr(root))


def _poses(config: Any, split: str) -> pose_sources.PoseFilesSource:
  """The source of pictures with joints; see `create`."""
  root = _root(config)
  if not root:
    found = _named_folders(config, split, instances=False)
  else:
    found = _pose_folders(root, split)
  return pose_sources.folders(*found, _get(config, "max_dataset_size", 0))


def _pose_folders(root: str, split: str) -> Sequence[str]:
  """Where joints and pictures are below root: COCO's download, or ours."""
  train = pose_sources.coco_folders(root, "train")
  if train is None:
    kinds = {"label": "pose", "image": "img"}
    phase = _phase(root, split, kinds)
    return [os.path.join(root, f"{phase}_{kind}") for kind in kinds.values()]
  if split == "train":
    return train
  test = pose_sources.coco_folders(root, "val")
  if test is None:
    layouts.without_test(repr(root))
  return test or train


def _named_folders(config: Any, split: str, instances: bool) -> list[str]:
  """The folders that a configuration names one by one."""
  source = config.source
  prefix = ""
  if split == "test":
    prefix = "test_"
    if not _get(config, "test_label_dir", ""):
      layouts.without_test("the configuration")
      prefix = ""
  needed = ("label", "image", "instance")[: 2 + instances]
  found = [_get(config, f"{prefix}{kind}_dir", "") for kind in needed]
  for kind, folder in zip(needed, found, strict=True):
    if folder:
      continue
    advice = ""
    if kind == "instance":
      advice = (
        " If there are no instance maps, set --config.data.instances=False."
      )
    inside = "train_pose" if source == "poses" else "train_label"
    raise ValueError(
      f"source {source!r} needs {prefix}{kind}_dir, which is empty (or root "
      f"with {inside}, train_img, ...).{advice}"
    )
  return found
