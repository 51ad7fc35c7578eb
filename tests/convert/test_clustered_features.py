"""Clustered features of pix2pixHD, as NumPy pickles them."""

import pickle

import numpy as np
import pytest

from gansynth.convert import (
  CheckpointError,
  UnsafeCheckpointError,
  clustered_features,
)


def centres(dtype=np.float64):
  rng = np.random.default_rng(0)
  return {
    label: rng.normal(size=(count, 3)).astype(dtype)
    for label, count in ((0, 10), (7, 1), (26, 4))
  }


def write(path, content, protocol=4):
  array = np.empty((), object)
  array[()] = content
  with path.open("wb") as file:
    np.lib.format.write_array_header_1_0(
      file, np.lib.format.header_data_from_array_1_0(array)
    )
    pickle.dump(array, file, protocol=protocol)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("dtype", [np.float32, ">f8"])
def test_what_numpy_saved_is_read(tmp_path, protocol, dtype):
  path, expected = tmp_path / "features.npy", centres(dtype)
  # Protocol 2 is what NumPy wrote in the years of the original.
  write(path, expected, protocol)
  found = clustered_features.read(path)
  assert list(found) == list(expected)
  for label, array in found.items():
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, expected[label].astype(np.float32))


def test_numpy_itself_writes_what_is_read(tmp_path):
  path, expected = tmp_path / "features.npy", centres()
  # Labels may be NumPy's integers, centres in Fortran's order.
  content = {
    np.int64(label): np.asfortranarray(array)
    for label, array in expected.items()
  }
  np.save(path, content)
  found = clustered_features.read(path)
  assert {label: array.shape for label, array in found.items()} == {
    label: array.shape for label, array in expected.items()
  }
  np.testing.assert_allclose(found[26], expected[26], rtol=1e-6)


class Harmful:
  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return open, (str(self.path), "w")


def test_nothing_in_the_file_is_run(tmp_path):
  path, victim = tmp_path / "features.npy", tmp_path / "victim"
  write(path, {1: Harmful(victim)})
  with pytest.raises(UnsafeCheckpointError, match=r"asks for '\w*\.?open'"):
    clustered_features.read(path)
  assert not victim.exists()


@pytest.mark.parametrize(
  ("content", "message"),
  [
    ({}, "dictionary of arrays.* something else"),
    ({0: np.zeros((2, 3)), 1: np.zeros((2, 4))}, "something else"),
    ({"sky": np.zeros((2, 3))}, "entry 'sky' is no centres"),
    ({0: np.zeros(3)}, "entry 0 is no centres"),
    ({0: np.zeros((1, 3), int)}, "entry 0 is no centres"),
    ({0: 1.5}, "entry 0 is no centres"),
    ([1, 2], "something else"),
  ],
)
def test_other_objects_are_refused(tmp_path, content, message):
  write(tmp_path / "features.npy", content)
  with pytest.raises(CheckpointError, match=message):
    clustered_features.read(tmp_path / "features.npy")


def test_other_files_are_refused(tmp_path):
  path = tmp_path / "features.npy"
  np.save(path, np.zeros(3))
  with pytest.raises(CheckpointError, match=r"array of float64 \(3,\)"):
    clustered_features.read(path)
  path.write_bytes(b"not an array")
  with pytest.raises(CheckpointError, match=r"no \.npy file"):
    clustered_features.read(path)
  write(path, centres())
  path.write_bytes(path.read_bytes()[:-100])
  with pytest.raises(CheckpointError, match="damaged or cut short"):
    clustered_features.read(path)
  with pytest.raises(CheckpointError, match="cannot be read"):
    clustered_features.read(tmp_path / "none.npy")
