"""The command line of detection data sets; what is wrong is said."""

import importlib.util
import json
import pathlib

import detection_folders
import numpy as np
import pytest

from gansynth import images

ROOT = pathlib.Path(__file__).parents[2]


def load_tool(name):
  spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


main = load_tool("synthetic_dataset_generation").main
ORIGINAL = """
--implantable-objects-dir crops --out-shape 64 64
--augmented-images-results-dir augmented --random-seed 13
--num-objects-to-sample-per-image-constant 2 --offset-ctr 14
--gp-gan-blend-offset 5 --final-results-dir out --gp-gan-dir gp_gan
--domains north south --num-synthetic-images-per-domain 3
--root data --domain-dict-path dict.json --num-target-background-images 2
--objects-augmenter-has-access-to 2 --generate-unique-src-augmentations
--generate-all-augmentations-first --experiment-name trial --verbose
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """Crops and tiles of two domains, and the same in the original's layout."""
  monkeypatch.chdir(tmp_path)
  detection_folders.write(tmp_path)
  names = {}
  for domain in ("north", "south"):
    names[domain] = {"Background": [f"{domain[0]}{i}" for i in range(3)]}
    for number in range(2):  # the third is not needed
      tile = images.read(f"tiles/{domain}/t{number}.png")[:64, :64]
      path = f"data/images/{domain}/Background/{domain[0]}{number}.jpg"
      images.write(path, tile)
  (tmp_path / "dict.json").write_text(json.dumps(names))
  return tmp_path


def run(*flags, objects="crops", backgrounds="tiles", output="out"):
  return main(
    [
      f"--objects={objects}",
      f"--backgrounds={backgrounds}",
      f"--output={output}",
      "--images=2",
      "--num-objects=1",
      "--offset-ctr=9",
      "--blending=none",
      "--no-preview",
      "--workers=0",
      *flags,
    ]
  )


def pictures(root):
  found = pathlib.Path(root).rglob("*.jpg")
  return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_the_flags_of_the_original_program_word_for_word(folder, capsys):
  flags = [*ORIGINAL.split(), "--mode=original", "--blending=none"]
  assert main([*flags, "--workers=0", "--no-preview"]) == 0
  assert "12 pictures made" in capsys.readouterr().out
  pairs = [(s, t) for s in ("north", "south") for t in ("north", "south")]
  made = pictures(folder / "out")
  for source, target in pairs:
    inside = [n for n in made if n.startswith(f"s_{source}_t_{target}/src_")]
    assert sorted(n.split("_bg_")[0].split("/")[1] for n in inside) == [
      f"src_{source}_dst_{target}_mask{i}" for i in range(3)
    ]
    for name in inside:
      assert name[-6:-5] == target[0]  # .._bg_n0.jpg
      stem = pathlib.Path(name).stem.split("_bg_")[0]
      beside = (folder / "out" / name).with_suffix(".txt").read_text()
      kept = folder / "augmented/labels" / f"{stem}.txt"
      assert beside == kept.read_text()
      assert len(beside.splitlines()) == 2
      mask = images.read(folder / f"augmented/masks/{stem}.png", "L")[..., 0]
      canvas = images.read(folder / f"augmented/canvases/{stem}.jpg")
      picture = images.read(folder / "out" / name).astype(int)
      assert np.abs(picture - canvas)[mask > 0].mean() < 12  # twice JPEG


