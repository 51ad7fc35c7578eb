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
from gansynth import convert, label_judge, models, published
from gansynth import weights as weights_lib
from gansynth.convert import drn as convert_drn
from gansynth.segmenters.base import (
  Segmenter,
  SegmenterError,
  other_classes,
)
from gansynth.segmenters.drn import DrnSegmenter
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
  tells_no_classes,
)

KINDS = ("auto", "network", "drn", "head", "torchscript", "callable")


def load(
  place: str | os.PathLike[str] | Callable[[np.ndarray], np.ndarray],
  kind: str = "auto",
  num_classes: int | None = None,
  *,
  step: int = 0,
  batch_size: int = 0,
  size: Sequence[int] = (),
  multi_scale: bool = False,
  random_features: bool = False,
) -> Segmenter:
  """Finds what tells classes, and loads it.

  Args:
    place: the work directory of a run of configs/segmenter.py or a network of
      one (kind `network`); that of a run whose discriminator tells labels
      (`head`); a segmenter of DRN, as it was imported (`networks/drn_d_105`)
      or as its file (`drn`); a TorchScript file (`torchscript`, needs torch);
      a function, or where it is, `module:function` or `file.py:function`
      (`callable`, see `CallableSegmenter`).
    kind: one of `KINDS`; `auto`: told from the place.
    num_classes: that are wanted; None: any. Of a function it is not known, and
      of TorchScript not before its first logits.
    step: checkpoint of a run; 0: the best one, else the latest.
    batch_size: pictures at a time; 0: 8 of our networks, 1 of others.
    size: (height, width) that pictures are resized to before; (): they are
      not.
    multi_scale: look at pictures in six sizes; of DRN.
    random_features: draw weights in place of published ones, for a smoke test;
      of no effect where those are not asked for.

  Returns:
    A function of pictures with `num_classes`, `batch_size` and `made_by`.

  Raises:
    ValueError: there is no such segmenter, or it tells other classes.
  """
  if kind not in KINDS:
    raise SegmenterError(
      f"unknown kind of segmenter {kind!r}; choose one of {', '.join(KINDS)}"
    )
  if place == "":
    raise SegmenterError(
      "the place of the segmenter is empty; name a run, a network or a file"
    )
  if kind == "auto":
    kind = _kind(place)
  if kind == "callable":
    segmenter = load_callable(place, size)
  elif kind == "torchscript":
    segmenter = TorchScriptSegmenter(
      place, num_classes=num_classes, batch_size=batch_size or 1, size=size
    )
  elif kind == "head":
    head = label_judge.SegmentationHead.load(
      place, step, batch_size=batch_size or BATCH_SIZE
    )
    segmenter = HeadSegmenter(head, size=size)
  else:
    segmenter = _of_network(
      place, kind, step, random_features, batch_size, size
    )
  told = segmenter.num_classes
  if None not in (num_classes, told) and told != num_classes:
    raise other_classes(place, told, num_classes)
  return segmenter.at_scales(True) if multi_scale else segmenter


def _of_network(place, kind, step, random_features, batch_size, size):
  """Our own network, or one of DRN's."""
  path = pathlib.Path(place)
  made_by = {}
  if _is_published(path):
    network, variables, made_by = published.load(
      path.name, path.parent, random_features
    )
  else:
    network, variables = weights_lib.load(path, None, step)
  options = {"batch_size": batch_size or BATCH_SIZE, "size": size}
  if isinstance(network, models.Drn):
    segmenter = DrnSegmenter(network, variables, **options)
    if made_by.get("weights") == published.RANDOM:
      segmenter.made_by["weights"] = published.RANDOM
    return segmenter
  if kind == "drn":
    raise SegmenterError(
      f"{place} holds a {type(network).__name__}, which is no DRN; leave the "
      "kind to be told from the place"
    )
  if not isinstance(network, models.SegmentationUnet):
    raise tells_no_classes(place, network)
  return NetworkSegmenter(network, variables, **options)


def _is_published(path: pathlib.Path) -> bool:
  """Whether a place is named as DRN's networks are, and is no run."""
  known = published.WEIGHTS.get(path.name)
  is_one = known is not None and known.description["name"] == convert_drn.NAME
  return is_one and not (path / config_lib.RECORD).exists()


def _kind(place) -> str:
  if callable(place):
    return "callable"
  path = pathlib.Path(place)
  if _is_published(path):
    return "drn"
  if path.is_file():
    return _kind_of_file(path)
  if path.is_dir():
    if not (path / config_lib.RECORD).exists():
      return "network"
    system = config_lib.load_record(path).system
    return "head" if system == "label_to_image" else "network"
  if ":" in os.fspath(place):
    return "callable"
  raise SegmenterError(
    f"{path} does not exist; give a run of configs/segmenter.py, a network of "
    "DRN as networks/drn_d_105, a TorchScript file, or a Python function as "
    "module:function or file.py:function"
  )


def _kind_of_file(path: pathlib.Path) -> str:
  if is_torchscript(path):
    return "torchscript"
  try:
    if convert_drn.network_of(convert.load_state_dict(path)):
      return "drn"
  except convert.CheckpointError:
    pass  # of whatever else it is, the next lines tell what to do
  raise SegmenterError(
    f"{path} is no TorchScript file, and no segmenter of DRN. Bare weights of "
    "others do not tell what network they are of: save "
    "torch.jit.script(network), or name a Python function file.py:function "
    "that runs it"
  )


__all__ = [
  "KINDS",
  "CallableSegmenter",
  "ClassTranslator",
  "DrnSegmenter",
  "HeadSegmenter",
  "NetworkSegmenter",
  "Segmenter",
  "SegmenterError",
  "TorchScriptSegmenter",
  "is_torchscript",
  "load",
]
