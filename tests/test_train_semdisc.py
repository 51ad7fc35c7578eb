"""Whole runs with a semantic-aware discriminator, in one go and in two."""

import numpy as np
import pytest
import tiny
from test_train_labels import SIZE, config

from gansynth import images, synthesize, train
from gansynth.data import procedural

pytestmark = pytest.mark.slow  # it is compiling that takes long

# Two epochs of two steps: phase 1, and phase 2.
SMALL = {
  "generator": {
    "name": "asapnets",
    "features": 2,
    "max_features": 2,
    "num_blocks": 1,
    "downsampling": 4,
    "learned_downsampling": 2,
    "pixel_features": 4,
    "pixel_layers": 2,
  },
  "optimizer__num_epochs": 1,
  "optimizer__num_epochs_decay": 1,
  "semantic__guide_from_epoch": 1,
  "max_steps": 0,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  workdir = tmp_path_factory.mktemp("semdisc")
  made = config("semdisc", **SMALL)
  train.train(made, workdir)
  return made, workdir


def test_generator_learns_from_the_heads_in_phase_two(run):
  _, workdir = run
  logged = [x for x in tiny.metrics(workdir) if "G_GAN" in x]
  assert [x["step"] for x in logged] == [1, 2, 3, 4]
  for line in logged:
    assert {"D_segmentation", "D_reconstruction", "accuracy_fake"} <= set(line)
    guided = {"G_segmentation", "G_reconstruction"} & set(line)
    assert len(guided) == (2 if line["step"] > 2 else 0)


def test_what_the_head_sees_is_measured(run):
  _, workdir = run
  scores = [x for x in tiny.metrics(workdir) if "head_iou" in x]
  assert [x["step"] for x in scores] == [2, 4]
  for line in scores:
    assert 0 < line["head_iou_of_real"] < 1
    assert 0 < line["head_accuracy_of_real"] < 1


def test_run_killed_before_phase_two_ends_the_same(run, tmp_path):
  made, whole = run
  train.train(tiny.changed(made, max_steps=2), tmp_path)
  train.train(made, tmp_path)
  tiny.assert_same(
    tiny.final_state(whole, step=4), tiny.final_state(tmp_path, step=4)
  )


def test_phase_two_goes_on_from_a_run_of_phase_one(run, tmp_path):
  made, _ = run
  first = tiny.changed(
    made, optimizer__num_epochs_decay=0, semantic__guide_from_epoch=-1
  )
  train.train(first, tmp_path / "1")
  second = tiny.changed(
    made,
    optimizer__num_epochs=0,
    semantic__guide_from_epoch=0,
    init_from=str(tmp_path / "1"),
    init_optimizers=True,
    max_steps=1,
  )
  train.train(second, tmp_path / "2")
  logged = [x for x in tiny.metrics(tmp_path / "2") if "G_GAN" in x]
  assert "G_segmentation" in logged[0]
  counts = []
  for name, step in (("1", 2), ("2", 1)):
    state, _ = tiny.final_state(tmp_path / name, step=step)
    adam, schedule = state["opt_state"]["generator"]
    counts.append((int(adam["count"]), int(schedule["count"])))
  assert counts == [(2, 2), (3, 1)]


def test_results_folder_is_the_originals(run, tmp_path):
  made, workdir = run
  scene = procedural.StreetScenes(seed=5, size=SIZE).render(0)
  images.write(tmp_path / "labels" / "a.png", scene["label"])
  instances = scene["instance"].astype(np.uint16)
  images.write(tmp_path / "instances" / "a.png", instances)
  images.write(tmp_path / "pictures" / "a.png", scene["image"])
  synthesize.synthesize(
    tiny.changed(
      made,
      synthesize__input=str(tmp_path / "labels"),
      synthesize__instances=str(tmp_path / "instances"),
      synthesize__images=str(tmp_path / "pictures"),
      synthesize__results="original",
      synthesize__output=str(tmp_path / "results"),
    ),
    workdir,
  )
  folders = {
    path.parent.name: images.read(path).shape
    for path in (tmp_path / "results").rglob("a.png")
  }
  assert folders == dict.fromkeys(
    ("input_label", "synthesized_image", "GT_image"), (*SIZE, 3)
  )
