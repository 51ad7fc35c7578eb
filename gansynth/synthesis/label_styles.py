"""The styles that label maps are made into pictures of."""

import dataclasses
import hashlib
import os
import pathlib
from typing import TYPE_CHECKING, Any

from gansynth import images
from gansynth.synthesis import instance_features

if TYPE_CHECKING:
  from gansynth.label_translator import LabelTranslator

PAIRINGS = ("all", "name")


@dataclasses.dataclass(frozen=True)
class Styles:
  """The styles that every label map is made into a picture of.

  Attributes:
    names: of the styles; [""] where there is one.
    values: what `Scenes.make` takes; None: drawn.
    made_by: what they depend on, for the record.
    folder: of the pictures of the scenes themselves, which styles are encoded
      from; None: they are not.
    sample: encoded styles are drawn, not means.
  """

  names: list[str]
  values: list[Any]
  made_by: Any
  folder: str | os.PathLike[str] | None = None
  sample: bool = False


def choose(
  translate: "LabelTranslator",
  styles: str | os.PathLike[str],
  pairing: str,
  number: int,
  sample: bool,
) -> Styles:
  """Finds the styles that `label_folders.synthesize_labels` is asked for.

  Raises:
    ValueError: they do not fit the generator, or one another.
  """
  scenes = translate.scenes
  is_file = styles and os.path.isfile(styles)
  if styles and not scenes.have_styles:
    raise ValueError(
      f"styles is {os.fspath(styles)!r}, but this generator makes one picture "
      "of a scene; leave styles out"
    )
  if number < 1 or (number > 1 and not scenes.have_styles):
    raise ValueError(
      f"number is {number}; give 1 or more, and no more than 1 for a generator "
      "that makes one picture of a scene"
    )
  if is_file and scenes.have_features:
    table = instance_features.load(styles)
    return drawn(number, table, _digest(styles))
  if not styles:
    made_by = "drawn"
    if scenes.features is not None:
      made_by = _digest_table(scenes.features)
    return drawn(number, None, made_by)
  if number > 1:
    raise ValueError(
      f"number is {number}, of styles that are drawn, and styles are taken "
      f"from {os.fspath(styles)!r}; leave one of them out"
    )
  if pairing == "name" or scenes.have_features:
    made_by = f"of the pictures of their names, sample={sample}"
    return Styles([""], [None], made_by, styles, sample)
  paths = images.list_images(styles)
  names = [pathlib.PurePath(path).stem for path in paths]
  if len(set(names)) < len(names):
    twice = next(name for name in names if names.count(name) > 1)
    raise ValueError(
      f"{os.fspath(styles)!r} holds two pictures {twice!r}, and results are "
      "named by them; rename one"
    )
  keys = [(f"style {name}", 0) for name in names] if sample else None
  latents = translate.encode([images.read(path) for path in paths], keys)
  digests = {
    name: _digest(path) for name, path in zip(names, paths, strict=True)
  }
  return Styles(names, list(latents), {"sample": sample, **digests})


def drawn(number: int, value: Any = None, made_by: Any = "drawn") -> Styles:
  """Styles that are drawn for each label map.

  Args:
    number: how many.
    value: what they are drawn from, a table; None: the translator's own.
    made_by: for the record.
  """
  names = [f"{k:03}" for k in range(number)] if number > 1 else [""]
  return Styles(names, [value] * number, made_by)


def _digest(path):
  return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[:16]


def _digest_table(table):
  sha = hashlib.sha256()
  for label, centres in sorted(table.centres.items()):
    sha.update(f"{label} {centres.shape}".encode() + centres.tobytes())
  return sha.hexdigest()[:16]
