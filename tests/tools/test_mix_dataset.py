"""The command line of tools/mix_dataset.py."""

import csv
import importlib.util
import json
import pathlib

import numpy as np
import PIL.Image
import pytest

from gansynth import images
from gansynth.data import labels

_PATH = pathlib.Path(__file__).parents[2] / "tools" / "mix_dataset.py"
COLORS = np.array([[250, 62, 119], [168, 232, 84], [242, 180, 92]], np.uint8)


@pytest.fixture(scope="module")
def tool():
  spec = importlib.util.spec_from_file_location("mix_dataset", _PATH)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.fixture
def roots(tmp_path):
  """Six real pairs in colours, one of them of label 1; four generated ones."""
  real, pairs = tmp_path / "real", tmp_path / "pairs"
  for number in range(6):
    mask = np.full((4, 8), number == 5, np.uint8)
    train = real / "train"
    images.write(train / "masks" / f"{number}.png", COLORS[mask])
    picture = np.full((4, 8, 3), 10 * number, np.uint8)
    images.write(train / "images" / f"{number}.png", picture)
  for number in range(4):
    mask = np.full((4, 8), 2, np.uint8)
    mask[0, 0] = 1 if number == 3 else 2
    images.write(pairs / f"pair_{number:05d}_mask.png", mask)
    picture = np.full((4, 8, 3), 100 + 10 * number, np.uint8)
    images.write(pairs / f"pair_{number:05d}_img.png", picture)
  return [f"--real={real}", "--synthetic", str(pairs)]


def rows(output, epoch):
  with open(output / f"epoch_{epoch:03d}.csv", newline="") as file:
    return list(csv.DictReader(file))


def test_epochs_can_be_read_with_csv_alone(tool, roots, tmp_path, capsys):
  output = tmp_path / "mixed"
  arguments = [*roots, f"--output={output}", "--share=0.25", "--epochs=3"]
  assert tool.main(arguments) == 0
  epochs = [rows(output, epoch) for epoch in range(3)]
  assert len({tuple(row["image"] for row in epoch) for epoch in epochs}) == 3
  for epoch in epochs:
    assert len(epoch) == 8
    real = sorted(row["name"] for row in epoch if row["synthetic"] == "0")
    assert real == [str(number) for number in range(6)]
    for row in epoch:
      picture = images.read(output / row["image"])
      mask = images.read_integers(output / row["mask"])
      assert mask.shape == (4, 8)
      if row["synthetic"] == "1":
        number = int(row["name"].removeprefix("pair_"))
        assert picture[0, 0, 0] == 100 + 10 * number
        assert mask[1, 1] == 2
      else:
        assert picture[0, 0, 0] == 10 * int(row["name"])
        assert (mask == (row["name"] == "5")).all()
  index = json.loads((output / "index.json").read_text())
  assert index["pairs"] == {"real": 6, "synthetic": 4}
  assert index["epoch"] == {"real": 6, "synthetic": 2}
  forest = index["labels"][1]
  assert forest["name"] == "Forest land"
  assert forest["real"] == pytest.approx(1 / 6, abs=1e-6)
  assert forest["synthetic"] == pytest.approx(1 / 128, abs=1e-6)
  assert "  1 Forest land" in capsys.readouterr().out


def test_the_same_seed_writes_the_same(tool, roots, tmp_path):
  tables = []
  for output, seed in (("a", 0), ("b", 0), ("c", 1)):
    folder = tmp_path / output
    assert tool.main([*roots, f"--output={folder}", f"--seed={seed}"]) == 0
    tables.append((folder / "epoch_000.csv").read_text())
  assert tables[0] == tables[1] != tables[2]


def test_a_copied_folder_can_be_trained_on(tool, roots, tmp_path):
  output = tmp_path / "mixed"
  arguments = [*roots, f"--output={output}", "--copy", "--oversample", "1"]
  assert tool.main([*arguments, "--factor=3"]) == 0
  (table,) = output.glob("*.csv")
  found = rows(output, 0)
  assert table.name == "epoch_000.csv"
  assert [row["name"] for row in found].count("5") == 3
  assert all(row["image"].startswith("images/") for row in found)
  (tmp_path / "real").rename(tmp_path / "away")
  (tmp_path / "pairs").rename(tmp_path / "away_too")
  kinds = {"source": "geoseg", "root": str(output), "preprocess": "none"}
  dataset = labels.create(
    type("Config", (), {**kinds, "size_multiple": 4}), "train"
  )
  assert len(dataset) == 10
  assert sorted(dataset[i]["label"][1, 1] for i in range(10)) == [
    0, 0, 0, 0, 0, 1, 2, 2, 2, 2
  ]  # fmt: skip


@pytest.mark.parametrize(
  ("wrong", "message"),
  [
    (["--share=1"], "less than 1"),
    (["--oversample", "5"], "none of 10 holds it"),
    (["--oversample", "roofs"], "expected labels such as"),
    (["--epochs=0"], "epochs is 0"),
    (["--palette=1 2 3 Water"], "250 62 119"),
    (["--real=nowhere"], "nowhere"),
    (["--synthetic", "nowhere"], "nowhere"),
  ],
)
def test_errors_are_one_line(tool, roots, tmp_path, capsys, wrong, message):
  output = tmp_path / "mixed"
  assert tool.main([*roots, f"--output={output}", *wrong]) == 1
  error = capsys.readouterr().err.splitlines()[-1]
  assert error.startswith("error: ")
  assert message in error
  assert not list(output.glob("*.csv"))


def test_sources_are_not_written_over(tool, roots, tmp_path, capsys):
  train = tmp_path / "real" / "train"
  before = sorted(train.rglob("*"))
  assert tool.main([*roots, f"--output={train}"]) == 1
  assert "write to another folder" in capsys.readouterr().err
  assert sorted(train.rglob("*")) == before


def test_the_lines_for_pytorch_run(tool, roots, tmp_path):
  torch = pytest.importorskip("torch")
  lines = tool.__doc__.split("In PyTorch:\n")[1].split("and with tf.data")[0]
  names = {
    "torch": torch,
    "np": np,
    "csv": csv,
    "pathlib": pathlib,
    "Image": PIL.Image,
  }
  exec("if True:\n" + lines, names)
  output = tmp_path / "mixed"
  assert tool.main([*roots, f"--output={output}"]) == 0
  dataset = names["Pairs"](output, 0)
  loader = torch.utils.data.DataLoader(dataset, batch_size=8)
  (batch,) = loader
  assert batch[0].shape == (8, 3, 4, 8)
  assert batch[0].max() <= 1
  assert batch[1].dtype == torch.int64
  assert sorted(batch[1][:, 1, 1].tolist()) == [0, 0, 0, 0, 0, 1, 2, 2]
