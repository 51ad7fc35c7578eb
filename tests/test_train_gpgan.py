"""The loop with steps of several kinds, and with pictures of noise."""

import shutil

import jax
import numpy as np
import pytest
import tiny
import tiny_gpgan

from gansynth import config as config_lib
from gansynth import evaluate, images, parallel, train
from gansynth.reports import evaluation_record
from gansynth.weights import load_generators

STEPS = 9


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
  folder = tmp_path_factory.mktemp("pictures")
  tiny.write_pictures(folder, {f"{i}.png": (20, 24) for i in range(5)})
  return folder


@pytest.fixture(scope="module")
def views(tmp_path_factory):
  root = tmp_path_factory.mktemp("views")
  return tiny_gpgan.write_views(root, {"a": 2, "b": 3, "c": 2})


def make_config(variant, root, **changes):
  return tiny_gpgan.config(
    variant,
    data__root=str(root),
    max_steps=STEPS,
    optimizer__num_epochs=30,
    log_every=1,
    sample_every=100,
    checkpoint_every=5,
    num_samples=3,
    ema_decay=0.9,
    evaluate__batch_size=4,
    **changes,
  )


@pytest.fixture(scope="module")
def runs(tmp_path_factory, pictures):
  """A run without a stop, and one that stopped among critic steps."""
  folder = tmp_path_factory.mktemp("runs")
  notes = []
  update = train.Progress.update

  def listen(progress, count=1, note=""):
    notes.append(note)
    update(progress, count, note)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(train.Progress, "update", listen)
    train.train(make_config("wgan", pictures), folder / "whole")
  for stop in (5, STEPS):
    config = make_config("wgan", pictures)
    config.max_steps = stop
    train.train(config, folder / "parts")
  return folder, notes


def test_resuming_among_critic_steps_changes_nothing(runs):
  folder, _ = runs
  (state, data), (other, other_data) = (
    tiny.final_state(folder / name) for name in ("whole", "parts")
  )
  tiny.assert_same(state, other)
  assert state["step"] == STEPS
  assert data == other_data
  assert tiny.metrics(folder / "whole") == tiny.metrics(folder / "parts")


def test_metrics_are_those_of_the_phase(runs):
  lines = tiny.metrics(runs[0] / "whole")
  generator = [line["step"] for line in lines if "G" in line]
  assert generator == [3, 5, 7, 9]
  assert all("D" in line for line in lines)


def test_progress_says_what_is_going_on(runs):
  notes = runs[1]
  assert notes[0].startswith("iteration 0: critic 2 of 3 D ")
  assert any(
    note.startswith("iteration 1: critic 2 of 2, generator D ")
    for note in notes
  )


def test_sheets_show_pictures_of_the_same_noise(runs):
  names = [path.name for path in (runs[0] / "parts" / "samples").iterdir()]
  assert sorted(names) == ["step_0000005.png", "step_0000009.png"]
  one, other = (
    images.read(runs[0] / name / "samples" / "step_0000009.png")
    for name in ("whole", "parts")
  )
  np.testing.assert_array_equal(one, other)
  assert one.shape == (3 * 18 + 2, 18 + 2, 3)  # three pictures, one column


def test_generators_of_noise_are_loaded(runs):
  step, generators = load_generators(runs[0] / "whole")
  assert step == STEPS
  network, variables = generators["noise"]
  picture = network.apply(variables, np.zeros((1, 5), np.float32))
  assert picture.shape == (1, 16, 16, 3)


def test_noise_has_nothing_to_be_compared_with(runs, pictures, tmp_path):
  with pytest.raises(config_lib.ConfigError, match="pictures of noise"):
    evaluate.evaluate(make_config("wgan", pictures), runs[0] / "whole")
  for changes, message in (
    ({"best_metric": "error_AtoB"}, "not measured on this data; choose '' to"),
    ({"evaluate__every": 3}, "nothing is measured while wasserstein_gan"),
  ):
    with pytest.raises(config_lib.ConfigError, match=message):
      train.train(
        make_config("wgan", pictures, **changes), tmp_path / "refused"
      )
  assert not (tmp_path / "refused").exists()


def test_phases_compile_once_each(tmp_path, views):
  compiled = []
  stepping = None

  def listen(name, *_, **__):
    if stepping and name == "/jax/core/compile/backend_compile_duration":
      compiled.append(stepping)

  def map_step(step, *, real=parallel.map_step):
    mapped = real(step)
    name = step.args[0]

    def call(*arguments):
      nonlocal stepping
      stepping = name
      results = mapped(*arguments)
      stepping = None
      return results

    return call

  jax.monitoring.register_event_duration_secs_listener(listen)
  try:
    with pytest.MonkeyPatch.context() as patch:
      patch.setattr(parallel, "map_step", map_step)
      train.train(make_config("supervised", views), tmp_path / "run")
  finally:
    jax.monitoring.unregister_event_duration_listener(listen)
  assert sorted(compiled) == ["critic", "generator"]
  lines = tiny.metrics(tmp_path / "run")
  generator = [line["step"] for line in lines if "G_L2" in line]
  assert generator == [4, 7]
  assert "untouched_AtoB" in lines[-1]
  sheet = images.read(tmp_path / "run" / "samples" / "step_0000009.png")
  assert sheet.shape[1] == 3 * 20 + 4  # pasted, in harmony, true


def test_pictures_of_noise_are_measured_all_together(runs, pictures, tmp_path):
  config = make_config(
    "wgan",
    pictures,
    evaluate__metrics="fid",
    evaluate__random_features=True,
    evaluate__dims=64,
    evaluate__max_items=3,
    evaluate__pictures=1,
  )
  workdir = tmp_path / "run"
  shutil.copytree(runs[0] / "whole", workdir)
  found = evaluate.evaluate(config, workdir)
  assert list(found) == ["random_features_fid"]
  assert found["random_features_fid"] > 0
  (record,) = evaluation_record.read(workdir / "evaluations")
  assert [each.name for each in record.shown] == [
    "noise_000000.png",
    "noise_000001.png",
  ]
  assert list(record.shown[0].pictures) == ["generated", "real_unpaired"]
