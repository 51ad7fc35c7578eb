"""Pictures of a folder to the classes of their pixels, and to scores."""

import concurrent.futures
import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gansynth import environment, files, images, published
from gansynth.data.labels import (
  cityscapes,
  class_table,
  layouts,
  pairing,
  palettes,
)
from gansynth.metrics import picture_evaluation, segmentation_scoring
from gansynth.metrics import segmentation_protocols as protocols
from gansynth.metrics.picture_sets import PictureSet
from gansynth.progress import Progress
from gansynth.reports import evaluation_record
from gansynth.reports.evaluation_record import Evaluation, Shown
from gansynth.segmenters import Segmenter, SegmenterError
from gansynth.synthesis import background, folders, record

RECORD = "segmentation.json"  # what told the classes of a folder
SCORES = "scores.json"
COLORS = "color"  # folder of what people look at, in that of the classes
_ID_ENDING = "_labelIds.png"
_AHEAD = 16  # pairs of maps that are read before they are compared
_VOID = 65535  # shown black, as what is none of the classes
_UNKNOWN = 256  # colours, where the number of classes is not told
_CITYSCAPES_ENDINGS = (_ID_ENDING, "_labelTrainIds.png", "_trainIds.png")


@dataclasses.dataclass(frozen=True)
class Truth:
  """Label maps of pictures, one for each.

  Attributes:
    paths: of the maps, in the order of the pictures.
    kind: what they hold, one of `class_table.KINDS`.
    protocol: how they are compared.
  """

  paths: tuple[str, ...]
  kind: str
  protocol: protocols.Protocol


@dataclasses.dataclass(frozen=True)
class Run:
  """What was done.

  Attributes:
    told: pictures whose classes were told now.
    already_there: whose classes were there already.
    evaluation: scores, and what readers of them must know; None: there were no
      label maps. Names of numbers that random weights made begin with
      `evaluation_record.RANDOM_FEATURES`.
  """

  told: int
  already_there: int
  evaluation: Evaluation | None = None


def find_labels(
  place: str | os.PathLike[str], pictures: PictureSet
) -> tuple[str, ...]:
  """Finds the label map of every picture.

  Args:
    place: a folder of label maps of the pictures' names, or of those that
      Cityscapes gives them; or a list of DRN, a path in each line, in the order
      of the pictures.
    pictures: see `picture_sets.open`.

  Returns:
    Paths in the order of the pictures.

  Raises:
    ValueError: there is no such place, or pictures and label maps are not as
      many, or do not belong together; the message names them.
  """
  place = pathlib.Path(place)
  if place.suffix == ".txt":
    return _listed(place, pictures)
  found, key = images.list_images(place), _stem
  for ending in _CITYSCAPES_ENDINGS:
    # Beside them lie maps of instances, and the same in colours.
    if maps := [path for path in found if path.endswith(ending)]:
      found, key = maps, layouts.first_three_parts
      break
  shown = pairing.by_key(list(pictures.names), key)
  maps = pairing.by_key(found, key)
  entries = pairing.pair(maps, shown)
  by_picture = {entry.image: entry.label for entry in entries}
  return tuple(by_picture[name] for name in pictures.names)


def label_kind(paths: Sequence[str], num_classes: int | None) -> str:
  """What label maps hold, as their names and the classes tell.

  Args:
    paths: of the label maps.
    num_classes: that the segmenter tells.

  Returns:
    One of `class_table.KINDS`.
  """
  if num_classes != len(cityscapes.trained_labels()):
    return "classes"
  are_ids = all(path.endswith(_ID_ENDING) for path in paths)
  return "ids" if are_ids else "train_ids"


