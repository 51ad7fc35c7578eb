"""LPIPS of pictures as they are stored, on all devices.

`models.lpips.Lpips` compares batches of floats of one size; here pairs and
groups of uint8 pictures come one by one, of any size.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from gansynth import parallel
from gansynth.data import pipeline
from gansynth.systems import common

Group = Sequence[np.ndarray]

_PIXELS = 256**2  # of the pictures that `batch_size` counts


class PerceptualDistance:
  """Measures how different pictures look."""

  def __init__(
    self, network: nn.Module, variables: Mapping[str, Any], batch_size: int = 16
  ) -> None:
    """Takes a network, as `published.load("lpips_alex")` returns it.

    Args:
      network: a `models.Lpips`.
      variables: its variables.
      batch_size: pairs of 256 x 256 pixels at once, on all local devices
        together; of larger pictures and of groups there are fewer. Speed and
        memory depend on it, results do not.
    """
    self._network = network
    self._variables = parallel.replicate(variables)
    self._batch_size = batch_size
    self._lengths = {}  # of the batches compiled, by the shape of a group

    def pairwise(variables, groups):
      groups = common.to_unit_range(groups)
      # The same numbers on all devices.
      with jax.default_matmul_precision("highest"):
        return network.apply(variables, groups, method="pairwise")

    self._pairwise = parallel.map_apply(pairwise)

  def distances(
    self,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    names: Sequence[str] | None = None,
    *,
    split_hosts: bool = True,
  ) -> np.ndarray:
    """Measures pairs of pictures.

    Pairs of one size share a compilation, those of another have their own.

    Args:
      pairs: two uint8 RGB pictures (height, width, 3) of one size each. They
        are asked for in threads, once each, so they may be read from files.
      names: of the pairs, for messages; None: their numbers.
      split_hosts: whether every host has the same pairs; then each measures
        its share and gets the results of all. False: they are this host's own.

    Returns:
      float64 (pairs,), in their order; 0 up to rounding for equal pictures,
      mostly below 1.

    Raises:
      ValueError: there is no pair, or the pictures of one differ in size, are
        too small or no uint8 RGB; the message names it.
    """
    return self._measure(pairs, names, split_hosts, lambda _, found: found)

  def within_groups(
    self,
    groups: Sequence[Group],
    names: Sequence[str] | None = None,
    *,
    pairs: int | None = None,
    seed: int = 0,
    split_hosts: bool = True,
  ) -> np.ndarray:
    """How different pictures look that were made of the same input.

    Args:
      groups: the pictures of one input each, at least two, uint8 RGB (height,
        width, 3) of one size; asked for as in `distances`.
      names: of the inputs, for messages; None: their numbers.
      pairs: how many of a group count, drawn without replacement; None, or
        more than there are: all of them.
      seed: of the drawing.
      split_hosts: see `distances`.

    Returns:
      float64 (groups,): the mean distance of each group's pairs; 0 up to
      rounding where all pictures of an input are equal.

    Raises:
      ValueError: there is no group, one has fewer than two pictures, or they
        cannot be compared, see `distances`; the message names it.
    """

    def chosen(index, found):
      if pairs is None or pairs >= len(found):
        return found
      rng = np.random.default_rng((seed, index))
      return rng.choice(found, pairs, replace=False)

    return self._measure(groups, names, split_hosts, chosen)

  def diversity(
    self,
    groups: Sequence[Group],
    names: Sequence[str] | None = None,
    **options: Any,
  ) -> float:
    """The mean of `within_groups`, whose arguments it takes.

    Reference: Zhu et al., "Toward Multimodal Image-to-Image Translation",
    NeurIPS 2017, section 5.2, with `pairs=19` of each of 100 inputs.
    """
    return float(self.within_groups(groups, names, **options).mean())

  def _measure(self, groups, names, split_hosts, chosen):
    """The means over the chosen distances of each group."""
    if not len(groups):
      raise ValueError("there are no pictures to compare; LPIPS needs pairs")
    items = _Checked(groups, names, self._network)
    if not split_hosts:
      return self._share(items, chosen, 0, 1)
    hosts = jax.process_index(), jax.process_count()
    results = parallel.on_every_host(lambda: self._share(items, chosen, *hosts))
    return parallel.sum_over_hosts(results)

  def _share(self, items, chosen, host, hosts):
    """The results of this host's share, 0 for the others."""
    results = np.zeros(len(items))

    def finish(waiting):
      found = self._compare([pictures for _, pictures in waiting])
      for (index, _), distances in zip(waiting, found, strict=True):
        results[index] = chosen(index, distances).mean(dtype=np.float64)

    pending = {}
    for index, pictures in pipeline.eval_items(
      items, host_index=host, host_count=hosts
    ):
      waiting = pending.setdefault(pictures.shape, [])
      waiting.append((index, pictures))
      if len(waiting) == self._limit(pictures.shape):
        finish(pending.pop(pictures.shape))
    for waiting in pending.values():
      finish(waiting)
    return results

  def _limit(self, shape):
    """How many groups of (number, height, width, 3) make a full batch."""
    number, height, width, _ = shape
    share = 2 / number * min(1, _PIXELS / (height * width))
    return _multiple(max(1, int(self._batch_size * share)))

  def _compare(self, groups):
    """Distances (groups, pairs) of groups of one shape.

    A batch that is not full is filled up where a larger one was compiled.
    """
    shape = groups[0].shape
    length = max(_multiple(len(groups)), self._lengths.get(shape, 0))
    self._lengths[shape] = length
    filled = groups + groups[:1] * (length - len(groups))
    return self._pairwise(self._variables, np.stack(filled))[: len(groups)]


class _Checked:
  """Groups by number, each with its number and as one array."""

  def __init__(self, groups, names, network):
    self._groups = groups
    self._names = names
    self._network = network

  def __len__(self):
    return len(self._groups)

  def __getitem__(self, index):
    pictures = [np.asarray(picture) for picture in self._groups[index]]
    name = f"number {index}" if self._names is None else self._names[index]
    if len(pictures) < 2:
      raise ValueError(
        f"{name}: found {len(pictures)} pictures; LPIPS compares at least two"
      )
    for picture in pictures:
      if picture.dtype != np.uint8 or picture.shape[2:] != (3,):
        raise ValueError(
          f"{name}: found {picture.dtype} of shape {picture.shape}; LPIPS "
          "compares uint8 RGB pictures (height, width, 3)"
        )
    sizes = dict.fromkeys(picture.shape[:2] for picture in pictures)
    if len(sizes) > 1:
      found = " and ".join(f"{h} x {w}" for h, w in list(sizes)[:2])
      raise ValueError(
        f"{name}: its pictures are of {len(sizes)} sizes, as {found} pixels "
        "(height x width); LPIPS compares pictures of one size, so resize them "
        "to one"
      )
    try:
      self._network.check_size(pictures[0].shape[:2])
    except ValueError as e:
      raise ValueError(f"{name}: {e}") from e
    return index, np.stack(pictures)


def _multiple(number):
  """The next multiple of the number of devices, which share a batch."""
  devices = jax.local_device_count()
  return math.ceil(number / devices) * devices
