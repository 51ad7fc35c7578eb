"""Preprocessing of label maps as SPADE does it, and its colours."""

import importlib.metadata
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from gansynth.data.labels import palettes, preprocess
from gansynth.parity import comparison
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare


def preprocessing(case: Case) -> Iterator[Comparison]:
  """Every mode with given draws, the draws, and the colours of labels."""
  on_pictures = _tolerance(case)
  num_labels = case.meta.get("label_nc")
  for row in case.meta.get("cases", []):
    drawn = next(
      (value for key, value in row.items() if key.startswith("params")), None
    )
    if drawn is None:
      raise CaseError(f"{case.folder}: {row.get('key')} tells no draws")
    params = {
      "crop_pos": tuple(drawn["crop_pos"]),
      "flip": row.get("flip_used", drawn.get("flip_drawn", False)),
    }
    made = _transform(case, row, params, num_labels)
    for ending, found in made.items():
      name = f"{row['key']}/{ending}"
      if name in case.outputs:
        allowed = on_pictures if ending == "image_u8" else EXACT
        yield compare(name, found, case.outputs[name], allowed)
    yield from _compare_draws(case, row)
  for row in case.meta.get("get_params_samples", []):
    width, height = row["size_wh"]
    name = f"params/{row['preprocess_mode']}/{width}x{height}"
    seed = row["python_random_seed"]
    yield _draw(name, row, seed, (height, width), row["crop_pos"], row["flip"])
  for number, expected in case.meta.get("label_colour_maps", {}).items():
    if number.isdigit():
      found = palettes.label_colors(int(number))
      yield compare(f"label_colour_maps/{number}", found, expected, EXACT)


def _tolerance(case):
  """Exact, but for another version of Pillow where the case allows it."""
  text = case.meta.get("suggested_tolerance", case.meta.get("tolerance"))
  stated = case.meta.get("pillow")
  if stated in (None, importlib.metadata.version("pillow")):
    return comparison.parse(text, EXACT)
  return Tolerance(1.0)


def _transform(case, row, params, num_labels):
  """The maps of one row, as the original's loader lays them out."""
  options = {
    "mode": row["preprocess_mode"],
    "load_size": row["load_size"],
    "crop_size": row["crop_size"],
    "aspect_ratio": row.get("aspect_ratio", 1.0),
    "params": params,
  }
  image = preprocess.transform(case.inputs["image"], **options)
  made = {"image_u8": np.moveaxis(image, -1, 0)}
  labels = preprocess.label_transform(
    case.inputs["label"], num_labels=_num_labels(case, num_labels), **options
  )
  made["label"] = labels[None]
  if "instance" in case.inputs:
    instances = preprocess.transform(
      case.inputs["instance"], method="nearest", **options
    )
    made["instance"] = instances[None]
  return made


def _num_labels(case: Case, stated: Any) -> int:
  """label_nc: what 255 becomes, which the case may tell in words only."""
  if stated is not None:
    return stated
  about = str(case.meta.get("arrays", {}).get("<mode>/<flip>/label", ""))
  words = about.replace(")", " ").split()
  numbers = [int(word) for word in words if word.isdigit()]
  if not numbers:
    raise CaseError(f"{case.folder}: case.json does not tell label_nc")
  return numbers[-1]


def _compare_draws(case, row):
  """Repeats the draws of a row, whose key tells the seed."""
  for key, expected in row.items():
    seed = key.removeprefix("params_from_random_seed_")
    if not seed.isdigit():
      continue
    size = case.inputs["label"].shape
    name = f"{row['key']}/params"
    flip = expected["flip_drawn"]
    yield _draw(name, row, int(seed), size, expected["crop_pos"], flip)


def _draw(name, row, seed, size, position, flip):
  found = preprocess.params(
    random.Random(seed),
    size,
    mode=row["preprocess_mode"],
    load_size=row["load_size"],
    crop_size=row["crop_size"],
  )
  drawn = [*found["crop_pos"], found["flip"]]
  return compare(f"{name}/{seed}", drawn, [*position, flip], EXACT)
