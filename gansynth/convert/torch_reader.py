"""Reads PyTorch's `.pth` files without PyTorch, and without running them.

Both formats of `torch.save` are read: the zip archive of PyTorch 1.6 and
newer, and the stream of pickles and raw storages before it, which the files
of 2017 to 2020 use.
"""

import collections
import dataclasses
import io
import math
import mmap
import os
import pathlib
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from gansynth.convert import pickle_machine
from gansynth.convert.errors import CheckpointError

_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
# How much more than its own size a file may unfold to: tensors may share
# storage, so a little file could otherwise ask for all memory.
_UNFOLD_BYTES = 64 * 2**20
_UNFOLD_FACTOR = 4
# What NumPy can address.
_MAX_DIMENSIONS = 32
_MAX_INDEX = 2**48

_STORAGE_DTYPES = {
  "BFloat16": ml_dtypes.bfloat16,
  "Bool": np.bool_,
  "Byte": np.uint8,
  "Char": np.int8,
  "ComplexDouble": np.complex128,
  "ComplexFloat": np.complex64,
  "Double": np.float64,
  "Float": np.float32,
  "Half": np.float16,
  "Int": np.int32,
  "Long": np.int64,
  "Short": np.int16,
}
_TENSOR_DTYPES = {
  "bfloat16": ml_dtypes.bfloat16,
  "bool": np.bool_,
  "complex64": np.complex64,
  "complex128": np.complex128,
  "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
  "float8_e5m2": ml_dtypes.float8_e5m2,
  "float16": np.float16,
  "float32": np.float32,
  "float64": np.float64,
  "int8": np.int8,
  "int16": np.int16,
  "int32": np.int32,
  "int64": np.int64,
  "uint8": np.uint8,
  "uint16": np.uint16,
  "uint32": np.uint32,
  "uint64": np.uint64,
}


@dataclasses.dataclass(frozen=True)
class _DType:
  """What a dtype or a storage class in a pickle stands for."""

  dtype: np.dtype


@dataclasses.dataclass(frozen=True)
class _Storage:
  """A run of numbers in the file."""

  key: str
  dtype: np.dtype
  size: int  # numbers in the whole storage
  start: int = 0  # of a view of it
  length: int | None = None

  def __post_init__(self):
    length = self.size if self.length is None else self.length
    if (
      not all(_is_count(x) for x in (self.size, self.start, length))
      or self.start + length > self.size
    ):
      raise ValueError(
        f"storage {self.key} of {self.size} numbers has a view of {length} "
        f"from {self.start}"
      )


@dataclasses.dataclass(frozen=True)
class _Tensor:
  """A strided window onto a storage."""

  storage: _Storage
  dtype: np.dtype
  offset: int  # all three in numbers of `dtype`, not bytes
  shape: tuple[int, ...]
  strides: tuple[int, ...]


def _is_count(x: Any) -> bool:
  return type(x) is int and x >= 0


def _values() -> dict[str, _DType]:
  values = {
    f"torch.{name}": _DType(np.dtype(dtype))
    for name, dtype in _TENSOR_DTYPES.items()
  }
  for name, dtype in _STORAGE_DTYPES.items():
    values[f"torch.{name}Storage"] = _DType(np.dtype(dtype))
    values[f"torch.cuda.{name}Storage"] = _DType(np.dtype(dtype))
  for module in ("torch", "torch.storage"):
    values[f"{module}.UntypedStorage"] = _DType(np.dtype(np.uint8))
  return values


def _tensor(storage, offset, shape, strides, *_):
  return _typed_tensor(storage, offset, shape, strides, storage.dtype)


def _tensor_v3(storage, offset, shape, strides, grad, hooks, dtype, *_):
  del grad, hooks
  return _typed_tensor(storage, offset, shape, strides, dtype.dtype)