def segment(
  segmenter: Segmenter,
  pictures: PictureSet,
  output: str | os.PathLike[str],
  truth: Truth | None = None,
  *,
  num_classes: int | None = None,
  class_names: Sequence[str] = (),
  colors: np.ndarray | None = None,
  multi_scale: bool | None = None,
  shown: int = 0,
) -> Run:
  """Tells the classes of pictures, writes them, and compares them with labels.

  `output` gets a grey PNG of classes for each picture, of the size that is
  compared, the same in colours in `color/`, and with label maps `scores.json`.
  A run that was interrupted goes on where it stopped.

  Args:
    segmenter: see `segmenters.load`.
    pictures: see `picture_sets.open`.
    output: folder; not inside that of the pictures.
    truth: label maps to compare with; None: there are none.
    num_classes: how many there are; None: as many as the segmenter says.
    class_names: by class; train ids of Cityscapes have theirs.
    colors: uint8 (n, 3) of the classes; None: Cityscapes' if there are 19,
      else ones that differ.
    multi_scale: whether the segmenter looks at several sizes of a picture;
      None: as the protocol says, if it can.
    shown: how many of the best and of the worst pictures the evaluation keeps.

  Returns:
    What was done.

  Raises:
    ValueError: a file that cannot be read, or labels and sizes that do not
      fit; what was told until then is on disk.
  """
  output = pathlib.Path(output)
  if output.exists() and not output.is_dir():
    raise ValueError(
      f"the output {output} is a file; expected a folder, or a name that is "
      "not taken"
    )
  files.check_writable(output / RECORD)
  if os.path.isdir(pictures.place):
    background.refuse_inside(output, pictures.place)
  notes, table = (), None
  if truth is None:
    segmenter = segmenter.at_scales(bool(multi_scale))
  else:
    segmenter, notes = segmentation_scoring.at_scales(
      segmenter, truth.protocol, multi_scale
    )
    num_classes = segmentation_scoring.count_classes(
      segmenter, num_classes, truth.kind
    )
    table = class_table.ClassTable(truth.kind, num_classes)
  made_by = {
    "segmenter": segmenter.made_by,
    # Else old results would be scored when pictures are made anew.
    "pictures of the names, sizes and times": pictures.identity,
    "protocol": truth.protocol.name if truth else "",
  }
  outputs = _outputs(pictures.names)
  if colors is None:
    colors = _colors(num_classes or segmenter.num_classes)
  told = _tell(
    segmenter, pictures, output, outputs, colors, made_by, truth, table
  )
  done = len(pictures) - told
  if truth is None:
    return Run(told, done)
  if truth.kind != "classes" and not class_names:
    class_names = [label.name for label in cityscapes.trained_labels()]
  tally = segmentation_scoring.Tally(num_classes, class_names)
  for index, labels, classes in _compared(output, outputs, truth, table):
    tally.add(pictures.names[index], labels, classes)
  evaluation = _evaluation(
    tally.result(truth.protocol, notes), segmenter.made_by, truth
  )
  picture_evaluation.write_json(output / SCORES, evaluation)
  kept = []
  for name in evaluation_record.choose_shown(evaluation.per_picture, shown):
    index = pictures.names.index(name)
    labels = _labels(truth, table, index)
    picture, labels = protocols.prepare(
      truth.protocol, name, pictures[index], labels
    )
    kinds = {
      "picture": picture,
      "labels": palettes.colorize(np.where(labels < 0, _VOID, labels), colors),
      "prediction": images.read(output / COLORS / outputs[index]),
    }
    scores = {
      metric: values[name] for metric, values in evaluation.per_picture.items()
    }
    kept.append(Shown(name, kinds, scores))
  return Run(told, done, dataclasses.replace(evaluation, shown=tuple(kept)))


def _tell(segmenter, pictures, output, outputs, colors, made_by, truth, table):
  """Writes the classes that are not there yet; returns of how many pictures."""
  colored = [f"{COLORS}/{name}" for name in outputs]
  record.check(output / RECORD, made_by, [*outputs, *colored])
  waiting = [
    index
    for index, names in enumerate(zip(outputs, colored, strict=True))
    if not all((output / name).exists() for name in names)
  ]

  def read(index: int) -> np.ndarray:
    picture = pictures[index]
    if truth is None:
      return picture
    # Labels that are none are found now, and not when all has been told.
    labels = _labels(truth, table, index)
    name = pictures.names[index]
    return protocols.prepare(truth.protocol, name, picture, labels)[0]

  def make(
    batch: list[tuple[int, np.ndarray]],
  ) -> Iterator[tuple[pathlib.Path, np.ndarray]]:
    try:
      told = segmenter([picture for _, picture in batch])
    except SegmenterError as error:
      raise _refusal(segmenter, pictures.names, batch, error) from error
    for (index, picture), classes in zip(batch, told, strict=True):
      if truth is not None and classes.shape != picture.shape[:2]:
        raise protocols.ProtocolError(
          f"{pictures.names[index]}: the segmenter told classes of shape "
          f"{classes.shape} for a picture of {picture.shape[:2]}, which cannot "
          "be compared with labels; let it tell one for each pixel"
        )
      yield output / colored[index], palettes.colorize(classes, colors)
      yield output / outputs[index], _stored(classes, pictures.names[index])

  initial = len(pictures) - len(waiting)
  with Progress(len(pictures), unit="picture", initial=initial) as progress:
    return folders.run(
      waiting,
      read=read,
      group=lambda picture: picture.shape[:2],
      batch_size=segmenter.batch_size,
      make=make,
      goes_on=lambda item, error: False,
      progress=progress,
    )


