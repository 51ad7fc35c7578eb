"""Where data sets keep pictures, label maps and instance maps.

Every layout gives a list of entries in natural order of the label maps' paths
(x_2 before x_10). What belongs together is found by name, never by position.
"""

import os
import pathlib
from collections.abc import Sequence

from absl import logging

from gansynth import images
from gansynth.data.labels.pairing import Entry, by_key, natural_key, pair

_FILE_LIST = "files.list"
_FLAT_ENDINGS = {"images": "_img", "masks": "_mask"}


def cityscapes(
  root: str | os.PathLike,
  split: str,
  *,
  instances: bool = True,
  train_extra: bool = False,
) -> list[Entry]:
  """Cityscapes as downloaded, or as ASAP-Nets keep it.

  Files have the names of the download, at any depth below

  - `gtFine/{train,val}` and `leftImg8bit/{train,val}`, or
  - `{train,val}_labels` and `{train,val}_images`.

  Where both are, the download counts.

  Args:
    root: holds these folders.
    split: "train", or "test" for `val` (labels of `test` are not public).
    instances: whether to give `_instanceIds.png`, which lie with the labels.
    train_extra: let training have the coarsely labelled pictures as well
      (`gtCoarse/train_extra`, `leftImg8bit/train_extra`).
  """
  phase = "train" if split == "train" else "val"
  if os.path.isdir(os.path.join(root, "gtFine")):
    parts = [(("gtFine", phase), ("leftImg8bit", phase))]
  elif os.path.isdir(os.path.join(root, f"{phase}_labels")):
    parts = [((f"{phase}_labels",), (f"{phase}_images",))]
  else:
    raise images.ImageError(
      f"{os.fspath(root)!r} holds neither 'gtFine' (with 'leftImg8bit' beside "
      f"it, as downloaded) nor '{phase}_labels' (with '{phase}_images', as "
      "ASAP-Nets keep it). Correct the path, or unpack what is missing."
    )
  if train_extra and split == "train":
    parts.append((("gtCoarse", "train_extra"), ("leftImg8bit", "train_extra")))
  entries = []
  for labels, pictures in parts:
    labels = os.path.join(root, *labels)
    found = _files(labels)
    chosen = {
      kind: _only(found, f"_{kind}.png", labels)
      for kind in ("labelIds", "instanceIds")[: 1 + instances]
    }
    chosen["image"] = _files(os.path.join(root, *pictures))
    keyed = {
      kind: by_key(paths, first_three_parts) for kind, paths in chosen.items()
    }
    entries += pair(keyed["labelIds"], keyed["image"], keyed.get("instanceIds"))
  return entries


def ade20k(root: str | os.PathLike, split: str) -> list[Entry]:
  """ADE20K's scene parsing benchmark, at any depth below root.

  Pictures are `*_train_*.jpg` and `*_val_*.jpg`, label maps the same with
  `.png`. Folders `annotations_instance` are passed over.
  """
  mark = "_train_" if split == "train" else "_val_"
  found = [
    path
    for path in _files(root)
    if mark in os.path.basename(path)
    and "annotations_instance" not in pathlib.PurePath(path).parts
  ]
  labels = _only(found, ".png", root, f"*{mark}*.png")
  pictures = _only(found, ".jpg", root, f"*{mark}*.jpg")
  return pair(by_key(labels, _stem), by_key(pictures, _stem))


def prefixed(
  root: str | os.PathLike,
  phase: str,
  *,
  label: str = "label",
  image: str = "img",
  instances: bool = True,
  portraits: bool = False,
) -> list[Entry]:
  """Folders `<phase>_label`, `<phase>_img` and `<phase>_inst` below root.

  A file `files.list` in one of them, with a path a line (absolute, or relative
  to the folder or to where the program runs), stands for what it holds.

  Args:
    root: holds the folders.
    phase: how their names begin.
    label: how the name of label maps' folder ends.
    image: how the name of the pictures' folder ends.
    instances: whether to give instance maps.
    portraits: whether to add `<phase>_label_portrait` etc. if they are there.
  """
  kinds = (label, image, "inst")[: 2 + instances]
  entries = folders(*(os.path.join(root, f"{phase}_{kind}") for kind in kinds))
  more = [os.path.join(root, f"{phase}_{kind}_portrait") for kind in kinds]
  if portraits and os.path.isdir(more[0]):
    entries += folders(*more)
  return entries


