"""Checks of label formats: COCO's run lengths, files of Cityscapes."""

import json
from collections.abc import Iterator

import numpy as np

from gansynth import images
from gansynth.data.labels import (
  cityscapes_panoptic,
  cityscapes_polygons,
  reading,
)
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import EXACT, Comparison, compare
from gansynth.synthesis.labels import rle

_HEADER = slice(16, 29)  # of a PNG, behind the signature and the chunk's name
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
    except CaseError:
      raise
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


def cityscapes_files(case: Case) -> Iterator[Comparison]:
  """Maps that are painted of polygons, and their panoptic form.

  Every `_polygons.json` below `gtFine` is painted and compared with the files
  beside it; what is painted is made panoptic and compared with the files of
  `panoptic`. `outputs.npz` has the arrays of a single picture again.
  """
  paths = sorted(case.folder.glob("gtFine/*/*/*_gtFine_polygons.json"))
  if not paths:
    raise CaseError(f"{case.folder}: no gtFine/<split>/<city>/*_polygons.json")
  painted = {}
  for path in paths:
    stem = path.name.removesuffix("polygons.json")
    try:
      maps = cityscapes_polygons.draw_file(path).files()
    except ValueError as error:
      yield Comparison(path.name, False, note=str(error))
      continue
    split = path.parent.parent.name
    name = f"{stem}instanceIds.png"
    painted.setdefault(split, {})[name] = maps["instanceIds"]
    for kind, found in maps.items():
      file = path.with_name(f"{stem}{kind}.png")
      if file.exists():
        yield compare(file.name, found, _stored(file, found), EXACT)
        yield _compare_header(file, found)
      key = f"gtFine_{kind}"
      if key in case.outputs and len(paths) == 1:
        yield compare(key, found, case.outputs[key], EXACT)
  for split, maps in painted.items():
    for train_ids in (False, True):
      yield from _panoptic(case, split, maps, train_ids, len(paths) == 1)


def _stored(file, like):
  """A map as it is stored, colours with their transparency."""
  if like.ndim == 3:
    return images.read(file, mode="RGBA" if like.shape[-1] == 4 else "RGB")
  return reading.read_instances(file)


def _compare_header(file, found):
  """Compares size, depth and colours of what would be written."""
  written = images.encode(found, "png")
  same = written[_HEADER] == file.read_bytes()[_HEADER]
  return Comparison(f"{file.name} header", same)


def _panoptic(case, split, maps, train_ids, is_only):
  """Compares pictures and annotations of one split in the panoptic form."""
  ending = "_trainId" if train_ids else ""
  name = f"cityscapes_panoptic_{split}{ending}"
  table = case.folder / "panoptic" / f"{name}.json"
  shown, annotations = [], []
  for file, instances in maps.items():
    image, annotation, picture = cityscapes_panoptic.convert(
      file, instances, train_ids
    )
    shown.append(image)
    annotations.append(annotation)
    path = table.with_suffix("") / annotation["file_name"]
    if path.exists():
      yield compare(f"{name}/{path.name}", picture, images.read(path), EXACT)
    key = f"panoptic{ending}"
    if key in case.outputs and is_only:
      yield compare(key, picture, case.outputs[key], EXACT)
  if table.exists():
    text = table.read_text(encoding="utf-8")
    found = cityscapes_panoptic.to_json(shown, annotations, train_ids)
    same = json.loads(found) == json.loads(text)
    layout = "to the last byte" if found == text else "laid out otherwise"
    yield Comparison(
      table.name, same, note=layout if same else "other annotations"
    )


CHECKS = {"coco_rle": coco_rle, "cityscapes_files": cityscapes_files}
