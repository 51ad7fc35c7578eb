"""Which files belong together, in every layout."""

import logging
import os

import numpy as np
import pytest

from gansynth import images
from gansynth.data.labels import layouts, pairing


def touch(root, *names):
  for name in names:
    images.write(root / name, np.zeros((2, 2), np.uint8))


def found(root, entries):
  """Label, picture and instance map of each entry, below root."""
  return [
    tuple(
      path and os.path.relpath(path, root)
      for path in (entry.label, entry.image, entry.instance)
    )
    for entry in entries
  ]


def test_natural_order_compares_numbers():
  names = ["x10", "x9", "x1a2", "x1a10", "y", "x010"]
  assert sorted(names, key=pairing.natural_key) == [
    *("x1a2", "x1a10", "x9", "x10", "x010", "y")
  ]


@pytest.mark.parametrize("instances", [True, False])
def test_cityscapes_as_downloaded(tmp_path, instances):
  for part, stem in (
    ("train/a", "a_000000_000019"),
    ("train/a", "a_000000_000003"),
    ("val/b", "b_000001_000019"),
  ):
    for kind in ("labelIds", "instanceIds", "color", "labelTrainIds"):
      touch(tmp_path, f"gtFine/{part}/{stem}_gtFine_{kind}.png")
    touch(tmp_path, f"leftImg8bit/{part}/{stem}_leftImg8bit.png")
  entries = layouts.cityscapes(tmp_path, "train", instances=instances)
  stems = ["a_000000_000003", "a_000000_000019"]
  assert found(tmp_path, entries) == [
    (
      f"gtFine/train/a/{stem}_gtFine_labelIds.png",
      f"leftImg8bit/train/a/{stem}_leftImg8bit.png",
      f"gtFine/train/a/{stem}_gtFine_instanceIds.png" if instances else None,
    )
    for stem in stems
  ]
  assert entries[0].name == "a_000000_000003_leftImg8bit"
  (test,) = layouts.cityscapes(tmp_path, "test", instances=instances)
  assert "val/b/b_000001" in test.image


@pytest.mark.parametrize("instances", [True, False])
def test_cityscapes_as_asap_nets_keep_it(tmp_path, instances):
  for phase, stem in (
    ("train", "a/a_000000_000019"),
    ("train", "b_000000_000003"),
    ("val", "c_000001_000019"),
  ):
    for kind in ("labelIds", "instanceIds", "color"):
      touch(tmp_path, f"{phase}_labels/{stem}_gtFine_{kind}.png")
    touch(tmp_path, f"{phase}_images/{stem}_leftImg8bit.png")
  entries = layouts.cityscapes(tmp_path, "train", instances=instances)
  assert found(tmp_path, entries) == [
    (
      f"train_labels/{stem}_gtFine_labelIds.png",
      f"train_images/{stem}_leftImg8bit.png",
      f"train_labels/{stem}_gtFine_instanceIds.png" if instances else None,
    )
    for stem in ("a/a_000000_000019", "b_000000_000003")
  ]
  (test,) = layouts.cityscapes(tmp_path, "test", instances=instances)
  assert "val_images/c_000001" in test.image
  # The download counts where both are.
  touch(tmp_path, "gtFine/train/d_000000_000019_gtFine_labelIds.png")
  touch(tmp_path, "leftImg8bit/train/d_000000_000019_leftImg8bit.png")
  (entry,) = layouts.cityscapes(tmp_path, "train", instances=False)
  assert "leftImg8bit" in entry.image


def test_cityscapes_in_neither_layout(tmp_path):
  touch(tmp_path, "train_label/a_000000_000019_gtFine_labelIds.png")
  with pytest.raises(images.ImageError, match=r"'gtFine'.*'val_labels'"):
    layouts.cityscapes(tmp_path, "test")


def test_coarse_annotations_on_demand(tmp_path):
  for annotation, part in (("gtFine", "train"), ("gtCoarse", "train_extra")):
    stem = f"{part}/a/a_000000_000019"
    touch(tmp_path, f"{annotation}/{stem}_{annotation}_labelIds.png")
    touch(tmp_path, f"leftImg8bit/{stem}_leftImg8bit.png")
  options = {"instances": False, "train_extra": True}
  fine, coarse = layouts.cityscapes(tmp_path, "train", **options)
  assert "gtFine" in fine.label
  assert "gtCoarse" in coarse.label
  assert "train_extra" in coarse.image


