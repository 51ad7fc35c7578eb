"""Runs side by side: the table, the pictures, and what is no comparison."""

import importlib.util

import numpy as np
import pytest
import tiny
import tiny_label_runs as runs

from gansynth import config as config_lib
from gansynth import data, images, weights
from gansynth.evaluation import segmentation
from gansynth.label_judge import SegmentationHead
from gansynth.label_translator import LabelTranslator

TIMES = 4  # small pictures are enlarged
HEIGHT, WIDTH = (TIMES * side for side in runs.SIZE)
SEPARATOR, TITLES = 4, 14


def compare(*arguments):
  """The command."""
  path = tiny.ROOT / "tools/compare_label_runs.py"
  spec = importlib.util.spec_from_file_location(path.stem, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.main([str(x) for x in arguments])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """Three runs, of which the last judges."""
  folder = tmp_path_factory.mktemp("runs")
  plain = runs.config("generator=pix2pixhd,original")
  guided = runs.config(data__cache_bytes=0)
  runs.make(folder / "plain", plain, seed=1)
  runs.make(folder / "guided", guided, seed=2)
  runs.make(folder / "judge", runs.config(), seed=3)
  runs.log(
    folder / "plain",
    [
      *(
        {"step": i, "G_GAN": i, "D": 2.0, "gradient_norm_G": 9}
        for i in range(8)
      ),
      {"step": 7, "color_iou": 0.5},
      {"step": 8, "G_GAN": 1000},
    ],
  )
  runs.log(
    folder / "guided",
    [{"step": 6, "D": None}, {"step": 7, "D": 4.5, "G_segmentation": 1.25}],
  )
  return folder


@pytest.fixture(scope="module")
def compared(place, tmp_path_factory):
  output = tmp_path_factory.mktemp("out") / "deep"
  arguments = (place / "plain", place / "guided", "--judge", place / "judge")
  assert compare(*arguments, "--output", output) == 0
  return output


def tables(output):
  """The rows of the tables, as dictionaries by run."""
  found, titles = [], None
  for line in (output / "table.md").read_text().splitlines():
    cells = [x.strip() for x in line.strip("|").split("|")]
    if not line.startswith("|"):
      titles = None
    elif titles is None:
      titles = cells
      found.append({})
    elif not line.startswith("|-"):
      found[-1][cells[0]] = dict(zip(titles, cells, strict=True))
  return found


def test_the_networks_in_words(compared, place):
  networks, _, _ = tables(compared)
  _, state = weights.load_state(place / "plain")
  kernels = [
    sum(np.size(x) for x in tree_leaves(state.params[side]))
    for side in ("generator", "discriminator")
  ]
  assert networks["plain"] == {
    "run": "plain",
    "generator": "pix2pixHD",
    "discriminator": "original",
    "G's parameters": f"{kernels[0]:,}",
    "D's parameters": f"{kernels[1]:,}",
    "steps": "7",
  }
  assert networks["guided"]["discriminator"] == (
    "semantic-aware (labels, classes, picture), guides"
  )


def tree_leaves(tree):
  if isinstance(tree, dict):
    return [leaf for value in tree.values() for leaf in tree_leaves(value)]
  return [tree]


def test_one_judge_reads_all_pictures(compared, place):
  _, scores, _ = tables(compared)
  judge = SegmentationHead.load(place / "judge")
  test_set = data.create(runs.config().data, "test")
  items = [test_set[i] for i in range(3)]
  made = {"true pictures": [item["image"] for item in items]}
  for name in ("plain", "guided"):
    made[name] = LabelTranslator.load(place / name)(
      [item["label"] for item in items], [item["instance"] for item in items]
    )
  for name, pictures in made.items():
    matrix = sum(
      segmentation.confusion_matrix(
        judge.classes_of(item["label"]), classes, 19
      )
      for item, classes in zip(items, judge(pictures), strict=True)
    )
    assert float(scores[name]["mean IoU"]) == pytest.approx(
      segmentation.mean_iou(matrix), abs=2e-3
    )
    assert float(scores[name]["accuracy"]) == pytest.approx(
      segmentation.pixel_accuracy(matrix), abs=2e-3
    )
  assert scores["true pictures"]["mean error"] == "0"
  assert float(scores["plain"]["mean error"]) > 10
  assert float(scores["true pictures"]["colour IoU"]) > 0.1


def test_losses_are_means_of_the_last_lines_before_the_checkpoint(compared):
  _, _, losses = tables(compared)
  assert losses == {
    "plain": {
      "run": "plain",
      "G_GAN": "5.000",
      "D": "2.000",
      "G_segmentation": "",
    },
    "guided": {
      "run": "guided",
      "G_GAN": "",
      "D": "4.500",
      "G_segmentation": "1.250",
    },
  }


def test_pictures_side_by_side(compared, place):
  sheet = images.read(compared / "comparison.png")
  rows, columns = 3, 4  # of scenes; of labels, true ones and two runs
  assert sheet.shape == (
    SEPARATOR + TITLES + rows * (HEIGHT + SEPARATOR),
    SEPARATOR + columns * (WIDTH + SEPARATOR),
    3,
  )
  item = data.create(runs.config().data, "test")[1]
  top = SEPARATOR + TITLES + HEIGHT + SEPARATOR
  cells = [
    sheet[top : top + HEIGHT : TIMES, left : left + WIDTH : TIMES]
    for left in range(SEPARATOR, sheet.shape[1], WIDTH + SEPARATOR)
  ]
  np.testing.assert_array_equal(cells[1], item["image"])
  for cell, name in zip(cells[2:], ("plain", "guided"), strict=True):
    made = LabelTranslator.load(place / name)(item["label"], item["instance"])
    np.testing.assert_allclose(cell, made, atol=1)
  assert (cells[2] != cells[3]).any()


def test_what_cannot_be_compared_is_one_line(place, tmp_path, capsys):
  small = tiny.changed(runs.config(), data__num_test=2)
  runs.make(tmp_path / "fewer", small)
  runs.make(tmp_path / "other", tiny.changed(runs.config(), data__seed=1))
  more = tiny.changed(
    runs.config(), data__num_labels=36, semantic__classes="labels"
  )
  runs.make(tmp_path / "labels", more)
  translation = tmp_path / "cyclegan"
  config_lib.record(tiny.config(), translation)
  plain, guided, judge = (place / x for x in ("plain", "guided", "judge"))
  for arguments, message in (
    ((plain, "--judge", guided, "--step", 3), "has no checkpoint of step 3"),
    ((plain, plain, "--judge", judge), "plain is given twice"),
    (
      (plain, judge, "--judge", judge),
      "judge is compared, and it is the judge",
    ),
    ((guided, "--judge", plain), "plain has no discriminator that tells"),
    (
      (translation, "--judge", judge),
      "pictures of AtoB and BtoA, not of label",
    ),
    ((tmp_path / "none", "--judge", judge), "none holds no run"),
    ((plain, tmp_path / "fewer", "--judge", judge), "fewer has 2 test scenes"),
    (
      (plain, tmp_path / "other", "--judge", judge),
      "3 of 3, the first of them number 0; compare runs of the same data",
    ),
    (
      (plain, tmp_path / "labels", "--judge", judge),
      "labels has {'num_labels'",
    ),
    ((plain, "--judge", tmp_path / "labels"), "labels has {'num_labels': 36"),
  ):
    assert compare(*arguments, "--output", tmp_path / "out") == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1, printed.err
    assert printed.err.startswith("error: ")
    assert message in printed.err
  assert not (tmp_path / "out").exists()
