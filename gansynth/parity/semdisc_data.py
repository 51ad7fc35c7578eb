"""What networks are trained on, made of files, against SemDisc's data set."""

import re
import types
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gansynth import losses
from gansynth.data import labels as data
from gansynth.data.labels import cityscapes
from gansynth.models.semantics import Conditioning
from gansynth.parity import label_cases, label_chains
from gansynth.parity.case import Case, CaseError, to_nchw
from gansynth.parity.comparison import EXACT, Comparison, Tolerance, compare
from gansynth.parity.semdisc_networks import argv
from gansynth.systems import common, semantic

_FOLDER = "files"
_IGNORED = 255  # the class of pixels that do not count
# Of numbers up to 1 in float32; pictures' levels are 8e-3 apart.
_ROUNDING = Tolerance(2.4e-7)
# The original's data sets -> ours.
_SOURCES = {
  "cityscapes": "cityscapes",
  "facades": "facades",
  "coco": "coco_stuff",
  "ade20k": "ade20k",
}


def dataset_items(case: Case) -> Iterator[Comparison]:
  """Items of files in several settings, and what networks see of them.

  Labels, pictures and instances are read and transformed as in training. What
  the original's data set adds, which is made on the device here, is compared
  with what a training step makes of the item.
  """
  for name, about in case.require("variants").items():
    one = label_cases.variant(case, argv(case, name, about))
    values = label_cases.options(one).values
    item = _item(one, values, about)
    batch = {key: value[None] for key, value in item.items()}
    for key, (found, allowed) in _made_of(one, values, batch, name).items():
      recorded = f"{name}/{key}"
      if recorded in case.outputs:
        yield compare(recorded, found, case.outputs[recorded], allowed)


def _item(case, values, about):
  """One item of the data set that the options describe."""
  mode = values["dataset_mode"]
  if mode not in _SOURCES:
    raise CaseError(
      f"{case.folder}: dataset_mode is {mode!r}; known are "
      f"{', '.join(_SOURCES)}"
    )
  config = types.SimpleNamespace(
    source=_SOURCES[mode],
    root=str(case.folder / _FOLDER),
    num_labels=values["label_nc"],
    dont_care=values["contain_dontcare_label"],
    instances=not values["no_instance"],
    preprocess=values["preprocess_mode"],
    load_size=values["load_size"],
    crop_size=values["crop_size"],
    aspect_ratio=values["aspect_ratio"],
    original_crops=True,
  )
  dataset = data.create(config, "train")
  return dataset.sample(about.get("item", 0), _Draws(about.get("flipped")))


class _Draws:
  """Stands for a generator: what it draws cuts at 0, 0, and flips or not."""

  def __init__(self, is_flipped: Any):
    self._draws = np.array([0.0, 0.0, float(bool(is_flipped))])

  def random(self, count: int) -> np.ndarray:
    """The draws of one item."""
    return self._draws[:count]


def _made_of(case, values, batch, name):
  """Arrays by the names that the original has for them, and tolerances."""
  wanted = Conditioning(
    values["label_nc"],
    dont_care=values["contain_dontcare_label"],
    edges=not values["no_instance"],
  )
  labels = batch["label"]
  picture = common.to_unit_range(jnp.asarray(batch["image"]))
  shown = wanted(labels, batch.get("instance")).dense()
  channels = np.asarray(to_nchw(shown)[0])
  found = {
    "label": (channels[: wanted.label_channels], EXACT),
    "image": (to_nchw(picture)[0], _ROUNDING),
    "input_semantics_lastchannel": (channels[-1:], EXACT),
  }
  if "instance" in batch:
    # The original reads 16 bits with a sign, and compares for equality alone.
    found["instance"] = (batch["instance"].astype(np.int16), EXACT)
  heads = label_chains.semantic_losses(values)
  if heads is None:
    heads = semantic.SemanticLosses(classes=cityscapes.train_ids())
  classes = np.asarray(semantic.class_map(heads, wanted, labels))
  found["smapS"] = (np.where(classes < 0, _IGNORED, classes), EXACT)
  for key in _weights(case, name):
    made = _class_weights(case, wanted, heads, labels, f"{name}/{key}")
    allowed = label_cases.tolerance(case, key, "for smaps")
    found[key] = (to_nchw(made)[0], allowed)
  return found


def _weights(case, name):
  """What weights of verdicts are recorded."""
  pattern = rf"{re.escape(name)}/(smap\d+)"
  found = [re.fullmatch(pattern, key) for key in case.outputs]
  return [match[1] for match in found if match]


def _class_weights(case, wanted, heads, labels, name):
  @jax.jit
  def make(labels):
    return losses.class_weights(
      labels,
      case.outputs[name].shape[1:],
      wanted.label_channels,
      balanced=heads.balanced,
      fine_scale=heads.fine_scale,
    )

  return make(labels)
