"""Checkpoint and pictures in, a folder of translated pictures out."""

import collections
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import ml_collections
import numpy as np
from absl import logging

from gansynth import config as config_lib
from gansynth import images, parallel
from gansynth.progress import Progress
from gansynth.translator import Translator

RECORD = "translation.json"
FORMATS = ("png", "jpg")


@dataclasses.dataclass(frozen=True)
class Result:
  """What `translate_folder` did, on this host."""

  translated: int
  already_there: int
  skipped: list[str]  # names of pictures that could not be read


def synthesize(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> Result:
  """Translates the folder `config.synthesize.input`.

  Args:
    config: `synthesize`; networks as the run in `workdir` was made with,
      unless `synthesize.checkpoint` names a converted network.
    workdir: the run whose generator is used.

  Returns:
    What was done.

  Raises:
    ValueError: folders that are missing, another run's results in the output
      folder, or a picture that cannot be read.
  """
  options = config.synthesize
  for name in ("input", "output"):
    if not options[name]:
      raise config_lib.ConfigError(
        f"synthesize.{name} is not set; give --config.synthesize.{name}=FOLDER"
      )
  loading = {"batch_size": options.batch_size, "mode": options.mode}
  if options.checkpoint:
    translate = Translator.load(options.checkpoint, **loading)
  else:
    config_lib.check(config, workdir, only=config_lib.NETWORKS)
    translate = Translator.load(
      workdir, options.direction, options.step, **loading
    )
  result = translate_folder(
    translate,
    options.input,
    options.output,
    scale_width=options.scale_width,
    file_format=options.format,
    skip_unreadable=options.skip_unreadable,
  )
  print(
    f"{result.translated} pictures translated, {result.already_there} were "
    f"there already, {len(result.skipped)} could not be read; look in "
    f"{options.output}"
  )
  return result


def translate_folder(
  translate: Translator,
  source: str | os.PathLike[str],
  target: str | os.PathLike[str],
  *,
  scale_width: int = 0,
  file_format: str = "png",
  skip_unreadable: bool = False,
) -> Result:
  """Translates all pictures of a folder, keeping names of sub-folders.

  Every picture is written aside and renamed, so a file that is there is
  whole, and a run that was interrupted goes on where it stopped. Of several
  hosts each takes its share. What made the pictures is recorded beside them,
  and pictures that something else made are never taken for its own.

  Args:
    translate: the generator.
    source: folder of pictures of any sizes.
    target: folder to write to; not inside `source`.
    scale_width: resize pictures to this width before, keeping the aspect
      ratio; 0: leave them.
    file_format: `png` or `jpg`.
    skip_unreadable: go on after a picture that cannot be read or is too
      small, and report it, instead of stopping there.

  Returns:
    What was done.

  Raises:
    images.ImageError: a folder is missing or empty, or a picture cannot be
      used; pictures translated until then are on disk.
    ValueError: `target` lies in `source` or holds something else's results.
  """
  source, target = pathlib.Path(source), pathlib.Path(target)
  if file_format not in FORMATS:
    raise ValueError(
      f"unknown format {file_format!r}; choose one of {', '.join(FORMATS)}"
    )
  if target.absolute().is_relative_to(source.absolute()):
    raise ValueError(
      f"the output {target} lies in the input {source}, where it would be "
      "taken for input; choose a folder outside"
    )
  outputs = output_names(
    [os.path.relpath(path, source) for path in images.list_images(source)],
    file_format,
  )
  made_by = {
    "weights": digest(translate.variables),
    "network": repr(translate.network),
    "mode": translate.mode,
    "scale_width": scale_width,
    "format": file_format,
  }
  parallel.on_primary(lambda: _record(target, made_by, outputs.values()))

  names = sorted(outputs)[jax.process_index() :: jax.process_count()]
  waiting = [name for name in names if not (target / outputs[name]).exists()]
  skipped, translated = [], 0
  gray = translate.input_channels == 1

  def read(name: str) -> np.ndarray:
    picture = images.read(source / name)
    if scale_width and picture.shape[1] != scale_width:
      height = round(picture.shape[0] * scale_width / picture.shape[1])
      picture = images.resize(picture, (max(1, height), scale_width))
    if min(picture.shape[:2]) < translate.smallest:
      raise images.ImageError(
        f"{source / name} is {picture.shape[1]} x {picture.shape[0]} pixels; "
        f"sides of at least {translate.smallest} can be translated. Enlarge "
        "or remove it"
      )
    return images.to_gray(picture) if gray else picture

  with (
    Progress(
      len(names), unit="picture", initial=len(names) - len(waiting)
    ) as progress,
    concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as readers,
    _Writer(os.cpu_count() or 1) as writer,
  ):
    queue = _ahead(readers, read, waiting, 4 * translate.batch_size)
    for group in _same_canvas(queue, translate, skip_unreadable, skipped):
      pictures = translate([picture for _, picture in group])
      for (name, _), picture in zip(group, pictures, strict=True):
        writer.write(target / outputs[name], picture)
      translated += len(group)
      progress.update(len(group))
  for message in skipped:
    logging.warning("skipped: %s", message)
  return Result(translated, len(names) - len(waiting), skipped)


def output_names(names: list[str], file_format: str) -> dict[str, str]:
  """Chooses the file that each picture is written to.

  The suffix is replaced; where two pictures would then have one name (a.jpg
  and a.png), theirs is appended instead (a.jpg.png, a.png.png).
  """
  chosen = {
    name: f"{os.path.splitext(name)[0]}.{file_format}" for name in names
  }
  while True:
    counts = collections.Counter(chosen.values())
    meeting = {
      name: f"{name}.{file_format}"
      for name, output in chosen.items()
      if counts[output] > 1 and output != f"{name}.{file_format}"
    }
    if not meeting:
      return chosen
    chosen.update(meeting)


def digest(variables: Any) -> str:
  """Returns a short fingerprint of a network's weights."""
  sha = hashlib.sha256()
  for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
    sha.update(jax.tree_util.keystr(path).encode())
    sha.update(np.ascontiguousarray(leaf).tobytes())
  return sha.hexdigest()[:16]


def _record(
  target: pathlib.Path, made_by: Mapping[str, Any], outputs: Iterable[str]
) -> None:
  """Writes what makes the pictures, or checks that it is the same."""
  path = target / RECORD
  if not path.exists():
    foreign = [name for name in outputs if (target / name).exists()]
    if foreign:
      raise ValueError(
        f"{target} holds pictures that were not made here ({foreign[0]} and "
        f"{len(foreign) - 1} more in the way); choose another output folder"
      )
    target.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(made_by, indent=2) + "\n")
    aside.replace(path)
    return
  try:
    recorded = dict(json.loads(path.read_text()))
  except (ValueError, TypeError) as error:
    raise ValueError(
      f"{path} is damaged ({error}); choose another output folder"
    ) from error
  differing = [k for k in made_by if recorded.get(k) != made_by[k]]
  if differing:
    raise ValueError(
      f"{target} holds pictures made with "
      + ", ".join(f"{k} {recorded.get(k)!r}" for k in differing)
      + ", now it is "
      + ", ".join(f"{made_by[k]!r}" for k in differing)
      + "; choose another output folder, or remove that one"
    )
  # What a killed run had not finished; here no host writes yet.
  for unfinished in target.rglob(".*.tmp"):
    unfinished.unlink()


