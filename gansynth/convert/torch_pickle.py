"""What PyTorch's pickles hold: storages, and tensors as windows onto them."""

import collections
import dataclasses
import sys
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from gansynth.convert import pickle_machine

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
class Storage:
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
class Tensor:
  """A strided window onto a storage."""

  storage: Storage
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
    not isinstance(storage, Storage)
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
  return Tensor(storage, dtype, offset, tuple(shape), tuple(strides))


def _parameter(tensor, *_):
  if not isinstance(tensor, Tensor):
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


def load_pickle(
  stream: BinaryIO, source: str, storages: dict[str, Storage] | None = None
) -> Any:
  """Reads one pickle, in which storages and tensors become windows.

  Args:
    stream: where it starts.
    source: name of the file, for messages.
    storages: filled with the storages that it mentions, by key.

  Raises:
    UnsafeCheckpointError: it names anything but tensors and containers.
    CheckpointError: it is damaged or cut short.
  """
  storages = {} if storages is None else storages

  def persistent(identity):
    # ('storage', class, key, device, size[, view])
    kind, storage_class, key, _, size, *view = identity
    if kind != "storage" or not isinstance(storage_class, _DType):
      raise TypeError(f"a persistent id of kind {kind!r}")
    start, length = 0, None
    if view and view[0] is not None:
      _, start, length = view[0]
    storage = Storage(str(key), storage_class.dtype, size, start, length)
    storages[storage.key] = storage
    return storage

  return pickle_machine.load(
    stream,
    source,
    constructors=_CONSTRUCTORS,
    values=_VALUES,
    persistent=persistent,
  )


def read_array(tensor: Tensor, data: Any, order: str) -> np.ndarray:
  """Copies a tensor out of its storage.

  Args:
    tensor: the window.
    data: the bytes of its whole storage.
    order: `little` or `big`.

  Returns:
    A new array in the machine's byte order.
  """
  if 0 in tensor.shape:
    return np.zeros(tensor.shape, tensor.dtype)
  itemsize = tensor.dtype.itemsize
  first = tensor.storage.start * tensor.storage.dtype.itemsize
  numbers = np.frombuffer(
    data, tensor.dtype, count=(len(data) - first) // itemsize, offset=first
  )
  window = np.lib.stride_tricks.as_strided(
    numbers[tensor.offset :],
    tensor.shape,
    [stride * itemsize for stride in tensor.strides],
    writeable=False,
  )
  array = np.array(window, order="C")
  return array if order == sys.byteorder else array.byteswap()