def folders(
  label_dir: str | os.PathLike,
  image_dir: str | os.PathLike,
  instance_dir: str | os.PathLike | None = None,
) -> list[Entry]:
  """Three folders with files of the same names up to the ending.

  Sub-folders count only where names repeat without them. Names as Cityscapes
  has them (`a_000000_000019_gtFine_labelIds.png`,
  `a_000000_000019_leftImg8bit.png`) belong together by their first three
  parts. `files.list` is honoured, see `prefixed`.
  """
  where = [label_dir, image_dir, instance_dir][: 2 + (instance_dir is not None)]
  listed = [_files(folder) for folder in where]
  labels = listed[0]
  if labels[0].endswith("_labelIds.png"):
    return pair(*(by_key(paths, first_three_parts) for paths in listed))
  if len(set(map(_stem, labels))) == len(labels):
    return pair(*(by_key(paths, _stem) for paths in listed))
  return pair(
    *(
      by_key(paths, lambda path, folder=folder: _below(folder, path))
      for folder, paths in zip(where, listed, strict=True)
    )
  )


def geoseg(root: str | os.PathLike, split: str) -> list[Entry]:
  """Geoseg-GAN's folders `{train,val}/images` and `{train,val}/masks`.

  Any mix of endings on both sides. A root without `train` is itself what
  `image_masks` takes, for both splits.

  Args:
    root: holds the folders.
    split: "train"; or "test" for `val`, else `test`, else the training files
      (a log line says so).
  """
  phases = ("train",) if split == "train" else ("val", "test")
  for phase in phases:
    folder = os.path.join(root, phase)
    if os.path.isdir(folder):
      return image_masks(folder)
  if split != "train":
    without_test(repr(os.fspath(root)))
  train = os.path.join(root, "train")
  return image_masks(train if os.path.isdir(train) else root)


def image_masks(folder: str | os.PathLike) -> list[Entry]:
  """Pictures and masks of one folder, as generated pairs are kept, too.

  - `images` and `masks` below it, with files of the same path up to the
    ending; or
  - `<stem>_img.<ending>` and `<stem>_mask.<ending>`, at any depth; other
    pictures are passed over.

  Masks without a picture are left out (a log line says so): one may have more
  masks, for generation. A picture without a mask is an error.

  Args:
    folder: see above.

  Raises:
    images.ImageError: neither is there, or a picture has no mask.
  """
  by_kind = {kind: _of_kind(folder, kind) for kind in _FLAT_ENDINGS}
  pictures, masks = by_kind.values()
  if not pictures or not masks:
    raise images.ImageError(
      f"{os.fspath(folder)!r} holds neither folders 'images' and 'masks' with "
      "files of the same names up to the ending, nor pairs "
      "'<name>_img.<ending>', '<name>_mask.<ending>' (found "
      f"{len(pictures)} pictures and {len(masks)} masks). Correct the path."
    )
  spare = masks.keys() - pictures.keys()
  if spare and pictures.keys() <= masks.keys():
    logging.warning(
      "%r has %d masks without a picture, the first %r; they are left out.",
      os.fspath(folder),
      len(spare),
      masks[min(spare, key=natural_key)],
    )
    masks = {name: path for name, path in masks.items() if name in pictures}
  return pair(masks, pictures, kind="mask")


