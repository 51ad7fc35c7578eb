"""Reads labels that detections are scored against, whatever their format."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gansynth import images
from gansynth.synthesis.labels import (
  checks,
  coco_entries,
  rle,
  truths,
  voc,
  yolo,
)
from gansynth.synthesis.labels.objects import (
  LabelError,
  LabelledImage,
  LabelledObject,
)
from gansynth.synthesis.labels.truths import Labels, Picture


def read(
  path: str | os.PathLike[str],
  pictures: str | os.PathLike[str] = "",
  class_names: Sequence[str] = (),
  split: str = "",
) -> Labels:
  """Reads labels to score detections against.

  - A `.json` file: COCO's instances. Boxes and areas are the file's, crowds
    are ignored regions, ids may have gaps and need not differ.
  - A `.yaml` file: YOLO, the pictures that it names for the split, or those of
    the folder that is given.
  - A folder with `Annotations`, or of `.xml` files: Pascal VOC, difficult
    objects being ignored; of a split those in `ImageSets/Main/<split>.txt`.
  - Any other folder: YOLO. Sizes are those of the pictures; a picture without
    label file holds no object, and the same line twice is one object.

  Args:
    path: see above.
    pictures: folder of the pictures; "": that of YOLO's layout. Of COCO and VOC
      their sizes are then compared with what the labels say.
    class_names: in the order of class ids; (): for YOLO those of a file of
      names in the folder, for VOC all that occur, sorted.
    split: "": for a `.yaml` file `val`; else all that is there.

  Raises:
    LabelError: nothing there, or labels that cannot be used; named.
    ImageError: a picture whose size cannot be read.
    OSError: a file cannot be read.
  """
  if not os.fspath(path):
    raise LabelError("the path of the labels is empty; give one")
  path = Path(path)
  suffix = path.suffix.lower()
  if path.is_file() and suffix == ".json":
    if split:
      raise LabelError(
        f"{path}: COCO's files have no splits, and {split!r} is asked for; "
        "give the file of that split alone"
      )
    labels = _read_coco(str(path))
  elif path.is_file() and suffix in (".yaml", ".yml"):
    names = tuple(class_names) or _class_names(path)
    found = (
      _pictures_of(path.parent, pictures)
      if pictures
      else _listed(path, split or "val")
    )
    labels = _read_yolo(path, found, names)
  elif not path.is_dir():
    what = "is another file" if path.exists() else "does not exist"
    raise LabelError(
      f"{path}: {what}; expected COCO's .json, a data.yaml, a folder of YOLO's "
      "labels and pictures, or of Pascal VOC's annotations. Correct the path"
    )
  elif annotations := _annotations(path):
    labels = _read_voc(path, annotations, class_names, split)
  elif split:
    names = tuple(class_names) or _class_names(path)
    labels = _read_yolo(path, _listed(_described(path, split), split), names)
  else:
    names = tuple(class_names) or _class_names(path)
    labels = _read_yolo(path, _pictures_of(path, pictures), names)
  if pictures and labels.kind != "yolo":
    truths.compare_sizes(labels, pictures)
  return labels


def _read_coco(path) -> Labels:
  content = coco_entries.load(path)
  ids, names = coco_entries.read_categories(content["categories"], path)
  found, _, file_names = coco_entries.read_images(content["images"], path)
  if not found:
    raise LabelError(f"{path}: lists no image; expected those to detect on")
  classes = {category: number for number, category in enumerate(ids)}
  objects = {name: [] for name in found}
  problems, seen = [], set()
  repeated = 0
  for number, annotation in enumerate(content["annotations"]):
    where = f"{path}, annotation {number + 1}"
    try:
      required = ("image_id", "category_id", "bbox")
      coco_entries.require(annotation, required, where)
      where += f" (id {annotation.get('id')})"
      name = coco_entries.look_up(file_names, annotation, "image_id", where)
      class_id = coco_entries.look_up(classes, annotation, "category_id", where)
      box = coco_entries.box(annotation, where)
      truths.check_box(box, where)
      area = annotation.get("area")
      if area is None:
        area = box[2] * box[3]
      if isinstance(area, bool) or not isinstance(area, (int, float)):
        raise LabelError(f"{where}: area is {area!r:.60}; expected a number")
      ignored = bool(annotation.get("iscrowd"))
      objects[name].append((box, class_id, area, ignored))
      repeated += (key := str(annotation.get("id"))) in seen
      seen.add(key)
    except LabelError as error:
      problems.append(str(error))
  if problems:
    raise LabelError(coco_entries.join(problems))
  notes = []
  if repeated:
    notes.append(
      f"{path}: {repeated} annotations have the id of another; each counts as "
      "an object of its own"
    )
  # By id, as pycocotools takes them, which decides between like confidences.
  pictures = {
    name: Picture(
      found[name].height, found[name].width, truths.of_rows(objects[name])
    )
    for _, name in sorted(file_names.items())
  }
  notes += truths.outside_notes(path, pictures)
  return Labels(path, "coco", pictures, names, ids, file_names, tuple(notes))


def _annotations(path) -> dict[str, Path]:
  """Pascal VOC's files of a folder by id; {} if it is none of VOC's."""
  inside = path / "Annotations"
  if inside.is_dir():
    path = inside
  elif (path / "images").is_dir():
    return {}
  return {
    each.relative_to(path).with_suffix("").as_posix(): each
    for each in sorted(path.rglob("*.xml"))
    if each.name[0] != "."
  }


def _read_voc(path, annotations, class_names, split) -> Labels:
  if split:
    listed = path / "ImageSets" / "Main" / f"{split}.txt"
    if not listed.is_file():
      raise LabelError(
        f"{listed} does not exist; expected the ids of the split {split!r}. "
        "Choose another, or none for all"
      )
    # VOC's lists of one class say behind each id whether it is there.
    lines = checks.read_text(listed).splitlines()
    ids = [line.split()[0] for line in lines if line.strip()]
    missing = [each for each in ids if each not in annotations]
    if missing:
      raise LabelError(
        f"{listed} names {missing[0]!r} and {len(missing) - 1} more that have "
        f"no file in {path / 'Annotations'}; add them, or correct the list"
      )
    annotations = {each: annotations[each] for each in ids}
  texts = {name: checks.read_text(file) for name, file in annotations.items()}
  notes = []
  names = tuple(class_names)
  if not names:
    found = (
      voc.names(text, str(annotations[name])) for name, text in texts.items()
    )
    names = checks.class_names(sorted(set().union(*found)), str(path))
    notes.append(
      f"{path}: the classes are those that occur, sorted: {', '.join(names)}"
    )
  read = {
    name: voc.read(text, names, str(annotations[name]))
    for name, text in texts.items()
  }
  return Labels(str(path), "voc", _pictures(read), names, notes=tuple(notes))


def _pictures(read: Mapping[str, LabelledImage]) -> dict[str, Picture]:
  return {
    name: Picture(image.height, image.width, truths.of_objects(image.objects))
    for name, image in read.items()
  }


def _class_names(path) -> tuple[str, ...] | None:
  """Of a file of names, which may be above folders of labels or pictures."""
  names = yolo.read_classes(path)
  for number in reversed(range(1, len(path.parts))):
    if names is None and path.parts[number] in ("labels", "images"):
      names = yolo.read_classes(Path(*path.parts[:number]))
  return names


def _described(path, split) -> Path:
  """The description of a YOLO folder, which is there for a split to be."""
  for name in ("data.yaml", "data.yml", "dataset.yaml"):
    if (path / name).is_file():
      return path / name
  raise LabelError(
    f"{path}: there is no data.yaml to say which pictures {split!r} are; give "
    "the folder of these pictures instead"
  )


def _listed(path, split) -> dict[str, tuple[str, Path | None]]:
  """Pictures of a split and their label files, by name."""
  places = yolo.split_places(path, split)
  found = []
  for place in places:
    if place.is_dir():
      found += images.list_images(place)
      continue
    lines = map(str.strip, checks.read_text(place).splitlines())
    found += [os.path.join(place.parent, line) for line in lines if line]
  found = [os.path.normpath(picture) for picture in found]
  base = os.path.commonpath([os.path.dirname(each) or "." for each in found])
  return {
    os.path.relpath(each, base): (each, yolo.find_labels(each))
    for each in found
  }


def _pictures_of(path, pictures) -> dict[str, tuple[str, Path | None]]:
  """Pictures of a folder and their label files, by name."""
  folder = Path(pictures) if pictures else path
  if not pictures:
    beside = Path(*_swapped(path.parts, "labels", "images"))
    if (path / "images").is_dir():
      folder = path / "images"
    elif beside != path and beside.is_dir():
      folder = beside  # The folder of the labels themselves was given.
  texts = path / "labels" if (path / "labels").is_dir() else path
  try:
    listed = images.list_images(folder)
  except images.ImageError as error:
    raise LabelError(
      f"{error} YOLO's labels say nothing of the sizes of pictures; name their "
      "folder (--images)"
    ) from None
  found = {}
  for each in listed:
    name = os.path.relpath(each, folder)
    own = texts / Path(name).with_suffix(".txt")
    found[name] = (each, own if own.is_file() else yolo.find_labels(each))
  return found


def _swapped(parts, old, new):
  """Parts of a path whose last folder `old` is called `new`."""
  parts = list(parts)
  for number in reversed(range(len(parts))):
    if parts[number] == old:
      parts[number] = new
      break
  return parts


def _read_yolo(path, found, class_names) -> Labels:
  if not any(text for _, text in found.values()):
    first = next(iter(found.values()))[0]
    raise LabelError(
      f"{path}: none of the {len(found)} pictures has a label file; expected "
      f"for example {yolo.label_path(first)}, or the same beside the picture. "
      "Correct the path"
    )
  texts = {}
  for picture, text in found.values():
    if text is not None and texts.setdefault(text, picture) != picture:
      raise LabelError(
        f"{picture} and {texts[text]} have the same label file {text}; rename "
        "one of them"
      )
  repeated = []
  read = {}
  for name, (picture, text) in found.items():
    height, width = images.size(picture)
    objects = []
    if text is not None:
      limit = len(class_names) if class_names else None
      objects = yolo.read(text, width, height, limit)
      if len(different := _different(objects)) < len(objects):
        repeated.append(str(text))
        objects = different
    read[name] = LabelledImage(name, height, width, tuple(objects))
  notes = []
  if repeated:
    notes.append(
      f"{len(repeated)} label files have the same line twice, which counts "
      f"once; the first is {repeated[0]}"
    )
  if extra := _without_picture(path, texts):
    notes.append(
      f"{len(extra)} label files have no picture and are passed over, the "
      f"first is {extra[0]}"
    )
  if not class_names:
    ids = [each.class_id for image in read.values() for each in image.objects]
    class_names = [f"class {each}" for each in range(max(ids, default=0) + 1)]
    notes.append(
      f"{path}: there is no file of class names (data.yaml, classes.txt); by "
      f"the labels there are {len(class_names)}"
    )
  names = tuple(class_names)
  return Labels(str(path), "yolo", _pictures(read), names, notes=tuple(notes))


def _different(objects) -> list[LabelledObject]:
  return list(
    {
      (each.class_id, each.box, each.mask and rle.to_string(each.mask)): each
      for each in objects
    }.values()
  )


def _without_picture(path, texts) -> list[Path]:
  if not (path / "labels").is_dir():
    return []
  used = {text.resolve() for text in texts}
  return [
    each
    for each in sorted((path / "labels").rglob("*.txt"))
    if each.resolve() not in used
    and each.name not in yolo.NOT_LABELS
    and each.name[0] != "."
  ]
