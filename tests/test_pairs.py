"""Image-mask pairs with real networks, from weights to files."""

import dataclasses
import json

import drawn
import jax
import numpy as np
import pair_folders
import pytest

from gansynth import checkpoints, images, models, pairs
from gansynth.label_translator import LabelTranslator

NETWORK = {"name": "geoseg_unet", "features": 2}


@pytest.fixture(scope="module")
def masks(tmp_path_factory):
  root = tmp_path_factory.mktemp("masks")
  pair_folders.write(root)
  return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
  """A converted network."""
  place = tmp_path_factory.mktemp("weights") / "G"
  network = models.create(**NETWORK)
  variables = drawn.variables(network, np.zeros((1, 32, 32, 6), np.float32))
  conditioning = {"num_labels": 6, "dont_care": False, "edges": False}
  checkpoints.save_network(
    place, variables, {"network": NETWORK, "conditioning": conditioning}
  )
  return place


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
  """A Python function: bright pixels are label 5, the others 0."""
  path = tmp_path_factory.mktemp("segmenter") / "bright.py"
  path.write_text(
    "def segment(picture):\n"
    "  assert picture.dtype == 'float32'\n"
    "  assert 0 <= picture.min() <= picture.max() <= 1\n"
    "  return (picture.mean(axis=2) > 0.5) * 5\n"
  )
  return f"{path}:segment"


def options(masks, weights, **changes):
  values = pair_folders.options(
    masks,
    **{
      "pairs": 5,
      "masks": {"num_labels": 0, "size": (32, 48)},
      "generator": {"weights": str(weights), "batch_size": 2},
      "output": {"picture": "png"},
      **changes,
    },
  )
  return pairs.Options.from_dict(values)


def test_pictures_are_the_generator_s_and_kept_by_the_function(
  masks, weights, segmenter, tmp_path
):
  chosen = options(masks, weights, filter={"segmenter": segmenter, "tau": 0.05})
  result = pairs.generate(chosen, tmp_path, workers=0)
  told = json.loads((tmp_path / "filter.json").read_text())
  batch_size = 2 * jax.local_device_count()
  assert pairs.create_translator(chosen).batch_size == batch_size
  translate = LabelTranslator.load(weights, batch_size=batch_size)
  text = (tmp_path / "manifest.jsonl").read_text()
  lines = [json.loads(line) for line in text.splitlines()]
  assert 0 < len(lines) == result.made == told["kept"] < 5
  for line in lines:
    mask = images.read_integers(tmp_path / line["mask"])
    np.testing.assert_array_equal(
      images.read(tmp_path / line["image"]), translate(mask)
    )
    assert line["generator"]["weights"] == translate.made_by["weights"]
    assert line["iou"] >= 0.05
  said = pairs.report(result, tmp_path)
  assert "mean IoU: a tenth below 0.0" in said
  assert said.endswith(f"\nGenerated 5 pairs, kept {len(lines)} with tau=0.05")


def test_what_is_made_again_is_the_same(masks, weights, segmenter, tmp_path):
  root, everything, again = (tmp_path / name for name in "abc")
  pairs.generate(options(masks, weights), everything, workers=0)
  chosen = options(masks, weights, filter={"segmenter": segmenter, "tau": 0.05})
  pairs.generate(chosen, root, workers=0)
  told = json.loads((root / "filter.json").read_text())["iou"]
  names = list(told)
  assert pairs.remake(root, names, again) == list(told.values())
  for kind in ("images", "masks"):
    for name in names:
      expected = (everything / kind / f"{name}.png").read_bytes()
      assert (again / kind / f"{name}.png").read_bytes() == expected
  with pytest.raises(ValueError, match="is the run's own folder"):
    pairs.remake(root, names, root)
  with pytest.raises(ValueError, match="has no picture 'pair_00009'"):
    pairs.remake(root, ["pair_00009"], again)


def test_labels_are_the_generator_s(masks, weights):
  completed = pairs.completed(options(masks, weights))
  assert completed.masks.num_labels == 6
  assert pairs.completed(completed) == completed


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"generator": {"weights": ""}}, "generator.weights is not set"),
    ({"generator": {"weights": "/nowhere"}}, "/nowhere does not exist"),
    ({"masks": {"num_labels": 5}}, "masks have 5 labels, and the generator"),
    ({"filter": {"segmenter": "/nowhere"}}, "/nowhere does not exist"),
    ({"filter": {"segmenter": "x", "kind": "old"}}, "unknown kind of segm"),
  ],
)
def test_what_does_not_fit_is_told_before(
  masks, weights, tmp_path, changes, message
):
  chosen = options(masks, weights)
  for section, values in changes.items():
    part = dataclasses.replace(getattr(chosen, section), **values)
    chosen = dataclasses.replace(chosen, **{section: part})
  with pytest.raises(ValueError, match=message):
    pairs.generate(chosen, tmp_path / "out", workers=0)
  assert not (tmp_path / "out").exists()
