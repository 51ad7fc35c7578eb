"""Checkpoints of runs and networks: what is kept, refused and never torn."""

import errno
import json
import os
import pathlib
import shutil
import types

import numpy as np
import orbax.checkpoint as ocp
import pytest
import tiny

from gansynth import checkpoints
from gansynth.checkpoints import Checkpointer, CheckpointError
from gansynth.systems.common import GanState


def make_state(value: float = 0.0) -> GanState:
  return GanState(
    step=np.int32(value),
    rng=np.array([1, 2], np.uint32),
    params={"generator": {"a": {"kernel": np.full((3, 2), value, np.float32)}}},
    stats={"generator": {"a": {}}},
    opt_state={"generator": (np.int32(7), np.zeros(2, np.float32))},
    ema={},
    pool={"a": np.arange(4, dtype=np.float32)},
  )


def save(checkpointer, step, **metrics):
  checkpointer.save(
    step, make_state(step), {"position": 2 * step}, metrics or None
  )


def test_what_is_saved_comes_back_bit_by_bit(tmp_path):
  with Checkpointer(tmp_path / "c") as checkpointer:
    assert checkpointer.latest_step() is None
    save(checkpointer, 5)
    checkpointer.wait()
    state, data = checkpointer.restore(make_state())
  tiny.assert_same(state, make_state(5))
  assert isinstance(state, GanState)
  assert data == {"position": 10}
  with Checkpointer(tmp_path / "c", read_only=True) as checkpointer:
    raw, data = checkpointer.restore()
  tiny.assert_same(GanState(**raw).params, make_state(5).params)
  tiny.assert_same(GanState(**raw).pool, make_state(5).pool)
  assert data == {"position": 10}


def test_the_state_may_change_once_save_returns(tmp_path):
  state = make_state(1)
  with Checkpointer(tmp_path / "c") as checkpointer:
    checkpointer.save(1, state, {})
    state.params["generator"]["a"]["kernel"][:] = np.nan
    checkpointer.wait()
    restored, _ = checkpointer.restore(make_state())
  tiny.assert_same(restored, make_state(1))


def test_the_last_are_kept(tmp_path):
  with Checkpointer(tmp_path / "c", keep_last=2) as checkpointer:
    for step in (1, 2, 3, 4):
      save(checkpointer, step)
    checkpointer.wait()
    assert checkpointer.steps() == [3, 4]
    assert checkpointer.latest_step() == 4


@pytest.mark.parametrize(("mode", "best"), [("min", 2), ("max", 3)])
def test_the_best_is_kept_and_found_again(tmp_path, mode, best):
  options = {
    "keep_last": 1,
    "keep_best": 1,
    "best_metric": "error",
    "best_mode": mode,
  }
  with Checkpointer(tmp_path / "c", **options) as checkpointer:
    for step, error in ((1, 5.0), (2, 1.0), (3, 9.0), (4, 6.0)):
      save(checkpointer, step, error=error, other=0.0)
    checkpointer.wait()
    assert checkpointer.steps() == sorted({best, 4})
  with Checkpointer(tmp_path / "c", read_only=True, **options) as checkpointer:
    assert checkpointer.best_step() == best
    assert checkpointer.latest_step() == 4
  # A run that is resumed goes on comparing with what it had.
  with Checkpointer(tmp_path / "c", **options) as checkpointer:
    save(checkpointer, 5, error=4.0)
    checkpointer.wait()
    assert checkpointer.steps() == sorted({best, 5})


def test_a_checkpoint_without_scores_never_counts_as_best(tmp_path):
  # What SIGTERM saves was not evaluated.
  options = {"keep_last": 1, "best_metric": "error"}
  with Checkpointer(tmp_path / "c", **options) as checkpointer:
    save(checkpointer, 1, error=3.0)
    save(checkpointer, 2)
    checkpointer.wait()
    assert checkpointer.steps() == [1, 2]
    assert checkpointer.best_step() == 1
  with Checkpointer(tmp_path / "c", **options) as checkpointer:
    assert checkpointer.best_step() == 1
    save(checkpointer, 3, error=4.0)
    checkpointer.wait()
    assert checkpointer.steps() == [1, 3]


