"""The reader against files of the real writer, and against bad files.

`data/` holds the same tensors in both formats, written by PyTorch 2.13, and
their values; with PyTorch installed more is tried.
"""

import io
import pathlib
import pickle
import random
import struct
import tarfile
import warnings
import zipfile

import ml_dtypes
import numpy as np
import pytest

from gansynth.convert import (
  CheckpointError,
  UnsafeCheckpointError,
  load_state_dict,
)

DATA = pathlib.Path(__file__).parent / "data"
SCALARS = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16")
SCALARS += ("float32", "float64")
MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)


def text(string):
  data = string.encode()
  return b"X" + struct.pack("<I", len(data)) + data


def integer(value):
  return b"J" + struct.pack("<i", value)


def integers(values):
  return b"(" + b"".join(map(integer, values)) + b"t"


def tensor_opcodes(
  *, shape, strides, offset=0, size=6, storage="FloatStorage", key="0"
):
  """What torch.save writes for a tensor, here with any numbers."""
  return (
    b"ctorch._utils\n_rebuild_tensor_v2\n(("
    + text("storage")
    + b"ctorch\n"
    + storage.encode()
    + b"\n"
    + text(key)
    + text("cpu")
    + integer(size)
    + b"tQ"
    + integer(offset)
    + integers(shape)
    + integers(strides)
    + b"\x89ccollections\nOrderedDict\n)RtR"
  )


def dict_pickle(**entries):
  items = b"".join(text(key) + value for key, value in entries.items())
  return b"\x80\x02}(" + items + b"u."


def write_zip(path, content, records=None, **options):
  records = {"0": np.arange(6, dtype="<f4").tobytes()} | (records or {})
  with zipfile.ZipFile(path, "w", **options) as archive:
    archive.writestr("archive/data.pkl", content)
    for key, data in records.items():
      archive.writestr(f"archive/data/{key}", data)
  return path


def check_expected(state):
  with np.load(DATA / "expected.npz") as expected:
    assert list(state) == list(expected)
    for key, array in state.items():
      wanted = expected[key]
      if key == "bfloat16":
        wanted = wanted.astype(ml_dtypes.bfloat16)
      assert array.dtype == wanted.dtype, key
      np.testing.assert_array_equal(array, wanted, err_msg=key)


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_reads_what_torch_wrote(name):
  check_expected(load_state_dict(DATA / name))


def test_reads_old_cuda_file(tmp_path):
  """Files of 2017 to 2019 name CUDA storages and places."""
  data = (DATA / "legacy.pth").read_bytes()
  data = data.replace(text("cpu"), text("cuda:0"))
  data = data.replace(b"ctorch\nFloatStorage", b"ctorch.cuda\nFloatStorage")
  assert data.count(b"cuda") == 2
  path = tmp_path / "cuda.pth"
  path.write_bytes(data)
  check_expected(load_state_dict(path))


def test_legacy_counts_in_either_byte_order(tmp_path):
  """The count before a storage was once in the machine's own order."""
  data = (DATA / "legacy.pth").read_bytes()
  little, big = struct.pack("<q", 48), struct.pack(">q", 48)
  assert data.count(little) == 1
  path = tmp_path / "big.pth"
  path.write_bytes(data.replace(little, big))
  check_expected(load_state_dict(path))


def test_big_endian_archive(tmp_path):
  content = dict_pickle(a=tensor_opcodes(shape=(2, 3), strides=(3, 1)))
  path = write_zip(
    tmp_path / "big.pth", content, {"0": np.arange(6, dtype=">f4").tobytes()}
  )
  with zipfile.ZipFile(path, "a") as archive:
    archive.writestr("archive/byteorder", "big")
  np.testing.assert_array_equal(
    load_state_dict(path)["a"], np.arange(6, dtype=np.float32).reshape(2, 3)
  )


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
  "name",
  [*SCALARS, "bfloat16", "complex64", "complex128"],
)
def test_dtypes_of_torch(tmp_path, name, legacy):
  torch = pytest.importorskip("torch")
  x = torch.arange(12).reshape(3, 4).to(getattr(torch, name))
  path = tmp_path / "x.pth"
  torch.save(
    {"x": x, "scalar": x[1, 2], "view": x[1:, ::2].t()},
    path,
    _use_new_zipfile_serialization=not legacy,
  )
  state = load_state_dict(path)
  dtype = ml_dtypes.bfloat16 if name == "bfloat16" else np.dtype(name)
  expected = np.arange(12).reshape(3, 4).astype(dtype)
  assert state["x"].dtype == dtype
  np.testing.assert_array_equal(state["x"], expected)
  assert state["scalar"].shape == ()
  np.testing.assert_array_equal(state["scalar"], expected[1, 2])
  np.testing.assert_array_equal(state["view"], expected[1:, ::2].T)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_modules_of_torch(tmp_path, legacy, protocol):
  torch = pytest.importorskip("torch")
  module = torch.nn.Sequential(
    torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)
  )
  path = tmp_path / "module.pth"
  torch.save(
    module.state_dict(),
    path,
    _use_new_zipfile_serialization=not legacy,
    pickle_protocol=protocol,
  )
  state = load_state_dict(path)
  wanted = module.state_dict()
  assert list(state) == list(wanted)
  for key, value in wanted.items():
    np.testing.assert_array_equal(state[key], value.numpy())


