"""A checkpoint and a folder in, a folder of pictures out."""

import os
import pathlib
from collections.abc import Iterator

import jax
import ml_collections
import numpy as np
from absl import logging

from gansynth import checkpoints, images, label_networks, parallel
from gansynth import config as config_lib
from gansynth.data import labels
from gansynth.label_translator import LabelTranslator
from gansynth.progress import Progress
from gansynth.segmenters import ClassTranslator
from gansynth.synthesis import background, folders, label_folders, record
from gansynth.synthesis.folders import RECORD, Result
from gansynth.translator import Translator

# Sizes of pictures of label maps: the network's where it has one, else that of
# the map; that of the map; the network's, else what `data` makes of test items.
_SIZES = ("trained", "labels", "data")


def synthesize(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> Result:
  """Makes pictures of what is in the folder `config.synthesize.input`.

  Args:
    config: `synthesize`; networks as the run in `workdir` was made with,
      unless `synthesize.checkpoint` names others.
    workdir: the run whose generator is used.

  Returns:
    What was done.

  Raises:
    ValueError: folders that are missing, another run's results in the output
      folder, or a file that cannot be read.
  """
  options = config.synthesize
  for name in ("input", "output"):
    if not options[name]:
      raise config_lib.ConfigError(
        f"synthesize.{name} is not set; give --config.synthesize.{name}=FOLDER"
      )
  if not options.checkpoint:
    config_lib.check(config, workdir, only=config_lib.NETWORKS)
  make = _MAKERS.get(config.system, _of_pictures)
  result = make(config, options.checkpoint or workdir)
  print(
    f"{result.translated} pictures translated, {result.already_there} were "
    f"there already, {len(result.skipped)} could not be read; look in "
    f"{options.output}"
  )
  return result


def _of_pictures(config, place):
  options = config.synthesize
  translate = Translator.load(
    place,
    options.direction,
    options.step,
    batch_size=options.batch_size,
    mode=options.mode,
  )
  return translate_folder(
    translate,
    options.input,
    options.output,
    scale_width=options.scale_width,
    file_format=options.format,
    skip_unreadable=options.skip_unreadable,
  )


def _of_labels(config, place):
  options = config.synthesize
  if options.size not in _SIZES:
    raise config_lib.ConfigError(
      f"synthesize.size is {options.size!r}; choose one of {', '.join(_SIZES)}"
    )
  from_labels = options.instances == label_folders.OF_LABELS
  translate = LabelTranslator.load(
    place,
    options.step,
    batch_size=options.batch_size,
    mode=options.mode,
    seed=options.seed,
    instances=options.instances if from_labels else "",
    size=label_networks.OF_LABELS if options.size == "labels" else None,
    sparse=options.sparse,
  )
  preprocess = None
  if options.size == "data" and translate.size is None:
    preprocess = labels.preprocessing(config.data)
  return label_folders.synthesize_labels(
    translate,
    options.input,
    options.output,
    instances=options.instances,
    styles=options.styles,
    style_pairing=options.style_pairing,
    pictures=options.get("images", ""),
    sample=options.sample,
    number=options.number,
    reader=labels.label_reader(
      config.data,
      num_labels=translate.conditioning.num_labels,
      dont_care=translate.conditioning.dont_care,
      ade20k_shift=config.data.ade20k_shift,
    ),
    preprocess=preprocess,
    results=options.results,
    experiment=pathlib.Path(place).stem,
    file_format=options.format,
    skip_unreadable=options.skip_unreadable,
  )


def _masks(config, place):
  options = config.synthesize
  segment = ClassTranslator.load(
    place, options.step, batch_size=options.batch_size
  )
  return translate_folder(
    segment,
    options.input,
    options.output,
    skip_unreadable=options.skip_unreadable,
  )


# What makes them, of systems that do not translate pictures.
_MAKERS = {"label_to_image": _of_labels, "segmentation": _masks}


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
  background.check_format(file_format)
  background.refuse_inside(target, source)
  outputs = folders.output_names(
    [os.path.relpath(path, source) for path in images.list_images(source)],
    file_format,
  )
  made_by = {
    "weights": checkpoints.digest(translate.variables),
    "network": repr(translate.network),
    "mode": translate.mode,
    "scale_width": scale_width,
    "format": file_format,
  }
  parallel.on_primary(
    lambda: record.check(target / RECORD, made_by, outputs.values())
  )

  names = sorted(outputs)[jax.process_index() :: jax.process_count()]
  waiting = [name for name in names if not (target / outputs[name]).exists()]
  skipped = []
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

  def skip(name: str, error: Exception) -> bool:
    if skip_unreadable and isinstance(error, images.ImageError):
      skipped.append(str(error))
      return True
    return False

  def make(
    batch: list[tuple[str, np.ndarray]],
  ) -> Iterator[tuple[pathlib.Path, np.ndarray]]:
    pictures = translate([picture for _, picture in batch])
    for (name, _), picture in zip(batch, pictures, strict=True):
      yield target / outputs[name], picture

  already = len(names) - len(waiting)
  with Progress(len(names), unit="picture", initial=already) as progress:
    translated = folders.run(
      waiting,
      read=read,
      group=lambda picture: translate.canvas(picture.shape[:2]),
      batch_size=translate.batch_size,
      make=make,
      goes_on=skip,
      progress=progress,
    )
  for message in skipped:
    logging.warning("skipped: %s", message)
  return Result(translated, already, skipped)
