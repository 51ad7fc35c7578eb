"""Features of pictures, from which distances between sets are computed.

Threads decode and resize, all local devices compute, and hosts share the
pictures out among themselves. Neither threads nor batches, devices or hosts
change the result beyond the rounding of float32.
"""

import collections
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from gansynth import images, parallel, resampling
from gansynth.data import pipeline
from gansynth.evaluation.moments import Moments, Statistics
from gansynth.metrics import picture_sets
from gansynth.models import inception

RESIZES = ("legacy", "clean")
DIMS = tuple(inception.DIMS)
KEEP = 20_000

_SIZE = (inception.SIZE, inception.SIZE)
# Pixels of a picture from which on resizing on the host costs less than
# sending it: bilinear resizing without smoothing looks at few of them.
_MANY_PIXELS = 2**21
# Batches that devices are given before the results of the first are awaited.
_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class Features:
  """Features of a set of pictures, the same on every host.

  Attributes:
    values: (pictures, dims), float32 where the network computes in it or less;
      of the first pictures only, if there were more than were to be kept.
    names: of the pictures of `values`.
    count: pictures that there were.
    made_by: what the features can be compared with; JSON.
    moments: of all pictures where `values` are not of all; else None.
  """

  values: np.ndarray
  names: tuple[str, ...]
  count: int
  made_by: Mapping[str, Any]
  moments: Moments | None = None

  @property
  def complete(self) -> bool:
    """Whether `values` are of all pictures."""
    return self.moments is None

  def statistics(self) -> Statistics:
    """Mean and covariance over all pictures.

    Raises:
      ValueError: there are fewer than two.
    """
    moments = self.moments
    if moments is None:
      moments = Moments(self.values.shape[1])
      moments.add(self.values)
    return moments.statistics(self.made_by)


