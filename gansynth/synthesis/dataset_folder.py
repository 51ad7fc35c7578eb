"""The folders that a detection data set is written to.

A picture's labels are written before it, and every file aside and renamed: a
picture that is there is whole, and so are its labels. When all pictures of a
run are there, the files about all of them are made: `manifest.jsonl`, COCO's
`instances.json`, `data.yaml`, a TFDS data set and a contact sheet.
"""

import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gansynth import files, images
from gansynth.synthesis import journal, preview, statistics
from gansynth.synthesis.composer import Composed
from gansynth.synthesis.detection_plan import Item, Pair, Plan
from gansynth.synthesis.labels import (
  LabelledImage,
  LabelledObject,
  coco,
  rle,
  voc,
  yolo,
)

PREVIEW = "preview.html"
COCO_FILE = "instances.json"
TFDS_FOLDER = "tfds"


class DatasetFolder:
  """Where the pictures and labels of a plan go."""

  def __init__(self, root: pathlib.Path, plan: Plan) -> None:
    """Writes below `root` what `plan` says."""
    self.root = root
    self.plan = plan
    self._output = plan.options.output

  def file_name(self, name: str) -> str:
    """A picture's file, relative to its data set's folder."""
    file_name = f"{name}.{self._output.picture}"
    if self._output.naming == "original":
      return file_name
    return f"images/{file_name}"

  def picture(self, item: Item) -> pathlib.Path:
    """Path of a picture."""
    return self._folder(item) / self.file_name(self.plan.name(item))

  def write(self, composed: Composed, picture: np.ndarray) -> None:
    """Writes a blended picture and its labels.

    Raises:
      OSError: a file cannot be written.
    """
    folder = self._folder(composed.item)
    name = composed.name
    labelled = composed.labelled(f"{name}.{self._output.picture}")
    if self._output.canvases:
      self.write_canvas(composed)
    if "yolo" in self._output.formats:
      text = composed.label_text or yolo.format_lines(labelled)
      labels = "" if self._output.naming == "original" else "labels"
      files.write_whole(folder / labels / f"{name}.txt", text.encode())
    if "voc" in self._output.formats:
      text = voc.format_xml(labelled, self.plan.class_names, "images")
      files.write_whole(folder / "Annotations" / f"{name}.xml", text.encode())
    images.write(self.picture(composed.item), picture, self._output.quality)

  def write_canvas(self, composed: Composed) -> None:
    """Writes what goes into the blending, as `output.canvases` asks."""
    folder = pathlib.Path(self._output.canvases)
    name = composed.name
    if self._output.naming == "original":  # It does not know the background.
      name = name.partition("_bg_")[0]
    images.write(folder / "masks" / f"{name}.png", composed.mask)
    if not composed.label_text:
      images.write(folder / "canvases" / f"{name}.png", composed.canvas)
      return
    # The original's canvas has been through this JPEG once; its labels lie
    # with it.
    canvas = folder / "canvases" / f"{name}.jpg"
    files.write_whole(canvas, composed.canvas_file)
    labels = folder / "labels" / f"{name}.txt"
    files.write_whole(labels, composed.label_text.encode())

  def line(self, composed: Composed, about: dict[str, Any]) -> dict[str, Any]:
    """What the manifest says of a picture; JSON's values.

    Args:
      composed: the picture.
      about: what is the same for all pictures of the run.
    """
    height, width = composed.size
    return {
      **composed.made_of,
      "image": self.file_name(composed.name),
      "width": width,
      "height": height,
      "objects": [
        {
          "class_id": each.class_id,
          "class": self.plan.class_names[each.class_id],
          "box": [float(edge) for edge in each.box],
          "mask": each.mask and rle.to_string(each.mask),
        }
        for each in composed.objects
      ],
      **about,
    }

  def finish(self, lines: Sequence[dict[str, Any]]) -> None:
    """Writes the files about all pictures.

    Args:
      lines: of all pictures of all pairs.
    """
    pairs = {(pair.source, pair.target): [] for pair in self.plan.pairs}
    for line in lines:
      pairs[line["source"], line["target"]].append(line)
    for pair in self.plan.pairs:
      chosen = pairs[pair.source, pair.target]
      chosen.sort(key=lambda line: line["index"])
      self._finish_pair(pair, chosen)

  def _finish_pair(self, pair, lines):
    folder = self.root / pair.folder
    names = self.plan.class_names
    labelled = [labels_of(line) for line in lines]
    if "coco" in self._output.formats:
      coco.write(
        folder / COCO_FILE,
        labelled,
        names,
        segmentation=self._output.segmentation,
      )
    if "yolo" in self._output.formats:
      text = yolo.data_yaml(names, *self._picture_folders())
      files.write_whole(folder / "data.yaml", text.encode())
    if "tfds" in self._output.formats:
      self._write_tfds(folder, lines, labelled)
    if self._output.preview:
      self._write_preview(folder, pair, lines, labelled)
    text = "".join(map(journal.dump, lines))
    files.write_whole(folder / files.MANIFEST, text.encode())

  def _picture_folders(self):
    folder = "." if self._output.naming == "original" else "images"
    return folder, folder

  def _write_tfds(self, folder, lines, labelled):
    from gansynth.data import tfds_detection  # imports TFDS, which is slow

    def examples() -> Iterable[tuple[bytes, LabelledImage]]:
      for line, each in zip(lines, labelled, strict=True):
        yield (folder / line["image"]).read_bytes(), each

    tfds_detection.write(
      folder / TFDS_FOLDER, "detection", examples, self.plan.class_names
    )

  def _write_preview(self, folder, pair, lines, labelled):
    places = np.linspace(
      0, len(lines) - 1, min(preview.MOST_PICTURES, len(lines))
    )
    chosen = sorted({round(float(place)) for place in places})
    shown = (
      preview.Shown(
        images.read(folder / lines[number]["image"]),
        labelled[number],
        f"in {lines[number]['background']}",
      )
      for number in chosen
    )
    options = self.plan.options
    preview.write(
      folder / PREVIEW,
      pair_title(pair),
      shown,
      self.plan.class_names,
      statistics.Statistics.of(labelled),
      self.plan.real,
      {
        "Placed": f"mode {options.mode}, seed {options.seed}",
        "Blended": lines[0]["blending"]["method"] if lines else "nothing",
      },
    )

  def _folder(self, item):
    return self.root / self.plan.pairs[item.pair].folder


def pair_title(pair: Pair) -> str:
  """Says in words what a data set shows."""
  source = f"Objects of {pair.source}" if pair.source else "Objects"
  return f"{source} in {pair.target or 'backgrounds'}"


def labels_of(line: dict[str, Any]) -> LabelledImage:
  """The labels that a line of a manifest tells of."""
  height, width = line["height"], line["width"]
  return LabelledImage(
    pathlib.PurePosixPath(line["image"]).name,
    height,
    width,
    tuple(
      LabelledObject(
        each["class_id"],
        tuple(each["box"]),
        each["mask"] and rle.from_string(each["mask"], height, width),
      )
      for each in line["objects"]
    ),
  )
