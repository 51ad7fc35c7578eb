"""What networks of others say of what a run makes of its test set."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import ml_collections

from gansynth import config as config_lib
from gansynth import published, systems
from gansynth.metrics import picture_metrics
from gansynth.metrics.feature_metrics import Reference
from gansynth.metrics.picture_metrics import OF_FEATURES, OF_PAIRS
from gansynth.metrics.picture_sets import PictureSet
from gansynth.run_scores import label_scores
from gansynth.run_scores.host_items import own_batches
from gansynth.run_scores.made_pictures import Made, MadePictures, Measured
from gansynth.run_scores.read_back import ReadBack

_DIVERSITY = "diversity"
# What it is measured of, at most: inputs, and pictures of each.
_INPUTS = 100
_STYLES = 4

_LOOKED_AT = 16  # true pictures, to tell whether they are still the same


def relevant_data(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """What test pictures depend on; JSON."""
  values = json.loads(json.dumps(config_lib.flatten(config.data)))
  values.pop("cache_bytes", None)
  return values


def create(
  config: ml_collections.ConfigDict,
  system: Any,
  scores: Any,
  test_set: Any,
  folder: pathlib.Path | None = None,
) -> "RunMetrics | None":
  """Chooses what `config.evaluate` asks for; None where it is nothing.

  Args:
    config: `evaluate` and `data`.
    system: see `systems.create`.
    scores: what is measured without networks of others, see `evaluator`.
    test_set: of both.
    folder: where features of true pictures are kept; None: they are not.

  Raises:
    ValueError: a metric is not known or cannot be measured of this system or
      data, or weights are not there; the message holds the commands that
      import them.
  """
  names = picture_metrics.parse_names(config.evaluate.get("metrics", ""))
  pictures = reader = None
  if names:
    _check(names, system, scores)
    pictures = PictureDistances(names, config, scores, test_set, folder)
  if config.evaluate.get("segmenter", ""):
    if systems.LABELS not in system.generators():
      raise config_lib.ConfigError(
        f"evaluate.segmenter is {config.evaluate.segmenter!r}, which reads "
        f"label maps back from pictures, and {config.system} makes none of "
        "label maps; leave it empty"
      )
    reader = ReadBack(config, system, test_set)
  if pictures is None and reader is None:
    return None
  return RunMetrics(pictures, reader)


def _check(names: Sequence[str], system: Any, scores: Any) -> None:
  """Raises ConfigError where a metric has nothing to be measured of."""
  made_by = list(system.generators())
  if systems.SEGMENTATION in made_by:
    raise config_lib.ConfigError(
      f"evaluate.metrics is {','.join(names)!r}, which are of pictures, and a "
      "segmenter makes none; leave it empty"
    )
  paired = [name for name in names if name in OF_PAIRS]
  if paired and not scores.paired:
    raise config_lib.ConfigError(
      f"{', '.join(paired)} of evaluate.metrics compare pictures with their "
      "true ones, and this data has no pairs; choose among "
      f"{', '.join(OF_FEATURES)}"
    )
  styles = getattr(getattr(system, "generator", None), "use_vae", False)
  if _DIVERSITY in names and not (systems.LABELS in made_by and styles):
    raise config_lib.ConfigError(
      f"{_DIVERSITY} of evaluate.metrics is of several pictures of one input, "
      "and this generator makes one picture of each; leave it out"
    )


class PictureDistances:
  """How far what is made is from true pictures, by `picture_metrics`."""

  def __init__(
    self,
    names: Sequence[str],
    config: ml_collections.ConfigDict,
    scores: Any,
    test_set: Any,
    folder: pathlib.Path | None = None,
  ) -> None:
    """Loads the networks; arguments as of `create`."""
    options = config.evaluate
    self._metrics = picture_metrics.PictureMetrics(
      names,
      networks=options.get("networks", published.FOLDER),
      random_features=options.get("random_features", False),
      resize=options.get("resize", "legacy"),
      dims=options.get("dims", 2048),
    )
    # Before a run is trained, not when it is measured for the first time.
    for direction in scores.directions:
      for count in scores.counts(direction):
        self._metrics.check_count(count, "test pictures")
    self._scores = scores
    self._test_set = test_set
    self._folder = folder
    self._data = relevant_data(config)
    self._references = {}
    self.names = [
      name + _suffix(direction)
      for direction in scores.directions
      for name in self._metrics.names
    ]
    self.options = {
      "metrics": list(names),
      "resize": options.get("resize", "legacy"),
      "dims": options.get("dims", 2048),
    }
    self.networks = dict(self._metrics.networks)

  def measure(self, made: MadePictures, makers: Any) -> Measured:
    """See `RunMetrics`."""
    found = Measured({}, {}, (), {})
    notes: dict[str, None] = {}
    for direction in self._scores.directions:
      mine, suffix = made[direction], _suffix(direction)
      result = self._metrics.compare(
        self._reference(direction),
        [each.picture for each in mine],
        names=[each.name for each in mine],
        **self._pairs(direction, mine),
        **self._groups(makers),
        split_hosts=False,
      )
      for name, value in result.scores.items():
        found.scores[name + suffix] = value
      for name, values in result.per_picture.items():
        found.per_picture[name + suffix] = values
      found.about[f"pictures{suffix}"] = result.made_by
      notes.update(dict.fromkeys(result.notes))
    return dataclasses.replace(found, notes=tuple(notes))

  def _reference(self, direction: str) -> Reference:
    """The true pictures of a direction, which stay the same."""
    if direction in self._references:
      return self._references[direction]
    _, count = self._scores.counts(direction)

    def read(index):
      return self._scores.real(direction, self._test_set[index])

    def identify():
      yield self._data
      for index in range(0, count, -(-count // _LOOKED_AT)):
        yield read(index).tobytes()

    pictures = PictureSet(
      "test pictures",
      [f"{index:06d}" for index in range(count)],
      read,
      identify,
    )
    cache = self._folder and self._folder / f"real{_suffix(direction)}.npz"
    self._references[direction] = self._metrics.reference(pictures, cache=cache)
    return self._references[direction]

  def _pairs(self, direction: str, mine: Sequence[Made]) -> dict[str, Any]:
    """Arguments of `compare`: what was made of each input, and the truth."""
    if not set(self._metrics.metrics) & set(OF_PAIRS):
      return {}

    def pair(index):
      made = mine[index]
      item = self._test_set[made.index]
      return made.picture, self._scores.real(direction, item)

    names = [made.name for made in mine]
    return {"pairs": _Lazy(len(mine), pair), "pair_names": names}

  def _groups(self, makers: Any) -> dict[str, Any]:
    """Arguments of `compare`: pictures of one input in several styles."""
    if _DIVERSITY not in self._metrics.metrics:
      return {}
    count, _ = self._scores.counts("")
    groups, names = [], []
    size = makers.translate.batch_size
    for batch in own_batches(self._test_set, size, min(_INPUTS, count)):
      groups += label_scores.make_items(makers.translate, batch, _STYLES)
      names += [item["name"] for item in batch]
    return {"groups": groups, "group_names": names}


class RunMetrics:
  """Measures what was made of a test set, always against the same pictures.

  The true pictures' features are computed once.

  Attributes:
    names: of the scores, the same on every host; those of single classes are
      left out.
    options: that the numbers depend on; JSON.
    networks: that measure; JSON.
  """

  def __init__(
    self,
    pictures: PictureDistances | None,
    reader: ReadBack | None,
  ) -> None:
    """Takes what measures; see `create`."""
    self._parts = [part for part in (pictures, reader) if part is not None]
    self.names = [name for part in self._parts for name in part.names]
    self.options = {}
    self.networks = {}
    for part in self._parts:
      self.options |= part.options
      self.networks |= part.networks

  def measure(self, made: MadePictures, makers: Any) -> Measured:
    """Measures pictures of all hosts.

    Args:
      made: of a test set, all of them kept.
      makers: of `samples.create`, which made them.
    """
    found = [part.measure(made, makers) for part in self._parts]
    total = Measured({}, {}, (), {})
    for each in found:
      total.scores.update(each.scores)
      total.per_picture.update(each.per_picture)
      total.about.update(each.about)
    notes = dict.fromkeys(note for each in found for note in each.notes)
    return dataclasses.replace(total, notes=tuple(notes))


class _Lazy(Sequence):
  """A sequence whose items are made when they are asked for."""

  def __init__(self, length: int, make: Callable[[int], Any]) -> None:
    self._length = length
    self._make = make

  def __len__(self) -> int:
    return self._length

  def __getitem__(self, index: int) -> Any:
    return self._make(range(self._length)[index])


def _suffix(direction: str) -> str:
  return f"_{direction}" if direction else ""
