"""The command line of blending; what is wrong is said, and with what status."""

import importlib.util
import json
import pathlib

import jax
import numpy as np
import pytest
import tiny
from PIL import Image

from gansynth import checkpoints, images, models

ROOT = pathlib.Path(__file__).parents[2]
NETWORK = {
  "name": "encoder_decoder",
  "image_size": 16,
  "encoder_features": 4,
  "decoder_features": 4,
  "bottleneck": 8,
  "output_channels": 3,
}
GOOD = ["a.png;t.png;m.png", "b.png;t.png;m.png"]


def load_tool(name):
  spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


blend = load_tool("blend").main


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """Pictures of 24 x 32, an object of 6 x 8, and masks, to stand in."""
  monkeypatch.chdir(tmp_path)
  sizes = {f"{name}.png": (24, 32) for name in "abt"}
  tiny.write_pictures(tmp_path, {**sizes, "small.png": (6, 8)})
  for name, size in (("m", (24, 32)), ("s", (6, 8))):
    mask = np.zeros(size, np.uint8)
    mask[2:5, 2:6] = 255
    Image.fromarray(mask).save(tmp_path / f"{name}.png")
  Image.fromarray(np.zeros((24, 32), np.uint8)).save(tmp_path / "empty.png")
  (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
  return tmp_path


def pasted(folder, source="a", top=0, left=0):
  expected = images.read(folder / "t.png")
  place = np.s_[top + 2 : top + 5, left + 2 : left + 6]
  expected[place] = images.read(folder / f"{source}.png")[2:5, 2:6]
  return expected


def run(*arguments, **options):
  """Runs the tool with method paste, which needs no compilation."""
  options = {"method": "paste", **options}
  flags = [f"--{name.replace('_', '-')}={x}" for name, x in options.items()]
  return blend([*arguments, *flags])


def test_one_triple(folder, capsys):
  assert (
    run(source="a.png", target="t.png", mask="m.png", output="x/o.png") == 0
  )
  assert "paste" in capsys.readouterr().out
  np.testing.assert_array_equal(images.read("x/o.png"), pasted(folder))
  assert [path.name for path in (folder / "x").iterdir()] == ["o.png"]


def test_an_object_at_a_place(folder):
  files = {"source": "small.png", "target": "t.png", "mask": "s.png"}
  assert run(**files, position="10,-1", output="o.png") == 0
  expected = images.read("t.png")
  expected[12:15, 1:5] = images.read("small.png")[2:5, 2:6]
  np.testing.assert_array_equal(images.read("o.png"), expected)


def test_one_triple_into_a_folder_has_the_originals_name(folder):
  files = {"source": "a.png", "target": "t.png", "mask": "m.png"}
  assert run(**files, output="out", format="jpg") == 0
  assert {path.name for path in (folder / "out").iterdir()} == {
    "blending.json",
    "obj_a_bg_t_mask_m.jpg",
  }


def test_a_list_with_bad_lines(folder, capsys):
  lines = [
    GOOD[0],
    "none.png;t.png;m.png",
    "cut.png;t.png;m.png",
    "a.png;t.png",
    "small.png;t.png;s.png",
    "a.png;t.png;empty.png",
    "small.png;t.png;s.png;3,x",
    "small.png;t.png;s.png;30,3",
    GOOD[1],
  ]
  (folder / "list.txt").write_text("\n".join(lines))
  assert run(list="list.txt", output="out", batch_size=2) == 1
  printed = capsys.readouterr()
  assert "2 pictures blended, 0 were there already, 7 could not" in printed.out
  reported = [line for line in printed.err.splitlines() if "line " in line]
  assert [line.split(":")[0] for line in reported] == [
    f"line {number}" for number in range(2, 9)
  ]
  for line, reason in zip(
    reported,
    (
      "'none.png' does not exist",
      "cut.png: is truncated",
      "has 2 fields",
      "6 x 8",
      "the mask is empty",
      "'3,x' is not two whole numbers",
      "outside the target",
    ),
    strict=True,
  ):
    assert reason in line
  for name in "ab":
    picture = images.read(f"out/obj_{name}_bg_t_mask_m.png")
    np.testing.assert_array_equal(picture, pasted(folder, name))
  # Again, with the bad ones mended: only those are done.
  (folder / "list.txt").write_text(f"{GOOD[0]}\nb.png;a.png;m.png\n{GOOD[1]}")
  assert run(list="list.txt", output="out") == 0
  assert "1 pictures blended, 2 were there" in capsys.readouterr().out


def test_only_bad_lines(folder, capsys):
  (folder / "list.txt").write_text("a.png;t.png\nnone.png;t.png;m.png\n")
  assert run(list="list.txt", output="out") == 1
  printed = capsys.readouterr()
  assert "0 pictures blended, 0 were there already, 2 could" in printed.out
  assert "line 1: " in printed.err
  assert "line 2: " in printed.err
  assert not (folder / "out").exists()


def test_folders(folder, capsys):
  for name in "ab":
    (folder / "s").mkdir(exist_ok=True)
    (folder / f"{name}.png").rename(folder / f"s/{name}.png")
  assert run(source="s", target="t.png", mask="m.png", output="out") == 0
  (folder / "s/a.png").rename(folder / "a.png")
  np.testing.assert_array_equal(images.read("out/a.png"), pasted(folder))
  assert (folder / "out/b.png").exists()
  (folder / "t").mkdir()
  (folder / "t.png").rename(folder / "t/c.png")
  assert run(source="s", target="t", mask="m.png", output="other") == 1
  assert "b: expected one target of this name" in capsys.readouterr().err
  assert run(source="s", target="t", mask="m.png", output="s/out") == 1
  assert "lies in the input" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"list": "none.txt"}, "none.txt"),
    ({"list": "a.png"}, "a.png is not text in UTF-8"),
    ({"list": "empty.txt"}, "empty.txt holds no line"),
    ({"source": "x.png", "target": "t.png", "mask": "m.png"}, "x.png"),
    ({"source": "cut.png", "target": "t.png", "mask": "m.png"}, "truncated"),
    ({"source": "a.png", "target": "t.png"}, "has no transparency"),
    ({"source": "small.png", "target": "t.png", "mask": "s.png"}, "6 x 8"),
    (
      {
        "source": "a.png",
        "target": "t.png",
        "mask": "m.png",
        "method": "gaussian_poisson",
        "behavior": "exact",  # on a network's 64 x 64 pixels
      },
      "24 x 32",
    ),
    ({"list": "list.txt", "weights": "none.npz"}, "none.npz"),
    ({"list": "list.txt", "weights": "a.png"}, "a.png"),
    ({"list": "list.txt", "weights": "wrong.npz"}, "wrong.npz"),
    ({"list": "list.txt", "method": "magic"}, "'magic'"),
    ({"list": "list.txt", "method": "gp_gan"}, "gp_gan"),
    ({"list": "list.txt", "kernel": "canny"}, "canny"),
  ],
)
def test_what_cannot_begin_is_explained(folder, capsys, options, message):
  (folder / "empty.txt").write_text("\n# nothing\n")
  (folder / "list.txt").write_text(GOOD[0])
  np.savez("wrong.npz", x=np.zeros(3))
  options = {"method": "paste", **options}
  if "weights" in options:
    del options["method"]
  flags = [f"--{name}={value}" for name, value in options.items()]
  assert blend([*flags, "--output=out.png"]) == 1
  error = capsys.readouterr().err
  assert error.splitlines()[-1].startswith("error: ")
  assert message in error
  assert not (folder / "out.png").exists()


