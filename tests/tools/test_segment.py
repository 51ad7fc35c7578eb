"""The command line of tools/segment.py."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest
import tiny_drn

from gansynth import images

_PATH = pathlib.Path(__file__).parents[2] / "tools" / "segment.py"


@pytest.fixture(scope="module")
def tool():
  spec = importlib.util.spec_from_file_location("segment", _PATH)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.fixture
def place(tmp_path):
  rng = np.random.default_rng(0)
  for name in "ab":
    shown = rng.integers(0, 256, (16, 24, 3), np.uint8)
    images.write(tmp_path / "shown" / f"{name}.png", shown)
    truth = rng.integers(0, 3, (32, 48)).astype(np.uint8)
    images.write(tmp_path / "labels" / f"{name}.png", truth)
  (tmp_path / "mine.py").write_text(
    "def classes(picture):\n  return (2.99 * picture[..., 0]).astype(int)\n"
  )
  return tmp_path


def test_functions_are_scored(tool, place, capsys):
  arguments = [str(place / "shown"), "--output", str(place / "out")]
  arguments += ["--segmenter", f"{place / 'mine.py'}:classes"]
  arguments += ["--labels", str(place / "labels"), "--protocol", "full"]
  assert tool.main(arguments) == 1
  assert "give num_classes" in capsys.readouterr().err
  arguments += ["--num-classes", "3", "--palette", "1 2 3 sea;4 5 6 land;7 8 9"]
  arguments += ["--report", str(place / "report.html")]
  assert tool.main(arguments) == 0
  text = capsys.readouterr().out
  assert "classes of 2 pictures were told, of 0 they" in text
  assert "iou_sea" in text
  assert "iou_label_2" in text
  assert "protocol: full: pictures enlarged" in text
  scores = json.loads((place / "out" / "scores.json").read_text())["scores"]
  assert 0 < scores["mean_iou"] < 1
  page = (place / "report.html").read_text()
  assert "sea" in page
  assert page.count("data:image/") >= 2 * 3
  # Enlarged, so that labels stay.
  assert images.size(place / "out" / "a.png") == (32, 48)
  colors = images.read(place / "out" / "color" / "a.png")
  assert {tuple(color) for color in colors.reshape(-1, 3).tolist()} <= {
    (1, 2, 3),
    (4, 5, 6),
    (7, 8, 9),
  }


def test_random_networks_of_drn(tool, place, monkeypatch, capsys):
  tiny_drn.shallow(monkeypatch)
  arguments = [str(place / "shown"), "--output", str(place / "out")]
  arguments += ["--segmenter", str(place / "networks" / "drn_d_22")]
  assert tool.main(arguments) == 1
  assert "python tools/convert_checkpoint.py drn" in capsys.readouterr().err
  assert not (place / "out").exists()
  arguments += ["--labels", str(place / "labels"), "--random-features"]
  assert tool.main(arguments) == 0
  text = capsys.readouterr().out
  assert "random_features_mean_iou" in text
  assert "\nmean_iou" not in text
  assert "these numbers mean nothing" in text


def test_reports_need_labels(tool, place, capsys):
  with pytest.raises(SystemExit):
    tool.main(
      [str(place), "--segmenter=x", "--output=y", f"--report={place}/z.html"]
    )
  assert "which need --labels" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    (
      ["--protocol", "best", "--labels", "{place}/labels"],
      "'best'; choose one",
    ),
    (["--labels", "{place}/absent"], "absent' does not exist"),
    (["--multi-scale"], "several scales are for DRN"),
  ],
)
def test_mistakes_are_told(tool, place, capsys, flags, message):
  arguments = [str(place / "shown"), "--output", str(place / "out")]
  arguments += ["--segmenter", f"{place / 'mine.py'}:classes"]
  arguments += [flag.format(place=place) for flag in flags]
  assert tool.main(arguments) == 1
  assert message in capsys.readouterr().err
