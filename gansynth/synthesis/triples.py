"""Which files are blended: lists and folders of triples, names of results."""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Sequence

from gansynth import images

NAMINGS = ("original", "source")
_FIELDS = "source;destination;mask, and perhaps ;row,column"
_LONGEST_NAME = 255  # bytes, of common file systems


@dataclasses.dataclass(frozen=True)
class FileTriple:
  """Files to blend.

  Attributes:
    number: its line, or its place in the folder.
    label: what errors call it.
    source: the object's picture.
    target: the scene.
    mask: where the object is; None: the source's transparency tells.
    position: (row, column) of the source's top left corner on the target.
  """

  number: int
  label: str
  source: pathlib.Path
  target: pathlib.Path
  mask: pathlib.Path | None
  position: tuple[int, int] | None = None

  def absolute(self) -> "FileTriple":
    """The same whatever the working directory is."""
    return dataclasses.replace(
      self,
      source=self.source.absolute(),
      target=self.target.absolute(),
      mask=self.mask and self.mask.absolute(),
    )

  def __str__(self) -> str:
    """The line of a list that stands for it."""
    line = f"{self.source};{self.target};{self.mask or ''}"
    if self.position is None:
      return line
    return f"{line};{self.position[0]},{self.position[1]}"


@dataclasses.dataclass(frozen=True, order=True)
class Problem:
  """Why one line of a list, or one picture of a folder, is not blended."""

  number: int
  label: str
  reason: str

  def __str__(self) -> str:
    return f"{self.label}: {self.reason}"


def read_list(
  path: str | os.PathLike[str],
) -> tuple[list[FileTriple], list[Problem]]:
  """Reads a list in the format of the original program.

  A line is `source;destination;mask`, and perhaps `;row,column`, the place of
  the source's top left corner on a larger destination; where the mask is left
  empty, the source's transparency counts. Blank lines and those that begin
  with `#` are passed over. Relative paths start in the working directory,
  else in the list's own folder.

  Args:
    path: of the list.

  Returns:
    The triples, and what is wrong with the other lines.

  Raises:
    ValueError: the list is empty or no text.
    OSError: it cannot be read.
  """
  path = pathlib.Path(path)
  try:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
  except UnicodeDecodeError as error:
    raise ValueError(
      f"{path} is not text in UTF-8 ({error}); give a list of lines {_FIELDS}"
    ) from None
  triples, problems = [], []
  for number, line in enumerate(lines, 1):
    if not line.strip() or line.lstrip().startswith("#"):
      continue
    label = f"line {number}"
    try:
      triples.append(_parse(number, label, line, path.parent))
    except ValueError as error:
      problems.append(Problem(number, label, str(error)))
  if not triples and not problems:
    raise ValueError(f"{path} holds no line to blend; give lines {_FIELDS}")
  return triples, problems


def parse_position(text: str) -> tuple[int, int]:
  """Reads `row,column`; ValueError where it is something else."""
  try:
    row, column = (int(part) for part in text.split(","))
  except ValueError:
    raise ValueError(
      f"the position {text!r} is not two whole numbers row,column"
    ) from None
  return row, column


def single(
  source: str | os.PathLike[str],
  target: str | os.PathLike[str],
  mask: str | os.PathLike[str] | None = None,
  position: tuple[int, int] | None = None,
) -> FileTriple:
  """Makes a triple of three files."""
  paths = (pathlib.Path(path) for path in (source, target))
  mask = None if mask is None else pathlib.Path(mask)
  return FileTriple(1, os.fspath(source), *paths, mask, position)


