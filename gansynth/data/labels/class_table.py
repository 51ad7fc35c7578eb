"""From what label maps hold to the classes that a segmenter tells."""

from collections.abc import Collection

import numpy as np

from gansynth.data.labels import cityscapes

# The segmenter's classes; train ids of Cityscapes, which are its classes; or
# ids of Cityscapes, which are looked up.
KINDS = ("classes", "train_ids", "ids")
_NAMED = 5  # unknown labels that an error lists


class LabelError(ValueError):
  """A label map that holds no classes; the message names it."""


class ClassTable:
  """Turns what label maps hold into classes, and refuses what is none."""

  def __init__(
    self,
    kind: str,
    num_classes: int,
    ignored: Collection[int] = (cityscapes.IGNORED,),
  ) -> None:
    """Takes what is known of the maps.

    Args:
      kind: one of `KINDS`.
      num_classes: classes are 0 to num_classes - 1.
      ignored: labels that are no class, of kind `classes`.

    Raises:
      LabelError: there is no such kind.
    """
    if kind not in KINDS:
      raise LabelError(
        f"unknown kind of labels {kind!r}; choose one of {', '.join(KINDS)}"
      )
    if kind == "ids":
      lookup = cityscapes.train_id_lookup().tolist()
      known = [label.id for label in cityscapes.LABELS] + [cityscapes.IGNORED]
      table = {label: lookup[label % len(lookup)] for label in known}
      self._about = "ids of Cityscapes are 0 to 33, and 255 is not counted"
    else:
      ignored = (cityscapes.IGNORED,) if kind == "train_ids" else ignored
      table = {label: label for label in range(num_classes)}
      table |= dict.fromkeys(ignored, -1)
      what = "train ids of Cityscapes" if kind == "train_ids" else "classes"
      self._about = f"{what} are 0 to {num_classes - 1}" + (
        f", and {', '.join(map(str, sorted(ignored)))} is not counted"
        if ignored
        else ""
      )
    known = np.array(sorted(table), np.int64)
    classes = np.array([table[label] for label in known.tolist()], np.int64)
    classes[(classes < 0) | (classes >= num_classes)] = -1
    self._known, self._classes = known, classes

  def __call__(self, labels: np.ndarray, name: str) -> np.ndarray:
    """Looks the labels of a picture up.

    Args:
      labels: integers (height, width).
      name: of the picture, for messages.

    Returns:
      Integers of that shape; -1 where a pixel is not counted.

    Raises:
      LabelError: the array has another form, or holds something else.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
      raise LabelError(
        f"{name}: labels are {labels.dtype} of shape {labels.shape}; give "
        "integers (height, width), in a file a grey PNG or one of a palette"
      )
    present, places = np.unique(labels, return_inverse=True)
    rows = np.searchsorted(self._known, present).clip(0, len(self._known) - 1)
    unknown = present[self._known[rows] != present]
    if unknown.size:
      listed = ", ".join(str(label) for label in unknown[:_NAMED].tolist())
      more = unknown.size - _NAMED
      raise LabelError(
        f"{name}: the label map holds {listed}"
        f"{f' and {more} others' if more > 0 else ''}; "
        f"{self._about}. Say what the maps hold, --label-ids="
        f"{' or '.join(KINDS)}, or mend them"
      )
    return self._classes[rows][places].reshape(labels.shape)
