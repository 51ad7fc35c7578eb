"""Makes image-mask pairs: masks changed, pictures of them, a filter."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gansynth import environment, images, resampling
from gansynth.evaluation import segmentation
from gansynth.synthesis import generation
from gansynth.synthesis.generation import Prepared
from gansynth.synthesis.pair_folder import PairFolder
from gansynth.synthesis.pair_plan import Composed

if TYPE_CHECKING:
  from gansynth.label_translator import LabelTranslator
  from gansynth.segmenters import Segmenter


class Made(NamedTuple):
  """What was made of a mask.

  Attributes:
    picture: float32 (height, width, 3) in [-1, 1].
    iou: mean IoU of the mask and what a segmenter makes of the picture, 0..1;
      None: there is no segmenter.
  """

  picture: np.ndarray
  iou: float | None = None


class PairRun(generation.Run):
  """A run of `PairFolder` with its networks.

  Attributes:
    folder: what is on disk.
    translate: makes pictures of masks.
    segmenter: predicts masks of pictures; None: nothing is filtered.
  """

  folder: PairFolder

  def __init__(
    self,
    folder: PairFolder,
    translate: "LabelTranslator",
    segmenter: "Segmenter | None" = None,
  ) -> None:
    """Makes the pairs of `folder`.

    Raises:
      ValueError: networks with other labels than the masks.
    """
    super().__init__(folder, translate.batch_size)
    self.translate = translate
    self.segmenter = segmenter
    masks = folder.plan.masks
    shown = translate.conditioning
    if (shown.num_labels, shown.dont_care) != (
      masks.num_labels,
      masks.dont_care,
    ):
      raise ValueError(
        f"masks have {_labels(masks)}, and the generator is shown "
        f"{_labels(shown)}; leave masks.num_labels out, or give the generator "
        "that was trained with them"
      )
    if segmenter is not None and segmenter.num_classes not in (
      None,
      masks.num_labels,
    ):
      raise ValueError(
        f"the segmenter {folder.plan.options.filter.segmenter} tells "
        f"{segmenter.num_classes} classes apart, and masks have "
        f"{masks.num_labels} labels; give one that was trained with these"
      )
    self._about = {"generator": translate.made_by}
    if segmenter is not None:
      self._about["filter"] = {
        "tau": folder.plan.options.filter.tau,
        **segmenter.made_by,
      }
    self._about["versions"] = environment.versions()

  @property
  def composer(self) -> Callable[[int], Composed]:
    """See `Run`."""
    return self.folder.plan.compose

  def described(self) -> dict[str, Any]:
    """See `Run`."""
    return {k: v for k, v in self._about.items() if k != "versions"}

  def prepare(self, composed: Composed, again: bool = False) -> Prepared:
    """See `Run`.

    A pair that is there is made again: what a filter said of it is not known.
    """
    del again
    scene = self.translate.scenes.make(
      composed.labels, key=(composed.name, 0), name=composed.name
    )
    group = (self.translate.canvas(scene), *scene.arrays())
    return Prepared(composed, scene, group)

  def make(self, batch: Sequence[Prepared]) -> list[Made]:
    """See `Run`."""
    pictures = self.translate.translate([each.payload for each in batch])
    if self.segmenter is None:
      return [Made(picture) for picture in pictures]
    predictions = self.segmenter([unit_picture(x) for x in pictures])
    return [
      Made(picture, self._iou(each.composed.labels, prediction))
      for each, picture, prediction in zip(
        batch, pictures, predictions, strict=True
      )
    ]

  def write(self, composed: Composed, result: Made) -> dict[str, Any]:
    """See `Run`."""
    line = self.folder.line(composed, result.iou, self._about)
    if not line.get("rejected"):
      self.folder.write(composed, images.to_uint8(result.picture))
    return line

  def problem(self, position: int, error: Exception) -> dict[str, Any]:
    """See `Run`."""
    name = self.folder.plan.name(position)
    return {"index": position, "problem": f"{name}: {error}"}

  def _iou(self, labels, prediction):
    prediction = np.asarray(prediction)
    if prediction.shape != labels.shape:
      (prediction,) = resampling.resize_nearest(
        prediction[None, ..., None], labels.shape
      )
      prediction = np.asarray(prediction)[..., 0]
    masks = self.folder.plan.masks
    known = labels != masks.num_labels  # "don't care" is no class
    return segmentation.picture_iou(
      prediction[known], labels[known], masks.num_labels
    )


def unit_picture(picture: np.ndarray) -> np.ndarray:
  """Maps float [-1, 1] to float32 [0, 1], cut to it, as segmenters see it."""
  unit = (np.asarray(picture, np.float32) + 1) / np.float32(2)
  return np.clip(unit, 0, 1)


def _labels(of):
  more = ' and "don\'t care"' if of.dont_care else ""
  return f"{of.num_labels} labels{more}"