def test_clearer_flags(folder):
  flags = [
    "--seed=5",
    "--pairs=cross",
    "--num-crops=1",
    "--num-backgrounds=2",
    "--scale",
    "0.5",
    "0.9",
    "--rotation=right_angles",
    "--flip",
    "--no-keep-colors",
    "--color-match=mean",
    "--size",
    "40",
    "48",
    "--window=tiles",
    "--distractors=crops",
    "--distractor-kind=yolo",
    "--num-distractors",
    "0",
    "1",
    "--real-labels=crops",
    "--use-real",
    "count",
    "place",
    "--formats",
    "voc",
    "coco",
    "--segmentation=polygon",
    "--picture=png",
  ]
  assert run(*flags) == 0
  record = json.loads((folder / "out/generation.json").read_text())
  told = {
    name.removeprefix("options."): value
    for name, value in record.items()
    if name.startswith("options.")
  }
  assert told["seed"] == 5
  assert told["objects.limit"] == 1
  assert told["backgrounds.size"] == [40, 48]
  assert told["rules.scale"] == [0.5, 0.9]
  assert told["rules.use_real"] == ["count", "place"]
  assert (told["rules.flip"], told["rules.keep_colors"]) == (True, False)
  assert told["rules.max_distractors"] == 1
  assert sorted(path.name for path in (folder / "out").glob("s_*")) == [
    "s_north_t_south",
    "s_south_t_north",
  ]
  lines = (folder / "out/s_north_t_south/manifest.jsonl").read_text()
  for line in map(json.loads, lines.splitlines()):
    assert (line["height"], line["width"]) == (40, 48)
    assert line["background"] in ("t0@0,0", "t0@0,32")


def test_shards_give_what_one_run_gives(folder, capsys):
  assert run("--formats=yolo") == 0
  for shard in ("1/2", "0/2"):
    assert run("--formats=yolo", f"--shard={shard}", output="shards") == 0
    printed = capsys.readouterr().out
  assert "still to come" not in printed
  assert pictures("shards") == pictures("out")
  manifest = "s_north_t_south/manifest.jsonl"
  assert (folder / "shards" / manifest).read_bytes() == (
    folder / "out" / manifest
  ).read_bytes()


def test_one_picture_again(folder, capsys):
  assert run() == 0
  name = "north_to_south_000001.jpg"
  assert main(["--output=out", f"--remake={name}"]) == 0
  assert (
    pathlib.Path(name).read_bytes()
    == (folder / "out/s_north_t_south/images" / name).read_bytes()
  )
  for wanted, message in (
    ("x.jpg", "has no picture 'x'"),
    ("north_to_south_000001.png", "does not end in .jpg"),
    ("north_to_south_000001", "does not end in .jpg"),
  ):
    assert main(["--output=out", f"--remake={wanted}"]) == 1
    assert message in capsys.readouterr().err
  (folder / "tiles/south/t9.png").write_bytes(
    (folder / "tiles/south/t0.png").read_bytes()
  )
  assert main(["--output=out", f"--remake={name}"]) == 1
  assert "backgrounds.domains.south.count 4, now" in capsys.readouterr().err


def test_a_picture_that_was_removed_is_made_again(folder, capsys):
  assert run() == 0
  before = pictures("out")
  (folder / "out/s_north_t_south/images/north_to_south_000001.jpg").unlink()
  assert run() == 0
  assert "1 pictures made, 7 were there" in capsys.readouterr().out
  assert pictures("out") == before