def test_without_scores_the_best_is_the_latest(tmp_path):
  with Checkpointer(tmp_path / "c") as checkpointer:
    for step in (1, 2):
      save(checkpointer, step)
    checkpointer.wait()
    assert checkpointer.best_step() == 2


def unfinished(folder: pathlib.Path) -> pathlib.Path:
  """Something that looks like a save of another process, half done."""
  path = folder / "9.orbax-checkpoint-tmp"
  (path / "state").mkdir(parents=True)
  (path / "state" / "file").write_text("half")
  return path


def test_half_a_save_is_never_taken_for_a_checkpoint(tmp_path):
  with Checkpointer(tmp_path / "c") as checkpointer:
    save(checkpointer, 1)
  path = unfinished(tmp_path / "c")
  with Checkpointer(tmp_path / "c", read_only=True) as checkpointer:
    assert checkpointer.steps() == [1]
    checkpointer.restore(make_state())
  assert path.exists()  # a reader must not disturb a run that is saving
  with Checkpointer(tmp_path / "c") as checkpointer:
    assert checkpointer.steps() == [1]
    save(checkpointer, 9)
    checkpointer.wait()
    state, _ = checkpointer.restore(make_state(), 9)
    tiny.assert_same(state, make_state(9))
  assert not path.exists()


def test_another_structure_is_refused(tmp_path):
  with Checkpointer(tmp_path / "c") as checkpointer:
    save(checkpointer, 1)
    checkpointer.wait()
    other = make_state()
    del other.params["generator"]["a"]["kernel"]
    other.params["generator"]["a"]["weight"] = np.zeros((3, 2), np.float32)
    with pytest.raises(CheckpointError, match="reading step 1 failed"):
      checkpointer.restore(other)
    wider = make_state()
    wider.params["generator"]["a"]["kernel"] = np.zeros((3, 4), np.float32)
    with pytest.raises(
      CheckpointError, match=r"kernel.*\(3, 2\) there, \(3, 4\) wanted"
    ):
      checkpointer.restore(wider)


def test_missing_checkpoints_are_explained(tmp_path):
  with pytest.raises(CheckpointError, match="there are no checkpoints"):
    Checkpointer(tmp_path / "c", read_only=True)
  assert not (tmp_path / "c").exists()
  with Checkpointer(tmp_path / "c") as checkpointer:
    with pytest.raises(CheckpointError, match="there are none"):
      checkpointer.restore()
    save(checkpointer, 3)
    checkpointer.wait()
    with pytest.raises(CheckpointError, match=r"of step 7; there are \[3\]"):
      checkpointer.restore(step=7)


def test_damaged_checkpoints_are_explained(tmp_path):
  with Checkpointer(tmp_path / "c") as checkpointer:
    save(checkpointer, 3)
  for path in (tmp_path / "c" / "3" / "state").rglob("*"):
    if path.is_file():
      path.write_bytes(path.read_bytes()[:7])
  with (
    Checkpointer(tmp_path / "c", read_only=True) as checkpointer,
    pytest.raises(
      CheckpointError,
      match=r"reading step 3 failed(?s:.*) delete the folder .*c/3, or name "
      r"other steps with --config\.evaluate\.steps$",
    ),
  ):
    checkpointer.restore(make_state())


def test_unknown_modes_are_refused(tmp_path):
  with pytest.raises(ValueError, match="'low'; choose min or max"):
    Checkpointer(tmp_path, best_mode="low")


def test_a_full_disk_is_noticed_before(tmp_path, monkeypatch):
  with Checkpointer(tmp_path / "c") as checkpointer:
    save(checkpointer, 1)
    checkpointer.wait()
    monkeypatch.setattr(
      shutil, "disk_usage", lambda path: types.SimpleNamespace(free=10)
    )
    with pytest.raises(CheckpointError, match=r"step 2 needs .*make room"):
      save(checkpointer, 2)
    assert checkpointer.steps() == [1]


