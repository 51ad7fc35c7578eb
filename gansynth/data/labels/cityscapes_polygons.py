"""Label and instance maps of Cityscapes from polygons.

What cityscapesScripts' `preparation` tools make of a `_polygons.json`, pixel
for pixel: `_labelIds.png`, `_labelTrainIds.png`, `_instanceIds.png` and
`_color.png`.
"""

import json
import os
from typing import Any, NamedTuple

import numpy as np

from gansynth import images
from gansynth.data.labels import cityscapes


class Maps(NamedTuple):
  """The maps of a picture."""

  label_ids: np.ndarray  # uint8 (height, width)
  train_ids: np.ndarray  # uint8 (height, width), 255: not trained on
  instance_ids: np.ndarray  # uint16 (height, width)
  color: np.ndarray  # uint8 (height, width, 4), opaque

  def files(self) -> dict[str, np.ndarray]:
    """The maps by the endings of their files' names."""
    return {
      "labelIds": self.label_ids,
      "labelTrainIds": self.train_ids,
      "instanceIds": self.instance_ids,
      "color": self.color,
    }


def draw(annotation: dict[str, Any], name: str = "the annotation") -> Maps:
  """Paints the polygons of a picture in their order, later over earlier.

  A label that ends in "group", and is none by itself, is its class without a
  number of the instance. Deleted objects and license plates are not painted:
  what is below them shows.

  Args:
    annotation: as in `_polygons.json`: imgHeight, imgWidth and objects with
      label, polygon ([x, y], ...) and perhaps deleted.
    name: what to call it in errors.

  Raises:
    ValueError: an entry is missing, or a label is unknown.
  """
  try:
    size = annotation["imgHeight"], annotation["imgWidth"]
    objects = [
      (item["label"], item["polygon"])
      for item in annotation["objects"]
      if not item.get("deleted")
    ]
  except (KeyError, TypeError, AttributeError) as error:
    raise ValueError(
      f"{name}: {type(error).__name__}: {error}; expected imgHeight, imgWidth "
      "and objects with label and polygon."
    ) from None
  # Entry -1 is what no polygon covers.
  background = cityscapes.BY_NAME["unlabeled"]
  labels, instances, polygons = [], [], []
  counts = {}
  for label_name, polygon in objects:
    label, is_group = _label(label_name, name)
    if label.id < 0:
      continue
    if len(polygon) < 2:
      raise ValueError(
        f"{name}: a polygon of {label_name!r} has {len(polygon)} points; "
        "expected at least 2. Remove the object."
      )
    number = label.id
    if label.has_instances and not is_group:
      count = counts.setdefault(label.name, 0)
      number = label.id * cityscapes.INSTANCE_STEP + count
      counts[label.name] += 1
    labels.append(label)
    instances.append(number)
    polygons.append(polygon)
  labels.append(background)
  instances.append(background.id)
  top = images.fill_polygons(size, polygons)
  return Maps(
    np.array([label.id for label in labels], np.uint8)[top],
    np.array([label.train_id for label in labels], np.uint8)[top],
    np.array(instances, np.uint16)[top],
    np.array([(*label.color, 255) for label in labels], np.uint8)[top],
  )


def draw_file(path: str | os.PathLike) -> Maps:
  """`draw` of a `_polygons.json`.

  Raises:
    ValueError: it is no such file.
    OSError: it cannot be opened.
  """
  with open(path, encoding="utf-8") as file:
    try:
      annotation = json.load(file)
    except ValueError as error:
      raise ValueError(
        f"{os.fspath(path)!r}: is no JSON ({error}); expected the polygons of "
        "a Cityscapes picture."
      ) from None
  return draw(annotation, os.fspath(path))


def write(path: str | os.PathLike) -> list[str]:
  """Writes the maps of a `..._polygons.json` beside it; returns their paths."""
  path = os.fspath(path)
  stem = path.removesuffix("polygons.json")
  if stem == path:
    raise ValueError(
      f"{path!r} does not end in 'polygons.json', so what to call its maps is "
      "not known; rename it."
    )
  written = []
  for kind, array in draw_file(path).files().items():
    written.append(f"{stem}{kind}.png")
    images.write(written[-1], array)
  return written


def _label(name: str, where: str) -> tuple[cityscapes.Label, bool]:
  """The row of a label, and whether it stands for a group."""
  label = cityscapes.BY_NAME.get(name)
  if label is not None:
    return label, False
  label = cityscapes.BY_NAME.get(name.removesuffix("group"))
  if label is None:
    raise ValueError(
      f"{where}: label {name!r} is unknown; expected one of "
      f"{', '.join(cityscapes.BY_NAME)}, or one of these with 'group' after it."
    )
  return label, True
