"""Two sets of pictures, from where they lie to numbers, records and words."""

import json
import math
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from gansynth import environment, files, parallel
from gansynth.evaluation import statistics_file
from gansynth.metrics import (
  feature_metrics,
  picture_metrics,
  picture_pairs,
  picture_sets,
)
from gansynth.metrics.picture_metrics import PictureMetrics
from gansynth.metrics.picture_sets import PictureSet
from gansynth.reports import evaluation_record, metric_words
from gansynth.reports.evaluation_record import Evaluation, Shown

NEAREST = "nearest_real"  # kind of pictures whose features are closest
_DEFAULT = "fid"

Progress = Callable[[int], Any]


def evaluate(
  real: str | os.PathLike[str],
  generated: str | os.PathLike[str],
  metrics: str | Iterable[str] = _DEFAULT,
  *,
  listing: str = "all",
  size: Sequence[int] = (),
  group_by: str = "",
  shown: int = 8,
  progress: Callable[[int], Progress] | None = None,
  **options: Any,
) -> Evaluation:
  """Compares generated pictures with real ones.

  Everything that can be refused is refused before anything is computed.

  Args:
    real: a place of pictures, as `picture_sets.open` takes it, or a file of
      statistics.
    generated: the same.
    metrics: see `PictureMetrics`. Those of pairs compare pictures of the same
      name, see `picture_pairs.by_name`.
    listing: of folders, see `picture_sets.open`.
    size: (height, width) that pictures are brought to first, see
      `picture_sets.open`.
    group_by: for `diversity`: an expression that is searched in the names of
      generated pictures; those that match with the same text, or the same
      first group of it, were made of one input. Empty: those of one folder.
    shown: how many of the best and of the worst pictures by each score the
      result shows.
    progress: called with the number of pictures whose features are to be
      computed; returns what is called with the number that are done.
    **options: of `PictureMetrics`.

  Returns:
    Scores, those of single pictures, and what was compared by what.

  Raises:
    ValueError: a place, a picture, a metric or an option cannot be used, or
      weights are missing; the message says how to go on.
  """
  names = picture_metrics.parse_names(metrics)
  if not names:
    raise ValueError(
      f"there is no metric; choose of {', '.join(picture_metrics.METRICS)}"
    )
  sets = [_opened(place, listing, size) for place in (real, generated)]
  pairs = groups = None
  if set(names) & set(picture_metrics.OF_PAIRS):
    pairs = picture_pairs.by_name(*map(_with_pictures, reversed(sets)))
    pairs.check_sizes()
  if "diversity" in names:
    groups = _Groups(_with_pictures(sets[1]), group_by)
  chosen = PictureMetrics(names, **options)
  tick = None
  if progress and set(names) & set(picture_metrics.OF_FEATURES):
    # Of all hosts; each counts its share.
    total = sum(len(each) for each in sets if isinstance(each, PictureSet))
    tick = progress(-(-total // jax.process_count()))
  reference = chosen.reference(sets[0], progress=tick)
  result = chosen.compare(
    reference,
    sets[1],
    pairs=pairs,
    groups=groups,
    group_names=groups and groups.names,
    progress=tick,
  )
  return Evaluation(
    scores=result.scores,
    per_picture=result.per_picture,
    shown=_shown(result, sets, pairs, shown),
    notes=tuple(result.notes),
    about={"pictures": result.made_by, "environment": environment.describe()},
  )


def save_statistics(
  place: str | os.PathLike[str],
  output: str | os.PathLike[str],
  *,
  listing: str = "all",
  size: Sequence[int] = (),
  progress: Callable[[int], Progress] | None = None,
  **options: Any,
) -> None:
  """Writes a file of statistics of a set, which FID can be computed from.

  Args:
    place: of pictures, as `picture_sets.open` takes it.
    output: of the file, which must not exist; ends in `.npz`.
    listing: see `evaluate`.
    size: see `evaluate`.
    progress: see `evaluate`.
    **options: of `PictureMetrics`.

  Raises:
    ValueError: as `evaluate`, or the file exists.
    OSError: it could not be stored.
  """
  output = pathlib.Path(output)
  if output.exists():
    raise ValueError(f"{output} exists already; choose another name")
  if output.suffix != statistics_file.SUFFIX:
    raise ValueError(
      f"{output}: statistics are told by the ending {statistics_file.SUFFIX}; "
      f"write to {output}{statistics_file.SUFFIX}"
    )
  pictures = picture_sets.open(place, listing=listing, size=size)
  metrics = PictureMetrics(_DEFAULT, **options)
  share = -(-len(pictures) // jax.process_count())
  tick = progress(share) if progress else None
  statistics = metrics.reference(pictures, progress=tick).statistics
  parallel.on_primary(lambda: statistics_file.write(output, statistics))


def report(evaluation: Evaluation) -> str:
  """The scores in words, a line each."""
  lines = []
  for name in sorted(evaluation.scores, key=metric_words.order):
    metric = metric_words.describe(name)
    if metric.base == "kid_std":
      continue
    line = f"{metric.full_title}:  {evaluation.scores[name]:.9g}"
    deviation = evaluation.scores.get(metric.sibling("kid_std"))
    if metric.base == "kid" and deviation is not None:
      line += f" (deviation over the subsets {deviation:.3g})"
    lines.append(line)
  return "\n".join(lines)


def write_json(path: str | os.PathLike[str], evaluation: Evaluation) -> None:
  """Writes scores, notes and origin as JSON; what is not finite is null.

  Raises:
    OSError: it could not be stored.
  """
  record = {
    "scores": evaluation.scores,
    "notes": evaluation.notes,
    "about": evaluation.about,
    "per_picture": evaluation.per_picture,
  }
  text = json.dumps(_finite(record), indent=1, allow_nan=False) + "\n"
  files.write_whole(path, text.encode())


def _finite(value):
  if isinstance(value, Mapping):
    return {name: _finite(each) for name, each in value.items()}
  if isinstance(value, float):
    return value if math.isfinite(value) else None
  return value


def _opened(place, listing, size):
  """A set of pictures, or the path of statistics."""
  if isinstance(place, str | os.PathLike) and feature_metrics.is_statistics(
    place
  ):
    return os.fspath(place)
  return picture_sets.open(place, listing=listing, size=size)


def _with_pictures(opened):
  if isinstance(opened, PictureSet):
    return opened
  raise ValueError(
    f"{opened} holds statistics; lpips, psnr, ssim and diversity need the "
    "pictures themselves"
  )


class _Groups(Sequence):
  """Pictures that were made of one input each, by their names."""

  def __init__(self, pictures, group_by):
    self._pictures = pictures
    self._groups = {}
    try:
      pattern = re.compile(group_by)
    except re.error as error:
      raise ValueError(
        f"{group_by!r} is no regular expression ({error}); correct it"
      ) from error
    for place, name in enumerate(pictures.names):
      # Pictures directly in the place are in no folder with a name.
      group = _group(name, pattern) or pictures.place
      self._groups.setdefault(group, []).append(place)
    self.names = tuple(self._groups)
    alone = [name for name, group in self._groups.items() if len(group) < 2]
    if alone:
      rule = f"{group_by!r} in names" if group_by else "folders"
      raise ValueError(
        f"{pictures.place}: by {rule} there are {len(self._groups)} inputs, "
        f"and {len(alone)} of them have one picture, the first is {alone[0]}; "
        "diversity compares several pictures of the same input. Put them in a "
        "folder for each input, or say with --group-by how names tell it"
      )

  def __len__(self):
    return len(self.names)

  def __getitem__(self, index):
    return [self._pictures[i] for i in self._groups[self.names[index]]]


def _group(name, pattern):
  """What names the input that a picture was made of."""
  if not pattern.pattern:
    return name.rpartition("/")[0]
  match = pattern.search(name)
  if match is None:
    return name
  return match[1] if pattern.groups else match[0]


def _shown(result, sets, pairs, number):
  """The best and the worst pictures, beside the true or the nearest ones."""
  names = evaluation_record.choose_shown(result.per_picture, number)
  if not names or not parallel.is_primary():
    return ()
  real, generated = sets
  kind, beside = "real", {}
  if pairs is not None:
    places = {name: place for place, name in enumerate(pairs.names)}
    beside = {name: pairs[places[name]][1] for name in names if name in places}
  elif result.features is not None:
    kind = NEAREST
    beside = {name: real[i] for name, i in _nearest(*result.features, names)}
  places = {name: place for place, name in enumerate(generated.names)}
  found = []
  for name in names:
    pictures = {"generated": generated[places[name]]}
    if name in beside:
      pictures[kind] = beside[name]
    scores = {
      metric: scores[name]
      for metric, scores in result.per_picture.items()
      if name in scores
    }
    found.append(Shown(name, pictures, scores))
  return tuple(found)


def _nearest(real, made, names):
  """Yields which real picture's features are closest to those of `names`."""
  places = {name: place for place, name in enumerate(made.names)}
  for name in names:
    distances = np.square(real.values - made.values[places[name]]).sum(1)
    yield name, int(distances.argmin())
