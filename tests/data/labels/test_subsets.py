"""A part of the real pairs, written apart."""

import ml_collections
import numpy as np
import pytest

from gansynth import images
from gansynth.data import labels
from gansynth.data.labels import subsets


def config(root, **fields):
  return ml_collections.ConfigDict(
    {
      "source": "facades",
      "root": str(root),
      "num_labels": 4,
      "dont_care": True,
      "preprocess": "none",
      "size_multiple": 2,
      **fields,
    }
  )


@pytest.fixture
def root(tmp_path):
  rng = np.random.default_rng(0)
  for phase, numbers in (("train", range(10)), ("val", range(3))):
    for i in numbers:
      mask = rng.choice(np.uint8([0, 1, 2, 3, 255]), (4, 6))
      images.write(tmp_path / "all" / f"{phase}_label" / f"{i}.png", mask)
      picture = rng.integers(256, size=(4, 6, 3), dtype=np.uint8)
      images.write(tmp_path / "all" / f"{phase}_img" / f"{i}.png", picture)
  return tmp_path / "all"


def test_a_part_is_read_back_as_it_was(root, tmp_path):
  folder = tmp_path / "few"
  said = subsets.write(config(root), 0.3, 0, folder)
  assert (said["pairs"], said["of"], said["validation"]) == (3, 10, 3)
  part = config(folder, source="geoseg")
  for split, names in (("train", said["names"]), ("val", ["0", "1", "2"])):
    split = {"val": "test"}.get(split, split)
    before, after = (
      labels.create(config(root), split),
      labels.create(part, split),
    )
    assert len(after) == 3
    for i, name in enumerate(names):
      for key in ("image", "label"):
        np.testing.assert_array_equal(after[i][key], before[int(name)][key])


def test_seeds_draw_other_pairs_and_what_is_there_stays(root, tmp_path):
  drawn = [
    subsets.write(config(root), 0.3, seed, tmp_path / f"{seed}")["names"]
    for seed in range(3)
  ]
  assert len(set(map(tuple, drawn))) == 3
  again = subsets.write(config(root), 0.3, 1, tmp_path / "again")
  assert again["names"] == drawn[1]
  for path in (tmp_path / "0").rglob("*.png"):
    path.unlink()
  assert (
    subsets.write(config(root), 0.3, 0, tmp_path / "0")["names"] == drawn[0]
  )
  assert not list((tmp_path / "0").rglob("*.png"))


def test_everything_is_a_part_too(root, tmp_path):
  assert subsets.write(config(root), 1.0, 0, tmp_path / "x")["pairs"] == 10


def test_nothing_is_none(root, tmp_path):
  with pytest.raises(ValueError, match="of 10 real pairs is none"):
    subsets.write(config(root), 0.04, 0, tmp_path / "x")
