"""Data sets are the same however they are made."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import detection_folders
import numpy as np
import pytest

from gansynth import detection, images
from gansynth.synthesis import run_folder

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
  root = tmp_path_factory.mktemp("sources")
  return detection_folders.write(root)


@pytest.fixture(scope="module")
def made(sources, tmp_path_factory):
  """A run of all pairs, with all formats."""
  root = tmp_path_factory.mktemp("made")
  formats = ("yolo", "coco", "voc")
  result = generate(sources, root, output={"formats": formats})
  assert (result.made, result.problems, result.missing) == (16, [], 0)
  return root


def options(values, **changes):
  merged = dict(values)
  for name, value in changes.items():
    merged[name] = (
      {**merged[name], **value} if isinstance(value, dict) else value
    )
  return detection.Options.from_dict(merged)


def generate(values, root, *, shard=(0, 1), workers=0, **changes):
  return detection.generate(
    options(values, **changes), root, shard=shard, workers=workers
  )


def contents(root):
  """All files of a run but its journal and record, by name."""
  return {
    str(path.relative_to(root)): path.read_bytes()
    for path in sorted(root.rglob("*"))
    if path.is_file()
    and "journal" not in path.parts
    and path.name != run_folder.RECORD
    and path.suffix != ".tmp"  # of a killed process; kept for an hour
  }


def lines(root, pair):
  text = (root / pair / "manifest.jsonl").read_text()
  return [json.loads(line) for line in text.splitlines()]


def test_every_ordered_pair_has_a_data_set(made):
  pairs = [
    f"s_{s}_t_{t}" for s in ("north", "south") for t in ("north", "south")
  ]
  assert sorted(path.name for path in made.iterdir() if path.is_dir()) == [
    "journal",
    *pairs,
  ]
  for pair in pairs:
    assert sorted(path.name for path in (made / pair).iterdir()) == [
      "Annotations",
      "data.yaml",
      "images",
      "instances.json",
      "labels",
      "manifest.jsonl",
    ]
    assert [line["index"] for line in lines(made, pair)] == [0, 1, 2, 3]


def test_the_manifest_says_what_each_picture_is_made_of(made):
  for line in lines(made, "s_north_t_south"):
    assert (line["source"], line["target"]) == ("north", "south")
    assert line["seed"] == 3
    assert line["background"].startswith("t")
    assert line["blending"]["method"] == "feather"
    assert {"gansynth", "jax", "numpy", "pillow"} <= set(line["versions"])
    for each in line["placements"]:
      assert each["cutout"].startswith("c")
    picture = images.read(made / "s_north_t_south" / line["image"])
    assert picture.shape == (line["height"], line["width"], 3) == (64, 80, 3)
  backgrounds = [line["background"] for line in lines(made, "s_north_t_south")]
  assert len(set(backgrounds)) == 4  # each once before any twice


def test_objects_are_where_the_labels_say(made):
  """Outside all boxes and a little more the background is untouched."""
  for line in lines(made, "s_north_t_north"):
    folder = made / "s_north_t_north"
    picture = images.read(folder / line["image"]).astype(int)
    sources = json.loads((made / run_folder.RECORD).read_text())
    tiles = pathlib.Path(sources["options.backgrounds.path"])
    background = images.read(tiles / "north" / f"{line['background']}.png")
    background = background.astype(int)
    differs = np.abs(picture - background).max(axis=2) > 0
    assert line["objects"]
    for each in line["objects"]:
      left, top, right, bottom = (round(edge) for edge in each["box"])
      assert differs[top:bottom, left:right].mean() > 0.5
      differs[
        max(0, top - 14) : bottom + 14, max(0, left - 14) : right + 14
      ] = 0
    assert not differs.any()


def test_shards_workers_and_one_process_give_the_same_bytes(
  sources, made, tmp_path
):
  formats = ("yolo", "coco", "voc")
  for number in (2, 0, 1):
    result = generate(
      sources,
      tmp_path,
      shard=(number, 3),
      workers=1 if number == 0 else 0,
      output={"formats": formats},
    )
    assert (result.missing == 0) == (number == 1)
  assert contents(tmp_path) == contents(made)


def test_more_pictures_leave_those_that_are_there(sources, made, tmp_path):
  generate(sources, tmp_path, images=2, output={"formats": ("yolo",)})
  before = contents(tmp_path)
  result = generate(sources, tmp_path, output={"formats": ("yolo",)})
  assert (result.made, result.already_there) == (8, 8)
  after = contents(tmp_path)
  pictures = [name for name in before if name.endswith((".png", ".txt"))]
  assert {name: after[name] for name in pictures} == {
    name: before[name] for name in pictures
  }
  assert {n: b for n, b in after.items() if n.endswith(".png")} == {
    n: b for n, b in contents(made).items() if n.endswith(".png")
  }
  with pytest.raises(
    ValueError, match=r"holds picture [23] of a data set that"
  ):
    generate(sources, tmp_path, images=2, output={"formats": ("yolo",)})


def test_one_picture_is_made_again_alone(made, tmp_path):
  for name in ("north_to_south_000002", "south_to_south_000003.png"):
    again = tmp_path / "again.png"
    detection.remake(made, name, again)
    (path,) = made.rglob(f"{pathlib.Path(name).stem}.png")
    assert again.read_bytes() == path.read_bytes()
  with pytest.raises(ValueError, match="has no picture 'nothing'"):
    detection.remake(made, "nothing.png", tmp_path / "x.png")
  with pytest.raises(ValueError, match=r"generation\.json is missing"):
    detection.remake(tmp_path, "a.png", tmp_path / "x.png")


def test_a_picture_that_was_not_noted_is_not_made_again(
  sources, made, tmp_path
):
  generate(sources, tmp_path, output={"formats": ("yolo", "coco", "voc")})
  (journal,) = (tmp_path / "journal").glob("*.jsonl")
  whole = journal.read_bytes()
  journal.write_bytes(whole[: whole.rstrip(b"\n").rindex(b"\n") + 10])
  times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
  result = generate(
    sources, tmp_path, output={"formats": ("yolo", "coco", "voc")}
  )
  assert (result.made, result.already_there) == (0, 16)
  assert times == {path: path.stat().st_mtime_ns for path in times}
  assert contents(tmp_path) == contents(made)


def test_another_run_is_refused(sources, tmp_path):
  generate(sources, tmp_path, images=1)
  for changes, found in (
    ({"seed": 4}, "options.seed 3, now it is 4"),
    ({"rules": {"flip": True}}, "options.rules.flip False, now it is True"),
    ({"blending": {"feather": 3.0}}, "blender.feather 2.0"),
  ):
    with pytest.raises(ValueError, match=found):
      generate(sources, tmp_path, images=1, **changes)


def test_other_real_labels_are_another_run(sources, tmp_path):
  real = tmp_path / "real"
  real.mkdir()
  (real / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
  changes = {"images": 1, "real_labels": str(real)}
  generate(sources, tmp_path / "made", **changes)
  (real / "a.txt").write_text("0 0.5 0.5 0.2 0.3\n")
  with pytest.raises(ValueError, match="real_labels_crc32"):
    generate(sources, tmp_path / "made", **changes)


def test_pictures_of_something_else_are_not_taken_over(sources, tmp_path):
  (tmp_path / "s_north_t_north").mkdir()
  with pytest.raises(ValueError, match="pictures that were not made here"):
    generate(sources, tmp_path)


def test_a_shard_is_one_of_its_number(sources, tmp_path):
  with pytest.raises(ValueError, match=r"the shard is 3/3; expected i/n"):
    generate(sources, tmp_path, shard=(3, 3))


_PROGRAM = """
import json, sys
from gansynth import detection
values = json.loads(sys.argv[1])
detection.generate(detection.Options.from_dict(values), sys.argv[2], workers=0)
"""


def test_a_killed_run_goes_on(sources, tmp_path):
  """Killed with SIGKILL after some pictures, then started again."""
  values = {**sources, "images": 40}
  whole, killed = tmp_path / "whole", tmp_path / "killed"
  generate(values, whole)
  environment = {**os.environ, "PYTHONPATH": str(ROOT)}
  process = subprocess.Popen(
    [sys.executable, "-c", _PROGRAM, json.dumps(values), str(killed)],
    env=environment,
    stderr=subprocess.DEVNULL,
  )
  try:
    while process.poll() is None and not list(killed.rglob("*000012.png")):
      time.sleep(0.005)
  finally:
    process.send_signal(signal.SIGKILL)
    process.wait()
  times = {path: path.stat().st_mtime_ns for path in killed.rglob("*.png")}
  result = generate(values, killed)
  assert 0 < result.already_there == len(times) < 160
  assert result.made == 160 - result.already_there
  assert times == {path: path.stat().st_mtime_ns for path in times}
  assert contents(killed) == contents(whole)