def test_training_states(tmp_path):
  torch = pytest.importorskip("torch")
  module = torch.nn.Linear(2, 3)
  optimizer = torch.optim.Adam(module.parameters())
  path = tmp_path / "state.pth"
  torch.save(
    {
      "epoch": 5,
      "loss": 0.5,
      "names": ["a", ("b", None)],
      "state_dict": module.state_dict(),
      "optimizer": optimizer.state_dict(),
    },
    path,
  )
  assert list(load_state_dict(path)) == ["weight", "bias"]
  torch.save({"g": module.state_dict(), "d": module.state_dict()}, path)
  with pytest.raises(CheckpointError, match="several state dicts, 'g', 'd'"):
    load_state_dict(path)
  assert list(load_state_dict(path, "d")) == ["weight", "bias"]
  with pytest.raises(CheckpointError, match="no state dict under 'x'"):
    load_state_dict(path, "x")


@pytest.mark.parametrize(
  ("content", "message"),
  [
    (lambda torch: {"epoch": 3}, "no state dict in the file; it holds 'epoch'"),
    (lambda torch: torch.zeros(3), "found a tensor"),
    (lambda torch: [torch.zeros(3)], "found a list"),
    (lambda torch: {}, "it holds nothing"),
  ],
)
def test_no_state_dict(tmp_path, content, message):
  torch = pytest.importorskip("torch")
  path = tmp_path / "x.pth"
  torch.save(content(torch), path)
  with pytest.raises(CheckpointError, match=message):
    load_state_dict(path)


class Malicious:
  """Touches a file if it is ever unpickled by Python."""

  def __init__(self, target):
    self.target = target

  def __reduce__(self):
    return (pathlib.Path.touch, (self.target,))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("kind", ["plain", "legacy", "zip"])
def test_refuses_code(tmp_path, kind, protocol):
  target = tmp_path / "touched"
  content = pickle.dumps({"weight": Malicious(target)}, protocol)
  path = tmp_path / "evil.pth"
  if kind == "zip":
    write_zip(path, content)
  elif kind == "legacy":
    path.write_bytes(MAGIC + pickle.dumps(1001, 2) + content)
  else:
    path.write_bytes(content)
  with pytest.raises(UnsafeCheckpointError, match=r"evil.pth: refused.*asks"):
    load_state_dict(path)
  assert not target.exists()


@pytest.mark.parametrize(
  ("content", "found"),
  [
    (b"cos\nsystem\n(U\x02lstR.", "os.system"),
    (b"\x80\x02cbuiltins\neval\n(X\x01\x00\x00\x001tR.", "builtins.eval"),
    (b"\x80\x02ctorch._utils\n_rebuild_qtensor\n)R.", "_rebuild_qtensor"),
    (b"(ios\nsystem\nU\x02ls.", "INST"),
    (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "NEWOBJ"),
    (b"\x80\x02}}b.", "sets the state of a dict"),
    (b"\x80\x02ctorch\nFloatStorage\n)R.", "calls a"),
    (b"\x80\x02]]\x85R.", "calls a list"),
    (b"\x82\x01.", "EXT1"),
  ],
)
def test_refuses_opcodes_that_build_objects(tmp_path, content, found):
  path = write_zip(tmp_path / "x.pth", content)
  with pytest.raises(UnsafeCheckpointError, match=found):
    load_state_dict(path)


@pytest.mark.parametrize(
  "numbers",
  [
    {"shape": (7,), "strides": (1,)},
    {"shape": (6,), "strides": (1,), "offset": 1},
    {"shape": (3, 3), "strides": (3, 1)},
    {"shape": (2,), "strides": (2**30,)},
    {"shape": (-1,), "strides": (1,)},
    {"shape": (2,), "strides": (-1,), "offset": 3},
    {"shape": (2,), "strides": (1,), "offset": -1},
    {"shape": (2, 2), "strides": (1,)},
    {"shape": (1,) * 40, "strides": (1,) * 40},
    {"shape": (2,), "strides": (1,), "size": -6},
  ],
)
def test_refuses_tensors_beyond_their_storage(tmp_path, numbers):
  path = write_zip(tmp_path / "x.pth", dict_pickle(a=tensor_opcodes(**numbers)))
  with pytest.raises(CheckpointError, match=r"x\.pth: the pickle inside is"):
    load_state_dict(path)