def test_damaged_backgrounds_do_not_take_the_rest_along(folder, capsys):
  path = folder / "tiles/north/t1.png"
  whole = path.read_bytes()
  path.write_bytes(whole[: len(whole) // 2])  # its header is good
  assert run("--images=4") == 1
  printed = capsys.readouterr().out
  assert "14 pictures made, 0 were there already, 2 could not" in printed
  (line,) = [x for x in printed.splitlines() if x.startswith("could not be")]
  assert "north_to_north_" in line
  assert "south_to_north_" in line
  assert "t1.png: is truncated" in line
  assert len(pictures("out")) == 14
  path.write_bytes(whole)
  assert run("--images=4") == 0
  assert "2 pictures made, 14 were there" in capsys.readouterr().out


def write(path, text):
  def change():
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(text)

  return change


def cut(path):
  def change():
    data = pathlib.Path(path).read_bytes()
    pathlib.Path(path).write_bytes(data[: len(data) // 2])

  return change


def move(path, to):
  return lambda: pathlib.Path(path).rename(to)


LABEL = "crops/labels/north/c1.txt"


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (write(LABEL, "1 0.5 0.5 1.4 0.5"), "c1.txt, line 1: the value 1.4 is out"),
    (write(LABEL, "2 0.5 0.5 0.4 0.5"), "c1.txt, line 1: the class is 2; exp"),
    (write(LABEL, "1 0.5 0.5 0 0.5"), "c1.txt, line 1: the box is 0 x"),
    (write(LABEL, "1 0.5 0.5"), "c1.txt, line 1: "),
    (write(LABEL, ""), "c1.txt holds no object"),
    (move(LABEL, "gone"), "c1.txt does not exist"),
    (move("crops/classes.txt", "gone"), "the classes have no names; give"),
    (write("crops/classes.txt", "mill\nmill"), "the same name 'mill'"),
    (write("crops/images/north/c1.png", ""), "c1.png: is empty"),
    (cut("crops/images/north/c1.png"), "c1.png: is truncated or damaged"),
    (write("tiles/north/x.png", "what"), "x.png: is not a picture"),
    (lambda: pathlib.Path("tiles/west").mkdir(), "'west' has no backgrounds"),
    (lambda: pathlib.Path("crops/images/a").mkdir(), "'a' has no cut-outs"),
    (move("tiles/north/t0.png", "tiles/t0.png"), "pictures (t0.png) and fold"),
    (move("tiles/north", "tiles/a:b"), "the domain 'a:b' cannot be"),
    (move("tiles/north", "tiles/a\nb"), "the domain 'a\\nb' cannot be"),
    (move("tiles/north", "tiles/ "), "the domain ' ' cannot be"),
    (move("tiles/north", "tiles/South"), "as s_north_t_south; rename a"),
    (move("tiles", "gone"), "'tiles' does not exist"),
    (move("crops/images", "gone"), "'crops'"),
    (write("out/s_north_t_north/x", ""), "pictures that were not made here"),
    (write("out/generation.json", "{"), "generation.json is damaged"),
    (write("out/generation.json", '{"a": 1}'), "options.mode None, now it is"),
    (write("out/generation.json", "{}"), "more that differ; choose another o"),
    (write("out", ""), "the output out is a file"),
  ],
)
def test_what_is_wrong_with_files_is_named_before(
  folder, capsys, change, message
):
  change()
  before = sorted(folder.rglob("*"))
  assert run() == 1
  error = capsys.readouterr().err
  assert error.startswith("error: ")
  assert message in error
  assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    (["--objects=none"], "'none' does not exist"),
    (["--object-kind=drawn"], "kind is 'drawn'; expected one of auto, yolo"),
    (["--class-names", "a", "a"], "the same name 'a'"),
    (["--class-names", "a", " "], "has the name ' '"),
    (["--class-names", "a"], "the class is 1; expected 0 to 0"),
    (["--domains", "north", "west"], "no domain 'west'; there are 'north'"),
    (["--domains", "north", "north"], "'north' more than once"),
    (["--output=tiles/made"], "tiles/made lies in the input"),
    (["--output=crops/images/made"], "lies in the input"),
    (["--canvases=tiles/kept"], "tiles/kept lies in the input"),
    (["--size", "65", "80"], "t0 is 80 x 64 pixels (width x height), too sma"),
    (["--size", "65", "80", "--window=tiles"], "t0 is 80 x 64 pixels"),
    (["--size", "17", "17"], "c0 is 22 x 18 pixels (width x height), and no"),
    (["--scale", "9", "9"], "c0 is 22 x 18 pixels"),
    (["--mode=original"], "out_shape is (64, 80); the original is broken"),
    (["--mode=original", "--size", "64", "64"], "is 80 x 64 pixels"),
    (["--mode=original", "--flip"], "mode original has no flip"),
    (["--mode=original", "--num-objects", "1", "2"], "has one number of obj"),
    (["--domain-dict-path=none.json"], "none.json"),
    (["--domain-dict-path=bad.json"], "bad.json is no JSON"),
    (["--backgrounds=data", "--domain-dict-path=dict.json"], "n2.jpg does not"),
    (["--use-real", "count"], "real_labels is not set"),
    (["--percentile=50"], "real_labels is not set"),
    (["--percentile=101", "--real-labels=crops"], "objects_percentile is 101"),
    (["--real-labels=tiles"], "no label file (.txt)"),
    (["--real-labels=crops", "--use-real", "hue"], "('hue',); expected any"),
    (["--distractors=crops"], "say both what they are and how many"),
    (["--num-distractors=1"], "say both what they are and how many"),
    (["--seed=-1"], "seed is -1; expected 0 or more"),
    (["--images=0"], "images is 0; expected 1 or more"),
    (["--workers=-1"], "workers is -1; expected 0"),
    (["--shard=5/4"], "the shard is 5/4; expected i/n"),
    (["--shard=half"], "--shard is 'half'; expected i/n"),
    (["--formats", "yolo", "csv"], "'csv'; expected one of yolo, coco"),
    (["--quality=101"], "output.quality is 101"),
    (["--batch-size=0"], "blending.batch_size is 0"),
    (["--num-objects", "2", "1"], "min_objects is 2 and max_objects 1"),
    (["--num-objects", "1", "2", "3"], "--num-objects is [1, 2, 3]"),
    (["--rotation=45"], "rotation is '45'; expected one of"),
    (["--blending=magic"], "unknown method 'magic'"),
    (["--blending=gp_gan"], "needs weights of"),
    (["--weights=bad.json", "--blending=gp_gan"], "bad.json"),
    (["--weights=none.npz"], "none.npz does not exist"),
  ],
)
def test_what_cannot_be_asked_for_is_explained(folder, capsys, flags, message):
  (folder / "bad.json").write_text('{"north": ')
  before = sorted(folder.rglob("*"))
  assert run(*flags) == 1
  error = capsys.readouterr().err
  assert error.startswith("error: ")
  assert message in error
  assert sorted(folder.rglob("*")) == before


