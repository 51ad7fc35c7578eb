"""Reads PyTorch's `.pth` files without PyTorch, and without running them.

Both formats of `torch.save` are read: the zip archive of PyTorch 1.6 and
newer, and the stream of pickles and raw storages before it, which the files
of 2017 to 2020 use.
"""

import collections
import io
import math
import mmap
import os
import pathlib
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from gansynth.convert import foreign, torch_pickle
from gansynth.convert.errors import CheckpointError

_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001


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
    head = file.read(foreign.HEAD_BYTES)
    foreign.refuse(pathlib.Path(path), head, "a file written by torch.save")
    if head.startswith(b"PK"):
      content, read_storage = _open_zip(source, file, size)
    else:
      content, read_storage = _open_legacy(source, file, size)
    tensors = _choose_state_dict(source, content, key)
    return _read_tensors(source, tensors, read_storage, size)


def _open_zip(source, file, size):
  """Returns the object in a zip archive and a reader of its storages."""
  try:
    archive = zipfile.ZipFile(file)
  except Exception as e:
    # As below: whatever it stumbles on.
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
  foreign.check_unfolding(source, sum(info.file_size for info in infos), size)

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
  content = torch_pickle.load_pickle(io.BytesIO(read("data.pkl")), source)
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
    magic = torch_pickle.load_pickle(stream, source)
  except CheckpointError as e:
    # A pickle that wants to run something is refused as such.
    if type(e) is not CheckpointError:
      raise
    raise not_torch from e
  if magic != _MAGIC:
    raise not_torch
  protocol = torch_pickle.load_pickle(stream, source)
  if protocol != _LEGACY_PROTOCOL:
    raise CheckpointError(
      f"{source}: expected format {_LEGACY_PROTOCOL}, found {protocol!r}"
    )
  torch_pickle.load_pickle(
    stream, source
  )  # sizes of C types where it was written
  storages = {}
  content = torch_pickle.load_pickle(stream, source, storages)
  keys = torch_pickle.load_pickle(stream, source)
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
      isinstance(key, str) and isinstance(value, torch_pickle.Tensor)
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


def _read_tensors(
  source: str,
  tensors: dict[str, torch_pickle.Tensor],
  read_storage: Callable[[torch_pickle.Storage], tuple[Any, str]],
  size: int,
) -> collections.OrderedDict[str, np.ndarray]:
  foreign.check_unfolding(
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
    arrays[key] = torch_pickle.read_array(tensor, data, order)
  return arrays
