"""What all segmenters have in common."""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np

from gansynth import resampling


class SegmenterError(ValueError):
  """A segmenter that is missing, of other classes, or answers nonsense."""


class Segmenter(abc.ABC):
  """Tells the class of every pixel of pictures.

  Attributes:
    num_classes: classes are 0 to num_classes - 1; None: it does not tell.
    batch_size: pictures that are best handed over together.
    made_by: what tells classes, values of JSON; another segmenter, or the same
      with other weights, has others.
    takes_scales: whether it can look at pictures in several sizes, see
      `at_scales`.
  """

  takes_scales = False

  def __init__(
    self,
    num_classes: int | None,
    batch_size: int,
    made_by: dict[str, Any],
    size: Sequence[int] = (),
  ) -> None:
    """Takes the attributes.

    Args:
      num_classes: see above.
      batch_size: see above.
      made_by: see above; `size` is added.
      size: (height, width) that pictures are resized to before, bilinearly as
        torch does without antialiasing; (): they are not.
    """
    self.num_classes = num_classes
    self.batch_size = batch_size
    self.made_by = {**made_by, "size": list(size)}
    self._size = tuple(size)

  def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Tells classes.

    Args:
      pictures: float32 (height, width, 3) in [0, 1], or uint8; of any sizes.

    Returns:
      Integers (height, width) for each; those of a TorchScript file, a Python
      function or a segmenter with a `size` may have another size.

    Raises:
      SegmenterError: a picture has another form, or the segmenter failed.
    """
    prepared = [
      self._prepared(picture, index) for index, picture in enumerate(pictures)
    ]
    return self._segment(prepared)

  def at_scales(self, multi_scale: bool) -> "Segmenter":
    """The same segmenter that looks at pictures in several sizes, or in one.

    Args:
      multi_scale: whether in several, and adds up what it is told of each.

    Raises:
      SegmenterError: it cannot.
    """
    if not multi_scale:
      return self
    raise SegmenterError(
      f"a {type(self).__name__} looks at pictures in one size; several scales "
      "are for DRN"
    )

  @abc.abstractmethod
  def _segment(self, pictures: list[np.ndarray]) -> list[np.ndarray]:
    """`__call__` of float32 pictures in [0, 1]."""

  def _prepared(self, picture: np.ndarray, index: int) -> np.ndarray:
    if picture.ndim != 3 or picture.shape[2] != 3:
      raise SegmenterError(
        f"picture {index} has shape {picture.shape}; give (height, width, 3)"
      )
    if picture.dtype == np.uint8:
      picture = picture / np.float32(255)
    elif not np.issubdtype(picture.dtype, np.floating):
      raise SegmenterError(
        f"picture {index} holds {picture.dtype}; give float32 in [0, 1] or "
        "uint8"
      )
    picture = picture.astype(np.float32, copy=False)
    if self._size and picture.shape[:2] != self._size:
      (picture,) = np.asarray(
        resampling.resize_bilinear(picture[None], self._size)
      )
    return picture


def other_classes(place: Any, found: int, wanted: int) -> SegmenterError:
  """The error of a segmenter that tells other classes than are wanted."""
  return SegmenterError(
    f"{place} tells {found} classes, and {wanted} are wanted; take a segmenter "
    "of the same classes in the same order"
  )
