"""The checks of GP-GAN's networks find what is wrong."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from gansynth import parity

GOLDENS = pathlib.Path(__file__).parents[1] / "goldens/gpgan"


@pytest.fixture
def failures(tmp_path):
  """Returns a function: what fails in a changed copy of a case."""

  def run(name, file=None, array=None, meta=None):
    folder = tmp_path / name
    shutil.copytree(GOLDENS / name, folder, dirs_exist_ok=True)
    if file is not None:
      with np.load(folder / file) as arrays:
        arrays = dict(arrays)
      old = arrays.get(array, np.zeros(()))
      arrays[array] = old + np.asarray(3e-4, old.dtype)
      np.savez(folder / file, **arrays)
    if meta is not None:
      path = folder / "case.json"
      path.write_text(json.dumps(json.loads(path.read_text()) | meta))
    return [line for line in parity.run_case(folder) if not line.ok]

  return run


@pytest.mark.parametrize(
  "array", ["eval_map", "train_score", "train_after::9/avg_var"]
)
def test_a_wrong_array(failures, array):
  (line,) = failures("critic_forward", "outputs.npz", array)
  assert line.name == array
  assert line.absolute == pytest.approx(3e-4, rel=0.05)


def test_an_array_that_is_not_there(failures):
  for name in ("train_mood", "train_after::9/mood"):
    (line,) = failures("critic_forward", "outputs.npz", name)
    assert line.name == name
    assert "no such array" in line.note


@pytest.mark.parametrize(
  ("constructor", "note"),
  [
    ({"cls": "DCGAN_D", "isize": 64, "ndf": 9}, "features 8, expected 9"),
    ({"cls": "DCGAN_G", "nc": 3}, "expected 'dcgan_generator'"),
  ],
)
def test_another_network_than_stated(failures, constructor, note):
  (line,) = failures("critic_forward", meta={"constructor": constructor})
  assert note in line.note


def test_an_unknown_class(failures):
  with pytest.raises(parity.CaseError, match="unknown network 'SAGAN'"):
    failures("critic_forward", meta={"constructor": {"cls": "SAGAN"}})


def test_networks_of_one_epoch_that_differ(failures):
  (line,) = failures("trainer_snapshot", "g_epoch_1.npz", "decoder/4/beta")
  assert line.name == "snapshot_epoch_1.npz: generator = g_epoch_1.npz"


def test_counters_are_not_compared(failures):
  assert failures("trainer_snapshot", "d_epoch_1.npz", "3/N") == []
