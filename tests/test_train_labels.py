"""Whole runs on label maps: train, go on, measure, make pictures."""

import json

import jax
import numpy as np
import pytest
import tiny
from absl import logging

from gansynth import config as config_lib
from gansynth import evaluate, images, synthesize, train, weights
from gansynth.data import procedural

pytestmark = pytest.mark.slow  # it is compiling that takes long

SIZE = (32, 64)


@pytest.fixture(scope="module", autouse=True)
def fast_compile():
  """Two thirds of the compile time; what XLA optimises is not tested here."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


def config(file: str, **changes):
  """A config of configs/ made tiny."""
  made = config_lib.load(f"{tiny.ROOT}/configs/{file}.py")
  return tiny.changed(
    made,
    **{
      "batch_size": 4,
      "generator__features": 2,
      "discriminator__features": 2,
      "discriminator__num_scales": 1,
      "discriminator__num_layers": 2,
      "data__height": SIZE[0],
      "data__width": SIZE[1],
      "data__num_train": 8,
      "data__num_test": 2,
      "log_every": 1,
      "sample_every": 1000,
      "num_samples": 1,
      "checkpoint_every": 1000,
      "evaluate__every": 2,
      "max_steps": 2,
      **changes,
    },
  )


@pytest.fixture(scope="module")
def spade_run(tmp_path_factory):
  workdir = tmp_path_factory.mktemp("spade")
  changes = {"generator__hidden": 4, "ema_decay": 0.5}
  train.train(config("spade", **changes), workdir)
  return config("spade", **changes), workdir


def test_run_leaves_pictures_and_scores(spade_run, capsys):
  made, workdir = spade_run
  sheet = images.read(workdir / "samples" / "step_0000002.png")
  assert sheet.shape[1] > 3 * SIZE[1]
  logged = set().union(*tiny.metrics(workdir))
  assert {"G_GAN", "G_features", "D_fake", "D_real", "color_iou"} <= logged
  scores = evaluate.evaluate(made, workdir)
  assert "labels read back from colours" in capsys.readouterr().out
  found = json.loads((workdir / evaluate.RESULT).read_text())
  assert found == {"step": 2, **scores}
  assert 0 < scores["color_iou"] <= 1
  # What colours tell of the true scenes is above what they tell of noise.
  assert scores["color_iou_of_real"] > scores["color_iou"]


def test_run_goes_on_with_the_same_numbers(spade_run, tmp_path):
  made, workdir = spade_run
  whole = tmp_path / "whole"
  train.train(tiny.changed(made, max_steps=3), whole)
  train.train(tiny.changed(made, max_steps=3), workdir)
  first, second = (
    tiny.final_state(place, step=3) for place in (whole, workdir)
  )
  tiny.assert_same(first, second)


def test_label_maps_become_pictures(spade_run, tmp_path):
  made, workdir = spade_run
  scenes = procedural.StreetScenes(seed=5, size=SIZE)
  for i in range(2):
    scene = scenes.render(i)
    images.write(tmp_path / "labels" / f"{i}.png", scene["label"])
    instances = scene["instance"].astype(np.uint16)
    images.write(tmp_path / "instances" / f"{i}.png", instances)
  result = synthesize.synthesize(
    tiny.changed(
      made,
      synthesize__input=str(tmp_path / "labels"),
      synthesize__instances=str(tmp_path / "instances"),
      synthesize__output=str(tmp_path / "made"),
    ),
    workdir,
  )
  assert result.translated == 2
  assert images.read(tmp_path / "made" / "0.png").shape == (*SIZE, 3)


def test_perceptual_loss_needs_vgg19(spade_run, tmp_path, caplog):
  made, workdir = spade_run
  with caplog.at_level(logging.WARNING, "absl"):
    assert train._perceptual(made) is None
  assert "without the perceptual loss" in caplog.text
  with pytest.raises(ValueError, match="holds a SpadeGenerator"):
    weights.load_perceptual(workdir)


def test_enhancer_starts_from_the_global_generator(tmp_path):
  small = {
    "generator__num_downsampling": 1,
    "generator__num_blocks": 1,
    "generator__initial_kernel_size": 3,
    "evaluate__every": 0,
  }
  train.train(config("pix2pixhd", max_steps=1, **small), tmp_path / "global")
  _, before = weights.load_state(tmp_path / "global")
  enhanced = config(
    "pix2pixhd",
    generator__name="pix2pixhd_local",
    generator__features=1,
    generator__num_enhancer_blocks=0,
    fix_global_epochs=1,
    max_steps=3,
    init_from=str(tmp_path / "global"),
    **small,
  )
  train.train(enhanced, tmp_path / "local")
  _, after = weights.load_state(tmp_path / "local")
  # An epoch is two steps, in which the inside stays; in the third it moves.
  old = before.params["generator"]["g"]
  new = after.params["generator"]["g"]["global"]
  kernels = [x["block_0"]["conv_0"]["kernel"] for x in (old, new)]
  difference = np.abs(kernels[1] - kernels[0]).max()
  assert 0 < difference < 3 * enhanced.optimizer.learning_rate


def test_nothing_that_fits_is_an_error(spade_run, tmp_path):
  _, workdir = spade_run
  other = config(
    "pix2pixhd",
    init_from=str(workdir),
    generator__num_downsampling=1,
    generator__num_blocks=1,
    discriminator__features=3,
    max_steps=1,
  )
  with pytest.raises(ValueError, match="no kernel of its networks"):
    train.train(other, tmp_path / "run")
  missing = tiny.changed(other, init_from=str(tmp_path / "none"))
  with pytest.raises(ValueError, match="does not exist"):
    train.train(missing, tmp_path / "other")
  assert not (tmp_path / "other").exists()  # so it can be corrected
