"""Epochs of real and synthetic pairs, written down for other programs."""

import concurrent.futures
import csv
import dataclasses
import io
import json
import os
import pathlib
import shutil
from collections.abc import Iterable, Sequence

import numpy as np

from gansynth import files, images, progress
from gansynth.data.labels import mixing, oversampling
from gansynth.data.labels.pairing import Entry
from gansynth.data.labels.reading import LabelReader

INDEX = "index.json"
COLUMNS = ("image", "mask", "synthetic", "name")
_IMAGES, _MASKS = "images", "masks"
_AT_ONCE = 256  # items that are handed to the threads together


@dataclasses.dataclass(frozen=True)
class Options:
  """What is mixed how, see `mixing.MixedSource`.

  Attributes:
    share: of an epoch's pairs that are synthetic, 0 <= share < 1.
    epochs: how many to write.
    seed: of what is drawn, and of the order.
    oversample: labels, or "rare" for those with under 5 % of the real pixels.
    factor: how often a pair that holds one of these comes, 1 or more.
    copy: whether to copy the pictures, too, so that the folder is whole.
  """

  share: float = mixing.SHARE
  epochs: int = 1
  seed: int = 0
  oversample: str | tuple[int, ...] = ()
  factor: float = mixing.FACTOR
  copy: bool = False

  def __post_init__(self):
    """Refuses numbers that count nothing."""
    if self.epochs < 1:
      raise ValueError(f"epochs is {self.epochs}; expected 1 or more")
    if self.seed < 0:
      raise ValueError(f"seed is {self.seed}; expected 0 or more")


def write(
  real: Sequence[Entry],
  synthetic: Sequence[Entry],
  reader: LabelReader,
  output: str | os.PathLike,
  options: Options,
  names: Sequence[str] = (),
) -> dict:
  """Writes a table for each epoch, and the masks as plain numbers.

  - `epoch_000.csv`, ...: the epoch's pairs in their order. Columns: `image`
    and `mask`, paths relative to the folder; `synthetic`, 0 or 1; `name`, of
    the pair where it comes from;
  - `masks`: all label maps, gray PNGs of numbers, whatever they were stored as;
  - `images`: the pictures under the names of their masks, with
    `options.copy`;
  - `index.json`: what is returned.

  Args:
    real: the real pairs.
    synthetic: the generated ones.
    reader: of the real label maps; generated ones may be stored likewise, or
      as numbers in gray.
    output: folder to write to; made if missing, what it holds is replaced.
    options: see there.
    names: of the labels.

  Returns:
    `options`; `pairs`, how many there are of each kind; `epoch`, how many an
    epoch has; `labels`, for each its number, its name, and its share of the
    pixels of real pairs, of synthetic ones, and of the epochs.

  Raises:
    ValueError: see `mixing.MixedSource`; or a source lies where results go.
    images.ImageError, OSError: a file cannot be used, or not be written.
  """
  output = pathlib.Path(output)
  mixing.MixedSource(real, synthetic, options.share, factor=options.factor)
  _refuse_own_files(output, [*real, *synthetic])
  kinds = {
    "real": (real, reader),
    "synthetic": (synthetic, mixing.generated(reader)),
  }
  rows, counts = {}, {}
  with progress.Progress(len(real) + len(synthetic), unit="pair") as shown:
    for kind, (entries, own) in kinds.items():
      rows[kind], counts[kind] = _store(
        kind, entries, own, output, options.copy, shown
      )
  oversample = oversampling.chosen_labels(
    options.oversample, counts["real"].sum(axis=0)
  )
  source = mixing.MixedSource(
    real,
    synthetic,
    options.share,
    oversample,
    options.factor,
    np.concatenate([counts["real"], counts["synthetic"]]) > 0,
  )
  seen = np.zeros(counts["real"].shape[1], np.int64)
  for epoch in range(options.epochs):
    rng = np.random.Generator(np.random.Philox([options.seed, epoch]))
    lines = []
    for pick in source.epoch(rng):
      kind = "synthetic" if pick.synthetic else "real"
      lines.append(rows[kind][pick.index])
      seen += counts[kind][pick.index]
    _write_table(output / f"epoch_{epoch:03d}.csv", lines)
  shares = {
    "real": _shares(counts["real"].sum(axis=0)),
    "synthetic": _shares(counts["synthetic"].sum(axis=0)),
    "epochs": _shares(seen),
  }
  index = {
    "options": {**dataclasses.asdict(options), "oversample": oversample},
    "pairs": {"real": len(real), "synthetic": len(synthetic)},
    "epoch": {"real": source.num_real, "synthetic": source.num_synthetic},
    "labels": [
      {
        "label": label,
        "name": names[label] if label < len(names) else "",
        **{kind: share[label] for kind, share in shares.items()},
      }
      for label in range(len(seen))
    ],
  }
  text = json.dumps(index, indent=2, ensure_ascii=False) + "\n"
  files.write_whole(output / INDEX, text.encode())
  return index


def _refuse_own_files(output: pathlib.Path, entries: Iterable[Entry]) -> None:
  """Refuses a folder whose results would replace what they are made of."""
  places = {(output / part).resolve() for part in (_IMAGES, _MASKS)}
  for entry in entries:
    for path in (entry.image, entry.label):
      if places & set(pathlib.Path(path).resolve().parents):
        raise ValueError(
          f"{path} lies where results are to be written ({output}); write to "
          "another folder"
        )


def _store(kind, entries, reader, output, copy, shown):
  """Writes masks and pictures; returns their rows, and pixels by label."""

  def store(number: int) -> tuple[dict, np.ndarray]:
    entry = entries[number]
    labels = reader(entry.label)
    stem = f"{kind}_{number:05d}"
    mask = output / _MASKS / f"{stem}.png"
    images.write(mask, labels.astype(dtype))
    image = pathlib.Path(entry.image)
    if copy:
      copied = output / _IMAGES / f"{stem}{image.suffix.lower()}"
      copied.parent.mkdir(parents=True, exist_ok=True)
      shutil.copyfile(image, copied)
      image = copied
    row = {
      "image": _relative(image, output),
      "mask": _relative(mask, output),
      "synthetic": int(kind == "synthetic"),
      "name": entry.name.removesuffix("_img"),
    }
    return row, np.bincount(labels.ravel(), minlength=num_labels)

  num_labels = reader.num_labels + reader.dont_care
  dtype = np.uint8 if num_labels <= 256 else np.uint16
  rows, counts = [], np.zeros((len(entries), num_labels), np.int64)
  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for first in range(0, len(entries), _AT_ONCE):
      numbers = range(first, min(first + _AT_ONCE, len(entries)))
      for number, (row, found) in zip(
        numbers, pool.map(store, numbers), strict=True
      ):
        rows.append(row)
        counts[number] = found
        shown.update()
  return rows, counts


def _relative(path: pathlib.Path, folder: pathlib.Path) -> str:
  return pathlib.Path(os.path.relpath(path, folder)).as_posix()


def _shares(pixels: np.ndarray) -> list[float]:
  """Shares of all pixels, rounded for reading."""
  return np.round(pixels / max(1, pixels.sum()), 6).tolist()


def _write_table(path: pathlib.Path, lines: Sequence[dict]) -> None:
  text = io.StringIO()
  table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
  table.writeheader()
  table.writerows(lines)
  files.write_whole(path, text.getvalue().encode())
