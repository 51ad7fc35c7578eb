"""How well a segmenter finds in pictures the labels they were made of.

>>> from gansynth import segmenters
>>> from gansynth.metrics import segmentation_scoring
>>> segment = segmenters.load("networks/drn_d_105")  # doctest: +SKIP
>>> items = [("frankfurt_0", picture, labels)]  # doctest: +SKIP
>>> segmentation_scoring.score(  # doctest: +SKIP
...   segment, items, "full", labels="ids"
... )
"""

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from gansynth import parallel
from gansynth.data.labels import cityscapes
from gansynth.data.labels.class_table import ClassTable
from gansynth.evaluation import segmentation
from gansynth.metrics.segmentation_protocols import (
  Protocol,
  ProtocolError,
  find,
  prepare,
)
from gansynth.segmenters.base import Segmenter


@dataclasses.dataclass(frozen=True)
class SegmentationResult:
  """What was found in all pictures together.

  Attributes:
    matrix: int64 (classes, classes), rows are labels and columns what was told.
    class_names: of the classes; perhaps fewer.
    per_picture: mean IoU of each picture alone, by its name, in [0, 1];
      without pictures that have no counted pixel.
    protocol: by which it was measured.
    notes: what readers of the numbers must know.
  """

  matrix: np.ndarray
  class_names: tuple[str, ...]
  per_picture: dict[str, float]
  protocol: Protocol
  notes: tuple[str, ...] = ()

  @property
  def scores(self) -> dict[str, float]:
    """`mean_iou`, `pixel_accuracy`, `class_accuracy`, `iou_<class>`, in [0, 1].

    Empty if there was no pixel to count.
    """
    if not self.matrix.any():
      return {}
    return segmentation.scores(self.matrix, self.class_names)

  @property
  def original_words(self) -> str:
    """The scores as SemDisc's program prints them: percent, two decimals."""
    values = (
      100 * segmentation.mean_iou(self.matrix),
      100 * segmentation.pixel_accuracy(self.matrix),
      100 * segmentation.mean_class_accuracy(self.matrix),
    )
    names = ("mAP", "pAcc", "cAcc")
    return ", ".join(
      f"{name} {value:.2f}" for name, value in zip(names, values, strict=True)
    )

  def over_hosts(self) -> "SegmentationResult":
    """The result of all hosts; `per_picture` stays this host's."""
    return dataclasses.replace(
      self, matrix=parallel.sum_over_hosts(self.matrix)
    )


def score(
  segmenter: Segmenter,
  items: Iterable[tuple[str, np.ndarray, np.ndarray]],
  protocol: str | Protocol = "picture",
  num_classes: int | None = None,
  class_names: Sequence[str] = (),
  *,
  labels: str = "classes",
  ignored: Collection[int] = (cityscapes.IGNORED,),
  multi_scale: bool | None = None,
) -> SegmentationResult:
  """Compares what a segmenter tells of pictures with their labels.

  Args:
    segmenter: see `segmenters.load`.
    items: name, picture uint8 (height, width, 3) and labels, integers (height,
      width), of each; this host's.
    protocol: one of `PROTOCOLS`, or another.
    num_classes: how many there are; None: as many as the segmenter says.
    class_names: by class; of train ids and ids they are known.
    labels: what label maps hold, one of `class_table.KINDS`.
    ignored: labels that are not counted, where they are `classes`.
    multi_scale: whether the segmenter looks at several sizes of a picture;
      None: as the protocol says, if it can.

  Returns:
    The result of these items.

  Raises:
    ProtocolError: labels that are no classes, or sizes that the protocol does
      not take; the message names the item.
    ValueError: the segmenter tells other classes, or fails.
  """
  protocol = find(protocol)
  segmenter, notes = at_scales(segmenter, protocol, multi_scale)
  num_classes = count_classes(segmenter, num_classes, labels)
  if labels != "classes" and not class_names:
    class_names = [label.name for label in cityscapes.trained_labels()]
  table = ClassTable(labels, num_classes, ignored)
  tally = Tally(num_classes, class_names)
  prepared = (
    (name, *prepare(protocol, name, picture, table(truth, name)))
    for name, picture, truth in items
  )
  while batch := list(itertools.islice(prepared, segmenter.batch_size)):
    found = segmenter([picture for _, picture, _ in batch])
    for (name, _, truth), classes in zip(batch, found, strict=True):
      tally.add(name, truth, classes)
  return tally.result(protocol, notes)


class Tally:
  """Counts the pixels of pictures, together and of each alone."""

  def __init__(self, num_classes: int, class_names: Sequence[str] = ()) -> None:
    """Starts with none.

    Args:
      num_classes: classes are 0 to num_classes - 1.
      class_names: of the classes; perhaps fewer.
    """
    self._matrix = np.zeros((num_classes, num_classes), np.int64)
    self._class_names = tuple(class_names)
    self._per_picture = {}

  def add(self, name: str, truth: np.ndarray, told: np.ndarray) -> None:
    """Adds a picture.

    Args:
      name: of the picture.
      truth: classes (height, width); -1 is not counted.
      told: classes of that shape.

    Raises:
      ProtocolError: the shapes differ, or `told` holds something else.
    """
    try:
      matrix = segmentation.confusion_matrix(truth, told, len(self._matrix))
    except ValueError as error:
      raise ProtocolError(f"{name}: {error}") from error
    self._matrix += matrix
    if matrix.any():
      self._per_picture[name] = segmentation.mean_iou(matrix)

  def result(
    self, protocol: Protocol, notes: Sequence[str] = ()
  ) -> SegmentationResult:
    """What was counted until now."""
    return SegmentationResult(
      self._matrix.copy(),
      self._class_names,
      dict(self._per_picture),
      protocol,
      tuple(notes),
    )


def at_scales(
  segmenter: Segmenter, protocol: Protocol, multi_scale: bool | None = None
) -> tuple[Segmenter, tuple[str, ...]]:
  """The segmenter that looks at pictures in as many sizes as is wanted.

  Args:
    segmenter: see `score`.
    protocol: says so, where `multi_scale` is None and the segmenter can.
    multi_scale: whether in several.

  Returns:
    The segmenter, and notes on where it differs from the protocol.

  Raises:
    ValueError: it cannot.
  """
  wanted = protocol.multi_scale if multi_scale is None else multi_scale
  if segmenter.takes_scales or multi_scale:
    segmenter = segmenter.at_scales(wanted)
    if wanted == protocol.multi_scale:
      return segmenter, ()
    return segmenter, (
      f"measured at {'six scales' if wanted else 'one scale'}, unlike the "
      f"protocol {protocol.name}",
    )
  if not wanted:
    return segmenter, ()
  return segmenter, (
    f"the protocol {protocol.name} looks at six scales of a picture, and this "
    "segmenter looked at one: these are no numbers to compare with papers",
  )


def count_classes(
  segmenter: Segmenter, num_classes: int | None, labels: str
) -> int:
  """How many classes are compared; see `score` for the arguments.

  Raises:
    ProtocolError: nobody says, or the segmenter tells others.
  """
  told = segmenter.num_classes
  if labels != "classes" and num_classes is None and told is None:
    num_classes = len(cityscapes.trained_labels())
  if num_classes is None and told is None:
    raise ProtocolError(
      "the segmenter does not say how many classes it tells; give num_classes"
    )
  if None not in (num_classes, told) and num_classes != told:
    raise ProtocolError(
      f"the segmenter tells {told} classes, and {num_classes} are wanted; take "
      "a segmenter of the same classes in the same order"
    )
  return told if num_classes is None else num_classes
