"""What papers resize before they compare pictures with their labels.

They measure segmentation on pictures and label maps of various sizes, which
moves the numbers by several points: the protocol is part of the score.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gansynth import images

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