def masks_only(folder: str | os.PathLike) -> list[str]:
  """Masks that pictures are to be generated of, in natural order.

  Args:
    folder: of masks; or one that `geoseg` (training masks) or `image_masks`
      takes, of which pictures may be missing.

  Raises:
    images.ImageError: there are none.
  """
  train = os.path.join(folder, "train")
  inside = train if os.path.isdir(train) else folder
  found = _of_kind(inside, "masks")
  if not found and os.path.isdir(os.path.join(inside, "images")):
    raise images.ImageError(
      f"{os.fspath(inside)!r} holds 'images' but no 'masks'; expected masks. "
      "Correct the path."
    )
  paths = found.values() or images.list_images(inside)
  return sorted(paths, key=natural_key)


def _of_kind(folder: str | os.PathLike, kind: str) -> dict[str, str]:
  """Images or masks of `image_masks` by what pairs share; may be empty."""
  if any(os.path.isdir(os.path.join(folder, name)) for name in _FLAT_ENDINGS):
    inside = os.path.join(folder, kind)
    if not os.path.isdir(inside):
      return {}
    return by_key(images.list_images(inside), lambda path: _below(inside, path))
  ending = _FLAT_ENDINGS[kind]
  found = [
    path for path in images.list_images(folder) if _stem(path).endswith(ending)
  ]
  return by_key(found, lambda path: _below(folder, path).removesuffix(ending))


def without_test(where: str) -> str:
  """Says that the training files serve as test; returns their phase."""
  logging.warning(
    "%s has no test pictures with label maps; samples and evaluation use the "
    "training ones.",
    where,
  )
  return "train"


def json_files(folder: str | os.PathLike) -> list[str]:
  """JSON files of joints in a folder or below, in natural order."""
  found = [
    os.fspath(path)
    for path in pathlib.Path(folder).rglob("*.json")
    if path.name[0] != "."
  ]
  if not found:
    raise images.ImageError(
      f"{os.fspath(folder)!r} holds no *.json, in it or below; expected one "
      "with joints for each picture (or, instead of the folder, COCO's file "
      "for all). Correct the path."
    )
  return sorted(found, key=natural_key)


def joints(
  joint_dir: str | os.PathLike, image_dir: str | os.PathLike
) -> list[Entry]:
  """Pictures and JSON files of joints, of the same path up to the ending.

  Args:
    joint_dir: folder of JSON files, see `pose_files.read`.
    image_dir: folder of pictures.

  Returns:
    Entries whose `label` is the JSON file.
  """
  return pair(
    *(
      by_key(paths, lambda path, folder=folder: _below(folder, path))
      for folder, paths in (
        (joint_dir, json_files(joint_dir)),
        (image_dir, images.list_images(image_dir)),
      )
    ),
    kind="file of joints",
  )


def _below(folder: str | os.PathLike, path: str) -> str:
  """The path below a folder, without its ending."""
  return os.path.splitext(os.path.relpath(path, folder))[0]


def _stem(path: str) -> str:
  return pathlib.PurePath(path).stem


def first_three_parts(path: str) -> str:
  """What Cityscapes names a picture by: city, sequence and frame."""
  return "_".join(os.path.basename(path).split("_")[:3])


def _files(folder: str | os.PathLike) -> list[str]:
  """The pictures of a folder, or those that its list names."""
  folder = os.fspath(folder)
  list_path = os.path.join(folder, _FILE_LIST)
  if not os.path.isfile(list_path):
    return images.list_images(folder)
  with open(list_path, encoding="utf-8") as file:
    lines = [line.strip() for line in file if line.strip()]
  if not lines:
    raise images.ImageError(
      f"{list_path!r} names no file; expected a path in each line. Fill it or "
      "delete it."
    )
  inside = [os.path.join(folder, line) for line in lines]
  return [
    path if os.path.isfile(path) else line
    for path, line in zip(inside, lines, strict=True)
  ]


def _only(
  paths: Sequence[str], ending: str, folder: str | os.PathLike, shown: str = ""
) -> list[str]:
  """The paths with an ending; at least one."""
  found = [path for path in paths if path.lower().endswith(ending.lower())]
  if not found:
    raise images.ImageError(
      f"{os.fspath(folder)!r} holds no {shown or '*' + ending}, in it or "
      "below. Correct the path, or unpack what is missing."
    )
  return found
