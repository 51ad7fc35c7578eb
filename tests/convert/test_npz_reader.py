"""The reader against numpy's own files, and against bad ones."""

import io
import struct
import zipfile

import numpy as np
import pytest

from gansynth.convert import CheckpointError, UnsafeCheckpointError
from gansynth.convert.npz_reader import NpzFile


def npy(array, **options):
  buffer = io.BytesIO()
  np.lib.format.write_array(buffer, np.asarray(array), **options)
  return buffer.getvalue()


def header(text, version=(1, 0)):
  """The head of a .npy file that claims anything."""
  length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
  return b"\x93NUMPY" + bytes(version) + length + text.encode()


def write(path, **members):
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
    for name, data in members.items():
      archive.writestr(name, data)
  return path


@pytest.fixture
def path(tmp_path):
  return tmp_path / "weights.npz"


ARRAYS = {
  "a/W": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
  "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
  "half": np.float16([1.5, -2]),
  "big_endian": np.arange(3, dtype=">f8"),
  "scalar": np.int64(7),
  "flag": np.bool_(True),
  "none": np.zeros((0, 3), np.float32),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_what_numpy_writes(path, save):
  save(path, **ARRAYS)
  with NpzFile(path) as file:
    assert list(file) == list(ARRAYS)
    assert len(file) == len(ARRAYS)
    for name, expected in ARRAYS.items():
      np.testing.assert_array_equal(file[name], expected)
      assert file[name].dtype == expected.dtype.newbyteorder("=")
      assert file[name].shape == expected.shape
    with pytest.raises(KeyError):
      file["b"]


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions(path, version):
  array = np.float32([[1, 2]])
  write(path, **{"a.npy": npy(array, version=version)})
  with NpzFile(path) as file:
    np.testing.assert_array_equal(file["a"], array)


def test_shapes_as_python_2_writes_them(path):
  head = header("{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }\n")
  write(path, **{"a.npy": head + np.float32([3, 4]).tobytes()})
  with NpzFile(path) as file:
    np.testing.assert_array_equal(file["a"], [3, 4])


def test_slashes_of_old_chainer(path):
  write(path, **{"/a/W.npy": npy(1.0), "b//0/W.npy": npy(2.0)})
  with NpzFile(path) as file:
    assert list(file) == ["a/W", "b/0/W"]
  write(path, **{"/a.npy": npy(1.0), "a.npy": npy(2.0)})
  with pytest.raises(CheckpointError, match="there are two arrays a;"):
    NpzFile(path)


class Harmful:
  """Says so if it is unpickled."""

  ran = False

  def __reduce__(self):
    return setattr, (Harmful, "ran", True)


def test_pickled_objects_are_left_alone(path):
  np.savez(path, good=np.float32(1), bad=np.array([Harmful(), None]))
  with NpzFile(path) as file:
    assert file["good"] == 1  # beside it, others can be read
    with pytest.raises(
      UnsafeCheckpointError, match=r"weights\.npz: bad holds pickled objects"
    ):
      file["bad"]
  assert not Harmful.ran


@pytest.mark.parametrize(
  "array", ["text", np.complex64(1), np.datetime64("nat", "s")]
)
def test_what_is_no_number(path, array):
  np.savez(path, a=array)
  with (
    NpzFile(path) as file,
    pytest.raises(CheckpointError, match=r"a holds .*; expected numbers"),
  ):
    file["a"]


def test_no_file(path):
  with pytest.raises(CheckpointError, match=r"weights\.npz: there is no such"):
    NpzFile(path)
  with pytest.raises(CheckpointError, match="no such file"):
    NpzFile(path.parent)


@pytest.mark.parametrize(
  ("content", "found"),
  [
    (b"", "the file is empty"),
    (b"<!DOCTYPE html><html></html>", "HTML .*page"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    (npy(np.zeros(3)), "found NumPy"),
    (b"nothing of the kind", "is none, or damaged or cut short"),
  ],
)
def test_foreign_files(path, content, found):
  path.write_bytes(content)
  with pytest.raises(CheckpointError, match=rf"weights\.npz: .*{found}"):
    NpzFile(path)


def test_archives_of_something_else(path):
  write(path, **{"archive/data.pkl": b"", "archive/version": b"3"})
  with pytest.raises(CheckpointError, match=r"found archive/data\.pkl"):
    NpzFile(path)
  write(path)
  with pytest.raises(CheckpointError, match="found nothing"):
    NpzFile(path)


def test_a_bomb_is_not_unfolded(path):
  write(path, **{"a.npy": bytes(2**27)})  # 128 MB of zeros in 130 kB
  assert path.stat().st_size < 2**18
  with pytest.raises(CheckpointError, match="would unfold to 134217728 bytes"):
    NpzFile(path)


@pytest.mark.parametrize(
  ("data", "message"),
  [
    (b"", "a is damaged"),
    (b"\x93NUMPY\x01\x00", "a is damaged"),
    (b"something", "a is damaged"),
    (header("{'descr': '<f4'}"), "a is damaged"),
    (header("__import__('os')"), "a is damaged"),
    (npy(np.zeros(5, np.float32))[:-2], "should have 20 bytes, found 18"),
    (npy(np.zeros(5, np.float32)) + b"0000", "have 20 bytes, found 24"),
    (
      header(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}"
      ),
      "should have 4000000000000 bytes, found 0",
    ),
    (
      header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1)}")
      + bytes(4),
      "a is damaged",
    ),
  ],
)
def test_damaged_arrays(path, data, message):
  write(path, **{"a.npy": data})
  with (
    NpzFile(path) as file,
    pytest.raises(CheckpointError, match=rf"weights\.npz: .*{message}"),
  ):
    file["a"]


def test_cut_short_or_changed_anywhere(path):
  """Whatever is wrong is a CheckpointError, or leaves all numbers right."""
  rng = np.random.default_rng(0)
  array = rng.standard_normal(300).astype(np.float32)
  np.savez_compressed(path, a=array)
  whole = path.read_bytes()

  def read():
    with NpzFile(path) as file:
      return {name: file[name] for name in file}

  for length in range(1, len(whole), 97):
    path.write_bytes(whole[:length])
    with pytest.raises(CheckpointError):
      read()
  refused = 0
  for position in rng.integers(0, len(whole), 150):
    changed = bytearray(whole)
    changed[position] ^= 1 << int(rng.integers(8))
    path.write_bytes(changed)
    try:
      for found in read().values():
        np.testing.assert_array_equal(found, array)
    except CheckpointError:
      refused += 1
  assert refused > 100
