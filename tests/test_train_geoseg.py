"""Whole runs of Geoseg-GAN on its own folders: train, go on, fine-tune."""

import jax
import numpy as np
import pytest
import tiny

from gansynth import config as config_lib
from gansynth import images, synthesize, train, weights
from gansynth.data import procedural
from gansynth.data.labels import palettes

pytestmark = pytest.mark.slow  # it is compiling that takes long

SIZE = 32  # the least whose norms see more than one pixel


@pytest.fixture(scope="module", autouse=True)
def fast_compile():
  """Two thirds of the compile time; what XLA optimises is not tested here."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="module")
def land(tmp_path_factory):
  """Pictures and masks as the original wants them, of endings of all kinds."""
  root = tmp_path_factory.mktemp("land")
  scenes = procedural.LandCoverScenes(seed=0, size=(40, 48))
  colors = palettes.load("geoseg")
  for split, numbers in (("train", range(8)), ("val", range(8, 10))):
    for i in numbers:
      scene = scenes.render(i)
      ending = ("jpg", "png")[i % 2]
      mask = palettes.colorize(scene["label"], colors)
      if i % 3 == 0:
        mask = scene["label"]
      folder = root / split
      images.write(folder / "images" / f"{i}.{ending}", scene["image"])
      images.write(folder / "masks" / f"{i}.png", mask)
  return root


def config(land, variant="folders", size=SIZE, **changes):
  made = config_lib.load(f"{tiny.ROOT}/configs/geoseg.py:{variant}")
  return tiny.changed(
    made,
    **{
      "batch_size": 4,
      "generator__features": 2,
      "discriminator__features": 2,
      "data__root": str(land),
      "data__load_size": size,
      "data__crop_size": size,
      "log_every": 1,
      "sample_every": 1000,
      "num_samples": 1,
      "checkpoint_every": 1000,
      "evaluate__every": 2,
      "ema_decay": 0.5,
      "max_steps": 2,
      **changes,
    },
  )


@pytest.fixture(scope="module")
def run(land, tmp_path_factory):
  workdir = tmp_path_factory.mktemp("geoseg")
  train.train(config(land), workdir)
  return workdir


def test_run_leaves_pictures_and_scores(run):
  sheet = images.read(run / "samples" / "step_0000002.png")
  colors = set(map(tuple, sheet.reshape(-1, 3).tolist()))
  # The maps are shown in the palette's colours.
  assert set(map(tuple, palettes.load("geoseg").tolist())) & colors
  logged = set().union(*tiny.metrics(run))
  assert {"G", "G_GAN", "G_features", "D", "D_fake", "D_real", "color_iou"} <= (
    logged
  )


def test_run_goes_on_with_the_same_numbers(land, run, tmp_path):
  whole = tmp_path / "whole"
  train.train(config(land, max_steps=3), whole)
  train.train(config(land, max_steps=3), run)
  first, second = (tiny.final_state(place, step=3) for place in (whole, run))
  tiny.assert_same(first, second)


def test_masks_become_pictures(land, run, tmp_path):
  made = config(
    land,
    synthesize__input=str(land / "val" / "masks"),
    synthesize__output=str(tmp_path / "made"),
    synthesize__size="data",
  )
  assert synthesize.synthesize(made, run).translated == 2
  assert images.read(tmp_path / "made" / "8.png").shape == (SIZE, SIZE, 3)


def test_fine_tuning_goes_on_at_twice_the_size(land, run, tmp_path):
  made = config(
    land,
    "finetune",
    2 * SIZE,
    init_from=str(run),
    max_steps=1,
    evaluate__every=0,
    dtype="bfloat16",
  )
  train.train(made, tmp_path / "run")
  _, before = weights.load_state(run)
  _, after = weights.load_state(tmp_path / "run")
  rate = made.optimizer.learning_rate
  for side in ("generator", "discriminator"):
    for one, other in zip(
      jax.tree.leaves(before.params[side]),
      jax.tree.leaves(after.params[side]),
      strict=True,
    ):
      assert 0 < np.abs(other - one).max() < 1.01 * rate


def test_a_colour_that_is_none_stops_it(land, tmp_path):
  strange = tmp_path / "strange"
  scene = images.read(land / "train" / "images" / "1.png")
  images.write(strange / "train" / "images" / "a.png", scene)
  images.write(strange / "train" / "masks" / "a.png", scene)
  with pytest.raises(ValueError, match=r"a\.png.*not among the 6"):
    train.train(config(strange, batch_size=4), tmp_path / "run")
