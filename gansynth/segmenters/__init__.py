"""Whatever tells the classes of a picture's pixels, behind one call.

>>> from gansynth import segmenters
>>> segment = segmenters.load("runs/segmenter")  # doctest: +SKIP
>>> (classes,) = segment([picture])  # doctest: +SKIP
"""

import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from gansynth import config as config_lib
from gansynth import label_judge
from gansynth.segmenters.base import (
  Segmenter,
  SegmenterError,
  other_classes,
)
from gansynth.segmenters.foreign import (
  CallableSegmenter,
  TorchScriptSegmenter,
  is_torchscript,
  load_callable,
)
from gansynth.segmenters.networks import (
  BATCH_SIZE,
  ClassTranslator,
  HeadSegmenter,
  NetworkSegmenter,
)

KINDS = ("auto", "network", "head", "torchscript", "callable")


def load(
  place: str | os.PathLike[str] | Callable[[np.ndarray], np.ndarray],
  kind: str = "auto",
  num_classes: int | None = None,
  *,
  step: int = 0,
  batch_size: int = 0,
  size: Sequence[int] = (),
) -> Segmenter:
  """Finds what tells classes, and loads it.

  Args:
    place: the work directory of a run of configs/segmenter.py or a network of
      one (kind `network`); that of a run whose discriminator tells labels
      (`head`); a TorchScript file (`torchscript`, needs torch); a function, or
      where it is, `module:function` or `file.py:function` (`callable`, see
      `CallableSegmenter`).
    kind: one of `KINDS`; `auto`: told from the place.
    num_classes: that are wanted; None: any. Of a function it is not known, and
      of TorchScript not before its first logits.
    step: checkpoint of a run; 0: the best one, else the latest.
    batch_size: pictures at a time; 0: 8 of our networks, 1 of others.
    size: (height, width) that pictures are resized to before; (): they are
      not.

  Returns:
    A function of pictures with `num_classes`, `batch_size` and `made_by`.

  Raises:
    ValueError: there is no such segmenter, or it tells other classes.
  """
  if kind not in KINDS:
    raise SegmenterError(
      f"unknown kind of segmenter {kind!r}; choose one of {', '.join(KINDS)}"
    )
  if kind == "auto":
    kind = _kind(place)
  if kind == "callable":
    return load_callable(place, size)
  if kind == "torchscript":
    return TorchScriptSegmenter(
      place, num_classes=num_classes, batch_size=batch_size or 1, size=size
    )
  batch_size = batch_size or BATCH_SIZE
  if kind == "head":
    head = label_judge.SegmentationHead.load(place, step, batch_size=batch_size)
    segmenter = HeadSegmenter(head, size=size)
  else:
    network = ClassTranslator.load(place, step)
    segmenter = NetworkSegmenter(
      network.network, network.variables, batch_size=batch_size, size=size
    )
  if num_classes is not None and segmenter.num_classes != num_classes:
    raise other_classes(place, segmenter.num_classes, num_classes)
  return segmenter


def _kind(place) -> str:
  if callable(place):
    return "callable"
  path = pathlib.Path(place)
  if path.is_file():
    if is_torchscript(path):
      return "torchscript"
    raise SegmenterError(
      f"{path} is no TorchScript file. Bare weights do not tell what network "
      "they are of: save torch.jit.script(network), or name a Python function "
      "file.py:function that runs it"
    )
  if path.is_dir():
    if not (path / config_lib.RECORD).exists():
      return "network"
    system = config_lib.load_record(path).system
    return "head" if system == "label_to_image" else "network"
  if ":" in os.fspath(place):
    return "callable"
  raise SegmenterError(
    f"{path} does not exist; give a run of configs/segmenter.py, a TorchScript "
    "file, or a Python function as module:function or file.py:function"
  )


__all__ = [
  "KINDS",
  "CallableSegmenter",
  "ClassTranslator",
  "HeadSegmenter",
  "NetworkSegmenter",
  "Segmenter",
  "SegmenterError",
  "TorchScriptSegmenter",
  "is_torchscript",
  "load",
]