def test_a_disk_that_fills_while_saving_is_explained(tmp_path, monkeypatch):
  def full(*args, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  with Checkpointer(tmp_path / "c") as checkpointer:
    save(checkpointer, 1)
    checkpointer.wait()
    monkeypatch.setattr(ocp.CheckpointManager, "save", full)
    with pytest.raises(CheckpointError, match=r"disk is full \(saving step 2"):
      save(checkpointer, 2)
    monkeypatch.undo()
    assert checkpointer.steps() == [1]


def test_a_save_that_fails_in_the_background_is_told(tmp_path, monkeypatch):
  def full(*args, **options):
    raise ValueError("RESOURCE_EXHAUSTED: No space left on device")

  with Checkpointer(tmp_path / "c") as checkpointer:
    monkeypatch.setattr(ocp.CheckpointManager, "wait_until_finished", full)
    with pytest.raises(CheckpointError, match="disk is full"):
      checkpointer.wait()
    monkeypatch.undo()


VARIABLES = {
  "params": {"stem": {"kernel": np.arange(6, dtype=np.float32)}},
  "batch_stats": {},
}
DESCRIPTION = {"network": {"name": "resnet_9blocks"}, "source": "x.pth"}


def test_networks_come_back(tmp_path):
  folder = tmp_path / "deep" / "net"
  assert not checkpoints.is_network(folder)
  checkpoints.save_network(folder, VARIABLES, DESCRIPTION)
  assert checkpoints.is_network(folder)
  description, variables = checkpoints.load_network(folder)
  assert description == DESCRIPTION
  tiny.assert_same(variables["params"], VARIABLES["params"])
  assert not variables.get("batch_stats")
  assert [path.name for path in folder.parent.iterdir()] == ["net"]


def test_networks_are_not_overwritten_by_accident(tmp_path):
  folder = tmp_path / "net"
  checkpoints.save_network(folder, VARIABLES, DESCRIPTION)
  with pytest.raises(CheckpointError, match="exists already"):
    checkpoints.save_network(folder, VARIABLES, {"network": {}})
  assert checkpoints.load_network(folder)[0] == DESCRIPTION
  checkpoints.save_network(folder, VARIABLES, {"network": {}}, overwrite=True)
  assert checkpoints.load_network(folder)[0] == {"network": {}}
  foreign = tmp_path / "photos"
  foreign.mkdir()
  (foreign / "me.jpg").write_text("precious")
  with pytest.raises(CheckpointError, match="exists already"):
    checkpoints.save_network(foreign, VARIABLES, DESCRIPTION, overwrite=True)
  assert (foreign / "me.jpg").read_text() == "precious"


def test_a_network_that_could_not_be_written_leaves_the_old_one(
  tmp_path, monkeypatch
):
  folder = tmp_path / "net"
  checkpoints.save_network(folder, VARIABLES, DESCRIPTION)

  def full(*args, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  monkeypatch.setattr(pathlib.Path, "write_text", full)
  with pytest.raises(CheckpointError, match="disk is full"):
    checkpoints.save_network(folder, VARIABLES, {"network": 1}, overwrite=True)
  monkeypatch.undo()
  assert checkpoints.load_network(folder)[0] == DESCRIPTION
  monkeypatch.setattr(pathlib.Path, "write_text", full)
  with pytest.raises(CheckpointError, match="disk is full"):
    checkpoints.save_network(tmp_path / "new", VARIABLES, DESCRIPTION)
  assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
  ("text", "message"),
  [
    (None, "holds no network.*convert_checkpoint"),
    ("{", "missing or damaged"),
    ("[]", "missing or damaged"),
    ("{}", "missing or damaged"),
    (json.dumps({"format": 99}), "format 99, this version reads 1"),
    (json.dumps({"format": 1}), "reading a network failed"),
  ],
)
def test_what_is_no_network_is_explained(tmp_path, text, message):
  folder = tmp_path / "net"
  folder.mkdir()
  if text is not None:
    (folder / "network.json").write_text(text)
  with pytest.raises(CheckpointError, match=message):
    checkpoints.load_network(folder)


def test_digest_tells_weights_apart():
  first = checkpoints.digest({"a": np.zeros(3), "b": np.ones(2)})
  assert first == checkpoints.digest({"b": np.ones(2), "a": np.zeros(3)})
  assert first != checkpoints.digest({"a": np.zeros(3), "c": np.ones(2)})
  changed = np.ones(2)
  changed[1] = np.nextafter(1, 2)
  assert first != checkpoints.digest({"a": np.zeros(3), "b": changed})