def test_refuses_a_storage_of_another_size(tmp_path):
  content = dict_pickle(a=tensor_opcodes(shape=(7,), strides=(1,), size=7))
  path = write_zip(tmp_path / "x.pth", content)
  with pytest.raises(CheckpointError, match="should have 28 bytes, found 24"):
    load_state_dict(path)


def test_refuses_bombs(tmp_path):
  many = tensor_opcodes(shape=(30000, 30000), strides=(0, 0))
  path = write_zip(tmp_path / "strides.pth", dict_pickle(a=many))
  with pytest.raises(CheckpointError, match="would unfold to"):
    load_state_dict(path)
  size = 20 * 2**20
  big = tensor_opcodes(shape=(size,), strides=(1,), size=size)
  path = write_zip(
    tmp_path / "zeros.pth",
    dict_pickle(a=big),
    {"0": bytes(4 * size)},
    compression=zipfile.ZIP_DEFLATED,
    compresslevel=1,
  )
  assert path.stat().st_size < 2**20
  with pytest.raises(CheckpointError, match="would unfold to"):
    load_state_dict(path)


def test_shared_memory_is_not_shared_afterwards():
  state = load_state_dict(DATA / "zip.pth")
  before = state["slice"].copy()
  state["shared"][:] = 0
  np.testing.assert_array_equal(state["slice"], before)


def _npz():
  file = io.BytesIO()
  np.savez(file, a=np.zeros(3))
  return file.getvalue()


def _tar():
  file = io.BytesIO()
  with tarfile.open(fileobj=file, mode="w") as archive:
    archive.addfile(tarfile.TarInfo("sys_info"))
  return file.getvalue()


@pytest.mark.parametrize(
  ("content", "found"),
  [
    (b"", "empty"),
    (struct.pack("<Q", 50) + b'{"a": {"dtype": "F32"', "safetensors"),
    (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5"),
    (b"<!DOCTYPE html><html></html>", "HTML"),
    (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    (_tar(), "tar archive"),
    (_npz(), "one data.pkl.*found a.npy"),
    (b"PK\x03\x04" + bytes(40), "damaged or cut short"),
    (b"\x89PNG\r\n\x1a\n" + bytes(50), r"starts with b'.x89PNG"),
    (pickle.dumps({"a": 1}), "starts with"),
    (b"hello", "starts with b'hello'"),
    (MAGIC + pickle.dumps(7), "expected format 1001, found 7"),
  ],
)
def test_foreign_files(tmp_path, content, found):
  path = tmp_path / "foreign.pth"
  path.write_bytes(content)
  with pytest.raises(CheckpointError, match=rf"(?s)foreign\.pth: .*{found}"):
    load_state_dict(path)


def test_torchscript_is_named(tmp_path):
  path = write_zip(tmp_path / "x.pt", b"\x80\x02}.")
  with zipfile.ZipFile(path, "a") as archive:
    archive.writestr("archive/constants.pkl", b"\x80\x02).")
  with pytest.raises(CheckpointError, match="TorchScript"):
    load_state_dict(path)


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_truncated_files(tmp_path, name):
  data = (DATA / name).read_bytes()
  path = tmp_path / "cut.pth"
  for length in range(1, len(data) - 1, 97):
    path.write_bytes(data[:length])
    with pytest.raises(CheckpointError, match=r"cut\.pth: "):
      load_state_dict(path)


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_damaged_files_give_tensors_or_one_error(tmp_path, name):
  data = (DATA / name).read_bytes()
  rng = random.Random(0)
  path = tmp_path / "damaged.pth"
  outcomes = {"read": 0, "refused": 0}
  for _ in range(300):
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 4)):
      damaged[rng.randrange(len(data))] = rng.randrange(256)
    path.write_bytes(damaged)
    try:
      with warnings.catch_warnings():
        # The standard library warns of odd archives; the reader judges them.
        warnings.simplefilter("ignore")
        state = load_state_dict(path)
    except CheckpointError:
      outcomes["refused"] += 1
    else:
      assert all(isinstance(x, np.ndarray) for x in state.values())
      outcomes["read"] += 1
  assert outcomes["refused"] > 50


def test_missing_file(tmp_path):
  with pytest.raises(FileNotFoundError):
    load_state_dict(tmp_path / "none.pth")
