"""Masks of folders and of runs, at the size of the pairs."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pair_folders
import pytest

from gansynth import config as config_lib
from gansynth import images
from gansynth.data.labels import palettes
from gansynth.synthesis.pair_masks import Masks
from gansynth.synthesis.pair_options import Options


def masks(root, **changes):
  return Masks(Options.from_dict(pair_folders.options(root, **changes)))


def land_run(workdir, **data):
  """The record of a run on procedural land cover."""
  config = config_lib.load("configs/geoseg.py")
  config.data.num_train = 3
  config.data.height = config.data.width = 32
  with config.unlocked():
    config.data.update(data)
  config_lib.record(config, workdir)
  return str(workdir)


def test_colours_and_numbers_are_the_same_labels(tmp_path):
  expected = pair_folders.write(tmp_path)
  found = masks(tmp_path)
  assert len(found) == 4
  for number, mask in enumerate(expected):
    assert found.name(number) == f"train/masks/t{number}.png"
    np.testing.assert_array_equal(found[number], mask)
  assert found.class_names[4] == "Settlement"
  np.testing.assert_array_equal(found.colors, pair_folders.COLORS)


def test_a_folder_of_masks_will_do(tmp_path):
  pair_folders.write(tmp_path)
  found = masks(tmp_path / "train" / "masks")
  assert [found.name(i) for i in range(2)] == ["t0.png", "t1.png"]


def test_masks_take_the_size_of_the_pairs(tmp_path):
  (mask, *_) = pair_folders.write(tmp_path)
  found = masks(tmp_path, masks={"size": (32, 48)})[0]
  np.testing.assert_array_equal(found, mask.repeat(2, 0).repeat(2, 1))
  assert masks(tmp_path, masks={"size": ()})[0].shape == (512, 512)


def test_pixels_are_counted_and_all_damage_is_told(tmp_path):
  expected = pair_folders.write(tmp_path)
  counted = masks(tmp_path).pixels()
  for row, mask in zip(counted, expected, strict=True):
    np.testing.assert_array_equal(row, [(mask == i).sum() for i in range(6)])
  folder = tmp_path / "train" / "masks"
  (folder / "t0.png").write_bytes(b"")
  images.write(folder / "t3.png", np.full((4, 4), 6, np.uint8))
  with pytest.raises(
    ValueError, match=r"(?s)nothing was made.*t0.*t3.*holds 6"
  ):
    masks(tmp_path).pixels()


def test_what_to_set_is_an_option(tmp_path):
  pair_folders.write(tmp_path)
  with pytest.raises(ValueError, match=r"masks\.palette=FILE"):
    masks(tmp_path, masks={"palette": ""}).pixels()


def test_a_rule_for_unknown_colours(tmp_path):
  (mask, *_) = pair_folders.write(tmp_path)
  folder = tmp_path / "train" / "masks"
  near = palettes.colorize(mask, pair_folders.COLORS) ^ 1
  images.write(folder / "t0.png", near)
  with pytest.raises(images.ImageError, match=r"t0\.png.*colours"):
    masks(tmp_path)[0]
  found = masks(tmp_path, masks={"palette_rule": "nearest"})[0]
  np.testing.assert_array_equal(found, mask)
  found = masks(tmp_path, masks={"palette_rule": "original", "background": 2})
  assert (found[0] == 2).all()


def test_mode_original_takes_sorted_png_alone_by_its_own_rule(tmp_path):
  pair_folders.write(tmp_path)
  folder = tmp_path / "train" / "masks"
  os.rename(folder / "t2.png", folder / "t10.png")
  images.write(folder / "t11.png", np.full((16, 24, 3), 7, np.uint8))
  shutil.copy(folder / "t0.png", folder / "a.bmp")
  plain = {"palette": ""}
  found = masks(tmp_path, mode="original", masks=plain)
  names = [found.name(i).removeprefix("train/masks/") for i in range(5)]
  assert names == ["t0.png", "t1.png", "t10.png", "t11.png", "t3.png"]
  assert not found[3].any()


def test_a_run_gives_its_training_masks(tmp_path):
  run = land_run(tmp_path)
  generator = {"weights": run}
  found = masks("", masks={"palette": "", "size": ()}, generator=generator)
  assert (len(found), found.num_labels) == (3, 6)
  assert found.name(1) == "land_000001"
  assert found[1].shape == (32, 32)
  assert found.class_names[1] == "Forest land"
  np.testing.assert_array_equal(found.colors, pair_folders.COLORS)


def test_a_run_on_files_gives_the_real_ones_at_its_size(tmp_path):
  data = tmp_path / "data"
  expected = pair_folders.write(data)
  for i, mask in enumerate(expected):
    picture = palettes.colorize(mask, pair_folders.COLORS)
    images.write(data / "train" / "images" / f"t{i}.jpg", picture)
  run = land_run(
    tmp_path / "run",
    source="geoseg",
    root=str(data),
    preprocess="resize_and_crop",
    load_size=32,
    crop_size=32,
    synthetic=str(tmp_path / "gone"),
  )
  values = {"masks": {"palette": "", "size": ()}, "generator": {"weights": run}}
  found = masks("", **values)
  assert len(found) == 4
  resized = images.resize(expected[1], (32, 32), "nearest")
  np.testing.assert_array_equal(found[1], resized)
  # Other masks are read as the run reads its own.
  other = masks(data / "train" / "masks", **values)
  np.testing.assert_array_equal(other[1], resized)


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"masks": {"path": ""}}, "masks.path is not set, and the generator is no"),
    ({"masks": {"path": "/nowhere"}}, "'/nowhere' does not exist"),
  ],
)
def test_what_is_missing_is_told(tmp_path, changes, message):
  with pytest.raises(ValueError, match=message):
    masks(tmp_path, **changes)


def test_mode_original_without_png(tmp_path):
  images.write(tmp_path / "a.bmp", pair_folders.draw(0))
  with pytest.raises(ValueError, match=r"holds no mask \*\.png"):
    masks(tmp_path, mode="original")


def test_workers_start_without_jax():
  code = "import sys, gansynth.synthesis.pair_folder as _; "
  code += "print('jax' in sys.modules)"
  told = subprocess.run(
    [sys.executable, "-c", code], check=True, capture_output=True, text=True
  )
  assert told.stdout == "False\n"