def test_ade20k_at_any_depth(tmp_path):
  root = tmp_path / "x_train_y"  # must not be taken for a name
  touch(
    root,
    *("images/training/ADE_train_2.jpg", "images/training/ADE_train_10.jpg"),
    *("annotations/t/ADE_train_2.png", "annotations/t/ADE_train_10.png"),
    *("annotations_instance/t/ADE_train_2.png", "images/v/ADE_val_1.jpg"),
    *("annotations/v/ADE_val_1.png", "objectInfo.png"),
  )
  assert found(root, layouts.ade20k(root, "train")) == [
    ("annotations/t/ADE_train_2.png", "images/training/ADE_train_2.jpg", None),
    (
      "annotations/t/ADE_train_10.png",
      "images/training/ADE_train_10.jpg",
      None,
    ),
  ]
  (test,) = layouts.ade20k(root, "test")
  assert test.name == "ADE_val_1"


def test_portraits_join_where_they_are_wanted(tmp_path):
  for suffix, name in (("", "1"), ("_portrait", "0")):
    touch(tmp_path, f"train_label{suffix}/{name}.png")
    touch(tmp_path, f"train_img{suffix}/{name}.jpg")
    touch(tmp_path, f"train_inst{suffix}/{name}.png")
  entries = layouts.prefixed(tmp_path, "train", portraits=True)
  assert found(tmp_path, entries) == [
    ("train_label/1.png", "train_img/1.jpg", "train_inst/1.png"),
    (
      "train_label_portrait/0.png",
      "train_img_portrait/0.jpg",
      "train_inst_portrait/0.png",
    ),
  ]
  assert len(layouts.prefixed(tmp_path, "train")) == 1


def test_pix2pixhds_names_of_cityscapes(tmp_path):
  touch(
    tmp_path,
    "train_label/a_000000_000019_gtFine_labelIds.png",
    "train_inst/a_000000_000019_gtFine_instanceIds.png",
    "train_img/a_000000_000019_leftImg8bit.png",
  )
  (entry,) = layouts.prefixed(tmp_path, "train")
  assert entry.image.endswith("a_000000_000019_leftImg8bit.png")
  assert entry.instance.endswith("_instanceIds.png")


def test_a_list_of_files_is_honoured(tmp_path):
  touch(tmp_path, *(f"label/{i}.png" for i in range(3)))
  touch(tmp_path, *(f"image/{i}.jpg" for i in range(3)))
  absolute = tmp_path / "label" / "2.png"
  (tmp_path / "label" / "files.list").write_text(f"{absolute}\n0.png\n")
  (tmp_path / "image" / "files.list").write_text("2.jpg\n\n0.jpg\n")
  entries = layouts.folders(tmp_path / "label", tmp_path / "image")
  assert found(tmp_path, entries) == [
    ("label/0.png", "image/0.jpg", None),
    ("label/2.png", "image/2.jpg", None),
  ]
  (tmp_path / "image" / "files.list").write_text("\n")
  with pytest.raises(images.ImageError, match=r"files\.list' names no file"):
    layouts.folders(tmp_path / "label", tmp_path / "image")


@pytest.mark.parametrize(
  ("labels", "pictures", "instances", "message"),
  [
    (
      "ab",
      "ac",
      "ab",
      r"'.*l/b\.png' has no picture of its name, and .*c\.jpg",
    ),
    ("ab", "a", "ab", r"label map '.*l/b\.png' has no picture \(1 of 2"),
    ("a", "ab", "a", r"picture '.*p/b\.jpg' has no label map \(0 of 1"),
    ("ab", "ab", "a", r"l/b\.png' has no instance map"),
  ],
)
def test_what_has_no_partner_is_named(
  tmp_path, labels, pictures, instances, message
):
  touch(tmp_path, *(f"l/{name}.png" for name in labels))
  touch(tmp_path, *(f"p/{name}.jpg" for name in pictures))
  touch(tmp_path, *(f"i/{name}.png" for name in instances))
  with pytest.raises(images.ImageError, match=message):
    layouts.folders(tmp_path / "l", tmp_path / "p", tmp_path / "i")


def test_two_of_one_name_are_refused(tmp_path):
  touch(tmp_path, "l/a.png", "p/a.jpg", "p/x/a.png")
  with pytest.raises(images.ImageError, match="have the same name 'a'"):
    layouts.folders(tmp_path / "l", tmp_path / "p")


def test_sub_folders_tell_repeated_names_apart(tmp_path):
  touch(tmp_path, "l/a/1.png", "l/b/1.png", "p/a/1.jpg", "p/b/1.jpg")
  entries = layouts.folders(tmp_path / "l", tmp_path / "p")
  assert found(tmp_path, entries) == [
    ("l/a/1.png", "p/a/1.jpg", None),
    ("l/b/1.png", "p/b/1.jpg", None),
  ]


def test_missing_files_are_named(tmp_path):
  with pytest.raises(images.ImageError, match="does not exist"):
    layouts.prefixed(tmp_path, "train")
  touch(tmp_path, "gtFine/train/x.png")
  with pytest.raises(images.ImageError, match=r"holds no \*_labelIds\.png"):
    layouts.cityscapes(tmp_path, "train")
  with pytest.raises(images.ImageError, match=r"holds no \*_val_\*\.png"):
    layouts.ade20k(tmp_path, "test")


