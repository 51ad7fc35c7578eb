"""How well a segmenter finds in pictures the labels they were made of.

Papers measure this on pictures and label maps of various sizes, which moves
the numbers by several points: the protocol is part of the score.

>>> from gansynth import segmenters
>>> from gansynth.metrics import segmentation_protocols as protocols
>>> segment = segmenters.load("networks/drn_d_105")  # doctest: +SKIP
>>> items = [("frankfurt_0", picture, labels)]  # doctest: +SKIP
>>> protocols.score(segment, items, "full", labels="ids")  # doctest: +SKIP
"""

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from gansynth import images, parallel
from gansynth.data.labels import cityscapes
from gansynth.data.labels.class_table import ClassTable
from gansynth.evaluation import segmentation
from gansynth.segmenters.base import Segmenter

_SAMPLE = "sample"


class ProtocolError(ValueError):
  """Pictures and label maps that a protocol, or a segmenter, cannot take."""


@dataclasses.dataclass(frozen=True)
class Protocol:
  """What is resized before pictures and labels are compared.

  Attributes:
    name: in `PROTOCOLS`.
    about: who measures so.
    size: (height, width) that both are brought to; "labels" for that of the
      label map, "picture" for that of the picture; None: they must be of one
      size.
    method: of pictures, see `images.resize`, or `sample`, as ImageMagick's;
      labels are resized by it too, else by Pillow's nearest.
    exact: whether pictures must have their size already.
    multiple: that both sides must be of.
    multi_scale: whether the segmenter looks at several sizes of a picture.
  """

  name: str
  about: str
  size: tuple[int, int] | str | None
  method: str = "bilinear"
  exact: bool = False
  multiple: int = 1
  multi_scale: bool = False


PROTOCOLS = {
  protocol.name: protocol
  for protocol in (
    Protocol(
      "semdisc",
      "SemDisc: pictures stretched and labels shrunk to 512 x 256 by nearest "
      "neighbours, as ImageMagick's -sample; six scales",
      (256, 512),
      method=_SAMPLE,
      multi_scale=True,
    ),
    Protocol(
      "oasis",
      "OASIS: pictures of 512 x 256 as they are, labels shrunk; one scale",
      (256, 512),
      exact=True,
    ),
    Protocol(
      "clade",
      "CLADE: pictures of 512 x 256 as they are, labels shrunk; one scale",
      (256, 512),
      exact=True,
    ),
    Protocol(
      "full",
      "pictures enlarged bilinearly to the size of the labels, which stay as "
      "they are; one scale",
      "labels",
    ),
    Protocol(
      "picture",
      "labels brought to the size of the pictures, which stay as they are; one "
      "scale",
      "picture",
    ),
    Protocol(
      "drn",
      "DRN's own test: both of one size, of multiples of 8; one scale",
      None,
      multiple=8,
    ),
  )
}


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


def find(protocol: str | Protocol) -> Protocol:
  """Looks a protocol up by its name.

  Raises:
    ProtocolError: there is none of that name.
  """
  if isinstance(protocol, Protocol):
    return protocol
  if protocol not in PROTOCOLS:
    raise ProtocolError(
      f"unknown protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}"
    )
  return PROTOCOLS[protocol]


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


def prepare(
  protocol: Protocol,
  name: str,
  picture: np.ndarray,
  truth: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
  """Brings a picture and its classes to the protocol's size.

  Args:
    protocol: says what is resized.
    name: of the picture, for messages.
    picture: uint8 (height, width, 3).
    truth: integers (height, width).

  Returns:
    Both, of one size.

  Raises:
    ProtocolError: the protocol does not take these sizes.
  """
  size = _size(protocol, name, picture.shape[:2], truth.shape)
  if picture.shape[:2] != size:
    if protocol.method == _SAMPLE:
      picture = _sample(picture, size)
    else:
      picture = images.resize(picture, size, protocol.method)
  return picture, resize_truth(protocol, truth, size)


def resize_truth(
  protocol: Protocol, truth: np.ndarray, size: Sequence[int]
) -> np.ndarray:
  """Brings classes (height, width) to a size, by the protocol's rule."""
  if truth.shape == tuple(size):
    return truth
  if protocol.method == _SAMPLE:
    return _sample(truth, size)
  return images.resize(truth.astype(np.int32), size, "nearest")


def _size(
  protocol: Protocol,
  name: str,
  picture: tuple[int, int],
  labels: tuple[int, int],
) -> tuple[int, int]:
  """The size that a picture and its labels are brought to."""
  size = {"labels": labels, "picture": picture, None: picture}.get(
    protocol.size, protocol.size
  )
  if (protocol.exact and picture != size) or (
    protocol.size is None and labels != size
  ):
    wanted = _shown(size) if protocol.exact else "both of one size"
    raise ProtocolError(
      f"{name}: the picture is {_shown(picture)} and the label map "
      f"{_shown(labels)} (width x height), and the protocol {protocol.name} "
      f"resizes no pictures: it takes {wanted}. Make pictures so, or choose "
      "the protocol full or picture"
    )
  if any(side % protocol.multiple for side in size):
    raise ProtocolError(
      f"{name}: the picture is {_shown(size)} (width x height), and the "
      f"protocol {protocol.name} takes multiples of {protocol.multiple}, as "
      "the original program; choose the protocol full or picture"
    )
  return size


def _sample(array: np.ndarray, size: Sequence[int]) -> np.ndarray:
  """Takes the pixel that the middle of each new one lies in.

  ImageMagick's -sample looks a trifle before the middle, so that of two pixels
  that meet there it takes the former, and others the latter.
  """
  for axis, (old, new) in enumerate(zip(array.shape[:2], size, strict=True)):
    if old != new:
      places = ((np.arange(new) + (0.5 - 1e-12)) * old / new).astype(np.int64)
      array = np.take(array, places, axis)
  return array


def _shown(shape: Sequence[int]) -> str:
  return f"{shape[1]} x {shape[0]}"
