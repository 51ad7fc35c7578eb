"""The command line of tools/build_dataset.py."""

import importlib.util
import pathlib

import numpy as np
import pytest

from gansynth import images
from gansynth.data.labels import reading, records
from gansynth.data.tfds_source import TfdsSource

_PATH = pathlib.Path(__file__).parents[2] / "tools" / "build_dataset.py"


@pytest.fixture
def main():
  spec = importlib.util.spec_from_file_location("build_dataset", _PATH)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.main


@pytest.fixture
def root(tmp_path):
  for i, split in enumerate(["trainA", "trainB", "testB"]):
    array = np.full((3, 3, 3), i, np.uint8)
    images.write(tmp_path / "root" / split / "1.png", array)
  return tmp_path / "root"


def test_root_takes_the_splits_that_are_there(main, root, tmp_path, capsys):
  data_dir = tmp_path / "data"
  assert (
    main(["--name", "m", "--root", f"{root}", f"--data_dir={data_dir}"]) == 0
  )
  assert "tfds_name=two_folders/m" in capsys.readouterr().out
  for i, split in enumerate(["trainA", "trainB", "testB"]):
    item = TfdsSource("two_folders/m", split, data_dir)[0]
    assert item["image"][0, 0, 0] == i


def test_named_folders(main, root, tmp_path):
  data_dir = tmp_path / "data"
  arguments = {
    "--name": "gta2cityscapes",
    "--folder_a": root / "trainA",
    "--folder_b": root / "trainB",
    "--test_folder_a": root / "testB",
    "--data_dir": data_dir,
  }
  assert main([f"{key}={value}" for key, value in arguments.items()]) == 0
  item = TfdsSource("gta2cityscapes", "testA", data_dir)[0]
  assert item["image"][0, 0, 0] == 2


def test_an_empty_folder_is_one_line(main, root, tmp_path, capsys):
  (tmp_path / "empty").mkdir()
  arguments = ["--name=m", f"--folder_a={tmp_path / 'empty'}"]
  arguments += [f"--folder_b={root / 'trainB'}", f"--data_dir={tmp_path}"]
  assert main(arguments) == 1
  error = capsys.readouterr().err
  assert error.startswith("build_dataset: ")
  assert "holds no picture" in error
  assert error.count("\n") == 1


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["--name=m", "--folder_a=x"], "--folder_a and --folder_b, or --root"),
    (["--name=m", "--root=x", "--folder_a=y"], "exclude each other"),
    (["--root=x"], "--name is needed"),
    (["--check", "--root=x"], "--check needs --labels"),
  ],
)
def test_wrong_flags_are_explained(main, capsys, arguments, message):
  with pytest.raises(SystemExit) as caught:
    main(arguments)
  assert caught.value.code == 2
  assert message in capsys.readouterr().err


def test_pictures_with_label_maps(main, tmp_path, capsys):
  for kind in ("label", "image"):
    for split in ("", "test_"):
      array = np.full((4, 4), len(split), np.uint8)
      images.write(tmp_path / f"{split}{kind}" / "1.png", array)
  arguments = ["--name=m", "--labels=custom_labels", "--num_labels=6"]
  arguments += [
    f"--{name}_dir={tmp_path / name}"
    for name in ("label", "image", "test_label", "test_image", "data")
  ]
  assert main(arguments) == 0
  assert "tfds_name=labelled_pictures/m" in capsys.readouterr().out
  for split, value in (("train", 0), ("test", 5)):
    source = records.LabelRecordsSource(
      "labelled_pictures/m",
      split,
      reading.LabelReader(6),
      instances=False,
      data_dir=tmp_path / "data",
    )
    assert (source[0]["label"] == value).all()


def test_wrong_label_maps_are_one_line(main, tmp_path, capsys):
  for kind in ("label", "image"):
    images.write(tmp_path / kind / "1.png", np.full((4, 4), 6, np.uint8))
  arguments = ["--name=m", "--labels=custom_labels", "--num_labels=6"]
  arguments += [
    f"--{name}_dir={tmp_path / name}" for name in ("label", "image", "data")
  ]
  assert main(arguments) == 1
  assert "label/1.png: holds 6 (16 pixels)" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "status"), [(5, 0), (6, 1)])
def test_label_maps_are_checked_and_nothing_is_written(
  main, tmp_path, capsys, value, status
):
  for kind in ("label", "image"):
    images.write(tmp_path / kind / "1.png", np.full((4, 4), value, np.uint8))
  arguments = ["--check", "--labels=custom_labels", "--num_labels=6"]
  arguments += [
    f"--{name}_dir={tmp_path / name}" for name in ("label", "image", "data")
  ]
  assert main(arguments) == status
  output = capsys.readouterr().out
  assert f"train\nitems: 1, of which unusable: {status}" in output
  assert ("label/1.png: holds 6 (16 pixels)" in output) == bool(status)
  assert not (tmp_path / "data").exists()


def test_masks_in_colours_are_checked(main, tmp_path, capsys):
  colors = np.full((4, 4, 3), [250, 62, 119], np.uint8)
  colors[0, 0] = 168, 232, 90  # nearly the second
  colors[0, 1] = 0, 0, 0
  for kind in ("images", "masks"):
    images.write(tmp_path / kind / "1.png", colors)
  arguments = ["--check", "--labels=geoseg", f"--root={tmp_path}"]
  palette = "250 62 119 sea; 168 232 84 wood"
  assert main([*arguments, f"--palette={palette}"]) == 1
  assert "2 of 16 pixels have colours" in capsys.readouterr().out
  for flags, share in (
    (["--palette_rule=original"], "12.500%"),
    (["--palette_rule=nearest"], "6.250%"),
    (["--palette_rule=nearest", "--palette_tolerance=2"], "12.500%"),
  ):
    assert main([*arguments, f"--palette={palette}", *flags]) == 0
    output = capsys.readouterr().out
    assert f"stand for no label: {share}, in 1 maps" in output
    assert f"{share} of {tmp_path / 'masks/1.png'}" in output
    assert "  sea\n" in output
    assert "label   2" not in output