def _typed_tensor(storage, offset, shape, strides, dtype):
  if (
    not isinstance(storage, _Storage)
    or len(shape) != len(strides)
    or len(shape) > _MAX_DIMENSIONS
    or not all(_is_count(x) for x in (offset, *shape, *strides))
    or max((offset, *shape, *strides)) > _MAX_INDEX
  ):
    raise ValueError(
      f"a tensor of shape {shape}, strides {strides} and offset {offset}"
    )
  length = storage.size if storage.length is None else storage.length
  available = length * storage.dtype.itemsize // dtype.itemsize
  if 0 not in shape:
    last = sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if offset + last >= available:
      raise ValueError(
        f"a tensor of shape {tuple(shape)}, strides {tuple(strides)} and "
        f"offset {offset} reaches beyond its storage of {available} numbers"
      )
  return _Tensor(storage, dtype, offset, tuple(shape), tuple(strides))


def _parameter(tensor, *_):
  if not isinstance(tensor, _Tensor):
    raise TypeError("a parameter that is no tensor")
  return tensor


def _ordered_dict(*arguments):
  result = collections.OrderedDict()
  for key, value in arguments[0] if arguments else ():
    if not isinstance(key, str):
      raise TypeError(f"a key that is a {type(key).__name__}")
    result[key] = value
  return result


_VALUES = _values()
_CONSTRUCTORS = {
  "collections.OrderedDict": _ordered_dict,
  "torch._utils._rebuild_parameter": _parameter,
  "torch._utils._rebuild_tensor": _tensor,
  "torch._utils._rebuild_tensor_v2": _tensor,
  "torch._utils._rebuild_tensor_v3": _tensor_v3,
  "torch.Size": lambda sizes=(): tuple(sizes),
}


def _load_pickle(stream, source, storages=None):
  """Reads one pickle; its storages are added to `storages` by key."""
  storages = {} if storages is None else storages

  def persistent(identity):
    # ('storage', class, key, device, size[, view])
    kind, storage_class, key, _, size, *view = identity
    if kind != "storage" or not isinstance(storage_class, _DType):
      raise TypeError(f"a persistent id of kind {kind!r}")
    start, length = 0, None
    if view and view[0] is not None:
      _, start, length = view[0]
    storage = _Storage(str(key), storage_class.dtype, size, start, length)
    storages[storage.key] = storage
    return storage

  return pickle_machine.load(
    stream,
    source,
    constructors=_CONSTRUCTORS,
    values=_VALUES,
    persistent=persistent,
  )


def load_state_dict(
  path: str | os.PathLike[str], key: str | None = None
) -> collections.OrderedDict[str, np.ndarray]:
  """Reads the tensors of a `.pth` or `.pt` file.

  Args:
    path: a file written by `torch.save`: a bare state dict, or a dict that
      holds one (a training state).
    key: which entry of a training state to take, where it holds several.

  Returns:
    Arrays by key, in the file's order, each in its own dtype and layout
    (bfloat16 as `ml_dtypes.bfloat16`). Devices, gradients and versions that
    the file mentions are ignored.

  Raises:
    UnsafeCheckpointError: the file names anything but tensors and plain
      containers. Nothing of it is run.
    CheckpointError: the file is damaged, cut short, of another format, or
      holds no state dict or several.
  """
  source = str(path)
  with pathlib.Path(path).open("rb") as file:
    size = os.fstat(file.fileno()).st_size
    head = file.read(512)
    if not head:
      raise CheckpointError(f"{source}: the file is empty")
    _refuse_foreign(source, path, head)
    if head.startswith(b"PK"):
      content, read_storage = _open_zip(source, file, size)
    else:
      content, read_storage = _open_legacy(source, file, size)
    tensors = _choose_state_dict(source, content, key)
    return _read_tensors(source, tensors, read_storage, size)


