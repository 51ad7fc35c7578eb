"""The command line that makes one labelled picture."""

import importlib.util
import pathlib

import detection_folders
import numpy as np
import pytest

from gansynth import images
from gansynth.synthesis import original

ROOT = pathlib.Path(__file__).parents[2]


def load_tool(name):
  spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


main = load_tool("generate_synthetic_image").main
CROPS = [f"crops/images/north/c{number}.png" for number in range(3)]
LABELS = [f"crops/labels/north/c{number}.txt" for number in range(3)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  detection_folders.write(tmp_path, ("north",))
  images.write("square.png", images.read("tiles/north/t0.png")[:64, :64])
  return tmp_path


def run(*flags, crops=CROPS, background="tiles/north/t0.png", output="o.png"):
  return main(
    [
      "--object-images",
      *crops,
      f"--background={background}",
      f"--output={output}",
      "--num-objects=2",
      "--offset-ctr=9",
      "--blending=none",
      *flags,
    ]
  )


def test_the_flags_of_the_original_program_word_for_word(folder, capsys):
  flags = f"""
    --objects-to-implant-img-fpaths {" ".join(CROPS)} --out-shape 64 64
    --objects-to-implant-lbl-fpaths {" ".join(LABELS)}
    --augmented-images-results-dir augmented --out-fname canvas7
    --random-seed 7 --num-objects-to-sample-per-image 2 --offset-ctr 14
    --gp-gan-blend-offset 5 --generate-src-augmentations --verbose
    --dst-img square.png --blended-img-out-path out/blended.png
    --gp-gan-dir gp_gan
  """
  (folder / "crops/classes.txt").unlink()  # it takes every class for 0
  assert main([*flags.split(), "--mode=original", "--blending=none"]) == 0
  assert "2 objects; look at out/blended.png" in capsys.readouterr().out
  expected = original.augment_image(
    [images.read(path) for path in CROPS],
    [
      tuple(map(float, pathlib.Path(path).read_text().split()))
      for path in LABELS
    ],
    64,
    7,
    2,
    14,
    5,
  )
  text = expected.label_text
  assert pathlib.Path("out/blended.txt").read_text() == text
  assert pathlib.Path("augmented/labels/canvas7.txt").read_text() == text
  mask = images.read("augmented/masks/canvas7.png", "L")[..., 0]
  np.testing.assert_array_equal(mask > 0, expected.mask)
  canvas = images.encode(expected.canvas, "jpg", 75)
  assert pathlib.Path("augmented/canvases/canvas7.jpg").read_bytes() == canvas
  np.testing.assert_array_equal(
    images.read("out/blended.png"),
    np.where(
      expected.mask[..., None], images.read(canvas), images.read("square.png")
    ),
  )


def test_clearer_flags(folder):
  flags = ["--seed=3", "--canvases=kept", "--canvas-name=mine"]
  assert run(*flags, "--size", "40", "48") == 0
  picture = images.read("o.png")
  assert picture.shape == (40, 48, 3)
  rows = [
    tuple(map(float, line.split()))
    for line in pathlib.Path("o.txt").read_text().splitlines()
  ]
  assert len(rows) == 2
  assert {row[0] for row in rows} <= {0, 1}
  mask = images.read("kept/masks/mine.png", "L")[..., 0]
  for _, x, y, _, _ in rows:
    assert mask[int(y * 40), int(x * 48)] == 255
  assert run(*flags, "--size", "40", "48", output="again.png") == 0
  assert pathlib.Path("again.png").read_bytes() == (
    pathlib.Path("o.png").read_bytes()
  )


def test_labels_are_found_beside_or_in_labels(folder):
  assert run() == 0
  for path, label in zip(CROPS, LABELS, strict=True):
    pathlib.Path(label).rename(pathlib.Path(path).with_suffix(".txt"))
  assert run("--class-names", "mill", "barn", output="beside.png") == 0
  assert pathlib.Path("beside.txt").read_text() == (
    pathlib.Path("o.txt").read_text()
  )


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    (["--background=none.png"], "none.png"),
    (["--object-images", "none.png"], "none"),
    (["--object-labels", LABELS[0]], "3 crops and 1 label files"),
    (["--class-names", "a"], "the class is 1; expected 0 to 0"),
    (["--size", "65", "80"], "too small to cut 80 x 65"),
    (["--size", "17", "17"], "pixels (width x height), and no background"),
    (["--mode=original"], "broken for canvases that are no squares"),
    (["--background=square.png", "--mode=original", "--flip"], "has no flip"),
    (["--output=o.gif"], "unknown format 'gif'; choose one of png, jpg"),
    (["--output=o"], "unknown format ''"),
    (["--output=tiles/north/t0.png"], "would replace a picture or labels"),
    (["--output=crops/labels/north/c1.png"], "would replace a picture or"),
    (["--blending=magic"], "unknown method 'magic'"),
    (["--weights=square.png", "--blending=gp_gan"], "square.png"),
    (["--seed=-1"], "seed is -1"),
  ],
)
def test_what_is_wrong_is_said(folder, capsys, flags, message):
  before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
  assert run("--class-names", "a", "b", *flags) == 1
  error = capsys.readouterr().err
  assert error.startswith("error: ")
  assert message in error
  assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


def test_crops_and_background_go_together(folder, capsys):
  assert main(["--output=o.png", "--background=square.png"]) == 1
  assert "go together" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["--output=o", "--mode=x"]])
def test_wrong_usage(flags, capsys):
  with pytest.raises(SystemExit) as ended:
    main(flags)
  assert ended.value.code == 2
  assert "usage" in capsys.readouterr().err
