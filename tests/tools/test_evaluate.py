"""The command line of picture metrics: numbers, files, and what is refused."""

import functools
import importlib.util
import json
import pathlib

import html_pages
import numpy as np
import pytest
import tiny

from gansynth import images, published
from gansynth.evaluation import statistics_file
from gansynth.metrics.picture_metrics import PictureMetrics

ROOT = pathlib.Path(__file__).parents[2]
FAST = ["--random-features", "--dims=64", "--batch-size=4"]
RANDOM = "random_features_"


def load_tool(name):
  spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


evaluate = load_tool("evaluate").main
load = functools.cache(published.load)  # drawing weights takes its time


@pytest.fixture
def folders(tmp_path, monkeypatch):
  """`real` of six pictures and `made` of five, four with the same names."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(published, "load", load)
  for name, count, seed in (("real", 6, 0), ("made", 4, 1)):
    sizes = {f"{name}/{i}.png": (16, 20) for i in range(count)}
    tiny.write_pictures(tmp_path, sizes, seed)
  tiny.write_pictures(tmp_path, {"made/sub/new.PNG": (24, 12)}, 2)
  return tmp_path


def test_numbers_are_printed_written_and_shown(folders, capsys):
  status = evaluate(
    [
      *("real", "made", "--metrics=fid,kid,psnr", "--output=scores.json"),
      *("--report=report.html", "--pictures=1", *FAST),
    ]
  )
  printed = capsys.readouterr()
  assert status == 0
  metrics = PictureMetrics(
    "fid,kid", random_features=True, dims=64, batch_size=4
  )
  expected = metrics.compare(metrics.reference("real"), "made")
  found = json.loads((folders / "scores.json").read_text())
  for name, value in expected.scores.items():
    assert found["scores"][name] == pytest.approx(value, rel=1e-4, abs=1e-6)
  assert found["about"]["pictures"]["generated_count"] == 5
  assert found["about"]["environment"]["jax"]
  assert sorted(found["per_picture"]) == ["psnr", f"{RANDOM}realism"]
  assert sorted(found["per_picture"]["psnr"]) == [f"{i}.png" for i in range(4)]
  lines = printed.out.splitlines()
  fid, kid = (found["scores"][f"{RANDOM}{name}"] for name in ("fid", "kid"))
  assert f"FID (random features):  {fid:.9g}" in lines
  assert any(f"KID (random features):  {kid:.9g} (dev" in x for x in lines)
  assert f"PSNR:  {found['scores']['psnr']:.9g}" in lines
  assert "note: RANDOM FEATURES" in printed.err
  assert "note: FID of 6 and 5 pictures in 64 dimensions" in printed.err
  assert "1 of the 5 pictures of made have no partner" in printed.err
  page = html_pages.Page(folders / "report.html")
  assert "random features" in page.text
  # The best and the worst by realism and by PSNR, each beside a real one.
  shown = page.text.count("data:image/")
  assert shown >= 4
  assert shown % 2 == 0


def test_statistics_are_written_and_read(folders, capsys):
  assert evaluate(["--save-stats", "real", "real.npz", *FAST]) == 0
  found = statistics_file.read(folders / "real.npz")
  assert (found.count, found.dims) == (6, 64)
  assert found.made_by["weights"] == "random_features"
  capsys.readouterr()
  assert evaluate(["real.npz", "made", *FAST, "--output=a.json"]) == 0
  assert evaluate(["real", "made", *FAST, "--output=b.json"]) == 0
  scores = [
    json.loads((folders / name).read_text())["scores"][f"{RANDOM}fid"]
    for name in ("a.json", "b.json")
  ]
  assert scores[0] == pytest.approx(scores[1], rel=1e-5)
  assert evaluate(["--save-stats", "real", "real.npz", *FAST]) == 1
  assert "real.npz exists already" in capsys.readouterr().err
  assert evaluate(["--save-stats", "real", "real.json", *FAST]) == 1
  assert "write to real.json.npz" in capsys.readouterr().err
  assert evaluate(["real.npz", "made", "--metrics=psnr", *FAST]) == 1
  assert "holds statistics; lpips, psnr" in capsys.readouterr().err


def test_listings_and_sizes_choose_what_is_measured(folders, capsys):
  def counts(*options):
    arguments = ["real", "made", *FAST, "--output=a.json", *options]
    assert evaluate(arguments) == 0
    about = json.loads((folders / "a.json").read_text())["about"]["pictures"]
    return about["real_count"], about["generated_count"]

  assert counts() == (6, 5)
  assert counts("--listing=pytorch_fid") == (6, 4)
  picture = images.read(folders / "made/0.png")
  images.write(folders / "made/0.png", picture[:, :12])
  pairs = ["real", "made", "--metrics=psnr,ssim"]
  assert evaluate(pairs) == 1
  assert (
    "made: 0.png has 16 x 12 pixels (height x width) and real: 0.png 16 x 20; "
    "resize"
  ) in capsys.readouterr().err
  assert evaluate([*pairs, "--size", "16", "16", "--output=b.json"]) == 0
  found = json.loads((folders / "b.json").read_text())
  assert np.isfinite(list(found["per_picture"]["ssim"].values())).all()


def test_diversity_groups_by_folder_or_by_name(folders, capsys):
  tool = ["real", "made", "--metrics=diversity", "--random-features"]
  assert evaluate(tool) == 1
  assert "2 inputs, and 1 of them have one picture, the first is sub" in (
    capsys.readouterr().err
  )
  assert evaluate([*tool, r"--group-by=^(.)"]) == 1
  assert "there are 5 inputs, and 5 of them" in capsys.readouterr().err
  assert evaluate([*tool, "--group-by=("]) == 1
  assert "'(' is no regular expression" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    (["real", "gone"], "gone does not exist"),
    (["empty", "made"], "'empty' holds no picture"),
    (["real", "made", "--metrics=fud"], "fud: no such metric; known are fid"),
    (["real", "made"], "python tools/convert_checkpoint.py pt_inception-2015"),
    (["real", "made", "--metrics=lpips"], "alexnet-owt-7be5be79.pth --output"),
    (["real", "other", "--metrics=psnr"], "no picture of other (z.png, ...)"),
    (["real", "made", *FAST, "--batch-size=0"], "batch_size is 0"),
    (["real", "other", *FAST], "found 1 picture, too few for fid: at least 2"),
    (["real", "real", "--metrics=,"], "there is no metric; choose of fid, kid"),
    (["real", "cut", *FAST], "cut/0.png: is truncated"),
    (["real", "made", "--coordinator=a:1"], "go together"),
  ],
)
def test_what_is_wrong_is_said_in_words(folders, capsys, arguments, words):
  (folders / "empty").mkdir()
  tiny.write_pictures(folders, {"other/z.png": (16, 20)})
  tiny.write_pictures(folders, {f"cut/{i}.png": (16, 20) for i in range(3)})
  path = folders / "cut/0.png"
  path.write_bytes(path.read_bytes()[:60])
  assert evaluate(arguments) == 1
  error = capsys.readouterr().err
  assert error.startswith("error: ")
  assert words in error


@pytest.mark.parametrize("flag", ["--output", "--report"])
@pytest.mark.parametrize(
  ("place", "message"),
  [
    ("made", "made is a folder; expected a file"),
    ("real/0.png/new/scores", "0.png is a file, expected a folder"),
    ("locked/new/scores", "locked may not be written to; change its perm"),
  ],
)
def test_places_that_cannot_be_written_are_refused_at_once(
  folders, capsys, monkeypatch, flag, place, message
):
  (folders / "locked").mkdir()
  # The administrator, whom tests may run as, is let in anywhere.
  monkeypatch.setattr("os.access", lambda path, _: path.name != "locked")
  # Nothing else is looked at, else this would be what is wrong.
  assert evaluate(["missing", "made", f"{flag}={place}"]) == 1
  error = capsys.readouterr().err
  assert error.startswith(f"error: {place}")
  assert message in error
  assert not list((folders / "locked").iterdir())


def test_statistics_that_cannot_be_written_are_refused_at_once(folders, capsys):
  assert evaluate(["missing", "real/0.png/x.npz", "--save-stats"]) == 1
  assert "0.png is a file, expected a folder" in capsys.readouterr().err