def _refuse_foreign(source, path, head):
  found = None
  if len(head) > 8 and head[8:9] == b"{":
    found = "safetensors"
  elif head.startswith(b"\x89HDF"):
    found = "HDF5"
  elif head.startswith(b"\x93NUMPY"):
    found = "NumPy"
  elif head.lstrip()[:1] == b"<":
    found = "HTML or XML"
  elif head.startswith(b"version https://git-lfs"):
    found = "a Git LFS pointer"
  elif tarfile.is_tarfile(path):
    found = "a tar archive (PyTorch before 0.1.10, or an archive of files)"
  if found:
    raise CheckpointError(
      f"{source}: expected a file written by torch.save, found {found}; "
      "convert it with the program it comes from, or download it again"
    )


def _open_zip(source, file, size):
  """Returns the object in a zip archive and a reader of its storages."""
  try:
    archive = zipfile.ZipFile(file)
  except (zipfile.BadZipFile, OSError, ValueError) as e:
    raise CheckpointError(
      f"{source}: the zip archive is damaged or cut short ({e}); get the file "
      "again"
    ) from e
  infos = archive.infolist()
  names = {info.filename for info in infos}
  pickles = [name for name in names if name.split("/", 1)[-1] == "data.pkl"]
  if len(pickles) != 1:
    raise CheckpointError(
      f"{source}: expected a zip archive with one data.pkl, as torch.save "
      f"writes it, found {', '.join(sorted(names)[:5]) or 'nothing'}"
    )
  prefix = pickles[0][: -len("data.pkl")]
  if f"{prefix}constants.pkl" in names:
    raise CheckpointError(
      f"{source}: this is a TorchScript archive, which holds a program; save "
      "its state_dict() where it comes from"
    )
  _check_unfolding(source, sum(info.file_size for info in infos), size)

  def read(name):
    try:
      return archive.read(prefix + name)
    except KeyError as e:
      raise CheckpointError(
        f"{source}: the record {name} is missing; get the file again"
      ) from e
    except Exception as e:
      # zipfile reports damage as BadZipFile, zlib.error, EOFError,
      # NotImplementedError or RuntimeError, whichever it stumbles on.
      raise CheckpointError(
        f"{source}: the record {name} is damaged ({e}); get the file again"
      ) from e

  order = "little"
  if f"{prefix}byteorder" in names:
    order = read("byteorder").decode("ascii", "replace").strip()
    if order not in ("little", "big"):
      raise CheckpointError(f"{source}: unknown byte order {order!r}")
  content = _load_pickle(io.BytesIO(read("data.pkl")), source)
  records = {}

  def read_storage(storage):
    if storage.key not in records:
      records[storage.key] = read(f"data/{storage.key}")
    return records[storage.key], order

  return content, read_storage


def _open_legacy(source, file, size):
  """Returns the object in a stream of pickles, and a reader of storages."""
  stream = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
  not_torch = CheckpointError(
    f"{source}: expected a file written by torch.save, found one that starts "
    f"with {bytes(stream[:8])!r}"
  )
  try:
    magic = _load_pickle(stream, source)
  except CheckpointError as e:
    # A pickle that wants to run something is refused as such.
    if type(e) is not CheckpointError:
      raise
    raise not_torch from e
  if magic != _MAGIC:
    raise not_torch
  protocol = _load_pickle(stream, source)
  if protocol != _LEGACY_PROTOCOL:
    raise CheckpointError(
      f"{source}: expected format {_LEGACY_PROTOCOL}, found {protocol!r}"
    )
  _load_pickle(stream, source)  # sizes of C types where it was written
  storages = {}
  content = _load_pickle(stream, source, storages)
  keys = _load_pickle(stream, source)
  if not isinstance(keys, list):
    raise CheckpointError(f"{source}: the list of storages is damaged")
  keys = [str(key) for key in keys]
  unmatched = sorted(set(keys) ^ set(storages))
  if unmatched or len(set(keys)) != len(keys):
    raise CheckpointError(
      f"{source}: the tensors and the list of storages disagree on storage "
      f"{', '.join(unmatched) or 'order'}; get the file again"
    )
  # The storages follow in the order of the list, each led by its count.
  records = {}
  for key in keys:
    storage = storages[key]
    head = stream.read(8)
    length = storage.size * storage.dtype.itemsize
    # The count is in the writing machine's byte order, the numbers are
    # always little-endian.
    if len(head) == 8 and storage.size not in (
      int.from_bytes(head, "little"),
      int.from_bytes(head, "big"),
    ):
      raise CheckpointError(
        f"{source}: storage {key} should have {storage.size} numbers, found "
        f"{int.from_bytes(head, 'little')}; get the file again"
      )
    start = stream.tell()
    if start + length > size:
      raise CheckpointError(
        f"{source}: the file is cut short, storage {key} should end at byte "
        f"{start + length} of {size}; get the file again"
      )
    records[key] = memoryview(stream)[start : start + length]
    stream.seek(start + length)
  return content, lambda storage: (records[storage.key], "little")


