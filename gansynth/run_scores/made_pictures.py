"""What a system made of a test set while it was measured."""

import dataclasses
import io
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from gansynth import parallel
from gansynth.reports import evaluation_record
from gansynth.reports.evaluation_record import Shown

# Called with a direction, a test item, what was made of it (a picture in uint8,
# or classes) and its scores: once for each, in the order of this host's items.
Observer = Callable[[str, dict[str, Any], np.ndarray, dict[str, float]], None]


# What is shown beside a picture that has no true one: any true picture.
OTHER_REAL = "real_unpaired"

_PRUNE_EVERY = 64  # pictures


@dataclasses.dataclass(frozen=True)
class Made:
  """What was made of one test item.

  Attributes:
    index: of the item in the test set.
    name: of the scored picture; those of two directions differ.
    picture: uint8 (height, width, 3), or the classes of a segmenter; None: it
      was not kept.
    scores: its own.
  """

  index: int
  name: str
  picture: np.ndarray | None
  scores: Mapping[str, float]


class MadePictures:
  """Keeps what is made on this host, by direction; an `Observer`.

  Pictures are kept in memory: 1000 of 256 x 256 pixels take 200 MB.
  """

  def __init__(
    self, counts: Mapping[str, int], best: int | None = None
  ) -> None:
    """Takes how many pictures there are.

    Args:
      counts: by direction, over all hosts. Items from there on are repetitions,
        which are not kept.
      best: of how many of the best and the worst by each score the pictures
        are kept; None: of all.
    """
    self._counts = dict(counts)
    self._best = best
    self._seen = dict.fromkeys(counts, 0)
    self._made: dict[str, list[Made]] = {name: [] for name in counts}

  def __call__(
    self,
    direction: str,
    item: dict[str, Any],
    picture: np.ndarray,
    scores: dict[str, float],
  ) -> None:
    """Keeps a picture."""
    # Hosts take turns, item by item, see `pipeline.eval_items`.
    turn = self._seen[direction]
    self._seen[direction] += 1
    index = jax.process_index() + turn * jax.process_count()
    if index >= self._counts[direction]:
      return
    side = f"name_{direction[:1].lower()}"
    name = str(item.get(side, item.get("name", f"{index:06d}")))
    if len(self._counts) > 1:
      name = f"{direction}/{name}"
    made = self._made[direction]
    made.append(Made(index, name, picture, scores))
    if self._best is not None and len(made) % _PRUNE_EVERY == 0:
      self._prune(direction)

  def __getitem__(self, direction: str) -> list[Made]:
    """What was made on this host in a direction, in order."""
    return self._made[direction]

  def scores(self) -> dict[str, dict[str, float]]:
    """The scores of this host's pictures, by metric and name."""
    return _by_metric(itertools.chain.from_iterable(self._made.values()))

  def _prune(self, direction: str) -> None:
    made = self._made[direction]
    best = set(choose(_by_metric(made), [x.name for x in made], self._best))
    self._made[direction] = [
      x if x.name in best else dataclasses.replace(x, picture=None)
      for x in made
    ]


@dataclasses.dataclass(frozen=True)
class Measured:
  """What networks of others say of pictures that were made.

  Attributes:
    scores: by name, the same on every host.
    per_picture: scores by metric and name, of this host's pictures at least.
    notes: what a reader must know.
    about: what made the numbers; JSON.
  """

  scores: dict[str, float]
  per_picture: dict[str, dict[str, float]]
  notes: tuple[str, ...]
  about: dict[str, Any]


def choose(
  per_picture: Mapping[str, Mapping[str, float]],
  names: Iterable[str],
  number: int,
) -> list[str]:
  """Names of pictures that are worth looking at.

  Args:
    per_picture: scores by metric and name.
    names: of all pictures, in order.
    number: how many of the best and of the worst by each metric.

  Returns:
    See `evaluation_record.choose_shown`; where there are no scores the first
    ones.
  """
  if any(per_picture.values()):
    return evaluation_record.choose_shown(per_picture, number)
  return list(itertools.islice(names, 2 * number))


def _by_metric(made: Iterable[Made]) -> dict[str, dict[str, float]]:
  found: dict[str, dict[str, float]] = {}
  for each in made:
    for metric, score in each.scores.items():
      found.setdefault(metric, {})[each.name] = score
  return found


def merge_scores(
  per_picture: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, float]]:
  """Puts the scores of all hosts' pictures together, by metric and name."""
  merged: dict[str, dict[str, float]] = {}
  text = json.dumps(per_picture)  # Python's JSON has infinity and NaN.
  for data in parallel.gather_over_hosts(text.encode()):
    for metric, scores in json.loads(data).items():
      merged.setdefault(metric, {}).update(scores)
  return merged


def gather_shown(shown: Sequence[Shown]) -> list[Shown]:
  """Hands every host the pictures of all, in the order of the hosts."""
  head = [[each.name, dict(each.scores), list(each.pictures)] for each in shown]
  arrays = [x for each in shown for x in each.pictures.values()]
  buffer = io.BytesIO()
  np.savez(buffer, np.frombuffer(json.dumps(head).encode(), np.uint8), *arrays)
  gathered = []
  for data in parallel.gather_over_hosts(buffer.getvalue()):
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
      parts = iter([stored[name] for name in stored.files])
    for name, scores, kinds in json.loads(next(parts).tobytes()):
      gathered.append(
        Shown(name, {kind: next(parts) for kind in kinds}, scores)
      )
  return gathered
