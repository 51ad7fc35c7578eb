"""Triples of files in, a folder of blended pictures out."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gansynth import images
from gansynth.blending import BlendError
from gansynth.progress import Progress
from gansynth.synthesis import background, folders, record, triples
from gansynth.synthesis.triples import FileTriple, Problem

if TYPE_CHECKING:
  from gansynth.blender import Blender, Triple

RECORD = "blending.json"


@dataclasses.dataclass(frozen=True)
class Result:
  """What `blend_files` did."""

  blended: int
  already_there: int
  problems: list[Problem]  # of the triples that could not be blended


def blend_files(
  blender: "Blender",
  files: Sequence[FileTriple],
  target: str | os.PathLike[str],
  *,
  naming: str = "original",
  file_format: str = "png",
) -> Result:
  """Blends triples of files into a folder.

  Every picture is written aside and renamed, so a file that is there is
  whole, and a run that was interrupted goes on where it stopped. What made
  the pictures is recorded beside them, and pictures that other options or
  other files made are never taken for its own. A triple that cannot be
  blended does not keep the others from it.

  Args:
    blender: what blends.
    files: of `triples.read_list` or `triples.pair_folders`.
    target: folder to write to.
    naming: of the results, see `triples.output_names`.
    file_format: `png` or `jpg`.

  Returns:
    What was done, and what could not be.

  Raises:
    ValueError: `target` holds something else's results; an unknown format or
      naming; two triples whose results would meet.
    OSError: results cannot be written; those until then are there.
  """
  target = pathlib.Path(target)
  background.check_format(file_format)
  outputs, problems = triples.output_names(files, naming, file_format)
  if not outputs:
    return Result(0, 0, problems)
  made_by = {**blender.made_by, "format": file_format}
  inputs = {name: str(each.absolute()) for each, name in outputs.items()}
  _record(target / RECORD, made_by, inputs)
  waiting = [each for each in outputs if not (target / outputs[each]).exists()]

  def goes_on(each: FileTriple, error: Exception) -> bool:
    problems.append(Problem(each.number, each.label, str(error)))
    progress.update(1)
    return True

  def make(
    batch: list[tuple[FileTriple, "Triple"]],
  ) -> Iterator[tuple[pathlib.Path, np.ndarray]]:
    pictures = blender.blend([triple for _, triple in batch])
    for (each, _), picture in zip(batch, pictures, strict=True):
      yield target / outputs[each], picture

  already = len(outputs) - len(waiting)
  with Progress(len(outputs), unit="picture", initial=already) as progress:
    blended = folders.run(
      waiting,
      read=lambda each: load(blender, each),
      group=blender.group,
      batch_size=blender.batch_size,
      make=make,
      goes_on=goes_on,
      progress=progress,
    )
  return Result(blended, already, sorted(problems))


def load(blender: "Blender", files: FileTriple) -> "Triple":
  """Reads and checks a triple.

  Raises:
    ValueError: a picture is damaged, or they do not fit together.
    OSError: a file cannot be read.
  """
  target = images.read(files.target)
  mask = None
  if files.mask is None:
    source = images.read(files.source, "RGBA")
    if source[..., 3].min() == 255:
      raise images.ImageError(
        f"{files.source} has no transparency to take for the mask; give a mask"
      )
  else:
    source = images.read(files.source)
    mask = images.read(files.mask, "mask")
  try:
    return blender.prepare(source, target, mask, files.position)
  except BlendError as error:
    raise BlendError(f"{error} ({files})") from error


def _record(
  path: pathlib.Path, made_by: Mapping[str, Any], inputs: Mapping[str, str]
) -> None:
  """Notes what makes the pictures, and from which files each is made."""
  record.check(path, made_by, inputs)
  recorded = record.read(path)
  known = recorded.get("pictures", {})
  changed = [
    name
    for name, line in inputs.items()
    if known.get(name, line) != line and (path.parent / name).exists()
  ]
  if changed:
    name = changed[0]
    raise ValueError(
      f"{path.parent / name} was made from {known[name]}, now it is "
      f"{inputs[name]} ({len(changed)} like it); choose another output folder"
    )
  pictures = {**known, **inputs}
  if pictures != known:
    record.write(path, {**recorded, "pictures": pictures})
