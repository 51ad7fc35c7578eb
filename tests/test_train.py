"""The loop in this process: what it counts, checks, compiles and draws."""

import errno
import os
import pathlib
import shutil
import types

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
import tiny

from gansynth import images, parallel, samples, train
from gansynth.checkpoints import CheckpointError
from gansynth.translator import Translator


@pytest.mark.parametrize(
  ("epochs", "decay", "limit", "expected"),
  [(100, 100, 0, 2000), (1, 0, 0, 10), (3, 2, 20, 20), (3, 2, 60, 50)],
)
def test_total_steps(epochs, decay, limit, expected):
  config = tiny.config(
    optimizer__num_epochs=epochs,
    optimizer__num_epochs_decay=decay,
    max_steps=limit,
  )
  assert train.total_steps(config, 10) == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named(bad):
  train.check_finite(3, {"G": 1.0, "D_A": np.float32(0.5)})
  with pytest.raises(
    train.DivergedError, match=r"^step 3: .*G 1\.5, D_A -?(nan|inf)"
  ):
    train.check_finite(3, {"G": 1.5, "D_A": np.float32(bad)})


def test_an_infinite_state_is_named():
  state = {"params": {"x": np.zeros(3), "y": np.array([1, np.inf])}, "n": 3}
  with pytest.raises(
    train.DivergedError, match=r"step 9: .* 1 arrays .*\['params'\]\['y'\]"
  ):
    train.check_finite_state(9, state)
  state["params"]["y"][1] = 0
  train.check_finite_state(9, state)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
  return tiny.write_folders(tmp_path_factory.mktemp("pictures"))


def make_config(pictures, **changes):
  """A CycleGAN on the folders, on four devices."""
  return tiny.config(
    **{
      "data__root": str(pictures),
      "batch_size": 4,
      "max_steps": 5,
      "log_every": 2,
      "sample_every": 4,
      "num_samples": 2,
      "checkpoint_every": 2,
      "keep_last": 10,
      **changes,
    }
  )


@pytest.fixture(scope="module")
def run(tmp_path_factory, pictures):
  """A run of five steps, and for each how much the backend compiled."""
  workdir = tmp_path_factory.mktemp("run")
  compiled = []
  stepping = False

  def listen(name, *_, **__):
    if stepping and name == "/jax/core/compile/backend_compile_duration":
      compiled[-1] += 1

  def map_step(step, *, real=parallel.map_step):
    mapped = real(step)

    def call(*arguments):
      nonlocal stepping
      stepping = True
      compiled.append(0)
      results = mapped(*arguments)
      stepping = False
      return results

    return call

  jax.monitoring.register_event_duration_secs_listener(listen)
  try:
    with pytest.MonkeyPatch.context() as patch:
      patch.setattr(parallel, "map_step", map_step)
      train.train(make_config(pictures), workdir)
  finally:
    jax.monitoring.unregister_event_duration_listener(listen)
  return workdir, compiled


def test_the_step_compiles_once(run):
  assert run[1] == [1, 0, 0, 0, 0]


def test_what_is_written_when(run):
  workdir, _ = run
  assert sorted(path.name for path in (workdir / "samples").iterdir()) == [
    "step_0000004.png",
    "step_0000005.png",
  ]
  steps = [int(path.name) for path in (workdir / "checkpoints").iterdir()]
  assert sorted(steps) == [2, 4, 5]
  lines = tiny.metrics(workdir)
  assert [line["step"] for line in lines] == [2, 4, 5]
  assert {"G", "G_A", "D_B", "cycle_A", "idt_B", "gradient_norm_D"} <= set(
    lines[0]
  )


def test_a_finished_run_starts_no_step(run, pictures, capsys):
  workdir, _ = run
  before = tiny.final_state(workdir)[0]
  train.train(make_config(pictures), workdir)
  assert "finished; look" in capsys.readouterr().out
  tiny.assert_same(tiny.final_state(workdir)[0], before)
  assert [line["step"] for line in tiny.metrics(workdir)] == [2, 4, 5]


