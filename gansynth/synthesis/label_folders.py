"""A folder of label maps in, a folder of pictures in one or more styles out."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import jax
import numpy as np
from absl import logging

from gansynth import files, images, parallel
from gansynth.data.labels import palettes
from gansynth.data.labels.preprocess import LabelPreprocess
from gansynth.data.labels.reading import LabelReader
from gansynth.models import SpadeGenerator
from gansynth.progress import Progress
from gansynth.synthesis import (
  background,
  folders,
  instance_features,
  label_files,
  label_results,
  label_styles,
  record,
)
from gansynth.synthesis.folders import RECORD, Result
from gansynth.synthesis.instance_features import FeatureTable
from gansynth.synthesis.label_files import LabelFile

if TYPE_CHECKING:
  from gansynth.label_translator import LabelTranslator, Scene

OF_LABELS = "labels"


def synthesize_labels(
  translate: "LabelTranslator",
  source: str | os.PathLike[str],
  target: str | os.PathLike[str],
  *,
  instances: str | os.PathLike[str] = "",
  styles: str | os.PathLike[str] = "",
  style_pairing: str = "all",
  pictures: str | os.PathLike[str] = "",
  sample: bool = False,
  number: int = 1,
  reader: LabelReader | None = None,
  preprocess: LabelPreprocess | None = None,
  results: str = "plain",
  experiment: str = "labels",
  phase: str = "test",
  epoch: str = "latest",
  file_format: str = "png",
  skip_unreadable: bool = False,
) -> Result:
  """Makes pictures of all label maps of a folder.

  Every picture is written aside and renamed, so a file that is there is
  whole, and a run that was interrupted goes on where it stopped. A style that
  is drawn depends on the translator's seed, the label map's name and its
  number, so any share of the work gives the same. Of several hosts each takes
  its share. What made the pictures is recorded beside them, and pictures that
  something else made are never taken for its own.

  Args:
    translate: the generator.
    source: folder of label maps, with sub-folders; see `label_files.find`.
    target: folder to write to; not inside `source`.
    instances: folder of instance maps, or `labels` for a translator that
      takes labels for instances. Empty: there are none.
    styles: folder of pictures to encode styles from; of a generator that is
      shown features of instances also a file of clustered features to draw
      from. Empty: styles are drawn.
    style_pairing: `all`: every label map in the style of every picture;
      `name`: in that of the picture of its name, as the originals' tests do.
      Features of instances are always encoded by name.
    pictures: folder of true pictures of the label maps' names, which
      `original` results show beside the ones made. Empty: there are none.
    sample: draw styles from what the encoder makes of a picture, instead of
      taking the mean.
    number: of styles that are drawn for each label map.
    reader: of the label maps; None: one for what the generator is shown.
    preprocess: of the label maps, as in evaluation; None: they are resized to
      the generator's size where it has one, else left as they are.
    results: `plain`: pictures have the names of their label maps, followed by
      the style's where there are several. `original`: folders as SPADE's,
      `<experiment>/<phase>_<epoch>/images/synthesized_image` and, with the
      label maps in colours, `input_label`, and a page that shows them; of
      several styles `synthesized_image_<style>`. `GT_image` holds the true
      pictures in the size of the label maps that the network is shown, for
      scores that compare two folders.
    experiment: for `original`.
    phase: for `original`.
    epoch: for `original`.
    file_format: `png` or `jpg`.
    skip_unreadable: go on after a label map that cannot be used, and report
      it, instead of stopping there.

  Returns:
    How many label maps were done, were there already and were skipped.

  Raises:
    images.ImageError: a folder is missing, empty or lacks a file, or a map
      cannot be used; what was made until then is on disk.
    ValueError: options that do not go together, or `target` lies in `source`
      or holds something else's results.
  """
  source, target = pathlib.Path(source), pathlib.Path(target)
  _check(results, style_pairing, file_format, pictures)
  background.refuse_inside(target, source)
  chosen = label_styles.choose(translate, styles, style_pairing, number, sample)
  instance_folder = _instance_folder(translate, instances)
  found = label_files.find(
    source, instance_folder, chosen.folder, pictures or None
  )
  read_maps = label_files.Reader(
    reader or _reader(translate), preprocess or _preprocess(translate)
  )
  layout = label_results.Layout(
    found, chosen.names, results, file_format, f"{experiment}/{phase}_{epoch}"
  )
  made_by = {
    **translate.made_by,
    "instance_maps": instance_folder is not None,
    "styles": chosen.made_by,
    "reader": repr(read_maps.labels),
    "preprocess": repr(read_maps.preprocess),
    "results": results,
    "format": file_format,
  }
  folder = target / layout.folder
  parallel.on_primary(
    lambda: record.check(folder / RECORD, made_by, layout.all())
  )

  mine = found[jax.process_index() :: jax.process_count()]
  missing = {
    file: [name for name in layout.of(file) if not (folder / name).exists()]
    for file in mine
  }
  waiting = [file for file in mine if missing[file]]
  skipped = []
  maker = _Maker(translate, chosen, read_maps)

  def read(file: LabelFile) -> _Work:
    wanted = [
      k
      for k in range(len(chosen.names))
      if layout.output(file, k) in missing[file]
    ]
    return maker.work(file, wanted)

  def make(
    batch: list[tuple[LabelFile, _Work]],
  ) -> Iterator[tuple[pathlib.Path, np.ndarray]]:
    for file, work in batch:
      if layout.input(file) in missing[file]:
        yield folder / layout.input(file), maker.colored(work)
      if layout.truth(file) in missing[file]:
        yield folder / layout.truth(file), work.truth
    wanted = [
      (file, k, scene)
      for file, work in batch
      for k, scene in work.scenes.items()
      if layout.output(file, k) in missing[file]
    ]
    pictures = translate.translate(maker.finished(wanted))
    for (file, k, _), picture in zip(wanted, pictures, strict=True):
      yield folder / layout.output(file, k), images.to_uint8(picture)

  def skip(file: LabelFile, error: Exception) -> bool:
    if skip_unreadable and isinstance(error, images.ImageError):
      skipped.append(str(error))
      return True
    return False

  already = len(mine) - len(waiting)
  with Progress(len(mine), unit="label map", initial=already) as progress:
    translated = folders.run(
      waiting,
      read=read,
      group=lambda work: translate.canvas(work.first),
      batch_size=translate.batch_size,
      make=make,
      goes_on=skip,
      progress=progress,
    )
  for message in skipped:
    logging.warning("skipped: %s", message)
  if results == "original" and parallel.is_primary():
    title = f"Experiment = {experiment}, Phase = {phase}, Epoch = {epoch}"
    page = label_results.page(title, layout.rows(folder))
    files.write_whole(folder / "index.html", page.encode())
  return Result(translated, already, skipped)


def recalibrate(
  translate: "LabelTranslator",
  source: str | os.PathLike[str],
  *,
  instances: str | os.PathLike[str] = "",
  reader: LabelReader | None = None,
  preprocess: LabelPreprocess | None = None,
  limit: int = 256,
) -> None:
  """Takes a generator's running statistics anew, over a folder of label maps.

  See `LabelTranslator.recalibrate`.

  Args:
    translate: whose variables are replaced.
    source: folder of label maps.
    instances: see `synthesize_labels`, as the following two.
    reader: of the label maps.
    preprocess: of the label maps.
    limit: label maps, evenly over the folder.
  """
  found = label_files.find(source, _instance_folder(translate, instances))
  read_maps = label_files.Reader(
    reader or _reader(translate), preprocess or _preprocess(translate)
  )
  maker = _Maker(translate, label_styles.drawn(1), read_maps)
  translate.recalibrate(
    [maker.work(file, [0]).first for file in found[:: -(-len(found) // limit)]]
  )


def cluster_features(
  translate: "LabelTranslator",
  source: str | os.PathLike[str],
  pictures: str | os.PathLike[str],
  *,
  instances: str | os.PathLike[str] = "",
  reader: LabelReader | None = None,
  preprocess: LabelPreprocess | None = None,
  number: int = 10,
  seed: int = 0,
) -> FeatureTable:
  """Encodes the instances of true pictures, for a table to draw from.

  Args:
    translate: has an encoder of instances.
    source: folder of label maps.
    pictures: folder of their pictures.
    instances: see `synthesize_labels`, as the following two.
    reader: of the label maps.
    preprocess: of label maps and pictures.
    number: centres for each label.
    seed: of the search for them.

  Returns:
    The table; `save` it for `--features` or `styles`.
  """
  found = label_files.find(
    source, _instance_folder(translate, instances), pictures
  )
  read_maps = label_files.Reader(
    reader or _reader(translate), preprocess or _preprocess(translate)
  )
  collected = []
  size = translate.batch_size
  for first in range(0, len(found), size):
    items = [read_maps(file) for file in found[first : first + size]]
    collected += translate.collect_features(
      [item["label"] for item in items],
      [item["image"] for item in items],
      [item.get("instance") for item in items],
    )
  return instance_features.cluster(collected, number, seed)


@dataclasses.dataclass(frozen=True)
class _Work:
  """What is to be made of a label map.

  Attributes:
    scenes: by the numbers of their styles; one even where none is wanted.
    truth: the true picture, uint8 (height, width, 3), where there is one.
  """

  scenes: dict[int, "Scene"]
  truth: np.ndarray | None

  @property
  def first(self) -> "Scene":
    """Of the scenes, which differ in style alone."""
    return next(iter(self.scenes.values()))


class _Maker:
  """Makes scenes of label maps."""

  def __init__(self, translate, styles, read):
    self._translate = translate
    self._styles = styles
    self._read = read
    self._encodes = styles.folder is not None and bool(
      translate.scenes.latent_size
    )
    generator, num_labels = (
      translate.generator,
      translate.conditioning.num_labels,
    )
    is_spade = isinstance(generator, SpadeGenerator) or (
      getattr(generator, "norm", "").startswith("spectral")
    )
    # What each of the originals asks for.
    self._colors = (
      palettes.label_colors(num_labels + 2)
      if is_spade
      else palettes.label_colors(num_labels, first=0)
    )

  def work(self, file: LabelFile, wanted: list[int]) -> _Work:
    """Reads a label map, for the styles of these numbers."""
    maps = self._read(file)
    scenes = {}
    for k in wanted or [0]:
      style = self._styles.values[k]
      if self._styles.folder is not None and not self._encodes:
        style = maps["image"]
      scene = self._translate.scenes.make(
        maps["label"],
        maps.get("instance"),
        style,
        key=(file.stem, k),
        name=file.label,
      )
      if self._encodes:
        scene = dataclasses.replace(scene, picture=maps["image"])
      scenes[k] = scene
    truth = maps.get("truth")
    if truth is not None:
      # As the original writes it: what the networks are shown, cut to bytes.
      truth = images.to_uint8(images.to_unit_range(truth))
    return _Work(scenes, truth)

  def finished(
    self, wanted: list[tuple[LabelFile, int, "Scene"]]
  ) -> list["Scene"]:
    """The scenes, with styles of their own pictures if that is asked for."""
    scenes = [scene for _, _, scene in wanted]
    if not self._encodes:
      return scenes
    keys = [(file.stem, k) for file, k, _ in wanted]
    latents = self._translate.encode(
      [scene.picture for scene in scenes], keys if self._styles.sample else None
    )
    return [
      dataclasses.replace(scene, latent=latent, picture=None)
      for scene, latent in zip(scenes, latents, strict=True)
    ]

  def colored(self, work: _Work) -> np.ndarray:
    """The label map as the originals show it, uint8 (height, width, 3)."""
    labels = work.first.labels
    if labels.ndim == 3:
      return labels
    return palettes.colorize(labels, self._colors)


def _check(results, style_pairing, file_format, pictures):
  background.check_format(file_format)
  for name, value, known in (
    ("results", results, label_results.RESULTS),
    ("style_pairing", style_pairing, label_styles.PAIRINGS),
  ):
    if value not in known:
      raise ValueError(
        f"unknown {name} {value!r}; choose one of {', '.join(known)}"
      )
  if pictures and results != "original":
    raise ValueError(
      f"true pictures are given, {os.fspath(pictures)!r}, and {results} "
      "results do not show them; choose original results, or leave them out"
    )


def _instance_folder(translate, instances):
  """The folder of instance maps; None where there need be none."""
  if not translate.scenes.need_instances:
    return None
  if instances and os.fspath(instances) != OF_LABELS:
    return instances
  if translate.scenes.takes_labels_for_instances:
    return None
  raise ValueError(
    "the networks are shown the edges or features of instances, and there is "
    "no folder of instance maps; give one (--config.synthesize.instances), or "
    "'labels' to take every label for one instance"
  )


def _reader(translate):
  conditioning = translate.conditioning
  return LabelReader(conditioning.num_labels, conditioning.dont_care)


def _preprocess(translate):
  """Resizes to the generator's size, as the original's test does."""
  if translate.size is None:
    return None
  height, width = translate.size
  return LabelPreprocess(
    "fixed", crop_size=width, aspect_ratio=width / height, flip=False
  )
