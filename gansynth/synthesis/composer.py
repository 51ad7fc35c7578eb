"""Composes the pictures of a plan, up to what only the device can do."""

import dataclasses
from typing import Any

import numpy as np

from gansynth import images
from gansynth.synthesis import composition, original
from gansynth.synthesis.background_sources import random_window
from gansynth.synthesis.detection_plan import Item, Plan
from gansynth.synthesis.file_objects import YoloCrops
from gansynth.synthesis.labels import LabelledImage, LabelledObject

_CANVAS_QUALITY = 75  # of the JPEG that the original keeps its canvases in


@dataclasses.dataclass(frozen=True, eq=False)
class Composed:
  """One picture before blending.

  Attributes:
    item: which it is.
    name: without ending.
    canvas: uint8 (height, width, 3), the objects where they belong.
    background: uint8 (height, width, 3).
    mask: uint8 (height, width), 255 what is blended in.
    objects: the labels.
    made_of: what else the manifest says; JSON's values.
    label_text: of the original's label file; "" in mode fixed.
    canvas_file: the original's JPEG of the canvas; empty in mode fixed.
  """

  item: Item
  name: str
  canvas: np.ndarray
  background: np.ndarray
  mask: np.ndarray
  objects: tuple[LabelledObject, ...]
  made_of: dict[str, Any]
  label_text: str = ""
  canvas_file: bytes = b""

  @property
  def size(self) -> tuple[int, int]:
    """Height and width."""
    return self.mask.shape

  def labelled(self, file_name: str) -> LabelledImage:
    """The labels of the picture that is stored as `file_name`."""
    return LabelledImage(file_name, *self.size, self.objects)


class Composer:
  """Composes any picture of a plan; picklable, for worker processes."""

  def __init__(self, plan: Plan) -> None:
    """Composes what `plan` says."""
    self.plan = plan
    self._cutouts = {}  # of mode original, by domain

  def __call__(self, item: Item) -> Composed:
    """Composes one picture.

    Raises:
      ValueError: a picture or label that cannot be used.
      OSError: a file that cannot be read.
    """
    plan = self.plan
    pair = plan.pairs[item.pair]
    number = plan.background(item)
    picture = plan.backgrounds.read(pair.target, number)
    name = plan.name(item)
    made_of = {
      "name": name,
      "index": item.index,
      "source": pair.source,
      "target": pair.target,
      "mode": plan.options.mode,
      "seed": plan.options.seed,
      "background": plan.backgrounds.names(pair.target)[number],
    }
    if plan.options.mode == "original":
      return self._original(item, name, picture, made_of)
    return self._fixed(item, name, picture, made_of)

  def at(self, position: int) -> Composed:
    """Composes the picture at a position of the whole run; as `__call__`."""
    return self(self.plan.item(position))

  def _fixed(self, item, name, picture, made_of):
    plan = self.plan
    rng = plan.generator(item)
    pair = plan.pairs[item.pair]
    size = plan.options.backgrounds.size
    if size:
      made_of["window"] = random_window(
        rng, picture.shape[:2], size, made_of["background"]
      )
      top, left = made_of["window"]
      picture = picture[top : top + size[0], left : left + size[1]]
    crops = plan.crops(pair.source)

    def draw_object(rng):
      number = crops[int(rng.integers(len(crops)))]
      return plan.objects.read(pair.source, number)

    composed = composition.compose(
      rng,
      picture,
      draw_object,
      plan.rules,
      draw_distractor=self._draw_distractor if plan.distractors else None,
      real=plan.real,
    )
    made_of |= {"asked": composed.asked, "placements": composed.placements}
    return Composed(
      item,
      name,
      composed.canvas,
      picture,
      composed.mask,
      composed.objects,
      made_of,
    )

  def _draw_distractor(self, rng):
    return self.plan.distractors.read(*self.plan.distractor(rng))

  def _original(self, item, name, picture, made_of):
    plan = self.plan
    pair = plan.pairs[item.pair]
    size = plan.options.backgrounds.size or picture.shape[:2]
    cutouts = [cutout for cutout, _ in self._labelled(pair.source)]
    seed = plan.canvas_seed(item)
    placed = original.augment_image(
      [cutout.image for cutout in cutouts],
      [label for _, label in self._labelled(pair.source)],
      size,
      seed,
      plan.rules.max_objects,
      offset_ctr=plan.rules.offset_ctr,
      blend_offset=plan.rules.blend_offset,
    )
    objects = tuple(
      LabelledObject(0, _to_edges(relative, size))
      for _, *relative in placed.labels
    )
    made_of |= {
      "canvas_seed": seed,
      "asked": plan.rules.max_objects,
      "placements": [
        {**each, "cutout": cutouts[each["crop"]].name}
        for each in placed.placements
      ],
    }
    canvas = images.encode(placed.canvas, "jpg", _CANVAS_QUALITY)
    return Composed(
      item,
      name,
      images.read(canvas),
      picture,
      np.uint8(255) * placed.mask,
      objects,
      made_of,
      placed.label_text,
      canvas,
    )

  def _labelled(self, domain):
    """All cut-outs that may be placed, with their first labels.

    The original has them in memory, too.
    """
    if domain not in self._cutouts:
      objects = self.plan.objects
      labelled = []
      for number in self.plan.crops(domain):
        cutout = objects.read(domain, number)
        if isinstance(objects, YoloCrops):  # to the last digit
          label = objects.first_label(domain, number)
        else:
          label = _relative_label(cutout)
        labelled.append((cutout, label))
      self._cutouts[domain] = labelled
    return self._cutouts[domain]


def _relative_label(cutout):
  """A cut-out's first label as YOLO has it: class, centre, size."""
  if not cutout.annotations:
    raise ValueError(
      f"{cutout.name} has no label; in mode original every cut-out has one. "
      "Label or remove it"
    )
  height, width = cutout.size
  first = cutout.annotations[0]
  left, top, right, bottom = first.box
  return (
    first.class_id,
    (left + right) / 2 / width,
    (top + bottom) / 2 / height,
    (right - left) / width,
    (bottom - top) / height,
  )


def _to_edges(relative, size):
  x, y, width, height = relative
  return (
    (x - width / 2) * size[1],
    (y - height / 2) * size[0],
    (x + width / 2) * size[1],
    (y + height / 2) * size[0],
  )
