"""The folder that image-mask pairs are written to.

A pair's mask is written before its picture, and every file aside and renamed:
a picture that is there is whole, and so is its mask. When all pairs of a run
have had their turn, the files about all of them are made: `manifest.jsonl`,
`classes.json`, of a filter `filter.json`, and a contact sheet.
"""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gansynth import files, images
from gansynth.data.labels import palettes
from gansynth.data.labels.preprocess import DONT_CARE
from gansynth.pages import page
from gansynth.synthesis import background, journal, pair_preview
from gansynth.synthesis.pair_masks import count_pixels
from gansynth.synthesis.pair_options import Options
from gansynth.synthesis.pair_plan import Composed, Plan
from gansynth.synthesis.run_folder import BeyondRunError, RunFolder

CLASSES = "classes.json"
FILTER = "filter.json"
PREVIEW = "preview.html"
_BINS = 20  # of the histogram of mean IoU, over 0..1
_FREE = ("options.pairs", "options.output.preview")


class PairFolder(RunFolder):
  """Where the pairs of a plan go."""

  free = _FREE

  def __init__(self, plan: Plan, root: str | os.PathLike[str]) -> None:
    """Looks at what was made of `plan` in the folder `root`."""
    super().__init__(root)
    self.plan = plan
    self._output = plan.options.output

  def __len__(self) -> int:
    return len(self.plan)

  def position(self, line: Mapping[str, Any]) -> int:
    """See `RunFolder`."""
    index = line["index"]
    if index >= len(self.plan):
      raise BeyondRunError(self.root, index, len(self.plan))
    return index

  def is_there(self, position: int) -> bool:
    """See `RunFolder`."""
    return (self.root / self.files(self.plan.name(position))[0]).exists()

  def described(self) -> dict[str, Any]:
    """See `RunFolder`."""
    return {
      "options": self.plan.options.to_dict(),
      "masks": self.plan.masks.described(),
    }

  def outputs(self) -> list[str]:
    """See `RunFolder`."""
    if self._output.naming == "plain":
      return ["images", "masks"]
    return list(self.files(self.plan.name(0)))

  def check_inputs(self) -> None:
    """See `RunFolder`."""
    self.plan.check()

  def check_output(self) -> None:
    """See `RunFolder`."""
    if self.root.exists() and not self.root.is_dir():
      raise ValueError(
        f"the output {self.root} is a file; expected a folder, or a name that "
        "is not taken"
      )
    if self.plan.masks.folder:
      background.refuse_inside(self.root, self.plan.masks.folder)

  def files(self, name: str) -> tuple[str, str]:
    """A pair's picture and mask, relative to the folder."""
    ending = self._output.picture
    if self._output.naming == "original":
      return f"{name}_img.{ending}", f"{name}_mask.png"
    return f"images/{name}.{ending}", f"masks/{name}.png"

  def write(self, composed: Composed, picture: np.ndarray) -> None:
    """Writes a pair.

    Raises:
      OSError: a file cannot be written.
    """
    image, mask = (self.root / name for name in self.files(composed.name))
    images.write(mask, self._stored(composed.labels))
    images.write(image, picture, self._output.quality)

  def line(
    self, composed: Composed, iou: float | None, about: Mapping[str, Any]
  ) -> dict[str, Any]:
    """What the manifest says of a pair; JSON's values.

    Args:
      composed: the pair.
      iou: what a filter has found; None: there is none.
      about: what is the same for all pairs of the run.
    """
    options = self.plan.options
    height, width = composed.labels.shape
    image, mask = self.files(composed.name)
    channels = self.plan.masks.num_channels
    kept = iou is None or iou >= options.filter.tau
    return {
      "name": composed.name,
      "index": composed.index,
      "image": image,
      "mask": mask,
      "width": width,
      "height": height,
      "source": composed.source,
      "mode": options.mode,
      "seed": options.seed,
      "changes": composed.changes,
      "pixels": count_pixels(composed.labels, channels).tolist(),
      **({} if iou is None else {"iou": iou}),
      **({} if kept else {"rejected": True}),
      **about,
    }

  def complete(
    self, lines: list[dict[str, Any]], rejected: list[dict[str, Any]]
  ) -> None:
    """See `RunFolder`."""
    self._write_json(CLASSES, self._classes(lines, rejected))
    if self.plan.options.filter.segmenter:
      self._write_json(FILTER, self._filter(lines, rejected))
    if self._output.preview:
      self._write_preview(lines, rejected)
    text = "".join(map(journal.dump, lines))
    files.write_whole(self.root / files.MANIFEST, text.encode())

  def sheets(self) -> list[pathlib.Path]:
    """See `RunFolder`."""
    return [self.root / PREVIEW] if self._output.preview else []

  def _stored(self, labels):
    """A mask as its file holds it."""
    masks = self.plan.masks
    if self._output.masks == "colors":
      return palettes.colorize(labels, masks.colors)
    if masks.dont_care and masks.num_labels <= DONT_CARE:
      labels = np.where(labels == masks.num_labels, DONT_CARE, labels)
    return labels.astype(np.uint8 if masks.num_labels <= 256 else np.uint16)

  def _classes(self, lines, rejected):
    """Each class in the masks of training, and of pairs made and kept.

    A filter keeps simple masks rather than others, which is seen here.
    """
    masks = self.plan.masks
    counts = {
      "training": masks.pixels(),
      "generated": _pixels_of([*lines, *rejected], masks.num_channels),
      "kept": _pixels_of(lines, masks.num_channels),
    }
    told = []
    for label, name in enumerate(masks.class_names):
      of_label = {kind: pixels[:, label] for kind, pixels in counts.items()}
      told.append(
        {
          "label": label,
          "name": name,
          **{
            f"{kind}_share": float(pixels.sum() / max(1, counts[kind].sum()))
            for kind, pixels in of_label.items()
          },
          **{
            f"{kind}_masks": int((pixels > 0).sum())
            for kind, pixels in of_label.items()
          },
        }
      )
    return told

  def _filter(self, lines, rejected):
    """What the filter has done, with the score of every pair."""
    options = self.plan.options
    scored = sorted([*lines, *rejected], key=lambda line: line["index"])
    counts, edges = histogram([line["iou"] for line in scored])
    return {
      "segmenter": options.filter.segmenter,
      "tau": options.filter.tau,
      "generated": len(scored),
      "kept": len(lines),
      "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
      "iou": {line["name"]: line["iou"] for line in scored},
    }

  def _write_preview(self, lines, rejected):
    options, masks = self.plan.options, self.plan.masks
    filtered = bool(options.filter.segmenter)
    every = -(-len(lines) // page.MOST_PICTURES) or 1
    shown = (
      pair_preview.PairShown(
        images.read(self.root / line["image"]),
        self._labels(self.root / line["mask"]),
        line["name"],
        line.get("iou"),
      )
      for line in lines[::every]
    )
    counts, _ = histogram(
      [line["iou"] for line in (*lines, *rejected) if "iou" in line]
    )
    notes = {
      "Masks": f"mode {options.mode}, seed {options.seed}",
      "Pictures": options.generator.weights,
    }
    if filtered:
      notes["Segmenter"] = options.filter.segmenter
    pair_preview.write(
      self.root / PREVIEW,
      "Image-mask pairs",
      shown,
      masks.class_names,
      masks.colors,
      pair_preview.PairStatistics(
        masks.pixels().sum(axis=0).tolist(),
        _pixels_of(lines, masks.num_channels).sum(axis=0).tolist(),
        len(lines),
        len(lines) + len(rejected),
        options.filter.tau if filtered else None,
        counts.tolist() if filtered else (),
      ),
      notes,
    )

  def _labels(self, path):
    """The labels that a mask was written of."""
    masks = self.plan.masks
    if self._output.masks == "colors":
      return palettes.from_colors(images.read(path), masks.colors, str(path))
    labels = images.read_integers(path)
    if masks.dont_care and masks.num_labels <= DONT_CARE:
      labels = np.where(labels == DONT_CARE, masks.num_labels, labels)
    return labels

  def _write_json(self, name, values):
    text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    files.write_whole(self.root / name, text.encode())


def create_folder(
  values: Mapping[str, Any], root: str | os.PathLike[str]
) -> PairFolder:
  """Looks at what was made of options, as dictionaries, in the folder `root`.

  Raises:
    ValueError: options or masks that cannot be used.
  """
  return PairFolder(Plan(Options.from_dict(values)), root)


def histogram(scores: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
  """Counts scores 0..1 in bins of one width; returns counts and edges."""
  return np.histogram(scores, _BINS, (0.0, 1.0))


def _pixels_of(lines, num_channels):
  counts = [line["pixels"] for line in lines]
  return np.array(counts, np.int64).reshape(len(lines), num_channels)
