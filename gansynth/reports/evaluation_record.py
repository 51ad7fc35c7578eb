"""What was measured of a run or a data set, kept on disk.

A folder `evaluations` holds `step_0001000.json` for each checkpoint that was
measured (`pictures.json` where there are no steps) and, beside it under the
same name, the pictures that the best and the worst scores belong to. The JSON
is written last and aside, so what has one is whole.
"""

import dataclasses
import json
import math
import os
import pathlib
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gansynth import files, images

FOLDER = "evaluations"
# Of every number that networks without published weights made.
RANDOM_FEATURES = "random_features_"

_UP = (
  "precision",
  "recall",
  "density",
  "coverage",
  "diversity",
  "psnr",
  "ssim",
  "realism",
  "pixel_accuracy",
  "class_accuracy",
)
_UP_BEGINNINGS = ("iou_", "mean_iou", "color_", "head_", "ap", "ar", "voc")
_QUALITY = 90


class EvaluationError(ValueError):
  """A record of an evaluation that cannot be read."""


@dataclasses.dataclass(frozen=True)
class Shown:
  """Pictures that belong to one scored picture.

  Attributes:
    name: of the scored picture.
    pictures: uint8 (height, width, 3) by kind: `input`, `generated`, `real`,
      `labels` and whatever else there is to see.
    scores: its own, by metric.
  """

  name: str
  pictures: Mapping[str, np.ndarray]
  scores: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """What was measured of one checkpoint, or of two sets of pictures.

  Attributes:
    scores: numbers by name.
    step: of the checkpoint; None: there is none.
    per_picture: scores of single pictures, by metric and name.
    shown: pictures of the best and the worst of them.
    notes: what a reader must know, such as too few pictures.
    about: what was compared with what, by which networks; JSON.
  """

  scores: Mapping[str, float]
  step: int | None = None
  per_picture: Mapping[str, Mapping[str, float]] = dataclasses.field(
    default_factory=dict
  )
  shown: tuple[Shown, ...] = ()
  notes: tuple[str, ...] = ()
  about: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def best_mode(metric: str) -> str:
  """Whether a `min` or a `max` of a metric is best."""
  name = metric.removeprefix(RANDOM_FEATURES)
  name = name.removesuffix("_AtoB").removesuffix("_BtoA")
  rises = name in _UP or name.startswith(_UP_BEGINNINGS)
  return "max" if rises else "min"


def choose_shown(
  per_picture: Mapping[str, Mapping[str, float]], number: int
) -> list[str]:
  """Names of the best and the worst pictures by each metric.

  Args:
    per_picture: scores by metric and name.
    number: how many of each end.

  Returns:
    Names without repetition, the best of the first metric first.
  """
  chosen: dict[str, None] = {}
  for metric, scores in per_picture.items():
    ranked = ranking(metric, scores)
    chosen.update(dict.fromkeys(ranked[:number]))
    chosen.update(dict.fromkeys(ranked[::-1][:number]))
  return list(chosen)


def ranking(metric: str, scores: Mapping[str, float]) -> list[str]:
  """Names of pictures from the best score to the worst; nan is left out."""
  sign = -1 if best_mode(metric) == "max" else 1
  known = [name for name, score in scores.items() if not math.isnan(score)]
  return sorted(known, key=lambda name: (sign * scores[name], name))


def check_folder(folder: str | os.PathLike[str]) -> None:
  """Refuses what is in the way of a folder of records.

  Raises:
    EvaluationError: it is a file.
  """
  path = pathlib.Path(folder)
  if path.exists() and not path.is_dir():
    raise EvaluationError(
      f"{path} is a file; expected a folder of evaluations, or nothing of that "
      "name. Move the file away, or rename it"
    )


def write(folder: str | os.PathLike[str], evaluation: Evaluation) -> None:
  """Writes a record; one of the same step is replaced.

  Args:
    folder: made if missing.
    evaluation: what to write.

  Raises:
    EvaluationError: the folder is a file.
    OSError: it could not be stored.
  """
  folder = pathlib.Path(folder)
  check_folder(folder)
  folder.mkdir(parents=True, exist_ok=True)
  path = folder / f"{_name(evaluation.step)}.json"
  # A killed run must not leave old scores beside new pictures.
  path.unlink(missing_ok=True)
  place = path.with_suffix("")
  shutil.rmtree(place, ignore_errors=True)
  shown = []
  for number, each in enumerate(evaluation.shown):
    names = {}
    for kind, picture in each.pictures.items():
      names[kind] = f"{place.name}/{number:03d}_{kind}.jpg"
      place.mkdir(exist_ok=True)
      data = images.encode(picture, "jpg", _QUALITY)
      files.write_whole(folder / names[kind], data)
    shown.append(
      {"name": each.name, "scores": dict(each.scores), "pictures": names}
    )
  record = {
    "step": evaluation.step,
    "scores": dict(evaluation.scores),
    "notes": list(evaluation.notes),
    "about": dict(evaluation.about),
    "shown": shown,
    "per_picture": {
      metric: dict(scores) for metric, scores in evaluation.per_picture.items()
    },
  }
  text = json.dumps(_to_json(record), indent=1, allow_nan=False) + "\n"
  files.write_whole(path, text.encode())


def read(
  folder: str | os.PathLike[str], *, pictures: bool = True
) -> list[Evaluation]:
  """Reads all records of a folder, by step.

  Args:
    folder: of `write`; one that does not exist holds none.
    pictures: whether to read the pictures too.

  Raises:
    EvaluationError: a record is damaged, or a picture of it is missing, or the
      folder is a file.
  """
  check_folder(folder)
  paths = sorted(pathlib.Path(folder).glob("*.json"))
  found = [_read(path, pictures) for path in paths]
  return sorted(found, key=lambda each: -1 if each.step is None else each.step)


def _read(path: pathlib.Path, pictures: bool) -> Evaluation:
  try:
    record = _from_json(json.loads(path.read_text(encoding="utf-8")))
    shown = tuple(
      Shown(
        each["name"],
        {
          kind: images.read(path.parent / name)
          for kind, name in each["pictures"].items()
          if pictures
        },
        each["scores"],
      )
      for each in record["shown"]
    )
    return Evaluation(
      scores=record["scores"],
      step=record["step"],
      per_picture=record["per_picture"],
      shown=shown,
      notes=tuple(record["notes"]),
      about=record["about"],
    )
  except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
    raise EvaluationError(
      f"{path} is no whole record of an evaluation ({error}); delete it, and "
      "measure that checkpoint again with --mode=evaluate"
    ) from error


def _name(step: int | None) -> str:
  return "pictures" if step is None else f"step_{step:07d}"


def _to_json(value: Any) -> Any:
  """JSON has no word for what is no number or infinite."""
  if isinstance(value, Mapping):
    return {str(key): _to_json(each) for key, each in value.items()}
  if isinstance(value, Iterable) and not isinstance(value, str):
    return [_to_json(each) for each in value]
  if isinstance(value, float | np.floating):
    return float(value) if math.isfinite(value) else {"float": str(value)}
  return value.item() if isinstance(value, np.integer) else value


def _from_json(value: Any) -> Any:
  if isinstance(value, dict):
    if set(value) == {"float"} and isinstance(value["float"], str):
      return float(value["float"])
    return {key: _from_json(each) for key, each in value.items()}
  return [_from_json(x) for x in value] if isinstance(value, list) else value