class FeatureExtractor:
  """A feature network with its weights, as a function of sets of pictures.

  Attributes:
    made_by: what features can be compared with: network, weights, resize and
      dims.
    dims: width of the features.
  """

  def __init__(
    self,
    network: nn.Module,
    variables: Any,
    made_by: Mapping[str, Any],
    *,
    dims: int = 2048,
    resize: str = "legacy",
    batch_size: int = 32,
    keep: int = KEEP,
    dtype: Any = "float32",
  ) -> None:
    """Takes a network, as `published.load("fid_inception")` returns it.

    Args:
      network: a `models.FidInception`.
      variables: its variables.
      made_by: which network it is, with which weights.
      dims: width of the features, which tells the layer: 64, 192, 768, 2048.
      resize: `legacy`, as pytorch-fid: bilinear without smoothing where a
        picture shrinks; or `clean`, as clean-fid: bicubic with smoothing,
        not rounded to bytes. Both to 299 x 299 pixels.
      batch_size: pictures at a time on all local devices together, rounded up
        to a multiple of them.
      keep: pictures whose features are kept; of more only mean and covariance
        are known.
      dtype: of the computation.

    Raises:
      ValueError: there are no such dims or resizing.
    """
    if dims not in DIMS:
      raise ValueError(
        f"dims is {dims}; expected one of {', '.join(map(str, DIMS))}"
      )
    check_resize(resize)
    self.dims = dims
    self.made_by = {**made_by, "resize": resize, "dims": dims}
    self._resize = resize
    self._keep = keep
    devices = jax.local_device_count()
    self._batch_size = -(-batch_size // devices) * devices
    network = network.clone(
      taps=(inception.DIMS[dims],), folded=True, dtype=dtype
    )
    self._variables = parallel.replicate(inception.fold(variables))
    self._scale = parallel.map_shares(
      functools.partial(_scaled, resize=resize, dtype=dtype)
    )
    self._compute = parallel.map_shares(
      lambda variables, x: network.apply(variables, x)[0]
    )

  def features(
    self,
    pictures: Iterable[np.ndarray],
    names: Iterable[str] = (),
    *,
    split_hosts: bool = True,
    progress: Callable[[int], Any] | None = None,
  ) -> Features:
    """Computes features of a set of pictures.

    Args:
      pictures: uint8 (height, width, 3), grey or with transparency too, of
        any sizes: a sequence such as a `PictureSet`, which threads read ahead,
        or anything that yields them.
      names: of the pictures given; empty: those of a `PictureSet`, else their
        numbers.
      split_hosts: every host is given the same pictures and looks at a share.
        False: the pictures are this host's own, h, h + n, ... of all on host
        h of n.
      progress: called with a number of pictures that are done on this host.

    Returns:
      The features of all hosts' pictures, in order, on every host.

    Raises:
      ValueError: there are no pictures, or one cannot be read, which the
        message names; on other hosts the message names this one.
    """
    host, hosts = 0, 1
    if split_hosts:
      host, hosts = jax.process_index(), jax.process_count()

    def mine():
      given = tuple(names)
      if isinstance(pictures, Sequence | np.ndarray) and len(pictures):
        known = picture_sets.of_arrays(pictures, given)
        given = known.names
        items = _read_ahead(known, self._resize, host, hosts)
      else:
        shared = itertools.islice(pictures, host, None, hosts)
        items = _prepared(shared, self._resize)
      return *self._rows(self._computed(items), progress), given[host::hosts]

    return self._joined(*parallel.on_every_host(mine))

  def _computed(self, items: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields features of batches while later batches are made."""
    waiting = collections.deque()

    def fetch():
      result, count = waiting.popleft()
      return np.asarray(result).reshape(-1, self.dims)[:count]

    while batch := list(itertools.islice(items, self._batch_size)):
      shares = parallel.split_batch(_stacked(batch, self._batch_size))
      # Devices differ in how they multiply float32 unless they are told.
      with jax.default_matmul_precision("highest"):
        result = self._compute(self._variables, (self._scale((), (shares,)),))
      waiting.append((result, len(batch)))
      if len(waiting) > _AHEAD:
        yield fetch()
    while waiting:
      yield fetch()

  def _rows(self, batches, progress):
    """This host's features, those beyond its share to be kept as moments."""
    most = -(-self._keep // jax.process_count())
    kept, number, beyond = [], 0, None
    for batch in batches:
      part = batch[: most - number]
      kept.append(part)
      number += len(part)
      if len(part) < len(batch):
        beyond = beyond or Moments(self.dims)
        beyond.add(batch[len(part) :])
      if progress is not None:
        progress(len(batch))
    values = np.concatenate([*kept, np.zeros((0, self.dims), np.float32)])
    return values, beyond

  def _joined(self, values, beyond, names):
    """Puts together what all hosts have."""
    names = list(names[: len(values)])
    known = len(names) == len(values)
    names = parallel.join_shares(names if known else [""] * len(values))
    names = [name or f"{i:06d}" for i, name in enumerate(names)]
    beyond = beyond or Moments(self.dims)
    values = parallel.join_shares(values)
    count = len(values) + int(parallel.sum_over_hosts(np.array(beyond.count)))
    if not count:
      raise ValueError("there are no pictures to compute features of")
    moments = None
    if count > self._keep:
      moments = _over_hosts(beyond)
      moments.add(values)
      values, names = values[: self._keep], names[: self._keep]
    return Features(values, tuple(names), count, self.made_by, moments)


def check_resize(resize: str) -> None:
  """Raises ValueError where there is no such resizing."""
  if resize not in RESIZES:
    raise ValueError(
      f"resize is {resize!r}; expected one of {', '.join(RESIZES)}"
    )


def resized(picture: np.ndarray, resize: str) -> np.ndarray:
  """Resizes a picture as Inception is shown it.

  Args:
    picture: uint8 (height, width, 3).
    resize: see `FeatureExtractor`.

  Returns:
    float32 (299, 299, 3) in [0, 255], not rounded.

  Reference: Parmar, Zhang, Zhu, "On Aliased Resizing and Surprising Subtleties
  in GAN Evaluation", CVPR 2022, for `clean`.
  """
  if picture.shape[:2] == _SIZE:
    return picture.astype(np.float32)
  if resize == "legacy":
    return resampling.sample_bilinear_on_host(picture, _SIZE)
  return images.resize(picture.astype(np.float32), _SIZE).clip(0, 255)


def _scaled(variables, x, *, resize, dtype):
  """What the network is shown, of pictures in [0, 255] of one size."""
  del variables
  x = resampling.sample_bilinear(x, _SIZE).astype(dtype)
  return (x - 128) / 128 if resize == "clean" else (x - 127.5) / 127.5


class _Prepared:
  """Pictures as devices are sent them, made in the threads of a pipeline."""

  def __init__(self, pictures, prepare):
    self._pictures = pictures
    self._prepare = prepare

  def __len__(self):
    return len(self._pictures)

  def __getitem__(self, index):
    return self._prepare(self._pictures[index])


def _read_ahead(pictures, resize, host, hosts):
  """This host's pictures of a set, read by threads."""
  prepare = _preparation(pictures[0].shape, resize)
  return pipeline.eval_items(
    _Prepared(pictures, prepare), host_index=host, host_count=hosts
  )


def _prepared(pictures, resize):
  """Pictures that come one by one."""
  pictures = (
    picture_sets.as_rgb(picture, f"picture {index}")
    for index, picture in enumerate(pictures)
  )
  for first in pictures:
    prepare = _preparation(first.shape, resize)
    yield from map(prepare, itertools.chain([first], pictures))


def _preparation(shape, resize):
  """How a picture is prepared for the devices.

  Bilinear resizing is done on them, for pictures of the first one's size; of
  the others each size would be a compilation.
  """
  on_device = resize == "legacy" and shape[0] * shape[1] <= _MANY_PIXELS

  def prepare(picture):
    if on_device and picture.shape == shape:
      return picture
    return resized(picture, resize)

  return prepare


def _stacked(batch, length):
  """A batch of that length, of bytes if all are; the rest of it is 0."""
  if len({picture.shape for picture in batch}) > 1 or any(
    picture.dtype != np.uint8 for picture in batch
  ):
    batch = [
      resized(picture, "legacy") if picture.dtype == np.uint8 else picture
      for picture in batch
    ]
  stacked = np.zeros((length, *batch[0].shape), batch[0].dtype)
  for place, picture in zip(stacked, batch, strict=False):
    place[...] = picture
  return stacked


def _over_hosts(moments):
  """Adds the moments of all hosts, in their order."""
  gathered = [
    [
      np.frombuffer(data).reshape(array.shape)
      for data in parallel.gather_over_hosts(array.tobytes())
    ]
    for array in moments.to_arrays()
  ]
  merged = Moments(moments.dims)
  for arrays in zip(*gathered, strict=True):
    merged.merge(Moments.from_arrays(*arrays))
  return merged