def test_geosegs_folders_with_any_endings(tmp_path):
  touch(
    tmp_path,
    *("train/images/t10.jpg", "train/images/t9.png", "train/images/x/t9.tif"),
    *("train/masks/t10.png", "train/masks/t9.jpg", "train/masks/x/t9.PNG"),
    *("val/images/v.jpg", "val/masks/v.bmp"),
  )
  assert found(tmp_path, layouts.geoseg(tmp_path, "train")) == [
    ("train/masks/t9.jpg", "train/images/t9.png", None),
    ("train/masks/t10.png", "train/images/t10.jpg", None),
    ("train/masks/x/t9.PNG", "train/images/x/t9.tif", None),
  ]
  assert found(tmp_path, layouts.geoseg(tmp_path, "test")) == [
    ("val/masks/v.bmp", "val/images/v.jpg", None)
  ]


@pytest.mark.parametrize("inside", ["", "train"])
def test_geosegs_training_files_serve_as_test(tmp_path, inside, caplog):
  touch(tmp_path / inside, "images/a.jpg", "masks/a.png")
  with caplog.at_level(logging.WARNING, logger="absl"):
    (train,) = layouts.geoseg(tmp_path, "train")
  assert not caplog.text
  with caplog.at_level(logging.WARNING, logger="absl"):
    assert layouts.geoseg(tmp_path, "test") == [train]
  assert "no test pictures" in caplog.text
  # Else the split that is called test.
  touch(tmp_path, "test/images/b.jpg", "test/masks/b.png")
  (test,) = layouts.geoseg(tmp_path, "test")
  assert test.name == "b"


def test_pairs_in_one_folder(tmp_path):
  touch(
    tmp_path,
    *("pair_2_img.jpg", "pair_2_mask.png", "pair_10_img.png"),
    *("pair_10_mask.png", "x/pair_2_img.jpg", "x/pair_2_mask.png"),
    "sheet.png",  # belongs to none
  )
  entries = layouts.image_masks(tmp_path)
  assert found(tmp_path, entries) == [
    ("pair_2_mask.png", "pair_2_img.jpg", None),
    ("pair_10_mask.png", "pair_10_img.png", None),
    ("x/pair_2_mask.png", "x/pair_2_img.jpg", None),
  ]
  assert entries[0].name == "pair_2_img"


def test_masks_may_be_more_than_pictures(tmp_path, caplog):
  touch(tmp_path, "images/b.jpg", *(f"masks/{name}.png" for name in "abc"))
  with caplog.at_level(logging.WARNING, logger="absl"):
    (entry,) = layouts.image_masks(tmp_path)
  assert entry.label.endswith("masks/b.png")
  assert "has 2 masks without a picture, the first" in caplog.text
  assert "masks/a.png" in caplog.text
  touch(tmp_path, "images/d.jpg")
  with pytest.raises(images.ImageError, match=r"images/d\.jpg' no mask"):
    layouts.image_masks(tmp_path)


@pytest.mark.parametrize(
  ("names", "message"),
  [
    (["images/a.jpg", "a_mask.png"], "found 1 pictures and 0 masks"),
    (["a_img.jpg", "a.png"], "found 1 pictures and 0 masks"),
    (["masks/a.png"], "found 0 pictures and 1 masks"),
    (["a.png"], "found 0 pictures and 0 masks"),
    (["images/a.png", "masks/a.png", "masks/a.jpg"], "same name 'a'"),
  ],
)
def test_what_is_no_folder_of_pairs(tmp_path, names, message):
  touch(tmp_path, *names)
  with pytest.raises(images.ImageError, match=message):
    layouts.image_masks(tmp_path)


@pytest.mark.parametrize(
  ("names", "masks"),
  [
    (["b2.png", "b10.jpg", "a/1.png"], ["a/1.png", "b2.png", "b10.jpg"]),
    (["masks/1.png"], ["masks/1.png"]),
    (["masks/1.png", "images/2.jpg"], ["masks/1.png"]),
    (["train/masks/1.png", "val/masks/2.png"], ["train/masks/1.png"]),
    (["train/images/3.png", "train/masks/1.png"], ["train/masks/1.png"]),
    (["1_img.jpg", "1_mask.png", "2_mask.png"], ["1_mask.png", "2_mask.png"]),
  ],
)
def test_masks_without_pictures(tmp_path, names, masks):
  touch(tmp_path, *names)
  listed = layouts.masks_only(tmp_path)
  assert [os.path.relpath(path, tmp_path) for path in listed] == masks


def test_pictures_are_not_taken_for_masks(tmp_path):
  touch(tmp_path, "train/images/1.png")
  with pytest.raises(images.ImageError, match="'images' but no 'masks'"):
    layouts.masks_only(tmp_path)