def test_a_full_disk_stops_with_the_last_checkpoint_intact(
  tmp_path, pictures, monkeypatch
):
  usage = shutil.disk_usage

  def fill_up(folder):
    full = any((tmp_path / "checkpoints").glob("2"))
    return types.SimpleNamespace(free=7) if full else usage(folder)

  monkeypatch.setattr(shutil, "disk_usage", fill_up)
  with pytest.raises(CheckpointError, match=r"step 4 needs .*make room"):
    train.train(make_config(pictures), tmp_path)
  assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["2"]
  assert tiny.final_state(tmp_path)[0]["step"] == 2
  monkeypatch.undo()

  save = ocp.CheckpointManager.save

  def no_space(self, step, **options):
    if step == 5:
      raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return save(self, step, **options)

  monkeypatch.setattr(ocp.CheckpointManager, "save", no_space)
  with pytest.raises(CheckpointError, match="disk is full"):
    train.train(make_config(pictures), tmp_path)
  assert tiny.final_state(tmp_path)[0]["step"] == 4


def test_pictures_of_other_data_are_noticed(run, tmp_path, pictures):
  copy = tmp_path / "run"
  shutil.copytree(run[0], copy)
  shutil.rmtree(copy / "checkpoints" / "5")
  extra = pictures / "trainB" / "extra.png"
  shutil.copy(pictures / "trainB" / "0.png", extra)
  try:
    with pytest.raises(ValueError, match=r"items 7, but it is 8 now"):
      train.train(make_config(pictures), copy)
  finally:
    extra.unlink()


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"batch_size": 6}, "batch_size 6 cannot be divided among 4 devices"),
    ({"best_metric": "error_AtoB"}, r"choose one of cycle_A, cycle_B, or ''"),
    ({"generator__name": "renset"}, "unknown network 'renset'; known are"),
    ({"data__source": "folder"}, "data source is 'folder'"),
    ({"optimizer__policy": "lin"}, "unknown policy 'lin'; choose one of"),
  ],
)
def test_wrong_configs_leave_nothing(tmp_path, pictures, changes, message):
  with pytest.raises(ValueError, match=message):
    train.train(make_config(pictures, **changes), tmp_path / "run")
  assert not (tmp_path / "run").exists()


class Half(Translator):
  """Halves the brightness; stands in for a network."""

  def __init__(self, factor):
    self.factor = factor

  def translate(self, pictures):
    return [(x + 1) * self.factor - 1 for x in pictures]


def make_items(count):
  return [
    {
      "image_a": np.full((16, 24, 3), 200, np.uint8),
      "image_b": np.full((16, 24, 3), 80, np.uint8),
    }
    for _ in range(count)
  ]


def levels(sheet, count):
  """The grey levels of the cells of each row, from left to right."""
  found = []
  for row in sheet[:, :, 0]:
    runs = [
      int(row[x])
      for x in range(len(row) - 24 + 1)
      if (row[x : x + 24] == row[x]).all() and 0 < row[x] < 255
    ]
    distinct = [v for i, v in enumerate(runs) if i == 0 or v != runs[i - 1]]
    if len(distinct) >= count:
      found.append(distinct)
  return found


def test_sheets_show_input_translation_and_return():
  sheet = samples.sample_sheet(
    {"AtoB": Half(0.5), "BtoA": Half(2.0)}, make_items(2)
  )
  assert sheet.dtype == np.uint8
  rows = levels(sheet, 6)
  assert len(rows) == 2 * 16
  # A, A to B, back to A, B, B to A, back to B
  assert all(row == [200, 100, 200, 80, 160, 80] for row in rows)


def test_sheets_of_one_direction_show_the_truth():
  sheet = samples.sample_sheet({"AtoB": Half(0.5)}, make_items(1))
  rows = levels(sheet, 3)
  assert rows
  assert all(row == [200, 100, 80] for row in rows)


def test_the_sheet_of_a_run_has_a_row_for_each_sample(run):
  sheet = images.read(pathlib.Path(run[0]) / "samples" / "step_0000005.png")
  assert 2 * 20 < sheet.shape[0] < 2 * 20 + 80
  assert 6 * 20 < sheet.shape[1] < 6 * 24 + 60
