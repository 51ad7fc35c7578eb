"""Checks of label formats: COCO's run lengths."""

from collections.abc import Iterator

import numpy as np

from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import EXACT, Comparison, compare
from gansynth.synthesis.labels import rle

_COMPARED = {
  "size",
  "h",
  "w",
  "polygon",
  "counts_compressed",
  "counts_uncompressed",
  "area",
  "bbox_xywh",
}


def coco_rle(case: Case) -> Iterator[Comparison]:
  """Run lengths, areas and boxes of masks, and polygons' masks."""
  for name, stated in case.require("results").items():
    try:
      yield from _entry(case, name, stated)
    except KeyError as error:
      raise CaseError(f"{case.folder}: {name} lacks {error}") from None
    except ValueError as error:
      yield Comparison(name, False, note=str(error))


def _entry(case, name, stated):
  if "polygon" in stated:
    height, width = stated["h"], stated["w"]
    encoded = rle.from_polygons(stated["polygon"], height, width)
    mask = case.inputs[name.replace("poly", "polymask")]
  else:
    height, width = stated["size"]
    mask = case.inputs[name]
    encoded = rle.encode(mask)
  yield compare(f"{name} mask", rle.decode(encoded), mask != 0, EXACT)
  text = rle.to_string(encoded)
  expected = stated["counts_compressed"]
  yield Comparison(
    f"{name} counts_compressed",
    text == expected,
    note="" if text == expected else f"{text!r}, expected {expected!r}",
  )
  read = rle.from_string(expected, height, width)
  yield compare(f"{name} read back", rle.decode(read), mask != 0, EXACT)
  if "counts_uncompressed" in stated:
    yield compare(
      f"{name} counts_uncompressed",
      encoded.counts,
      stated["counts_uncompressed"],
      EXACT,
    )
  yield compare(f"{name} area", rle.area(encoded), stated["area"], EXACT)
  left, top, right, bottom = rle.box(encoded)
  yield compare(
    f"{name} bbox_xywh",
    np.array([left, top, right - left, bottom - top]),
    stated["bbox_xywh"],
    EXACT,
  )
  others = sorted(stated.keys() - _COMPARED)
  if others:
    yield Comparison(f"{name} not compared", True, note=", ".join(others))


CHECKS = {"coco_rle": coco_rle}
