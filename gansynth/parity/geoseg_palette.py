"""Masks of Geoseg-GAN: from colours and numbers to classes."""

import re
from collections.abc import Iterator

from gansynth.data.labels import palettes
from gansynth.data.labels.reading import LabelReader
from gansynth.parity.case import Case, CaseError
from gansynth.parity.comparison import EXACT, Comparison, compare

_BACKGROUND = re.compile(r"bg(?:_id)?\s*=?\s*(\d+)")


def palette_mapping(case: Case) -> Iterator[Comparison]:
  """Every recorded mapping of a mask, and our table if it is the same."""
  table = case.require("palette")
  names = case.meta.get("class_names", [""] * len(table))
  palette = ";".join(
    f"{red} {green} {blue} {name}"
    for (red, green, blue), name in zip(table, names, strict=True)
  )
  if tuple(names) == palettes.names("geoseg"):
    yield compare("palette", palettes.load("geoseg"), table, EXACT)
  for name, expected in case.outputs.items():
    source, background = _what(case, name)
    reader = LabelReader(
      len(table),
      palette=f"{palette};",
      rule="original",
      background=background,
      numbers_in_gray=True,
    )
    mapped, unknown = reader.numbers(case.inputs[source], source)
    yield compare(
      name,
      reader.checked(mapped, source),
      case.outputs[name],
      EXACT,
      f"{unknown} of {expected.size} pixels stand for no class",
    )


def _what(case: Case, name: str) -> tuple[str, int]:
  """The input that an output was made of, and the class of the background."""
  source = name.removesuffix("_ids")
  about = case.meta.get("arrays", {}).get(name, "")
  if source not in case.inputs:
    mentioned = re.findall(r"\w+", about)
    source = next((word for word in mentioned if word in case.inputs), "")
  if not source:
    raise CaseError(
      f"{case.folder}: case.json does not tell what {name!r} was made of"
    )
  stated = _BACKGROUND.search(about) or _BACKGROUND.fullmatch(name)
  return source, int(stated[1]) if stated else case.meta.get("bg_id", 0)


CHECKS = {"palette_mapping": palette_mapping}
