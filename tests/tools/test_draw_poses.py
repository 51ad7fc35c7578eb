"""The command line of tools/draw_poses.py."""

import importlib.util
import pathlib

import pose_folders
import pytest

from gansynth import images

_PATH = pathlib.Path(__file__).parents[2] / "tools" / "draw_poses.py"


@pytest.fixture
def main():
  spec = importlib.util.spec_from_file_location("draw_poses", _PATH)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.main


def test_sticks_are_written(main, tmp_path, capsys):
  pose_folders.write_json(tmp_path / "a" / "1.json", pose_folders.PERSON)
  output = tmp_path / "sticks"
  arguments = [f"--joints={tmp_path / 'a'}", f"--output={output}"]
  assert main([*arguments, "--height=30", "--width=50"]) == 0
  assert "1 stick pictures" in capsys.readouterr().out
  assert images.read(output / "1.png").shape == (30, 50, 3)


def test_errors_are_one_line(main, tmp_path, capsys):
  pose_folders.write_json(tmp_path / "a" / "1.json", {"knee": [1, 2]})
  arguments = [f"--joints={tmp_path / 'a'}", f"--output={tmp_path}"]
  assert main([*arguments, "--height=30", "--width=50"]) == 1
  error = capsys.readouterr().err
  assert error.startswith("draw_poses: ")
  assert "joint 'knee' is unknown" in error
  assert error.count("\n") == 1


def test_sizes_are_checked(main):
  with pytest.raises(SystemExit) as caught:
    main(["--joints=x", "--output=y", "--height=0", "--width=9"])
  assert caught.value.code == 2