def test_original_names_hold_no_separators(folder, capsys):
  (folder / "tiles/north/deep").mkdir()
  (folder / "tiles/north/t0.png").rename(folder / "tiles/north/deep/t0.png")
  assert run() == 0
  assert run("--naming=original", output="other") == 1
  assert "'deep/t0' of 'north' holds '/'" in capsys.readouterr().err
  (folder / "tiles/north").rename(folder / "tiles/far_north")
  assert run("--naming=original", output="other") == 1
  assert "the domain 'far_north' holds '_'" in capsys.readouterr().err


def test_cutouts_that_are_too_large_are_passed_over(folder, capsys):
  large = np.full((90, 90, 3), 250, np.uint8)
  images.write("crops/images/north/large.png", large)
  write("crops/labels/north/large.txt", "0 0.5 0.5 0.5 0.5")()
  assert run("--formats=yolo", "--pairs=within") == 0
  assert "4 pictures made" in capsys.readouterr().out
  lines = (folder / "out/s_north_t_north/manifest.jsonl").read_text()
  assert "large" not in lines
  assert len(list((folder / "out").rglob("labels/*.txt"))) == 4


@pytest.mark.parametrize(
  "flags",
  [
    [],
    ["--output=o", "--images=many"],
    ["--output=o", "--mode=new"],
    ["--output=o", "--remake=a.jpg", "--images=3"],
    ["--output=o", "--unknown"],
  ],
)
def test_wrong_usage(folder, flags, capsys):
  with pytest.raises(SystemExit) as ended:
    main(flags)
  assert ended.value.code == 2
  assert "usage" in capsys.readouterr().err
