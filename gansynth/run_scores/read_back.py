"""Whether a segmenter reads label maps back from pictures made of them."""

from typing import Any

import ml_collections

from gansynth import parallel, published, segmenters
from gansynth.data.labels import cityscapes
from gansynth.metrics import segmentation_protocols, segmentation_scoring
from gansynth.reports import evaluation_record
from gansynth.run_scores.host_items import own_items
from gansynth.run_scores.made_pictures import MadePictures, Measured


class ReadBack:
  """How well a segmenter reads label maps back from pictures made of them."""

  def __init__(
    self, config: ml_collections.ConfigDict, system: Any, test_set: Any
  ) -> None:
    """Loads the segmenter.

    Args:
      config: `evaluate` and `data`.
      system: what makes pictures of label maps.
      test_set: of label maps.

    Raises:
      ValueError: there is no such segmenter, or it tells other classes.
    """
    options = config.evaluate
    self._segmenter = segmenters.load(
      options.segmenter,
      random_features=options.get("random_features", False),
    )
    self._protocol = segmentation_protocols.find(
      options.get("protocol", "picture")
    )
    conditioning = system.conditioning
    self._kind = options.get("label_kind", "") or label_kind(
      self._segmenter.num_classes, conditioning.num_labels
    )
    self._ignored = {cityscapes.IGNORED}
    if conditioning.dont_care:
      self._ignored.add(conditioning.num_labels)
    num_classes = self._segmenter.num_classes
    if num_classes is None and self._kind == "classes":
      num_classes = conditioning.num_labels
    self._num_classes = num_classes
    named = self._kind == "classes" and test_set.class_names
    self._class_names = tuple(named or ())
    self._test_set = test_set
    self._max_items = options.max_items
    made_by = self._segmenter.made_by
    random = made_by.get("weights") == published.RANDOM
    self._prefix = evaluation_record.RANDOM_FEATURES if random else ""
    self.names = [
      self._prefix + name
      for name in ("mean_iou", "pixel_accuracy", "class_accuracy")
    ]
    self.options = {"protocol": self._protocol.name, "labels": self._kind}
    self.networks = {"segmenter": made_by}

  def measure(self, made: MadePictures, makers: Any) -> Measured:
    """See `RunMetrics`."""
    del makers
    result = parallel.on_every_host(lambda: self._score(made[""])).over_hosts()
    per_picture = {self._prefix + "mean_iou": result.per_picture}
    about = {"segmenter": self._segmenter.made_by, **self.options}
    if not self._prefix:
      about["confusion_matrix"] = result.matrix.tolist()
      about["class_names"] = list(result.class_names)
    return Measured(
      {self._prefix + name: value for name, value in result.scores.items()},
      per_picture,
      result.notes,
      about,
    )

  def _score(self, made):
    items = own_items(self._test_set, self._max_items)
    return segmentation_scoring.score(
      self._segmenter,
      (
        (each.name, each.picture, item["label"])
        for each, item in zip(made, items, strict=True)
      ),
      self._protocol,
      self._num_classes,
      self._class_names,
      labels=self._kind,
      ignored=self._ignored,
    )


def label_kind(num_classes: int | None, num_labels: int) -> str:
  """What label maps hold for a segmenter of so many classes."""
  trained = len(cityscapes.trained_labels())
  if num_classes == trained and num_labels == len(cityscapes.LABELS):
    return "ids"
  return "classes"