def pair_folders(
  source: str | os.PathLike[str],
  target: str | os.PathLike[str],
  mask: str | os.PathLike[str] | None = None,
  position: tuple[int, int] | None = None,
) -> tuple[list[FileTriple], list[Problem]]:
  """Pairs pictures of equal names, in sub-folders too; endings may differ.

  What is a file, not a folder, serves for all.

  Args:
    source: folder of objects, or one.
    target: folder of scenes, or one.
    mask: folder of masks, or one; None: the sources' transparency.
    position: of every source on its target.

  Returns:
    The triples in the order of the first folder, and which of its pictures
    lack a partner.

  Raises:
    images.ImageError: a folder is missing or holds no picture.
    ValueError: none of them is a folder.
  """
  places = {"source": source, "target": target}
  if mask is not None:
    places["mask"] = mask
  folders = {
    role: _by_name(folder)
    for role, folder in places.items()
    if not os.path.isfile(folder)
  }
  if not folders:
    raise ValueError("none of source, target and mask is a folder")
  triples, problems = [], []
  first = next(iter(folders))
  for number, name in enumerate(folders[first], 1):
    files = {"mask": None}
    reason = ""
    for role, place in places.items():
      found = folders[role].get(name, []) if role in folders else [place]
      if len(found) != 1:
        names = ", ".join(found) or "none"
        reason = f"expected one {role} of this name in {place}, found {names}"
        break
      files[role] = pathlib.Path(found[0])
    if reason:
      problems.append(Problem(number, name, reason))
    else:
      triples.append(FileTriple(number, name, position=position, **files))
  return triples, problems


def output_names(
  triples: Sequence[FileTriple], naming: str, file_format: str
) -> tuple[dict[FileTriple, str], list[Problem]]:
  """Chooses the files that results are written to.

  Args:
    triples: what is blended.
    naming: `original`: `obj_<source>_bg_<target>_mask_<mask>`, as the original
      program; `source`: the source's own name. Of those that would then have
      one name, each gets `_<its number>` besides.
    file_format: the ending.

  Returns:
    Names by triple, and those that are too long to be used.

  Raises:
    ValueError: an unknown naming, or names that meet all the same.
  """
  if naming not in NAMINGS:
    raise ValueError(
      f"unknown naming {naming!r}; choose one of {', '.join(NAMINGS)}"
    )
  stems = {triple: _stem(triple, naming) for triple in triples}
  counts = collections.Counter(stems.values())
  names, problems, takers = {}, [], {}
  for triple, stem in stems.items():
    if counts[stem] > 1:
      stem = f"{stem}_{triple.number}"
    name = f"{stem}.{file_format}"
    if len(name.encode()) > _LONGEST_NAME:
      reason = f"its result's name {name} is too long; shorten its files' names"
      problems.append(Problem(triple.number, triple.label, reason))
      continue
    if name in takers:
      raise ValueError(
        f"{takers[name].label} and {triple.label} would both be written to "
        f"{name}; rename one of their files"
      )
    names[triple] = name
    takers[name] = triple
  return names, problems


def _parse(number, label, line, folder):
  fields = [field.strip() for field in line.split(";")]
  if len(fields) not in (3, 4):
    raise ValueError(
      f"has {len(fields)} fields, not 3 or 4 ({_FIELDS}): {line.strip()!r}"
    )
  files = []
  for role, field in zip(
    ("source", "destination", "mask"), fields, strict=False
  ):
    if not field and role != "mask":
      raise ValueError(f"the {role} is empty: {line.strip()!r}")
    files.append(_find(role, field, folder) if field else None)
  position = parse_position(fields[3]) if fields[3:] and fields[3] else None
  return FileTriple(number, label, *files, position)


def _find(role: str, name: str, folder: pathlib.Path) -> pathlib.Path:
  for path in (pathlib.Path(name), folder / name):
    if path.is_file():
      return path
  raise ValueError(
    f"the {role} {name!r} does not exist; looked in {os.getcwd()} and in "
    f"{folder.absolute()}"
  )


def _by_name(folder: str | os.PathLike[str]) -> dict[str, list[str]]:
  """Pictures of a folder by their names without ending."""
  found = collections.defaultdict(list)
  for path in images.list_images(folder):
    found[os.path.splitext(os.path.relpath(path, folder))[0]].append(path)
  return dict(found)


def _stem(triple: FileTriple, naming: str) -> str:
  if naming == "source":
    return triple.source.stem
  stem = f"obj_{triple.source.stem}_bg_{triple.target.stem}"
  return f"{stem}_mask_{triple.mask.stem}" if triple.mask else stem
