"""Checks of the climate programs: placing crops on canvases."""

import json
from collections.abc import Iterator

import numpy as np

from gansynth.parity import comparison
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import Comparison, Tolerance, compare
from gansynth.synthesis import original

_TEXT = "labels_text.json"
_OPTIONS = {
  "offset_ctr": "offset_ctr",
  "gp_gan_blend_offset": "blend_offset",
}
_LABELS = 1e-12


def composition(case: Case) -> Iterator[Comparison]:
  """Draws, canvases, masks and labels of each seed."""
  stated = case.meta.get("tolerance", {})
  tolerance = comparison.parse(stated, comparison.EXACT)
  on_labels = _LABELS
  if isinstance(stated, dict):
    on_labels = stated.get("labels_atol", on_labels)
  texts = _texts(case)
  for seed in _input(case, "seeds").tolist():
    found = _augment(case, seed)
    arrays = {
      "draws": (found.draws, tolerance),
      "used": (found.used, tolerance),
      "labels": (found.labels, Tolerance(on_labels)),
      "mask_bits": (np.packbits(found.mask), tolerance),
      "canvas": (found.canvas, tolerance),
    }
    for kind, (array, allowed) in arrays.items():
      name = f"{kind}_{seed}"
      if name in case.outputs:
        expected = case.outputs[name]
        # Where nothing was placed, nothing says how many columns there are.
        array = np.asarray(array) if len(array) else expected[:0]
        yield compare(name, array, expected, allowed)
    if str(seed) in texts:
      yield _compare_text(seed, found.label_text, texts.pop(str(seed)))
  if texts:
    raise CaseError(
      f"{case.folder}: {_TEXT} has seeds that inputs.npz has not: "
      + ", ".join(list(texts)[:5])
    )


def _augment(case, seed):
  options = case.require("options")
  count = sum(name.startswith("crop") for name in case.inputs)
  crops = [_input(case, f"crop{index}") for index in range(count)]
  try:
    return original.augment_image(
      crops,
      _input(case, "labels"),
      options["out_shape"],
      seed,
      options["num_objects_to_sample_per_image"],
      **{
        ours: options[theirs]
        for theirs, ours in _OPTIONS.items()
        if theirs in options
      },
    )
  except KeyError as error:
    raise CaseError(
      f"{case.folder}: case.json's options lack {error}"
    ) from None
  except ValueError as error:
    raise CaseError(f"{case.folder}: {error}") from error


def _compare_text(seed, found, expected):
  note = ""
  lines = found.splitlines(), expected.splitlines()
  for number, pair in enumerate(zip(*lines, strict=False), 1):
    if pair[0] != pair[1]:
      note = f"line {number} is {pair[0]!r}, expected {pair[1]!r}"
      break
  else:
    if found != expected:
      note = f"{len(lines[0])} lines, expected {len(lines[1])}"
  return Comparison(f"{_TEXT} {seed}", found == expected, note=note)


def _texts(case):
  path = case.folder / _TEXT
  if not path.exists():
    return {}
  try:
    return dict(json.loads(path.read_text(encoding="utf-8")))
  except (TypeError, ValueError) as error:
    raise CaseError(f"{path}: expected texts by seed ({error})") from error


def _input(case, name):
  if name not in case.inputs:
    raise CaseError(f"{case.folder}: inputs.npz has no {name!r}")
  return case.inputs[name]


CHECKS = {"composition": composition}
