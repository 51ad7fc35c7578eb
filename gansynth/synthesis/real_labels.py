"""Labels of real pictures, whose statistics synthetic ones may follow."""

import os
import pathlib
from collections.abc import Iterable, Sequence

from absl import logging

from gansynth import images
from gansynth.synthesis.labels import LabelError, LabelledImage, coco, yolo
from gansynth.synthesis.statistics import Distribution

_UNKNOWN_SIDE = 1000  # pixels of a picture that is not there


def read(
  path: str | os.PathLike, class_names: Sequence[str] | None = None
) -> Distribution:
  """Reads real labels.

  - A `.json` file: COCO; crowds are left out, and so, with a warning, is
    what cannot be used, for COCO's own files have some of that.
  - A folder of pictures, or with a folder `images` of them: YOLO. The labels
    of `.../images/x/a.jpg` are `.../labels/x/a.txt` or, where that is not
    there, beside the picture; a picture with neither holds no object.
  - A folder of `.txt` alone: YOLO without pictures, which are then taken for
    square; so aspects are as stated in the labels.

  Args:
    path: see above.
    class_names: of a YOLO folder; None: those found in it, if any.

  Returns:
    What is drawn from; its `statistics` are for the plots.

  Raises:
    LabelError: nothing there, no label file, or labels that cannot be used.
    ImageError: a picture whose size cannot be read.
    ValueError: no object is labelled at all.
  """
  path = pathlib.Path(path)
  if path.suffix.lower() == ".json":
    dataset = coco.read(path, masks=False, strict=False)
    if dataset.problems:
      logging.warning(
        "%d annotations are left out of the statistics, the first: %s",
        len(dataset.problems),
        dataset.problems[0],
      )
    return Distribution.of(
      dataset.images.values(), dataset.class_names, str(path)
    )
  if not path.is_dir():
    what = "is a file" if path.exists() else "does not exist"
    raise LabelError(
      f"{path}: {what}; expected a folder of YOLO labels, with or without "
      "their pictures, or a COCO .json. Correct the path."
    )
  if class_names is None:
    class_names = yolo.read_classes(path) or ()
  labelled = _read_yolo(path, len(class_names) or None)
  return Distribution.of(labelled, class_names, str(path))


def _read_yolo(
  folder: pathlib.Path, num_classes: int | None
) -> Iterable[LabelledImage]:
  """Reads the labels of a folder, see `read`."""
  pictures = folder / "images"
  pictures = pictures if pictures.is_dir() else folder
  texts = sorted(
    each
    for each in folder.rglob("*.txt")
    if each.name not in yolo.NOT_LABELS and each.name[0] != "."
  )
  if not texts:
    raise LabelError(
      f"{folder}: no label file (.txt) in it or below; expected YOLO labels, "
      "one file a picture. Correct the path."
    )
  try:
    names = images.list_images(pictures)
  except images.ImageError:  # No picture: the labels alone.
    side = _UNKNOWN_SIDE
    return [
      LabelledImage(
        str(text.relative_to(folder)),
        side,
        side,
        yolo.read(text, side, side, num_classes),
      )
      for text in texts
    ]
  labelled = []
  found = 0
  for name in names:
    height, width = images.size(name)
    text = yolo.find_labels(name)
    found += text is not None
    objects = (
      () if text is None else yolo.read(text, width, height, num_classes)
    )
    labelled.append(LabelledImage(name, height, width, objects))
  if not found:
    raise LabelError(
      f"{folder}: none of its {len(names)} pictures has a label file; expected "
      f"for example {pathlib.Path(names[0]).with_suffix('.txt')}, or the same "
      "in a folder `labels` in place of `images`. Correct the path."
    )
  return labelled
