"""Folders of masks, and a stand-in for the generator, for image-mask pairs."""

import functools

import numpy as np

from gansynth import images
from gansynth.data.labels import palettes
from gansynth.label_scenes import Scenes
from gansynth.models import semantics
from gansynth.synthesis.pair_folder import create_folder
from gansynth.synthesis.pair_run import PairRun

SIZE = (16, 24)
COLORS = palettes.load("geoseg")


def draw(seed, labels=6, size=SIZE):
  """A mask of vertical bands and a block."""
  rng = np.random.default_rng(seed)
  mask = np.repeat(rng.integers(labels, size=(1, size[1] // 4)), 4, axis=1)
  mask = np.repeat(mask, size[0], axis=0).astype(np.uint8)
  mask[4:9, 3:11] = rng.integers(labels)
  return mask


def write(root, count=4, labels=6, size=SIZE):
  """Masks in the palette's colours, but for one of numbers; returns them."""
  masks = [draw(seed, labels, size) for seed in range(count)]
  for i, mask in enumerate(masks):
    stored = mask if i == 1 else palettes.colorize(mask, COLORS)
    images.write(root / "train" / "masks" / f"t{i}.png", stored)
  return masks


def options(root, **changes):
  """Options as dictionaries; sections are merged."""
  values = {
    "seed": 3,
    "pairs": 10,
    "masks": {
      "path": str(root),
      "palette": "geoseg",
      "num_labels": 6,
      "size": SIZE,
    },
    "generator": {"weights": "nothing", "batch_size": 3},
    "output": {"preview": False},
  }
  for name, value in changes.items():
    both = isinstance(value, dict) and name in values
    values[name] = {**values[name], **value} if both else value
  return values


class Painter:
  """Paints labels in gray, in place of a `LabelTranslator`."""

  batch_size = 3
  made_by = {"weights": "painted"}  # noqa: RUF012

  def __init__(self, num_labels=6, dont_care=False):
    self.conditioning = semantics.Conditioning(num_labels, dont_care)
    self.scenes = Scenes(self.conditioning, 0)
    self.batches = []

  def canvas(self, scene):
    return scene.size

  def translate(self, scenes):
    self.batches.append(len(scenes))
    gray = [scene.labels / np.float32(3) - 1 for scene in scenes]
    return [np.repeat(x[..., None], 3, axis=2) for x in gray]


class Reader:
  """Reads the painted labels; of those in `wrong`, others."""

  num_classes = 6

  def __init__(self, wrong=(), shrink=1):
    self.wrong = wrong
    self.shrink = shrink
    self.made_by = {"kind": "reader", "wrong": list(wrong)}

  def __call__(self, pictures):
    found = [np.rint(6 * x[..., 0]).astype(np.uint8) for x in pictures]
    return [
      np.where(np.isin(x, self.wrong), 0, x)[:: self.shrink, :: self.shrink]
      for x in found
    ]


def create_run(values, root, segmenter=None):
  """A run without networks."""
  return PairRun(create_folder(values, root), Painter(), segmenter)


def creators(values, segmenter=None):
  """What Beam wants."""
  return (
    functools.partial(create_folder, values),
    functools.partial(create_run, values, segmenter=segmenter),
  )