def _ahead(
  pool: concurrent.futures.Executor, read: Any, names: list[str], depth: int
) -> Iterator[tuple[str, concurrent.futures.Future]]:
  """Yields (name, future picture) in order, reading `depth` ahead."""
  window = collections.deque()
  for name in names:
    window.append((name, pool.submit(read, name)))
    if len(window) > depth:
      yield window.popleft()
  yield from window


def _same_canvas(
  queue: Iterator[tuple[str, concurrent.futures.Future]],
  translate: Translator,
  skip_unreadable: bool,
  skipped: list[str],
) -> Iterator[list[tuple[str, np.ndarray]]]:
  """Groups pictures into batches that share a compilation.

  At most eight batches' worth of pictures wait for company.
  """
  groups = collections.defaultdict(list)
  error = None
  for name, future in queue:
    try:
      picture = future.result()
    except images.ImageError as found:
      if skip_unreadable:
        skipped.append(str(found))
        continue
      error = found
      break
    groups[translate.canvas(picture.shape[:2])].append((name, picture))
    waiting = sum(map(len, groups.values()))
    fullest = max(groups, key=lambda canvas: len(groups[canvas]))
    if (
      len(groups[fullest]) == translate.batch_size
      or waiting >= 8 * translate.batch_size
    ):
      yield groups.pop(fullest)
  yield from groups.values()  # before the error, so that no work is lost
  if error is not None:
    raise error


class _Writer:
  """Writes pictures in the background, a bounded number at a time."""

  def __init__(self, threads: int) -> None:
    self._pool = concurrent.futures.ThreadPoolExecutor(threads)
    self._pending = collections.deque()
    self._depth = 8 * threads

  def write(self, path: pathlib.Path, picture: np.ndarray) -> None:
    """Starts to write; raises what an earlier write ran into."""
    self._pending.append(self._pool.submit(images.write, path, picture))
    if len(self._pending) > self._depth:
      self._pending.popleft().result()

  def __enter__(self) -> "_Writer":
    return self

  def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
    self._pool.shutdown(wait=True)
    if error is None:
      for future in self._pending:
        future.result()
