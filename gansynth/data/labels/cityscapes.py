"""The labels of Cityscapes.

Source: cityscapesScripts, `helpers/labels.py` (commit 0bcc4a7, MIT licence).
"""

from typing import NamedTuple

import numpy as np


class Label(NamedTuple):
  """A row of the table."""

  name: str
  id: int  # in `_labelIds.png`
  train_id: int  # 0..18, 255: not trained on; -1: license plate
  category: str
  category_id: int
  has_instances: bool
  ignore_in_eval: bool
  color: tuple[int, int, int]  # RGB


LABELS = tuple(
  Label(*row)
  for row in (
    # name, id, train id, category and its id, instances, ignored, colour
    ("unlabeled", 0, 255, "void", 0, False, True, (0, 0, 0)),
    ("ego vehicle", 1, 255, "void", 0, False, True, (0, 0, 0)),
    ("rectification border", 2, 255, "void", 0, False, True, (0, 0, 0)),
    ("out of roi", 3, 255, "void", 0, False, True, (0, 0, 0)),
    ("static", 4, 255, "void", 0, False, True, (0, 0, 0)),
    ("dynamic", 5, 255, "void", 0, False, True, (111, 74, 0)),
    ("ground", 6, 255, "void", 0, False, True, (81, 0, 81)),
    ("road", 7, 0, "flat", 1, False, False, (128, 64, 128)),
    ("sidewalk", 8, 1, "flat", 1, False, False, (244, 35, 232)),
    ("parking", 9, 255, "flat", 1, False, True, (250, 170, 160)),
    ("rail track", 10, 255, "flat", 1, False, True, (230, 150, 140)),
    ("building", 11, 2, "construction", 2, False, False, (70, 70, 70)),
    ("wall", 12, 3, "construction", 2, False, False, (102, 102, 156)),
    ("fence", 13, 4, "construction", 2, False, False, (190, 153, 153)),
    ("guard rail", 14, 255, "construction", 2, False, True, (180, 165, 180)),
    ("bridge", 15, 255, "construction", 2, False, True, (150, 100, 100)),
    ("tunnel", 16, 255, "construction", 2, False, True, (150, 120, 90)),
    ("pole", 17, 5, "object", 3, False, False, (153, 153, 153)),
    ("polegroup", 18, 255, "object", 3, False, True, (153, 153, 153)),
    ("traffic light", 19, 6, "object", 3, False, False, (250, 170, 30)),
    ("traffic sign", 20, 7, "object", 3, False, False, (220, 220, 0)),
    ("vegetation", 21, 8, "nature", 4, False, False, (107, 142, 35)),
    ("terrain", 22, 9, "nature", 4, False, False, (152, 251, 152)),
    ("sky", 23, 10, "sky", 5, False, False, (70, 130, 180)),
    ("person", 24, 11, "human", 6, True, False, (220, 20, 60)),
    ("rider", 25, 12, "human", 6, True, False, (255, 0, 0)),
    ("car", 26, 13, "vehicle", 7, True, False, (0, 0, 142)),
    ("truck", 27, 14, "vehicle", 7, True, False, (0, 0, 70)),
    ("bus", 28, 15, "vehicle", 7, True, False, (0, 60, 100)),
    ("caravan", 29, 255, "vehicle", 7, True, True, (0, 0, 90)),
    ("trailer", 30, 255, "vehicle", 7, True, True, (0, 0, 110)),
    ("train", 31, 16, "vehicle", 7, True, False, (0, 80, 100)),
    ("motorcycle", 32, 17, "vehicle", 7, True, False, (0, 0, 230)),
    ("bicycle", 33, 18, "vehicle", 7, True, False, (119, 11, 32)),
    ("license plate", -1, -1, "vehicle", 7, False, True, (0, 0, 142)),
  )
)
BY_NAME = {label.name: label for label in LABELS}
BY_ID = {label.id: label for label in LABELS}

# Instance maps hold id * INSTANCE_STEP + counter for what is counted, and the
# bare id for everything else.
INSTANCE_STEP = 1000


# Pixels of this number in maps of ids and of train ids have no class.
IGNORED = 255


def colors() -> np.ndarray:
  """uint8 (35, 3): of the ids 0 to 33, then of the license plate (-1)."""
  return np.array([label.color for label in LABELS], np.uint8)


def train_ids() -> tuple[int, ...]:
  """The class that each of SPADE's 35 label channels is trained as.

  Returns:
    Of the ids 0 to 34 the class 0 to 18, or -1 where pixels are not trained on
    (34 is no label: the channel is there and stays empty).
  """
  trained = {
    label.id: label.train_id for label in LABELS if not label.ignore_in_eval
  }
  return tuple(trained.get(channel, -1) for channel in range(35))


def train_id_lookup() -> np.ndarray:
  """The class that segmenters of Cityscapes tell for each id.

  Returns:
    uint8 (256,): 0 to 18 of the ids that are trained on, `IGNORED` of others.
  """
  table = np.full(256, IGNORED, np.uint8)
  for label in trained_labels():
    table[label.id] = label.train_id
  return table


def trained_labels() -> tuple[Label, ...]:
  """The 19 labels that segmenters of Cityscapes tell, by their train ids."""
  trained = [label for label in LABELS if not label.ignore_in_eval]
  return tuple(sorted(trained, key=lambda label: label.train_id))


def train_colors() -> np.ndarray:
  """uint8 (19, 3): of the train ids 0 to 18."""
  return np.array([label.color for label in trained_labels()], np.uint8)