def _is_state_dict(item):
  return (
    isinstance(item, dict)
    and bool(item)
    and all(
      isinstance(key, str) and isinstance(value, _Tensor)
      for key, value in item.items()
    )
  )


def _choose_state_dict(source, content, key):
  if key is not None and isinstance(content, dict):
    if not _is_state_dict(content.get(key)):
      raise CheckpointError(
        f"{source}: no state dict under {key!r}; the file holds "
        f"{', '.join(map(repr, list(content)[:10]))}"
      )
    return content[key]
  if _is_state_dict(content):
    return content
  if not isinstance(content, dict):
    raise CheckpointError(
      f"{source}: expected a state dict, found a "
      f"{type(content).__name__.strip('_').lower()}"
    )
  nested = [name for name, item in content.items() if _is_state_dict(item)]
  if len(nested) == 1:
    return content[nested[0]]
  if nested:
    raise CheckpointError(
      f"{source}: the file holds several state dicts, "
      f"{', '.join(map(repr, nested))}; say which with key"
    )
  raise CheckpointError(
    f"{source}: no state dict in the file; it holds "
    f"{', '.join(map(repr, list(content)[:10])) or 'nothing'}"
  )


def _check_unfolding(source, wanted, size):
  if wanted > _UNFOLD_BYTES + _UNFOLD_FACTOR * size:
    raise CheckpointError(
      f"{source}: {size} bytes of file would unfold to {wanted} bytes; no "
      "checkpoint does that"
    )


def _read_tensors(
  source: str,
  tensors: dict[str, _Tensor],
  read_storage: Callable[[_Storage], tuple[Any, str]],
  size: int,
) -> collections.OrderedDict[str, np.ndarray]:
  _check_unfolding(
    source,
    sum(t.dtype.itemsize * math.prod(t.shape) for t in tensors.values()),
    size,
  )
  arrays = collections.OrderedDict()
  for key, tensor in tensors.items():
    storage = tensor.storage
    data, order = read_storage(storage)
    expected = storage.size * storage.dtype.itemsize
    if len(data) != expected:
      raise CheckpointError(
        f"{source}: storage {storage.key} of {key!r} should have {expected} "
        f"bytes, found {len(data)}; get the file again"
      )
    if 0 in tensor.shape:
      arrays[key] = np.zeros(tensor.shape, tensor.dtype)
      continue
    first = storage.start * storage.dtype.itemsize
    numbers = np.frombuffer(
      data,
      tensor.dtype,
      count=(len(data) - first) // tensor.dtype.itemsize,
      offset=first,
    )
    window = np.lib.stride_tricks.as_strided(
      numbers[tensor.offset :],
      tensor.shape,
      [s * tensor.dtype.itemsize for s in tensor.strides],
      writeable=False,
    )
    array = np.array(window, order="C")
    arrays[key] = array.byteswap() if order == "big" else array
  return arrays
