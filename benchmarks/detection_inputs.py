"""The crops, tiles and weights that all ways of making detection data get."""

import pathlib

import numpy as np
import scipy_blending

from gansynth import images
from gansynth.synthesis.background_sources import ProceduralTiles
from gansynth.synthesis.labels import LabelledImage, LabelledObject, yolo
from gansynth.synthesis.procedural_objects import ProceduralTurbines

_REGION = "farmland"


def write(folder, size, num_tiles=32, num_crops=32):
  """Writes crops of about 130 pixels with YOLO labels, tiles, and weights.

  Args:
    folder: gets `crops/images`, `crops/labels`, `tiles` and
      `blending_gan.npz`, a full-width Blending GAN with random weights.
    size: side of the tiles.
    num_tiles: how many.
    num_crops: how many.
  """
  folder = pathlib.Path(folder)
  tiles = ProceduralTiles(size=size, domains=[_REGION], count=num_tiles)
  for index, name in enumerate(tiles.names(_REGION)):
    images.write(folder / f"tiles/{name}.jpg", tiles.read(_REGION, index))
  turbines = ProceduralTurbines(domains=[_REGION], count=num_crops)
  for index, name in enumerate(turbines.names(_REGION)):
    cutout = turbines.read(_REGION, index)
    images.write(folder / f"crops/images/{name}.jpg", cutout.image)
    labels = tuple(
      LabelledObject(each.class_id, each.box) for each in cutout.annotations
    )
    labelled = LabelledImage(name, *cutout.size, labels)
    path = folder / f"crops/labels/{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yolo.format_lines(labelled))
  np.savez(folder / "blending_gan.npz", **scipy_blending.random_weights())


def crops(folder):
  """Paths of the crops' pictures and labels, in the same order."""
  pictures = sorted(pathlib.Path(folder, "crops/images").iterdir())
  labels = [
    path.parents[1] / "labels" / f"{path.stem}.txt" for path in pictures
  ]
  return pictures, labels
