"""--beam of the tools that generate data sets."""

import importlib.util
import pathlib
import runpy
import sys

import detection_folders
import drawn
import numpy as np
import pair_folders
import pytest
import tiny

from gansynth import checkpoints, models, synthesis

_PATH = (
  pathlib.Path(__file__).parents[2] / "tools/synthetic_dataset_generation.py"
)


@pytest.fixture
def main():
  spec = importlib.util.spec_from_file_location("generation", _PATH)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.main


@pytest.fixture
def arguments(tmp_path):
  detection_folders.write(tmp_path, domains=("north",))
  return [
    *("--objects", str(tmp_path / "crops")),
    *("--backgrounds", str(tmp_path / "tiles")),
    *("--images", "3", "--num-objects", "1", "--offset-ctr", "9"),
    *("--blending", "feather", "--no-preview", "--output"),
  ]


def test_what_follows_is_beams(main, arguments, tmp_path, capsys):
  pytest.importorskip("apache_beam")
  assert main([*arguments, str(tmp_path / "one")]) == 0
  # Dataflow's --region is not that of the rules.
  beam = ["--beam", "--runner=FnApiRunner", "--region=europe-west4"]
  assert main([*arguments, str(tmp_path / "beam"), *beam]) == 0
  assert "3 pictures made, 0 were there" in capsys.readouterr().out
  pictures = sorted((tmp_path / "one").rglob("*.jpg"))
  assert len(pictures) == 3
  for path in pictures:
    other = tmp_path / "beam" / path.relative_to(tmp_path / "one")
    assert other.read_bytes() == path.read_bytes()


def test_a_runner_that_is_not_there(main, arguments, tmp_path, capsys):
  pytest.importorskip("apache_beam")
  output = tmp_path / "beam"
  assert main([*arguments, str(output), "--beam", "--runner=Walker"]) == 1
  assert "error: Unexpected pipeline runner: Walker" in capsys.readouterr().err
  assert not output.exists()


def test_beam_is_an_extra(main, arguments, tmp_path, monkeypatch, capsys):
  module = "gansynth.synthesis.beam_pipeline"
  monkeypatch.delitem(sys.modules, module, raising=False)
  monkeypatch.delattr(synthesis, "beam_pipeline", raising=False)
  monkeypatch.setitem(sys.modules, "apache_beam", None)  # as if not installed
  assert main([*arguments, str(tmp_path / "beam"), "--beam"]) == 1
  assert "pip install 'gansynth[beam]'" in capsys.readouterr().err


def test_other_ways_to_share_the_work_are_refused(main, arguments, capsys):
  for other in (["--shard", "0/2"], ["--workers", "2"], ["--remake", "a.jpg"]):
    with pytest.raises(SystemExit):
      main([*arguments, "data", *other, "--beam"])
    assert "--beam goes without" in capsys.readouterr().err


def test_pairs_of_a_network_on_beam(tmp_path, capsys):
  pytest.importorskip("apache_beam")
  pair_folders.write(tmp_path / "data")
  description = {"name": "geoseg_unet", "features": 2}
  network = models.create(**description)
  checkpoints.save_network(
    tmp_path / "G",
    drawn.variables(network, np.zeros((1, 32, 32, 6), np.float32)),
    {
      "network": description,
      "conditioning": {"num_labels": 6, "dont_care": False, "edges": False},
    },
  )
  (tmp_path / "bright.py").write_text(
    "def segment(picture):\n  return (picture.mean(axis=2) > 0.5) * 5\n"
  )
  flags = [
    *("--run", str(tmp_path / "G"), "--masks", str(tmp_path / "data")),
    *("--palette", "geoseg", "--size", "32", "32", "--pairs", "6"),
    *("--segmenter", f"{tmp_path / 'bright.py'}:segment", "--tau", "0.05"),
    *("--batch-size", "4", "--output"),
  ]
  main = runpy.run_path(f"{tiny.ROOT}/tools/generate_pairs.py")["main"]
  assert main([*flags, str(tmp_path / "one"), "--shard", "1/2"]) == 0
  assert main([*flags, str(tmp_path / "one"), "--shard", "0/2"]) == 0
  beam = ["--beam", "--runner=FnApiRunner"]
  said = capsys.readouterr().out.splitlines()[-1]
  assert said.startswith("Generated 6 pairs, kept ")
  assert main([*flags, str(tmp_path / "beam"), *beam]) == 0
  assert capsys.readouterr().out.splitlines()[-1] == said
  one, other = (
    {
      path.relative_to(root): path.read_bytes()
      for path in root.rglob("*")
      if path.is_file() and path.parent.name != "journal"
    }
    for root in (tmp_path / "one", tmp_path / "beam")
  )
  assert 1 < len([path for path in one if path.suffix == ".jpg"]) < 6
  assert one == other
  with pytest.raises(SystemExit):
    main([*flags, str(tmp_path / "x"), "--workers", "2", *beam])
  assert "--beam goes without" in capsys.readouterr().err
