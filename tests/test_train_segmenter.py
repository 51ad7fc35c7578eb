"""A whole run of a segmenter: train, measure, write masks, judge."""

import json

import jax
import numpy as np
import pytest
import tiny

from gansynth import config as config_lib
from gansynth import evaluate, images, segmenters, synthesize, train
from gansynth.data.labels import palettes

pytestmark = pytest.mark.slow  # it is compiling that takes long

SIZE = 32


@pytest.fixture(scope="module", autouse=True)
def fast_compile():
  """Two thirds of the compile time; what XLA optimises is not tested here."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


def config(**changes):
  """configs/segmenter.py made tiny."""
  made = config_lib.load(f"{tiny.ROOT}/configs/segmenter.py")
  return tiny.changed(
    made,
    **{
      "batch_size": 4,
      "segmenter__features": 2,
      "segmenter__num_levels": 1,
      "data__height": SIZE,
      "data__width": SIZE,
      "data__num_train": 8,
      "data__num_test": 3,
      "log_every": 1,
      "sample_every": 1000,
      "checkpoint_every": 1000,
      "evaluate__every": 2,
      "evaluate__batch_size": 4,
      "max_steps": 2,
      "ema_decay": 0.5,
      **changes,
    },
  )


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
  workdir = tmp_path_factory.mktemp("segmenter")
  train.train(config(), workdir)
  return workdir


def test_run_leaves_scores_and_a_sheet(workdir, capsys):
  logged = set().union(*tiny.metrics(workdir))
  assert {"loss", "accuracy", "mean_iou", "iou_cropland"} <= logged
  scores = evaluate.evaluate(config(), workdir)
  assert "mean IoU" in capsys.readouterr().out
  found = json.loads((workdir / evaluate.RESULT).read_text())
  assert found == {"step": 2, **scores}
  assert tiny.metrics(workdir)[-1]["mean_iou"] == scores["mean_iou"]
  sheet = images.read(workdir / "samples" / "step_0000002.png")
  true = sheet[-4 - SIZE : -4, -4 - SIZE : -4].reshape(-1, 3)
  colors = {tuple(x) for x in np.unique(true, axis=0).tolist()}
  assert colors <= {tuple(x) for x in palettes.load("geoseg").tolist()}


def test_masks_of_a_folder_are_what_the_segmenter_tells(workdir, tmp_path):
  sizes = {"a.png": (20, 30), "deep/b.jpg": (SIZE, SIZE)}
  tiny.write_pictures(tmp_path / "in", sizes)
  options = config(
    synthesize__input=str(tmp_path / "in"),
    synthesize__output=str(tmp_path / "masks"),
  )
  result = synthesize.synthesize(options, workdir)
  assert (result.translated, result.already_there) == (2, 0)
  segment = segmenters.load(workdir, num_classes=6)
  for name, size in sizes.items():
    mask = images.read_integers((tmp_path / "masks" / name).with_suffix(".png"))
    assert mask.shape == size
    (classes,) = segment([images.read(tmp_path / "in" / name)])
    np.testing.assert_array_equal(mask, classes)
  again = synthesize.synthesize(options, workdir)
  assert (again.translated, again.already_there) == (0, 2)


def test_other_networks_are_refused(workdir):
  with pytest.raises(config_lib.ConfigError, match=r"segmenter\.features: 2"):
    evaluate.evaluate(config(segmenter__features=4), workdir)
  with pytest.raises(ValueError, match="tells 6 classes, and 5 are wanted"):
    segmenters.load(workdir, num_classes=5)