def _refusal(segmenter, names, batch, error):
  """The error of a batch, of the one picture that is refused alone too."""
  for index, picture in batch if len(batch) > 1 else ():
    try:
      segmenter([picture])
    except SegmenterError as alone:
      return SegmenterError(f"{names[index]}: {alone}")
  # Only together, or there is one.
  listed = ", ".join(names[index] for index, _ in batch)
  return SegmenterError(f"{listed}: {error}")


def _compared(output, outputs, truth, table):
  """Yields the index, true classes and told classes of every picture."""

  def read(index: int) -> tuple[np.ndarray, np.ndarray]:
    classes = images.read_integers(output / outputs[index])
    labels = _labels(truth, table, index)
    labels = protocols.resize_truth(truth.protocol, labels, classes.shape)
    return labels, classes

  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as readers:
    queue = background.ahead(readers, read, range(len(outputs)), _AHEAD)
    for index, future in queue:
      yield index, *future.result()


def _labels(truth, table, index):
  path = truth.paths[index]
  return table(images.read_integers(path), path)


def _evaluation(
  result: segmentation_scoring.SegmentationResult,
  made_by: Mapping[str, Any],
  truth: Truth,
) -> Evaluation:
  if not result.scores:
    raise protocols.ProtocolError(
      "no pixel of any label map was counted: all are 255, or what is none of "
      "the classes; say what the maps hold, --label-ids="
      f"{' or '.join(class_table.KINDS)}, or give others"
    )
  about = {
    "segmenter": made_by,
    "protocol": f"{truth.protocol.name}: {truth.protocol.about}",
    "labels": truth.kind,
    "environment": environment.describe(),
  }
  prefix, notes = "", list(result.notes)
  if made_by.get("weights") == published.RANDOM:
    prefix = evaluation_record.RANDOM_FEATURES
    notes.append("the weights are random: these numbers mean nothing")
  else:
    about["as SemDisc prints it"] = result.original_words
    about["class_names"] = list(result.class_names)
    about["confusion_matrix"] = result.matrix.tolist()
  return Evaluation(
    {prefix + name: value for name, value in result.scores.items()},
    per_picture={f"{prefix}mean_iou": result.per_picture},
    notes=tuple(notes),
    about=about,
  )


def _listed(place: pathlib.Path, pictures: PictureSet) -> tuple[str, ...]:
  """Label maps of a list, which belong to the pictures by their order."""
  try:
    text = place.read_text(encoding="utf-8")
  except OSError as error:
    raise images.ImageError(
      f"{place} cannot be read ({error.strerror}); give a folder of label maps "
      "or a list of them"
    ) from error
  paths = [place.parent / line.strip() for line in text.splitlines() if line]
  if len(paths) != len(pictures):
    raise images.ImageError(
      f"{place} lists {len(paths)} label maps, and {pictures.place} has "
      f"{len(pictures)} pictures; what belongs together is in the same order "
      "in both, so make them as many"
    )
  missing = [str(path) for path in paths if not path.is_file()]
  if missing:
    raise images.ImageError(
      f"{place} lists {len(missing)} label maps that do not exist: "
      f"{', '.join(missing[:3])}. Paths are relative to {place.parent}"
    )
  return tuple(map(str, paths))


def _stem(path: str) -> str:
  return pathlib.PurePath(path).stem


def _outputs(names: Sequence[str]) -> list[str]:
  """Names of the results, below the folder that they are written to."""
  inside = {
    name: "/".join(
      part
      for part in pathlib.PurePosixPath(name).parts
      if part not in ("..", "/")
    )
    for name in names
  }
  chosen = folders.output_names(list(inside.values()), "png")
  results = [chosen[inside[name]] for name in names]
  every = [*results, *(f"{COLORS}/{name}" for name in results)]
  if len(set(every)) < len(every):
    raise images.ImageError(
      "two of the pictures would have one result, for their names differ in "
      f"'..' or '{COLORS}/' alone; rename or move them"
    )
  return results


def _stored(classes: np.ndarray, name: str) -> np.ndarray:
  """Classes as a grey picture keeps them."""
  for dtype in (np.uint8, np.uint16):
    if 0 <= classes.min() <= classes.max() <= np.iinfo(dtype).max:
      return classes.astype(dtype)
  raise protocols.ProtocolError(
    f"{name}: the segmenter told classes from {classes.min()} to "
    f"{classes.max()}; a picture keeps 0 to 65535"
  )


def _colors(num_classes: int | None) -> np.ndarray:
  if num_classes == len(cityscapes.trained_labels()):
    return cityscapes.train_colors()
  return palettes.label_colors(num_classes or _UNKNOWN, first=0)