@pytest.mark.parametrize(
  "arguments",
  [
    ["--output=o"],
    ["--output=o", "--source=a.png"],
    ["--output=o", "--list=l", "--source=a.png"],
    ["--output=o", "--list=l", "--target=t.png"],
    ["--output=o", "--list=l", "--position=1,2"],
    ["--list=l"],
    ["--output=o", "--list=l", "--sigma=wide"],
  ],
)
def test_wrong_usage(arguments, capsys):
  with pytest.raises(SystemExit) as ended:
    blend(arguments)
  assert ended.value.code == 2
  assert "usage" in capsys.readouterr().err


def test_options_and_weights_reach_the_blender(folder, capsys):
  network = models.create(**NETWORK)
  variables = tiny.random_variables(network, (1, 16, 16, 3))
  checkpoints.save_network(folder / "net", variables, {"network": NETWORK})
  (folder / "list.txt").write_text("\n".join(GOOD))
  flags = {
    "weights": "net",
    "color_weight": "0.5",
    "sigma": "0.7",
    "smooth_sigma": "1.5",
    "kernel": "sobel",
    "border": "reflect",
    "behavior": "fixed",
  }
  options = [f"--{x.replace('_', '-')}={flags[x]}" for x in flags]
  assert blend(["--list=list.txt", "--output=out", *options]) == 0
  assert "gp_gan" in capsys.readouterr().out
  record = json.loads((folder / "out/blending.json").read_text())
  assert record["color_weight"] == 0.5
  for name in ("behavior", "border", "kernel"):
    assert record[name] == flags[name]
  picture = images.read("out/obj_a_bg_t_mask_m.png")
  assert picture.shape == (24, 32, 3)
  jax.tree.leaves(variables)[0][...] += 1
  checkpoints.save_network(folder / "other", variables, {"network": NETWORK})
  options[0] = "--weights=other"
  assert blend(["--list=list.txt", "--output=out", *options]) == 1
  assert "made with weights" in capsys.readouterr().err


def test_without_weights_it_says_what_they_would_add(folder, capsys):
  flags = [
    "--source=a.png",
    "--target=t.png",
    "--mask=m.png",
    "--image-size=16",
  ]
  assert blend([*flags, "--output=o.png"]) == 0
  assert "weights" in capsys.readouterr().out
  blended = images.read("o.png")
  assert blended.shape == (24, 32, 3)
  assert np.any(blended != images.read("t.png"))
