"""The label maps and weights that all forms of SPADE's modulation get."""

import pathlib
import types

import jax
import numpy as np

from gansynth import images
from gansynth.data import labels as labels_lib
from gansynth.data.labels import reading
from gansynth.models import semantics

# COCO-Stuff's: 182 labels, "don't care", and the edges of instances.
LABEL_CHANNELS = 183
LAND_CLASSES = 6


def maps(task: dict) -> list[tuple[np.ndarray, np.ndarray]]:
  """Returns labels and instances, each (size, width), of `maps` scenes.

  Args:
    task: `labels` is a folder of label maps, or "" for procedural street
      scenes, of Geoseg-GAN's `system` land cover; `instances` the folder of
      their instance maps, or "" for the label maps themselves; `size`,
      `width`, `maps`.
  """
  size, count = (task["size"], task["width"]), task["maps"]
  of_land = task.get("system") == "geoseg"
  if not task["labels"]:
    config = types.SimpleNamespace(
      source="procedural_land_cover" if of_land else "procedural_labels",
      num_labels=LAND_CLASSES if of_land else LABEL_CHANNELS - 1,
      dont_care=not of_land,
      height=task["size"],
      width=task["width"],
      preprocess="none",
    )
    scenes = labels_lib.create(config, "test")
    items = [scenes[i] for i in range(count)]
    return [
      (item["label"], item.get("instance", item["label"])) for item in items
    ]
  if of_land:
    read = reading.LabelReader(LAND_CLASSES)
  else:
    read = reading.LabelReader(LABEL_CHANNELS - 1, dont_care=True)
  found = []
  for path in images.list_images(task["labels"])[:count]:
    path = pathlib.Path(path)
    labels = read(path)
    instances = labels
    if task["instances"]:
      instances = reading.read_instances(
        pathlib.Path(task["instances"], path.name)
      )
    found.append((_resize(labels, size), _resize(instances, size)))
  return found


def _resize(values, size):
  rows, columns = (
    np.arange(new) * old // new
    for new, old in zip(size, values.shape, strict=True)
  )
  return values[rows][:, columns]


def label_map(labels: np.ndarray, instances: np.ndarray, batch: int = 1):
  """A `semantics.LabelMap` of a scene, `batch` times."""
  labels, instances = (
    np.repeat(x[None], batch, axis=0) for x in (labels, instances)
  )
  edges = semantics.instance_edges(instances)[..., None]
  return semantics.LabelMap(
    jax.numpy.asarray(labels, np.int32),
    edges.astype(np.float32),
    LABEL_CHANNELS,
  )


def fill(shapes, seed: int = 0):
  """Random variables of these shapes that keep activations of size one."""
  rng = np.random.default_rng(seed)

  def draw(path, leaf):
    name = jax.tree_util.keystr(path)
    if leaf.ndim < 2:
      return np.full(leaf.shape, "var" in name, np.float32)
    # A label map has one label at each tap.
    inputs = 1 if "shared" in name else leaf.shape[-2]
    scale = np.prod([*leaf.shape[:-2], inputs]) ** -0.5
    if "gamma" in name or "beta" in name:
      scale /= 2
    return np.float32(scale) * rng.standard_normal(leaf.shape, np.float32)

  return jax.tree_util.tree_map_with_path(draw, shapes)
