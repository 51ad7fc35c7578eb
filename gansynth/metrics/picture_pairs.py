"""Generated pictures beside the true ones, and how alike they are."""

import concurrent.futures
import pathlib
from collections.abc import Sequence

import jax
import numpy as np

from gansynth import parallel
from gansynth.data import pipeline
from gansynth.evaluation import pixels
from gansynth.metrics.picture_sets import PictureSet

PIXEL_METRICS = {"psnr": pixels.psnr, "ssim": pixels.ssim}
_SHOWN = 3  # names in a message


class PairError(ValueError):
  """Pictures that cannot be compared one by one; the message names them."""


class Pairs(Sequence[tuple[np.ndarray, np.ndarray]]):
  """Pairs of a generated and a true picture, read when asked for.

  Attributes:
    names: of the generated pictures.
    notes: which pictures are left out.
  """

  def __init__(
    self,
    generated: PictureSet,
    real: PictureSet,
    places: Sequence[tuple[int, int]],
  ) -> None:
    """Takes two sets, and the places in them of what belongs together."""
    self._sets = generated, real
    self._places = tuple(places)
    self.names = tuple(generated.names[place] for place, _ in self._places)
    self.notes = tuple(
      f"{len(pictures) - len(self._places)} of the {len(pictures)} pictures of "
      f"{pictures.place} have no partner and are left out of pairs"
      for pictures in self._sets
      if len(pictures) > len(self._places)
    )

  def __len__(self) -> int:
    return len(self._places)

  def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
    generated, real = (
      pictures[place]
      for pictures, place in zip(self._sets, self._places[index], strict=True)
    )
    return generated, real

  def check_sizes(self) -> None:
    """Refuses pictures of different sizes, as far as files' headers tell.

    Raises:
      PairError: the two of a pair differ; the message names them.
      images.ImageError: a file has no readable header.
    """
    with concurrent.futures.ThreadPoolExecutor() as threads:
      sizes = list(threads.map(self._sizes, self._places))
    wrong = [
      index
      for index, both in enumerate(sizes)
      if None not in both and both[0] != both[1]
    ]
    if wrong:
      made, real = (
        f"{pictures.place}: {pictures.names[place]}"
        for pictures, place in zip(
          self._sets, self._places[wrong[0]], strict=True
        )
      )
      more = f" (and {len(wrong) - 1} more pairs differ)" if wrong[1:] else ""
      raise _different(made, real, *sizes[wrong[0]], more)

  def _sizes(self, places):
    return [
      pictures.size(place)
      for pictures, place in zip(self._sets, places, strict=True)
    ]


def by_name(generated: PictureSet, real: PictureSet) -> Pairs:
  """Pairs pictures whose paths in both sets are the same but for the ending.

  Where none are, the names of the files decide, whatever their folders.

  Raises:
    PairError: two pictures of a set have one name, or none is in both.
  """
  for name_of in (_path, _stem):
    keys = [_places_by(pictures, name_of) for pictures in (generated, real)]
    common = [key for key in keys[0] if key in keys[1]]
    if common:
      break
  else:
    first, second = (
      f"{pictures.place} ({', '.join(pictures.names[:_SHOWN])}, ...)"
      for pictures in (generated, real)
    )
    raise PairError(
      f"no picture of {first} has a partner of the same name in {second}; "
      f"{', '.join(('lpips', *PIXEL_METRICS))} compare pictures of the same "
      "name, endings aside. Name them alike, or leave these metrics out"
    )
  for pictures, places in zip((generated, real), keys, strict=True):
    for key in common:
      if len(places[key]) > 1:
        names = [pictures.names[place] for place in places[key][:_SHOWN]]
        raise PairError(
          f"{pictures.place}: {', '.join(names)} are all called {key}, so it "
          "is not known which one a partner belongs to; leave one there"
        )
  return Pairs(
    generated, real, [(keys[0][key][0], keys[1][key][0]) for key in common]
  )


def _path(name):
  return str(pathlib.PurePosixPath(name).with_suffix(""))


def _stem(name):
  return pathlib.PurePosixPath(name).stem


def _places_by(pictures, name_of):
  places = {}
  for place, name in enumerate(pictures.names):
    places.setdefault(name_of(name), []).append(place)
  return places


def pixel_scores(
  pairs: Sequence[tuple[np.ndarray, np.ndarray]],
  metrics: Sequence[str],
  names: Sequence[str],
  *,
  split_hosts: bool = True,
) -> dict[str, np.ndarray]:
  """Scores pairs by PSNR and SSIM, in threads.

  Args:
    pairs: uint8 pictures of one size each.
    metrics: of `PIXEL_METRICS`.
    names: of the pairs, for messages.
    split_hosts: every host has the same pairs and scores a share. False: they
      are this host's own, h, h + n, ... of all on host h of n.

  Returns:
    float64 (pairs of all hosts,) by metric, on every host.

  Raises:
    PairError: the pictures of a pair cannot be compared.
  """
  host, hosts = 0, 1
  if split_hosts:
    host, hosts = jax.process_index(), jax.process_count()
  scored = _Scored(pairs, metrics, names)
  found = parallel.on_every_host(
    lambda: list(
      pipeline.eval_items(scored, host_index=host, host_count=hosts)
      if len(scored)
      else ()
    )
  )
  table = np.array(found, np.float64).reshape(-1, len(metrics))
  return dict(zip(metrics, parallel.join_shares(table).T, strict=True))


class _Scored:
  """Scores of pairs, for the threads of a pipeline."""

  def __init__(self, pairs, metrics, names):
    self._pairs = pairs
    self._metrics = [PIXEL_METRICS[name] for name in metrics]
    self._names = names

  def __len__(self):
    return len(self._pairs)

  def __getitem__(self, index):
    generated, true = self._pairs[index]
    check_sizes(generated, true, self._names[index])
    try:
      return [metric(generated, true) for metric in self._metrics]
    except ValueError as error:
      raise PairError(f"{self._names[index]}: {error}") from error


def check_sizes(generated: np.ndarray, true: np.ndarray, name: str) -> None:
  """Raises PairError where the pictures of a pair differ in size."""
  if generated.shape != true.shape:
    made = f"{name}: the generated picture"
    raise _different(made, "the true one", generated.shape, true.shape)


def _different(made, real, made_shape, real_shape, more=""):
  sizes = [f"{shape[0]} x {shape[1]}" for shape in (made_shape, real_shape)]
  return PairError(
    f"{made} has {sizes[0]} pixels (height x width) and {real} {sizes[1]}"
    f"{more}; resize one of them, since pictures are compared pixel by pixel"
  )
